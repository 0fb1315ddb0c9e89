"""Drives campaigns: each by one gateway at a time, with few requests in flight, so that others are served too."""

from __future__ import annotations

import uuid
from contextlib import suppress

from services.gateway.driving import Drive, DriverPorts, LostError
from shared.background import Background
from shared.clock import monotonic, to_ms
from shared.erasures import CAMPAIGNS
from shared.errors import ConflictError, TransientError
from shared.logs import logger

_AT_WORK, _IDLE, _PAUSE = 0.05, 0.5, 5.0
_HELD_AT_ONCE = 4
_log = logger("gateway")


class Driver:
    """Looks for campaigns that nobody drives, and drives them, in a thread of its own; shops take turns."""

    def __init__(self, ports: DriverPorts, in_flight: int) -> None:
        self._ports, self._most = ports, in_flight
        self._holder = uuid.uuid4().hex
        self._drives: list[Drive] = []
        self._background = Background("campaigns", self._run)
        self._next_look, self._others_wait = 0.0, False

    def start(self) -> None:
        """Begin to drive."""
        self._background.start()

    def stop(self) -> None:
        """Stop; what is in flight is counted by whoever drives on."""
        self._background.stop()
        while self._drives:
            self._drives.pop().let_go()

    def _run(self) -> None:
        while not self._background.stopping.wait(_AT_WORK if self._drives else _IDLE):
            try:
                self._look()
            except TransientError as error:
                self._next_look = monotonic() + _PAUSE
                _log.warning("campaign.waits", error=type(error).__name__)
            except Exception:  # noqa: BLE001 (this thread must live on)
                self._next_look = monotonic() + _PAUSE
                _log.exception("campaign.failed")
            for drive in list(self._drives):
                self._advance(drive)

    def _look(self) -> None:
        """Take up what nobody drives, what has waited longest first."""
        if monotonic() < self._next_look:
            return
        self._next_look = monotonic() + _IDLE
        active, now = self._ports.history.find(CAMPAIGNS, None, {"active": "yes"}, page_size=1_000), self._now()
        free = [campaign for campaign in reversed(active.items) if campaign.body["held_until"] < now]
        room = _HELD_AT_ONCE - len(self._drives)
        for campaign in free[:room]:
            with suppress(ConflictError):  # another gateway was faster
                self._drives.append(Drive(campaign, self._holder, self._ports))
        self._others_wait = len(free) > room

    def _now(self) -> int:
        return to_ms(self._ports.clock.now())

    def _advance(self, drive: Drive) -> None:
        """Let a campaign take a step; one with nothing in flight makes way for those that wait."""
        self._drives.remove(drive)
        try:
            room = self._most - drive.in_flight - sum(each.in_flight for each in self._drives)
            if not drive.step(room):
                return
            if self._others_wait and not drive.in_flight:
                drive.let_go()
                return
        except LostError:
            _log.info("campaign.lost", correlation_id=drive.id)
            return
        except ConflictError:  # somebody else changed it just now: the next step sees how
            pass
        except TransientError as error:
            _log.warning("campaign.waits", correlation_id=drive.id, error=type(error).__name__)
            return
        except Exception:  # noqa: BLE001 (one campaign must not end the driving of all others)
            _log.exception("campaign.failed", correlation_id=drive.id)
            return
        self._drives.append(drive)
