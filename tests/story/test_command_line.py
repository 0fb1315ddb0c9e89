"""The command line as its user meets it: each command a process of its own, on a data directory of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

ROOT = Path(__file__).parents[2]


def run(*words: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "services", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert status == done.returncode, done.stderr
    return done


def answer(*words: str | Path) -> dict:
    return json.loads(run(*words).stdout)


def purchase(number: int) -> dict:
    lines = [
        {
            "product_id": f"p{(number + step) % 12}",
            "quantity": 1,
            "unit_price": "2.50",
            "name": f"Thing {(number + step) % 12}",
            "categories": ["Food", f"Shelf {(number + step) % 4}"],
        }
        for step in range(3)
    ]
    at = f"2026-01-{1 + number % 28:02d}T10:00:00Z"
    return {
        "purchase_id": f"n{number}",
        "user_id": f"u{number % 5}",
        "purchased_at": at,
        "currency": "EUR",
        "lines": lines,
    }


def ndjson(file: Path, items: list) -> Path:
    file.write_text("".join(json.dumps(item) + "\n" for item in items))
    return file


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Give a data directory with forty purchases of five users, the import's counts, and the file."""
    folder = tmp_path_factory.mktemp("loaded")
    file = ndjson(folder / "purchases.ndjson", [purchase(number) for number in range(40)])
    data = folder / "data"
    return data, answer("import", "--data", data, "--shop", "s", file, "--json"), file


def test_a_file_imported_twice_is_counted_as_duplicates(loaded):
    data, first, file = loaded
    again = answer("import", "--data", data, "--shop", "s", file, "--json")
    assert (40, 0, 120) == (first["accepted"], first["duplicates"], first["lines"])
    assert (0, 40) == (again["accepted"], again["duplicates"])


def test_rejected_rows_are_written_down_with_their_reasons(tmp_path):
    items = [purchase(1), {**purchase(2), "currency": "Taler"}, purchase(3)]
    file = ndjson(tmp_path / "some.ndjson", items)
    with file.open("a") as more:
        more.write("{no json\n")
    counts = answer("import", "--data", tmp_path / "data", "--shop", "s", file, "--json")
    rejects = [json.loads(line) for line in Path(counts["rejects"]).read_text().splitlines()]
    assert (4, 2, 2) == (counts["read"], counts["accepted"], counts["rejected"])
    assert [2, 4] == sorted(reject["row"] for reject in rejects)
    assert all(reject["problem"] for reject in rejects)


def test_a_csv_is_read_through_a_map_even_if_the_rows_of_a_purchase_stand_apart(tmp_path):
    file = tmp_path / "till.csv"
    file.write_text(
        "basket,customer,when,sku,count,price\n"
        "b1,anna,2026-01-02T10:00:00Z,p1,1,2.50\n"
        "b2,ben,2026-01-02T11:00:00Z,p1,2,2.50\n"
        "b1,anna,2026-01-02T10:00:00Z,p2,1,3.00\n"
    )
    named = {"purchase_id": "basket", "user_id": "customer", "purchased_at": "when"}
    named |= {"product_id": "sku", "quantity": "count", "unit_price": "price"}
    maps = [word for field, column in named.items() for word in ("--map", f"{field}={column}")]
    words = ("import", "--data", tmp_path / "data", "--shop", "s", file, *maps, "--json")
    counts = answer(*words, "--set", "currency=EUR")
    assert (2, 3, 0) == (counts["accepted"], counts["lines"], counts["rejected"])


def test_a_parquet_file_without_the_needed_columns_is_refused_in_one_line(tmp_path):
    file = tmp_path / "odd.parquet"
    parquet.write_table(pa.table({"user_id": ["anna"], "colour": ["red"]}), file)
    refused = run("import", "--data", tmp_path / "data", "--shop", "s", file, status=2)
    (line,) = [line for line in refused.stderr.splitlines() if line.startswith("tastegraph:")]
    assert "" == refused.stdout
    assert "Traceback" not in refused.stderr
    assert "purchase_id" in line
    assert "colour" in line


