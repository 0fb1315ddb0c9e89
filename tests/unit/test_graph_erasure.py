"""A person erased is gone and stays so, whatever comes late, is rebuilt, or runs at the same time."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from unit.graph_ground import NOW, MemoryHistory, bought, erased, graph, published, times, updated

from services.graph.folding import quietly
from services.graph.handlers import entry_of, project
from services.graph.ports import GraphPorts
from services.graph.rebuild import rebuild, verify
from services.graph.unproved import left, unproved
from services.graph.watch import Watch
from shared.clock import FixedClock, to_ms
from shared.contracts.events import Kind
from shared.errors import UnavailableError
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge


@pytest.fixture
def ports(tmp_path):
    with graph(tmp_path) as one:
        yield one


def test_an_erased_person_is_gone_and_the_graph_still_equals_the_ledger(ports):
    project(published(ports, bought("p1", days=2, name="Milk", brand="Acme"), bought("p2", user="bob", days=1)), ports)
    project(published(ports, updated("e1", "ann@example.org", days=2)), ports)
    project(published(ports, erased()), ports)
    rows = dict(ports.knowledge.rows("shop"))
    assert verify(ports).equal
    assert not [key for key in rows if "ann" in key or "brand:acme" in key]
    assert (times(ports, "bob"), ports.history.get("contacts", "shop", "ann")) == (1, None)


def test_what_comes_late_of_an_erased_person_is_forgotten_and_what_came_after_stays(ports):
    project(published(ports, bought("p1", days=5), erased(days=2), bought("p2", days=3), bought("p3", days=1)), ports)
    assert (times(ports), verify(ports).equal) == (1, True)
    rebuild(ports)
    assert (times(ports), verify(ports).equal) == (1, True)


def test_a_person_erased_while_the_ledger_is_read_is_not_in_the_rebuilt_graph(ports, monkeypatch):
    project(published(ports, bought("p1", days=2), bought("p2", user="bob")), ports)
    replay = MemoryHistory.replay
    pending = published(ports, erased())

    def replay_and_erase(history, shop=None, after=0):
        yield from replay(history, shop, after)
        if pending:
            project([pending.pop()], ports)

    monkeypatch.setattr(MemoryHistory, "replay", replay_and_erase)
    rebuild(ports)
    assert (times(ports), times(ports, "bob"), verify(ports).equal) == (0, 1, True)


def test_people_erased_in_one_batch_take_one_pass_over_the_ledger(ports, monkeypatch):
    replay, passes = MemoryHistory.replay, []

    def counted(history, shop=None, after=0):
        passes.append(shop)
        return replay(history, shop, after)

    monkeypatch.setattr(MemoryHistory, "replay", counted)
    project(published(ports, *(bought(f"p-{user}", user=user, days=2, name=user) for user in "abcdz")), ports)
    project(published(ports, erased("a", "x-a")), ports)
    one, between = len(passes), updated("e1", "ann@example.org")
    project(published(ports, erased("b", "x-b"), between, *(erased(user, f"x-{user}") for user in "cd")), ports)
    assert one == len(passes) - one > 0
    assert [0, 0, 0, 0, 1] == [times(ports, user) for user in "abcdz"]
    assert all(ports.history.get("erasures", "shop", user).body["finished"] for user in "abcd")
    assert ports.history.get("contacts", "shop", "ann")
    assert verify(ports).equal


def test_of_a_batch_what_came_before_an_erasure_is_gone_and_what_came_after_is_there(ports):
    before, after = updated("e1", "old@example.org", days=3), updated("e2", "new@example.org")
    project(published(ports, before, erased(days=1), after), ports)
    assert verify(ports).equal
    assert "new@example.org" in str(ports.history.get("contacts", "shop", "ann"))
    assert not [entry for _, entry in ports.history.replay() if b"old@" in entry.data]


def test_a_person_may_be_erased_again_and_again(ports):
    project(published(ports, erased(id="x0", days=5), bought("p1", days=4), erased(id="x1", days=3)), ports)
    project(published(ports, bought("p2", days=2), erased(id="x2", days=1), erased(id="x3", days=2)), ports)
    project(published(ports, bought("p3")), ports)
    assert (times(ports), verify(ports).equal) == (1, True)


def test_an_erasure_tells_how_its_pass_gets_on_and_ends_with_the_process(ports):
    told = []
    project(published(ports, bought("p1", days=2), bought("p2", user="bob", days=1)), ports)
    project(published(ports, erased()), replace(ports, progress=lambda what, _: told.append(what)))
    assert "comparing" in told

    def ending(what, count):
        if count == 1:  # the first of the graph's own rows
            raise UnavailableError("the process is ending")

    batch = published(ports, erased("bob", "x2"))
    with pytest.raises(UnavailableError, match=r"^the process is ending$"):
        project(batch, replace(ports, progress=ending))
    project(batch, ports)
    assert (times(ports, "bob"), verify(ports).equal) == (0, True)


class Stumbling:
    """An engine that dies at its n-th change, counted over all engines that share a count."""

    def __init__(self, engine, changes: set[str], left: list[int]) -> None:
        self._engine, self._changes, self._left = engine, changes, left

    def __getattr__(self, name):
        found = getattr(self._engine, name)
        return partial(self._changed, found) if name in self._changes else found

    def _changed(self, change, *args):
        self._left[0] -= 1
        if self._left[0] == 0:
            raise UnavailableError("the process was killed here")
        return change(*args)


def stumbling(ports: GraphPorts, at: int) -> GraphPorts:
    left = [at]
    return replace(
        ports,
        history=Stumbling(ports.history, {"put", "delete", "erase"}, left),
        knowledge=Stumbling(ports.knowledge, {"mend", "apply"}, left),
        objects=Stumbling(ports.objects, {"delete"}, left),
    )


def kept(ports: GraphPorts, user: str) -> list[str]:
    """Keep an email, its tally, a job and a contact of a person; return the keys of the email's objects."""
    keys = [f"emails/s/{user}/email.{form}" for form in ("html", "txt")]
    for key in keys:
        ports.objects.put(key, user.encode(), "text/plain")
    places = [{"file": key.rpartition("/")[2], "key": key} for key in keys]
    ports.history.put("emails", "shop", user, {"user_id": user, "files": places})
    for collection in ("email-tallies", "jobs", "decisions"):
        ports.history.put(collection, "shop", f"of-{user}", {"user_id": user})
    return keys


