"""The page says when answers are less than they should be: the graph is being rebuilt, or does not answer."""

import json

import pytest
from playwright.sync_api import expect
from story.console_ground import chromium, page, ready, server, show

__all__ = ["chromium", "page", "server"]  # fixtures

pytestmark = pytest.mark.browser


@pytest.fixture
def rebuilt(page):
    """A server whose graph is being rebuilt until the test says that it stands."""
    standing = []

    def answer(route):
        body = {"status": "ready"} if standing else {"checks": {"bus": "ok", "graph": "is being rebuilt"}}
        route.fulfill(status=200 if standing else 503, content_type="application/json", body=json.dumps(body))

    page.route("**/readyz?verbose", answer)
    return lambda: standing.append(True)


@pytest.mark.slow
def test_a_graph_that_is_being_rebuilt_is_told_and_the_person_shown_anew_once_it_stands(page, server, rebuilt):
    page.route("**/v1/users/ann", lambda route: route.fulfill(status=404, body='{"detail": "there is no such user"}'))
    show(page, server, "ann")
    expect(page.locator("#degraded")).to_contain_text("being rebuilt")
    expect(page.locator("#notice.failed")).to_be_visible()
    page.unroute("**/v1/users/ann")
    rebuilt()
    ready(page)
    expect(page.locator("#name")).to_have_text("Person ann")
    expect(page.locator("#degraded")).to_be_hidden()


def test_an_answer_that_calls_itself_degraded_is_told_with_where_it_comes_from(page, server):
    def label(route):
        answer = route.fetch()
        told = {"degraded": True, "served_from": "cache", "as_of": "2026-05-03T10:00:00+00:00"}
        route.fulfill(response=answer, body=json.dumps({**answer.json(), **told}))

    page.route("**/v1/users/ann/recommendations**", label)
    show(page, server, "ann")
    ready(page)
    expect(page.locator("#degraded")).to_contain_text("earlier copies, as of 3 May 2026 10:00 UTC")


def test_while_all_is_well_nothing_is_told(page, server):
    show(page, server, "ann")
    ready(page)
    expect(page.locator("#degraded")).to_be_hidden()
