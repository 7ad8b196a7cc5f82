"""Everything that the course's four sources mention is taught somewhere: source, lesson, cell.

The sources: A, notes on masked self-attention and language models; B, lecture notes on attention
as search; C, notes on the transformer; D, a practice problem, attention for one query in NumPy.
A row names what a source says, the lesson that teaches it, and words of the one cell in which it
is taught (all of them, in any case, stand in that cell).
"""

from __future__ import annotations

from collections import Counter

import nbformat
import pytest

from grader.course.layout import LESSONS, assignment_id, notebook_path

L1, L2, L3, L4, L5, L6, L7, L8, L9 = (
    "single_query_attention",
    "self_attention",
    "masking",
    "multi_head_attention",
    "positional_encoding",
    "transformer_block",
    "mle_language_modeling",
    "transformer_language_model",
    "sequence_to_sequence",
)

TAUGHT: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("A", "what attention is", L1, ("weighted average", "attention")),
    ("A", "self-attention", L2, ("self-attention", "one sequence")),
    ("A", "masked self-attention", L3, ("mask", "softmax", "hidden")),
    ("A", "cross-attention", L3, ("cross-attention", "context", "queries come from one sequence")),
    ("A", "multi-head attention", L4, ("head", "concat", "w_o")),
    ("A", "causal mask", L3, ("causal", "future", "position $i$")),
    ("A", "padding mask", L3, ("padding", "length", "we **pad** the short")),
    ("A", "localized mask", L3, ("local", "localized", "window")),
    ("A", "the causal mask is added", L3, ("additive", "-\\infty", "adding")),
    (
        "A",
        "queries, keys and values have matrices of their own",
        L2,
        ("w_query", "w_key", "w_value"),
    ),
    ("A", "queries and keys are of one width", L2, ("queries and keys", "width")),
    ("A", "the dot product as similarity: think cosine", L1, ("cosine", "dot product")),
    (
        "A",
        "a language model is a distribution over the next token",
        L7,
        ("distribution", "next token"),
    ),
    ("A", "a sequence's probability is a product of conditionals", L7, ("product", "chain rule")),
    ("A", "it is the chain rule, not Bayes' rule", L7, ("bayes", "chain rule")),
    ("A", "a table is impossible, a network stands in", L7, ("table", "network", "q-")),
    ("A", "one-hot vectors are wasteful, an embedding is a lookup", L7, ("one-hot", "lookup")),
    ("A", "maximum likelihood: a product, its log a sum", L7, ("likelihood", "log", "sum")),
    ("B", "query, key, title and video: attention as search", L2, ("turtle", "basketball")),
    ("B", "identify what to attend to, then extract it", L2, ("identify", "extract")),
    (
        "B",
        "positions are added to embeddings; no recurrence",
        L5,
        ("add", "embedding", "no recurrence", "all positions at once"),
    ),
    ("B", "three linear maps", L2, ("three linear maps",)),
    ("B", "scores by dot product, scaled, softmax gives weights", L2, ("softmax", "\\sqrt{d_k}")),
    ("B", "one head of many, each attends to something else", L4, ("head", "each", "own")),
    ("C", "softmax of the scores, then a weighted sum", L2, ("softmax", "weights", "values")),
    ("C", "scaled, so that softmax's gradients do not vanish", L2, ("gradient", "vanish")),
    ("C", "multi-head: concat and W_O", L4, ("concat", "w_o")),
    ("C", "sinusoidal positional encoding", L5, ("sin", "cos", "10000")),
    ("C", "pre-norm: layer norm before each sub-layer", L6, ("pre-norm", "residual")),
    ("C", "a feed-forward network for each position", L6, ("feed-forward", "position")),
    ("C", "parallel over positions where an RNN is sequential", L9, ("rnn", "parallel")),
    ("C", "long-range dependencies", L9, ("distance", "gru", "places back")),
    ("C", "translation", L9, ("translation",)),
    ("C", "summarization", L9, ("summar",)),
    ("C", "question answering", L9, ("question", "facts")),
    ("D", "the worked example", L1, ("0.5", "0.6, 0.8", "0.7, 0.9")),
    ("D", "the note's slip in the weights", L1, ("0.4752", "slip")),
    ("D", "compare, normalize, combine", L1, ("compare", "normalize", "combine")),
    ("D", "the library", L1, ("library",)),
    ("D", "the restaurant menu", L1, ("menu",)),
    ("D", "a weighted average, differentiable, changes with the query", L1, ("differentiable",)),
    ("D", "additive scores (Bahdanau)", L2, ("bahdanau", "tanh")),
    ("D", "multiplicative scores (Luong)", L2, ("luong",)),
    ("D", "common mistakes", L1, ("common mistakes", "max")),
    ("D", "a dimension cheat sheet", L1, ("dimension sheet", "(n, d_v)")),
)


def cells(lesson: str) -> list[tuple[str, str]]:
    """(id, text in lower case) of a lesson's cells."""
    notebook = nbformat.read(notebook_path(lesson), as_version=4)
    return [(cell.id, " ".join(cell.source.lower().split())) for cell in notebook.cells]


@pytest.mark.parametrize(
    ("source", "claim", "lesson", "words"), TAUGHT, ids=[f"{row[0]}: {row[1]}" for row in TAUGHT]
)
def test_what_a_source_mentions_is_taught(source, claim, lesson, words) -> None:
    found = [name for name, text in cells(lesson) if all(word in text for word in words)]
    assert found, f"{assignment_id(lesson)} has no cell with {words}: {claim} ({source})"


def test_the_table_covers_every_source_and_names_real_lessons() -> None:
    assert set(Counter(row[0] for row in TAUGHT)) == set("ABCD")
    assert {row[2] for row in TAUGHT} <= set(LESSONS)


def test_a_claim_that_nobody_teaches_is_noticed() -> None:
    assert not [n for n, text in cells(L1) if all(w in text for w in ("bayes", "turtle"))]
