"""Tables and graphs taken out: what a spreadsheet, a data frame and a graph tool then read."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from pyarrow import parquet

ROOT = Path(__file__).parents[2]
GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"


def run(*words: str | Path, status: int = 0) -> str:
    command = [sys.executable, "-m", "services", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert status == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Give the words that every export takes, for a shop whose product's name is a formula and holds a bell."""
    folder = tmp_path_factory.mktemp("exports")
    line = {
        "product_id": "=1+1",
        "quantity": 2,
        "unit_price": "1.25",
        "name": "@SUM(A1) & <tea>",
        "categories": ["Tea"],
    }
    head = {"purchase_id": "o1", "user_id": "+ann", "purchased_at": "2026-01-02T10:00:00Z", "currency": "EUR"}
    (folder / "o.ndjson").write_text(json.dumps({**head, "lines": [line]}))
    run("import", "--data", folder / "data", "--shop", "s", folder / "o.ndjson")
    return ("--data", folder / "data", "--shop", "s")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_graph_opens_as_graphml_with_every_edge_between_nodes(shop, tmp_path):
    told = json.loads(run("export", "graph", *shop, "--out", tmp_path, "--json"))
    graph = ET.parse(tmp_path / "graph.graphml").getroot()  # noqa: S314 (our own file)
    nodes = {node.get("id") for node in graph.iter(f"{GRAPHML}node")}
    edges = [(edge.get("source"), edge.get("target")) for edge in graph.iter(f"{GRAPHML}edge")]

    assert {str(tmp_path / "graph.graphml"): len(nodes) + len(edges)} == told["files"]
    assert ("user:+ann", "product:=1+1") in edges
    assert all(end in nodes for edge in edges for end in edge)
    assert any("@SUM(A1) & <tea>" == data.text for data in graph.iter(f"{GRAPHML}data"))


def test_a_graph_is_two_tables_of_parquet(shop, tmp_path):
    run("export", "graph", *shop, "--out", tmp_path, "--format", "parquet")
    nodes, edges = (parquet.read_table(tmp_path / f"{name}.parquet").to_pylist() for name in ("nodes", "edges"))
    [bought] = [json.loads(edge["properties"]) for edge in edges if edge["kind"] == "purchased"]

    assert {"+ann", "=1+1"} <= {node["id"] for node in nodes}
    assert (2.0, "2.50", "EUR") == (bought["quantity"], bought["spend"], bought["currency"])


@pytest.mark.slow
def test_communities_are_a_table_of_their_members(shop, tmp_path):
    head = {"purchased_at": "2026-01-03T10:00:00Z", "currency": "EUR"}
    line = {"product_id": "saw", "quantity": 1, "unit_price": 9, "name": "Saw", "categories": ["Tools"]}
    orders = [{**head, "purchase_id": f"t{n}", "user_id": f"=t{n}", "lines": [line]} for n in range(3)]
    (tmp_path / "o.ndjson").write_text("\n".join(map(json.dumps, orders)))
    words = (*shop[:2], "--shop", "tools")
    run("import", *words, tmp_path / "o.ndjson")
    run("export", "communities", *words, "--out", tmp_path)
    run("export", "communities", *words, "--out", tmp_path, "--format", "parquet")
    told = parquet.read_table(tmp_path / "communities.parquet").to_pylist()

    assert [f"'=t{n}" for n in range(3)] == [row["user_id"] for row in rows(tmp_path / "communities.csv")]
    assert {("People who buy Saw", 3)} == {(row["words"], row["members"]) for row in told}


@pytest.mark.slow
def test_no_cell_of_a_csv_is_a_formula(shop, tmp_path):
    run("export", "graph", *shop, "--out", tmp_path, "--format", "csv")
    run("export", "trends", *shop, "--out", tmp_path, "--by", "product")
    run("export", "recommendations", *shop, "--out", tmp_path)
    cells = [
        cell for name in ("nodes", "edges", "trends") for row in rows(tmp_path / f"{name}.csv") for cell in row.values()
    ]

    assert {"'=1+1", "'+ann", "'@SUM(A1) & <tea>"} <= set(cells)
    assert [] == [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_trends_say_what_was_sold(shop, tmp_path):
    run("export", "trends", *shop, "--out", tmp_path, "--format", "parquet")
    [month] = parquet.read_table(tmp_path / "trends.parquet").to_pylist()

    assert ("2026-01-01", 1, "2.50", 1) == (month["start"], month["count"], month["revenue"], month["buyers"])


def test_trends_stand_beside_the_month_before(shop, tmp_path):
    run("export", "trends", *shop, "--out", tmp_path, "--compare")
    [month] = rows(tmp_path / "trends.csv")

    assert ("2.50", "0", "2.50", "1") == tuple(
        month[name] for name in ("revenue", "previous_revenue", "change_revenue", "change_buyers")
    )


def test_recommendations_of_a_segment_are_of_nobody_else(shop, tmp_path):
    run("export", "recommendations", *shop, "--category", "Coffee", "--out", tmp_path)

    assert [] == rows(tmp_path / "recommendations.csv")


@pytest.mark.parametrize(
    ("words", "status", "hint"),
    [
        (("graph", "--format", "xls"), 2, "graphml, parquet, csv"),
        (("trends", "--by", "colour"), 2, "category"),
        (("trends", "--since", "monday"), 2, "not a time"),
        (("trends", "--shop", "nope"), 1, "no shop nope; there are s"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_would_be_right(shop, tmp_path, words, status, hint):
    told = run("export", words[0], *shop, "--out", tmp_path, *words[1:], status=status)

    assert hint in told
    assert 1 == len(told.splitlines())
