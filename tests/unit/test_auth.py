"""API keys: a key works for its shop and scopes, until it expires or is revoked; every refusal looks the same."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared import auth
from shared.auth import AuthenticationError, create_key, list_keys, revoke
from shared.clock import FixedClock
from shared.counters.limits_memory import MemoryLimiter
from shared.errors import ConflictError, NotFoundError, UsageError
from shared.history.sqlite import SqliteHistory
from shared.unsubscribe import sign, verify
from shared.web.attempts import Attempts
from shared.web.authenticator import Authenticator, in_query

NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)


@pytest.fixture
def history(tmp_path: Path):
    history = SqliteHistory(tmp_path / "history.db")
    yield history
    history.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


def authenticator(history: SqliteHistory, clock: FixedClock) -> Authenticator:
    return Authenticator(
        lambda text: auth.verify_key(history, text, "test", clock), clock, Attempts(MemoryLimiter(), 30)
    )


def make(history: SqliteHistory, clock: FixedClock, shop: str = "demo", scopes: tuple[str, ...] = ("events:write",)):
    return create_key(history, shop, scopes, "test", clock)


def test_a_key_speaks_for_its_shop_with_its_scopes(history: SqliteHistory, clock: FixedClock) -> None:
    text, document = make(history, clock)

    who = authenticator(history, clock).authenticate(text)

    assert ("demo", document.id, True, False) == (
        who.shop,
        who.key_id,
        who.may("events:write"),
        who.may("graph:read"),
    )


def test_admin_may_do_all(history: SqliteHistory, clock: FixedClock) -> None:
    text, _ = make(history, clock, scopes=("admin",))

    assert all(authenticator(history, clock).authenticate(text).may(scope) for scope in auth.Scope)


def test_the_text_of_a_key_is_kept_nowhere(history: SqliteHistory, clock: FixedClock) -> None:
    text, document = make(history, clock)

    assert text.split("_")[3] not in json.dumps(dict(document.body))


@pytest.mark.parametrize("change", ["", "tg_test_x", "last", "secret", "id"])
def test_what_is_not_a_key_is_refused(history: SqliteHistory, clock: FixedClock, change: str) -> None:
    text, _ = make(history, clock)
    other, _ = make(history, clock)
    forged = "_".join([*text.split("_")[:2], other.split("_")[2], text.split("_")[3]])
    texts = {"last": text[:-1] + ("0" if text[-1] != "0" else "1"), "secret": text.replace(text[25], "é"), "id": forged}

    with pytest.raises(AuthenticationError):
        authenticator(history, clock).authenticate(texts.get(change, change))


def test_a_key_with_a_right_checksum_but_a_wrong_secret_is_refused(history: SqliteHistory, clock: FixedClock) -> None:
    text, _ = make(history, clock)
    body = "_".join([*text.split("_")[:3], "A" * 43])

    with pytest.raises(AuthenticationError):
        authenticator(history, clock).authenticate(body + auth._checksum(body))


def test_a_revoked_key_works_no_more(history: SqliteHistory, clock: FixedClock) -> None:
    text, document = make(history, clock)

    revoke(history, document.id, clock)

    with pytest.raises(AuthenticationError):
        authenticator(history, clock).authenticate(text)


def test_a_key_ends_at_its_moment(history: SqliteHistory, clock: FixedClock) -> None:
    text, _ = create_key(history, "demo", ["events:write"], "test", clock, NOW + timedelta(days=1))

    assert "demo" == authenticator(history, clock).authenticate(text).shop
    clock.moment = NOW + timedelta(days=1)
    with pytest.raises(AuthenticationError):
        authenticator(history, clock).authenticate(text)


def test_keys_are_listed_by_shop(history: SqliteHistory, clock: FixedClock) -> None:
    make(history, clock)
    make(history, clock, "other")

    assert (["other"], 2) == ([key.body["shop"] for key in list_keys(history, "other")], len(list_keys(history)))


@pytest.mark.parametrize(("shop", "scope"), [("Demo", "admin"), ("", "admin"), ("demo", "everything")])
def test_a_name_that_is_none_is_refused(history: SqliteHistory, clock: FixedClock, shop: str, scope: str) -> None:
    with pytest.raises(UsageError):
        make(history, clock, shop, (scope,))


def test_an_unknown_key_cannot_be_revoked(history: SqliteHistory, clock: FixedClock) -> None:
    with pytest.raises(NotFoundError):
        revoke(history, "x" * 12, clock)


def test_many_threads_may_ask_at_once(history: SqliteHistory, clock: FixedClock) -> None:
    text, _ = make(history, clock)
    guard = authenticator(history, clock)

    with ThreadPoolExecutor(8) as pool:
        shops = {who.shop for who in pool.map(guard.authenticate, [text] * 200)}

    assert {"demo"} == shops


def test_an_unsubscribe_token_names_its_recipient_and_bears_no_change() -> None:
    token = sign("demo", "ann", "k" * 32)

    assert ("demo", "ann") == verify(token, "k" * 32)
    assert token == sign("demo", "ann", "k" * 32)
    for broken in (token[:-2], token + "x", "", "é", "a.b", sign("demo", "ann", "j" * 32)):
        with pytest.raises(NotFoundError):
            verify(broken, "k" * 32)


DAY = timedelta(days=1)


def works(history: SqliteHistory, clock: FixedClock, text: str) -> bool:
    try:
        auth.verify_key(history, text, "test", clock)
    except AuthenticationError:
        return False
    return True


def test_a_rotated_key_and_its_successor_both_work_for_the_overlap(history: SqliteHistory, clock: FixedClock) -> None:
    old, document = create_key(history, "demo", ["graph:read"], "test", clock, NOW + 90 * DAY, "front")

    new, made = auth.rotate(history, document.id, DAY, "test", clock)

    assert (["graph:read"], "front") == (made.body["scopes"], made.body["name"])
    assert (True, True) == (works(history, clock, old), works(history, clock, new))
    clock.moment = NOW + DAY
    assert (False, True) == (works(history, clock, old), works(history, clock, new))
    clock.moment = NOW + 90 * DAY
    assert not works(history, clock, new)


def test_two_keys_of_a_line_live_at_most(history: SqliteHistory, clock: FixedClock) -> None:
    first, document = make(history, clock)
    second, next_ = auth.rotate(history, document.id, DAY, "test", clock)
    third, _ = auth.rotate(history, next_.id, DAY, "test", clock)

    assert [False, True, True] == [works(history, clock, text) for text in (first, second, third)]


def test_a_key_whose_place_is_taken_or_that_works_no_more_is_not_rotated(
    history: SqliteHistory, clock: FixedClock
) -> None:
    _, old = make(history, clock)
    _, new = auth.rotate(history, old.id, DAY, "test", clock)
    revoke(history, new.id, clock)

    for key_id in (old.id, new.id):
        with pytest.raises(ConflictError):
            auth.rotate(history, key_id, DAY, "test", clock)
    with pytest.raises(NotFoundError):
        auth.rotate(history, old.id, DAY, "test", clock, shop="other")


def test_the_use_of_a_key_is_written_down_once_a_minute_and_never_over_a_revocation(
    history: SqliteHistory, clock: FixedClock
) -> None:
    _, key = make(history, clock)

    assert auth.last_used(history, key.id) is None
    for seconds in (0, 30, 59, 61):
        clock.moment = NOW + timedelta(seconds=seconds)
        auth.note_use(history, key.id, clock)

    written = history.get(auth.USES, "-", key.id)
    assert (2, auth.last_used(history, key.id)) == (written.version, written.body["at"])
    assert 1 == history.get(auth.COLLECTION, "-", key.id).version


def test_a_key_that_was_seen_is_trusted_no_longer_than_it_lives(history: SqliteHistory, clock: FixedClock) -> None:
    text, _ = create_key(history, "demo", ["events:write"], "test", clock, NOW + timedelta(seconds=1))
    guard = authenticator(history, clock)
    guard.authenticate(text)

    clock.moment = NOW + timedelta(seconds=1)
    with pytest.raises(AuthenticationError):
        guard.authenticate(text)


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("access_token", "x", True),
        ("API_KEY", "x", True),
        ("q", "tg_test_abcdefghijkl_" + "A" * 51, True),
        ("q", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", True),
        ("key", "Grocery/Dairy", False),
        ("page_token", "WyJ1c2VycyIsICJhIl0", False),
    ],
)
def test_a_credential_in_a_url_is_seen(name: str, value: str, refused: bool) -> None:  # noqa: FBT001 (a case's outcome)
    assert refused == in_query({name: value})
