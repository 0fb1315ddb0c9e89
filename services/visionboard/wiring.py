"""The composition root of the board service."""

from __future__ import annotations

from services.visionboard.addresses import Rules
from services.visionboard.fetch import Fetcher
from services.visionboard.handlers import BoardPorts, handle
from services.visionboard.pictures import CachedPictures
from services.visionboard.typesetting import warm
from shared.answering import AnsweringService
from shared.config import Settings
from shared.contracts.topics import BOARD_REQUESTS
from shared.engines import Engines

GROUP = "visionboard"
_BATCH = 8  # a board takes a third of a second: a batch stays a matter of seconds


class VisionboardService(AnsweringService[BoardPorts]):
    """The service: it listens once started."""

    def start(self) -> None:
        """Read the fonts, then begin to answer."""
        warm()
        super().start()


def rules(settings: Settings) -> Rules:
    """Return what the settings allow pictures to come from."""
    pairs = [pair.strip().rpartition(":") for pair in settings.images_hosts_allowed.split(",") if pair.strip()]
    return Rules(http=settings.images_http, hosts=frozenset((host.strip("[]"), int(port)) for host, _, port in pairs))


def build(engines: Engines) -> VisionboardService:
    """Wire the service to its engines."""
    fetcher = Fetcher(rules(engines.settings))
    pictures = CachedPictures(engines.history, engines.objects, engines.clock, fetcher)
    ports = BoardPorts(engines.knowledge, engines.history, engines.objects, engines.bus, engines.clock, pictures)
    return VisionboardService(ports, engines.bus, GROUP, BOARD_REQUESTS, handle, _BATCH, ended=pictures.close)
