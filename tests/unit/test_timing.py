"""A request's time runs from when it had come in: what it waited for a thread is gone from it."""

import pytest
from flask import Flask

from shared.clock import monotonic
from shared.deadlines import within
from shared.errors import DeadlineError
from shared.web.admission import Place, seat
from shared.web.timing import bound_in_time


@pytest.fixture
def app():
    app = Flask(__name__)
    bound_in_time(app, 30)
    app.add_url_rule("/", view_func=lambda: str(within(60)))
    yield app.test_client()
    seat(None)


def waiting(seconds):
    seat(Place(lambda: None, lambda: None, monotonic() - seconds))


def test_who_waited_has_what_is_left(app):
    waiting(10)
    assert 15 < float(app.get("/").text) <= 20


def test_who_waited_too_long_has_nothing_left(app):
    waiting(31)
    app.application.testing = True
    with pytest.raises(DeadlineError):
        app.get("/")


def test_who_did_not_wait_has_all_of_it(app):
    assert 25 < float(app.get("/").text) <= 30
