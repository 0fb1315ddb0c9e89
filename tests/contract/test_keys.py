"""Keys and the audit trail on every history: rotated by one of many, used and revoked at once, never undone."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared import audit, auth
from shared.clock import FixedClock
from shared.errors import ConflictError, TastegraphError

CLOCK = FixedClock(datetime(2026, 11, 3, 10, tzinfo=UTC))
DAY = timedelta(days=1)


@pytest.fixture
def history(new_history):
    history = new_history()()
    yield history
    history.close()


def rotated(history, id):
    try:
        return auth.rotate(history, id, DAY, "test", CLOCK)[1].id
    except ConflictError:
        return None


def test_of_many_who_rotate_a_key_at_once_one_does(history):
    _, key = auth.create_key(history, "demo", ["admin"], "test", CLOCK)
    with ThreadPoolExecutor(8) as pool:
        made = [id for id in pool.map(lambda _: rotated(history, key.id), range(8)) if id]
    living = [each.id for each in auth.list_keys(history, "demo") if each.body["revoked_at"] is None]
    assert (1, {key.id, *made}) == (len(made), set(living))
    assert made[0] == history.get(auth.COLLECTION, "-", key.id).body["replaced_by"]


def used(history, id):
    with contextlib.suppress(TastegraphError):
        auth.note_use(history, id, CLOCK)


def test_a_use_never_undoes_a_revocation_and_is_written_once(history):
    text, key = auth.create_key(history, "demo", ["admin"], "test", CLOCK)
    with ThreadPoolExecutor(8) as pool:
        uses = [pool.submit(used, history, key.id) for _ in range(20)]
        auth.revoke(history, key.id, CLOCK)
        assert [None] * 20 == [use.result() for use in uses]
    with pytest.raises(auth.AuthenticationError):
        auth.verify_key(history, text, "test", CLOCK)
    assert 1 == history.get(auth.USES, "-", key.id).version


def test_the_trail_keeps_its_order_and_its_shops_apart(history):
    for number in range(5):
        audit.note(history, CLOCK, "demo", "k", "key.created", str(number))
    audit.note_for_all(history, CLOCK, ["demo", "other"], audit.GRAPH, "graph.rebuilt")
    first = audit.trail(history, "demo", page_size=4)
    rest = audit.trail(history, "demo", page_token=first.next_token, page_size=4)
    assert ["", "4", "3", "2", "1", "0"] == [each.body["target"] for each in [*first.items, *rest.items]]
    assert 1 == len(audit.trail(history, "other").items)
