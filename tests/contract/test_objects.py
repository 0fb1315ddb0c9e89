"""What every object store guarantees; each engine inherits it."""

import os
import threading
import time
import uuid

import pytest

from shared.errors import InvalidInputError, UnavailableError, UsageError
from shared.objects.files import FileObjects
from shared.objects.port import Object
from shared.objects.s3 import S3Objects


@pytest.fixture(params=["files", pytest.param("s3", marks=pytest.mark.servers)])
def reopen(request, tmp_path):
    """Open the engine under test, again and again on the same store."""
    if request.param == "files":
        return lambda: FileObjects(tmp_path / "objects")
    server, _, query = request.getfixturevalue("s3_url").partition("?")
    bucket = f"{server.rpartition('/')[0]}/{uuid.uuid4()}?{query}"
    return lambda: S3Objects(bucket)


@pytest.fixture
def objects(reopen):
    return reopen()


class TestObjects:
    """Every engine."""

    def test_an_object_comes_back_as_it_was_put(self, objects):
        objects.put("boards/1a/board@2x.png", b"\x00\xff", "image/png")
        assert Object(b"\x00\xff", "image/png") == objects.get("boards/1a/board@2x.png")

    @pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "text/html", "application/x-odd"])
    def test_the_media_type_is_kept_whatever_the_key_ends_with(self, objects, media_type):
        objects.put("emails/1.html", b"<p>", media_type)
        assert Object(b"<p>", media_type) == objects.get("emails/1.html")

    def test_an_unknown_key_has_no_object(self, objects):
        objects.put("boards/1/board.png", b"x", "image/png")
        assert objects.get("boards/1/board.svg") is None
        assert objects.get("boards/1") is None
        assert objects.get("boards/1/board.png/deeper") is None

    def test_a_second_put_replaces_data_and_media_type(self, objects):
        objects.put("a/b.html", b"long before", "application/x-odd")
        objects.put("a/b.html", b"now", "text/html; charset=utf-8")
        assert Object(b"now", "text/html; charset=utf-8") == objects.get("a/b.html")

    def test_objects_outlive_the_engine(self, reopen):
        first = reopen()
        first.put("a/b", b"kept", "text/x-odd")
        first.close()
        assert Object(b"kept", "text/x-odd") == reopen().get("a/b")

    def test_an_empty_object_is_an_object(self, objects):
        objects.put("a/empty.txt", b"", "text/plain; charset=utf-8")
        assert Object(b"", "text/plain; charset=utf-8") == objects.get("a/empty.txt")

    def test_deleting_a_prefix_removes_what_begins_with_it_and_nothing_else(self, objects):
        for key in ("emails/s1/1.html", "emails/s1/1.txt", "emails/s1/12.html", "emails/s2/1.html", "emails/s1/2"):
            objects.put(key, b"x", "text/x-odd")
        assert objects.delete("emails/s1/1.") == 2
        assert objects.get("emails/s1/1.html") is None
        assert objects.get("emails/s1/12.html") is not None
        assert objects.delete("emails/s1/") == 2
        assert objects.get("emails/s2/1.html") is not None
        assert objects.delete("emails/s1/") == 0

    def test_a_key_can_be_used_again_after_deletion(self, objects):
        objects.put("a/b/c.html", b"1", "text/x-odd")
        objects.delete("a/b/")
        objects.put("a/b/c.html", b"2", "text/html; charset=utf-8")
        assert Object(b"2", "text/html; charset=utf-8") == objects.get("a/b/c.html")

    @pytest.mark.parametrize(
        "key", ["", "/etc/passwd", "../x", "a/../x", "a//b", "a/.hidden", ".incoming/x", "a/", "A", "a b", "a\0b", "é"]
    )
    def test_a_key_that_is_not_ours_is_refused(self, objects, key):
        for act in (lambda: objects.put(key, b"x", "text/plain"), lambda: objects.get(key)):
            with pytest.raises(InvalidInputError):
                act()

    @pytest.mark.parametrize("prefix", ["", "/", "../", ".", "a//"])
    def test_a_prefix_that_is_not_ours_is_refused(self, objects, prefix):
        with pytest.raises(InvalidInputError):
            objects.delete(prefix)

    def test_a_reader_never_sees_half_of_an_object(self, objects):
        versions = [Object(bytes([n]) * 300_000, f"text/x-{n}") for n in range(2)]
        objects.put("a/b", versions[0].data, versions[0].media_type)
        writing = threading.Event()

        def write():
            for n in range(60):
                objects.put("a/b", versions[n % 2].data, versions[n % 2].media_type)
            writing.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not writing.is_set():
            assert objects.get("a/b") in versions
        writer.join()


def test_nothing_is_stored_when_the_disk_fails_and_it_recovers(tmp_path, monkeypatch):
    objects = FileObjects(tmp_path)
    objects.put("a/b.txt", b"before", "text/plain")

    def no_room(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", no_room)
        with pytest.raises(UnavailableError, match="No space left"):
            objects.put("a/b.txt", b"after", "text/plain")
    assert Object(b"before", "text/plain") == objects.get("a/b.txt")
    assert list((tmp_path / ".incoming").iterdir()) == []
    objects.put("a/b.txt", b"after", "text/plain")
    assert Object(b"after", "text/plain") == objects.get("a/b.txt")


def test_what_a_killed_put_left_behind_is_swept_when_it_is_old(tmp_path):
    FileObjects(tmp_path)
    old, young = tmp_path / ".incoming" / "old", tmp_path / ".incoming" / "young"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    FileObjects(tmp_path)
    assert [young] == list((tmp_path / ".incoming").iterdir())


def test_deleting_leaves_no_empty_directories(tmp_path):
    objects = FileObjects(tmp_path)
    objects.put("boards/s1/1/board.png", b"x", "image/png")
    objects.delete("boards/s1/1/")
    assert [path.name for path in tmp_path.iterdir()] == [".incoming"]


@pytest.mark.servers
class TestS3Away:
    """The store may go away, hang, or refuse; it is said as such, in bounded time."""

    def test_a_dead_store_is_unavailable_and_serves_again_when_it_is_back(self, start_server):
        server = start_server("s3")
        objects = S3Objects(server.url)
        objects.put("a/b.txt", b"before", "text/plain")
        server.kill()
        for act in (lambda: objects.put("a/b.txt", b"x", "text/plain"), lambda: objects.get("a/b.txt")):
            with pytest.raises(UnavailableError):
                act()
        server.start()
        assert Object(b"before", "text/plain") == objects.get("a/b.txt")
        objects.close()

    def test_a_wrong_password_is_unavailable_and_the_password_is_not_said(self, s3_url):
        user, _, rest = s3_url.partition("@")
        objects = S3Objects(f"{user.rpartition(':')[0]}:not-the-secret@{rest}")
        with pytest.raises(UnavailableError) as refused:
            objects.put("a/b.txt", b"x", "text/plain")
        assert "not-the-secret" not in str(refused.value)
        objects.close()

    def test_more_than_a_page_of_objects_is_deleted(self, s3_url):
        objects = S3Objects(s3_url)
        prefix = f"many/{uuid.uuid4()}/"
        for n in range(1005):
            objects.put(f"{prefix}{n}", b"", "text/plain")
        assert objects.delete(prefix) == 1005
        assert objects.get(f"{prefix}1004") is None
        objects.close()


def test_a_url_without_a_bucket_is_refused():
    with pytest.raises(UsageError, match="BUCKET"):
        S3Objects("s3://127.0.0.1:1/")
