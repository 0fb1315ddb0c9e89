"""Objects as files in one directory: the embedded engine."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.errors import UnavailableError
from shared.objects.keys import checked_key, checked_prefix
from shared.objects.port import Object

_INCOMING = ".incoming"
# What an ending says by itself needs no file beside the object, and no second fsync.
_USUAL_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
}
_ABANDONED_AFTER_SECONDS = 3600


class FileObjects:
    """Implements `shared.objects.port.Objects`: an object is the file at its key, an unusual media type one beside it.

    A put survives a power cut when it returns; a reader sees the old object or the new one, never a mixture.
    Every method raises InvalidInputError for a key that is not `[a-z0-9_@.-]` between slashes (no segment begins with
    a dot), and UnavailableError when the file system refuses.
    """

    def __init__(self, path: Path) -> None:
        self._root = path
        self._incoming = path / _INCOMING
        self._lock = threading.Lock()  # holds an object and its media type together
        with _unavailable_on_error("opened"):
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._sweep()

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Store an object, replacing what stood under its key.

        Raises:
            UnavailableError: it was not stored.
        """
        target = self._file(key)
        with _unavailable_on_error("stored"), self._written(data) as fresh:
            with self._lock:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._keep_type(target, media_type)
                fresh.replace(target)
            _sync_directory(target.parent)

    def get(self, key: str) -> Object | None:
        """Return an object, or none."""
        file = self._file(key)
        with _unavailable_on_error("read"):
            try:
                with self._lock:
                    opened = file.open("rb")
                    media_type = _kept_type(file)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
            with opened:
                return Object(opened.read(), media_type)

    def delete(self, prefix: str) -> int:
        """Remove every object whose key starts with the prefix (not empty); return how many there were."""
        beginning = checked_prefix(prefix)
        with _unavailable_on_error("deleted"), self._lock:
            found = list(self._starting_with(beginning))
            for file in found:
                file.unlink()
                _type_file(file).unlink(missing_ok=True)
            for directory in {file.parent for file in found}:
                self._prune(directory)
        return len(found)

    def close(self) -> None:
        """Nothing is held open."""

    def _file(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _keep_type(self, target: Path, media_type: str) -> None:
        if media_type == _USUAL_TYPES.get(target.suffix):
            _type_file(target).unlink(missing_ok=True)
        else:
            with self._written(media_type.encode()) as fresh:
                fresh.replace(_type_file(target))

    @contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """Write a temporary file through to the disk; whoever is given it moves it away, or it goes."""
        path = self._incoming / uuid.uuid4().hex
        try:
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _starting_with(self, prefix: str) -> Iterator[Path]:
        within = self._root / prefix.rpartition("/")[0]
        for directory, _, names in os.walk(within):
            for name in names:
                file = Path(directory, name)
                if not name.startswith(".") and file.relative_to(self._root).as_posix().startswith(prefix):
                    yield file

    def _prune(self, directory: Path) -> None:
        """Remove a directory that has become empty, and its parents that have."""
        with suppress(OSError):  # not empty: it stays
            while directory != self._root:
                directory.rmdir()
                directory = directory.parent

    def _sweep(self) -> None:
        """Remove what puts left behind that were killed; another process may still be at work on the younger ones."""
        for file in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - _ABANDONED_AFTER_SECONDS:
                    file.unlink()


def _type_file(file: Path) -> Path:
    return file.with_name(f".{file.name}.type")


def _kept_type(file: Path) -> str:
    try:
        return _type_file(file).read_text()
    except FileNotFoundError:
        return _USUAL_TYPES.get(file.suffix, "application/octet-stream")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _unavailable_on_error(done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"an object could not be {done}: {error.strerror}") from error
