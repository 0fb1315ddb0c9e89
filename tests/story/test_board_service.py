"""A board request's way through the service: real bus, objects, documents and pictures from loopback; a told graph."""

from __future__ import annotations

import io
import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest
import structlog
from PIL import Image

from services.visionboard import handlers
from services.visionboard.addresses import Rules
from services.visionboard.fetch import Fetcher
from services.visionboard.handlers import BoardPorts, compose, handle
from services.visionboard.pictures import CachedPictures
from services.visionboard.schema import schema
from shared.bus.sqlite import SqliteBus
from shared.clock import FixedClock
from shared.contracts.codec import Envelope, decode
from shared.contracts.requests import BoardRequested, ReplyStatus
from shared.contracts.topics import BOARDS, REPLIES
from shared.erasures import ERASURES, forget_made
from shared.errors import InvalidInputError, UnavailableError
from shared.history.sqlite import SqliteHistory
from shared.knowledge.insight import Bought, Candidate, Insight, Parameters, Product, Via
from shared.knowledge.insight import Path as Way
from shared.objects.files import FileObjects

NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
AT = 1_793_700_000_000
DAY = 86_400_000


class Told:
    """A graph that knows one user, and gives popular things for everyone else."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.error: Exception | None = None

    def insight(self, shop: str, user_id: str, at: int | None = None) -> Insight:
        if self.error:
            raise self.error
        things = ["Whole milk", "Bananas", "Cheddar", "Bread", "Yoghurt", "Apples", "Coffee", "Tea", "Carrots"]
        products = [
            Product(f"p{n}", name, ("Food", ["Dairy", "Fruit", "Bakery"][n % 3]), None, (), Decimal("1.99"), "EUR",
                    image_url=f"{self.base}/{n}.png", popularity=20 - n)
            for n, name in enumerate(things)
        ]  # fmt: skip
        known = user_id == "ann"
        bought = tuple(
            Bought(p, tuple(AT - DAY * d for d in (40, 30, 20, 10)), Decimal(4), Decimal(8), Decimal(0))
            for p in products[:5]
        )
        offered = products[5:] if known else products
        candidates = tuple(Candidate(p, (Way(Via.POPULAR, 0.5, 9),)) for p in offered)
        return Insight(
            shop, user_id, at or AT, known=known, traits={}, locale="en", consent=True, bought=bought if known else (),
            interests=(), reactions=(), candidates=candidates, parameters=Parameters(), refreshed_at=AT,
        )  # fmt: skip


class Pictures(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        if self.path == self.server.slow:  # type: ignore[attr-defined]
            time.sleep(1.5)
        number = int(self.path.strip("/").split(".")[0])
        out = io.BytesIO()
        Image.linear_gradient("L").convert("RGB").rotate(40 * number).save(out, "PNG")
        body = b"<html>" if number == 1 else out.getvalue()
        self.send_response(404 if number == 2 else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    server.daemon_threads = True
    server.asked, server.slow = [], ""  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ports(tmp_path: Path, server):
    bus = SqliteBus(tmp_path / "bus.db")
    history = SqliteHistory(tmp_path / "history.db")
    objects = FileObjects(tmp_path / "objects")
    clock = FixedClock(NOW)
    fetcher = Fetcher(Rules(http=True, hosts=frozenset({("127.0.0.1", server.server_port)})))
    pictures = CachedPictures(history, objects, clock, fetcher)
    yield BoardPorts(Told(f"http://127.0.0.1:{server.server_port}"), history, objects, bus, clock, pictures)
    pictures.close()
    bus.close()
    history.close()


def asked(user: str = "ann", id: str = "b1", layout: str | None = None, **extensions: str) -> Envelope[BoardRequested]:
    return Envelope(
        shop="demo",
        id=id,
        subject=user,
        time="2026-11-03T10:00:00Z",
        data=BoardRequested(request_id=id, user_id=user, layout=layout),
        correlation_id="c1",
        extensions={"replyto": "gateway-1", **extensions},
    )


def published(ports: BoardPorts, topic: str) -> list[Envelope]:
    return [
        decode(record.message)
        for end in ports.bus.ends(topic)
        for record in ports.bus.read(topic, end.partition, 0, 100)
    ]


def test_a_request_becomes_a_board_that_is_kept_published_and_replied(ports):
    handle(asked(), ports)
    (event,), (reply,) = published(ports, BOARDS), published(ports, REPLIES)
    assert (event.data.board_id, event.data.fallback, event.data.layout) == ("b1", None, "wide")
    assert (reply.data.status, reply.correlation_id) == (ReplyStatus.DONE, "c1")
    assert reply.extensions["replyto"] == "gateway-1"
    assert ports.documents.get("decisions", "demo", event.data.decision_id) is not None
    sizes = {}
    for name in ("board.png", "board@2x.png", "board.webp"):
        with Image.open(io.BytesIO(ports.objects.get(event.data.pictures[name]).data)) as image:
            sizes[name] = image.size
    assert sizes == {"board.png": (1600, 1000), "board@2x.png": (3200, 2000), "board.webp": (1600, 1000)}
    kept = json.loads(ports.objects.get(event.data.pictures["board.json"]).data)
    jsonschema.validate(kept, json.loads(schema()))


def test_the_same_request_again_is_replied_again_and_not_remade(ports, server):
    handle(asked(), ports)
    first = ports.objects.get(published(ports, BOARDS)[0].data.pictures["board.png"])
    fetched = len(server.asked)
    ports.knowledge.error = AssertionError("the graph is not asked again")
    handle(asked(), ports)
    one, other = published(ports, REPLIES)
    assert one.data.result == other.data.result
    assert first == ports.objects.get(other.data.result["pictures"]["board.png"])
    assert len(server.asked) == fetched


def test_a_worker_killed_before_its_reply_makes_the_same_artefact_again(ports):
    made = compose(asked().data, "demo", "c1", ports)
    before = {name: ports.objects.get(key) for name, key in made.pictures.items()}
    handle(asked(), ports)
    after = {name: ports.objects.get(key) for name, key in made.pictures.items() if not name.startswith("board@2x")}
    assert {name: each for name, each in before.items() if name in after} == after


def test_pictures_are_fetched_once_and_a_missing_one_becomes_a_drawn_tile(ports, server):
    board = compose(asked().data, "demo", "c1", ports).board
    kinds = {t["product"]["product_id"]: t["picture"]["kind"] for t in board["tiles"] if t["product"]}
    assert kinds["p0"] == "photo"
    assert {kinds[each] for each in ("p1", "p2")} == {"pictogram"}
    fetched = sorted(server.asked)
    compose(asked(id="b2").data, "demo", "c1", ports)
    assert sorted(server.asked) == fetched


def test_a_slow_picture_does_not_hold_up_the_others(ports, server):
    server.slow = "/3.png"
    urls = [f"{ports.knowledge.base}/{number}.png" for number in (0, 3, 4)]
    started = time.monotonic()
    shots = ports.pictures.gather("demo", urls, 1.0)
    assert time.monotonic() - started < 1.4
    assert set(shots) == {urls[0], urls[2]}


def test_a_failed_picture_is_not_asked_for_again_at_once(ports, server):
    url = f"{ports.knowledge.base}/2.png"
    for _ in range(2):
        assert ports.pictures.gather("demo", [url], 5.0) == {}
    assert server.asked == ["/2.png"]
    ports.clock.moment += timedelta(hours=2)
    ports.pictures.gather("demo", [url], 5.0)
    assert server.asked == ["/2.png"] * 2


def test_an_unknown_user_gets_popular_things_labelled_so(ports):
    made = compose(asked(user="nobody").data, "demo", "c1", ports)
    assert made.fallback == "popular"
    assert any(tile["product"] for tile in made.board["tiles"])


@pytest.mark.parametrize("layout", ["square", "story"])
def test_another_layout_has_another_size(ports, layout):
    made = compose(asked(layout=layout).data, "demo", "c1", ports)
    expected = {"square": (1200, 1200), "story": (1080, 1920)}[layout]
    assert (made.board["width"], made.board["height"]) == expected


def test_a_failure_while_making_yields_a_labelled_board_and_a_logged_trace(ports, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug in the page")

    monkeypatch.setattr(handlers, "curate", broken)
    with structlog.testing.capture_logs() as logs:
        made = compose(asked().data, "demo", "c1", ports)
    assert (made.fallback, made.fallback_reason) == ("simple", "making-failed")
    assert ports.objects.get(made.pictures["board.png"]).data.startswith(b"\x89PNG")
    assert [line for line in logs if line["log_level"] == "error" and line.get("exc_info")]


def test_a_graph_that_does_not_answer_is_asked_again_later(ports):
    ports.knowledge.error = UnavailableError("rebuilding")
    with pytest.raises(UnavailableError):
        handle(asked(), ports)
    assert published(ports, REPLIES) == []


def test_an_expired_request_is_skipped_and_who_asked_is_told(ports):
    past = {"expirytime": "2026-11-03T09:59:59Z"}
    handle(replace(asked(), extensions=past), ports)
    handle(asked(**past), ports)
    (reply,) = published(ports, REPLIES)
    assert (ReplyStatus.FAILED, "expired") == (reply.data.status, reply.data.problem["code"])
    assert published(ports, BOARDS) == []


def test_an_unknown_layout_is_explained_to_who_waits_and_parked_where_nobody_does(ports):
    handle(asked(layout="poster"), ports)
    (reply,) = published(ports, REPLIES)
    assert (reply.data.status, reply.data.problem["violations"][0]["pointer"]) == (ReplyStatus.FAILED, "/data/layout")
    with pytest.raises(InvalidInputError):
        handle(replace(asked(layout="poster"), extensions={}), ports)


def test_nobody_waiting_means_no_reply(ports):
    handle(replace(asked(), extensions={}), ports)
    assert published(ports, REPLIES) == []
    assert len(published(ports, BOARDS)) == 1


def test_an_id_that_is_no_path_still_names_its_objects(ports):
    made = compose(asked(id="../../Etc/Passwd é").data, "demo", "c1", ports)
    assert all(".." not in key and ports.objects.get(key) for name, key in made.pictures.items() if "@" not in name)


@pytest.mark.parametrize("moment", ["drawn", "put"])
def test_a_picture_drawn_larger_while_its_person_is_erased_does_not_stay(ports, monkeypatch, moment):
    draw, put = handlers.png, ports.objects.put

    def erase() -> None:
        ports.documents.put(ERASURES, "demo", "ann", {"before": 5})
        forget_made("demo", "ann", ports.documents, ports.objects)

    def erased_while_drawn(svg: str, **zoom: int) -> bytes:
        if zoom and moment == "drawn":
            erase()
        return draw(svg, **zoom)

    def erased_while_put(key: str, *args: object) -> None:
        if "@2x.png" in key and moment == "put":
            erase()
        put(key, *args)

    monkeypatch.setattr(handlers, "png", erased_while_drawn)
    monkeypatch.setattr(ports.objects, "put", erased_while_put)
    handle(asked(), ports)
    (event,) = published(ports, BOARDS)
    assert [name for name, key in event.data.pictures.items() if ports.objects.get(key)] == []


def test_a_board_made_again_after_an_erasure_has_no_picture_of_before(ports):
    handle(asked(), ports)
    (event,) = published(ports, BOARDS)
    ports.documents.delete("boards", "demo", "b1")  # as an erasure does, whose worker then was killed
    compose(asked().data, "demo", "c1", ports)
    assert ports.objects.get(event.data.pictures["board@2x.png"]) is None
