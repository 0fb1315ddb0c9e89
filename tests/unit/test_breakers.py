"""Breakers: when a dependency is asked, when it is not, and when it is tried again."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from shared import deadlines
from shared.breakers import PAUSE_SECONDS, Breaker, Breakers, OpenError, State
from shared.errors import ConflictError, DeadlineError, OutcomeUnknownError, UnavailableError
from shared.protection import HUNG_SECONDS, Lane, Patience, _Protected


@pytest.fixture
def time_of():
    return SimpleNamespace(now=100.0)


@pytest.fixture
def breaker(time_of):
    return Breaker("knowledge", lambda: time_of.now)


def opened(breaker):
    for _ in range(3):
        breaker.ask()
        breaker.failed()
    return breaker


def test_three_failures_in_a_row_open_it_and_an_answer_between_them_does_not(breaker):
    for fails in (True, True, False, True, True):
        breaker.ask()
        breaker.failed() if fails else breaker.succeeded()
    assert State.CLOSED is breaker.state
    breaker.failed()
    assert State.OPEN is breaker.state
    with pytest.raises(OpenError):
        breaker.ask()


def test_after_a_pause_one_asks_on_trial_and_the_answer_lets_all_ask_again(breaker, time_of):
    opened(breaker)
    time_of.now += PAUSE_SECONDS
    breaker.ask()
    assert State.HALF_OPEN is breaker.state
    with pytest.raises(OpenError):
        breaker.ask()
    breaker.succeeded()
    assert State.CLOSED is breaker.state
    breaker.ask()


def test_a_trial_that_fails_begins_the_pause_anew_and_one_that_never_ends_is_followed_by_another(breaker, time_of):
    opened(breaker)
    time_of.now += PAUSE_SECONDS
    breaker.ask()
    breaker.failed()
    with pytest.raises(OpenError):
        breaker.ask()
    time_of.now += PAUSE_SECONDS
    breaker.ask()
    time_of.now += PAUSE_SECONDS
    breaker.ask()


def test_one_that_answers_others_is_slow_and_does_not_hang(breaker, time_of):
    breaker.succeeded()
    time_of.now += 1
    since = breaker.ask()
    time_of.now += 1
    breaker.succeeded()
    breaker.silent(since)
    assert State.CLOSED is breaker.state


def test_one_that_answers_nobody_is_open_within_two_seconds(breaker, time_of):
    breaker.succeeded()
    time_of.now += 60
    since = breaker.ask()
    time_of.now += HUNG_SECONDS
    breaker.silent(since)
    assert HUNG_SECONDS < 2
    assert State.OPEN is breaker.state


@pytest.fixture
def asking():
    """A dependency over the network that answers what it is asked by a socket, until it hangs."""
    with ExitStack() as stack:
        near, far = (stack.enter_context(one) for one in socket.socketpair())
        hangs = threading.Event()

        def answer():
            while far.recv(1):
                if not hangs.is_set():
                    far.sendall(b"!")

        threading.Thread(target=answer, daemon=True).start()

        def ask(error=None):
            near.sendall(b"?")
            near.recv(1)
            if error:
                raise error

        engine = SimpleNamespace(ask=ask, publish=ask, close=lambda: "closed")
        breaker = Breakers().of("knowledge")
        patience = Patience(1.8, unknown={"publish": OutcomeUnknownError})
        yield SimpleNamespace(
            ports=_Protected(engine, breaker, patience, Lane("knowledge")), breaker=breaker, hangs=hangs
        )
        near.shutdown(socket.SHUT_RDWR)


def test_a_question_to_one_that_hangs_is_given_up_and_the_next_are_refused_at_once(asking):
    asking.ports.ask()
    asking.hangs.set()
    begun = time.monotonic()
    with pytest.raises(UnavailableError, match="in time"):
        asking.ports.ask()
    assert time.monotonic() - begun < 2
    assert State.OPEN is asking.breaker.state
    begun = time.monotonic()
    with pytest.raises(OpenError):
        asking.ports.ask()
    assert time.monotonic() - begun < 0.05


def test_what_may_have_been_taken_by_one_that_hangs_is_said_to_be_unknown(asking):
    asking.ports.ask()
    asking.hangs.set()
    with pytest.raises(OutcomeUnknownError):
        asking.ports.publish()


def test_a_request_waits_for_no_longer_than_its_own_time_and_nobody_is_blamed(asking):
    asking.hangs.set()
    deadlines.begin(0.1)
    try:
        with pytest.raises(DeadlineError):
            asking.ports.ask()
    finally:
        deadlines.end()
    assert State.CLOSED is asking.breaker.state


def test_an_answer_that_something_cannot_be_is_an_answer(asking):
    for _ in range(5):
        with pytest.raises(ConflictError):
            asking.ports.ask(ConflictError("stands"))
    assert State.CLOSED is asking.breaker.state
    for _ in range(3):
        with pytest.raises(UnavailableError):
            asking.ports.ask(UnavailableError("away"))
    assert State.OPEN is asking.breaker.state
    assert "closed" == asking.ports.close()
