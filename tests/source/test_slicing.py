"""What a cell binds and reads, told from its text."""

from __future__ import annotations

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from grader.source.cells import definitions, has_syntax_error, normalized
from grader.source.slicing import (
    bound_names,
    cut_to,
    leading_to,
    needed,
    read_names,
    statements,
)

GIVEN = [("a", "x = 1"), ("b", "y = x"), ("c", "z = 3")]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import numpy as np\nfrom math import pi", {"np", "pi"}),
        ("def f(a):\n    b = 1\nclass G:\n    c = 2", {"f", "G"}),
        ("a, (b, *c) = 1, (2, 3)\nfor d in []: e = 1", {"a", "b", "c", "d", "e"}),
        ("%time a = 1\nb = 2", {"b"}),
        ("this is no Python", set()),
        ("a, b = !ls\nc = 1", {"a", "b", "c"}),
        ("  a = 1\n  def f(): pass", {"a", "f"}),
        ("a = (5\n  % 3)", {"a"}),
        ("a[0] = !ls\ndef f():\n    pass\nb = 2", {"f", "b"}),
    ],
)
def test_the_names_that_a_cell_binds(source: str, names: set[str]) -> None:
    assert bound_names(source) == names


@pytest.mark.parametrize(
    ("source", "chosen"),
    [
        ("print(z)", {"c"}),
        ("def f():\n    return y", {"a", "b"}),
        ("%time y", {"a", "b"}),
        ("!ls {z}", {"c"}),
        ("globals()['z']", {"a", "b", "c"}),
        ("%%bash\necho 'no python here", {"a", "b", "c"}),
        ("print(z", set()),
        ("await z", {"c"}),
    ],
)
def test_what_a_cell_needs_and_everything_where_it_cannot_be_told(
    source: str, chosen: set[str]
) -> None:
    assert needed(GIVEN, [source]) == chosen


@pytest.mark.parametrize(
    "source",
    [
        "%%time\nx = (", "%ls", "!ls (", "files = !ls", "x?", "?x", ">>> x = 1", "In [1]: x = 1",
        "    x = 1\n    y = 2", "await f()", "async with f() as g: pass", ",f a b", ";f a", "/f 1",
        "\n\n   indented = 1", "x = 1  # %", "lambda: (await f())", "def f():\n    await g()",
    ],
)  # fmt: skip
def test_what_ipython_makes_sense_of_is_no_syntax_error(source: str) -> None:
    assert not has_syntax_error(source)


@pytest.mark.parametrize("source", ["x = (", "def f(:", "if x:\npass", "a b", "'open", "1 = x"])
def test_what_is_called_broken_does_not_compile_in_ipython_either(source: str) -> None:
    assert has_syntax_error(source)
    with pytest.raises(SyntaxError):
        compile(TransformerManager().transform_cell(source), "cell", "exec")
    assert read_names(source) == set()


def test_a_cells_statements_are_told_apart() -> None:
    cell = "import numpy as np\nfrom grader import mine\nTwo = mine('One')\ndef f(x):\n    return x"
    texts = statements(cell)
    assert [bound_names(text) for text in texts] == [{"np"}, {"mine"}, {"Two"}, {"f"}]
    assert statements("this is no Python") == ("this is no Python",)


@pytest.mark.parametrize("value", ["+".join("1" * 2000), "0x" + "f" * 9000])
def test_what_can_be_read_and_not_written_stays_whole_or_is_left_out(value: str) -> None:
    """The judge reads every submission so: none may end it."""
    cell = f"import math\ndef f():\n    return {value}"
    assert statements(cell) == (cell,)
    assert definitions([cell]) == "import math\n"
    assert normalized(cell) == cell


def test_a_text_is_cut_to_what_its_names_need_however_far_down() -> None:
    source = (
        "import math\nimport os\nHALF = 0.5\n"
        "def helper(x):\n    return math.sqrt(x) * HALF\n"
        "def answer(x):\n    return helper(x)\n"
        "def other(x):\n    return os.getcwd()\n"
    )
    cut = cut_to(["answer"], source)
    assert bound_names(cut) == {"math", "HALF", "helper", "answer"}
    scope: dict = {}
    exec(cut, scope)
    assert scope["answer"](16) == 2
    assert bound_names(cut_to(["answer", "other"], source)) == bound_names(source)


TEST = ("test", "def test(f):\n    for x in cases:\n        assert near(f(x), x)")


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([("plot", "show(1)")], set()),
        ([("near", "def near(a, b): return math.isclose(a, b)"), ("import", "import math")],
         {"near", "import"}),
        ([("data", "cases = []"), ("more", "for x in (1, 2): cases.append(x)")], {"data", "more"}),
        ([("data", "cases = [0]"), ("part", "cases[0] = start"), ("start", "start = 5")],
         {"data", "part", "start"}),
        ([("demo", "test(abs)\nnear(1, 2)"), ("near", "def near(a, b): return True")], {"near"}),
        ([("data", "cases = []"), ("alias", "c = cases\nc.append(1)"), ("far", "c.append(2)")],
         {"data", "alias", "far"}),
        ([("hidden", "globals()['cases'] = [1]"), ("plot", "show(1)")], {"hidden", "plot"}),
    ],
)  # fmt: skip
def test_the_cells_that_lead_to_a_name(others: list[tuple[str, str]], chosen: set[str]) -> None:
    assert leading_to([*others, TEST], "test") == chosen | {"test"}
