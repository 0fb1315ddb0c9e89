"""What installs and starts the real servers for the tests."""

import os
import signal

import pytest
from servers import install
from servers.process import NotReadyError, Server, free_port, listens

ANSWERS = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


def server(tmp_path, program=ANSWERS):
    port = free_port()
    command = [install.tool("python3"), "-c", program, str(port)]
    return Server("example", f"tcp://127.0.0.1:{port}", port, command, tmp_path, listens)


def test_a_half_made_installation_is_never_taken_for_a_whole_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TASTEGRAPH_ENGINES_CACHE", str(tmp_path))

    def broken(home):
        (home / "part").write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        install._once("thing", broken)
    assert not (tmp_path / "thing").exists()
    assert install._once("thing", lambda home: (home / "whole").write_text("all")) == tmp_path / "thing"
    assert [path.name for path in (tmp_path / "thing").iterdir()] == ["whole"]


def test_what_is_installed_is_not_installed_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TASTEGRAPH_ENGINES_CACHE", str(tmp_path))
    times = []
    for _ in range(2):
        install._once("thing", times.append)
    assert len(times) == 1


def test_a_missing_tool_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(install.MissingToolError, match="mvn is not on this machine"):
        install.tool("mvn")


def test_a_server_is_started_waited_for_and_ended(tmp_path):
    running = server(tmp_path).start()
    assert listens(running)
    running.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)


def test_a_killed_server_starts_again_on_the_same_port(tmp_path):
    running = server(tmp_path).start()
    first = running.pid
    running.kill()
    running.start()
    assert running.pid != first
    assert listens(running)
    running.stop()


def test_a_paused_server_can_be_ended(tmp_path):
    running = server(tmp_path).start()
    running.send(signal.SIGSTOP)
    running.stop()


def test_a_server_that_ends_at_once_is_reported_with_what_it_said(tmp_path):
    with pytest.raises(NotReadyError, match="no such licence"):
        server(tmp_path, "raise SystemExit('no such licence')").start()
