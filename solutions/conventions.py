"""Which conventions of the contract hold for which exercise, and how a case is told to check one.

``python -m grader conventions`` prints the table; a test finds its gaps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from grader.course.conventions import Call, Convention, Table
from grader.protocol.values import Ref, Tensor

MASKS = ("mask", "memory_mask")


def _arrays(call: Call) -> Iterator[np.ndarray]:
    """The tensors of a call, its layer's weights and what its steps make or hand over."""
    values = [*call.ask.args, *call.ask.kwargs.values()]
    for step in call.ask.steps:
        values += [*step.args, *step.weights.values()]
    for value in [*values, *call.ask.weights.values()]:
        if isinstance(value, Tensor):
            yield value.data
        elif isinstance(value, np.ndarray):
            yield value


def compared(check: Callable[[Call], bool]) -> Callable[[Call], bool]:
    """True only where what comes back is judged: ``untouched`` looks at the inputs alone."""

    def compare(call: Call) -> bool:
        return call.check.rule != "untouched" and check(call)

    return compare


def _steps(call: Call) -> set[str]:
    return {step.target for step in call.ask.steps}


def left_alone(call: Call) -> bool:
    """The arguments are looked at after the call: by watching, or by a step that keeps them."""
    kept = {
        value.name
        for step in call.ask.after
        if step.target == "@same"
        for value in step.args
        if isinstance(value, Ref)
    }
    given = [*call.ask.args, *call.ask.kwargs.values()]
    seen = any(isinstance(value, Ref) and value.name in kept for value in given)
    return seen or (call.check.rule == "untouched" and call.ask.watch)


@compared
def in_other_memory(call: Call) -> bool:
    """A tensor is a part or a transpose of another one, as cached rows of a batch are."""
    return bool({"@sliced", "@transposed", "@transformer_language_model.Rows"} & _steps(call))


@compared
def in_float64(call: Call) -> bool:
    """Something that goes in is float64, and the dtype of what comes out is compared."""
    wide = any(array.dtype == np.float64 for array in _arrays(call))
    return wide and call.check.options.get("dtype", True)


@compared
def differentiated(call: Call) -> bool:
    """A gradient is compared with differences of the reference."""
    return call.ask.cotangents is not None


def _mask(call: Call) -> np.ndarray | None:
    for name in MASKS:
        given: Any = call.given.get(name)
        if isinstance(given, Tensor):
            return given.data
    return None


@compared
def with_biases(call: Call) -> bool:
    """The mask has finite numbers other than 0."""
    mask = _mask(call)
    return mask is not None and bool((np.isfinite(mask) & (mask != 0)).any())


@compared
def with_an_empty_row(call: Call) -> bool:
    """The mask hides everything from a query."""
    mask = _mask(call)
    return mask is not None and bool((mask == -math.inf).all(axis=-1).any())


@compared
def of_size_one(call: Call) -> bool:
    """An axis has length 1 or a size is 1: one query, one token, one head."""
    arrays = (1 in array.shape or array.ndim == 0 for array in _arrays(call))
    sizes = (value for value in (*call.ask.args, *(call.ask.init or ())) if type(value) is int)
    return any(arrays) or 1 in sizes


@compared
def in_other_integers(call: Call) -> bool:
    """Whole numbers come in another dtype than int64."""
    return any(array.dtype.kind in "iu" and array.dtype != np.int64 for array in _arrays(call))


@compared
def behind_a_graph(call: Call) -> bool:
    """What comes in belongs to a graph, as a model in training gives it."""
    models = {
        "@leaf",
        "@transformer_language_model.Scripted",
        "@sequence_to_sequence.ScriptedPair",
    }
    return bool(models & _steps(call))


def raises(call: Call) -> bool:
    """An error of a certain type is due."""
    return call.case.expected is not None and call.case.expected.failure is not None


def error_names(call: Call) -> bool:
    """The error's message has to name the numbers that explain it."""
    return call.check.rule == "error_names"


def forbidden(call: Call) -> bool:
    """A call that the exercise forbids would be seen."""
    return call.check.rule in ("made_without", "single_query_attention.no_query_loop")


INPUTS = Convention("inputs", "No call changes its inputs.", left_alone, everywhere=True)
VIEWS = Convention(
    "views",
    "A tensor may be a slice or a transpose of another one.",
    in_other_memory,
    everywhere=True,
)
DTYPE = Convention(
    "float64", "float64 in, float64 out; masks may be float32.", in_float64, everywhere=True
)
GRADIENTS = Convention(
    "gradients", "The result is differentiable where the inputs are.", differentiated, True
)
BIASES = Convention("biases", "Finite numbers of a mask are added to the scores.", with_biases)
EMPTY = Convention(
    "empty rows", "A query that sees nothing gets weights 0 and output 0.", with_an_empty_row
)
ONE = Convention("sizes of one", "Any axis may have length 1.", of_size_one)
INTEGERS = Convention(
    "integers", "Where integers are due, any integer dtype will do.", in_other_integers
)
GRAPH = Convention("graph", "What comes from a model may belong to a graph.", behind_a_graph)
ERROR = Convention("error", "What cannot be computed raises the error of the contract.", raises)
TEXT = Convention("error text", "The error's message names the numbers.", error_names)
FORBIDDEN = Convention("forbidden", "A call that the exercise forbids is seen.", forbidden)

