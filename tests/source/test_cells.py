"""What the text of cells tells: definitions to carry on, and nothing that runs."""

from __future__ import annotations

from grader.source.cells import CACHED_LONG, cached, carried_names, definitions, normalized


def test_definitions_travel_and_what_runs_stays_behind() -> None:
    cells = [
        "import math\nprint('hello')\nEPS = 1e-9",
        "def f(x):\n    '''two\n\n    paragraphs'''\n    return x + EPS",
        "class C:\n    pass\n\nc = C()\nresult = f(3)",
        "heatmap(f(1))",
    ]
    text = definitions(cells)
    namespace: dict = {}
    exec(text, namespace)
    assert namespace["f"](0) == 1e-9 and "C" in namespace and "math" in namespace
    assert not {"c", "result"} & namespace.keys()
    assert "heatmap" not in text and "print" not in text


def test_what_is_no_python_is_left_out_alone() -> None:
    text = definitions(["def broken(:", "%matplotlib inline", "def g():\n    return 1"])
    assert "def g()" in text and "broken" not in text


def test_answers_of_earlier_lessons_are_carried_through() -> None:
    cells = ["from grader import mine", 'A = mine("A")', "B = other('B')"]
    assert carried_names(cells) == {"A"}
    assert "A = mine('A')" in definitions(cells) and "other" not in definitions(cells)


def test_only_a_plain_name_is_carried() -> None:
    assert carried_names(["x = mine(name)", "y = their.mine('A')", "z = mine('A', 2)"]) == set()


def test_comments_and_layout_change_nothing() -> None:
    assert normalized("def f(x): return x  # note") == normalized("def f(x):\n    return x\n")
    assert normalized("def f(x): return x") != normalized("def f(x): return -x")
    assert normalized("not python (") == "not python ("


def test_a_long_text_is_read_once_and_not_too_many_are_kept() -> None:
    read = []
    length = cached(lambda source: read.append(source[:1]) or len(source))
    long = [letter * (CACHED_LONG // 3) for letter in "abcd"]
    assert [length(text) for text in (long[0], long[0], long[1], long[0], long[2])] == [
        CACHED_LONG // 3
    ] * 5
    assert read == ["a", "b", "c"]
    length(long[3])  # b was asked for least recently, and makes room
    length(long[0])
    assert read == ["a", "b", "c", "d"]
    length(long[1])
    assert read == ["a", "b", "c", "d", "b"]
