"""The composition root of the email service."""

from __future__ import annotations

from datetime import timedelta

from services.email.handlers import Cap, EmailPorts, handle
from services.email.sandbox.pool import Sandbox
from shared.answering import AnsweringService
from shared.contracts.topics import EMAIL_REQUESTS
from shared.engines import Engines
from shared.errors import UsageError

GROUP = "email"
_BATCH = 16

EmailService = AnsweringService[EmailPorts]


def build(engines: Engines) -> EmailService:
    """Wire the service to its engines.

    Raises:
        UsageError: there is no signing key.
    """
    key = engines.settings.signing_key
    if key is None:
        raise UsageError("TASTEGRAPH_SIGNING_KEY is needed: unsubscribe links are signed with it")
    public_url = engines.settings.public_url.rstrip("/")
    ports = EmailPorts(
        engines.knowledge,
        engines.history,
        engines.objects,
        engines.bus,
        engines.clock,
        public_url,
        key.get_secret_value(),
        Sandbox(),
        Cap(engines.settings.email_cap, timedelta(days=engines.settings.email_cap_days)),
    )
    return EmailService(ports, engines.bus, GROUP, EMAIL_REQUESTS, handle, _BATCH, ended=ports.sandbox.close)
