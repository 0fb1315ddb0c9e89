"""Dispatch: what becomes of a record whose handling fails, and of one that is no event at all."""

import json

import pytest
import structlog
from structlog.testing import capture_logs

from shared.bus import dispatch
from shared.bus.dispatch import Patience, batches, each
from shared.bus.parking import HEADERS
from shared.bus.port import Message
from shared.bus.sqlite import SqliteBus
from shared.clock import FixedClock, from_ms
from shared.contracts.codec import Envelope, decode, encode
from shared.contracts.events import UserUpdated
from shared.contracts.requests import Replied
from shared.contracts.topics import REPLIES, USERS
from shared.errors import ConflictError, InvalidInputError, TransientError, UnavailableError, Violation
from shared.metrics import DEAD_LETTERS

DLT = f"{USERS}.dlt"
QUICK = Patience(attempts=3, first_pause=0, longest_pause=0)
CLOCK = FixedClock(from_ms(1_700_000_000_123))


@pytest.fixture
def bus(tmp_path):
    bus = SqliteBus(tmp_path / "bus.db")
    yield bus
    bus.close()


def event(id, shop="acme"):
    data = UserUpdated(event_id=id, user_id="u1", updated_at="2026-05-03T10:00:00Z")
    return Envelope(shop, id, "u1", "2026-05-03T10:00:00Z", data, correlation_id=f"c-{id}")


def offered(bus, *ids, poison=()):
    """Publish events, and after them values that are none; return the records as a bus would offer them."""
    bus.publish([encode(event(one)) for one in ids] + [Message(USERS, b"acme|u1", value) for value in poison])
    return bus.read(USERS, 0, 0, 100)


def parked(bus, topic=DLT):
    return bus.read(topic, 0, 0, 100)


def headers(record):
    return {name: value.decode() for name, value in record.message.headers if name.startswith("dlt-")}


class Handler:
    """Keeps the ids that it was given, and fails for some of them, so many times, in some way."""

    def __init__(self, **failures):
        self.failures = {one: list(errors) for one, errors in failures.items()}
        self.calls = []

    def alone(self, envelope):
        self.calls.append(envelope.id)
        self._perhaps_fail([envelope.id])

    def many(self, received):
        ids = [item.envelope.id if item.envelope else None for item in received]
        self.calls.append(ids)
        self._perhaps_fail(ids)

    def _perhaps_fail(self, ids):
        for one in ids:
            if self.failures.get(one):
                raise self.failures[one].pop(0)


def one_by_one(bus, handler, **more):
    return each(handler.alone, bus=bus, group="email", patience=QUICK, clock=CLOCK, **more)


def as_a_whole(bus, handler, **more):
    return batches(handler.many, bus=bus, group="graph", patience=QUICK, clock=CLOCK, **more)


def test_each_event_is_decoded_and_handled_in_order(bus):
    handler = Handler()
    one_by_one(bus, handler)(offered(bus, "a", "b", "c"))
    assert handler.calls == ["a", "b", "c"]
    assert parked(bus) == []


def test_correlation_id_and_shop_are_bound_while_an_event_is_handled_and_no_longer(bus):
    seen = []
    handle = each(lambda _: seen.append(structlog.contextvars.get_contextvars()), bus=bus, group="email")
    handle(offered(bus, "a", "b"))
    assert seen == [{"correlation_id": "c-a", "shop": "acme"}, {"correlation_id": "c-b", "shop": "acme"}]
    assert structlog.contextvars.get_contextvars() == {}


def test_a_transient_error_is_tried_again_in_place(bus):
    handler = Handler(a=[UnavailableError("down")] * 2)
    one_by_one(bus, handler)(offered(bus, "a", "b"))
    assert handler.calls == ["a", "a", "a", "b"]
    assert parked(bus) == []


def test_a_lasting_transient_error_is_raised_and_the_batch_goes_on_where_it_broke_off(bus):
    handler = Handler(b=[UnavailableError("down")] * 3)
    handle, records = one_by_one(bus, handler), offered(bus, "a", "b", "c")
    with pytest.raises(TransientError):
        handle(records)
    assert parked(bus) == []
    handle(records)
    assert handler.calls == ["a", "b", "b", "b", "b", "c"]
    handle(records)
    assert handler.calls[-3:] == ["a", "b", "c"]


def test_another_partitions_batch_in_between_forgets_nothing_of_the_one_that_waits(bus):
    handler = Handler(b=[UnavailableError("down")] * 3)
    first, second = offered(bus, "a", "b"), offered(bus, "c")[2:]
    handle = one_by_one(bus, handler)
    with pytest.raises(TransientError):
        handle(first)
    handle(second)
    handle(first)
    assert handler.calls == ["a", "b", "b", "b", "c", "b"]