_TORCH = ("inputs", "views", "float64", "gradients", "sizes of one")
_MASKED = (*_TORCH, "biases", "empty rows")
_TOKENS = ("inputs", "views", "sizes of one")
_NUMPY = ("inputs", "sizes of one")

TABLE = Table(
    conventions=(
        INPUTS,
        VIEWS,
        DTYPE,
        GRADIENTS,
        BIASES,
        EMPTY,
        ONE,
        INTEGERS,
        GRAPH,
        ERROR,
        TEXT,
        FORBIDDEN,
    ),
    holds={
        "softmax": _NUMPY,
        "similarity_scores": _NUMPY,
        "cosine_similarity": _NUMPY,
        "attention": _NUMPY,
        "batched_attention": (*_NUMPY, "forbidden"),
        "design_query": _NUMPY,
        "scaled_dot_product_attention": _TORCH,
        "SelfAttention": _TORCH,
        "additive_scores": _TORCH,
        "multiplicative_scores": _TORCH,
        "softmax_jacobian": _TORCH,
        "causal_mask": ("sizes of one",),
        "padding_mask": ("inputs", "views", "sizes of one", "integers"),
        "local_mask": ("sizes of one",),
        "combine_masks": ("inputs", "views", "sizes of one"),
        "masked_attention": _MASKED,
        "CrossAttention": _MASKED,
        "examine_attention": (),
        # view is the field's way to cut off heads, from what a linear layer has just made.
        "split_heads": ("inputs", "float64", "gradients", "sizes of one", "error", "error text"),
        "merge_heads": _TORCH,
        "MultiHeadAttention": _MASKED,
        "attention_cost": ("sizes of one",),
        "previous_token_head": ("sizes of one",),
        "mended_heads": ("inputs", "float64", "gradients", "sizes of one"),  # given with view
        "sinusoidal_encoding": ("sizes of one",),
        "shift_matrix": (),
        "LearnedPositionalEncoding": (*_TORCH, "error"),
        "rotary_encoding": (*_TORCH, "integers"),
        "alibi_bias": ("sizes of one",),
        "layer_norm": (*_TORCH, "forbidden"),
        "gelu": _TORCH,
        "FeedForward": _TORCH,
        "TransformerBlock": _MASKED,
        "block_gradients": ("inputs", "views", "float64", "sizes of one"),
        "gradient_by_depth": ("sizes of one",),
        "repaired_layer_norm": _TORCH,
        "failing_vectors": (),
        "one_hot": _TOKENS,
        "embed": _TORCH,
        "sequence_log_prob": _TORCH,
        "bigram_mle": _TOKENS,
        "negative_log_likelihood": _TORCH,
        "perplexity": ("inputs", "float64", "gradients"),
        "bits_per_token": ("inputs", "float64", "gradients"),
        "entropy_rate": _TOKENS,
        "fit_bigram": _TOKENS,
        "get_batch": (*_TOKENS, "integers"),
        "TransformerLM": (*_TORCH, "error", "error text"),
        "train_step": (*_TOKENS, "float64"),
        "sample_next": (*_TOKENS, "graph"),
        "generate": (*_TOKENS, "graph"),
        "attend_with_cache": _TORCH,
        "next_logits": ("inputs", "float64", "sizes of one", "error", "error text"),
        "learning_rate": ("sizes of one",),
        "train_language_model": ("inputs", "views"),
        "shift_right": _TOKENS,
        "DecoderBlock": _MASKED,
        "greedy_decode": (*_TOKENS, "graph"),
        "sequence_accuracy": _TOKENS,
        "beam_search": (*_TOKENS, "graph"),
        "induction_head": ("sizes of one",),
        "rms_norm": _TORCH,
        "SwiGLU": _TORCH,
        "GroupedQueryAttention": (*_MASKED, "integers", "error"),
        "kv_cache_bytes": ("sizes of one",),
        "window_mask": ("sizes of one",),
        "streaming_attention": _TORCH,
        "rotary_base": (),
        "interpolate_positions": ("sizes of one",),
        # view is the field's way to cut the rows of a weight, which lies in one piece.
        "interleave_rows": ("inputs", "float64", "gradients", "sizes of one"),
        "ModernBlock": (*_MASKED, "integers"),
    },
    # By default all optional arguments. Numbers that only go into a formula (base, eps), and those
    # that every call is given (a generator), open no path on which a convention could get lost.
    options={
        "softmax": ("axis",),
        "layer_norm": (),
        "rms_norm": (),
        "repaired_layer_norm": (),
        "rotary_encoding": ("positions",),
        "sample_next": ("temperature", "top_k", "top_p"),
        "generate": (),
        "train_language_model": (),
        "bigram_mle": ("smoothing",),
    },
)
