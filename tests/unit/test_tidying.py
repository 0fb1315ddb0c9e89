"""The history is tidied in the background: until nothing is left, after failures too, and no longer than asked."""

import os
import sys
import threading

import pytest

from services.graph.tidying import Tidier
from shared.errors import UnavailableError

MORE, DONE = True, False


class Untidy:
    """A history that answers so, step by step, and says when it has been asked for the last time."""

    def __init__(self, *answers):
        self.answers, self.done = list(answers), threading.Event()

    def tidy(self):
        answer = self.answers.pop(0) if self.answers else DONE
        if not self.answers:
            self.done.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


def tidied(history, pause) -> bool:
    tidier = Tidier(history, pause)
    tidier.start()
    try:
        return history.done.wait(5)
    finally:
        tidier.stop()


def test_it_goes_on_while_there_is_more():
    assert tidied(Untidy(MORE, MORE, MORE, DONE), pause=60)


def test_it_looks_again_after_a_pause():
    assert tidied(Untidy(DONE, DONE), pause=0.01)


def test_it_survives_what_fails():
    assert tidied(Untidy(UnavailableError("the disk is full"), RuntimeError("a mistake"), MORE), pause=0.01)


def test_it_stops_within_a_pause():
    history = Untidy(DONE)
    tidier = Tidier(history, pause=60)
    tidier.start()
    assert history.done.wait(5)
    tidier.stop()
    assert "tidier" not in {thread.name for thread in threading.enumerate()}


def test_what_never_started_stops():
    Tidier(Untidy()).stop()


class Niceness(Untidy):
    """A history that notes with which priority it is asked."""

    def tidy(self):
        self.nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        return super().tidy()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is of a whole process")
def test_it_goes_after_those_who_answer_where_cores_are_few():
    history = Niceness(DONE)
    assert tidied(history, pause=60)
    assert os.getpriority(os.PRIO_PROCESS, 0) < history.nice
