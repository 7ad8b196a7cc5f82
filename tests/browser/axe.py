"""What axe-core finds wrong with a page, for people who hear it or cannot see it well.

    from tests.browser.axe import serious
    assert serious(page) == []
    assert serious(page, within=".jp-OutputArea") == []  # a selector or a locator

axe-core comes from npm where `.ci/run` could fetch it, and else from the Python package
axe-playwright-python, which is always there with the other tools for tests and carries a copy.
"""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any

from playwright.sync_api import Locator, Page

from grader.course.layout import ROOT

FROM_NPM = ROOT / "build" / "node" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")
RUN = """
async (areas, grave) => {
  // The browser gives the body's overflow to the window; axe takes a body without height, as
  // JupyterLab's is, for one that clips everything, and then looks at no text.
  const flat = document.body.getBoundingClientRect().height === 0;
  if (flat) document.body.style.minHeight = "100vh";
  const found = await axe.run({include: areas}, {resultTypes: ["violations"]});
  if (flat) document.body.style.minHeight = "";
  const ran = [found.passes, found.violations, found.incomplete].flat().map((rule) => rule.id);
  const text = areas.some((area) => area.innerText.trim());
  return {
    unseen: ran.length === 0 || (text && !ran.includes("color-contrast")),
    faults: found.violations.filter((fault) => grave.includes(fault.impact)),
  };
}
"""


@functools.cache
def source() -> str:
    """axe-core's own text."""
    if FROM_NPM.exists():
        return FROM_NPM.read_text(encoding="utf-8")
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def serious(page: Page, within: str | Locator = "html") -> list[str]:
    """The serious and critical faults of a page, each with its rule, its place and what to do.

    ``within``: only what is inside of it is looked at. AssertionError if there is no such place,
    or if axe-core saw nothing there, or none of its text: what is not seen has no faults.
    """
    areas = page.locator(within) if isinstance(within, str) else within
    assert areas.count(), f"nothing on the page is {within}"
    page.evaluate(source())  # not a script of the page: its policy may forbid those
    found: dict[str, Any] = areas.evaluate_all(RUN, GRAVE)
    assert not found["unseen"], f"axe-core saw nothing, or no text, in {within}"
    return [
        f"{fault['impact']} {fault['id']}: {fault['help']}: {_place(node)}"
        for fault in found["faults"]
        for node in fault["nodes"]
    ]


def _place(node: dict[str, Any]) -> str:
    why = " ".join(node["failureSummary"].split())
    return f"{node['target'][-1]} in {node['html'][:160]} ({why[:300]})"