def test_a_file_that_is_not_there_is_refused_in_one_line(tmp_path):
    refused = run("import", "--data", tmp_path / "data", "--shop", "s", tmp_path / "none.ndjson", status=2)
    assert "no such file" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_unknown_command_is_wrong_use():
    assert "" == run("dance", status=2).stdout


@pytest.mark.slow
def test_a_new_key_stands_alone_on_stdout_and_no_list_shows_it(tmp_path):
    words = ("--data", tmp_path / "data", "--shop", "s")
    made = run("keys", "create", *words, "--scope", "profiles:read")
    (key,) = made.stdout.split()
    assert key not in made.stderr
    listed = run("keys", "list", *words).stdout
    assert ["profiles:read"] == json.loads(listed)["scopes"]
    assert key not in listed


@pytest.mark.slow
def test_a_key_is_rotated_and_all_that_was_done_to_keys_is_in_the_trail(tmp_path):
    words = ("--data", tmp_path / "data")
    ends = ("--name", "front", "--expires", "2099-01-01T00:00:00Z")
    old = run("keys", "create", *words, "--shop", "s", "--scope", "graph:read", *ends).stdout.split("_")[2]
    (new,) = run("keys", "rotate", old, *words).stdout.split()
    newest, replaced = (json.loads(line) for line in run("keys", "list", *words).stdout.splitlines())
    assert (new.split("_")[2], old, "front") == (newest["id"], newest["replaces"], newest["name"])
    assert replaced["expires_at"] < newest["expires_at"]
    trail = [json.loads(line) for line in run("audit", *words, "--shop", "s").stdout.splitlines()]
    assert [("key.rotated", old), ("key.created", old)] == [(each["action"], each["target"]) for each in trail]
    assert {"command line"} == {each["actor"] for each in trail}


def test_recommend_gives_a_line_of_json_for_each_user(loaded, tmp_path):
    data, _, _ = loaded
    users = tmp_path / "users.txt"
    users.write_text("u1\nu2\nnobody\n")
    told = run("recommend", "--data", data, "--shop", "s", "--users", users, "--json").stdout
    answers = [json.loads(line) for line in told.splitlines()]
    assert ["u1", "u2", "nobody"] == [each["user_id"] for each in answers]
    assert all(each["served_by"] and each["decision_id"] for each in answers)


@pytest.mark.slow
@pytest.mark.parametrize("made", ["email", "board"])
def test_the_files_of_an_email_and_of_a_board_are_where_the_answer_says(loaded, tmp_path, made):
    data, _, _ = loaded
    told = answer(made, "--data", data, "--shop", "s", "--user", "u1", "--out", tmp_path / "out", "--json")
    sizes = {name: Path(file).stat().st_size for name, file in told["files"].items()}
    expected = {"email": {"html", "text", "headers"}, "board": {"json", "picture", "webp", "svg"}}
    assert expected[made] == set(sizes)
    assert all(sizes.values())


def test_the_graph_is_found_equal_to_its_ledger(loaded):
    report = answer("graph", "verify", "--data", loaded[0], "--json")
    assert report["equal"]
    assert report["ledger"] == report["graph"]


@pytest.mark.slow
def test_what_came_later_changes_no_list_of_an_earlier_moment(tmp_path):
    bought = [purchase(number) for number in range(40)]
    early = [one for one in bought if one["purchased_at"] < "2026-01-15"]
    users = tmp_path / "users"
    users.write_text("u0\nu1\nu2\n")
    said = []
    for name, items in (("whole", bought), ("early", early)):
        data = tmp_path / name
        run("import", "--data", data, "--shop", "s", ndjson(tmp_path / f"{name}.ndjson", items))
        asked = ("recommend", "--data", data, "--shop", "s", "--users", users, "--at", "2026-01-15T00:00:00Z", "--json")
        answers = [json.loads(line) for line in run(*asked).stdout.splitlines()]
        said.append([{slate: one[slate] for slate in ("buy_again", "discover", "top")} for one in answers])
    assert 3 == len([one for one in said[0] if one["top"]])
    assert said[0] == said[1]
