"""Campaigns, rules and limited keys from the command line: the very same as over HTTP."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from services.embedded.cli import app

SHOP = ("--shop", "demo")


@pytest.fixture
def run(tmp_path):
    """Run a command on a directory of its own; return its lines of JSON, or what it failed with."""

    def command(*words, fails=False):
        done = CliRunner().invoke(app, [*words, "--data", str(tmp_path / "data")])
        if fails:
            return done.exception
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    made = CliRunner().invoke(
        app, ["keys", "create", *SHOP, "--scope", "admin", "--limit", "read=60/60", "--data", str(tmp_path / "data")]
    )
    assert made.exit_code == 0, made.output
    return command


def test_a_key_is_made_with_limits_of_its_own_and_none_looser_than_everybodys(run):
    [key] = run("keys", "list", *SHOP)
    assert {"read": "60/60"} == key["limits"]
    loose = run("keys", "create", *SHOP, "--scope", "admin", "--limit", "read=999999/1", fails=True)
    wrong = run("keys", "create", *SHOP, "--scope", "admin", "--limit", "read=many", fails=True)
    assert ("/limits/read", "/read") == (loose.violations[0].pointer, wrong.violations[0].pointer)
    assert 1 == len(run("keys", "list", *SHOP))


def test_a_rule_is_added_listed_and_removed(run):
    [made] = run("rules", "add", *SHOP, "boost", "--category", "GROCERY", "--category", "CHEESE", "--factor", "3")
    assert (["GROCERY", "CHEESE"], 3.0) == (made["category"], made["factor"])
    assert [made] == run("rules", "list", *SHOP)
    assert run("rules", "add", *SHOP, "boost", "--factor", "3", fails=True).violations
    run("rules", "remove", *SHOP, made["rule_id"])
    assert [] == run("rules", "list", *SHOP)
    deeds = [each["action"] for each in run("audit", *SHOP)]
    assert ["rule.removed", "rule.made", "key.created"] == deeds


def test_a_campaign_is_started_paused_resumed_and_cancelled(run):
    many = [word for number in range(3000) for word in ("--user", f"u{number}")]  # it must not end meanwhile
    [begun] = run("campaigns", "start", *SHOP, "--name", "spring", *many)
    assert (3000, "running") == (begun["expected"], begun["status"])
    id = begun["id"]
    assert run("campaigns", "pause", *SHOP, id)[0]["status"] in {"pausing", "paused"}
    assert run("campaigns", "resume", *SHOP, id)[0]["status"] == "running"
    assert run("campaigns", "cancel", *SHOP, id)[0]["status"] in {"cancelling", "cancelled"}
    assert [id] == [each["id"] for each in run("campaigns", "list", *SHOP)]
    assert "spring" == run("campaigns", "show", *SHOP, id)[0]["campaign"]


@pytest.mark.parametrize(
    "words",
    [
        ("--name", "x"),
        ("--name", "x", "--everyone", "--user", "ann"),
        ("--name", "x", "--everyone", "--layout", "wide"),
        ("--name", "x", "--everyone", "--template", "unheard-of"),
        ("--name", "x", "--everyone", "--makes", "cakes"),
    ],
)
def test_what_no_campaign_can_be_is_refused_as_over_http(run, words):
    assert run("campaigns", "start", *SHOP, *words, fails=True).violations
    assert [] == run("campaigns", "list", *SHOP)
