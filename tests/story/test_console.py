"""The page shows a person, in a real browser, from a real server."""

import contextlib
import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, expect
from story.console_ground import ODD, chromium, page, ready, server, serving, show

__all__ = ["chromium", "page", "server"]  # fixtures

RECORD_WHAT_IS_TOLD = """
window.told = [];
new MutationObserver((changes) => changes.forEach((each) => window.told.push(each.target.textContent || "")))
  .observe(document, { subtree: true, childList: true });
"""
OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll('#graph text')].map((each) => each.getBoundingClientRect());
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.flatMap((a, at) => boxes.slice(at + 1).filter((b) => meet(a, b))).length;
}"""
STRUCK = """() => {
  const starts = [...document.querySelectorAll('#graph .edge')].map((each) => each.getPointAtLength(0));
  const struck = ({ x, y, width, height }, at) => x < at.x && at.x < x + width && y < at.y && at.y < y + height;
  return [...document.querySelectorAll('#graph .node text')]
    .filter((text) => starts.some((at) => struck(text.getBBox(), at))).length;
}"""

pytestmark = pytest.mark.browser


@pytest.mark.slow
def test_the_page_shows_a_person_with_offers_email_board_history_and_neighbourhood(page, server):
    url, key = server
    page.goto(f"{url}/#key={key}&user=ann")
    ready(page)
    assert page.inner_text("#name") == "Person ann"
    assert "Green tea" in page.inner_text("#again")
    assert "You bought it 31 times" in page.inner_text("#again .reason >> nth=0")
    assert page.inner_text("#subject")
    assert page.eval_on_selector("#board", "image => image.naturalWidth") >= 1200
    assert page.locator("#graph .node").count() >= 8
    assert page.locator("#chart .bar").count() == 1
    assert page.url == f"{url}/#user=ann", "the address keeps the person, and never the key"


def test_nobody_stands_under_another_ones_name(page, server):
    show(page, server, "ann")
    ready(page)
    page.fill("#user", "nobody")
    page.press("#user", "Enter")
    page.wait_for_selector("#notice.failed")
    assert page.is_hidden("#person")


def test_an_id_may_hold_anything_printable(page, server):
    show(page, server, ODD)
    ready(page)
    assert page.inner_text("#name") == f"Person {ODD}"
    assert "Whole milk" in page.inner_text("#history")
    page.reload()
    ready(page)
    assert page.inner_text("#name") == f"Person {ODD}"


def test_history_is_shown_page_by_page_to_its_end(page, server):
    show(page, server, "ann")
    ready(page)
    assert page.locator("#history li").count() == 24
    page.click("#more")
    expect(page.locator("#history li")).to_have_count(31)
    assert page.is_hidden("#more")


def test_an_email_is_shown_as_html_and_text_wide_and_narrow(page, server):
    show(page, server, "ann")
    ready(page)
    assert page.is_visible("#mail")
    assert page.is_hidden("#text")
    wide = page.locator("#mail").bounding_box()["width"]
    assert page.frame_locator("#mail").locator("h1, div").first.inner_text(), "the frame shows the email itself"
    page.check("input[value=narrow]")
    assert page.locator("#mail").bounding_box()["width"] <= 392 < wide
    page.check("input[value=text]")
    assert page.is_hidden("#mail")
    assert "Unsubscribe" in page.inner_text("#text")
    assert page.locator("#text").bounding_box()["width"] <= 392


def test_looking_at_a_person_publishes_no_email_until_asked_to(page, server):
    show(page, server, "bob")
    ready(page)
    with page.expect_response("**/v1/emails") as answer:
        page.click("#publish")
    assert answer.value.status == 201
    expect(page.locator("#s-email .told")).to_contain_text("Published as ")


@pytest.mark.slow
@pytest.mark.parametrize("streams", [True, False])
def test_what_takes_longer_is_followed_by_its_job_told_by_the_server_or_asked_for(page, tmp_path, streams):
    with serving(tmp_path / "data", TASTEGRAPH_REPLY_WAIT_SECONDS="0.01") as server:
        answered = []
        page.on(
            "response", lambda each: answered.append((each.request.method, each.url.split("/v1/")[-1], each.status))
        )
        page.add_init_script(RECORD_WHAT_IS_TOLD)
        if not streams:
            page.route("**/v1/jobs/*/events", lambda route: route.fulfill(status=503, json={}))
        show(page, server, "ann")
        ready(page)
        assert {("POST", "boards", 202), ("POST", "emails", 202)} <= set(answered)
        asked = {path.endswith("/events") for _, path, status in answered if "jobs/" in path and status == 200}
        assert {streams} == asked
        assert any(told.startswith("Still being made") for told in page.evaluate("window.told"))
        assert page.eval_on_selector("#board", "image => image.naturalWidth") >= 1200
        assert page.inner_text("#subject")


def about(user, route):
    return json.loads(route.request.post_data)["user_id"] == user


def test_a_slow_answer_about_one_person_is_never_shown_over_the_next(page, server):
    slow = []
    page.route("**/v1/users/ann/**", lambda route: slow.append(route))  # noqa: PLW0108 (it marks what it is given)
    page.route("**/v1/boards", lambda route: slow.append(route) if about("ann", route) else route.continue_())
    show(page, server, "ann")
    expect(page.locator("#name")).to_have_text("Person ann")
    for _ in range(100):  # until everything about ann has been asked
        if len(slow) >= 4:
            break
        page.wait_for_timeout(50)
    page.fill("#user", "bob")
    page.press("#user", "Enter")
    ready(page)
    before = {part: page.inner_html(part) for part in ("#again", "#interests", "#history", "#s-board")}
    for route in slow:
        with contextlib.suppress(Error):  # given up by the page, as it should be
            route.continue_()
    page.wait_for_timeout(1500)
    assert len(slow) >= 4
    assert before == {part: page.inner_html(part) for part in before}


@pytest.mark.parametrize("width", [1280, 390])
def test_labels_of_the_neighbourhood_never_touch(page, server, width):
    page.set_viewport_size({"width": width, "height": 900})
    show(page, server, "ann")
    ready(page)
    assert page.locator("#graph .node").count() >= 15
    assert page.evaluate(OVERLAPS) == 0
    assert page.evaluate(STRUCK) == 0, "no edge runs through the label that it starts at"
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing runs out of the page"
    assert page.locator("#again li").first.bounding_box()["width"] >= 240, "an offer can be read"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "dark")])
def test_contrast_names_and_roles_satisfy_axe(chromium, server, width, scheme):
    size = {"width": width, "height": 900}
    with chromium.new_context(viewport=size, color_scheme=scheme, bypass_csp=True) as context:  # axe is let in
        page = context.new_page()
        show(page, server, "ann")
        ready(page)
        found = Axe().run(page).response["violations"]
    assert [] == [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]


def test_the_neighbourhood_is_walked_with_the_keyboard(page, server):
    show(page, server, "ann")
    ready(page)
    page.focus("#graph .middle")
    page.keyboard.press("ArrowDown")
    other = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert other.startswith("Person ")
    assert page.locator("#graph .edge.lit").count() > 0
    page.keyboard.press("Enter")
    expect(page.locator("#graph .middle")).to_contain_text(other.split(",")[0])
    page.click("#home")
    expect(page.locator("#graph .middle")).to_contain_text("Person ann")


def test_taste_told_on_the_page_reaches_the_graph(page, server):
    show(page, server, "bob")
    ready(page)
    page.fill("#interest", "Cycling")
    page.press("#interest", "Enter")
    page.wait_for_selector("#interests >> text=Cycling")
    page.click("#discover button >> nth=1")
    page.wait_for_selector("#discover >> text=stays away")
