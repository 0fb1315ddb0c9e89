"""The control: a graph service whose ledger calls everything new. Its runs must fail, or no run proves anything."""

from __future__ import annotations

from collections.abc import Sequence

from services.graph.__main__ import main
from shared.bus.port import Position
from shared.history.ledger_mongo import MongoLedger
from shared.history.port import Entry, Outcome

_record = MongoLedger.record


def _forgetful(ledger: MongoLedger, entries: Sequence[Entry], watermarks: Sequence[Position] = ()) -> list[Outcome]:
    return [Outcome.NEW for _ in _record(ledger, entries, watermarks)]


if __name__ == "__main__":
    MongoLedger.record = _forgetful  # type: ignore[method-assign]
    main()
