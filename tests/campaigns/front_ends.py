"""What tools make of a notebook between the course and the hand-in: a function for each.

Each takes a solved notebook with a written answer, as JSON, and returns the file that the tool
leaves. What they drop (ids, metadata, types of cells) was read off files that people published and
off the tools' own source. None changes what the answers do.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import nbformat

Document = dict[str, Any]
FrontEnd = Callable[[Document], Document]
FRONT_ENDS: dict[str, FrontEnd] = {}


def front_end(function: FrontEnd) -> FrontEnd:
    """Register the function under its name in words."""
    FRONT_ENDS[function.__name__.replace("_", " ")] = function
    return function


def through(name: str, document: Document) -> bytes:
    """Return the file that this tool leaves."""
    return json.dumps(FRONT_ENDS[name](copy.deepcopy(document)), ensure_ascii=False).encode()


def _bare(document: Document, minor: int = 4) -> Iterator[dict[str, Any]]:
    """Drop ids and metadata; yield the cells."""
    document |= {"nbformat": 4, "nbformat_minor": minor}
    for cell in document["cells"]:
        cell.pop("id", None)
        cell["metadata"] = {}
        yield cell


def _lines(text: str | list[str]) -> list[str]:
    return "".join(text).splitlines(keepends=True)


# -- in the browser ------------------------------------------------------------------------------


@front_end
def colab_metadata_kept(document: Document) -> Document:
    """Ids go into the metadata, nbformat becomes 4.0, each run leaves its time and its user."""
    document |= {"nbformat_minor": 0}
    document["metadata"] = {
        "colab": {"provenance": [], "toc_visible": True},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
        "accelerator": "GPU",
    }
    for cell in document["cells"]:
        cell["metadata"] |= {"id": cell.pop("id"), "outputId": "00-11"}
        cell["metadata"]["executionInfo"] = {"status": "ok", "user": {"userId": "1"}}
        cell["source"] = _lines(cell["source"])
    return document


@front_end
def colab_stripped(document: Document) -> Document:
    """A copy whose metadata nbstripout has removed; Colab's own ids are left."""
    for number, cell in enumerate(_bare(document, 0)):
        cell["metadata"] = {"id": f"a{number}B-xYz"}
    document["metadata"] = {"colab": {"provenance": []}, "language_info": {"name": "python"}}
    return document


@front_end
def kaggle(document: Document) -> Document:
    """Kaggle adds its own first cell, and its ids in the metadata replace all others."""
    for cell in _bare(document):
        cell["metadata"] = {"_uuid": "f" * 40, "_cell_guid": "0-1", "trusted": True}
    first = "# This Python 3 environment comes with many helpful analytics libraries installed\n"
    own = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    document["cells"].insert(0, own | {"source": first + "import os\nos.getcwd()"})
    document["metadata"] = {"kaggle": {"accelerator": "none", "isGpuEnabled": False},
                            "kernelspec": {"language": "python", "name": "python3"}}  # fmt: skip
    return document


@front_end
def deepnote(document: Document) -> Document:
    """Each paragraph that somebody typed becomes a cell; an advertisement comes last."""
    typed = [cell["metadata"].get("nbgrader", {}).get("solution") for cell in document["cells"]]
    cells = []
    for number, cell in enumerate(_bare(document)):
        kind, text = cell["cell_type"], "".join(cell["source"])
        texts = text.split("\n\n") if kind == "markdown" and typed[number] else [text]
        for part, paragraph in enumerate(texts):
            metadata = {"cell_id": f"{number:08x}{part}", "deepnote_cell_type": kind}
            cells.append(cell | {"metadata": metadata, "source": paragraph})
    advertisement = "<a style='text-decoration:none;' href='https://deepnote.com'>Created in…</a>"
    last = {"cell_type": "markdown", "metadata": {"created_in_deepnote_cell": True}}
    document["cells"] = [*cells, last | {"source": advertisement}]
    document["metadata"] = {"deepnote": {}, "orig_nbformat": 2}
    return document


