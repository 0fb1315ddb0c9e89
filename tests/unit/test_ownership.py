"""Who owns a data directory: one process, which lets it go with all that is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.embedded.ownership import OwnedError, Ownership


@pytest.mark.parametrize("directory", ["data", "./data/", "deep/er/data", "x" * 120], ids=len)
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
def test_letting_a_directory_go_leaves_all_that_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str, *, absolute: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    path = (tmp_path if absolute else Path()) / directory
    ownership = Ownership(path, "test")
    socket = Path(ownership.owner.socket)
    (path / "bus.db").write_text("all that was acknowledged")
    socket.touch()
    ownership.release()

    assert "all that was acknowledged" == (path / "bus.db").read_text()
    assert (False, False) == (socket.exists(), (path / "owner.json").exists())
    assert socket.parent.exists() == (socket.parent == path.resolve())


def test_a_directory_has_one_owner_at_a_time(tmp_path: Path) -> None:
    first = Ownership(tmp_path, "serve")
    with pytest.raises(OwnedError, match="in use by process"):
        Ownership(tmp_path, "import")
    first.release()
    Ownership(tmp_path, "import").release()
