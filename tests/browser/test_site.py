"""The site as a reader has it: built without a network, opened in a browser, watched."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from grader.authoring.site.build import SiteError, set_up, tool
from grader.authoring.site.gather import guide
from grader.authoring.site.lessons import page as lesson_page
from grader.course.layout import LESSONS, ROOT
from tests.authoring.test_release import runs, secret_lines, secret_runs, words
from tests.browser.axe import serious
from tests.browser.conftest import SCREENSHOTS

pytestmark = pytest.mark.slow

VOID = {"img", "br", "hr", "meta", "link", "input"}


def without_network() -> list[str]:
    """A command's front that takes every network but loopback away; empty where it is denied."""
    front = [
        "unshare",
        "--map-root-user",
        "--net",
        "sh",
        "-c",
        'ip link set lo up && exec "$@"',
        "sh",
    ]
    try:
        tried = subprocess.run([*front, "true"], check=False, capture_output=True, timeout=30)
    except OSError:
        return []
    return front if tried.returncode == 0 else []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` builds it, with no network from where that can be taken."""
    try:
        tool("myst")
        tool("node")
        tool("npm")
    except SiteError as error:
        pytest.skip(str(error))
    set_up()  # what npm's registry is for, once
    output = tmp_path_factory.mktemp("built") / "site"
    command = [*without_network(), sys.executable, "-m", "grader", "site", "--output", str(output)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == str(output / "index.html")
    return output


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site behind a plain file server."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@dataclass
class Seen:
    """A page's parts, as a parser that is not a browser reads them."""

    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    pictures: list[dict] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen()
        self.open: list[str] = []
        self.in_program = False

    def handle_starttag(self, tag: str, attributes: list) -> None:
        found = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.seen.ids.append(found["id"])
        if tag == "a":
            self.seen.links.append(found["href"])
        if tag in ("img", "script", "link"):
            self.seen.loads += [found[key] for key in ("src", "href") if key in found]
        if tag == "img":
            self.seen.pictures.append(found)
        if tag == "pre" and found.get("class") == "code":
            self.seen.programs.append("")
            self.in_program = True

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"
        self.in_program = self.in_program and tag != "pre"

    def handle_data(self, data: str) -> None:
        self.seen.text.append(data)
        if self.in_program:
            self.seen.programs[-1] += data


def read(path: Path) -> Seen:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert not reader.open, path.name
    return reader.seen


@pytest.fixture(scope="module")
def read_pages(site: Path) -> dict[str, Seen]:
    return {path.name: read(path) for path in sorted(site.glob("*.html"))}


@dataclass
class Watched:
    """All that a browser asked for and complained about."""

    page: Page
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def watch(browser: Browser, **options: object) -> Watched:
    watched = Watched(browser.new_page(**options))
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    watched.page.on("requestfailed", lambda request: watched.faults.append(request.url))
    watched.page.on("pageerror", lambda error: watched.faults.append(str(error)))
    watched.page.on(
        "console",
        lambda m: watched.faults.append(m.text) if m.type in ("error", "warning") else None,
    )
    return watched


@pytest.mark.parametrize("way", ["folder", "server"])
def test_every_page_opens_and_nothing_leaves_the_machine(
    site: Path, address: str, browser: Browser, way: str
) -> None:
    base = site.as_uri() + "/" if way == "folder" else address
    watched = watch(browser, viewport={"width": 1400, "height": 1000})
    names = sorted(path.name for path in site.glob("*.html"))
    assert len(names) >= len(LESSONS) + 7 + len(guide())
    for name in names:
        watched.page.goto(base + name)
        watched.page.evaluate("document.fonts.ready")
        broken = watched.page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
        assert broken == 0, name
        expect(watched.page.locator("h1")).to_have_count(1)
    watched.page.close()
    assert watched.faults == []
    assert len(watched.asked) > len(names)
    assert [url for url in watched.asked if not url.startswith((base, "data:"))] == []


def test_every_link_within_the_site_leads_somewhere(
    site: Path, read_pages: dict[str, Seen]
) -> None:
    followed = 0
    for name, seen in read_pages.items():
        assert len(seen.ids) == len(set(seen.ids)), name
        for url in seen.links:
            parts = urlsplit(url)
            if parts.scheme:
                assert parts.scheme == "https", (name, url)
                continue
            target = unquote(parts.path) or name
            assert (site / target).is_file(), (name, url)
            if parts.fragment:
                assert unquote(parts.fragment) in read_pages[target].ids, (name, url)
            followed += 1
    assert followed > 500


def test_pages_load_from_beside_themselves_only(site: Path, read_pages: dict[str, Seen]) -> None:
    for name, seen in read_pages.items():
        for url in seen.loads:
            assert url == "data:," or (site / url).is_file(), (name, url)
    for style in site.rglob("*.css"):
        for url in re.findall(r"url\(([^)]*)\)", style.read_text()):
            # where one form of a font is not there, a browser has taken the one before it
            assert "//" not in url and (
                url.endswith(("woff", "ttf")) or (style.parent / url).exists()
            )


def test_lessons_follow_in_order(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    for number in range(1, len(LESSONS) + 1):
        page.locator("a[rel=next]").click()
        expect(page.locator("h1")).to_contain_text(f"Lesson {number} ·")
        expect(page.locator("#contents [aria-current]")).to_contain_text(f"Lesson {number} ·")
    page.locator("a[rel=prev]").click()
    expect(page.locator("h1")).to_contain_text(f"Lesson {len(LESSONS) - 1} ·")
    page.close()


def lesson_file(lesson: str) -> str:
    return lesson.replace("_", "-") + ".html"


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lessons_page_has_its_figures_its_cells_and_its_equations(
    read_pages: dict[str, Seen], site: Path, lesson: str
) -> None:
    seen = read_pages[lesson_file(lesson)]
    cells = lesson_page(lesson).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    alternatives = [
        out.data["text/plain"]
        for cell in code
        for out in cell.outputs
        if "image/png" in out.get("data", {})
    ]
    assert [picture["alt"] for picture in seen.pictures] == alternatives
    found = {program.strip() for program in seen.programs}
    assert [cell.source for cell in code if cell.source.strip() not in found] == []
    html = (site / lesson_file(lesson)).read_text(encoding="utf-8")
    assert "katex-error" not in html
    prose = " ".join(seen.text)
    for program in seen.programs:
        prose = prose.replace(program, "")
    assert html.count('class="katex"') > 10 and "$" not in re.sub(r"`[^`]*`", "", prose)[:2000]


def test_no_solution_is_on_the_site(site: Path, read_pages: dict[str, Seen]) -> None:
    """No run of tokens, no whole line: in programs, in text, in any file, in what search knows."""
    secrets = secret_runs()
    looked = 0
    for name, seen in read_pages.items():
        for program in seen.programs:
            try:
                tokens = words(program)
            except SyntaxError:
                continue  # a shell's line; whole lines are looked for below
            looked += 1
            for run in runs(tokens):
                assert run not in secrets, f"{name} holds {' '.join(run)!r} of {secrets.get(run)}"
    assert looked > 300
    for line in secret_lines():
        for name, seen in read_pages.items():
            assert line not in "".join(seen.text), (name, line)
    for path in site.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for line in secret_lines():
                assert line.encode() not in content, (path, line)
                assert json.dumps(line)[1:-1].encode() not in content, (path, line)


def test_the_scan_reads_programs_as_the_pages_write_them(
    read_pages: dict[str, Seen],
) -> None:
    """A line of a stub, colored on the page, is found in it whole."""
    assert any(
        "    raise NotImplementedError" in program.splitlines()
        for program in read_pages["masking.html"].programs
    )


@pytest.mark.parametrize("width", [390, 1000, 1400])
def test_no_page_is_wider_than_the_window(site: Path, browser: Browser, width: int) -> None:
    """What is wide (tables, programs, equations) scrolls by itself; nothing is cut off."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    for path in sorted(site.glob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
        cut = page.evaluate(
            """[...document.querySelectorAll("main table, main pre, main img")].filter((part) => {
              const hull = part.closest(".wide, pre, .output") ?? part;
              return hull.getBoundingClientRect().right > innerWidth + 1
                || (part.tagName === "TABLE" && getComputedStyle(hull).overflowX !== "auto");
            }).length"""
        )
        assert cut == 0, path.name
    page.close()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("index.html", ""),
        ("masking.html", "exercise-3-1-causal-mask"),
        ("kill-matrix.html", "causal-mask"),
        ("performance.html", ""),
        ("attacks.html", ""),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_for_the_eye(site: Path, browser: Browser, name: str, part: str, scheme: str) -> None:
    """Text stands out from its page in both schemes; the pictures are for a person to look at."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, color_scheme=scheme)
    page.goto(f"{(site / name).as_uri()}#{part}")
    page.evaluate("document.fonts.ready")
    page.screenshot(path=SCREENSHOTS / f"site_{name.removesuffix('.html')}_{scheme}.png")
    assert serious(page) == []
    bright = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert bright == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 28)")
    button = page.locator("#theme")
    button.click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != bright
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != bright
    page.close()


