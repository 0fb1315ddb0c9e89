"""Documentation is tested: what is not documented fails."""

import re
from pathlib import Path

import typer.main

from services.embedded.cli import app
from shared.config import Settings
from shared.contracts.topics import TOPICS

ROOT = Path(__file__).parents[2]


def read(name):
    return (ROOT / name).read_text()


def test_every_setting_is_documented_with_its_meaning():
    table = read("docs/settings.md")
    missing = [name for name in Settings.model_fields if f"`TASTEGRAPH_{name.upper()}`" not in table]
    assert [] == missing


def test_every_topic_is_documented():
    text = read("docs/architecture.md")
    assert [] == [name for name in TOPICS if f"`{name}`" not in text]


def test_every_make_target_has_a_line_in_help():
    makefile = read("Makefile")
    phony = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z0-9-]+):.*## \S", makefile, re.MULTILINE))
    assert phony == explained


def test_every_command_teaches_its_use_with_an_example():
    told = dict(commands(typer.main.get_command(app)))
    silent = [name for name, command in told.items() if not command.help or f"tastegraph {name}" not in epilog(command)]
    assert told.keys() >= {"serve", "import", "export graph", "keys create"}
    assert [] == silent


def epilog(command):
    return command.epilog or ""


def test_every_option_says_what_it_is_for():
    silent = [
        f"{name} {option.name}"
        for name, command in commands(typer.main.get_command(app))
        for option in command.params
        if not getattr(option, "help", None)
    ]
    assert [] == silent


def test_every_command_is_documented():
    table = read("docs/commands.md")
    assert [] == [name for name, _ in commands(typer.main.get_command(app)) if f"| `{name}" not in table]


def commands(group, prefix=""):
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_the_commands_of_the_readme_exist():
    text = read("README.md")
    targets = set(re.findall(r"^make ([a-z0-9-]+)", text, re.MULTILINE))
    assert targets <= set(re.findall(r"^([a-z0-9-]+):", read("Makefile"), re.MULTILINE))
    assert {"demo", "test"} <= targets


def test_every_page_that_the_readme_links_to_exists():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", read("README.md"))
    assert [] == [link for link in links if not (ROOT / link).exists()]


def test_the_locks_name_no_index():
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "--index-url" not in lock.read_text()
        assert "://" not in lock.read_text()


def test_every_proof_of_reliability_exists():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", read("docs/reliability.md"))
    assert [] == [name for file, name in named if f"def {name}(" not in read(f"tests/faults/{file}")]
    assert len(named) > 20
