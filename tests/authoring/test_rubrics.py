"""Rubrics: one for each question that a person grades, that adds up, is true, and stays here."""

from __future__ import annotations

import math
import re
from pathlib import Path

import nbformat
import nbgrader
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from nbconvert.exporters import HTMLExporter
from torch.nn.functional import scaled_dot_product_attention
from traitlets.config import Config

from grader.authoring import rubrics
from grader.authoring.site import lessons as site
from grader.commandline import main
from grader.course.layout import LESSONS, ROOT, SOLVED, assignment_id, notebook_path
from grader.coursefile import CourseError
from grader.records.nbgrader_plugin import ShowRubrics, configure
from tests.authoring.test_prose import NAMES, NOT_PROSE, NUMBER, shown

WORDS = {"one": 1, "two": 2, "three": 3, "five": 5, "six": 6, "eight": 8, "ten": 10}
# What the rubrics work out from numbers of their lessons, worked out here once more.
COMPUTED = {
    "7.64": math.log2(200),
    "7.62": 5.5 * math.log(4),
    "5.30": math.log(200),
    "1.39": math.log2(200) / 5.5,
    "2.62": 200 ** (1 / 5.5),
    "0.23": 0.9 / 4,
    "0.100": 1 / 10,
    "0.091": 1 / 11,
    "0.0100": 1 / 100,
    "0.0099": 1 / 101,
    "0.125": 1 / 8,
}


def only(lesson: str) -> tuple[rubrics.Question, rubrics.Rubric]:
    """The lesson's one question, and its rubric."""
    (question,) = rubrics.questions(lesson)
    return question, rubrics.rubrics(lesson)[question.id]


def solved_notebook(lesson: str) -> nbformat.NotebookNode:
    return nbformat.read(SOLVED / f"{assignment_id(lesson)}.ipynb", as_version=4)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_question_has_a_rubric_that_adds_up(lesson: str) -> None:
    assert rubrics.faults(lesson) == []


def test_a_person_gives_37_points_in_the_whole_course() -> None:
    assert sum(one.points for lesson in LESSONS for one in rubrics.questions(lesson)) == 37


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_criteria_are_those_that_students_were_told(lesson: str) -> None:
    """*(1 point)* after each part, or *one for this, two for that*, in the same order."""
    question, rubric = only(lesson)
    told = [int(n) for n in re.findall(r"\((\d) point\)", question.text)]
    if not told:
        said = re.search(r"read by a person: (.+)\)", question.text)
        assert said
        told = [WORDS[word] for word in re.findall(r"\b(one|two|three) for\b", said[1])]
    assert sum(told) == question.points
    given = [float(n) for n in re.findall(r"^\| (\S+) \|", rubric.sections["Criteria"], re.M)[2:]]
    reached = set(np.cumsum(given))
    assert set(np.cumsum(told)) <= reached and sum(given) == question.points


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_sample_answer_is_as_long_as_students_may_write(lesson: str) -> None:
    question, rubric = only(lesson)
    found = re.search(r"(\w+) to (\w+) sentences", question.text)
    assert found
    sentences = len(re.findall(r"[.?!](?=\s|$)", rubric.sample))
    assert WORDS[found[1].lower()] <= sentences <= WORDS[found[2]]


@pytest.mark.parametrize("lesson", LESSONS)
def test_numbers_in_a_rubric_come_from_cells_or_are_worked_out(lesson: str) -> None:
    known = shown(solved_notebook(lesson))
    for number, value in COMPUTED.items():
        assert f"{value:.{len(number.partition('.')[2])}f}" == number
    _, rubric = only(lesson)
    prose = NAMES.sub("", NOT_PROSE.sub("", rubric.text()))
    for match in NUMBER.finditer(prose):
        number = match[1] or match[2]
        rounded = {one for one in known if "." in one and _rounds_to(one, number)}
        assert number in known or number in COMPUTED or rounded, match[0]


def _rounds_to(exact: str, short: str) -> bool:
    digits = len(short.partition(".")[2])
    return len(exact.partition(".")[2]) > digits and f"{float(exact):.{digits}f}" == short


# -- what the rubrics claim, tried -----------------------------------------------------------------


