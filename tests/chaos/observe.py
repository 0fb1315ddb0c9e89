"""Looks at what a run left: waits for quiet, then reads log, ledger, graph and artefacts as plain data."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chaos.journal import Attempt, Place
from chaos.load import canary
from chaos.observed import Made, Observed, Said, Sample
from chaos.system import SHOPS
from services.graph.handlers import catch_up, entry_of
from services.graph.ports import GraphPorts
from services.graph.rebuild import repair, verify
from shared.bus.deadletters import list_dead_letters
from shared.bus.port import Bus, Position
from shared.bus.sqlite import SqliteBus
from shared.clock import SystemClock
from shared.contracts.codec import decode, digest_of
from shared.contracts.topics import BOARD_REQUESTS, BOARDS, COMMERCE, EMAIL_REQUESTS, EMAILS, REPLIES
from shared.engines import Engines
from shared.errors import InvalidInputError, TastegraphError
from shared.history.port import Entry
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge
from shared.objects.files import FileObjects

_SAMPLE_SECONDS = 2.0
_PAGE = 1_000
_GROUPS = {"graph": COMMERCE, "email": (EMAIL_REQUESTS,), "visionboard": (BOARD_REQUESTS,), "gateway": (REPLIES,)}


class Sampler:
    """Notes now and then how far the watermarks are."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._lock = threading.Lock()
        self.samples: list[Sample] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Take samples meanwhile."""
        stopping = threading.Event()

        def sample() -> None:
            while not stopping.wait(_SAMPLE_SECONDS):
                self._sample(lambda: "history", self._engines.history.watermarks)
                self._sample(self._graph, self._engines.knowledge.watermarks)

        thread = threading.Thread(target=sample, name="sampling", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()

    @contextmanager
    def forgetting_graph(self) -> Iterator[None]:
        """Note that the graph is wiped meanwhile: what was seen before it counts no more, and nothing is seen of it."""
        with self._lock:
            try:
                yield
            finally:
                self.samples.append(("", {}))

    def _sample(self, name: Callable[[], str], ask: Callable[[], Iterable[Position]]) -> None:
        with self._lock, suppress(TastegraphError):
            whose, marks = name(), _marks(ask())
            if whose == name():  # another generation may have begun to count in between
                self.samples.append((whose, marks))

    def _graph(self) -> str:
        return f"graph, generation {self._engines.knowledge.status()['generation']}"


def wait_for_quiet(engines: Engines, ports: GraphPorts, seconds: float) -> str:
    """Wait until nothing is on its way; return what still is, if it takes too long."""
    deadline, said = time.monotonic() + seconds, "nothing was asked"
    while time.monotonic() < deadline:
        try:
            said = _unfinished(engines) or _unequal(ports)
        except TastegraphError as error:
            said = str(error)
        if not said:
            return ""
        time.sleep(1)
    return said


def _unfinished(engines: Engines) -> str:
    for group, topics in _GROUPS.items():
        if lag := engines.bus.lag(group, topics):
            return f"{group} is {lag} messages behind"
    if behind := _behind(engines):
        return f"the graph is {behind} messages behind"
    return ""


def _unequal(ports: GraphPorts) -> str:
    return "" if verify(ports).equal else "the graph is not what the ledger says"


def observe(engines: Engines, attempts: Sequence[Attempt], home: Path | None, **known: Any) -> Observed:
    """Return everything that the checker wants to see; with a directory, what the embedded runtime makes of it, too."""
    ports = ports_of(engines)
    report = verify(ports)
    parked = frozenset(_place(letter.at) for letter in list_dead_letters(engines.bus, limit=100_000))
    return Observed(
        log=[said for topic in COMMERCE for said in _log(engines.bus, topic)],
        ledger=[_said(entry) for _, entry in engines.history.replay()],
        quarantined=list(_quarantined(engines)),
        parked=parked,
        digests={"ledger": report.ledger, "graph": report.graph, **_elsewhere(engines.bus, home)},
        bought=_bought(engines),
        made=[*_published(engines.bus, EMAILS, "email"), *_published(engines.bus, BOARDS, "board")],
        jobs={(a.shop, a.made): _job(engines, a) for a in attempts if a.made},
        behind=_behind(engines),
        known_users={shop: frozenset(_users(engines, shop)) for shop in SHOPS},
        crossed=list(_crossed(engines)),
        **known,
    )


def ports_of(engines: Engines) -> GraphPorts:
    """Return what verifying takes."""
    return GraphPorts(engines.bus, engines.history, engines.knowledge, engines.objects, engines.clock)


def _marks(positions: Iterable[Position]) -> dict[Place, int]:
    return {(f"{at.log}/{at.topic}", at.partition, 0): at.offset for at in positions}


def _place(at: Position) -> Place:
    return at.topic, at.partition, at.offset


def _records(bus: Bus, topic: str) -> Iterator[Any]:
    for end in bus.ends(topic):
        start = 0
        while start < end.offset and (records := bus.read(topic, end.partition, start, _PAGE)):
            yield from records
            start = records[-1].position.offset + 1


def _log(bus: Bus, topic: str) -> Iterator[Said]:
    for record in _records(bus, topic):
        with suppress(InvalidInputError):
            yield _said(entry_of(decode(record.message), record.position))


def _said(entry: Entry) -> Said:
    lines = json.loads(entry.data).get("lines", ()) if entry.kind == "purchase" else ()
    products = tuple(line["product_id"] for line in lines)
    key = (entry.shop, entry.kind.value, entry.id)
    return Said(key, entry.digest, _place(entry.origin), entry.user_id or "", products)


def _quarantined(engines: Engines) -> Iterator[Said]:
    token = ""
    while True:
        page = engines.history.conflicts(None, page_token=token, page_size=500)
        for one in page.items:
            yield Said((one.shop, one.kind.value, one.id), digest_of(one.quarantined), _place(one.origin))
        if not (token := page.next_token):
            return


def _behind(engines: Engines) -> int:
    """Return how many records the graph has not dealt with, by its own watermarks and not by the group's offsets."""
    held = {(at.log, at.topic, at.partition): at.offset for at in engines.knowledge.watermarks()}
    ends = [end for topic in COMMERCE for end in engines.bus.ends(topic)]
    return sum(end.offset - 1 - held.get((end.log, end.topic, end.partition), -1) for end in ends)