def test_a_permanent_error_parks_the_message_at_once_and_the_next_ones_flow(bus):
    handler = Handler(a=[ConflictError("another stands")])
    one_by_one(bus, handler)(offered(bus, "a", "b"))
    assert handler.calls == ["a", "b"]
    assert [headers(letter)["dlt-reason-code"] for letter in parked(bus)] == ["conflict"]


def test_a_crash_is_logged_with_its_traceback_tried_again_and_then_parked(bus):
    handler = Handler(a=[KeyError("jane@example.org")] * 3)
    with capture_logs() as logs:
        one_by_one(bus, handler)(offered(bus, "a", "b"))
    assert handler.calls == ["a", "a", "a", "b"]
    assert [line["event"] for line in logs if line.get("exc_info")] == ["handler.crashed"] * 3
    [letter] = parked(bus)
    assert headers(letter)["dlt-reason-code"] == "crashed"
    assert headers(letter)["dlt-reason-message"].startswith("KeyError at test_dispatch.py:")
    assert headers(letter)["dlt-attempts"] == "3"


def test_before_an_event_is_parked_whoever_waits_for_it_is_told(bus):
    told = []
    handler = Handler(a=[KeyError("always")] * 3, b=[ConflictError("another stands")], c=[KeyError("once")])
    one_by_one(bus, handler, giving_up=lambda envelope: told.append((envelope.id, len(parked(bus)))))(
        offered(bus, "a", "b", "c")
    )
    assert told == [("a", 0), ("b", 1)]


def test_a_crash_that_passes_is_not_parked(bus):
    handler = Handler(a=[KeyError("once")])
    one_by_one(bus, handler)(offered(bus, "a"))
    assert handler.calls == ["a", "a"]
    assert parked(bus) == []


def test_a_dead_letter_is_the_original_byte_for_byte_and_says_where_it_was_and_why(bus):
    original = Message(USERS, b"acme|\xff", b"\xff\x00 not JSON", (("content-type", b"\xfe"), ("content-type", b"2")))
    [position] = bus.publish([original])
    one_by_one(bus, Handler())(bus.read(USERS, 0, 0, 1))
    [letter] = parked(bus)
    assert (original.key, original.value) == (letter.message.key, letter.message.value)
    assert original.headers == letter.message.headers[: -len(HEADERS)]
    [record] = bus.read(USERS, 0, 0, 1)
    assert headers(letter) == {
        "dlt-original-log": position.log,
        "dlt-original-topic": USERS,
        "dlt-original-partition": "0",
        "dlt-original-offset": "0",
        "dlt-original-timestamp": str(record.appended_at),
        "dlt-consumer-group": "email",
        "dlt-reason-code": "invalid-input",
        "dlt-reason-message": "not JSON: UnicodeDecodeError",
        "dlt-attempts": "1",
        "dlt-first-failed-at": "1700000000123",
        "dlt-service-version": headers(letter)["dlt-service-version"],
    }


UNKNOWN_TYPE = b'{"specversion": "1.0", "type": "com.example.v9", "id": "1", "source": "/shops/acme/x"}'
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "poison",
    [None, b"", b"\xff\xfe", b"null", b"[]", b"{}", UNKNOWN_TYPE, DEEP, b"x" * 10_000_000],
    ids=["no-value", "empty", "bad-utf8", "null", "list", "no-event", "unknown-type", "deep", "10-MB"],
)
def test_poison_is_parked_with_a_reason_and_blocks_nothing(bus, poison):
    handler = Handler()
    one_by_one(bus, handler)(offered(bus, "a", poison=[poison]))
    assert handler.calls == ["a"]
    [letter] = parked(bus)
    assert letter.message.value == poison
    assert headers(letter)["dlt-reason-message"]


def test_an_event_whose_key_names_another_shop_is_parked(bus):
    message = encode(event("a"))
    bus.publish([Message(USERS, b"acme2|u1", message.value, message.headers)])
    handler = Handler()
    one_by_one(bus, handler)(bus.read(USERS, 0, 0, 10))
    assert handler.calls == []
    assert len(parked(bus)) == 1


def test_broken_data_is_explained_by_pointer_and_never_by_value(bus):
    body = json.loads(encode(event("a")).value)
    body["data"]["updated_at"] = "jane@example.org"
    one_by_one(bus, Handler())(offered(bus, poison=[json.dumps(body).encode()]))
    reason = headers(parked(bus)[0])["dlt-reason-message"]
    assert "/data/updated_at: " in reason
    assert "jane" not in reason


