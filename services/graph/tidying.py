"""Has the history make ready, in the background, what analysts will ask for; a little at a time, in nobody's way."""

from __future__ import annotations

from shared.background import Background
from shared.clock import monotonic
from shared.courtesy import stand_back
from shared.history.port import Analytics
from shared.logs import logger

_PAUSE = 5.0  # seconds between two looks at whether there is anything to do
_SHARE = 2.0  # a step is followed by a rest so many times as long

_log = logger("graph")


class Tidier:
    """Calls `history.tidy` again and again, with rests in between."""

    def __init__(self, history: Analytics, pause: float = _PAUSE) -> None:
        self._history, self._pause = history, pause
        self._background = Background("tidier", self._run)

    def start(self) -> None:
        """Begin to tidy in the background."""
        self._background.start()

    def stop(self) -> None:
        """Finish the step in hand and stop."""
        self._background.stop()

    def _run(self) -> None:
        stand_back()
        while not self._background.stopping.is_set():
            started = monotonic()
            more = self._try()
            self._background.stopping.wait(_SHARE * (monotonic() - started) if more else self._pause)

    def _try(self) -> bool:
        try:
            return self._history.tidy()
        except Exception:  # noqa: BLE001 (answers may be slow, the thread may not die)
            _log.exception("history.not_tidied")
        return False
