"""Neo4j Community 5.26."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from servers.install import jars, java
from servers.process import Server, free_port, listens

PASSWORD = "a-password-for-tests"
_VERSION = "5.26.30"
_SETTINGS = """
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{port}
server.bolt.advertised_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
dbms.security.auth_enabled=true
server.memory.pagecache.size=256m
dbms.usage_report.enabled=false
server.bolt.connection_keep_alive=2s
db.transaction.monitor.check.interval=200ms
"""
_OPENED = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch", "java.base/java.lang")


def install() -> Path:
    """Return the directory with Neo4j's jars."""
    return jars(f"neo4j-{_VERSION}", f"org.neo4j.app:neo4j-server:{_VERSION}", f"org.neo4j:neo4j:{_VERSION}")


def start(home: Path) -> Server:
    """Start a server on files of its own; the user is neo4j."""
    library = install()
    port = free_port()
    for name in ("conf", "data", "logs", "plugins", "lib", "run", "import"):
        (home / name).mkdir()
    (home / "conf" / "neo4j.conf").write_text(_SETTINGS.format(port=port))
    _set_password(library, home)
    opened = [part for package in _OPENED for part in ("--add-opens", f"{package}=ALL-UNNAMED")]
    options = ["-Xms512m", "-Xmx512m", "-XX:+UseG1GC", *opened, "-Dio.netty.tryReflectionSetAccessible=true"]
    classpath = f"{home}/plugins/*:{home}/conf/*:{library}/*"
    entry = ["org.neo4j.server.CommunityEntryPoint", f"--home-dir={home}", f"--config-dir={home}/conf"]
    command = [java(), *options, "-cp", classpath, *entry]
    return Server("neo4j", f"bolt://neo4j:{PASSWORD}@127.0.0.1:{port}", port, command, home, listens).start()


def _set_password(library: Path, home: Path) -> None:
    """Give the server its password; what Neo4j's own tool made of it once is kept beside the jars, for it is slow."""
    kept, file = library / f"auth-{PASSWORD}.ini", home / "data" / "dbms" / "auth.ini"
    if kept.exists():
        file.parent.mkdir()
        shutil.copyfile(kept, file)
        return
    admin = ["-cp", f"{library}/*", f"-Dbasedir={home}", "org.neo4j.server.startup.Neo4jAdminCommand"]
    told = ["dbms", "set-initial-password", PASSWORD]
    subprocess.run([str(java()), *admin, *told], check=True, capture_output=True, env={"NEO4J_HOME": str(home)})
    mine = kept.with_suffix(f".{os.getpid()}")
    shutil.copyfile(file, mine)
    mine.replace(kept)
