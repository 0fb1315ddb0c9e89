"""What the tests of the page stand on: a real server with a few customers, and a page in a real browser."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
ODD = "home/7 ü&?#+%2F"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FOODS = ("Green tea", "Rye bread", "Whole milk", "Salted butter", "Red apples", "Brown rice", "Olive oil", "Sea salt")


def tastegraph(*arguments):
    command = [sys.executable, "-m", "services", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def purchase(number, user, *products):
    lines = [
        {"product_id": each.lower(), "quantity": 2, "unit_price": 3.5, "name": each, "categories": ["Food", each[:5]]}
        for each in products
    ]
    at = f"2026-01-{1 + number % 28:02}T10:00:00Z"
    return {"purchase_id": f"p{number}", "user_id": user, "purchased_at": at, "currency": "EUR", "lines": lines}


PURCHASES = [
    purchase(1, "ann", *FOODS[:6]),
    purchase(2, "bob", *FOODS[3:]),
    purchase(3, ODD, *FOODS[2:5]),
    *(purchase(4 + number, "ann", "Green tea") for number in range(30)),
]


@contextlib.contextmanager
def serving(data, **settings):
    file = data.parent / "purchases.ndjson"
    file.write_text("\n".join(map(json.dumps, PURCHASES)))
    tastegraph("import", "--data", str(data), "--shop", "s", str(file))
    command = [sys.executable, "-m", "services", "serve", "--data", str(data), "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, **pipes) as process:
        try:
            url = process.stdout.readline().split()[1]
            yield url, tastegraph("keys", "create", "--data", str(data), "--shop", "s", "--scope", "admin").strip()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("console") / "data") as told:
        _until_whole(*told)
        yield told


def _until_whole(url, key):
    """Ask for a neighbourhood until there is time for all of it: the first questions take a busy machine long."""
    around, headers = f"{url}/v1/graph/neighbourhood?kind=user&id=ann", {"Authorization": f"Bearer {key}"}
    asked, deadline = urllib.request.Request(around, headers=headers), time.monotonic() + 30  # noqa: S310 (our server)
    while True:
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 (our server)
            if not json.load(answer)["partial"]:
                return
        assert time.monotonic() < deadline, "never answered in full"


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page that must not complain: no script fails, and the content policy forbids nothing that it does."""
    one = chromium.new_page(viewport={"width": 1280, "height": 900})
    complaints = []
    one.on("pageerror", lambda error: complaints.append(str(error)))
    one.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    yield one
    one.close()
    assert [] == complaints


def show(page, server, user):
    url, key = server
    page.goto(f"{url}/")
    page.fill("#key", key)
    page.fill("#user", user)
    page.click("#who button")


def ready(page):
    page.wait_for_selector("body[data-ready=yes]", timeout=30_000)
    assert [] == [each.inner_text() for each in page.locator(".told.failed").all()]
