"""The time that a request has: what it waits for gets what is left of it."""

from __future__ import annotations

from flask import Flask

from shared import deadlines


def bound_in_time(app: Flask, seconds: float) -> None:
    """Give every request so many seconds; an answer that is sent piece by piece may take its time."""

    @app.before_request
    def begin() -> None:
        deadlines.begin(seconds)

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        deadlines.end()