@front_end
def databricks(document: Document) -> Document:
    """Text is a code cell that begins with %md; metadata is Databricks' own."""
    for cell in _bare(document, 0):
        own = {"cellMetadata": {}, "inputWidgets": {}, "nuid": "0-1", "showTitle": False}
        cell["metadata"] = {"application/vnd.databricks.v1+cell": own}
        if cell["cell_type"] == "markdown":
            cell |= {"cell_type": "code", "source": "%md\n" + "".join(cell["source"])}
            cell |= {"outputs": [], "execution_count": None}
    document["metadata"] = {"application/vnd.databricks.v1+notebook": {"language": "python"},
                            "language_info": {"name": "python"}}  # fmt: skip
    return document


@front_end
def jupyterlite(document: Document) -> Document:
    """The kernel is a different one, and every cell is trusted."""
    kernel = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
    document["metadata"] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for cell in document["cells"]:
        cell["metadata"]["trusted"] = True
    return document


# -- on the desktop ------------------------------------------------------------------------------


@front_end
def vs_code(document: Document) -> Document:
    """It adds its own metadata and ids."""
    document["metadata"]["vscode"] = {"interpreter": {"hash": "0" * 64}}
    for number, cell in enumerate(document["cells"]):
        cell["id"] = f"#VSC-{number:08x}"
        cell["metadata"]["vscode"] = {"languageId": cell["cell_type"]}
    return document


@front_end
def pycharm(document: Document) -> Document:
    """Ids are gone, texts are lists of lines, and its metadata replaces all other."""
    for cell in _bare(document, 0):
        cell["metadata"] = {"collapsed": False, "pycharm": {"name": "#%%\n"}}
        cell["source"] = _lines("".join(cell["source"]) + "\n")
    return document


@front_end
def jupytext(document: Document) -> Document:
    """Through a script and back: new ids, blanks at ends of lines gone, a note of the script."""
    for number, cell in enumerate(_bare(document, 5)):
        cell["id"] = f"{number + 0xC0FFEE00:08x}"
        cell["source"] = "\n".join(line.rstrip() for line in "".join(cell["source"]).split("\n"))
    document["metadata"] = {"jupytext": {"formats": "ipynb,py:percent"}}
    return document


@front_end
def jupytext_markdown(document: Document) -> Document:
    """Through Markdown and back: two empty lines end a cell of text, also in an answer."""
    cells = []
    for cell in jupytext(document)["cells"]:
        texts = cell["source"].split("\n\n\n") if cell["cell_type"] == "markdown" else [""]
        texts = texts if len(texts) > 1 else [cell["source"]]
        cells += [cell | {"source": t, "id": f"{cell['id']}{n}"} for n, t in enumerate(texts)]
    document["cells"] = cells
    return document


# -- versions of the format ----------------------------------------------------------------------


@front_end
def nbformat_3(document: Document) -> Document:
    """The notebook as nbformat writes it: worksheets, and input in place of source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that ids are lost
        node = nbformat.reads(json.dumps(document), as_version=4)
        return json.loads(nbformat.v3.writes_json(nbformat.convert(node, 3)))


@front_end
def nbformat_3_without_metadata(document: Document) -> Document:
    """The same, for a notebook that has already lost its metadata."""
    list(_bare(document))
    return nbformat_3(document)


@front_end
def nbformat_4_0(document: Document) -> Document:
    """Ids are gone."""
    document["nbformat_minor"] = 0
    for cell in document["cells"]:
        cell.pop("id")
    return document


@front_end
def nbformat_4_5(document: Document) -> Document:
    """The notebook as it was given out."""
    return document


@front_end
def nbformat_5(document: Document) -> Document:
    """A version that does not exist, with the cells where nbformat 4 has them."""
    return document | {"nbformat": 5, "nbformat_minor": 0}
