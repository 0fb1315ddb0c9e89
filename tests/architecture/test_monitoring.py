"""Alerts and dashboard speak of metrics that exist, and each alert says what to do."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

import shared.metrics

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy/monitoring"
EXPRESSION = re.compile(r"\btastegraph_\w+")


def exported():
    assert shared.metrics.DEAD_LETTERS
    return {name for collector in REGISTRY._collector_to_names.values() for name in collector}


def expressions():
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    yield from (rule["expr"] for rule in rules())


def rules():
    return yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]


def test_only_metrics_that_exist_are_asked_for():
    asked = {name for expression in expressions() for name in EXPRESSION.findall(expression)}
    assert asked - exported() == set()
    assert len(asked) > 8


def test_every_alert_has_a_page_on_what_to_do():
    headings = re.findall(r"^#+ (\w+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    explained = {heading.lower() for heading in headings}
    for rule in rules():
        page, _, heading = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert heading in explained


NEEDED = "CI" in os.environ  # there, a missing tool fails


@pytest.mark.skipif(shutil.which("promtool") is None and not NEEDED, reason="needs promtool (Debian: prometheus)")
def test_the_alerts_fire_when_they_should():
    subprocess.run(["promtool", "test", "rules", "alerts.test.yml"], cwd=MONITORING, check=True, capture_output=True)
