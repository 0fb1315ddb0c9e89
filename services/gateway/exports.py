"""Exports as documents: what is to be taken out, how far it has come, and the parts of its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from services.gateway.documents import FullError, known
from services.gateway.questions import DayOrMoment
from services.gateway.segments import Segment
from shared.clock import Clock, to_ms
from shared.erasures import EXPORTS, export_folder
from shared.errors import UnavailableError
from shared.history.port import Dimension, Document, Documents, Period
from shared.objects.port import Objects
from shared.web.contract import Asked

KEPT_MS = 24 * 3_600_000
_MOST = 20  # of a shop, at work or kept
MEDIA = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "graphml": "application/graphml+xml"}
SCOPES = {
    **dict.fromkeys(("graph", "nodes", "edges"), "profiles:export"),  # what was told of people is in it
    "communities": "graph:read",
    "trends": "trends:read",
    "recommendations": "profiles:read",
}
What = Literal["graph", "nodes", "edges", "trends", "communities", "recommendations"]
Format = Literal["csv", "parquet", "graphml"]


class NewExport(Asked):
    """What is to be taken out as a file."""

    what: What = Field(description="graph: nodes and edges as GraphML", examples=["recommendations"])
    format: Format = Field("csv", description="graphml for the graph, csv or parquet for tables", examples=["csv"])
    by: Dimension = Field("total", description="of trends")
    period: Period = Field("month", description="of trends")
    since: DayOrMoment | None = Field(None, description="of trends", examples=[None])
    until: DayOrMoment | None = Field(None, description="of trends; excluded", examples=[None])
    compare: Literal["previous"] | None = Field(
        None, description="of trends; previous: each row with the period before it", examples=[None]
    )
    segment: Segment | None = Field(None, description="of recommendations: for whom; none: everyone", examples=[None])
    limit: int = Field(10, ge=1, le=100, description="of recommendations: items of each slate")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if (self.what == "graph") != (self.format == "graphml"):
            raise ValueError("graphml is for the graph, and the graph for nothing else; nodes and edges are tables")
        if self.compare and self.what != "trends":
            raise ValueError("only trends are compared")
        return self


class ManyError(FullError):
    """The shop has as many exports as it may."""

    code = "too-many-exports"

    def __init__(self) -> None:
        super().__init__(f"{_MOST} exports are at work or kept, which is the most: remove one")


@dataclass(frozen=True)
class ExportDesk:
    """Keeps exports. Safe among processes: every write names the version that it replaces."""

    documents: Documents
    objects: Objects
    clock: Clock

    def begin(self, shop: str, id: str, asked: NewExport) -> Document:
        """Keep a new export, to be taken up by whichever gateway is free.

        Raises:
            ManyError: the shop has as many as it may.
            ConflictError: another export stands under the id.
        """
        if len(self.documents.find(EXPORTS, shop, page_size=_MOST).items) == _MOST:
            raise ManyError
        now = to_ms(self.clock.now())
        body: dict[str, Any] = {
            "asked": asked.model_dump(mode="json", exclude_none=True),
            "status": "pending",
            "active": "yes",
            "created_at": now,
            "finished_at": None,
            "rows": None,
            "bytes": 0,
            "parts": 0,
            "attempts": 0,
            "problem": None,
            "holder": None,
            "held_until": 0,
        }
        return self.documents.put(EXPORTS, shop, id, body, expect=0)

    def known(self, shop: str, id: str) -> Document:
        """Return an export.

        Raises:
            NotFoundError: there is none (any more).
        """
        return known(self.documents, EXPORTS, shop, id)

    def remove(self, export: Document) -> None:
        """Delete an export and its file; whoever writes it notices."""
        self.objects.delete(export_folder(export.shop, export.id))
        self.documents.delete(EXPORTS, export.shop, export.id)
        self.objects.delete(export_folder(export.shop, export.id))  # a part that was being written just then

    def expired(self) -> None:
        """Delete what is older than a day."""
        before = to_ms(self.clock.now()) - KEPT_MS
        for export in self.documents.find(EXPORTS, None, {"active": "no"}, page_size=1_000).items:
            if export.body["created_at"] < before:
                self.remove(export)

    def file(self, export: Document) -> Iterator[bytes]:
        """Yield an export's file, a part at a time.

        Raises:
            UnavailableError: a part is gone: the export was removed meanwhile.
        """
        for part in range(export.body["parts"]):
            kept = self.objects.get(part_key(export, part))
            if kept is None:
                raise UnavailableError("the export was removed meanwhile")
            yield kept.data


def part_key(export: Document, part: int) -> str:
    """Return where a part is; each attempt has a folder of its own, so that none meets what another left."""
    return f"{export_folder(export.shop, export.id)}{export.body['attempts']:03d}/{part:06d}"