def traces(ports: GraphPorts, user: str, keys: list[str]) -> list[object]:
    """Return what is left of a person, but for the mark that they were erased."""
    documents = [d for d in ports.history.documents.values() if user in d.body.values() or d.id == user]
    return [
        *(entry for _, entry in ports.history.replay() if entry.user_id == user and entry.kind is not Kind.ERASURE),
        *(key for key, row in ports.knowledge.rows("shop") if user in key and getattr(row, "times", ())),
        *(document for document in documents if document.collection != "erasures"),
        *filter(ports.objects.get, keys),
    ]


def test_an_erasure_that_died_at_any_step_is_finished_when_it_is_offered_again(ports):
    step, finished = 0, False
    while not finished:
        step += 1
        user = f"u{step}"
        keys = kept(ports, user)
        project(published(ports, bought(f"b-{user}", user=user, days=2)), ports)
        assert len(traces(ports, user, keys)) == 8
        batch = published(ports, erased(user, f"x-{user}"))
        try:
            project(batch, stumbling(ports, step))
            finished = True
        except UnavailableError:
            project(batch, ports)
        assert traces(ports, user, keys) == []
        assert ports.history.get("erasures", "shop", user).body["finished"]
    assert step > 12
    assert verify(ports).equal


def other_worker(ports: GraphPorts) -> GraphPorts:
    """Return the ports of another process on the same engines: it neither waits for us nor tells us anything."""
    return replace(ports, projecting=threading.RLock())


def erase_meanwhile(ports: GraphPorts, monkeypatch) -> None:
    """Let another worker erase ann just as a batch is about to be applied."""
    apply = LadybugKnowledge.apply
    pending = published(ports, erased())

    def apply_after_the_erasure(knowledge, *args):
        if pending:
            project([pending.pop()], other_worker(ports))
        return apply(knowledge, *args)

    monkeypatch.setattr(LadybugKnowledge, "apply", apply_after_the_erasure)


def test_a_person_whom_another_worker_erases_while_an_import_projects_them_is_gone(ports, monkeypatch):
    batch = published(ports, bought("p1", days=2), bought("p2", user="bob"))
    erase_meanwhile(ports, monkeypatch)
    project(batch, ports)
    assert (times(ports), times(ports, "bob"), verify(ports).equal) == (0, 1, True)


@contextmanager
def killed(monkeypatch, method, act):
    """Let a process die within a method of the graph's, which does this meanwhile; the next one has it whole."""
    with monkeypatch.context() as patch:
        patch.setattr(LadybugKnowledge, method, act)
        with pytest.raises(KeyboardInterrupt):
            yield


