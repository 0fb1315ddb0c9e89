"""Analysts take tables and graphs away over HTTP: written in the background, kept for a day, gone with an erasure."""

from __future__ import annotations

import csv
import io
import threading
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest
from pyarrow import parquet

from services.gateway import exporting
from services.gateway.exporter import Exporter
from services.gateway.exports import ExportDesk
from shared.clock import FixedClock
from shared.erasures import EXPORTS, export_folder
from shared.errors import UnavailableError


@pytest.fixture(scope="module")
def asked(served):
    served.buy("=cid", "bread", "wine")
    served.running[0].refresher.refresh("demo")
    return served


def begun(gateway, **wanted) -> str:
    answer = gateway.post("/v1/exports", wanted)
    assert 202 == answer.status_code, answer.json
    return answer.headers["Location"]


def ended(gateway, where: str) -> dict:
    gateway.eventually(lambda: gateway.get(where).json["status"] in {"done", "failed"})
    return gateway.get(where).json


def taken(gateway, **wanted) -> tuple[dict, bytes]:
    told = ended(gateway, begun(gateway, **wanted))
    assert "done" == told["status"], told
    answer = gateway.get(told["file"])
    assert f'attachment; filename="{wanted["what"]}.{told["format"]}"' == answer.headers["Content-Disposition"]
    assert told["bytes"] == len(answer.data)
    return told, answer.data


def table(data: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_recommendations_of_a_segment_are_a_table_without_formulas(asked):
    told, data = taken(asked, what="recommendations", segment={"users": ["=cid", "ann", "stranger"]}, limit=2)
    rows = table(data)
    assert len(rows) == told["rows"]
    assert {"'=cid", "ann"} == {row["user_id"] for row in rows}
    assert {"1", "2"} == {row["rank"] for row in rows}
    assert all(row["reason"] for row in rows)


def test_everyones_recommendations_are_parquet(asked):
    _, data = taken(asked, what="recommendations", format="parquet")
    assert {"=cid", "ann", "bob"} == set(parquet.read_table(io.BytesIO(data))["user_id"].to_pylist())


def test_trends_and_communities_are_tables(asked):
    _, data = taken(asked, what="trends", by="product")
    assert "bread" in {row["key"] for row in table(data)}
    _, data = taken(asked, what="communities")
    assert {"People who buy Bread"} == {row["words"] for row in table(data)}


def test_the_graph_is_graphml_its_nodes_and_edges_are_tables(asked, monkeypatch):
    monkeypatch.setattr(exporting, "_PART", 1_000)
    _, data = taken(asked, what="graph", format="graphml")
    graph = "{http://graphml.graphdrawing.org/xmlns}"
    nodes = {node.get("id") for node in ET.fromstring(data).iter(f"{graph}node")}  # noqa: S314 (our own file)
    _, data = taken(asked, what="nodes", format="parquet")
    assert nodes == set(parquet.read_table(io.BytesIO(data))["node"].to_pylist())
    _, data = taken(asked, what="edges")
    assert ("user:ann", "product:tea") in {(row["source"], row["target"]) for row in table(data)}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"what": "everything"},
        {"what": "graph"},
        {"what": "trends", "format": "graphml"},
        {"what": "recommendations", "segment": {}},
        {"what": "recommendations", "limit": 101},
        {"what": "trends", "since": "yesterday"},
    ],
)
def test_what_cannot_be_taken_out_is_refused(asked, wrong):
    assert 422 == asked.post("/v1/exports", wrong).status_code


def test_each_kind_needs_the_scope_of_what_is_in_it(asked):
    analyst = asked.key("demo", "graph:read", "trends:read")
    for what, format, status in (("graph", "graphml", 403), ("recommendations", "csv", 403), ("trends", "csv", 202)):
        answer = asked.client.post("/v1/exports", json={"what": what, "format": format}, headers=analyst)
        assert status == answer.status_code
    where = begun(asked, what="recommendations")
    ended(asked, where)
    assert 403 == asked.client.get(f"{where}/file", headers=analyst).status_code
    assert where.rpartition("/")[2] not in {
        each["id"] for each in asked.client.get("/v1/exports", headers=analyst).json["items"]
    }
    assert 404 == asked.client.get(where, headers=asked.key("other")).status_code


