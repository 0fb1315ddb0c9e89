"""Judges of the API's contract, in pinned versions; `python -m servers.openapi` writes docs/openapi.json anew."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from servers.install import go_binary, npm_packages

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/openapi.json"
CLIENT = ROOT / "clients/typescript"


def node_modules() -> Path:
    """Return what clients/typescript/package-lock.json names: linter, generator, compiler."""
    return npm_packages(CLIENT / "package-lock.json")


def broken(old: Path, new: Path) -> str:
    """Return what breaks clients of the old document that meet the new one; empty: nothing does."""
    oasdiff = go_binary("oasdiff-1.37.0", "github.com/oasdiff/oasdiff@v1.37.0")
    done = subprocess.run(
        [oasdiff, "breaking", "--fail-on", "ERR", old, new], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


def write(text: str, *, breaking: bool) -> str:
    """Keep the document unless it breaks clients and must not; return what breaks."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as new:
        new.write(text)
        new.flush()
        found = broken(DOCUMENT, Path(new.name))
    if breaking or not found:
        DOCUMENT.write_text(text)
    return found


if __name__ == "__main__":
    from services.embedded.openapi import text

    allowed = "--breaking" in sys.argv
    told = write(text(), breaking=allowed)
    if told:
        sys.stderr.write(f"{told}\n{'written' if allowed else 'not written: BREAKING=1 allows it'}\n")
    sys.exit(bool(told) and not allowed)
