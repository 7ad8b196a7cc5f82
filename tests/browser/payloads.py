"""Hostile things that a submission may show, as data: what they are and where they stand.

Three marks in a text are filled in when the pages are made: ``%JS%`` is a script that can be seen
from outside if it runs, ``%LINK%`` the same as a ``javascript:`` address, and ``%URL%`` an
address of a server on this machine that counts who asks. ``%FAR%`` is an address elsewhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

WORD = "hostile-content-ran"
FAR = "http://192.0.2.1"  # an address that belongs to nobody (RFC 5737)

# Where a text is put. Everything that is no place below is a mime type, shown by ``display``.
HTML = "text/html"
MARKDOWN_CELL, HUMAN, RAW_CELL = "markdown cell", "human answer", "raw cell"
STDOUT, STDERR, ERROR, SOURCE = "stdout", "stderr", "error", "source"
ANSWER, LINE, FILE = "answer", "line", "file"


@dataclass(frozen=True)
class Payload:
    """One hostile text and its place; ``bites``: a careless page with it would be caught acting."""

    name: str
    place: str
    text: str
    bites: bool = True

    def filled(self, beacon: str) -> str:
        """The text with the addresses and the script in it."""
        script = script_for(self.name, beacon)
        text = self.text.replace("%JS%", script)
        text = text.replace("%LINK%", "javascript:" + quote(script, safe=""))
        return text.replace("%URL%", f"{beacon}/{self.name}").replace("%FAR%", f"{FAR}/{self.name}")

    def careless(self, beacon: str) -> str:
        """The page of a grader that shows what it is given."""
        text = self.filled(beacon)
        if self.place == "application/javascript":
            text = f"<script>{text}</script>"
        elif self.place.startswith("image/") and self.place != "image/svg+xml":
            text = f'<img src="data:{self.place};base64,{text}">'
        elif self.place == "application/pdf":
            text = f'<embed src="data:text/html;base64,{text}">'
        return f"<!doctype html><title>careless</title><body>{text}<p>the rest of the page</p>"


def script_for(name: str, beacon: str) -> str:
    """JavaScript that does everything that can be noticed; without < > & and double quotes."""
    return (
        f"try{{__ran('{name}')}}catch(e){{}};document.title='{WORD}';"
        f"console.log('{WORD} {name}');new Image().src='{beacon}/{name}';alert('{WORD} {name}')"
    )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'

# Pressing every mark that the Formgrader page knows, with the cookies of who looks at it.
CHANGE_MARKS = (
    "(async()=>{const t=(document.cookie.match(/_xsrf=([^;]*)/)||[])[1];"
    "const s=window.submission_id;"
    "const g=await(await fetch('/formgrader/api/grades?submission_id='+s)).json();"
    "for(const one of g)await fetch('/formgrader/api/grade/'+one.id,{method:'PUT',"
    "headers:{'X-XSRFToken':t,'Content-Type':'application/json'},"
    "body:JSON.stringify({manual_score:77,extra_credit:7})})})()"
)

PAYLOADS = (
    # scripts and handlers in HTML
    Payload("script", HTML, "<script>%JS%</script>"),
    Payload("script-case", HTML, "<ScRiPt x>%JS%</sCrIpT >"),
    Payload("script-split", HTML, "<scr<script>x</script>ipt>%JS%</script><script>%JS%</script>"),
    Payload("script-src", HTML, '<script src="%URL%"></script>'),
    Payload("script-module", HTML, '<script type="module">%JS%</script>'),
    Payload("script-mathjax", HTML, '<script type="text/x-mathjax-config">%JS%</script>', False),
    Payload("script-marks", HTML, f"<script>{CHANGE_MARKS};%JS%</script>"),
    Payload("image-error", HTML, '<img src="x:x" onerror="%JS%">'),
    Payload("image-error-open", HTML, '<img src="x:x" onerror="%JS%" '),
    Payload("image-load", HTML, '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" onerror="%JS%">'),
    Payload("body-load", HTML, '<body onload="%JS%" onpageshow="%JS%">'),
    Payload("details-toggle", HTML, '<details open ontoggle="%JS%"><summary>x</summary>y</details>'),
    Payload("autofocus", HTML, '<input autofocus onfocus="%JS%">'),
    Payload("focus-tabindex", HTML, '<b tabindex="0" autofocus onfocus="%JS%">x</b>'),
    Payload("video-error", HTML, '<video><source src="x:x" onerror="%JS%"></video>'),
    Payload("audio-error", HTML, '<audio src="x:x" onerror="%JS%"></audio>'),
    Payload("mouse", HTML, '<p onmouseover="%JS%" onpointerenter="%JS%">x</p>'),
    Payload("click", HTML, '<table onclick="%JS%"><tr><td onclick="%JS%">1</td></tr></table>'),
    Payload("animation", HTML, '<style>@keyframes k{}</style><i style="animation:k 1s" onanimationstart="%JS%">x</i>'),
    Payload("tooltip", HTML, '<p data-toggle="tooltip" data-html="true" title="<img src=x:x onerror=&quot;%JS%&quot;>">x</p>', False),
    Payload("collapse", HTML, '<p data-toggle="collapse" data-target="<img src=x:x onerror=&quot;%JS%&quot;>">x</p>', False),
    Payload("data-link", HTML, '<p data-link="%LINK%">x</p>', False),
    Payload("clobber", HTML, '<form id="submission_id" name="base_url"><input id="notebook"></form><a id="MathJax" name="require">x</a>', False),
    # SVG and MathML
    Payload("svg-load", HTML, SVG + ' onload="%JS%"></svg>'),
    Payload("svg-script", HTML, SVG + "><script>%JS%</script></svg>"),
    Payload("svg-use", HTML, SVG + '><use href="%URL%#a"/></svg>'),
    Payload("svg-image", HTML, SVG + '><image xlink:href="%URL%" href="%URL%"/></svg>'),
    Payload("svg-foreign", HTML, SVG + '><foreignObject><iframe srcdoc="<script>%JS%</script>"/></foreignObject></svg>'),
    Payload("svg-animate", HTML, SVG + '><animate onbegin="%JS%" attributeName="x" dur="1s"/></svg>'),
    Payload("svg-link", HTML, SVG + '><a href="%LINK%"><text y="20">x</text></a></svg>'),
    Payload("svg-style", HTML, SVG + "><style>@import '%URL%';</style></svg>"),
    Payload("svg-filter", HTML, SVG + '><feImage href="%URL%"/><rect style="fill:url(%URL%#a)"/></svg>', False),
    Payload("math-mutation", HTML, '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;/mglyph&gt;&lt;img src=x:x onerror=%JS%&gt;"><img src="x:x" onerror="%JS%">'),
    Payload("math-link", HTML, '<math><a href="%LINK%" xlink:href="%LINK%">x</a></math>', False),
    # text that another reader of HTML reads otherwise
    Payload("noscript", HTML, '<noscript><p title="</noscript><img src=x:x onerror=%LINK%>"></noscript><img src=x:x onerror="%JS%">'),
    Payload("comment", HTML, '<!--><img src="x:x" onerror="%JS%">-->'),
    Payload("comment-bang", HTML, '<!-- --!><img src="x:x" onerror="%JS%"> -->'),
    Payload("cdata", HTML, '<![CDATA[<x>]]><img src="x:x" onerror="%JS%">'),
    Payload("template", HTML, '<template><p></template></template><xmp></xmp><img src="x:x" onerror="%JS%">'),
    Payload("table-style", HTML, '<table><td><style></table><p></style><img src="x:x" onerror="%JS%">'),
    Payload("end-tags", HTML, "</td></table></pre></div></body></html></textarea></style></title><script>%JS%</script>"),
    Payload("end-of-script", HTML, "</script><script>%JS%</script>"),
    Payload("nul", HTML, '<img src="x:x" \x00 onerror="%JS%"><scr\x00ipt>%JS%</script>'),
    Payload("attributes-twice", HTML, '<p style="color:red" title=\'"><img src=x:x onerror="%JS%">\'>x</p><img src="x:x" onerror="%JS%">'),
    # other documents
    Payload("frame-srcdoc", HTML, '<iframe srcdoc="<script>%JS%</script>"></iframe>'),
    Payload("frame-javascript", HTML, '<iframe src="%LINK%"></iframe>'),
    Payload("frame-data", HTML, '<iframe src="data:text/html,<script>%JS%</script>"></iframe>'),
    Payload("frame-far", HTML, '<iframe src="%FAR%"></iframe>'),
    Payload("object", HTML, '<object data="data:text/html,<script>%JS%</script>"></object>'),
    Payload("embed", HTML, '<embed src="%URL%">'),
    # leaving the page
    Payload("refresh", HTML, '<meta http-equiv="refresh" content="0;url=%URL%">'),
    Payload("refresh-data", HTML, '<meta http-equiv="refresh" content="0;url=%FAR%">'),
    Payload("base", HTML, '<base href="%FAR%/"><img src="x.png">'),
    Payload("location", HTML, "<script>location='%URL%'</script>"),
    Payload("popup", HTML, "<script>window.open('%URL%')</script>"),
    Payload("download", HTML, '<a id="d" download="x.html" href="data:text/html,x">x</a><script>d.click()</script>'),
    Payload("form", HTML, '<form action="%URL%"><input name="q"><button onclick="%JS%">Your mark</button></form>'),
    Payload("form-button", HTML, '<form id="f"></form><button form="f" formaction="%LINK%">Your mark</button>'),
    Payload("link-script", HTML, '<a href="%LINK%">Your feedback</a>'),
    Payload("link-script-tab", HTML, '<a href=" ja&#9;vascript&colon;void 0&semi;alert(1)">x</a><a href="java\nscript:%JS%">x</a>'),
    Payload("link-data", HTML, '<a href="data:text/html,x" ping="%URL%">x</a><map><area href="%LINK%"></map>'),
    # asking for something
    Payload("image", HTML, '<img src="%URL%">'),
    Payload("image-far", HTML, '<img src="%FAR%">'),
    Payload("image-set", HTML, '<img srcset="%URL% 1x"><picture><source srcset="%URL%"><img></picture>'),
    Payload("image-svg", HTML, f'<img src="data:image/svg+xml;base64,{_encoded("<svg/>")}"><img src="%FAR%">'),
    Payload("image-input", HTML, '<input type="image" src="%URL%">'),
    Payload("poster", HTML, '<video poster="%URL%" src="%URL%"></video><audio src="%URL%" preload="auto"></audio>'),
    Payload("stylesheet", HTML, '<link rel="stylesheet" href="%URL%">'),
    Payload("preload", HTML, '<link rel="preload" as="image" href="%URL%"><link rel="icon" href="%URL%">'),
    Payload("style-import", HTML, "<style>@import url(%URL%);</style>"),
    Payload("style-font", HTML, "<style>@font-face{font-family:f;src:url(%URL%)}*{font-family:f}</style><p>x</p>"),
    Payload("style-url", HTML, '<p style="background:url(%URL%)">x</p>'),
    Payload("style-url-hidden", HTML, "<p style=\"background:\\75\\72\\6c('%URL%')\">x</p><p style=\"border-image:url(%URL%) 3\">x</p>"),
    Payload("style-image-set", HTML, "<p style=\"background-image:image-set('%URL%' 1x)\">x</p>"),
    Payload("style-cursor", HTML, '<ul style="list-style:url(%URL%);content:url(%URL%)"><li>x</li></ul>'),
    Payload("background", HTML, '<table background="%URL%"><tr><td background="%URL%">x</td></tr></table>'),
    # other kinds of output
    Payload("svg-output", "image/svg+xml", SVG + ' onload="%JS%"><script>%JS%</script><image href="%URL%"/></svg>'),
    Payload("javascript-output", "application/javascript", "%JS%"),
    Payload("markdown-output", "text/markdown", "<script>%JS%</script> ![x](%URL%) [x](%LINK%)"),
    Payload("latex-output", "text/latex", r"$\href{%LINK%}{x}$ $\unicode{<img src=x:x onerror='alert(1)'>}$ <script>%JS%</script>"),
    Payload("json-output", "application/json", '{"x": "<script>%JS%</script>"}'),
    Payload("pdf-output", "application/pdf", _encoded("<script>parent.alert(1)</script>"), False),
    Payload("plain-output", "text/plain", '<script>%JS%</script><img src="%URL%">'),
    Payload("png-markup", "image/png", '"><script>%JS%</script>'),
    Payload("png-page", "image/png", _encoded("\x89PNG<script>alert(1)</script>"), False),
    Payload("jpeg-markup", "image/jpeg", "/9j/AAAA' onerror='x\" onerror=\"%JS%"),
    Payload("gif-markup", "image/gif", 'R0lG" onerror="%JS%'),
    Payload("mermaid-output", "text/vnd.mermaid", 'graph TD\nA["<img src=x:x onerror=\'alert(1)\'>"]\nclick A href "%LINK%"', False),
    Payload("plotly-output", "application/vnd.plotly.v1+json", '{"data": [{"text": "<script>%JS%</script>"}]}'),
    Payload("vega-output", "application/vnd.vegalite.v5+json", '{"data": {"url": "%URL%"}}', False),
    Payload("geojson-output", "application/geo+json", '{"type": "Point", "x": "<script>%JS%</script>"}'),
    Payload("stdout-output", "application/vnd.jupyter.stdout", "<script>%JS%</script>"),
    Payload("mime-markup", 'text/html"><script>%JS%</script>', "<script>%JS%</script>"),
    # text
    Payload("stdout", STDOUT, '<script>%JS%</script></pre><img src="x:x" onerror="%JS%">'),
    Payload("stderr", STDERR, '</pre><img src="x:x" onerror="%JS%">'),
    Payload("ansi", STDOUT, '\x1b[31m<img src="x:x" onerror="%JS%">\x1b[0m\x1b[38;5;"onmouseover=m \x1b[1;999999999m'),
    Payload("ansi-link", STDOUT, '\x1b]8;;%LINK%\x1b\\<a href="%LINK%">x</a>\x1b]8;;\x07\x1b[2J\x1b]0;title\x07', True),
    Payload("address-in-text", STDOUT, "%LINK% data:text/html,<script>%JS%</script> https://x\"onclick=\"%JS%"),
    Payload("error-message", ERROR, '<script>%JS%</script></pre><img src="x:x" onerror="%JS%">'),
    Payload("source-script", SOURCE, "</script></pre></div><script>%JS%</script>"),
    Payload("source-comment", SOURCE, '<!-- --><img src="x:x" onerror="%JS%">'),
    # Markdown
    Payload("markdown-html", MARKDOWN_CELL, '<script>%JS%</script><img src="x:x" onerror="%JS%"><svg onload="%JS%">'),
    Payload("markdown-link", MARKDOWN_CELL, "[x](%LINK%) <%LINK%> [y]\n\n[y]: %LINK%\n\n<a href='%LINK%'>x</a>"),
    Payload("markdown-data-link", MARKDOWN_CELL, '<a href="data:text/html,<script>%JS%</script>" onclick="%JS%">x</a>'),
    Payload("markdown-image", MARKDOWN_CELL, '![a plot](%URL%) <img src="%URL%">'),
    Payload("markdown-image-far", MARKDOWN_CELL, "before ![a plot][p] after <img src='%FAR%'>\n\n[p]: %FAR%"),
    Payload("markdown-image-html", MARKDOWN_CELL, '<div>\n<img\nsrc="%URL%"/></div>\n\n<video src="%URL%" poster="%URL%"></video>'),
    Payload("markdown-picture", MARKDOWN_CELL, '<picture><source srcset="%URL%"><img alt="x" srcset="%URL% 1x"></picture>'),
    Payload("markdown-style", MARKDOWN_CELL, '<style>@import "%URL%";</style><p style="background:url(%URL%)">x</p><table background="%URL%"><tr><td style="background-image:url(\'%URL%\')">1</td></tr></table>'),
    Payload("markdown-fence", MARKDOWN_CELL, '```html"><img src="x:x" onerror="%JS%">\n<script>%JS%</script>\n```\n\n`<img src="x:x" onerror="%JS%">`'),
    Payload("markdown-heading", MARKDOWN_CELL, '# <img src="x:x" onerror="%JS%"> "onmouseover="%JS%'),
    Payload("markdown-title", MARKDOWN_CELL, '[x](http://a "\\" onmouseover=\\"%JS%") <p title="<script>%JS%</script>" onclick="%JS%">y</p>'),
    Payload("markdown-math", MARKDOWN_CELL, r'$\href{%LINK%}{x}$ $$\style{background:url(%URL%)}{x}$$ $\unicode{<img src=x:x onerror="%JS%">}$'),
    Payload("markdown-math-html", MARKDOWN_CELL, '$<img src="x:x" onerror="%JS%">$ $$</script><script>%JS%</script>$$'),
    Payload("markdown-mermaid", MARKDOWN_CELL, '```mermaid\ngraph TD\nA["<img src=\'%URL%\' onerror=\'alert(1)\'>"]\nclick A href "%LINK%"\n```', False),
    Payload("markdown-mermaid-style", MARKDOWN_CELL, "```mermaid\n%%{init: {'themeCSS': '@import url(%URL%); *{background:url(%URL%)}'}}%%\ngraph TD\nA-->B\n```", False),
    Payload("markdown-mermaid-entity", MARKDOWN_CELL, "```mermai&#100;\n%%{init: {'themeCSS': '@import url(%URL%);'}}%%\ngraph TD\nA-->B\n```", False),
    Payload("markdown-mermaid-case", MARKDOWN_CELL, "> ~~~ MerMaid x\n> %%{init: {'themeCSS': '@import url(%URL%);'}}%%\n> graph TD\n> A-->B\n> ~~~\n\n```mer\\maid\ngraph TD\nA-->B\n```", False),
    Payload("markdown-frame", MARKDOWN_CELL, '<iframe src="%URL%"></iframe><object data="%URL%"></object><embed src="%URL%"><link rel="stylesheet" href="%URL%">'),
    Payload("markdown-form", MARKDOWN_CELL, '<form action="%URL%"><button formaction="%LINK%" onclick="%JS%">Your mark</button><input type="image" src="%URL%"></form>'),
    Payload("human-html", HUMAN, '<script>%JS%</script><img src="x:x" onerror="%JS%">'),
    Payload("human-image", HUMAN, "![my figure](%URL%) <img src='%URL%'>"),
    Payload("human-link", HUMAN, "[see](%LINK%) <a href='%LINK%' onmouseover=\"%JS%\">x</a>"),
    Payload("raw-cell", RAW_CELL, "<script>%JS%</script>"),
    # answers whose faults are reported
    Payload("answer-raises", ANSWER, '<script>%JS%</script><img src="x:x" onerror="%JS%">'),
    Payload("answer-error-name", ANSWER, '<img src="x:x" onerror="%JS%">'),
    Payload("answer-type-name", ANSWER, '<svg onload="%JS%">'),
    Payload("answer-repr", ANSWER, '</td></table><script>%JS%</script>'),
    # outputs that no kernel would make, sent by a changed worker
    Payload("forged-error", LINE, '<img src="x:x" onerror="%JS%">'),
    Payload("forged-fields", LINE, '"><script>%JS%</script>'),
    # the file
    Payload("file-metadata", FILE, '</title></style></script><script>%JS%</script>'),
)  # fmt: skip


def code_for(payload: Payload, beacon: str) -> str:
    """A cell that shows a payload; behind it the payload's name, by which it is found again."""
    text = payload.filled(beacon)
    mark = f"print({shown(payload)!r})"
    if payload.place == SOURCE:
        return f"# {text}\n{mark}\nlist_of_nothing = []  # {text}"
    if payload.place in (STDOUT, STDERR):
        return f"import sys\n{mark}\nprint({text!r}, file=sys.{payload.place})"
    if payload.place == ERROR:
        return f"{mark}\nraise type({text!r}, (Exception,), {{}})({text!r})"
    mime = payload.place.replace("%JS%", script_for(payload.name, beacon))
    return f"from IPython.display import display\n{mark}\ndisplay({{{mime!r}: {text!r}}}, raw=True)"


