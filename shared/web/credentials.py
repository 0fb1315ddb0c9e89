"""The kinds of credentials that an HTTP service takes, told apart by how they begin."""

from __future__ import annotations

from shared import auth
from shared.auth import AuthenticationError, Verified
from shared.engines import Engines
from shared.errors import TastegraphError
from shared.metrics import KEY_USES_LOST
from shared.web import tokens
from shared.web.attempts import Attempts
from shared.web.authenticator import Authenticator, Verify
from shared.web.usertokens import PREFIX, UserTokens

_KEY = "tg_"


def authenticator(engines: Engines) -> Authenticator:
    """Return who checks the credentials of an HTTP service.

    Raises:
        UsageError: the settings of tokens cannot be used.
    """
    keys, users, issuer = _keys(engines), _users(engines), tokens.issuer(engines.settings)

    def verify(text: str) -> Verified:
        if text.startswith(_KEY):
            return keys(text)
        if text.startswith(PREFIX):
            return users(text)
        if issuer is None:
            raise AuthenticationError
        return issuer.verify(text)

    attempts = Attempts(engines.limiter, engines.settings.auth_failures_per_minute)
    return Authenticator(verify, engines.clock, attempts)


def _keys(engines: Engines) -> Verify:
    documents, clock, environment = engines.history, engines.clock, engines.settings.environment

    def verify(text: str) -> Verified:
        found = auth.verify_key(documents, text, environment, clock)
        try:
            auth.note_use(documents, found.principal.key_id, clock)
        except TastegraphError:  # nobody is refused for that
            KEY_USES_LOST.inc()
        return found

    return verify


def _users(engines: Engines) -> Verify:
    key, documents, clock = engines.settings.signing_key, engines.history, engines.clock
    made = UserTokens(key.get_secret_value(), clock) if key is not None else None

    def verify(text: str) -> Verified:
        if made is None:
            raise AuthenticationError
        token = made.verify(text)
        if not token.via.startswith(tokens.NAMED) and not auth.alive(documents, token.via, clock):
            raise AuthenticationError  # it ends with the key that it was made with
        return token.verified

    return verify