def test_equations_are_set_in_their_own_type(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((site / "masking.html").as_uri())
    page.evaluate("document.fonts.ready")
    assert page.evaluate("[...document.fonts].filter(f => f.status === 'loaded').length") >= 2
    assert page.locator(".katex math").count() == page.locator(".katex").count() > 10
    page.close()


@pytest.mark.parametrize("way", ["folder", "server"])
def test_search_finds_a_section_without_a_network(
    site: Path, address: str, browser: Browser, way: str
) -> None:
    base = site.as_uri() + "/" if way == "folder" else address
    watched = watch(browser)
    page = watched.page
    page.goto(base + "index.html")
    page.get_by_role("searchbox").fill("padding_mask")
    hit = page.locator("#found a", has_text="Exercise 3.2").first
    expect(hit).to_be_visible()
    hit.click()
    expect(page.locator("h1")).to_contain_text("Lesson 3")
    assert page.url.endswith("masking.html#exercise-3-2-padding-mask")
    page.get_by_role("searchbox").fill("zzqqxx")
    expect(page.locator("#found")).to_contain_text("Nothing found")
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_hidden()
    page.close()
    assert watched.faults == []
    assert [url for url in watched.asked if not url.startswith((base, "data:"))] == []


def test_a_phone_has_the_contents_behind_a_button(site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((site / "masking.html").as_uri())
    expect(page.locator("#contents")).to_be_hidden()
    page.get_by_role("button", name="Contents").click()
    expect(page.locator("#contents")).to_be_visible()
    page.close()


def test_building_again_replaces_and_a_folder_of_others_is_left(site: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    command = [sys.executable, "-m", "grader", "site", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2 and "name another" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
