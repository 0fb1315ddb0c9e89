"""What a shop's template may do: little; and what becomes of one that wants more: its child ends, the service lives."""

from __future__ import annotations

import json
import os
import signal
import threading
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from services.email.sandbox.allowed import BANNED
from services.email.sandbox.errors import TemplateFaultError
from services.email.sandbox.pool import Filled, Sandbox

VALUES: dict[str, Any] = {
    "language": "en",
    "direction": "ltr",
    "user": {"first_name": "A & <B>", "odd": "{{ x"},
    "shop": {"name": "My Shop", "site_url": "https://my.example", "postal_address": "1 Road"},
    "why": "Because.",
    "unsubscribe": "Unsubscribe",
    "unsubscribe_url": "https://tg.example/u",
    "products": [],
}


ENDLESS = "{% for a in range(9999) %}" * 3 + "{% endfor %}" * 3


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def page(body: str) -> str:
    return f"<mjml><mj-body><mj-section><mj-column><mj-text>{body}</mj-text></mj-column></mj-section></mj-body></mjml>"


def made(sandbox: Sandbox, mjml: str, **parts: Any) -> Filled:
    return sandbox.render({"subject": "Hello", "preheader": "There", "mjml": mjml, "text": None, **parts}, VALUES)


def fault(sandbox: Sandbox, mjml: str, **parts: Any) -> TemplateFaultError:
    with pytest.raises(TemplateFaultError) as caught:
        made(sandbox, mjml, **parts)
    return caught.value


def test_a_template_is_filled_in_and_its_text_is_made_of_its_html(sandbox: Sandbox) -> None:
    parts = {"subject": "Hi {{ user.first_name }}", "preheader": "For {{ user.first_name }}"}
    filled = made(sandbox, page('{{ subject }} <a href="{{ unsubscribe_url }}">out</a>'), **parts)

    assert ("Hi A & <B>", "For A & <B>") == (filled.subject, filled.preheader)
    assert "Hi A &amp; &lt;B&gt;" in filled.html
    assert "[out](https://tg.example/u)" in filled.text
    assert unescape("For A &amp; &lt;B&gt;") in unescape(filled.html)


def test_the_same_values_give_the_same_bytes_in_every_child(sandbox: Sandbox) -> None:
    other = Sandbox()
    try:
        body = page(
            "{{ user.first_name }}{{ '-' * 3 }} {% for n in range(3) %}{{ n }}{% endfor %}{{ VALUES | default(1) }}"
        )
        assert made(sandbox, body) == made(other, body) == made(sandbox, body)
    finally:
        other.close()


def test_what_a_template_does_not_say_is_said_for_it(sandbox: Sandbox) -> None:
    plain = made(sandbox, page("x")).html
    ours = made(sandbox, page("x").replace("<mj-body>", '<mj-body css-class="page">')).html

    assert '<html lang="en" dir="ltr"' in plain
    assert 'name="color-scheme" content="light only"' in plain
    assert "prefers-color-scheme: dark" in ours
    assert "fonts.googleapis" not in plain
    assert "There" in plain
    own = page("x").replace("<mj-body>", "<mj-head><mj-preview>There</mj-preview></mj-head><mj-body>")
    assert 1 == made(sandbox, own).html.count("There")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (ENDLESS, "longer than"),
        ("{{ 'a' * 10 ** 8 }}", "OverflowError"),
        ("{{ 10 ** 10 ** 8 }}{{ 10 ** 999999 }}", "OverflowError"),
        ("{% set a = 'x' * 500000 %}{{ a.replace('x', a) }}", "too much memory"),
        ("{% for a in range(99999) %}bombbombbomb{% endfor %}", "beyond 512 KiB"),
        ("{{ range(10 ** 9) | list }}", "Range too big"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "nested too deeply"),
        ("<b>" * 10_000 + "</b>" * 10_000, "within each other"),
        ("{% for n in range(150) %}<b>{% endfor %}{% for n in range(150) %}</b>{% endfor %}", "within each other"),
    ],
)
def test_a_bomb_is_refused_with_its_reason_and_the_next_template_is_served(
    sandbox: Sandbox, body: str, said: str
) -> None:
    assert said in fault(sandbox, page(body)).detail
    assert "fine" in made(sandbox, page("fine")).html


def test_two_thousand_wrappers_are_refused(sandbox: Sandbox) -> None:
    deep = "<mjml><mj-body>" + "<mj-wrapper>" * 2000 + "</mj-wrapper>" * 2000 + "</mj-body></mjml>"

    assert "within each other" in fault(sandbox, deep).detail


def test_a_crash_costs_the_child_only(sandbox: Sandbox) -> None:
    made(sandbox, page("x"))
    child = sandbox._idle[-1]._process
    os.kill(child.pid, signal.SIGSEGV)

    assert "crashed" in fault(sandbox, page("x")).detail
    assert child.returncode is not None
    assert "fine" in made(sandbox, page("fine")).html


