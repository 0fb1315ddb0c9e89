"""versitygw 1.8: S3 on a directory, with real signatures."""

from __future__ import annotations

from pathlib import Path

from servers.install import go_binary
from servers.process import Server, free_port, listens

ACCESS_KEY = "tests"
SECRET_KEY = "a-secret-for-tests"


def install() -> Path:
    """Return the gateway's binary."""
    return go_binary("versitygw-1.8.0", "github.com/versity/versitygw/cmd/versitygw@v1.8.0")


def start(home: Path) -> Server:
    """Start a gateway; the bucket `tastegraph` is there."""
    port = free_port()
    (home / "data" / "tastegraph").mkdir(parents=True)
    (home / "versions").mkdir()
    command = [install(), "--port", f"127.0.0.1:{port}", "posix", "--versioning-dir", home / "versions", home / "data"]
    url = f"s3://{ACCESS_KEY}:{SECRET_KEY}@127.0.0.1:{port}/tastegraph?insecure=true"
    environment = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    return Server("s3", url, port, command, home, listens, environment).start()