def test_what_crossed_an_erasure_never_shows_although_the_process_is_killed_at_its_commit(ports, monkeypatch):
    """The graph's watermark has passed the batch by then: nobody would offer it again."""
    batch = published(ports, bought("p1", days=2, name="Milk"), bought("p2", user="bob"))
    apply, pending = LadybugKnowledge.apply, published(ports, erased())

    def killed_at_the_commit(knowledge, *args):
        if pending:
            with monkeypatch.context() as patch:
                patch.setattr(LadybugKnowledge, "apply", apply)
                project([pending.pop()], other_worker(ports))
        apply(knowledge, *args)
        raise KeyboardInterrupt

    with killed(monkeypatch, "apply", killed_at_the_commit):
        project(batch, ports)
    assert verify(ports).equal
    assert (times(ports), times(ports, "bob")) == (0, 1)


def test_who_was_erased_is_out_of_a_rebuilt_graph_although_what_came_late_still_stands_in_the_ledger(ports):
    project(published(ports, bought("p1", user="bob"), erased()), ports)
    late = published(ports, bought("p2", days=2), bought("p3", user="bob"))
    ports.history.record([entry_of(one.envelope, one.record.position) for one in late], [late[-1].record.position])
    rebuild(ports)
    assert (times(ports), times(ports, "bob"), verify(ports).equal) == (0, 2, True)


def test_an_erasure_forgets_no_contact_that_was_given_after_it(ports):
    """Told late, it says of when it was asked for."""
    project(published(ports, updated("e1", "old@example.org", days=3)), ports)
    project(published(ports, updated("e2", "new@example.org")), ports)
    project(published(ports, erased(days=1)), ports)
    assert ports.history.get("contacts", "shop", "ann").body["email"] == "new@example.org"


def test_a_contact_kept_while_another_worker_erases_is_forgotten_when_the_batch_is_offered_again(ports, monkeypatch):
    batch = published(ports, updated("e1", "ann@example.org", days=2))

    def before_the_commit(*_):
        raise KeyboardInterrupt

    with killed(monkeypatch, "apply", before_the_commit):
        project(batch, ports)
    ports.history.put("erasures", "shop", "ann", {"before": to_ms(NOW)})  # and no more of it was done
    project(batch, ports)
    assert ports.history.get("contacts", "shop", "ann") is None


def test_a_person_whom_another_worker_erases_while_the_graph_is_filled_is_not_in_it(ports, monkeypatch):
    project(published(ports, bought("p1", days=2), bought("p2", user="bob")), ports)
    load = LadybugKnowledge.load
    pending = published(ports, erased())

    def load_after_the_erasure(knowledge, *args):
        if pending:
            project([pending.pop()], other_worker(ports))
        return load(knowledge, *args)

    monkeypatch.setattr(LadybugKnowledge, "load", load_after_the_erasure)
    rebuild(ports)
    assert (times(ports), times(ports, "bob"), verify(ports).equal) == (0, 1, True)


def test_a_rebuild_that_was_killed_before_it_had_mended_is_made_good_by_the_next_who_looks(ports, monkeypatch):
    project(published(ports, bought("p1", days=2), bought("p2", user="bob")), ports)
    load, pending = LadybugKnowledge.load, published(ports, erased())

    def killed_after_the_switch(knowledge, *args):
        project([pending.pop()], other_worker(ports))
        load(knowledge, *args)
        raise KeyboardInterrupt

    with killed(monkeypatch, "load", killed_after_the_switch):
        rebuild(ports)
    assert not verify(ports).equal
    Watch(ports, lambda: 0).look()
    assert (times(ports), times(ports, "bob"), verify(ports).equal) == (0, 1, True)
    assert not left(ports)


def test_a_note_is_taken_for_left_when_its_writer_had_time_enough(ports, tmp_path):
    history = SqliteHistory(tmp_path / "history.db", ports.clock)
    now = replace(ports, history=history)
    later = replace(now, clock=FixedClock(NOW + timedelta(minutes=11)))
    with unproved(now) as note:
        note.over(quietly)("filling", 1)
        assert (0, 1) == (len(left(now)), len(left(later)))
    assert not left(later)
    history.close()


class Moving:
    """A clock whose hands move whenever somebody looks."""

    def __init__(self, now) -> None:
        self.now = now


def test_a_note_is_renewed_while_its_writer_gets_on(ports, tmp_path):
    hands, minute = iter(range(100)), timedelta(minutes=1)
    clock = Moving(lambda: NOW + next(hands) * minute)
    history = SqliteHistory(tmp_path / "history.db", clock)
    with unproved(replace(ports, history=history, clock=clock)) as note:
        for count in range(20):
            note.over(quietly)("filling", count)
        assert not left(replace(ports, history=history, clock=clock))
    history.close()
