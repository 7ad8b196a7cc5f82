"""MyST's tree as HTML. A node that has no form here is an error: nothing is left out unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_by_name
from pygments.util import ClassNotFound

from grader.authoring.site.lessons import NEEDS_ANSWERS

Node = Mapping

PLAIN = {
    "paragraph": "p",
    "strong": "strong",
    "emphasis": "em",
    "delete": "del",
    "underline": "u",
    "superscript": "sup",
    "subscript": "sub",
    "span": "span",
    "blockquote": "blockquote",
    "listItem": "li",
    "details": "details",
    "summary": "summary",
    "definitionList": "dl",
    "definitionTerm": "dt",
    "definitionDescription": "dd",
    "container": "figure",
    "caption": "figcaption",
}
THROUGH = {"root", "captionNumber", "abbreviation"}
MANY = 7  # columns: from here on a table needs more room than text
SILENT = {"comment", "mystTarget", "mystComment"}


class FormError(Exception):
    """Something in a page cannot be written; the message names the page and the thing."""


@dataclass
class Writer:
    """Writes the trees of one page.

    Attributes:
        source: the page's file, for messages.
        pages: addresses in the tree ("/masking") → files on the site.
        asset: takes a file of the build to the site; its name there. KeyError if there is none.
    """

    source: str
    pages: Mapping[str, str]
    asset: Callable[[str], str]
    left_as_text: list[str] = field(default_factory=list)

    def write(self, node: Node) -> str:
        kind = node["type"]
        if kind in PLAIN:
            return f"<{PLAIN[kind]}>{self.inside(node)}</{PLAIN[kind]}>"
        if kind in THROUGH:
            return self.inside(node)
        if kind in SILENT:
            return ""
        form = FORMS.get(kind)
        if form is None:
            raise FormError(f"{self.source}: the site's theme has no form for MyST's {kind!r}")
        return form(self, node)

    def inside(self, node: Node) -> str:
        return "".join(self.write(child) for child in node.get("children", []))

    def address(self, url: str) -> str | None:
        """Where a link leads on the site; None if the site does not have it."""
        if url.startswith(("https://", "http://", "mailto:", "#")):
            return url
        path, mark, part = url.partition("#")
        if path in self.pages:
            return self.pages[path] + mark + part
        return None


def text(node: Node) -> str:
    """The words of a tree, without form."""
    own = node.get("value", "") if node["type"] != "html" else ""
    return own + "".join(map(text, node.get("children", [])))


def headings(node: Node) -> Iterator[Node]:
    """Every heading of a tree, in order."""
    if node["type"] == "heading":
        yield node
    for child in node.get("children", []):
        yield from headings(child)


def code_html(source: str, language: str) -> str:
    """A program with Pygments' classes; plain text if the language is not known."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    return highlight(source, lexer, HtmlFormatter(nowrap=True)).rstrip("\n")


def _text(writer: Writer, node: Node) -> str:
    return escape(node["value"], quote=False)


def _inline_code(writer: Writer, node: Node) -> str:
    return f"<code>{escape(node['value'], quote=False)}</code>"


def _code(writer: Writer, node: Node) -> str:
    inner = code_html(node["value"], node.get("lang") or "")
    return f'<pre class="code" tabindex="0"><code>{inner}</code></pre>'


def _math(writer: Writer, node: Node) -> str:
    if "html" not in node:  # KaTeX's, made by mystmd
        raise FormError(f"{writer.source}: this equation cannot be set: {node['value']}")
    if node["type"] == "inlineMath":
        return node["html"]
    number = f'<span class="number">({node["enumerator"]})</span>' if node.get("label") else ""
    return f'<div class="equation"{_anchor(node)} tabindex="0">{node["html"]}{number}</div>'


def _heading(writer: Writer, node: Node) -> str:
    level = min(max(node["depth"], 2), 6)
    name = node.get("html_id", "")
    link = f'<a class="here" href="#{name}" aria-label="link to this section">#</a>' if name else ""
    return f"<h{level}{_anchor(node)}>{writer.inside(node)}{link}</h{level}>"


def _anchor(node: Node) -> str:
    return f' id="{escape(node["html_id"])}"' if node.get("html_id") else ""


def _list(writer: Writer, node: Node) -> str:
    if not node.get("ordered"):
        return f"<ul>{writer.inside(node)}</ul>"
    start = node.get("start") or 1
    return f'<ol start="{start}">{writer.inside(node)}</ol>'


def _link(writer: Writer, node: Node) -> str:
    inner, url = writer.inside(node), node["url"]
    if url == f"http://{text(node)}":
        return inner  # a name with a dot in it that was taken for an address
    if node.get("static"):
        return f'<a href="{escape(writer.asset(url))}" download>{inner}</a>'
    address = writer.address(url)
    if address is None:
        writer.left_as_text.append(url)
        return inner
    outside = ' rel="noopener noreferrer"' if address.startswith("http") else ""
    return f'<a href="{escape(address)}"{outside}>{inner}</a>'


