"""Laws of the quizzes: sound as data, not guessable, right in numbers, sealed for students."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from fractions import Fraction

import nbformat
import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from grader.authoring.quizzes import card, card_id, with_quiz
from grader.authoring.sample import replace_answers
from grader.course import quiz
from grader.course.layout import LESSONS, SOLUTIONS, notebook_path
from grader.course.quiz_exercise import quiz_exercise
from grader.protocol.values import Reply
from grader.rules.quiz import choice, seal, unseal
from grader.rules.rule import Finding, Remark
from grader.student import check
from grader.student.summary import summary
from tests.conftest import Grade, with_answers

WRITTEN = sorted(path.parent.name for path in SOLUTIONS.glob("*/quiz.py"))
ASKED = [(lesson, question) for lesson in WRITTEN for question in quiz.questions(lesson)]
KEYS = {lesson: quiz.key(lesson) for lesson in WRITTEN}


def name(pair: object) -> str:
    return pair.id if isinstance(pair, quiz.Question) else str(pair)


# -- the data ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_question_of_a_lesson_has_a_name_of_its_own(lesson: str) -> None:
    ids = [question.id for question in quiz.questions(lesson)]
    assert ids and len(ids) == len(set(ids)) and all(one.isidentifier() for one in ids)


@pytest.mark.parametrize(("lesson", "question"), ASKED, ids=name)
def test_every_choice_differs_and_is_explained(lesson: str, question: quiz.Question) -> None:
    assert question.options and question.look
    texts = [option.text for option in question.options]
    whys = [option.why for option in question.options]
    assert len(set(texts)) == len(set(whys)) == len(texts)
    for option in question.options:
        assert option.why.endswith(".") and not option.text.endswith(".")
        assert "of the above" not in option.text.lower()
        assert not set("*_|<") & set(option.text) - set("_"), "shown as plain text, too"
        assert option.why not in question.text


# -- guessing ------------------------------------------------------------------------------------


def test_the_right_letters_are_spread_evenly() -> None:
    letters = Counter(letter for key in KEYS.values() for letter in key.values())
    total = sum(letters.values())
    assert set(letters) == set("abcd")
    assert all(0.15 <= count / total <= 0.35 for count in letters.values()), letters
    for lesson, key in KEYS.items():
        counts = Counter(key.values())
        assert len(counts) >= 2 and max(counts.values()) <= 3, (lesson, key)


def test_the_order_is_no_pattern_from_lesson_to_lesson() -> None:
    rows = ["".join(key.values()) for key in KEYS.values()]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("pick", [max, min])
def test_neither_the_longest_option_nor_the_shortest_is_usually_right(pick) -> None:
    """What whoever always takes it can expect, ties broken by a coin."""
    hits = Fraction(0)
    for _, question in ASKED:
        lengths = [len(option.text) for option in question.options]
        extreme = pick(lengths)
        hits += Fraction(lengths[0] == extreme, lengths.count(extreme))
    assert hits / len(ASKED) <= Fraction(35, 100)


def test_the_order_depends_on_lesson_and_id_alone() -> None:
    lesson, question = ASKED[0]
    other = dataclasses.replace(
        question, options=tuple(quiz.Option(f"{n}", "why") for n in range(len(question.options)))
    )

    def order(of: quiz.Question, where: str) -> list[int]:
        return [of.options.index(option) for option in quiz.lettered(where, of).values()]

    assert order(question, lesson) == order(other, lesson)
    orders = {tuple(order(other, f"lesson {n}")) for n in range(40)}
    assert len(orders) > 10


# -- the numbers ---------------------------------------------------------------------------------


def softmax(scores: object) -> np.ndarray:
    powers = np.exp(np.asarray(scores, float))
    return powers / powers.sum(-1, keepdims=True)


def newcomer() -> str:
    weights = softmax([3, 1, 2])
    return f"about {weights[0] / weights[1]:.1f}"


def rows() -> str:
    with np.errstate(all="ignore"):
        weights = softmax(np.array([[0.0, 1], [-2000, -1999]]) - 1)
    assert np.allclose(weights[0], softmax([0, 1])) and np.isnan(weights[1]).all()
    return "Row 0 is right and row 1 is [nan, nan]"


def sides() -> str:
    telling = []
    for query, keys in (
        ([1, 1], [[1, 4], [2, 3]]),
        ([1, 3], [[2, 7], [7, 4]]),
        ([1, 2], [[5, 0], [0, 5]]),
        ([5, 6], [[1, 2], [2, 3]]),
    ):
        if not np.array_equal(np.array(keys) @ query, np.array(keys).T @ query):
            telling.append(f"query {query}, keys {keys}")
    (found,) = telling
    return found


def divisor() -> str:
    draw = np.random.default_rng(0).normal(size=(2, 20000, 64))
    size = (draw[0] * draw[1]).sum(-1).std() / 64
    return f"About 1/{round(1 / size)},"


def slope() -> str:
    return f"about {0.5 * 0.5 / (0.99 * 0.01):.0f} times less"


def sums() -> str:
    weights = softmax(np.random.default_rng(0).normal(size=(5, 3))).T
    assert np.allclose(weights.sum(0), 1) and abs(weights.sum(1).mean() - 1.7) < 0.05
    return "the queries' axis"


def axes() -> str:
    mask = torch.zeros(4, 4)
    mask[1, 3] = -math.inf
    hidden = (torch.zeros(4, 4, 4) + mask).isinf()
    assert all(hidden[b].nonzero().tolist() == [[1, 3]] for b in range(4))
    return "query i hides what is padding in sequence i"


def row_number() -> str:
    scores = torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hidden = torch.full((5, 5), -math.inf, dtype=torch.float64).triu(1)
    numbered = hidden + torch.arange(5.0)[:, None]
    assert torch.allclose(torch.softmax(scores + hidden, -1), torch.softmax(scores + numbered, -1))
    return "each and every row"


def patch() -> str:
    mask = torch.tensor([[0.0, 0.0], [-math.inf, -math.inf]])
    query, key = (torch.randn(2, 3, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    key.requires_grad_(True)
    weights = torch.nan_to_num(torch.softmax(query @ key.T + mask, -1))
    weights[0, 0].backward()
    assert not weights.isnan().any() and key.grad.isnan().all()
    return "the keys' gradients are nan"


def twice_as_long() -> str:
    def cost(n: int, d: int = 1024) -> int:
        return 4 * n * d * d + 2 * n * n * d

    return f"{cost(1024) / cost(512):.1f}"


def torn() -> str:
    labels = torch.tensor([[[10 * h + p] * 2 for p in range(3)] for h in range(2)])
    assert set(labels.reshape(3, 4)[0].tolist()) == {0, 1}
    return "Head 0 at positions 0 and 1"


def marks() -> str:
    """Orders whose result is the given one's, shuffled."""
    words = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mark = torch.zeros(5, 4, dtype=torch.float64)
    mark[0, 0], mark[3, 0] = 1.0, 2.0

    def result(order: tuple[int, ...]) -> list:
        x = words[list(order)] + mark
        out = torch.nn.functional.scaled_dot_product_attention(x[None], x[None], x[None])[0]
        return sorted(tuple(round(v, 6) for v in row) for row in out.tolist())

    given = result((0, 1, 2, 3, 4))
    return str(sum(result(order) == given for order in itertools.permutations(range(5))))


