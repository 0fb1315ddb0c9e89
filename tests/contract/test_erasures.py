"""What was made for a person goes with its objects, on every object store, whatever happens meanwhile."""

import uuid

import pytest

from shared.erasures import ERASURES, forget_made, standing, unless_erased
from shared.errors import UnavailableError
from shared.history.sqlite import SqliteHistory
from shared.objects.files import FileObjects
from shared.objects.s3 import S3Objects


@pytest.fixture(params=["files", pytest.param("s3", marks=pytest.mark.servers)])
def objects(request, tmp_path):
    if request.param == "files":
        return FileObjects(tmp_path / "objects")
    server, _, query = request.getfixturevalue("s3_url").partition("?")
    return S3Objects(f"{server.rpartition('/')[0]}/{uuid.uuid4()}?{query}")


@pytest.fixture
def documents(tmp_path):
    history = SqliteHistory(tmp_path / "history.db")
    yield history
    history.close()


def make(collection: str, user: str, number: int, documents, objects) -> str:
    """Keep an email or a board as their services do; return where its objects are."""
    folder, places = f"{collection}/shop-1/{user}-{number}", "files" if collection == "emails" else "pictures"
    for name in ("one.html", "two.png", "drawn-later@2x.png"):
        objects.put(f"{folder}/{name}", b"personal", "text/plain")
    told = [{"file": name, "key": f"{folder}/{name}"} for name in ("one.html", "two.png")]
    documents.put(collection, "shop", f"{user}-{number}", {"user_id": user, places: told})
    return folder


def left(folders: list[str], objects) -> int:
    names = ("one.html", "two.png", "drawn-later@2x.png")
    return sum(objects.get(f"{folder}/{name}") is not None for folder in folders for name in names)


def test_all_that_was_made_for_a_person_is_deleted_with_its_objects_and_nothing_else(documents, objects):
    made = [make(kind, "ann", n, documents, objects) for kind in ("emails", "boards") for n in range(3)]
    documents.put("emails", "shop", "skipped", {"user_id": "ann", "status": "skipped"})
    others = [make("emails", user, 0, documents, objects) for user in ("bob", "anna")]
    forget_made("shop", "ann", documents, objects)
    forget_made("shop", "ann", documents, objects)
    assert (0, 6) == (left(made, objects), left(others, objects))
    for kind in ("emails", "boards"):
        assert documents.find(kind, "shop", {"user_id": "ann"}).items == ()


def test_objects_go_before_their_document_so_that_a_repetition_finds_them(documents, objects, monkeypatch):
    folder = make("emails", "ann", 0, documents, objects)
    with monkeypatch.context() as broken:

        def killed(*_):
            raise UnavailableError("killed")

        broken.setattr(type(objects), "delete", killed)
        with pytest.raises(UnavailableError):
            forget_made("shop", "ann", documents, objects)
    assert documents.get("emails", "shop", "ann-0") is not None
    forget_made("shop", "ann", documents, objects)
    assert left([folder], objects) == 0


def make_while_erased(documents, objects) -> None:
    with unless_erased("shop", "ann", documents, objects):
        make("boards", "ann", 0, documents, objects)
        documents.put(ERASURES, "shop", "ann", {"before": 5})


def test_what_an_erasure_crossed_is_forgotten_and_must_be_made_anew(documents, objects):
    with pytest.raises(UnavailableError, match="erased while"):
        make_while_erased(documents, objects)
    assert left(["boards/shop-1/ann-0"], objects) == 0
    with unless_erased("shop", "ann", documents, objects):
        folder = make("boards", "ann", 1, documents, objects)
    assert left([folder], objects) == 3


def test_an_erasure_is_under_way_until_it_is_finished(documents):
    steps = [standing("shop", "ann", documents)]
    for mark in ({"before": 5}, {"before": 5}, {"before": 5, "finished": 5}, {"before": 7, "finished": 5}):
        documents.put(ERASURES, "shop", "ann", mark)
        steps.append(standing("shop", "ann", documents))
    assert [0, 1, 2, 3, 4] == [each.step for each in steps]
    assert [False, True, True, False, True] == [each.under_way for each in steps]
