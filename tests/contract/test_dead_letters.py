"""The dead-letter desk on every bus: listing, showing, publishing again, each shop its own."""

import json
import time

import pytest

from shared.bus.deadletters import list_dead_letters, replay, show
from shared.bus.dispatch import each
from shared.bus.port import Message
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import UserUpdated
from shared.contracts.topics import INTERESTS, REPLIES, USERS
from shared.errors import InvalidInputError, NotFoundError


def park(bus, *messages):
    """Publish messages that nobody can read, and let dispatch park them; return where they stand."""
    positions = []
    for message in messages:
        [at] = bus.publish([message])
        each(print, bus=bus, group="graph")(bus.read(at.topic, at.partition, at.offset, 1))
        positions.append(at)
        time.sleep(0.002)  # the log notes milliseconds
    return positions


def poison(value, shop="acme", topic=USERS, headers=()):
    return Message(topic, f"{shop}|u1".encode(), value, headers)


def event(shop="acme"):
    data = UserUpdated(event_id="e1", user_id="u1", updated_at="2026-05-03T10:00:00Z")
    return encode(Envelope(shop, "e1", "u1", "2026-05-03T10:00:00Z", data))


def test_a_dead_letter_tells_where_it_stood_and_why_but_not_what_it_said(bus):
    [at] = park(bus, poison(b"jane@example.org"))
    [letter] = list_dead_letters(bus)
    assert at == letter.at
    shown = letter.as_json()
    assert shown["id"] == f"{USERS}.dlt:0:0"
    assert (shown["topic"], shown["offset"], shown["group"]) == (USERS, 0, "graph")
    assert (shown["code"], shown["message"]) == ("invalid-input", "not JSON: JSONDecodeError")
    assert (shown["attempts"], shown["shop"], shown["size"]) == (1, "acme", 16)
    assert "jane" not in json.dumps(shown)
    assert "jane" not in repr(letter)


def test_the_last_parked_comes_first_over_all_topics(bus):
    park(bus, poison(b"0"), poison(b"1", topic=INTERESTS), poison(b"2"), poison(b"3", topic=INTERESTS))
    assert [letter.original.value for letter in list_dead_letters(bus)] == [b"3", b"2", b"1", b"0"]
    assert [letter.original.value for letter in list_dead_letters(bus, limit=2)] == [b"3", b"2"]
    assert [letter.original.value for letter in list_dead_letters(bus, USERS)] == [b"2", b"0"]


def test_a_shop_lists_its_own_however_many_others_there_are(bus, monkeypatch):
    monkeypatch.setattr("shared.bus.deadletters._PAGE", 2)
    park(bus, poison(b"mine", shop="acme"), *[poison(b"x", shop="other") for _ in range(7)])
    park(bus, Message(USERS, b"no shop at all", b"x"))
    assert [letter.original.value for letter in list_dead_letters(bus, shop="acme")] == [b"mine"]
    assert len(list_dead_letters(bus, shop="other")) == 7
    assert len(list_dead_letters(bus)) == 9


@pytest.mark.parametrize("topic", ["nothing", REPLIES, f"{USERS}.dlt"])
def test_a_topic_that_keeps_no_dead_letters_is_not_found(bus, topic):
    with pytest.raises(NotFoundError):
        list_dead_letters(bus, topic)


@pytest.mark.parametrize("id", ["", "x", USERS, f"{USERS}:0:0", f"{USERS}.dlt:0:1", f"{USERS}.dlt:1:0", "a:0:-1"])
def test_an_unknown_id_is_not_found(bus, id):
    park(bus, poison(b"x"))
    with pytest.raises(NotFoundError):
        show(bus, id)


def test_another_shops_dead_letter_looks_as_if_there_were_none(bus):
    park(bus, poison(b"x", shop="acme"))
    assert show(bus, f"{USERS}.dlt:0:0", shop="acme").original.value == b"x"
    errors = []
    for offset in (0, 99):
        for act in (show, lambda bus, one, shop: replay(bus, [one], shop)):
            with pytest.raises(NotFoundError) as caught:
                act(bus, f"{USERS}.dlt:0:{offset}", shop="other")
            errors.append(str(caught.value))
    assert len(set(errors)) == 1
    assert sum(end.offset for end in bus.ends(USERS)) == 1