def offsets() -> str:
    same = [
        f"PE[{p}] and PE[{q}]"
        for p, q in ((50, 47), (20, 26), (11, 12), (-10, 13))
        if all(abs(likeness(p, q, d) - likeness(10, 13, d)) < 1e-9 for d in (4, 8, 64))
    ]
    (found,) = same
    return found


def likeness(p: int, q: int, d: int) -> float:
    frequencies = 10000.0 ** (-np.arange(0, d, 2) / d)
    one, other = (
        np.concatenate([np.sin(x * frequencies), np.cos(x * frequencies)]) for x in (p, q)
    )
    return float(one @ other)


def one_hand() -> str:
    row = [f"{f(10000.0 ** -(2 * i // 6)):.2f}" for i in range(3) for f in (math.sin, math.cos)]
    assert row == ["0.84", "0.54"] * 3
    return "rounded to a whole number"


def three_and_seven() -> str:
    x = torch.randn(16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    old, new = (torch.nn.functional.layer_norm(v, (16,)) for v in (x, 3 * x + 7))
    assert torch.allclose(old, new, atol=1e-4) and not torch.equal(old, new)
    return "What it made of the old one, but for eps"


def long_text() -> str:
    return f"A product of exactly {0.5**10_000:g}, and a sum of about {10_000 * math.log(0.5):.0f}"


def bits() -> str:
    assert f"{math.log(32 / 8):.2f}" == "1.39"
    return f"{math.log2(32) - math.log2(8):.2f}"


def starts() -> str:
    tokens, block = list(range(10)), 4
    return str(sum(len(tokens[s + 1 : s + 1 + block]) == block for s in range(10)))


def nucleus() -> str:
    probabilities, kept = [0.5, 0.3, 0.15, 0.05], []
    while sum(kept) < 0.6:
        kept.append(probabilities[len(kept)])
    assert f"{0.5 / 0.95:.3f}" == "0.526"
    return f"{kept[0] / sum(kept):g}"


def warm() -> str:
    one, other = softmax(np.log([9.0, 1.0]) / 2)
    return f"{one / other:g} times"


COMPUTED = {
    one.__name__: one
    for one in (
        newcomer, rows, sides, divisor, slope, sums, axes, row_number, patch, twice_as_long, torn,
        marks, offsets, one_hand, three_and_seven, long_text, bits, starts, nucleus, warm,
    )
}  # fmt: skip
COMPUTED["add_one"] = lambda: str(Fraction(6 + 1, 6 + 2 + 4))
COMPUTED["after"] = lambda: f"{Fraction(1, 4)} each, so the output is a quarter too small"
COMPUTED["half_ignored"] = lambda: f"{Fraction(2 * 1, 2)} nat,"
COMPUTED["cached"] = lambda: f"and {1000 + 1} scores"


@pytest.mark.parametrize("question_id", COMPUTED)
def test_what_can_be_computed_is_the_right_option_and_no_other(question_id: str) -> None:
    (question,) = [question for _, question in ASKED if question.id == question_id]
    computed = COMPUTED[question_id]()
    wanted = [
        computed == o.text or (len(computed) > 3 and computed in o.text) for o in question.options
    ]
    assert wanted == [True] + [False] * (len(question.options) - 1), computed


# -- the rule ------------------------------------------------------------------------------------


def ask(value: object, number: int = 0) -> Finding | Remark | None:
    check = quiz_exercise("masking").suite(b"any").checks[number]
    return choice(check, [Reply(value=value)])


@pytest.mark.parametrize("form", ["{}", "({})", "{})", "{}.", " {} ", "[{}]", "{}:"])
def test_a_letter_may_be_written_as_people_write_letters(form: str) -> None:
    letter = KEYS["masking"]["after"]
    for text in (letter, letter.upper()):
        assert isinstance(ask({"after": form.format(text)}), Remark)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"after": ""}, "not answered"),
        ({"after": "  "}, "not answered"),
        ({"after": None}, "not answered"),
        ({}, "not answered"),
        ({"after": "e"}, "expected one of the letters a, b, c, d"),
        ({"after": "ab"}, "'ab'"),
        ({"after": 2}, "expected one of the letters"),
        ({"after": ["a"]}, "a list of 1"),
        (["a"], "expected a dict"),
        (None, "is the return missing?"),
    ],
)
def test_what_is_no_letter_is_said_so(value: object, said: str) -> None:
    found = ask(value)
    assert isinstance(found, Finding) and said in found.text and found.known is None


