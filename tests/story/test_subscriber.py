"""A marketing tool's developer runs the example, and sees generated emails arrive."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.clock import SystemClock
from shared.config import Settings
from shared.contracts.codec import Envelope, encode
from shared.contracts.requests import EmailGenerated, EmailSkipped

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


def generated(user):
    now = SystemClock().now()
    return EmailGenerated(
        email_id=f"e-{user}",
        user_id=user,
        decision_id="d1",
        template="generic",
        template_version=1,
        subject=f"Hello {user}",
        preheader="",
        html="<p>hello</p>",
        text="hello",
        headers={},
        products=[],
        consent_basis="consent",
        generated_at=now,
        expires_at=now,
    )


def test_the_subscriber_example_is_short_and_sees_generated_emails(kafka_url):
    script = ROOT / "docs/examples/subscriber.py"
    assert len(script.read_text().splitlines()) <= 20
    prefix = f"{uuid.uuid4().hex[:8]}."
    bus = KafkaBus(cluster(Settings(bus_url=f"{kafka_url}/{prefix}")))
    bus.administration.apply()
    skipped = EmailSkipped(email_id="e", user_id="cat", reason="no-consent", detail="has not agreed")
    bus.publish(
        [
            encode(Envelope("acme", str(n), data.user_id, "2026-05-03T10:00:00Z", data))
            for n, data in enumerate([generated("ann"), skipped, generated("bob")])
        ]
    )
    command = [sys.executable, "-W", "ignore", script, kafka_url.removeprefix("kafka://"), prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tool:
        seen = {tool.stdout.readline(), tool.stdout.readline()}
        tool.kill()
    bus.administration.remove()
    bus.close()
    assert {"ann Hello ann\n", "bob Hello bob\n"} == seen
