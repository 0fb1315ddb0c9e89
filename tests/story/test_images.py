"""The Dockerfiles, replayed without Docker: their steps into an empty directory, the service from there alone."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from servers.process import free_port
from story.processes import until_ready

ROOT = Path(__file__).parents[2]
DOCKERFILES = {path.parent.name: path for path in sorted((ROOT / "services").glob("*/Dockerfile"))}
IN_IMAGE = re.compile(r"(?<![\w/.])/(?=opt/venv|build/|app)")


def instructions(dockerfile):
    """Yield each instruction and what it is given, continuation lines joined, build arguments left as they are."""
    text = dockerfile.read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield line.split(maxsplit=1)


def replayed(dockerfile, image):
    """Do in the directory `image` what the image's build does; return the settings that it leaves."""
    environment = {}
    for instruction, given in instructions(dockerfile):
        if instruction == "COPY" and not given.startswith("--from"):
            source, target = given.split()
            copied(ROOT / source, image / target.lstrip("/"))
        elif instruction == "RUN" and "mkdir /data" not in given:
            command = IN_IMAGE.sub(f"{image}/", given).replace("python -m venv", f"{sys.executable} -m venv")
            subprocess.run(["/bin/sh", "-ec", command], check=True, capture_output=True, cwd=image, env=clean())
        elif instruction == "ENV":
            environment |= dict(part.split("=", 1) for part in given.split())
    return environment


def copied(source, target):
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def clean():
    """The environment of somebody who has nothing of ours."""
    kept = ("HOME", "LANG", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "https_proxy")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module")
def servers(real_servers):
    """Real servers, as an image's environment names them."""
    named = {f"TASTEGRAPH_{name.upper()}": url for name, url in real_servers.items()}
    return named | {"TASTEGRAPH_SIGNING_KEY": "k" * 40}


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", ["ingest", "graph", "email", "visionboard", "gateway"])
def test_from_what_an_image_holds_its_service_starts_becomes_ready_and_ends(service, tmp_path, servers):
    left = replayed(DOCKERFILES[service], tmp_path)
    ports = {"TASTEGRAPH_PORT": str(free_port()), "TASTEGRAPH_OPERATIONS_PORT": str(free_port())}
    environment = clean() | {name: value for name, value in left.items() if name != "PATH"} | servers | ports
    [entry] = [
        json.loads(given) for instruction, given in instructions(DOCKERFILES[service]) if instruction == "ENTRYPOINT"
    ]
    command = [str(tmp_path / "opt/venv/bin" / entry[0]), *entry[1:]]
    before = set((tmp_path / "app").rglob("*"))
    with subprocess.Popen(command, cwd=tmp_path / "app", env=environment) as process:
        try:
            until_ready(int(ports["TASTEGRAPH_OPERATIONS_PORT"]), 120)
            process.send_signal(signal.SIGTERM)
            assert process.wait(25) == 0
        finally:
            process.kill()
    assert set((tmp_path / "app").rglob("*")) == before, "its root is read-only"