def shown(payload: Payload) -> str:
    """What stands on every page that shows the payload's cell."""
    return f"here is {payload.name}."


ANSWERS = {
    "answer-raises": "def {name}(*_):\n    raise ValueError({text!r})",
    "answer-error-name": "def {name}(*_):\n    raise type({text!r}, (Exception,), {{}})({text!r})",
    "answer-type-name": "def {name}(*_):\n    return type({text!r}, (), {{}})()",
    "answer-repr": (
        "class Lying(dict):\n    def __repr__(self):\n        return {text!r}\n    __str__ = __repr__"
        "\n\ndef {name}(*_):\n    return Lying({{{text!r}: {text!r}}})"
    ),
}


def of(*places: str) -> Iterator[Payload]:
    """The payloads of these places; without places those that are shown by a code cell."""
    apart = {MARKDOWN_CELL, HUMAN, RAW_CELL, ANSWER, LINE, FILE}
    for payload in PAYLOADS:
        if payload.place in places or (not places and payload.place not in apart):
            yield payload


def hostile(document: dict[str, Any], beacon: str, answered: tuple[str, ...]) -> bytes:
    """A released notebook with every payload in it; ``answered``: exercises to answer badly."""
    cells = document["cells"]
    answers = dict(zip(answered, of(ANSWER), strict=True))
    for cell in cells:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("grade_id") in answers:
            payload = answers[marks["grade_id"]]
            source = ANSWERS[payload.name]
            cell["source"] = source.format(name=marks["grade_id"], text=payload.filled(beacon))
        elif cell["cell_type"] == "markdown" and marks.get("grade"):
            said = [f"{shown(p)}\n\n{p.filled(beacon)}" for p in of(HUMAN)]
            cell["source"] = "\n\n".join(said)
    cells += [_cell(p.name, "code", code_for(p, beacon)) for p in of()]
    for payload in of(MARKDOWN_CELL):
        cells.append(_cell(payload.name, "markdown", payload.filled(beacon)))
        cells.append(_cell(f"{payload.name}-shown", "markdown", shown(payload)))
    cells += [
        _cell(p.name, "raw", p.filled(beacon), raw_mimetype="text/html") for p in of(RAW_CELL)
    ]
    _deface(document, next(of(FILE)).filled(beacon))
    cells.append(_cell("line", "code", _forged(beacon)))
    cells.append(_cell("line-shown", "code", "1"))
    return json.dumps(document).encode()