def test_an_unfinished_or_removed_export_has_no_file(asked):
    where = begun(asked, what="trends")
    ended(asked, where)
    assert 204 == asked.delete(where).status_code
    assert (404, 404) == (asked.get(where).status_code, asked.get(f"{where}/file").status_code)
    assert 0 == asked.engines.objects.delete(export_folder("demo", where.rpartition("/")[2]))


def test_asked_twice_under_one_key_there_is_one(asked):
    twice = [asked.post("/v1/exports", {"what": "trends"}, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert 1 == len({each.headers["Location"] for each in twice})


def test_an_erasure_takes_the_shops_exports_along(asked):
    asked.buy("dan", "bread")
    where = begun(asked, what="recommendations")
    ended(asked, where)
    job = asked.delete("/v1/users/dan").headers["Location"]
    asked.eventually(lambda: asked.get(job).json["status"] == "done")
    assert 404 == asked.get(where).status_code
    assert 0 == asked.engines.objects.delete(export_folder("demo", where.rpartition("/")[2]))


@pytest.fixture
def desk(unanswered):
    """A desk of a gateway whose own exporter rests."""
    unanswered.gateway.exporter.stop()
    engines = unanswered.engines
    return ExportDesk(engines.history, engines.objects, engines.clock)


def exporter(gateway, desk) -> Exporter:
    return Exporter(gateway.engines.knowledge, gateway.engines.history, desk)


def test_what_a_dead_gateway_left_is_written_from_the_start_by_another(unanswered, desk):
    where = begun(unanswered, what="trends")
    held = desk.documents.get(EXPORTS, "demo", where.rpartition("/")[2])
    dead = exporting.Held(held, "dead", {"attempts": 1}, desk.documents, desk, threading.Event())
    other = exporter(unanswered, desk)
    other._look()
    assert "pending" == unanswered.get(where).json["status"]  # its lease holds
    dead.let_go()
    other._look()
    assert "done" == unanswered.get(where).json["status"]


def test_who_lost_an_export_leaves_nothing_of_it(unanswered, desk, monkeypatch):
    where = begun(unanswered, what="trends")
    id = where.rpartition("/")[2]
    monkeypatch.setattr(exporting, "_PART", 1)
    keep = desk.objects.put

    def removed_meanwhile(key, data, media):
        keep(key, data, media)
        monkeypatch.undo()
        desk.documents.delete(EXPORTS, "demo", id)

    monkeypatch.setattr(desk.objects, "put", removed_meanwhile)
    exporter(unanswered, desk)._look()
    assert (404, 0) == (unanswered.get(where).status_code, desk.objects.delete(export_folder("demo", id)))


def test_what_fails_is_tried_again_and_then_said(unanswered, desk, monkeypatch):
    where = begun(unanswered, what="trends")

    def away(*_):
        raise UnavailableError("the history does not answer")

    monkeypatch.setattr(unanswered.engines.history, "trends", away)
    one = exporter(unanswered, desk)
    for status in ("pending", "pending"):
        with pytest.raises(UnavailableError):
            one._look()
        assert status == unanswered.get(where).json["status"]
    one._look()
    assert ("failed", "unavailable") == tuple(unanswered.get(where).json[name] for name in ("status", "problem"))


def test_after_a_day_an_export_is_gone(unanswered, desk):
    where = begun(unanswered, what="trends")
    one = exporter(unanswered, desk)
    one._look()
    desk.expired()
    assert 200 == unanswered.get(f"{where}/file").status_code
    later = ExportDesk(desk.documents, desk.objects, FixedClock(desk.clock.now() + timedelta(days=2)))
    later.expired()
    assert 404 == unanswered.get(where).status_code


def test_a_shop_has_twenty_exports_at_most(unanswered, desk):
    for _ in range(20):
        begun(unanswered, what="trends")
    full = unanswered.post("/v1/exports", {"what": "trends"})
    assert (409, "too-many-exports") == (full.status_code, full.json["type"].rpartition("/")[2])
