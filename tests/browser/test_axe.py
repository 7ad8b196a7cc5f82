"""axe-core on the pages that we write: no serious fault, no critical one, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.axe import serious

BAD = """<!doctype html><html><head><title>a bad page</title></head><body>
<img src="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7">
<p style="color: #aaa; background: #fff">grey on white</p>
<div id="aside"><button></button></div>
<div id="good"><p>Black on white.</p></div>
<div id="none"></div>
<div id="clipped" style="height: 0; overflow: hidden"><p id="unseen">nobody sees this</p></div>
</body></html>"""
POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    yield page
    page.close()


@pytest.mark.parametrize("policy", ["", POLICY], ids=["", "under_our_policy"])
def test_faults_of_a_bad_page_are_found_and_named(page: Page, policy: str) -> None:
    page.set_content(BAD.replace("<title>", f"{policy}<title>"))
    rules = {fault.split()[1].rstrip(":") for fault in serious(page)}
    assert rules >= {"image-alt", "color-contrast", "button-name", "html-has-lang"}
    assert [fault.split()[1] for fault in serious(page, within="#aside")] == ["button-name:"]
    assert serious(page, within="#good") == []


def test_a_body_without_height_hides_nothing_from_axe(page: Page) -> None:
    """As JupyterLab's: all that is seen stands outside of it."""
    page.set_content(
        "<!doctype html><html lang=en><title>x</title><body style='margin:0;overflow:hidden'>"
        "<div style='position:absolute;width:300px;height:300px'><div style='position:relative;"
        "overflow:auto;height:200px'><p id=grey style='color:#aaa'>grey on white</p></div></div>"
    )
    assert [fault.split()[1] for fault in serious(page, within="#grey")] == ["color-contrast:"]
    assert page.evaluate("document.body.style.minHeight") == ""


@pytest.mark.parametrize("place", ["#missing", "#none", "#unseen"])
def test_what_is_not_seen_is_not_praised(page: Page, place: str) -> None:
    page.set_content(BAD)
    with pytest.raises(AssertionError, match=r"nothing on the page|saw nothing"):
        serious(page, within=place)