def test_a_replay_publishes_the_original_again_byte_for_byte(bus):
    original = poison(b"\xff\x00", headers=(("content-type", b"\xfe"), ("dlt-attempts", b"a stranger's")))
    park(bus, original)
    [done] = replay(bus, [f"{USERS}.dlt:0:0"])
    assert (done.id, done.position.offset) == (f"{USERS}.dlt:0:0", 1)
    assert [original, original] == [record.message for record in bus.read(USERS, done.position.partition, 0, 10)]


def test_a_replayed_message_that_fails_again_is_parked_as_it_was(bus):
    original = poison(b"x")
    park(bus, original)
    [done] = replay(bus, [f"{USERS}.dlt:0:0"])
    each(print, bus=bus, group="graph")(bus.read(USERS, done.position.partition, done.position.offset, 1))
    assert original == show(bus, f"{USERS}.dlt:0:1").original


def test_an_unknown_id_among_others_stops_the_whole_replay(bus):
    park(bus, poison(b"x"))
    with pytest.raises(NotFoundError):
        replay(bus, [f"{USERS}.dlt:0:0", f"{USERS}.dlt:0:9"])
    assert sum(end.offset for end in bus.ends(USERS)) == 1


def test_a_corrected_value_takes_the_originals_place(bus):
    park(bus, poison(b"x"))
    [done] = replay(bus, [f"{USERS}.dlt:0:0"], shop="acme", value=event().value)
    [record] = bus.read(USERS, done.position.partition, done.position.offset, 1)
    assert event().value == record.message.value
    assert record.message.key == b"acme|u1"


@pytest.mark.parametrize("value", [b"still poison", event("other").value], ids=["unreadable", "another shop's"])
def test_a_correction_must_be_an_event_of_the_same_shop(bus, value):
    park(bus, poison(b"x"))
    with pytest.raises(InvalidInputError):
        replay(bus, [f"{USERS}.dlt:0:0"], shop="acme", value=value)
    assert sum(end.offset for end in bus.ends(USERS)) == 1


def test_a_correction_is_for_one_only(bus):
    park(bus, poison(b"x"), poison(b"y"))
    with pytest.raises(InvalidInputError):
        replay(bus, [f"{USERS}.dlt:0:0", f"{USERS}.dlt:0:1"], value=event().value)


def test_a_strangers_message_among_the_dead_letters_breaks_nothing(bus):
    stranger = Message(f"{USERS}.dlt", b"acme|u1", b"x", (("a", b"b"),))
    bus.publish([stranger])
    [letter] = list_dead_letters(bus)
    assert (letter.code, letter.shop) == ("unknown", "acme")
    [done] = replay(bus, [letter.id])
    [record] = bus.read(USERS, done.position.partition, 0, 1)
    assert (stranger.value, stranger.headers) == (record.message.value, record.message.headers)


class Shortened:
    """A bus that no longer has what its topics held before an offset, as after their retention."""

    def __init__(self, bus, first):
        self._bus, self._first = bus, first
        self.reads = 0

    def __getattr__(self, name):
        return getattr(self._bus, name)

    def read(self, topic, partition, start, limit):
        self.reads += 1
        return self._bus.read(topic, partition, max(start, self._first), limit)


def test_what_the_topic_no_longer_keeps_is_neither_shown_twice_nor_looked_for(bus, monkeypatch):
    monkeypatch.setattr("shared.bus.deadletters._PAGE", 2)
    park(bus, *[poison(str(n).encode()) for n in range(9)])
    shortened = Shortened(bus, 6)
    assert [letter.original.value for letter in list_dead_letters(shortened, USERS)] == [b"8", b"7", b"6"]
    assert shortened.reads == 3
