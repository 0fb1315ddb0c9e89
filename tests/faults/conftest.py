"""The whole system on real servers, for every fault that is done to it on purpose; at night started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chaos.plan import SERVERS
from faults.system_ground import Ground, standing


def _scope(fixture_name: str, config: pytest.Config) -> str:
    """Share the system between files where most of them need it; else it would idle until all tests are through."""
    return "session" if config.option.markexpr == "nightly" else "module"


@pytest.fixture(scope=_scope)
def whole_system(tmp_path_factory: pytest.TempPathFactory, install_server) -> Iterator[Ground]:
    for name in (*SERVERS, "toxiproxy"):
        install_server(name)
    with standing(tmp_path_factory.mktemp("system")) as ground:
        yield ground
        ground.judge(ground.system.home / "embedded")


@pytest.fixture
def ground(whole_system: Ground) -> Iterator[Ground]:
    """The system, quiet before each fault and judged after it."""
    whole_system.alight()
    yield whole_system
    whole_system.judge()