def test_each_choice_is_answered_with_its_own_explanation() -> None:
    (question, *_) = quiz.questions("masking")
    for letter, option in quiz.lettered("masking", question).items():
        found = ask({"after": letter})
        if option is question.options[0]:
            assert found == Remark(option.why)
        else:
            assert isinstance(found, Finding) and found.known is not None
            assert found.known.says == option.why and option.text in found.known.title


# -- in a notebook, and graded -------------------------------------------------------------------


def verdict(lesson: str, letters: dict[str, str]):
    text, space = quiz.text(lesson, letters), {}
    exec(text, space)
    return check.verdict_here(quiz.quiz_id(lesson), space, text)


def test_untouched_is_not_attempted_and_a_single_answer_is_an_attempt() -> None:
    empty = dict.fromkeys(KEYS["masking"], "")
    assert not verdict("masking", empty).attempted
    one = verdict("masking", empty | {"peek": KEYS["masking"]["peek"]})
    assert one.attempted and one.score == 1 and one.max_score == 5
    assert [c.message for c in one.checks if not c.passed] == ["not answered"] * 4


def test_the_report_explains_right_and_wrong_choices() -> None:
    right = KEYS["masking"]
    (mistake, _), *_ = quiz.wrong("masking")
    _, question, letter = mistake.id.split(".")
    said = summary(verdict("masking", right | {question: letter}))
    assert said.why == mistake.says and f"your answer is {letter}" in said.seen
    assert said.wrong == f"You chose {mistake.title.removeprefix('chooses ')}."
    whys = [why for group in said.rest for _, why in group.checks]
    assert whys == [one.options[0].why for one in quiz.questions("masking")[1:]]
    assert "4 of 5 checks passed" in said.headline