def _cell(name: str, kind: str, source: str, **metadata: Any) -> dict[str, Any]:
    cell = {"cell_type": kind, "id": name, "metadata": metadata, "source": source}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _forged(beacon: str) -> str:
    """Code that makes the worker answer with outputs of our own, for this cell and all others."""
    error, fields = (payload.filled(beacon) for payload in of(LINE))
    view = "application/vnd.jupyter.widget-view+json"
    outputs = [
        {"output_type": "error", "ename": error, "evalue": error, "traceback": [error] * 3},
        {"output_type": "stream", "name": fields, "text": fields},
        {
            "output_type": "execute_result",
            "execution_count": fields,
            "data": {"text/html": f"<b>{fields}</b>", view: {"model_id": fields}, "image/png": []},
            "metadata": {"image/png": {"width": fields}, "isolated": True, fields: fields},
        },
        {"output_type": "display_data", "data": {"text/html": [fields], "text/plain": [fields]}},
        {"output_type": "update_display_data", "data": {"text/html": fields}, "metadata": {}},
    ]
    said = [f"{shown(payload)}\n" for payload in of(LINE)]
    outputs.append({"output_type": "stream", "name": "stdout", "text": "".join(said)})
    forged = {"outputs": outputs, "error": error}
    return f"from grader.sandbox.guest import serve\nserve.run_cell = lambda *_: {forged!r}"


def _deface(document: dict[str, Any], text: str) -> None:
    """The same text in every field of the file that some page might show."""
    widget = {"model_id": text, "state": {"x": {"model_name": text, "state": {"value": text}}}}
    document["metadata"] |= {
        "title": text,
        "authors": [{"name": text}],
        "kernelspec": {"name": text, "display_name": text, "language": text},
        "language_info": {"name": text, "pygments_lexer": text, "mimetype": text},
        "widgets": {"application/vnd.jupyter.widget-state+json": widget},
    }
    output = {
        "output_type": "execute_result",
        "execution_count": text,
        "metadata": {"trusted": True},
        "data": {"text/html": text, "application/javascript": text},
    }
    for cell in document["cells"]:
        cell["metadata"] |= {"trusted": True, "name": text, "tags": [text], "slideshow": text}
        cell["attachments"] = {"x.svg": {"image/svg+xml": _encoded(text)}, text: {text: text}}
        if cell["cell_type"] == "code":
            cell["outputs"] = [output]
            cell["execution_count"] = text
    document["cells"].append({"cell_type": text, "id": text, "metadata": {}, "source": text})
