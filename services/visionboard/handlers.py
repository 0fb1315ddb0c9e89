"""A board request becomes a board: read, curate, fetch, compose, draw, keep, publish, reply."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import get_args

from services.visionboard.compose import Commission, compose_board
from services.visionboard.curate import Selection, curate
from services.visionboard.draw import draw
from services.visionboard.model import Board, LayoutName
from services.visionboard.palette import Palette, curated, from_pictures
from services.visionboard.pictures import Pictures, Shot, shop_hash
from services.visionboard.render import png, samples, webp
from shared.bus.port import Bus
from shared.clock import Clock, from_ms
from shared.contracts.codec import Envelope, encode
from shared.contracts.requests import BoardGenerated, BoardRequested, ReplyStatus
from shared.decisions import decided, keep_decision
from shared.erasures import standing, unless_erased
from shared.errors import InvalidInputError, TransientError, Violation
from shared.history.port import Documents
from shared.knowledge.insight import Insight
from shared.knowledge.port import KnowledgeReader
from shared.knowledge.recommend import Recommendation
from shared.logs import logger
from shared.metrics import MADE
from shared.objects.port import Objects
from shared.replies import expire, refuse, reply

BOARDS = "boards"
DEFAULT_LAYOUT: LayoutName = "wide"
_CANDIDATES = 30  # recommendations asked for; the page decides how many are shown
_PICTURE_SECONDS = 6.0
_FALLBACKS = {"popular": "popular", "stated-interests": "stated-interests", "nothing": "simple"}
_log = logger("visionboard")


@dataclass(frozen=True)
class BoardPorts:
    """All that making a board needs of the outside."""

    knowledge: KnowledgeReader
    documents: Documents
    objects: Objects
    bus: Bus
    clock: Clock
    pictures: Pictures


@dataclass(frozen=True)
class Made:
    """A board as data, as SVG, and as PNG."""

    board: Board
    svg: str
    picture: bytes


def handle(envelope: Envelope[BoardRequested], ports: BoardPorts) -> None:
    """Make the board that is asked for, once per request id; publish it, and reply to who asked.

    Raises:
        TransientError: an engine does not answer; nothing is lost by asking again.
        InvalidInputError: the request names no known layout, and nobody waits for a reply.
    """
    if envelope.expired(ports.clock.now()):
        _log.info("an expired request was skipped", request_id=envelope.data.request_id)
        expire(envelope, ports.bus)
        return
    try:
        generated = kept(envelope.shop, envelope.data.request_id, ports) or _made(envelope, ports)
    except InvalidInputError as error:
        refuse(envelope, error, ports.bus, ports.clock, kind="board")
        return
    ports.bus.publish([encode(envelope.answering(generated, id=generated.board_id, subject=generated.user_id))])
    reply(envelope, ReplyStatus.DONE, ports.bus, ports.clock, kind="board", result=generated.model_dump(mode="json"))
    enlarge(generated, envelope.shop, ports)


def compose(request: BoardRequested, shop: str, correlation_id: str, ports: BoardPorts) -> BoardGenerated:
    """Return a board whose pictures are in the objects. A failure on the way yields a simple board that says so.

    Raises:
        TransientError: the graph or the objects do not answer.
        InvalidInputError: there is no such layout.
    """
    return _composed(request, shop, correlation_id, ports)[0]


def kept(shop: str, board_id: str, ports: BoardPorts) -> BoardGenerated | None:
    """Return a board that was made before, or none."""
    document = ports.documents.get(BOARDS, shop, board_id)
    if document is None:
        return None
    body = dict(document.body)
    body["pictures"] = {each["file"]: each["key"] for each in body["pictures"]}
    return BoardGenerated.model_validate(body)


def enlarge(generated: BoardGenerated, shop: str, ports: BoardPorts) -> None:
    """Draw the picture at twice its size, once; it follows the reply, for it takes longest and is asked for least."""
    before = standing(shop, generated.user_id, ports.documents)
    svg = ports.objects.get(generated.pictures["board.svg"])
    if before.under_way or svg is None or ports.objects.get(generated.pictures["board@2x.webp"]):
        return
    large = png(svg.data.decode(), zoom=2)
    small = webp(large)
    if standing(shop, generated.user_id, ports.documents) != before:
        return
    ports.objects.put(generated.pictures["board@2x.png"], large, "image/png")
    ports.objects.put(generated.pictures["board@2x.webp"], small, "image/webp")
    if standing(shop, generated.user_id, ports.documents) != before:
        folder = generated.pictures["board.svg"].removesuffix("board.svg")
        ports.objects.delete(folder)  # the erasure has taken the document that names them


def _made(envelope: Envelope[BoardRequested], ports: BoardPorts) -> BoardGenerated:
    with unless_erased(envelope.shop, envelope.data.user_id, ports.documents, ports.objects):
        return _make(envelope, ports)


def _make(envelope: Envelope[BoardRequested], ports: BoardPorts) -> BoardGenerated:
    """Compose, then keep: the decision and its inputs first, the board last, for that says that all is done."""
    generated, insight, recommendation = _composed(envelope.data, envelope.shop, envelope.correlation_id, ports)
    keep_decision(insight, recommendation, ports.documents)
    body = generated.model_dump(mode="json")
    body["pictures"] = [{"file": file, "key": key} for file, key in generated.pictures.items()]
    ports.documents.put(BOARDS, envelope.shop, generated.board_id, body)
    MADE.labels(kind="board", fallback=generated.fallback or "none").inc()
    return generated


def _composed(
    request: BoardRequested, shop: str, correlation_id: str, ports: BoardPorts
) -> tuple[BoardGenerated, Insight, Recommendation]:
    layout = _layout(request)
    insight, recommendation = decided(
        shop,
        request.user_id,
        ports.knowledge,
        ports.documents,
        now=ports.clock.now(),
        at=request.at,
        limit=_CANDIDATES,
    )
    commission = Commission(
        board_id=request.request_id,
        user_id=request.user_id,
        decision_id=recommendation.decision_id,
        layout=layout,
        at=request.at or from_ms(max(0, insight.at)),
        language=(insight.locale or "en").replace("_", "-").split("-")[0],
        fallback=_FALLBACKS.get(recommendation.served_by),
        fallback_reason=None if recommendation.served_by == "personal" else "too-little-known",
    )
    try:
        made = _designed(insight, recommendation, commission, shop, ports)
    except TransientError:
        raise
    except Exception:  # noqa: BLE001 (whatever failed, a person gets a board, and the log the trace)
        _log.exception(
            "a board failed, a simple one is served", request_id=request.request_id, correlation_id=correlation_id
        )
        made = _simple(commission)
    return _stored(made, commission, shop, ports), insight, recommendation


def _layout(request: BoardRequested) -> LayoutName:
    name = request.layout or DEFAULT_LAYOUT
    if name not in get_args(LayoutName):
        detail = f"must be one of {', '.join(get_args(LayoutName))}"
        raise InvalidInputError("there is no such layout", [Violation("/data/layout", detail)])
    return name  # type: ignore[return-value]


def _designed(
    insight: Insight, recommendation: Recommendation, commission: Commission, shop: str, ports: BoardPorts
) -> Made:
    selection = curate(insight, recommendation, commission.layout)
    urls = [pick.product.image_url for pick in selection.picks if pick.product.image_url]
    shots = ports.pictures.gather(shop, urls, _PICTURE_SECONDS) if urls else {}
    palette = _palette(selection, [shots[url] for url in urls if url in shots], insight.user_id)
    board = compose_board(selection, {url: shot.photo for url, shot in shots.items()}, palette, commission)
    prints = {shot.photo.object_key: (shot.data, shot.photo.width, shot.photo.height) for shot in shots.values()}
    return Made(board, draw(board, prints), png(draw(board, prints, exact=True)))


def _palette(selection: Selection, shots: list[Shot], seed: str) -> Palette:
    taken = from_pictures([samples(shot.data) for shot in shots])
    return taken or curated(selection.interests, seed)


def _simple(commission: Commission) -> Made:
    """Return the board that needs nothing but type and colour."""
    labelled = replace(commission, fallback="simple", fallback_reason="making-failed")
    board = compose_board(Selection(None, (), None), {}, curated((), commission.user_id), labelled)
    svg = draw(board, {})
    return Made(board, svg, png(svg))


def _stored(made: Made, commission: Commission, shop: str, ports: BoardPorts) -> BoardGenerated:
    """Put the board's files; the same board gives the same keys and the same bytes."""
    folder = f"boards/{shop_hash(shop)}/{_safe(commission.board_id)}"
    data = made.board.model_dump(mode="json")
    files = {
        "board.png": (made.picture, "image/png"),
        "board.webp": (webp(made.picture), "image/webp"),
        "board.svg": (made.svg.encode(), "image/svg+xml"),
        "board.json": (json.dumps(data, ensure_ascii=False, sort_keys=True).encode(), "application/json"),
    }
    ports.objects.delete(f"{folder}/")  # a larger picture of an earlier try may show what was erased since
    for name, (content, media_type) in files.items():
        ports.objects.put(f"{folder}/{name}", content, media_type)
    return BoardGenerated(
        board_id=commission.board_id,
        user_id=commission.user_id,
        decision_id=commission.decision_id,
        layout=commission.layout,
        fallback=made.board.fallback,
        fallback_reason=made.board.fallback_reason,
        board=data,
        pictures={name: f"{folder}/{name}" for name in (*files, "board@2x.png", "board@2x.webp")},
        generated_at=commission.at,
    )


def _safe(board_id: str) -> str:
    """Return a board's part of an object key: its id if that may stand there, else its hash."""
    fits = re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", board_id)
    return board_id if fits else hashlib.sha256(board_id.encode()).hexdigest()[:32]