def test_a_query_twice_as_long_squares_the_ratios_of_weights() -> None:
    keys, query = np.array([[0.0, 3, 0], [3, 0, 1], [0, 0, 3]]), np.array([2.0, 0, 1])
    once, twice = (np.exp(keys @ q) / np.exp(keys @ q).sum() for q in (query, 2 * query))
    assert np.allclose(np.divide.outer(twice, twice), np.divide.outer(once, once) ** 2)
    assert round(once[1] / once[2]) == 55 and round(twice[1] / twice[2], -3) == 3000
    assert round(math.exp(5)) == 148


def test_a_smaller_map_does_what_the_scale_does() -> None:
    """The objection of lesson 2 is right about what the layer can compute."""
    generator = torch.Generator().manual_seed(1)
    x, w_q, w_k, w_v = (
        torch.randn(6, 6, generator=generator, dtype=torch.float64) for _ in range(4)
    )
    scaled = torch.softmax((x @ w_q) @ (x @ w_k).T / math.sqrt(6), 1) @ x @ w_v
    smaller = torch.softmax((x @ (w_q / math.sqrt(6))) @ (x @ w_k).T, 1) @ x @ w_v
    assert torch.allclose(scaled, smaller, atol=1e-12)


def visible(padding: list[int]) -> torch.Tensor:
    """Who may look at whom among five positions: the causal mask, without these keys."""
    allowed = torch.ones(5, 5, dtype=torch.bool).tril()
    allowed[:, padding] = False
    return allowed


def test_padding_at_the_front_empties_two_rows_and_at_the_end_none() -> None:
    assert (~visible([0, 1]).any(1)).tolist() == [True, True, False, False, False]
    assert visible([2, 3, 4]).any(1).all()


def test_showing_padding_its_own_key_changes_no_real_output_in_any_layer() -> None:
    generator = torch.Generator().manual_seed(2)
    empty, own = visible([0, 1]), visible([0, 1]) | torch.eye(5, dtype=torch.bool)
    results = []
    x = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    maps = torch.randn(3, 3, 4, 4, generator=generator, dtype=torch.float64)
    for mask in (empty, own):
        stream = x
        for q, k, v in maps:  # three layers
            out = scaled_dot_product_attention(stream @ q, stream @ k, stream @ v, attn_mask=mask)
            stream = stream + torch.nan_to_num(out)  # by the contract an empty row is 0
        results.append(stream)
    assert torch.equal(results[0][2:], results[1][2:])
    assert not torch.equal(results[0][:2], results[1][:2])


@pytest.mark.parametrize(
    ("order", "same"),
    [
        (["bites", "dog", "man"], {"man"}),
        (["dog", "man", "bites"], {"dog"}),
        (["man", "bites", "dog"], set()),
    ],
)
def test_what_stays_when_two_words_change_places(order: list[str], same: set[str]) -> None:
    generator = torch.Generator().manual_seed(3)
    vectors = dict(
        zip(("dog", "bites", "man"), torch.randn(3, 4, generator=generator), strict=True)
    )

    def outputs(words: list[str]) -> dict[str, torch.Tensor]:
        x = torch.stack([vectors[word] for word in words])
        return dict(zip(words, scaled_dot_product_attention(x, x, x, is_causal=True), strict=True))

    before, after = outputs(["dog", "bites", "man"]), outputs(order)
    assert {w for w in before if torch.allclose(before[w], after[w], atol=1e-6)} == same


def test_letters_and_words_in_one_unit() -> None:
    assert pytest.approx(2048) == 4**5.5 and math.log2(4) * 5.5 == 11
    assert 200 < 2048 and 200 ** (1 / 5.5) < 4
    assert pytest.approx(1 / 2048) == (1 / 4) ** 5.5


# -- who sees them ---------------------------------------------------------------------------------