def _cross_reference(writer: Writer, node: Node) -> str:
    inner = writer.inside(node)
    file = writer.address(node["url"]) if node.get("url") else ""
    name = node.get("html_id") or node.get("identifier")
    if file is None or not name:
        writer.left_as_text.append(node.get("url", ""))
        return inner
    return f'<a href="{escape(file)}#{escape(name)}">{inner}</a>'


def _picture(writer: Writer, url: str, alt: str) -> str:
    if not alt:
        raise FormError(f"{writer.source}: the picture {url} has no alternative text")
    try:
        file = writer.asset(url)
    except KeyError as error:
        raise FormError(f"{writer.source}: there is no picture {url}") from error
    return f'<img src="{escape(file)}" alt="{escape(alt)}">'


def _image(writer: Writer, node: Node) -> str:
    return _picture(writer, node["url"], node.get("alt", ""))


def _table(writer: Writer, node: Node) -> str:
    rows = list(node["children"])
    head = []
    while rows and all(cell.get("header") for cell in rows[0]["children"]):
        head.append(rows.pop(0))
    if not any(text(row).strip() for row in head):
        head = []  # Markdown's tables must have a head, and this one says nothing
    top = f"<thead>{''.join(map(writer.write, head))}</thead>" if head else ""
    body = f"<tbody>{''.join(map(writer.write, rows))}</tbody>"
    columns = max((len(row["children"]) for row in node["children"]), default=0)
    room = "wide many" if columns >= MANY else "wide"
    return f'<div class="{room}" tabindex="0"><table>{top}{body}</table></div>'


def _row(writer: Writer, node: Node) -> str:
    return f"<tr>{writer.inside(node)}</tr>"


def _cell(writer: Writer, node: Node) -> str:
    tag = "th" if node.get("header") else "td"
    align = f' class="{node["align"]}"' if node.get("align") in ("right", "center") else ""
    return f"<{tag}{align}>{writer.inside(node)}</{tag}>"


def _admonition(writer: Writer, node: Node) -> str:
    return f'<aside class="note {escape(node.get("kind", "note"))}">{writer.inside(node)}</aside>'


def _admonition_title(writer: Writer, node: Node) -> str:
    return f'<p class="title">{writer.inside(node)}</p>'


def _block(writer: Writer, node: Node) -> str:
    if node.get("kind") != "notebook-code":
        return writer.inside(node)
    data = node.get("data", {})
    known = data.get("nbgrader", {})
    kind, label = "given", ""
    if known.get("solution"):
        kind, label = "answer", f"your answer · {known['grade_id']}"
    elif known.get("grade"):
        kind, label = "check", "check"
    elif "scratch" in data.get("tags", []):
        kind, label = "scratch", "yours to try things in"
    top = f'<p class="label">{escape(label)}</p>' if label else ""
    waits = ""
    if NEEDS_ANSWERS in data.get("tags", []):
        waits = '<p class="waits">What this cell prints depends on your answers.</p>'
    return f'<div class="cell {kind}">{top}{writer.inside(node)}{waits}</div>'


def _outputs(writer: Writer, node: Node) -> str:
    inner = writer.inside(node)
    if not inner or node.get("visibility") == "remove":
        return ""
    if node.get("visibility") == "hide":
        return f'<details class="output"><summary>What comes out</summary>{inner}</details>'
    return f'<div class="output">{inner}</div>'


def _output(writer: Writer, node: Node) -> str:
    found = node["jupyter_data"]
    if found["output_type"] == "stream":
        return f'<pre tabindex="0">{escape(found["text"].rstrip(), quote=False)}</pre>'
    data = found.get("data", {})
    words = data.get("text/plain", {}).get("content", "")
    if "image/png" in data:
        return _picture(writer, data["image/png"].get("path", ""), words)
    if set(data) == {"text/plain"}:
        return f'<pre tabindex="0">{escape(words, quote=False)}</pre>'
    raise FormError(f"{writer.source}: a cell shows {', '.join(data) or found['output_type']}")


FORMS: dict[str, Callable[[Writer, Node], str]] = {
    "text": _text,
    "inlineCode": _inline_code,
    "code": _code,
    "math": _math,
    "inlineMath": _math,
    "heading": _heading,
    "list": _list,
    "link": _link,
    "crossReference": _cross_reference,
    "image": _image,
    "table": _table,
    "tableRow": _row,
    "tableCell": _cell,
    "admonition": _admonition,
    "admonitionTitle": _admonition_title,
    "block": _block,
    "outputs": _outputs,
    "output": _output,
    "break": lambda writer, node: "<br>",
    "thematicBreak": lambda writer, node: "<hr>",
}
