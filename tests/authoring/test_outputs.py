"""What the comparison of a solved notebook's outputs lets pass, and what it does not."""

from __future__ import annotations

import base64
import io
import json

import nbformat
import numpy as np
import pytest
from PIL import Image

from grader.course.layout import SOLVED
from tests.authoring.outputs import FREE_NUMBERS, FREE_TEXT, IGNORED, TRAINED_PICTURES, differences

EXACT: dict = {"id": "one", "metadata": {}, "source": ""}
TRAINED: dict = EXACT | {"metadata": {"tags": [IGNORED]}}
TIMED = TRAINED | {"id": min(FREE_NUMBERS)}
FREE = TRAINED | {
    "id": min(FREE_TEXT),
    "source": 'print(f"temperature {t}: {text}, {cost} nats")',
}


def printed(text: str) -> list[dict]:
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def picture(alt: str, level: int = 0, size: int = 4) -> list[dict]:
    """A gray square of one level."""
    out = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), level, np.uint8)).save(out, "png")
    data = base64.b64encode(out.getvalue()).decode()
    shown = {"text/html": f'<img alt="{alt}" src="data:image/png;base64,{data}" style="">'}
    return [{"output_type": "display_data", "data": shown}]


def same(kept: list[dict], fresh: list[dict], cell: dict) -> bool:
    return not differences(cell | {"outputs": kept}, fresh)


def test_a_picture_of_something_exact_may_differ_by_rounding_alone() -> None:
    assert same(picture("a", 100), picture("a", 101), EXACT)
    assert not same(picture("a", 100), picture("a", 110), EXACT)
    assert not same(picture("a", 100), picture("a", 100, size=5), EXACT)
    assert not same(picture("a"), [], EXACT)


def test_where_a_training_is_drawn_beside_exact_text_pixels_are_free() -> None:
    drawn = EXACT | {"id": min(TRAINED_PICTURES)}
    assert same(picture("a", 100), picture("a", 200), drawn)


def test_a_picture_of_something_trained_is_what_its_alternative_text_says() -> None:
    assert same(picture("It ends at 0.52."), picture("It ends at 0.53.", 200), TRAINED)
    assert not same(picture("It ends at 0.52."), picture("It ends at 0.92."), TRAINED)
    assert not same(picture("It falls."), picture("It rises."), TRAINED)
    assert not same(picture("It falls."), [], TRAINED)
    assert not same(picture("It falls."), picture("It falls.") * 2, TRAINED)


def test_of_a_cell_that_clears_its_output_the_last_state_is_compared() -> None:
    clearing = TRAINED | {"source": "clear_output(wait=True)"}
    kept = printed("step 2\n") + picture("Step 2: 1.53.")
    states = picture("Step 1: 2.52.") + picture("Step 2: 1.52.")  # printed text comes in one piece
    assert same(kept, printed("step 1\nstep 2\n") + states, clearing)
    assert not same(kept, printed("step 1\nstep 2\n") + states, TRAINED)
    assert not same(kept, printed("step 2\nstep 1\n") + states, clearing)
    assert not same(kept, printed("step 1\nstep 2\n") + states[:1], clearing)
    assert not same(kept, printed("step 2\n"), clearing)


@pytest.mark.parametrize(
    ("kept", "near", "far"),
    [
        ("loss 1.631", "loss 1.702", "loss 2.600"),
        ("right answers: 43%", "right answers: 45%", "right answers: 22%"),
        ("right answers: 100%", "right answers:  98%", "right answers: 61%"),
        ("error 0.0043", "error 0.0047", "error 0.0430"),
        ("error 8e-06", "error 9e-06", "error 8e-04"),
        ("sums to 1, within 1e-15", "sums to 1, within 0e+00", "sums to 1, within 1e-02"),
        ("inf nats", "inf nats", "2.5 nats"),
        ("-0.52", "-0.53", "0.52"),
        ("338,180 letters", "338,190 letters", "100 letters"),
    ],
)
def test_numbers_of_something_trained_are_near(kept: str, near: str, far: str) -> None:
    assert same(printed(kept), printed(near), TRAINED)
    assert not same(printed(kept), printed(far), TRAINED)
    assert same(printed(kept), printed(far), TIMED)


def test_words_of_something_trained_are_the_same() -> None:
    assert not same(printed("the 4-gram table wins"), printed("the transformer wins"), TRAINED)
    assert not same(printed("a 1"), printed("a 1 2"), TRAINED)
    assert not same(printed("a 1"), [], TRAINED)


def test_seconds_may_be_any() -> None:
    assert same(printed("in 2.1 seconds"), printed("in 73 seconds"), TRAINED)
    assert same(printed("cache 20 µs"), printed("cache 911 µs"), TRAINED)
    assert not same(printed("in 20 steps"), printed("in 911 steps"), TRAINED)


def test_of_a_free_text_the_cell_s_own_words_stay_and_numbers_beside_them_are_near() -> None:
    kept = printed("temperature 0.5: to be or not, 1.25 nats")
    assert same(kept, printed("temperature 0.5: that is 99 things, 1.27 nats"), FREE)
    assert not same(kept, printed("temperature 0.5: to be or not, 3.5 nats"), FREE)
    assert not same(kept, printed("temperature 0.5: to be or not"), FREE)
    assert not same(kept, printed("0.5: to be or not, 1.25 nats"), FREE)
    assert not same(printed("to be"), [], FREE)


def test_pictures_in_notebooks_are_of_the_form_that_is_compared() -> None:
    """Were they written in another way, nothing of them would be held."""
    for path in SOLVED.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = json.dumps([cell.get("outputs") for cell in cells])  # a text may hold a diagram
        assert text.count("data:image/png") == text.count('src=\\"data:image/png;base64,')
        assert '"image/png":' not in text


def test_cells_that_are_named_are_there_and_of_their_kind() -> None:
    cells = [c for path in SOLVED.glob("*.ipynb") for c in nbformat.read(path, as_version=4).cells]
    tagged = {c.id for c in cells if IGNORED in c.metadata.get("tags", [])}
    assert tagged >= FREE_NUMBERS | FREE_TEXT
    assert {c.id for c in cells} - tagged >= TRAINED_PICTURES
