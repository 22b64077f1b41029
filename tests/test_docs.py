"""The documentation runs: every Python block of the README and the guides, in order."""

import os
import re
import shlex
from pathlib import Path

import pytest
import typer
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from mnemic.cli import app

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_every_python_block_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for example in Sybil([PythonCodeBlockParser()]).parse(ROOT / page):
        example.evaluate()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_shown_exists_with_its_options(page):
    """A line of a code block that starts with ``mnemic`` must be a command that parses."""
    commands = typer.main.get_command(app)
    for block in re.findall(r"^```\n(.*?)^```", (ROOT / page).read_text(), re.S | re.M):
        for line in block.splitlines():
            if not line.startswith("mnemic "):
                continue
            words = shlex.split(line, comments=True)
            command, deep = commands.commands[words[1]], 2
            if hasattr(command, "commands"):  # a group: ``mnemic concepts tree``
                command, deep = command.commands[words[2]], 3
            known = {option for param in command.params for option in param.opts}
            for word in words[deep:]:
                assert not word.startswith("-") or word in known, f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", (ROOT / page).read_text()):
        if not target.startswith(("http", "mailto")):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


def test_every_requirement_has_its_row():
    rows = re.findall(r"^\| ([RB]\d+) \|", (ROOT / "docs/requirements.md").read_text(), re.M)
    assert rows == [f"R{n}" for n in range(1, 63)] + [f"B{n}" for n in range(1, 11)]


def test_what_the_requirements_point_at_exists():
    text = (ROOT / "docs/requirements.md").read_text()
    for path in re.findall(r"`((?:src|tests|benchmarks|docs)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), f"requirements.md points at {path}"


def test_the_make_targets_the_readme_names_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([\w-]+)", (ROOT / "README.md").read_text(), re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
