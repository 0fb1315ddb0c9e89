"""Admission: who is worked for, who waits, who is refused; and what can be said of a request that is coming in."""

from __future__ import annotations

import socket

import pytest

from shared.web.admission import COMMITTED_SECONDS, PATIENCE_SECONDS, Admission, Bounds, Priority, Ticket, priority_of
from shared.web.arriving import Arriving


@pytest.mark.parametrize(
    ("method", "target", "priority"),
    [
        ("GET", "/livez", Priority.HEALTH),
        ("GET", "/readyz?verbose", Priority.HEALTH),
        ("POST", "/v1/purchases", Priority.WRITE),
        ("DELETE", "/v1/users/ann", Priority.WRITE),
        ("GET", "/v1/users/ann?x=/v1/keys", Priority.READ),
        ("OPTIONS", "/v1/purchases", Priority.READ),
        ("GET", "/", Priority.READ),
        ("POST", "/v1/keys", Priority.ADMIN),
        ("GET", "/v1/users/ann/export", Priority.ADMIN),
        ("POST", "/v1/graph/rebuild", Priority.ADMIN),
        ("GET", "/v1/graph/neighbourhood", Priority.READ),
    ],
)
def test_writes_go_before_reads_before_admin_and_health_before_all(method, target, priority):
    assert priority == priority_of(method, target)


def everybody(admission):
    found = []
    while (one := admission.next()) is not None:
        found.append(one)
    return found


WRITE, READ, ADMIN, HEALTH = (
    Ticket(Priority.WRITE),
    Ticket(Priority.READ),
    Ticket(Priority.ADMIN, narrow=True),
    Ticket(Priority.HEALTH),
)


def full(working=4, waiting=4):
    """An admission whose places to work are taken by reads."""
    admission = Admission(Bounds(working, waiting), now=lambda: 0.0)  # nobody has waited long
    assert {None} == {admission.offer(f"working {n}", READ) for n in range(working)}
    assert working == len(everybody(admission))
    return admission


def test_of_those_who_wait_writes_are_worked_for_first_and_admin_last():
    admission = full()
    assert {None} == {admission.offer(name, ticket) for name, ticket in [("a", ADMIN), ("r", READ), ("w", WRITE)]}
    assert [] == everybody(admission)
    for expected in ("w", "r", "a"):
        admission.done(READ)
        assert expected == admission.next()


def test_the_last_places_to_wait_are_kept_for_who_goes_before():
    admission = full(waiting=4)
    offered = [("r1", READ), ("a", ADMIN), ("r2", READ), ("r3", READ), ("w1", WRITE), ("w2", WRITE), ("w3", WRITE)]
    assert [None, "a", None, "r3", None, None, "w3"] == [admission.offer(*each) for each in offered]


def standing(now):
    """An admission at a time, whose queue holds a read and two writes that came at 0."""
    admission = Admission(Bounds(1, 4), now=lambda: now)
    assert admission.offer("working", READ) is None
    assert "working" == admission.next()
    for name, priority in [("r", Priority.READ), ("w1", Priority.WRITE), ("w2", Priority.WRITE)]:
        assert admission.offer(name, Ticket(priority, since=0.0)) is None
    return admission


def test_who_has_waited_long_makes_way_for_who_comes_but_never_for_who_goes_after():
    admission = standing(now=PATIENCE_SECONDS)
    assert "late admin" == admission.offer("late admin", ADMIN)
    assert admission.offer("w3", Ticket(Priority.WRITE, since=0.0)) is None
    assert "r" == admission.offer("w4", WRITE)
    assert "r2" == admission.offer("r2", READ)
    assert "w5" == admission.offer("w5", WRITE)


def test_who_has_not_waited_long_keeps_the_place():
    assert "r2" == standing(now=PATIENCE_SECONDS - 0.001).offer("r2", READ)


def test_who_has_waited_too_long_for_a_refusal_to_be_of_use_is_not_refused_any_more():
    assert "r2" == standing(now=COMMITTED_SECONDS).offer("r2", READ)


def test_behind_who_stays_the_next_who_has_waited_long_makes_way():
    admission = Admission(Bounds(1, 4), now=lambda: COMMITTED_SECONDS)
    assert admission.offer("working", READ) is None
    assert "working" == admission.next()
    for name, since in [("stays", 0.0), ("makes way", COMMITTED_SECONDS - PATIENCE_SECONDS)]:
        assert admission.offer(name, Ticket(Priority.READ, since=since)) is None
    assert "makes way" == admission.offer("comes", Ticket(Priority.READ, since=COMMITTED_SECONDS))


def test_of_those_who_stay_one_at_a_time_goes_before_writes():
    admission = Admission(Bounds(2, 8), now=lambda: COMMITTED_SECONDS)
    late = [Ticket(Priority.READ, since=0.0) for _ in range(2)]
    for name, ticket in [("r1", late[0]), ("r2", late[1]), ("w1", WRITE), ("w2", WRITE)]:
        assert admission.offer(name, ticket) is None
    assert ["r1", "w1", None] == [admission.next() for _ in range(3)]
    admission.done(WRITE)
    assert "w2" == admission.next()
    admission.done(late[0])
    assert "r2" == admission.next()


def test_health_is_worked_for_though_everybody_else_waits():
    admission = full(waiting=0)
    assert "read" == admission.offer("read", READ)
    assert admission.offer("health", HEALTH) is None
    assert "health" == admission.next()


def test_what_could_hold_a_thread_for_long_has_half_of_them():
    admission = Admission(Bounds(3, 8))
    assert {None} == {admission.offer(f"admin {n}", ADMIN) for n in range(3)}
    assert admission.offer("read", READ) is None
    assert ["read", "admin 0", "admin 1"] == everybody(admission)
    admission.done(ADMIN)
    assert "admin 2" == admission.next()


def arrived(*pieces):
    """What is known after each piece that came in."""
    one, found = Arriving(), []
    near, far = socket.socketpair()
    with near, far:
        far.settimeout(0)
        for piece in pieces:
            near.sendall(piece)
            assert one.listen(far)
            found.append(one.arrived())
    return found


def test_a_request_is_decided_on_when_all_of_a_small_body_is_there():
    head = b"POST /v1/users HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\n\r\n"
    none, still_none, whole = arrived(head[:20], head[20:] + b"12", b"34")

    assert (None, None) == (none, still_none)
    assert (WRITE, True, False) == (whole.ticket, whole.whole, whole.closing)


@pytest.mark.parametrize(
    "head", ["Content-Length: 1000000", "Transfer-Encoding: chunked", "Expect: 100-continue\r\nContent-Length: 3"]
)
def test_a_body_that_is_long_or_does_not_say_how_long_is_received_by_a_thread_and_few_of_them(head):
    (found,) = arrived(f"POST /v1/users HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode())

    assert (True, False) == (found.ticket.narrow, found.whole)


def test_a_head_without_an_end_is_not_kept_for_ever():
    pieces = arrived(b"GET /", *[b"x" * 30_000] * 3)

    assert [None, None, None] == pieces[:3]
    assert pieces[3] is not None


def test_a_question_about_health_that_brings_a_body_is_no_such_question():
    (found,) = arrived(b"GET /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")

    assert Priority.WRITE == found.ticket.priority
