"""Laws of the pages: links lead somewhere, and every command that is written down exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from grader.commandline import main
from grader.course.layout import ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
INSTRUCTORS = ROOT / "docs" / "instructors"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"python -m grader((?:[ ][^\s`|]+)*)")
FENCE = re.compile(r"```.*?```|`[^`\n]*`", re.S)  # and code within a line


def headings(text: str) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found}


def broken_links(page: Path, text: str) -> list[str]:
    """Relative links of a page that lead nowhere."""
    broken = []
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        if not path.exists() or (
            anchor and anchor not in headings(path.read_text(encoding="utf-8"))
        ):
            broken.append(target)
    return broken


def commands(text: str) -> Iterator[list[str]]:
    """The words after each `python -m grader`, without what belongs to the shell."""
    for match in COMMAND.finditer(text):
        line = re.split(r"\s(?:&&|\|\||[|>#&])(?=\s|$)|;", match[1] + " ")[0]
        yield [word.rstrip(",.:)") for word in shlex.split(line.replace("'", ""), comments=True)]


@cache
def options() -> dict[str, set[str]]:
    """The options of each command."""
    context = click.Context(main)
    found = {}
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        own = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
        found[name] = own | {"--help", "-h"}
    return found


def wrong_words(words: list[str]) -> list[str]:
    """What of a command line the course does not have. The first word may be left out."""
    if not words or not re.fullmatch(r"[a-z][a-z-]*", words[0]):
        return []
    if words[0] not in options():
        return [words[0]]
    given = [word.partition("=")[0] for word in words[1:] if word.startswith("--")]
    return [f"{words[0]} {option}" for option in given if option not in options()[words[0]]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist_with_their_options(page: Path) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        assert wrong_words(words) == [], " ".join(words)


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        used = set(re.findall(r"`make ([a-z]+)", text))
        used |= set(re.findall(r"^ +make ([a-z]+)", text, re.M))
        assert used <= targets, page


def test_every_page_for_instructors_is_in_the_index() -> None:
    index = (INSTRUCTORS / "index.md").read_text(encoding="utf-8")
    for page in INSTRUCTORS.glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in index, page.name


@pytest.mark.parametrize(
    ("pattern", "page", "same"),
    [
        (r"(\d+) named wrong answers and (\d+)", "kill_matrix", r"(\d+) named .*?, (\d+) wrong"),
        (r"(\d+) other right", "kill_matrix", r"(\d+) other right"),
        (r"(\d+) composed", "kill_matrix", r"\*\*all\*\* \| \d+ of (\d+)"),
        (r"(\d+) small changes", "mutants", r"(\d+) mutants"),
        (r"(\d+) are caught; (\d+)", "mutants", r"changed: (\d+) caught.*?(\d+) that survive"),
        (r"(\d+) attacks, as root", "attacks", r"\| root \| (\d+) \|"),
    ],
)
def test_the_readme_says_what_the_derived_pages_say(pattern: str, page: str, same: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    said, measured = re.search(pattern, readme, re.S), re.search(same, text, re.S)
    assert said and measured and said.groups() == measured.groups()


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """The readers above are no ornament."""
    page = tmp_path / "page.md"
    page.write_text("# One thing\n")
    text = "[a](gone.md) [b](page.md#one-thing) [c](page.md#another) [d](https://example.org/x)"
    assert broken_links(page, text) == ["gone.md", "page.md#another"]
    said = "`python -m grader grade submitted --watch`, `python -m grader grate`; python -m grader"
    assert [wrong_words(words) for words in commands(said)] == [[], ["grate"], []]
    (words,) = commands("python -m grader grade dir --course-dir c --quick > out 2>&1")
    assert wrong_words(words) == ["grade --quick"]