def test_a_long_reason_is_cut(bus):
    violations = [Violation("/x", "y" * 100)] * 100
    handler = Handler(a=[InvalidInputError("bad", violations)])
    one_by_one(bus, handler)(offered(bus, "a"))
    assert len(headers(parked(bus)[0])["dlt-reason-message"]) == 1000


@pytest.mark.parametrize("make", [one_by_one, as_a_whole])
@pytest.mark.parametrize("error", [ConflictError("no"), None], ids=["permanent", "undecodable"])
def test_when_the_dead_letters_cannot_be_written_nothing_is_skipped(bus, monkeypatch, make, error):
    handler = Handler(a=[error] * 2 if error else [])
    handle, records = make(bus, handler), offered(bus, *(["a"] if error else []), poison=[] if error else [b"x"])

    def down(_):
        raise UnavailableError("the bus took nothing")

    with monkeypatch.context() as outage:
        outage.setattr(bus, "publish", down)
        with pytest.raises(TransientError):
            handle(records)
    handle(records)
    assert [headers(letter)["dlt-attempts"] for letter in parked(bus)] == ["2"]


def test_a_parked_message_is_counted_by_topic_and_code(bus):
    counter = DEAD_LETTERS.labels(USERS, "conflict")
    before = counter._value.get()
    one_by_one(bus, Handler(a=[ConflictError("no")]))(offered(bus, "a"))
    assert counter._value.get() - before == 1


def test_a_topic_without_dead_letters_logs_what_it_cannot_read_and_goes_on(bus):
    reply = Replied(request_id="r", status="done")
    good = encode(Envelope("acme", "r", "u1", "2026-05-03T10:00:00Z", reply))
    bus.publish([Message(REPLIES, b"acme|u1", b"poison"), good])
    handler = Handler()
    with capture_logs() as logs:
        one_by_one(bus, handler)(bus.read(REPLIES, 0, 0, 10))
    assert handler.calls == ["r"]
    assert [line["event"] for line in logs] == ["message.parked"]


def test_a_batch_is_handed_over_whole_with_no_envelope_for_what_could_not_be_decoded(bus):
    handler = Handler()
    as_a_whole(bus, handler)(offered(bus, "a", "b", poison=[b"poison"]))
    assert handler.calls == [["a", "b", None]]
    assert [letter.message.value for letter in parked(bus)] == [b"poison"]


def test_a_batch_is_tried_again_as_a_whole_after_a_transient_error(bus):
    handler = Handler(b=[UnavailableError("down")] * 4)
    handle, records = as_a_whole(bus, handler), offered(bus, "a", "b", poison=[b"poison"])
    with pytest.raises(TransientError):
        handle(records)
    handle(records)
    assert handler.calls == [["a", "b", None]] * 5
    assert len(parked(bus)) == 1


@pytest.mark.parametrize("error", [ConflictError("no"), ZeroDivisionError()], ids=["permanent", "crash"])
def test_in_a_batch_only_the_culprit_is_parked_and_its_position_is_still_handed_over(bus, error):
    handler = Handler(b=[error] * 10)
    as_a_whole(bus, handler)(offered(bus, "a", "b", "c"))
    alone = [["b"]] * (1 if isinstance(error, ConflictError) else 3)
    assert handler.calls == [["a", "b", "c"], ["a"], *alone, [None], ["c"]]
    assert [decode(letter.message).id for letter in parked(bus)] == ["b"]


def test_a_batch_of_one_that_fails_is_not_tried_twice_over(bus):
    handler = Handler(a=[ZeroDivisionError()] * 10)
    as_a_whole(bus, handler)(offered(bus, "a"))
    assert handler.calls == [["a"], ["a"], ["a"], [None]]
    assert headers(parked(bus)[0])["dlt-attempts"] == "3"


def test_a_handler_that_cannot_even_take_a_bare_position_stops_the_worker(bus):
    def broken(_):
        raise ZeroDivisionError

    handle = batches(broken, bus=bus, group="graph", patience=QUICK, clock=CLOCK)
    with pytest.raises(TransientError):
        handle(offered(bus, poison=[b"poison"]))
    assert len(parked(bus)) == 1


def test_pauses_grow_from_the_first_to_the_longest():
    assert Patience() == dispatch._PATIENCE
    assert 0 < Patience().first_pause < Patience().longest_pause <= 5
