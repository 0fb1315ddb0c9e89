"""A large file's events wait in the ledger and reach the graph at once, whatever comes in between."""

from __future__ import annotations

import pytest
from unit.graph_ground import bought, erased, graph, published, times

from services.graph import backfill
from services.graph.handlers import project
from services.graph.rebuild import verify
from shared.errors import UnavailableError


@pytest.fixture
def ports(tmp_path):
    with graph(tmp_path) as ports:
        yield ports


def take_in(ports, *envelopes) -> None:
    project(published(ports, *envelopes), ports)


def test_events_wait_in_the_ledger_until_the_backfill_ends(ports):
    backfill.begin(ports)
    take_in(ports, bought("1"), bought("2"))
    recorded, shown = len(ports.history.entries), times(ports)
    backfill.end(ports)

    assert (2, 0) == (recorded, shown)
    assert times(ports) == 2
    assert verify(ports).equal
    assert not backfill.was_left(ports)


def test_what_comes_again_during_a_backfill_counts_once(ports):
    backfill.begin(ports)
    received = published(ports, bought("1"))
    project(received, ports)
    project(received, ports)
    backfill.end(ports)
    project(received, ports)

    assert times(ports) == 1


def test_a_graph_compared_during_a_backfill_is_equal_as_far_as_it_goes(ports):
    take_in(ports, bought("1"))
    backfill.begin(ports)
    take_in(ports, bought("2"))

    assert verify(ports).equal
    assert times(ports) == 1


def test_what_is_recorded_while_the_graph_is_filled_is_projected_before_the_end(ports):
    backfill.begin(ports)
    take_in(ports, bought("1"))
    later = published(ports, bought("2"))

    def meanwhile(*_):
        if later:
            project([later.pop()], ports)

    backfill.end(ports, meanwhile)
    take_in(ports, bought("3"))

    assert times(ports) == 3
    assert ports.knowledge.watermarks() == ports.history.watermarks()


def test_the_first_of_two_backfills_to_end_shows_its_events_and_lets_the_other_go_on(ports):
    backfill.begin(ports)
    backfill.begin(ports)
    take_in(ports, bought("1"))
    backfill.end(ports)
    shown = times(ports)
    take_in(ports, bought("2"))
    waiting = times(ports)
    backfill.end(ports)

    assert (1, 1, 2) == (shown, waiting, times(ports))


def test_a_process_killed_in_a_backfill_leaves_a_note_that_the_next_one_follows(ports):
    backfill.begin(ports)
    take_in(ports, bought("1"))
    ports.backfills.under_way = 0  # the next process knows of none
    left = backfill.was_left(ports)
    backfill.resume(ports)

    assert left
    assert times(ports) == 1
    assert not backfill.was_left(ports)


def test_what_is_resumed_leaves_a_backfill_begun_meanwhile_its_note(ports):
    backfill.begin(ports)
    take_in(ports, bought("1"))
    backfill.resume(ports)

    assert backfill.was_left(ports)
    assert times(ports) == 1


def test_an_end_that_fails_leaves_the_backfill_under_way(ports, monkeypatch):
    backfill.begin(ports)
    take_in(ports, bought("1"))

    def unavailable(*_):
        raise UnavailableError("no disk")

    with monkeypatch.context() as patch:
        patch.setattr(ports.history, "delete", unavailable)
        with pytest.raises(UnavailableError):
            backfill.end(ports)
    under_way = ports.backfills.under_way
    backfill.end(ports)

    assert under_way == 1
    assert (ports.backfills.under_way, times(ports)) == (0, 1)


def test_an_erasure_during_a_backfill_takes_effect_at_once_and_stays(ports):
    take_in(ports, bought("1", days=2))
    backfill.begin(ports)
    take_in(ports, bought("2", days=1))
    take_in(ports, erased())
    gone = times(ports)
    backfill.end(ports)

    assert (0, 0) == (gone, times(ports))
    assert verify(ports).equal


def test_it_is_worthwhile_for_a_file_that_is_not_small_beside_what_is_there(ports):
    take_in(ports, *(bought(str(number)) for number in range(30)))

    assert backfill.is_worthwhile(10, ports)
    assert not backfill.is_worthwhile(9, ports)