def test_a_child_that_hangs_is_ended_within_the_deadline() -> None:
    hasty = Sandbox(deadline=0.5)
    try:
        made(hasty, page("x"))
        child = hasty._idle[-1]._process
        os.kill(child.pid, signal.SIGSTOP)
        assert "longer than 0.5 s" in fault(hasty, page("x")).detail
        assert -signal.SIGKILL == child.returncode
    finally:
        hasty.close()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ cycler.__init__.__globals__ }}", "unsafe"),
        ("{{ lipsum() }}", "'lipsum' is undefined"),
        ("{{ user | attr('__class__') }}", "attr"),
        ("{{ '{0.__class__}'.format(1) }}", "unsafe"),
        ("{{ self.__init__ }}", "unsafe"),
        ("{{ card._func.__globals__ }}", "unsafe"),
        ("{{ user.update({'first_name': 1}) }}", "unsafe"),
        ("{{ user.first_name | safe }}", "safe"),
        ("{% autoescape false %}{{ user.first_name }}{% endautoescape %}", "autoescape"),
        ("{% include 'email.mjml.j2' %}", "include"),
        ("{% import 'macros.mjml.j2' as m %}", "import"),
        ("{% from 'macros.mjml.j2' import card %}", "import"),
        ("{% extends 'email.mjml.j2' %}", "extend"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ('<a href="javascript:alert(1)">x</a>', "absolute https"),
        ('<a href=" java&#10;script:alert(1)">x</a>', "absolute https"),
        ('<a href="data:text/html,x">x</a>', "absolute https"),
        ("<a href=\"{{ 'javascript:x' }}\">x</a>", "absolute https"),
        ("<script>alert(1)</script>", "<script>"),
        ('<b onclick="x()">y</b>', "no script"),
        ('<p style="width:expression(x)">y</p>', "style"),
        ("<style>p{}</style>", "<style>"),
        ("<form></form>", "<form>"),
        ("<b>x", "is open"),
        ("<b>x</i>", "closes what is not open"),
    ],
)
def test_what_a_template_may_not_do_is_named(sandbox: Sandbox, body: str, said: str) -> None:
    found = fault(sandbox, page(f"\n\n{body}"))

    assert said in found.detail
    assert 3 == found.line


@pytest.mark.parametrize("tag", [*sorted(BANNED), "mj-accordion", "mj-carousel", "mj-nonsense"])
def test_banned_and_unknown_tags_are_refused_even_when_they_are_filled_in(sandbox: Sandbox, tag: str) -> None:
    section = f"<mjml><mj-body>\n<{tag}>x</{tag}></mj-body></mjml>"
    built = page('{{ "" }}<{{ "TAG" }}>x</{{ "TAG" }}>').replace("TAG", tag)

    assert ("mjml", 2) == ((found := fault(sandbox, section)).part, found.line)
    assert tag in found.detail
    assert tag in fault(sandbox, built).detail


def test_what_is_no_mjml_is_told_with_its_line(sandbox: Sandbox) -> None:
    for mjml, line in (("hello", 1), ("<mjml>\n<mj-body>\n</mj-section></mj-body></mjml>", 3), ("<mjml>{% if %}", 1)):
        assert line == fault(sandbox, mjml).line


def test_a_subject_and_a_text_have_their_own_faults(sandbox: Sandbox) -> None:
    assert "subject" == fault(sandbox, page("x"), subject="{{ x.y }}").part
    assert ("text", 2) == ((found := fault(sandbox, page("x"), text="a\n{{ 1 / 0 }}")).part, found.line)


def test_a_name_with_an_ampersand_or_braces_stays_text(sandbox: Sandbox) -> None:
    assert "A &amp; &lt;B&gt;" in made(sandbox, page("{{ user.first_name }}")).html
    assert "A & B" in made(sandbox, page("A & B")).text
    assert "&#123;&#123; x" in made(sandbox, page("{{ user.odd }}")).html


def test_the_child_can_open_no_file_and_knows_no_secret(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTEGRAPH_SIGNING_KEY", "secret" * 8)
    mine = Sandbox()
    try:
        made(mine, page("x"))
        pid = mine._idle[-1]._process.pid
        process = Path("/proc") / str(pid)
        assert b"secret" not in (process / "environ").read_bytes()
        limits = (process / "limits").read_text().splitlines()
        said = {line[:26].strip(): line[26:].split()[:2] for line in limits}
        none = ["0", "0"]
        assert [none] * 4 == [
            said[f"Max {what}"] for what in ("open files", "file size", "processes", "core file size")
        ]
        assert "536870912" == said["Max address space"][0]
    finally:
        mine.close()


def test_many_threads_render_at_once(sandbox: Sandbox) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(made(sandbox, page(json.dumps({"n": n}))).html))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 6 == len(set(found))