def test_a_check_in_a_notebook(shell: InteractiveShell, capsys) -> None:
    shell.run_cell(quiz.blank("masking"), store_history=True)
    shell.run_cell("from grader import check\ncheck('quiz_masking')")
    assert "quiz_masking: not attempted yet" in capsys.readouterr().err
    shell.run_cell(quiz.solved("masking"), store_history=True)
    assert shell.run_cell("check('quiz_masking')").success
    assert "all 5 checks passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("def quiz_masking():\n    return {'peek': 'PEEK', 'axes': '(AXES)'}", 2),
        ("def quiz_masking():\n    return 'abcda'", 0),
        ("def quiz_masking():\n    return", 0),
        ("def quiz_masking():\n    raise ValueError('I give up')", 0),
        ("quiz_masking = {'peek': 'PEEK'}", 0),
    ],
)
def test_graded(grade: Grade, text: str, score: float) -> None:
    for one, letter in KEYS["masking"].items():
        text = text.replace(one.upper(), letter)
    outcome = grade("masking", with_answers("masking", {"quiz_masking": text}))
    found = {v.exercise: v.score for v in outcome.verdicts}
    assert found["quiz_masking"] == score == outcome.score


# -- the notebooks -------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_notebook_asks_what_the_data_hold(lesson: str) -> None:
    cells = nbformat.read(notebook_path(lesson), as_version=4).cells
    ids = [cell.id for cell in cells]
    place = ids.index(card_id(lesson))
    assert ids[place + 1 : place + 3] == [quiz.quiz_id(lesson), f"check_{quiz.quiz_id(lesson)}"]
    assert cells[place].source == card(lesson)
    for question in quiz.questions(lesson):
        for letter, option in quiz.lettered(lesson, question).items():
            assert f"- **{letter}** {option.text}\n" in cells[place].source + "\n"


def test_a_quiz_finds_its_place_in_a_notebook_without_one() -> None:
    from nbformat.v4 import new_code_cell, new_markdown_cell

    above, below = "## 8 · Common mistakes\n\nmany", "## 9 · In your own words\n\nwrite"
    for cells, texts in (
        ([new_markdown_cell(f"{above}\n\n{below}")], [above, "CARD", below]),
        ([new_markdown_cell(above), new_markdown_cell(below)], [above, "CARD", below]),
        ([new_code_cell("#@ quiz"), new_markdown_cell(below)], ["CARD", below]),
        ([new_markdown_cell(above)], [above]),
    ):
        made = with_quiz(cells, "masking")
        found = ["CARD" if c.get("id") == card_id("masking") else c.source for c in made]
        assert [text for text in found if not text.startswith("#@")] == texts
        assert with_quiz(made, "masking") == made
    assert with_quiz([new_markdown_cell(below)], "no_such_lesson")[0].source == below


def test_tidy_brings_the_card_up_to_date() -> None:
    from grader.authoring.tidy import tidy

    notebook = nbformat.read(notebook_path("masking"), as_version=4)
    (cell,) = [c for c in notebook.cells if c.id == card_id("masking")]
    cell.source = "## Quiz of yesterday"
    (cell,) = [c for c in tidy(notebook, "masking").cells if c.id == card_id("masking")]
    assert cell.source == card("masking")


# -- what is given out ---------------------------------------------------------------------------


def test_a_letter_opens_its_own_seal_and_all_seals_look_alike() -> None:
    check = quiz_exercise("masking").suite(b"any").checks[0]
    salt, sealed = check.options["salt"], check.options["sealed"]
    assert len({len(text) for text in sealed.values()}) == 1
    assert seal(salt, {x: unseal(salt, sealed, x) for x in sealed}) == sealed
    first, second, *_ = sealed
    with pytest.raises(ValueError):
        unseal(salt, {first: sealed[second]}, first)


def test_replacing_an_answer_touches_the_quiz_alone() -> None:
    notebook = nbformat.read(notebook_path("masking"), as_version=4)
    replace_answers(notebook, {"quiz_masking": quiz.solved("masking")})
    changed = [c.id for c in notebook.cells if c.source == quiz.solved("masking")]
    assert changed == ["quiz_masking"]