def _bought(engines: Engines) -> dict[tuple[str, str, str], int]:
    return {
        (shop, key[2], key[3]): len(row.times)
        for shop in SHOPS
        for key, row in engines.knowledge.rows(shop)
        if key[0] == "purchased"
    }


def _users(engines: Engines, shop: str) -> Iterator[str]:
    after = ""
    while found := engines.knowledge.users(shop, after=after, limit=500):
        yield from found
        after = found[-1]


def _published(bus: Bus, topic: str, kind: str) -> Iterator[Made]:
    for record in _records(bus, topic):
        envelope = decode(record.message)
        content = hashlib.sha256(envelope.data.model_dump_json().encode()).hexdigest()
        yield Made(envelope.shop, kind, envelope.id, content)


def _job(engines: Engines, asked: Attempt) -> str:
    if asked.kind == "erasure":
        mark = engines.history.get("erasures", asked.shop, asked.user)
        finished = mark is not None and int(mark.body.get("finished", 0)) >= int(mark.body["before"])
        return "done" if finished else "pending"
    job = engines.history.get("jobs", asked.shop, asked.made)
    return str(job.body["status"]) if job else "absent"


def _crossed(engines: Engines) -> Iterator[str]:
    """Yield where a shop's canary stands in what is another's: ledger, graph, emails and boards."""
    foreign = {shop: [canary(other) for other in SHOPS if other != shop] for shop in SHOPS}
    for shop in SHOPS:
        texts = [("ledger", entry.data.decode()) for _, entry in engines.history.replay(shop)]
        texts += [("graph", str((key, row))) for key, row in engines.knowledge.rows(shop)]
        yield from {f"{shop}: {word} in the {where}" for where, text in texts for word in foreign[shop] if word in text}
    for topic in (EMAILS, BOARDS):
        for record in _records(engines.bus, topic):
            shop = decode(record.message).shop
            said = (record.message.value or b"").decode(errors="replace")
            yield from {f"{shop}: {word} in {topic}" for word in foreign[shop] if word in said}


def _elsewhere(bus: Bus, home: Path | None) -> dict[str, dict[str, str]]:
    return {"embedded": _embedded(bus, home)} if home else {}


def _embedded(bus: Bus, home: Path) -> dict[str, str]:
    """Return what the embedded runtime makes of the same log: each partition in its order."""
    home.mkdir(parents=True, exist_ok=True)
    files, history = SqliteBus(home / "bus.db"), SqliteHistory(home / "history.db")
    knowledge = LadybugKnowledge(home / "knowledge", memory_mb=256)
    try:
        ports = GraphPorts(files, history, knowledge, FileObjects(home / "objects"), SystemClock())
        repair(ports)
        for topic in COMMERCE:
            messages = [record.message for record in _records(bus, topic)]
            for start in range(0, len(messages), _PAGE):
                files.publish(messages[start : start + _PAGE])
        catch_up(ports)
        return dict(verify(ports).graph)
    finally:
        for engine in (knowledge, history, files):
            engine.close()
