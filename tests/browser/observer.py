"""Eyes on a page that are out of its reach: they live in this process, not in the browser.

Whatever a page does that a page of plain text would not do is a *fault*: a script that ran (it
calls a function of ours, opens a dialog, renames the page, writes to the console), a request for
anything but the page's own files, a window, a download, another address in the address bar.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Frame, Page, Request, Route

from tests.browser.payloads import WORD

BEACON = "/beacon"
INERT = ("data", "blob", "about", "file")
# Everything below a student's content gets these events: handlers that wait for a person run too.
POKE = """
(areas) => {
  const events = ["mouseover", "mouseenter", "pointerenter", "pointerover", "click", "focus",
    "toggle", "load", "error", "begin", "animationstart", "submit"];
  let poked = 0;
  for (const area of document.querySelectorAll(areas)) {
    for (const one of [area, ...area.querySelectorAll("*")]) {
      const href = (one.getAttribute("href") || one.getAttribute("xlink:href") || "").trim();
      const away = /^https?:/i.test(href) || one.closest("a[href^='http']");
      for (const name of events) {
        if (name === "click" && away) continue;  // an honest link: the person's own choice
        one.dispatchEvent(new MouseEvent(name, {bubbles: false, cancelable: true}));
      }
      if (href && !away && !href.startsWith("#") && one.click) one.click();
      poked += 1;
    }
  }
  return poked;
}
"""
# What in a live page could act, as the browser itself has understood it.
ABLE = """
(areas) => {
  const found = [];
  const tags = "script,iframe,frame,object,embed,form,link,base,meta,template,portal,applet," +
    "video,audio,source,style";
  for (const area of document.querySelectorAll(areas)) {
    for (const one of area.querySelectorAll("*")) {
      const name = one.tagName.toLowerCase();
      if (one.matches(tags)) found.push("<" + name + ">");
      for (const {name: key, value} of one.attributes) {
        const text = value.replace(/[\\s\\u0000-\\u001f]/g, "").toLowerCase();
        if (key.startsWith("on")) found.push(name + " " + key);
        if (/^(javascript|vbscript|data:(?!image\\/(png|jpeg);base64,))/.test(text)
            && /^(href|src|action|formaction|data|xlink:href)$/.test(key))
          found.push(name + " " + key + "=" + text.slice(0, 40));
        if (key === "style" && /url\\(|image-set|position:(fixed|absolute)/.test(text))
          found.push(name + " style=" + text.slice(0, 60));
      }
    }
  }
  return found;
}
"""


class Beacon:
    """A server on this machine that serves given pages and counts who asks for anything else."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pages: dict[str, bytes] = {}
        beacon = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = beacon.pages.get(unquote(urlsplit(self.path).path))
                if body is None and not self.path.startswith("/favicon"):
                    beacon.asked.append(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(body or b"")

            do_POST = do_PUT = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """A test's output is no place for a server's."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.url = self.address + BEACON
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class Watched:
    """A page in a context of its own, and the faults that were seen in it."""

    def __init__(self, browser: Browser, beacon: Beacon, own: tuple[str, ...] = ()) -> None:
        self.faults: list[tuple[str, str]] = []  # (what kind, what)
        self.known: list[str] = []  # requests of the program around the page, not of a submission
        self.beacon = beacon
        self.own = own  # addresses outside that the program around the page is known to load
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1200, "height": 1000}, accept_downloads=False
        )
        self.context.set_default_timeout(60_000)
        self.context.expose_binding("__ran", lambda _, name: self._fault("script", str(name)))
        self.context.route("**/*", self._route)
        self.context.on("page", self._on_page)
        self.page: Page = self.context.new_page()
        self.page.on("framenavigated", self._on_navigation)
        self.address = "about:blank"
        self._beacon_before = len(beacon.asked)

    def _fault(self, kind: str, what: str) -> None:
        self.faults.append((kind, what[:200]))

    def _on_page(self, page: Page) -> None:
        if len(self.context.pages) > 1:
            self._fault("window", page.url)
        page.on("dialog", self._on_dialog)
        page.on(
            "console", lambda line: line.text.startswith(WORD) and self._fault("console", line.text)
        )
        page.on("download", lambda one: self._fault("download", one.suggested_filename))
        page.on("request", self._on_request)
        page.on("websocket", lambda one: self._outside(one.url) and self._fault("far", one.url))

    def _on_dialog(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":
            self._fault("dialog", dialog.message)
        with contextlib.suppress(Error):  # it is gone where its page or frame has just gone
            dialog.dismiss()

    def _on_request(self, request: Request) -> None:
        if request.url.startswith(self.beacon.url):
            self._fault("beacon", request.url)

    def _on_navigation(self, frame: Any) -> None:
        if frame != self.page.main_frame:
            return
        to = urlsplit(frame.url)
        meant = urlsplit(self.address)
        if (to.scheme, to.netloc) != (meant.scheme, meant.netloc) or BEACON in to.path:
            self._fault("navigation", frame.url)

    def _outside(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme not in INERT and parts.hostname not in ("127.0.0.1", "localhost")

    def _route(self, route: Route) -> None:
        """Nothing leaves this machine; what would have is a fault."""
        url = route.request.url
        if not self._outside(url):
            route.continue_()
            return
        if url.startswith(self.own) and self.own:
            self.known.append(url)
        else:
            self._fault("far", url)
        route.abort()

    def open(self, address: str, wait_until: Any = "load") -> Page:
        """Go to an address, which is from then on the one that the page has to stay at."""
        self.address = address
        self.page.goto(address, wait_until=wait_until)
        return self.page

    def poke(self, areas: str = "body", frame: Frame | None = None) -> int:
        """Send every element of a student's content the events that a person's hands would."""
        return (frame or self.page.main_frame).evaluate(POKE, areas)

    def able(self, areas: str = "body") -> list[str]:
        """Elements and attributes that could act, though nothing has been seen of them."""
        return self.page.evaluate(ABLE, areas)

    def settle(self, until: Callable[[], bool] = lambda: False, milliseconds: int = 500) -> None:
        """Give a page time to misbehave; less if it already has."""
        for _ in range(max(1, milliseconds // 50)):
            if until():
                return
            self.page.wait_for_timeout(50)

    def report(self) -> list[tuple[str, str]]:
        """All faults, those that only the server or the page's title know of included."""
        if WORD in self.page.title():
            self._fault("title", self.page.title())
        self.faults += [("beacon", path) for path in self._asked()]
        return self.faults

    def _asked(self) -> list[str]:
        """What the server was asked for since the page was made (by whichever page is open)."""
        before, self._beacon_before = self._beacon_before, len(self.beacon.asked)
        return self.beacon.asked[before:]


@contextmanager
def watched(browser: Browser, beacon: Beacon, own: tuple[str, ...] = ()) -> Iterator[Watched]:
    """A watched page that is closed at the end, whatever it does."""
    one = Watched(browser, beacon, own)
    try:
        yield one
    finally:
        one.context.close()
