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
from urllib.parse import unquote, urljoin, urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from grader.authoring.site.lessons import page as lesson_page
from grader.course.layout import LESSONS, ROOT, notebook_path
from tests.authoring.test_release import runs, secret_lines, secret_runs, words
from tests.browser.axe import serious
from tests.browser.conftest import SCREENSHOTS

pytestmark = pytest.mark.slow

VOID = {"img", "br", "col", "hr", "meta", "link", "input"}
# MathJax sets the formulas after the page has come; what it could not load it only logs.
SET = """async () => {
  if (window.MathJax) await MathJax.startup.promise;
  await document.fonts.ready;
}"""
NOT_SET = "mjx-merror, [mathcolor='red']"  # an error of TeX's; a command that TeX does not know


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
        if tag == "pre":
            self.seen.programs.append("")
            self.in_program = True

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
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


def pages_of(site: Path) -> list[str]:
    """The addresses of all pages within the site."""
    found = (path.relative_to(site) for path in sorted(site.rglob("*.html")))
    return [path.as_posix() for path in found if path.parts[0] != "_static"]


@pytest.fixture(scope="module")
def read_pages(site: Path) -> dict[str, Seen]:
    return {name: read(site / name) for name in pages_of(site)}


def lesson_file(lesson: str) -> str:
    return notebook_path(lesson).relative_to(ROOT).with_suffix(".html").as_posix()


@dataclass
class Watched:
    """All that a browser asked for and complained about."""

    page: Page
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def failed(self, request: Request) -> None:
        """A failed request is a fault, unless its page was left while it was still loading."""
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(request.url)


def watch(browser: Browser, **options: object) -> Watched:
    watched = Watched(browser.new_page(**options))
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    watched.page.on("requestfailed", watched.failed)
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
    names = pages_of(site)
    instructors = sorted((ROOT / "docs" / "instructors").glob("*.md"))
    assert {f"docs/instructors/{page.stem}.html" for page in instructors} < set(names)
    assert len(names) >= len(LESSONS) + 7 + len(instructors)
    for name in names:
        watched.page.goto(base + name)
        watched.page.evaluate(SET)
        broken = watched.page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
        assert broken == 0, name
        expect(watched.page.locator("main h1:visible")).to_have_count(1)
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
            target = urljoin(name, unquote(parts.path))
            assert (site / target).is_file(), (name, url)
            if parts.fragment:
                assert unquote(parts.fragment) in read_pages[target].ids, (name, url)
            followed += 1
    assert followed > 500


def test_pages_load_from_beside_themselves_only(site: Path, read_pages: dict[str, Seen]) -> None:
    for name, seen in read_pages.items():
        for url in seen.loads:
            file = site / urljoin(name, urlsplit(url).path)
            assert url.startswith("data:image/") or file.is_file(), (name, url)
    for style in site.rglob("*.css"):
        for url in re.findall(r"""url\(["']?([^)"']*)""", style.read_text()):
            file = style.parent / urlsplit(url).path
            assert url.startswith(("data:", "#")) or file.is_file(), (style, url)


def test_every_picture_has_an_alternative_text(read_pages: dict[str, Seen]) -> None:
    for name, seen in read_pages.items():
        assert all(picture.get("alt") for picture in seen.pictures), name


