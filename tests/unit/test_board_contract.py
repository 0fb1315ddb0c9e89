"""What the board service publishes of itself, and which hosts its settings let it reach."""

from __future__ import annotations

from pathlib import Path

from services.visionboard.addresses import Rules
from services.visionboard.schema import FILE, schema
from services.visionboard.wiring import rules
from shared.config import Settings


def test_the_settings_name_the_hosts_that_tests_may_reach() -> None:
    assert rules(Settings(images_hosts_allowed="127.0.0.1:8001, [::1]:9")).hosts == {("127.0.0.1", 8001), ("::1", 9)}
    assert rules(Settings()) == Rules()


def test_the_published_schema_is_the_one_in_the_code() -> None:
    assert (Path(__file__).parents[2] / FILE).read_text(encoding="utf-8") == schema()
