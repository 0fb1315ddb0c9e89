"""Asking over every bus: the reply reaches the gateway that asked, is kept once, and never crosses (FAULTS 39)."""

import threading
import time
import uuid
from contextlib import ExitStack
from functools import partial

import pytest

from services.gateway.asking import JOBS, Asker, AskerPorts
from services.gateway.wiring import GROUP
from shared.breakers import Breakers
from shared.bus.deadletters import list_dead_letters, replay
from shared.bus.dispatch import Patience, each
from shared.clock import SystemClock
from shared.contracts.codec import encode
from shared.contracts.requests import EmailRequested, Replied, ReplyStatus
from shared.contracts.topics import EMAIL_REQUESTS, REPLIES
from shared.history.sqlite import SqliteHistory
from shared.replies import give_up, reply

QUICK = Patience(attempts=2, first_pause=0.01, longest_pause=0.02)


@pytest.fixture
def history(tmp_path):
    history = SqliteHistory(tmp_path / "history.db")
    yield history
    history.close()


@pytest.fixture
def gateways(bus, history):
    """Start gateways on one bus, as many as are asked for, ready to ask."""
    with ExitStack() as stopping:

        def start(wait=10.0):
            asker = Asker(AskerPorts(bus, history, SystemClock()), wait, Breakers())
            handler = each(asker.on_reply, bus=bus, group=GROUP)
            subscriptions = [bus.subscribe(GROUP, [REPLIES], handler), bus.listen(REPLIES, asker.hear)]
            for one in subscriptions:
                stopping.callback(one.stop)
            until(lambda: not any(one.unready() for one in subscriptions))
            return asker

        yield start


@pytest.fixture
def answering(bus):
    """Answer email requests: so many times each, after a while, as another shop if told to."""

    def start(times=1, after=0.0, shop=None):
        def answer(envelope):
            time.sleep(after)
            reply = Replied(
                request_id=envelope.data.request_id, status="done", result={"asked": envelope.correlation_id}
            )
            message = encode(envelope.answering(reply, id=f"{envelope.id}:reply"))
            if shop:
                forged = message.value.replace(b"/shops/acme/", f"/shops/{shop}/".encode())
                message = type(message)(message.topic, f"{shop}|u1".encode(), forged, message.headers)
            bus.publish([message] * times)

        until(bus.subscribe("email", [EMAIL_REQUESTS], each(answer, bus=bus, group="email")).unready, none=True)

    return start


def until(condition, seconds=20.0, *, none=False):
    deadline = time.monotonic() + seconds
    while bool(condition()) == none:
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def request():
    return EmailRequested(request_id=uuid.uuid4().hex, user_id="u1")


def test_of_several_gateways_each_gets_the_replies_to_what_it_asked(gateways, answering, history):
    askers = [gateways() for _ in range(3)]
    answering()
    got = {}

    def ask(asker):
        for _ in range(5):
            asked = request()
            got[asked.request_id] = asker.ask("acme", asked, "c")

    threads = [threading.Thread(target=ask, args=(asker,)) for asker in askers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 15
    assert all(reply is not None and reply.request_id == id for id, reply in got.items())
    assert {history.get(JOBS, "acme", id).body["status"] for id in got} == {"done"}


def test_a_reply_that_comes_late_is_kept_for_the_job_though_its_gateway_is_gone(gateways, answering, history):
    gateways()
    asked, asker = request(), gateways(wait=0.05)
    answering(after=0.5)
    assert asker.ask("acme", asked, "c") is None
    assert history.get(JOBS, "acme", asked.request_id).body["status"] == "pending"
    until(lambda: history.get(JOBS, "acme", asked.request_id).body["status"] == "done")


def test_a_request_that_crashes_whoever_takes_it_ends_its_job_and_a_replay_ends_it_otherwise(gateways, bus, history):
    asked, asker, broken = request(), gateways(), threading.Event()
    broken.set()

    def answer(envelope):
        if broken.is_set():
            raise KeyError("a mistake of ours")
        reply(envelope, ReplyStatus.DONE, bus, SystemClock(), kind="email")

    handler = each(answer, bus=bus, group="email", patience=QUICK, giving_up=partial(give_up, bus=bus))
    until(bus.subscribe("email", [EMAIL_REQUESTS], handler).unready, none=True)
    assert asker.ask("acme", asked, "c") is None
    job = history.get(JOBS, "acme", asked.request_id).body
    assert ("failed", "parked") == (job["status"], job["problem"]["code"])
    until(lambda: list_dead_letters(bus))
    broken.clear()
    replay(bus, [list_dead_letters(bus)[0].id])
    until(lambda: history.get(JOBS, "acme", asked.request_id).body["status"] == "done")
    assert history.get(JOBS, "acme", asked.request_id).body["problem"] is None


def test_a_reply_that_comes_twice_changes_nothing_the_second_time(gateways, answering, history):
    asked, asker = request(), gateways()
    answering(times=3)
    assert asker.ask("acme", asked, "c").status == "done"
    version = history.get(JOBS, "acme", asked.request_id).version
    time.sleep(0.5)
    assert version == history.get(JOBS, "acme", asked.request_id).version


def test_a_reply_to_an_earlier_asking_is_none_to_a_later_one(gateways, answering):
    """What was true when it was made may be so no longer: its reader has unsubscribed, say."""
    asked, asker = request(), gateways()
    answering(after=0.5)
    assert asker.ask("acme", asked, "first", wait=0.05) is None
    assert asker.ask("acme", asked, "second").result == {"asked": "second"}


def test_another_shops_reply_under_the_same_id_wakes_nobody(gateways, answering, history):
    asked, asker = request(), gateways(wait=2.0)
    answering(shop="other")
    assert asker.ask("acme", asked, "c") is None
    assert history.get(JOBS, "acme", asked.request_id).body["status"] == "pending"
    assert history.get(JOBS, "other", asked.request_id) is None