def test_lessons_follow_in_order(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    for number in range(1, len(LESSONS) + 1):
        page.locator("a.right-next").click()
        expect(page.locator("article h1")).to_contain_text(f"Lesson {number} ·")
        expect(page.locator("#pst-primary-sidebar .current.active")).to_contain_text(
            f"Lesson {number} ·"
        )
    page.locator("a.left-prev").click()
    expect(page.locator("article h1")).to_contain_text(f"Lesson {len(LESSONS) - 1} ·")
    page.close()


def alternative_texts(cells: list[nbformat.NotebookNode]) -> Iterator[str]:
    """Of the diagrams between the cells, and of the figures that cells print."""
    for cell in cells:
        if cell.cell_type == "markdown":
            yield from re.findall(r"!\[([^\]]+)\]\(data:image/png;base64,", cell.source)
        for out in cell.get("outputs", ()):
            if "text/html" in out.get("data", {}):
                yield out.data["text/plain"].removeprefix("[figure: ").removesuffix("]")


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lessons_page_has_its_figures_and_its_cells(
    read_pages: dict[str, Seen], lesson: str
) -> None:
    seen = read_pages[lesson_file(lesson)]
    cells = nbformat.reads(lesson_page(notebook_path(lesson)), as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [picture["alt"] for picture in seen.pictures] == list(alternative_texts(cells))
    found = {program.strip() for program in seen.programs}
    assert [cell.source for cell in code if cell.source.strip() not in found] == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_equation_of_a_lesson_is_set_in_its_own_type(
    site: Path, browser: Browser, lesson: str
) -> None:
    page = browser.new_page()
    page.goto((site / lesson_file(lesson)).as_uri())
    page.evaluate(SET)
    equations = page.locator("article .math")
    assert equations.count() > 10
    assert page.locator("article .math > mjx-container").count() == equations.count()
    assert page.locator(NOT_SET).count() == 0
    loaded = page.evaluate("[...document.fonts].filter(f => f.status === 'loaded').length")
    assert loaded >= 2
    prose = page.evaluate(
        """() => {
          for (const part of document.querySelectorAll("pre, code, .math")) part.remove();
          return document.querySelector("article").innerText;
        }"""
    )
    assert "$" not in prose and "\\(" not in prose
    page.close()


@pytest.mark.parametrize("wrong", [r"\frac{1}", r"\unknown x"])
def test_an_equation_that_cannot_be_set_is_found(site: Path, browser: Browser, wrong: str) -> None:
    """The test above is no ornament."""
    page = browser.new_page()
    page.goto((site / lesson_file("masking")).as_uri())
    page.evaluate(SET)
    page.evaluate(
        """async (wrong) => {
          const equation = document.querySelector("article .math");
          equation.textContent = `\\\\(${wrong}\\\\)`;
          await MathJax.typesetPromise([equation]);
        }""",
        wrong,
    )
    assert page.locator(NOT_SET).count() > 0
    page.close()


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
        for program in read_pages[lesson_file("masking")].programs
    )


@pytest.mark.parametrize("width", [390, 1000, 1400])
def test_no_page_is_wider_than_the_window(site: Path, browser: Browser, width: int) -> None:
    """What is wide (tables, programs, equations) scrolls by itself; nothing is cut off."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    for name in pages_of(site):
        page.goto((site / name).as_uri())
        page.evaluate(SET)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        cut = page.evaluate(
            """[...document.querySelectorAll("article :is(table, pre, img, mjx-container)")].filter(
              (part) => {
                if (part.getBoundingClientRect().right <= innerWidth + 1) return false;
                for (let hull = part; hull.tagName !== "ARTICLE"; hull = hull.parentElement) {
                  const fits = hull.getBoundingClientRect().right <= innerWidth + 1;
                  if (fits && getComputedStyle(hull).overflowX === "auto") return false;
                }
                return true;
              }).map((part) => part.outerHTML.slice(0, 200))"""
        )
        assert cut == [], name
    page.close()


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("index.html", ""),
        (lesson_file("masking"), "exercise-3-1-causal-mask"),
        ("docs/kill_matrix.html", "causal-mask"),
        ("docs/performance.html", ""),
        ("docs/attacks.html", ""),
        ("search.html", ""),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_for_the_eye(
    site: Path, browser: Browser, name: str, part: str, scheme: str, width: int
) -> None:
    """Text stands out from its page in both schemes; the pictures are for a person to look at."""
    page = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    page.goto(f"{(site / name).as_uri()}#{part}")
    page.evaluate(SET)
    page.screenshot(path=SCREENSHOTS / f"site_{Path(name).stem}_{width}_{scheme}.png")
    assert serious(page) == []
    page.close()


def brightness(page: Page) -> int:
    """How bright the page's background is, 0 to 765."""
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", color)[:3]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_as_the_readers_machine_is_until_the_reader_chooses(
    site: Path, browser: Browser, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, color_scheme=scheme)
    page.goto((site / "index.html").as_uri())
    assert (brightness(page) > 600) == (scheme == "light")
    for choice in ("dark", "light"):
        page.get_by_role("button", name="Color mode").click()
        page.get_by_role("button", name=choice.title(), exact=True).click()
        assert (brightness(page) > 600) == (choice == "light")
        page.reload()
        assert (brightness(page) > 600) == (choice == "light")
    page.close()


@pytest.mark.parametrize("way", ["folder", "server"])
def test_search_finds_a_section_without_a_network(
    site: Path, address: str, browser: Browser, way: str
) -> None:
    base = site.as_uri() + "/" if way == "folder" else address
    watched = watch(browser)
    page = watched.page
    page.goto(base + "index.html")
    page.get_by_role("button", name="Search").first.click()
    page.get_by_role("searchbox").fill("padding_mask")
    page.keyboard.press("Enter")
    page.locator("#search-results a", has_text="Lesson 3").first.click()
    expect(page.locator("article h1")).to_contain_text("Lesson 3")
    assert urlsplit(page.url).path.endswith(lesson_file("masking"))
    page.goto(base + "search.html?q=common mistakes")
    page.locator("#search-results a", has_text="12 · Common mistakes").first.click()
    page.wait_for_url("**/" + lesson_file("masking") + "#common-mistakes")
    page.goto(base + "search.html?q=zzqqxx")
    expect(page.locator("#search-results")).to_contain_text("did not match any documents")
    page.close()
    assert watched.faults == []
    assert [url for url in watched.asked if not url.startswith((base, "data:"))] == []


def test_a_phone_has_the_contents_behind_a_button(site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((site / lesson_file("masking")).as_uri())
    contents = page.locator("nav a:visible", has_text="Lesson 4")
    expect(contents).to_have_count(0)
    page.locator(".primary-toggle:visible").click()
    expect(contents).to_have_count(1)
    page.close()


def test_building_again_replaces_and_a_folder_of_others_is_left(site: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    command = [sys.executable, "-m", "grader", "site", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2 and "name another" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
