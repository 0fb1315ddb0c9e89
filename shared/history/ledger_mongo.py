"""The distributed ledger in MongoDB: an event is one document with all that it means, so that no transaction is needed.

The insertion of that document is the moment when an event counts (docs/adr/0008-a-ledger-without-transactions.md);
all that is written beside it can be written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from shared.bus.port import Position
from shared.clock import Clock, SystemClock, to_ms
from shared.contracts.events import Kind
from shared.history.entry_mongo import MEANING, document_of, entry_of, key_of, position_of
from shared.history.port import Conflict, Entry, Outcome, Page
from shared.history.shelves_mongo import forget_purchases, put_shelves
from shared.history.store_mongo import Fields, MongoStore, answering, ids_refused, name_of
from shared.history.tokens import page_bound, place_in, token_for

_CHUNK = 500
_PAGE = 5_000  # entries that a replay fetches at once: a few megabytes
_HELD = ("digest", "log", "topic", "partition", "offset", "erased")


class MongoLedger:
    """Implements `shared.history.port.Ledger`."""

    def __init__(self, store: MongoStore, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()

    def record(self, entries: Sequence[Entry], watermarks: Sequence[Position] = ()) -> list[Outcome]:
        """Record entries in order, then that everything up to and including the watermarks has been dealt with.

        A watermark never goes back. A conflicting content is quarantined once per origin. Entries that several
        recorders take at once may show in another order than that of their numbers.

        Raises:
            UnavailableError: not all was recorded. Record the same again: what was taken says `REDELIVERED`.
        """
        with answering("recording"):
            outcomes = self._recorded(entries) if entries else []
            if watermarks:
                self._store["watermarks"].bulk_write([_advance(position) for position in watermarks])
        return outcomes

    def known(self, shop: str, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
        """Return the digest of each of these events that the ledger holds, erased ones included.

        Raises:
            UnavailableError: the server does not answer.
        """
        with answering("looking up events"):
            found = self._held([name_of(shop, kind.value, id) for id in ids], "id", "digest")
        return {one["id"]: one["digest"] for one in found.values()}

    def replay(self, shop: str | None = None, after: int = 0) -> Iterator[tuple[int, Entry]]:
        """Yield every accepted entry and its number (> after) in order; erased ones are gone.

        What the watermarks covered before it was begun is in it. Entries are fetched as they are asked for.

        Raises:
            UnavailableError: the server does not answer.
        """
        whose = {} if shop is None else {"shop": shop}
        while True:
            with answering("replaying"):
                asked = {**whose, "seq": {"$gt": after}, "erased": False}
                found = list(self._store["ledger"].find(asked, MEANING).sort("seq", ASCENDING).limit(_PAGE))
            if not found:
                return
            yield from ((one["seq"], entry_of(one)) for one in found)
            after = found[-1]["seq"]

    def watermarks(self) -> list[Position]:
        """Return, per log, topic and partition, the last position dealt with.

        Raises:
            UnavailableError: the server does not answer.
        """
        with answering("reading watermarks"):
            return [position_of(found) for found in self._store["watermarks"].find()]

    def shops(self) -> list[str]:
        """Return the shops that have entries, erased ones included.

        Raises:
            UnavailableError: the server does not answer.
        """
        with answering("listing shops"):
            return sorted(self._store["ledger"].distinct("shop"))

    def conflicts(self, shop: str | None, *, page_token: str = "", page_size: int = 100) -> Page[Conflict]:
        """Return quarantined contents, newest first; empty bytes stand for a content since erased.

        Raises:
            InvalidInputError: the token is none of ours, or belongs to another shop.
            UnavailableError: the server does not answer.
        """
        question, size = ("conflicts", shop), page_bound(page_size)
        asked: Fields = {"data": {"$ne": None}} | ({} if shop is None else {"shop": shop})
        if page_token:
            asked["number"] = {"$lt": place_in(question, page_token, 1)[0]}
        with answering("reading conflicts"):
            rows = list(self._store["quarantine"].find(asked).sort("number", DESCENDING).limit(size + 1))
            stands = self._held([row["stands"] for row in rows], "shop", "kind", "id", "data")
        shown = tuple(_conflict(row, stands[row["stands"]]) for row in rows[:size])
        return Page(shown, token_for(question, [rows[size - 1]["number"]]) if len(rows) > size else "")

    def outcomes(self, origins: Sequence[Position]) -> dict[Position, Outcome]:
        """Return what became of the records at these positions (absent: not dealt with yet, or not an event).

        Raises:
            UnavailableError: the server does not answer.
        """
        found: dict[Position, Outcome] = {}
        waiting = iter(origins)
        while chunk := set(islice(waiting, _CHUNK)):
            with answering("reading outcomes"):
                found |= {position: outcome for position, outcome in self._outcomes(chunk) if position in chunk}
        return found

    def erase(self, shop: str, user_id: str, before: int) -> int:
        """Forget the user's entries from before a moment (ms), quarantined contents and what was derived included.

        Ids and digests stay, so that replays have no effect. Returns how many entries were forgotten.

        Raises:
            UnavailableError: not all was forgotten; ask again.
        """
        whose = {"shop": shop, "user_id": user_id, "at": {"$lt": before}}
        with answering("erasing"):
            forget_purchases(self._store, whose)
            self._store["quarantine"].update_many(whose, {"$set": {"data": None, "user_id": None}})
            forgotten = {"data": None, "user_id": None, "product_id": None, "erased": True}
            gone = self._store["ledger"].update_many(
                {**whose, "erased": False}, {"$set": forgotten, "$unset": dict.fromkeys(MEANING, "")}
            )
            return gone.modified_count

    def _recorded(self, entries: Sequence[Entry]) -> list[Outcome]:
        first = self._store.numbers("ledger", len(entries))
        numbers = dict(enumerate(entries, first))
        documents: dict[str, Fields] = {}
        for number, entry in numbers.items():
            documents.setdefault(key_of(entry), document_of(entry, number))
        stood = self._held(self._inserted(list(documents.values())), *_HELD)
        outcomes = {
            number: _outcome(entry, number, documents[key_of(entry)], stood) for number, entry in numbers.items()
        }
        kept = [
            entry
            for number, entry in numbers.items()
            if outcomes[number] in {Outcome.NEW, Outcome.REDELIVERED} and not stood.get(key_of(entry), {}).get("erased")
        ]
        put_shelves(self._store, kept)
        self._keep_repeats({number: (numbers[number], outcome) for number, outcome in outcomes.items()}, stood)
        return list(outcomes.values())

    def _inserted(self, documents: Sequence[Fields]) -> set[str]:
        """Insert what is new; return the keys of what stood already."""
        try:
            self._store["ledger"].insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return ids_refused(error, documents)
        return set()

    def _keep_repeats(self, outcomes: Mapping[int, tuple[Entry, Outcome]], stood: Mapping[str, Fields]) -> None:
        seen_at = to_ms(self._clock.now())
        repeats, quarantined = [], []
        for number, (entry, outcome) in outcomes.items():
            if outcome in {Outcome.DUPLICATE, Outcome.CONFLICT}:
                repeats.append({"_id": _place(entry.origin), "outcome": outcome.value})
            if outcome is Outcome.CONFLICT:
                # Who was erased does not come back by way of another content under the same id.
                erased = stood.get(key_of(entry), {}).get("erased", False)
                quarantined.append(_quarantined(entry, number, seen_at, erased=erased))
        for collection, documents in (("quarantine", quarantined), ("repeats", repeats)):
            if documents:
                self._add(collection, documents)

    def _add(self, collection: str, documents: Sequence[Fields]) -> None:
        """Insert what is not there yet."""
        try:
            self._store[collection].insert_many(documents, ordered=False)
        except BulkWriteError as error:
            ids_refused(error, documents)

    def _held(self, keys: Iterable[str], *fields: str) -> dict[str, Fields]:
        wanted = sorted(keys)
        if not wanted:
            return {}
        return {one["_id"]: one for one in self._store["ledger"].find({"_id": {"$in": wanted}}, list(fields))}

    def _outcomes(self, origins: set[Position]) -> Iterator[tuple[Position, Outcome]]:
        """Yield what became of these records, and of others with the same offsets."""
        offsets = {"offset": {"$in": sorted({position.offset for position in origins})}}
        for found in self._store["ledger"].find(offsets, ["log", "topic", "partition", "offset"]):
            yield position_of(found), Outcome.NEW
        places = {_place(position): position for position in origins}
        for found in self._store["repeats"].find({"_id": {"$in": list(places)}}):
            yield places[found["_id"]], Outcome(found["outcome"])


def _outcome(entry: Entry, number: int, mine: Fields, stood: Mapping[str, Fields]) -> Outcome:
    stands = stood.get(mine["_id"])
    if stands is None and mine["seq"] == number:
        return Outcome.NEW
    first = stands or mine
    if position_of(first) == entry.origin:
        return Outcome.REDELIVERED
    return Outcome.DUPLICATE if first["digest"] == entry.digest else Outcome.CONFLICT


def _quarantined(entry: Entry, number: int, seen_at: int, *, erased: bool) -> Fields:
    return {
        "_id": _place(entry.origin),
        "number": number,
        "stands": key_of(entry),
        "shop": entry.shop,
        "user_id": None if erased else entry.user_id,
        "at": entry.at,
        "data": None if erased else entry.data,
        "seen_at": seen_at,
        **_where(entry.origin),
    }


def _conflict(row: Fields, stands: Fields) -> Conflict:
    name = (stands["shop"], Kind(stands["kind"]), stands["id"])
    return Conflict(*name, stands["data"] or b"", row["data"], position_of(row), row["seen_at"])


def _advance(position: Position) -> UpdateOne:
    where = _where(position)
    offset = where.pop("offset")
    name = name_of(position.log, position.topic, position.partition)
    return UpdateOne({"_id": name}, {"$max": {"offset": offset}, "$setOnInsert": where}, upsert=True)


def _where(position: Position) -> Fields:
    return {
        "log": position.log,
        "topic": position.topic,
        "partition": position.partition,
        "offset": position.offset,
    }


def _place(position: Position) -> str:
    return name_of(position.offset, position.partition, position.topic, position.log)
