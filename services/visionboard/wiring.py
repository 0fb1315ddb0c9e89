"""The composition root of the board service."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from services.visionboard.addresses import Rules
from services.visionboard.fetch import Fetcher
from services.visionboard.handlers import BoardPorts, handle
from services.visionboard.pictures import CachedPictures
from services.visionboard.typesetting import warm
from shared.bus.dispatch import each
from shared.bus.port import Subscription, unready
from shared.config import Settings
from shared.contracts.topics import BOARD_REQUESTS
from shared.engines import Engines
from shared.replies import give_up

GROUP = "visionboard"
_BATCH = 8  # a board takes a third of a second: a batch stays a matter of seconds


@dataclass
class VisionboardService:
    """The service: it listens once started."""

    ports: BoardPorts
    pictures: CachedPictures
    _subscriptions: list[Subscription] = field(default_factory=list)

    def start(self) -> None:
        """Begin to answer board requests."""
        warm()
        bus = self.ports.bus
        handler = each(
            lambda envelope: handle(envelope, self.ports), bus=bus, group=GROUP, giving_up=partial(give_up, bus=bus)
        )
        self._subscriptions.append(bus.subscribe(GROUP, [BOARD_REQUESTS], handler, batch=_BATCH))

    def unready(self) -> str | None:
        """Return what keeps the consumer from its work, or none."""
        return unready(self._subscriptions)

    def progress(self) -> float:
        """Return seconds since the consumer last made progress; 0 while it is not subscribed yet."""
        return max((each.progress() for each in self._subscriptions), default=0.0)

    def stop(self) -> None:
        """Finish the board in hand and stop."""
        while self._subscriptions:
            self._subscriptions.pop().stop()
        self.pictures.close()


def rules(settings: Settings) -> Rules:
    """Return what the settings allow pictures to come from."""
    pairs = [pair.strip().rpartition(":") for pair in settings.images_hosts_allowed.split(",") if pair.strip()]
    return Rules(http=settings.images_http, hosts=frozenset((host.strip("[]"), int(port)) for host, _, port in pairs))


def build(engines: Engines) -> VisionboardService:
    """Wire the service to its engines."""
    fetcher = Fetcher(rules(engines.settings))
    pictures = CachedPictures(engines.history, engines.objects, engines.clock, fetcher)
    ports = BoardPorts(engines.knowledge, engines.history, engines.objects, engines.bus, engines.clock, pictures)
    return VisionboardService(ports, pictures)
