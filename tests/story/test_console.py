"""The page shows a person, in a real browser, from a real server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
PURCHASE = {
    "purchase_id": "p1",
    "user_id": "ann",
    "purchased_at": "2026-01-01T10:00:00Z",
    "currency": "EUR",
    "lines": [{"product_id": "tea", "quantity": 2, "unit_price": 3.5, "name": "Green tea", "categories": ["Tea"]}],
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def tastegraph(*arguments):
    command = [sys.executable, "-m", "services", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def server(tmp_path):
    data = str(tmp_path / "data")
    file = tmp_path / "purchases.ndjson"
    file.write_text(json.dumps(PURCHASE) + "\n" + json.dumps(PURCHASE | {"purchase_id": "p2", "user_id": "bob"}))
    tastegraph("import", "--data", data, "--shop", "s", str(file))
    command = [sys.executable, "-m", "services", "serve", "--data", data, "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        url = process.stdout.readline().split()[1]
        key = tastegraph("keys", "create", "--data", data, "--shop", "s", "--scope", "admin").strip()
        yield url, key
        process.terminate()


@pytest.mark.browser
def test_the_page_shows_a_person_with_email_board_history_and_neighbourhood(server):
    url, key = server
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page()
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/#key={key}&user=ann")
        page.wait_for_selector("body[data-ready=yes]", timeout=30_000)
        assert page.inner_text("#name") == "Person ann"
        assert "Green Tea" in page.inner_text("#again") or "Green tea" in page.inner_text("#again")
        assert page.inner_text("#subject")
        assert page.eval_on_selector("#board", "image => image.naturalWidth") >= 1200
        assert page.locator("#graph circle").count() >= 2
        assert page.locator("#history li").count() == 1
        page.click("#plain")
        assert "Unsubscribe" in page.inner_text("#text")
        page.goto("about:blank")
        page.goto(f"{url}/#key={key}&user=nobody")
        page.wait_for_selector("#notice:not([hidden])")
        assert page.is_hidden("#person"), "one person must not stand under another one's name"
        assert key not in page.url
        browser.close()
    assert [] == complaints
