"""The composition root of the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field

from apiflask import APIBlueprint

from services.gateway.asking import Asker, AskerPorts
from services.gateway.degrade import Copies
from services.gateway.driver import Driver
from services.gateway.driving import DriverPorts
from services.gateway.exporter import Exporter
from services.gateway.exports import ExportDesk
from services.gateway.ports import GatewayPorts
from services.gateway.quotas import Quotas
from services.gateway.routes import (
    audit,
    campaigns,
    communities,
    consent,
    console,
    deadletters,
    exports,
    graph,
    graphwork,
    keys,
    making,
    privacy,
    rules,
    templates,
    traces,
    users,
    usertokens,
)
from shared.bus.dispatch import each
from shared.bus.port import Subscription, unready
from shared.contracts.topics import REPLIES
from shared.engines import Engines
from shared.errors import UsageError

GROUP = "gateway"
ROUTES = (
    users,
    usertokens,
    graph,
    communities,
    exports,
    making,
    campaigns,
    templates,
    traces,
    consent,
    privacy,
    rules,
    keys,
    audit,
    deadletters,
    graphwork,
)


@dataclass
class GatewayService:
    """The service: routes; once started, an ear for replies and a driver of campaigns."""

    ports: GatewayPorts
    blueprints: list[APIBlueprint]
    driver: Driver
    exporter: Exporter
    _subscriptions: list[Subscription] = field(default_factory=list)

    def start(self) -> None:
        """Begin to take replies: each is kept by one gateway of the group, and heard by all, of which one asked."""
        handler = each(self.ports.asker.on_reply, bus=self.ports.bus, group=GROUP)
        self._subscriptions.append(self.ports.bus.subscribe(GROUP, [REPLIES], handler))
        self._subscriptions.append(self.ports.bus.listen(REPLIES, self.ports.asker.hear))
        self.driver.start()
        self.exporter.start()

    def unready(self) -> str | None:
        """Return what keeps replies from arriving, or none."""
        return unready(self._subscriptions)

    def stop(self) -> None:
        """Finish the replies in hand and stop; another gateway drives the campaigns on."""
        self.driver.stop()
        self.exporter.stop()
        while self._subscriptions:
            self._subscriptions.pop().stop()


def build(engines: Engines) -> GatewayService:
    """Wire the service to its engines.

    Raises:
        UsageError: there is no signing key.
    """
    asker, quotas = _asker(engines), Quotas(engines.history, engines.clock, engines.settings)
    ports = _ports(engines, asker, quotas)
    driving = DriverPorts(engines.knowledge, engines.history, engines.objects, engines.clock, asker, quotas)
    exporter = Exporter(engines.knowledge, engines.history, ExportDesk(engines.history, engines.objects, engines.clock))
    blueprints = [*(part.blueprint(ports) for part in ROUTES), console.blueprint()]
    return GatewayService(ports, blueprints, Driver(driving, engines.settings.campaign_in_flight), exporter)


def _asker(engines: Engines) -> Asker:
    settings, ports = engines.settings, AskerPorts(engines.bus, engines.history, engines.clock)
    return Asker(ports, settings.reply_wait_seconds, engines.breakers, max(1, settings.web_threads // 2))


def _ports(engines: Engines, asker: Asker, quotas: Quotas) -> GatewayPorts:
    key = engines.settings.signing_key
    if key is None:
        raise UsageError("TASTEGRAPH_SIGNING_KEY is needed: unsubscribe links are signed with it")
    return GatewayPorts(
        engines.knowledge,
        engines.history,
        engines.objects,
        engines.bus,
        engines.clock,
        asker,
        key.get_secret_value(),
        engines.answers,
        Copies(engines.answers, engines.history, engines.clock),
        quotas,
        engines.settings,
    )
