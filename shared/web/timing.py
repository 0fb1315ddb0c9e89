"""The time that a request has: what it waits for gets what is left of it."""

from __future__ import annotations

from flask import Flask

from shared import deadlines
from shared.web.admission import waited


def bound_in_time(app: Flask, seconds: float) -> None:
    """Give every request so many seconds, its wait for a thread included; an answer in pieces may take its time."""

    @app.before_request
    def begin() -> None:
        deadlines.begin(seconds - waited())

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        deadlines.end()
