"""The kinds of credentials that an HTTP service takes, told apart by how they begin."""

from __future__ import annotations

from shared import auth
from shared.auth import Verified
from shared.engines import Engines
from shared.errors import TastegraphError
from shared.metrics import KEY_USES_LOST
from shared.web.authenticator import Authenticator, Verify


def authenticator(engines: Engines) -> Authenticator:
    """Return who checks the credentials of an HTTP service."""
    return Authenticator(_keys(engines), engines.clock)


def _keys(engines: Engines) -> Verify:
    documents, clock, environment = engines.history, engines.clock, engines.settings.environment

    def verify(text: str) -> Verified:
        found = auth.verify_key(documents, text, environment, clock)
        try:
            auth.note_use(documents, found.principal.key_id, clock)
        except TastegraphError:
            KEY_USES_LOST.inc()
        return found

    return verify
