"""docker-compose.yml agrees with the services' settings and with .env.example."""

import re
from pathlib import Path

import yaml

from shared.config import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(TEXT)["services"]
OURS = {"ingest", "graph", "email", "visionboard", "gateway"}


def test_all_five_services_and_all_five_servers_are_there():
    assert SERVICES.keys() >= OURS | {"kafka", "neo4j", "mongodb", "redis", "s3", "proxy", "topics"}


def test_every_setting_given_is_one_that_the_services_read():
    known = {f"TASTEGRAPH_{name.upper()}" for name in Settings.model_fields}
    for name in OURS | {"topics"}:
        assert SERVICES[name]["environment"].keys() <= known


def test_the_example_names_every_value_that_is_asked_for_and_no_other():
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", TEXT.replace("$${", "")))
    example = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked == example


def test_no_password_has_a_default():
    assert re.findall(r"\$\{\w*(?:PASSWORD|KEY)\w*:-", TEXT) == []


def test_services_wait_for_healthy_servers_and_are_confined():
    for name in OURS:
        service = SERVICES[name]
        assert service["depends_on"]["kafka"] == {"condition": "service_healthy"}
        assert service["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    for server in ("kafka", "neo4j", "mongodb", "redis", "s3"):
        assert "healthcheck" in SERVICES[server]


def test_only_the_proxy_is_reachable_and_from_this_machine_only():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"proxy"}
    assert all(port.startswith("127.0.0.1:") for port in published["proxy"])


def test_every_image_is_built_from_a_dockerfile_that_exists():
    built = [service["build"]["dockerfile"] for service in SERVICES.values() if "build" in service]
    assert len(built) == len(OURS) + 1
    assert all((ROOT / dockerfile).is_file() for dockerfile in built)
