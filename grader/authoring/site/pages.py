"""The theme at work: what mystmd read, written as pages. mystmd runs this as a program."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.authoring.site.forms import FormError, Node, Writer, headings, text
from grader.authoring.site.gather import THEME

ASSETS = "files"
LEFT_AS_TEXT = "left_as_text.txt"
SEARCHED = 3  # down to which depth a heading is found of its own


@dataclass(frozen=True)
class Entry:
    """A line of the contents: a page, or the title of a part (which has no file)."""

    title: str
    file: str = ""
    slug: str = ""


def entries(project: dict) -> list[Entry]:
    """The contents in order, the front page first."""
    listed = [Entry("Front page", "index.html", project["index"])]
    for page in project["pages"]:
        slug = page.get("slug", "")
        listed.append(Entry(page["title"], file_of(slug) if slug else "", slug))
    return listed


def file_of(slug: str) -> str:
    """``instructors.index`` → ``instructors-index.html``: all pages are in one folder."""
    return slug.replace("/", "-").replace(".", "-") + ".html"


def addresses(contents: list[Entry]) -> dict[str, str]:
    """How the tree names a page ("/masking") → its file."""
    found = {"/": "index.html"}
    for entry in contents:
        if entry.slug:
            found[f"/{entry.slug}"] = entry.file
            found["/" + entry.slug.removesuffix(".index").replace(".", "/")] = entry.file
    return found


class Assets:
    """Takes the files that pages use from the build to the site."""

    def __init__(self, public: Path, site: Path) -> None:
        self.public, self.site = public, site

    def __call__(self, url: str) -> str:
        name = url.removeprefix("/")
        if not name or Path(name).name != name or not (self.public / name).is_file():
            raise KeyError(url)
        target = self.site / ASSETS / name
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            shutil.copyfile(self.public / name, target)
        return f"{ASSETS}/{name}"


def sections(tree: Node, title: str) -> Iterator[dict[str, str]]:
    """What search looks through: each section's heading, anchor and words."""
    now = {"heading": title, "anchor": "", "words": ""}

    def walk(node: Node) -> Iterator[dict[str, str]]:
        nonlocal now
        if node["type"] == "heading" and node["depth"] <= SEARCHED and node.get("html_id"):
            yield now
            now = {"heading": text(node), "anchor": node["html_id"], "words": ""}
        elif node["type"] in ("paragraph", "tableCell", "code", "math", "heading"):
            now["words"] = f"{now['words']} {text(node)}".strip()
        elif node["type"] != "outputs":
            for child in node.get("children", []):
                yield from walk(child)

    yield from walk(tree)
    yield now


def write_site(build: Path, site: Path) -> list[str]:
    """Write pages and search of the build into ``site``; the links that were left as text."""
    project = json.loads((build / "config.json").read_text(encoding="utf-8"))["projects"][0]
    contents = entries(project)
    pages = [entry for entry in contents if entry.file]
    theme = Environment(
        loader=FileSystemLoader(THEME),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("page.html.j2")
    assets = Assets(build / "public", site)
    records: list[dict] = []
    left: list[str] = []
    for number, entry in enumerate(pages):
        page = json.loads((build / "content" / f"{entry.slug}.json").read_text(encoding="utf-8"))
        writer = Writer(page["location"].removeprefix("/"), addresses(contents), assets)
        title = page["frontmatter"]["title"]
        body = writer.write(page["mdast"])
        left += [f"{writer.source}: {url}" for url in writer.left_as_text]
        html = theme.render(
            course=project["title"],
            title=title,
            here=entry,
            contents=contents,
            body=Markup(body),
            sections=[
                (h["html_id"], text(h))
                for h in headings(page["mdast"])
                if h["depth"] == 2 and h.get("html_id")
            ],
            before=pages[number - 1] if number else None,
            after=pages[number + 1] if number + 1 < len(pages) else None,
        )
        (site / entry.file).write_text(html, encoding="utf-8")
        for record in sections(page["mdast"], title):
            records.append({"id": len(records), "file": entry.file, "page": title} | record)
    # A script and no data file: pages that are opened from a folder may not read files.
    found = json.dumps(records, ensure_ascii=False)
    (site / "search-words.js").write_text(f"window.courseWords = {found};\n", encoding="utf-8")
    for name in ("style.css", "site.js"):
        shutil.copyfile(THEME / name, site / name)
    return left


def main() -> None:
    """What mystmd calls: it names the folder to fill, and the build lies beside it."""
    site = Path(os.environ["BUILD_DIRECTORY"])
    try:
        left = write_site(site.parent / "site", site)
    except FormError as error:
        sys.exit(str(error))
    (site.parent / LEFT_AS_TEXT).write_text("\n".join(left), encoding="utf-8")


if __name__ == "__main__":
    main()
