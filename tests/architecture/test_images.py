"""The Dockerfiles by rule: linted, for nobody, one service each."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = {path.parent.name: path for path in sorted((ROOT / "services").glob("*/Dockerfile"))}


def instructions(dockerfile):
    """Yield each instruction and what it is given, continuation lines joined, build arguments left as they are."""
    text = dockerfile.read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield line.split(maxsplit=1)


def test_every_service_has_a_dockerfile_and_hadolint_finds_nothing():
    assert DOCKERFILES.keys() == {"ingest", "graph", "email", "visionboard", "gateway", "embedded"}
    hadolint = Path(sys.executable).parent / "hadolint"
    subprocess.run([hadolint, *DOCKERFILES.values()], check=True, capture_output=True)


@pytest.mark.parametrize("service", DOCKERFILES)
def test_an_image_runs_as_nobody_and_holds_one_service(service):
    given = list(instructions(DOCKERFILES[service]))
    assert ["USER", "10001:10001"] in given
    assert any(instruction == "HEALTHCHECK" for instruction, _ in given)
    copied_services = {text.split()[0] for instruction, text in given if instruction == "COPY" and "services/" in text}
    if service != "embedded":
        assert copied_services == {"services/__init__.py", f"services/{service}"}
