"""What the intake does when its neighbours are away."""

from datetime import UTC, datetime

from services.ingest.handlers import IngestPorts, take_in_mixed
from shared.bus.port import Position
from shared.clock import FixedClock
from shared.contracts.codec import decode
from shared.errors import UnavailableError

WISH = {"interest_id": "i1", "user_id": "ann", "name": "jam", "expressed_at": "2026-11-01T10:00:00Z"}


def away(*_):
    raise UnavailableError("away")


def test_while_the_ledger_cannot_be_asked_events_go_into_the_log():
    log = []

    def publish(messages):
        log.extend(messages)
        return [Position("log", each.topic, 0, offset) for offset, each in enumerate(messages)]

    ports = IngestPorts(publish, away, away, FixedClock(datetime(2026, 11, 3, 10, tzinfo=UTC)))
    [outcome] = take_in_mixed("demo", [("interests", WISH)], ports)
    assert ("accepted", ["i1"]) == (outcome.outcome, [decode(each).id for each in log])
