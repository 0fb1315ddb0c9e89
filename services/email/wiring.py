"""The composition root of the email service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from services.email.handlers import Cap, EmailPorts, handle
from services.email.sandbox.pool import Sandbox
from shared.bus.dispatch import each
from shared.bus.port import Subscription, unready
from shared.contracts.topics import EMAIL_REQUESTS
from shared.engines import Engines
from shared.errors import UsageError
from shared.replies import give_up

GROUP = "email"
_BATCH = 16


@dataclass
class EmailService:
    """The service: it listens once started."""

    ports: EmailPorts
    _subscriptions: list[Subscription] = field(default_factory=list)

    def start(self) -> None:
        """Begin to answer email requests."""
        bus = self.ports.bus
        handler = each(
            lambda envelope: handle(envelope, self.ports), bus=bus, group=GROUP, giving_up=partial(give_up, bus=bus)
        )
        self._subscriptions.append(bus.subscribe(GROUP, [EMAIL_REQUESTS], handler, batch=_BATCH))

    def unready(self) -> str | None:
        """Return what keeps the consumer from its work, or none."""
        return unready(self._subscriptions)

    def progress(self) -> float:
        """Return seconds since the consumer last made progress; 0 while it is not subscribed yet."""
        return max((each.progress() for each in self._subscriptions), default=0.0)

    def stop(self) -> None:
        """Finish the email in hand and stop."""
        while self._subscriptions:
            self._subscriptions.pop().stop()
        self.ports.sandbox.close()


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
    return EmailService(ports)
