"""What became of each member of a campaign: a document each, an object per part, and the file that they make."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from services.gateway.campaigns import PART
from shared.erasures import CAMPAIGN_OUTCOMES, unless_erased
from shared.formulas import harmless
from shared.history.port import Document, Documents
from shared.objects.port import Objects

COLUMNS = ("user_id", "status", "reason", "id")
_FILE = "lines.ndjson"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one member: made, skipped or failed, why, and under which id it is found."""

    user_id: str
    status: str
    reason: str | None = None
    id: str | None = None


def keep(campaign: Document, outcomes: Sequence[Outcome], documents: Documents, objects: Objects) -> None:
    """Keep a part's outcomes: each as a document, by which an erasure finds it, and together as an object.

    Raises:
        UnavailableError: not all is kept, or a member was erased meanwhile: decide and keep the part again.
    """
    shop, part = campaign.shop, int(campaign.body["parts"])
    key = _key(shop, campaign.id, part)
    with ExitStack() as crossed:
        for each in outcomes:
            crossed.enter_context(unless_erased(shop, each.user_id, documents, objects))
        for number, each in enumerate(outcomes):
            body = {**asdict(each), "campaign": campaign.id, "files": [{"file": _FILE, "key": key}]}
            documents.put(CAMPAIGN_OUTCOMES, shop, _name(campaign.id, part, number), body)
        objects.put(key, b"".join(_line(each) for each in outcomes), "application/x-ndjson")


def lines(campaign: Document, documents: Documents, objects: Objects) -> Iterator[bytes]:
    """Yield a campaign's outcomes as NDJSON, a part at a time."""
    for part in range(int(campaign.body["parts"])):
        kept = objects.get(_key(campaign.shop, campaign.id, part))
        if kept is not None:
            yield kept.data
        else:  # a member was erased, and the object with them
            yield b"".join(_line(each) for each in _remaining(campaign, part, documents))


def table(ndjson: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same as CSV; a text that a spreadsheet would run gets an apostrophe before it."""
    yield _rows([COLUMNS])
    for part in ndjson:
        found = (json.loads(line) for line in part.splitlines())
        yield _rows([harmless(str(each.get(name) or "")) for name in COLUMNS] for each in found)


def _remaining(campaign: Document, part: int, documents: Documents) -> Iterator[Outcome]:
    for number in range(PART):
        held = documents.get(CAMPAIGN_OUTCOMES, campaign.shop, _name(campaign.id, part, number))
        if held is not None:
            yield Outcome(**{name: held.body[name] for name in COLUMNS})


def _rows(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _line(one: Outcome) -> bytes:
    said: dict[str, Any] = {name: value for name, value in asdict(one).items() if value is not None}
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def _name(campaign: str, part: int, number: int) -> str:
    return f"{campaign}.{part}.{number}"


def _key(shop: str, campaign: str, part: int) -> str:
    """Return where a part's object is; each has a folder of its own, for an erasure removes the whole folder."""
    return f"campaigns/{hashlib.sha256(shop.encode()).hexdigest()[:24]}/{campaign}/{part:06d}/{_FILE}"