def test_a_solved_notebook_shows_the_sample_and_under_it_the_rubric() -> None:
    cells = solved_notebook("masking").cells
    question, rubric = only("masking")
    place = next(i for i, cell in enumerate(cells) if cell.id == question.id)
    assert cells[place].source == rubric.sample
    assert (
        "Half-answers" in cells[place + 1].source and rubrics.TAG in cells[place + 1].metadata.tags
    )


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_site_shows_no_rubric(lesson: str) -> None:
    page = nbformat.reads(site.page(notebook_path(lesson)), as_version=4)
    _, rubric = only(lesson)
    said = "\n".join(cell.source for cell in page.cells)
    for line in rubric.text().splitlines():
        assert len(line) < 40 or line not in said


def test_formgrader_shows_the_rubric_and_a_page_for_students_does_not() -> None:
    question, rubric = only("masking")
    name = assignment_id("masking")

    def converted(resources: dict) -> str:
        notebook = nbformat.read(notebook_path("masking"), as_version=4)
        made, _ = ShowRubrics().preprocess(notebook, resources)
        return "\n".join(cell.source for cell in made.cells)

    formgrader = {"assignment_id": name, "submission_id": "4711", "base_url": "/"}
    assert rubric.sample in converted(formgrader)
    assert "Half-answers" in converted(formgrader)
    feedback = {"nbgrader": {"assignment": name, "student": "ada"}, "metadata": {}}
    plain = "\n".join(c.source for c in nbformat.read(notebook_path("masking"), 4).cells)
    assert converted(feedback) == converted({}) == plain
    assert converted(formgrader | {"assignment_id": "homework 1"}) == plain


def test_it_is_formgraders_own_page_that_shows_it_under_the_answer() -> None:
    """Its template, in the configuration that `nbgrader_config.py` makes."""
    config = Config()
    configure(config, ROOT)
    config.HTMLExporter.template_name = "formgrade"
    templates = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
    config.HTMLExporter.extra_template_basedirs = [str(templates)]
    name = assignment_id("masking")
    resources = {"assignment_id": name, "notebook_id": name, "index": 0, "total": 1, "base_url": ""}
    pages = [
        HTMLExporter(config=config).from_filename(str(notebook_path("masking")), resources | more)
        for more in ({"submission_id": "4711"}, {"nbgrader": {"assignment": name}})
    ]
    (formgrader, _), (other, _) = pages
    comment = formgrader.index('id="masking_in_words-comment"')
    assert comment < formgrader.index("Half-answers") < formgrader.index("Dimension sheet")
    assert "Half-answers" not in other


def test_one_page_to_print_has_them_all(tmp_path: Path) -> None:
    target = tmp_path / "rubrics.html"
    done = CliRunner().invoke(main, ["rubrics", "--output", str(target)])
    assert done.exit_code == 0, done.output
    page = target.read_text(encoding="utf-8")
    for lesson in LESSONS:
        question, _ = only(lesson)
        assert f"<code>{question.id}</code>" in page
    assert page.count("<section>") == len(LESSONS) == page.count("Sample answer</h3>")
    assert "<script" not in page and "¶" not in page
    done = CliRunner().invoke(main, ["rubrics", "--output", str(tmp_path)])
    assert done.exit_code == 2 and "is a directory" in done.output


# -- what is wrong is found ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| 1 | **Why padding", "| 2 | **Why padding", "add up to 4, not to 3"),
        ("(3 points)", "(4 points)", "gives 4 points, but the notebook gives 3"),
        ("## Sample answer", "## Sample", "lacks the section `## Sample answer`"),
        ("# `masking_in_words` (", "# `masking_in_word` (", "no rubric of masking_in_words: begin"),
        ("# `masking_in_words` (", "# `masking_in_word` (", "has no question masking_in_word:"),
        ("# `masking_in_words` (3 points)", "# masking_in_words", "no rubric of masking_in_words"),
    ],
)
def test_a_rubric_that_does_not_fit_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = rubrics.file_of("masking").read_text(encoding="utf-8")
    assert old in text
    monkeypatch.setattr(rubrics, "SOLUTIONS", tmp_path / "solutions")
    assert "no rubric of masking_in_words" in " ".join(rubrics.faults("masking"))
    path = rubrics.file_of("masking")
    path.parent.mkdir(parents=True)
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert said in " ".join(rubrics.faults("masking"))
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(CourseError, match="cannot be read"):
        rubrics.faults("masking")
