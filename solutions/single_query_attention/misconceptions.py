"""What goes wrong in lesson 1."""

from __future__ import annotations

import math

import numpy as np

from grader.course.versions import misconception, variant
from solutions.single_query_attention import softmax

# ---------------------------------------------------------------------------------- softmax


@misconception(
    "softmax",
    "overflows",
    "exponentiates the raw scores",
    "Fine for small scores; for a score of 1000 exp overflows to inf and inf/inf is nan.",
)
def softmax_overflows(scores, axis=-1):
    powers = np.exp(scores)
    return powers / powers.sum(axis=axis, keepdims=True)


@misconception(
    "softmax",
    "ignores_axis",
    "always works along the last axis",
    "The axis argument changes nothing: with axis=0 the columns do not sum to 1.",
)
def softmax_ignores_axis(scores, axis=-1):
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


@misconception(
    "softmax",
    "sums_everything",
    "makes the whole array sum to 1 instead of each slice",
    "A single row comes out right. In a matrix all weights are too small: all rows share one sum.",
)
def softmax_sums_everything(scores, axis=-1):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


@misconception(
    "softmax",
    "one_maximum_for_all",
    "subtracts the maximum of the whole array from every row",
    "Mathematically harmless, but a row far below that maximum underflows: its powers are all 0, "
    "its sum is 0, and 0/0 is nan.",
)
def softmax_one_maximum(scores, axis=-1):
    powers = np.exp(scores - np.max(scores))
    return powers / powers.sum(axis=axis, keepdims=True)


@misconception(
    "softmax",
    "never_shifts_up",
    "subtracts the maximum only where it is positive",
    "Large positive scores are safe, but scores that are all near -1000 stay there: their powers "
    "are all 0, and 0/0 is nan.",
)
def softmax_never_shifts_up(scores, axis=-1):
    powers = np.exp(scores - np.maximum(scores.max(axis=axis, keepdims=True), 0.0))
    return powers / powers.sum(axis=axis, keepdims=True)


@misconception(
    "softmax",
    "guards_the_last_axis_only",
    "subtracts each row's own maximum along the last axis only",
    "Along any other axis it subtracts nothing, or one number for all: there exp overflows, or all "
    "powers of a column are 0, and the column is nan.",
)
def softmax_guards_the_last_axis(scores, axis=-1):
    last = axis in (-1, np.ndim(scores) - 1)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True) if last else scores)
    return powers / powers.sum(axis=axis, keepdims=True)


@variant("softmax", "guards_the_last_axis_only", "elsewhere the maximum of the whole array")
def softmax_one_maximum_elsewhere(scores, axis=-1):
    last = axis in (-1, np.ndim(scores) - 1)
    top = scores.max(axis=-1, keepdims=True) if last else scores.max()
    powers = np.exp(scores - top)
    return powers / powers.sum(axis=axis, keepdims=True)


@misconception(
    "softmax",
    "no_exponential",
    "divides the scores by their sum without exponentiating",
    "The entries sum to 1, but negative scores give negative weights, and scores that sum to 0 "
    "give a division by zero.",
)
def softmax_no_exponential(scores, axis=-1):
    return scores / scores.sum(axis=axis, keepdims=True)


@misconception(
    "softmax",
    "drops_the_axis",
    "sums without keeping the axis",
    "A single row works. A matrix either raises an error about broadcasting or, when it is square, "
    "gets column j divided by the sum of row j.",
)
def softmax_drops_the_axis(scores, axis=-1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis)


@misconception(
    "softmax",
    "writes_into_its_input",
    "shifts the scores in place",
    "The result is right, but the caller's array is changed: whoever uses the scores again finds "
    "different numbers there.",
)
def softmax_in_place(scores, axis=-1):
    scores -= scores.max(axis=axis, keepdims=True)
    powers = np.exp(scores)
    return powers / powers.sum(axis=axis, keepdims=True)


@variant("softmax", "writes_into_its_input", "the powers, too")
def softmax_powers_in_place(scores, axis=-1):
    scores -= scores.max(axis=axis, keepdims=True)
    np.exp(scores, out=scores)
    return scores / scores.sum(axis=axis, keepdims=True)


@misconception(
    "softmax",
    "pads_the_sum",
    "adds a small constant to the sum",
    "The weights add up to a little less than 1. Once the largest power is 1, the powers cannot "
    "add up to zero, so nothing needs protecting.",
    constant=(1e-7, 1e-6, 1e-5),
)
def softmax_pads_the_sum(scores, axis=-1, *, constant=1e-8):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / (powers.sum(axis=axis, keepdims=True) + constant)


@misconception(
    "softmax",
    "clips_the_scores",
    "clips large scores before it exponentiates",
    "No overflow anymore, but 1000 and 2000 become the same score and get the same weight.",
    limit=(50.0, 100.0, 700.0),
)
def softmax_clips(scores, axis=-1, *, limit=500.0):
    powers = np.exp(np.clip(scores, -limit, limit))
    return powers / powers.sum(axis=axis, keepdims=True)


@misconception(
    "softmax",
    "returns_logarithms",
    "returns the logarithm of the weights",
    "All entries are negative or zero and do not sum to 1; their exponentials do.",
)
def softmax_returns_logarithms(scores, axis=-1):
    shifted = scores - scores.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


@misconception(
    "softmax",
    "divides_by_the_maximum",
    "divides by the largest score instead of subtracting it",
    "exp no longer overflows, but dividing changes the distances between scores, and with them "
    "the weights; subtracting does not. A negative maximum even reverses the order.",
)
def softmax_divides_by_the_maximum(scores, axis=-1):
    powers = np.exp(scores / scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


# ------------------------------------------------------------------------ similarity_scores


@misconception(
    "similarity_scores",
    "scales",
    "divides the dot products by the square root of d",
    "That is the scaled score of lesson 2. Here the plain dot product is asked for: every score "
    "is too small by the same factor.",
)
def similarity_scaled(query, keys):
    return keys @ query / math.sqrt(len(query))


@misconception(
    "similarity_scores",
    "cosine",
    "divides by the lengths of the vectors",
    "That is the cosine, the next exercise: a key twice as long no longer scores twice as much.",
)
def similarity_cosine(query, keys):
    lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(query)
    return keys @ query / np.where(lengths > 0, lengths, 1.0)


@misconception(
    "similarity_scores",
    "does_not_add_up",
    "multiplies entry by entry and does not add up",
    "There is a number for each feature of each key, shape (n, d). There should be one number for "
    "each key.",
)
def similarity_products(query, keys):
    return keys * query


@misconception(
    "similarity_scores",
    "adds_over_keys",
    "adds up over the keys instead of over the features",
    "The result has d entries, not n. It says how much of each feature all keys have together.",
)
def similarity_over_keys(query, keys):
    return (keys * query).sum(axis=0)


@misconception(
    "similarity_scores",
    "keys_turned",
    "multiplies with the keys turned on their side",
    "Columns of the matrix are taken for keys. With n keys of n features there is no error, only "
    "wrong scores; otherwise the shapes do not fit.",
)
def similarity_turned(query, keys):
    return keys.T @ query


@misconception(
    "similarity_scores",
    "averages",
    "averages the products instead of adding them up",
    "Every score is too small by a factor of d.",
)
def similarity_mean(query, keys):
    return (keys * query).mean(axis=1)


@misconception(
    "similarity_scores",
    "distance",
    "measures the distance between query and key",
    "A distance is small where two vectors are alike and never negative; a dot product is large "
    "where they point the same way, and negative where they point away from each other.",
)
def similarity_distance(query, keys):
    return np.linalg.norm(keys - query, axis=1)


@misconception(
    "similarity_scores",
    "one_column",
    "returns the scores as a matrix of one column",
    "The numbers are right, but the shape is (n, 1): combined with an array of shape (n,), that "
    "broadcasts to a table of n times n without a word.",
)
def similarity_column(query, keys):
    return keys @ query.reshape(-1, 1)


@misconception(
    "similarity_scores",
    "already_weights",
    "applies softmax to the scores",
    "The entries are positive and sum to 1: those are weights, the step after this one.",
)
def similarity_weights(query, keys):
    return softmax(keys @ query)


@misconception(
    "similarity_scores",
    "drops_the_sign",
    "takes the absolute value of the dot products",
    "A key that points away from the query scores as high as one that points the same way.",
)
def similarity_absolute(query, keys):
    return np.abs(keys @ query)


@misconception(
    "similarity_scores",
    "a_list",
    "returns a list",
    "The numbers are right, but the contract asks for an array: the next step computes with it.",
)
def similarity_list(query, keys):
    return [float(np.dot(key, query)) for key in keys]


# ------------------------------------------------------------------------ cosine_similarity


@misconception(
    "cosine_similarity",
    "dot_product",
    "is the plain dot product",
    "Nothing divides by the lengths, so a longer key scores higher and scores leave [-1, 1].",
)
def cosine_dot(query, keys):
    return keys @ query


@misconception(
    "cosine_similarity",
    "zero_over_zero",
    "divides by a length of zero",
    "All is well until a vector of zeros comes along: 0/0 is nan, and one nan among the scores "
    "makes every weight nan after the softmax.",
)
def cosine_nan(query, keys):
    return keys @ query / (np.linalg.norm(keys, axis=1) * np.linalg.norm(query))


@misconception(
    "cosine_similarity",
    "padded_lengths",
    "adds a small constant to the lengths",
    "The zero vector is safe, but a constant counts where lengths are small: the product of two "
    "lengths of 1e-3 is 1e-6, and even a tiny number added to it makes the score too small.",
    constant=(1e-10, 1e-9, 1e-7, 1e-6),
)
def cosine_padded(query, keys, *, constant=1e-8):
    return keys @ query / (np.linalg.norm(keys, axis=1) * np.linalg.norm(query) + constant)


@variant("cosine_similarity", "padded_lengths", "added to each of the two")
def cosine_padded_norms(query, keys):
    return keys @ query / ((np.linalg.norm(keys, axis=1) + 1e-8) * (np.linalg.norm(query) + 1e-8))


@misconception(
    "cosine_similarity",
    "forgets_the_query",
    "divides by the keys' lengths only",
    "All scores are off by one common factor, the query's length; with a query of length 1 it "
    "would go unnoticed.",
)
def cosine_keys_only(query, keys):
    lengths = np.linalg.norm(keys, axis=1)
    return keys @ query / np.where(lengths > 0, lengths, 1.0)


@misconception(
    "cosine_similarity",
    "forgets_the_keys",
    "divides by the query's length only",
    "A key twice as long still scores twice as much.",
)
def cosine_query_only(query, keys):
    length = np.linalg.norm(query)
    return keys @ query / (length if length > 0 else 1.0)


@misconception(
    "cosine_similarity",
    "one_length_for_all_keys",
    "divides by the length of the whole matrix of keys",
    "Without an axis the norm treats all keys as one long vector: every score is too small, and "
    "the ranking is still that of the dot product.",
)
def cosine_matrix_norm(query, keys):
    length = np.linalg.norm(keys) * np.linalg.norm(query)
    return keys @ query / (length if length > 0 else 1.0)


@misconception(
    "cosine_similarity",
    "squared_lengths",
    "divides by the squared lengths",
    "The square root is missing: right for vectors of length 1, too small for longer ones and "
    "too large for shorter ones.",
)
def cosine_squared(query, keys):
    lengths = np.sum(keys * keys, axis=1) * np.sum(query * query)
    return keys @ query / np.where(lengths > 0, lengths, 1.0)


@misconception(
    "cosine_similarity",
    "zero_query_forgotten",
    "guards against a key of zeros but not against a query of zeros",
    "A zero query gives 0/0 for every key: all scores are nan.",
)
def cosine_zero_query(query, keys):
    lengths = np.linalg.norm(keys, axis=1)
    lengths = np.where(lengths > 0, lengths, 1.0)
    return keys @ query / (lengths * np.linalg.norm(query))


@misconception(
    "cosine_similarity",
    "column_lengths",
    "measures the columns of the keys instead of the rows",
    "That is one length for each feature, not for each key. Unless n equals d the shapes do not "
    "fit.",
)
def cosine_columns(query, keys):
    lengths = np.linalg.norm(keys, axis=0) * np.linalg.norm(query)
    return keys @ query / np.where(lengths > 0, lengths, 1.0)


@misconception(
    "cosine_similarity",
    "drops_the_sign",
    "never goes below zero",
    "The absolute value makes opposite vectors as similar as equal ones.",
)
def cosine_absolute(query, keys):
    lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(query)
    return np.abs(keys @ query) / np.where(lengths > 0, lengths, 1.0)


@misconception(
    "cosine_similarity",
    "cosine_distance",
    "returns one minus the cosine",
    "That is a distance, as some libraries define it: 0 for the same direction, 2 for the "
    "opposite one.",
)
def cosine_distance(query, keys):
    lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(query)
    return 1.0 - keys @ query / np.where(lengths > 0, lengths, 1.0)


@misconception(
    "cosine_similarity",
    "angle",
    "returns the angle",
    "The arccosine turns the order around: equal directions get 0, opposite ones π.",
)
def cosine_angle(query, keys):
    lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(query)
    return np.arccos(np.clip(keys @ query / np.where(lengths > 0, lengths, 1.0), -1.0, 1.0))


@misconception(
    "cosine_similarity",
    "a_list",
    "returns a list",
    "The numbers are right, but the contract asks for an array: the next step computes with it.",
)
def cosine_list(query, keys):
    lengths = [float(np.linalg.norm(key) * np.linalg.norm(query)) for key in keys]
    dots = [float(np.dot(key, query)) for key in keys]
    return [dot / length if length > 0 else 0.0 for dot, length in zip(dots, lengths, strict=True)]


# -------------------------------------------------------------------------------- attention


def _arrays(*given):
    return [np.asarray(each, dtype=np.float64) for each in given]


@misconception(
    "attention",
    "returns_an_array",
    "returns a NumPy array",
    "The numbers are right, but the contract says a Python list of floats.",
)
def attention_array(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    return softmax(keys @ query) @ values


@misconception(
    "attention",
    "arrays_only",
    "takes arrays only",
    "Lists, as in the worked example, raise an error: they have no @ and no shape.",
)
def attention_arrays_only(query, keys, values):
    return list(softmax(keys.dot(query)) @ values)


@misconception(
    "attention",
    "overflows",
    "exponentiates the raw scores",
    "The worked example comes out right. But with scores near 1000 exp overflows, and with scores "
    "near -1000 all powers are 0: either way the output is nan.",
)
def attention_overflows(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    powers = np.exp(keys @ query)
    return (powers / powers.sum() @ values).tolist()


@misconception(
    "attention",
    "shift_too_small",
    "subtracts a number smaller than the largest score",
    "On paper any number may be subtracted. But as soon as a score lies 710 above it, exp "
    "overflows in float64: inf/inf is nan.",
    of=("min",),
)
def attention_shift_too_small(query, keys, values, *, of="mean"):
    query, keys, values = _arrays(query, keys, values)
    scores = keys @ query
    powers = np.exp(scores - getattr(scores, of)())
    return (powers / powers.sum() @ values).tolist()


@misconception(
    "attention",
    "scales",
    "divides the scores by the square root of d",
    "Scaling comes in lesson 2. The weights are too even: in the worked example about 0.482 and "
    "0.518.",
)
def attention_scaled(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    return (softmax(keys @ query / math.sqrt(len(query))) @ values).tolist()


@misconception(
    "attention",
    "cosine",
    "compares by the cosine",
    "The scores here are plain dot products: a longer key scores more.",
)
def attention_cosine(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(query)
    return (softmax(keys @ query / np.where(lengths > 0, lengths, 1.0)) @ values).tolist()


@misconception(
    "attention",
    "no_softmax",
    "combines the values with the raw scores",
    "The scores do not sum to 1, so the output is not an average: it can lie far outside the "
    "values.",
)
def attention_no_softmax(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    return (keys @ query @ values).tolist()


@misconception(
    "attention",
    "no_exponential",
    "divides the scores by their sum without exponentiating",
    "Negative scores give negative weights, and scores that sum to 0 lead to a division by zero.",
)
def attention_no_exponential(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    scores = keys @ query
    return (scores / scores.sum() @ values).tolist()


@misconception(
    "attention",
    "keys_turned",
    "takes the columns of the key matrix for keys",
    "The worked example cannot tell, for its key matrix is its own transpose. With another square "
    "matrix the scores are wrong; with any other shape there is an error.",
)
def attention_keys_turned(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    return (softmax(keys.T @ query) @ values).tolist()


@misconception(
    "attention",
    "values_turned",
    "mixes the features of each value instead of the values",
    "The weights meet the wrong axis of the values: the result has n entries instead of d_v, "
    "and unless d_v equals n the shapes do not fit.",
)
def attention_values_turned(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    return (values @ softmax(keys @ query)).tolist()


@misconception(
    "attention",
    "best_key_only",
    "returns the value of the best key",
    "That is a lookup that takes all or nothing. Attention takes a share of every value, and a "
    "small change of the query changes the answer a little, not all at once.",
)
def attention_best_only(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    return values[np.argmax(keys @ query)].tolist()


@misconception(
    "attention",
    "averages_keys",
    "averages the keys instead of the values",
    "Keys only say where to look; what is found there is in the values. The result has d entries.",
)
def attention_averages_keys(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    return (softmax(keys @ query) @ keys).tolist()


@misconception(
    "attention",
    "divides_by_n",
    "divides the weighted sum by the number of keys",
    "The weights sum to 1 already, so the sum is the average; dividing once more makes it too "
    "small by a factor of n.",
)
def attention_divides_by_n(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    weighted = softmax(keys @ query)[:, None] * values
    return weighted.mean(axis=0).tolist()


@misconception(
    "attention",
    "rounds",
    "rounds the result",
    "A printed number is rounded for the eye; the value that is returned must not be.",
    decimals=(2, 3, 5, 6),
)
def attention_rounds(query, keys, values, *, decimals=4):
    query, keys, values = _arrays(query, keys, values)
    return [round(x, decimals) for x in (softmax(keys @ query) @ values).tolist()]


@misconception(
    "attention",
    "single_precision",
    "computes in float32",
    "Right to seven digits, where a Python float holds sixteen: too few for the worked example.",
)
def attention_single(query, keys, values):
    query, keys, values = (np.asarray(each, dtype=np.float32) for each in (query, keys, values))
    return (softmax(keys @ query) @ values).tolist()


@misconception(
    "attention",
    "list_in_a_list",
    "returns a list that holds a list",
    "An axis of length 1 was left over from treating the query as a matrix.",
)
def attention_nested(query, keys, values):
    query, keys, values = _arrays(query, keys, values)
    return (softmax(query[None, :] @ keys.T) @ values).tolist()


# ------------------------------------------------------------------------ batched_attention


@misconception(
    "batched_attention",
    "softmax_over_queries",
    "normalizes over the queries",
    "Each column of the weights sums to 1. Each row should: a row holds what one query attends to.",
)
def batched_over_queries(queries, keys, values):
    weights = softmax(queries @ keys.T, axis=0)
    return weights @ values, weights


@misconception(
    "batched_attention",
    "scales",
    "divides the scores by the square root of d",
    "Scaling comes in lesson 2; here the weights come out too even.",
)
def batched_scaled(queries, keys, values):
    weights = softmax(queries @ keys.T / math.sqrt(queries.shape[1]))
    return weights @ values, weights


@misconception(
    "batched_attention",
    "weights_first",
    "returns the weights before the output",
    "Both are right, but the pair is in the wrong order.",
)
def batched_weights_first(queries, keys, values):
    weights = softmax(queries @ keys.T)
    return weights, weights @ values


@misconception(
    "batched_attention",
    "output_only",
    "returns the output without the weights",
    "Unpacking it into a pair fails, or, with two queries, silently takes the first row for the "
    "output and the second for the weights.",
)
def batched_output_only(queries, keys, values):
    return softmax(queries @ keys.T) @ values


@misconception(
    "batched_attention",
    "overflows",
    "exponentiates the raw scores",
    "A score of 1000 overflows to inf and inf/inf is nan.",
)
def batched_overflows(queries, keys, values):
    powers = np.exp(queries @ keys.T)
    weights = powers / powers.sum(axis=1, keepdims=True)
    return weights @ values, weights


@misconception(
    "batched_attention",
    "one_maximum_for_all",
    "subtracts the maximum of the whole matrix from every row",
    "A query whose scores are all far below that maximum is left with powers of 0, and 0/0 is nan.",
)
def batched_one_maximum(queries, keys, values):
    scores = queries @ keys.T
    powers = np.exp(scores - scores.max())
    weights = powers / powers.sum(axis=1, keepdims=True)
    return weights @ values, weights


@misconception(
    "batched_attention",
    "shift_too_small",
    "subtracts from each row a number smaller than its largest score",
    "On paper any number may be subtracted. But as soon as a score lies 710 above it, exp "
    "overflows in float64: inf/inf is nan.",
    of=("min",),
)
def batched_shift_too_small(queries, keys, values, *, of="mean"):
    scores = queries @ keys.T
    powers = np.exp(scores - getattr(scores, of)(axis=1, keepdims=True))
    weights = powers / powers.sum(axis=1, keepdims=True)
    return weights @ values, weights


@misconception(
    "batched_attention",
    "sums_everything",
    "makes all weights of all queries together sum to 1",
    "Each row should sum to 1 by itself. With one query it goes unnoticed.",
)
def batched_sums_everything(queries, keys, values):
    scores = queries @ keys.T
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = powers / powers.sum()
    return weights @ values, weights


@misconception(
    "batched_attention",
    "softmax_twice",
    "applies softmax twice",
    "Weights lie between 0 and 1. So after a second softmax no weight is more than e ≈ 2.7 times "
    "as large as another, whatever the scores were.",
)
def batched_twice(queries, keys, values):
    weights = softmax(softmax(queries @ keys.T))
    return weights @ values, weights


@misconception(
    "batched_attention",
    "no_exponential",
    "divides the scores by their sum without exponentiating",
    "Negative scores give negative weights, and rows that sum to 0 lead to a division by zero.",
)
def batched_no_exponential(queries, keys, values):
    scores = queries @ keys.T
    weights = scores / scores.sum(axis=1, keepdims=True)
    return weights @ values, weights


@misconception(
    "batched_attention",
    "keys_ask_queries",
    "multiplies the keys by the queries, the wrong way around",
    "Row i of the scores should belong to query i. Here it belongs to key i; only when there are "
    "as many queries as keys does that give a result at all.",
)
def batched_keys_ask(queries, keys, values):
    weights = softmax(keys @ queries.T)
    return weights @ values, weights


@misconception(
    "batched_attention",
    "drops_the_axis",
    "sums each row without keeping the axis",
    "Dividing an (m, n) matrix by a vector of m sums either fails or, when m equals n, divides "
    "column j by the sum of row j.",
)
def batched_drops_the_axis(queries, keys, values):
    scores = queries @ keys.T
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = powers / powers.sum(axis=1)
    return weights @ values, weights


@misconception(
    "batched_attention",
    "averages_keys",
    "averages the keys instead of the values",
    "The weights are right, but the output is as wide as a key: nothing was taken from values.",
)
def batched_averages_keys(queries, keys, values):
    weights = softmax(queries @ keys.T)
    return weights @ keys, weights


@misconception(
    "batched_attention",
    "loops_over_queries",
    "loops over the queries",
    "The numbers are right, but Python takes the queries in turn: the more queries there are, the "
    "more turns it needs. All scores together are one product of two matrices.",
)
def batched_loops(queries, keys, values):
    weights = np.array([softmax(keys @ query) for query in queries])
    return weights @ values, weights


@misconception(
    "batched_attention",
    "maps_over_queries",
    "maps a function over the queries",
    "map, np.vectorize and np.apply_along_axis are loops in disguise, no faster than a for. "
    "All scores together are one product of two matrices.",
)
def batched_maps(queries, keys, values):
    weights = np.apply_along_axis(lambda query: softmax(keys @ query), 1, queries)
    return weights @ values, weights


# ------------------------------------------------------------------------------ design_query


def _gap(keys, sharpness):
    return sharpness + math.log(len(keys))


@misconception(
    "design_query",
    "sum_of_keys",
    "adds the wanted keys up",
    "That works for perpendicular keys of equal length. Here keys resemble one another: the sum "
    "gives one wanted key a higher score than another, and the unwanted keys high scores, too.",
)
def design_sum(keys, wanted, sharpness):
    return _gap(keys, sharpness) * keys[wanted].sum(axis=0)


@misconception(
    "design_query",
    "others_uncontrolled",
    "solves for the wanted keys and leaves the others to chance",
    "The wanted keys share evenly, but nothing says what the other keys score, and those that "
    "resemble a wanted one score about as high.",
)
def design_wanted_only(keys, wanted, sharpness):
    return np.linalg.pinv(keys[wanted]) @ np.full(len(wanted), _gap(keys, sharpness))


@misconception(
    "design_query",
    "number_of_keys_forgotten",
    "sets the scores apart by sharpness, however many keys there are",
    "A single other key would then get at most exp(-sharpness) times a wanted key's weight, but "
    "each of many others may get that much, and together they get too much.",
)
def design_gap_too_small(keys, wanted, sharpness):
    target = np.zeros(len(keys))
    target[wanted] = sharpness
    return np.linalg.pinv(keys) @ target


@misconception(
    "design_query",
    "square_only",
    "needs as many keys as features",
    "With fewer keys than features there is no square matrix to solve with, but there are even "
    "more solutions.",
)
def design_square_only(keys, wanted, sharpness):
    target = np.zeros(len(keys))
    target[wanted] = _gap(keys, sharpness)
    return np.linalg.solve(keys, target)


@misconception(
    "design_query",
    "weights_for_scores",
    "uses the wanted weights as scores",
    "The softmax still comes after: scores between 0 and 1 give weights of which none is more "
    "than e ≈ 2.7 times as large as another.",
)
def design_weights_for_scores(keys, wanted, sharpness):
    target = np.zeros(len(keys))
    target[wanted] = 1.0 / len(wanted)
    return np.linalg.pinv(keys) @ target


@misconception(
    "design_query",
    "logarithm_of_zero",
    "takes the logarithm of a weight of zero",
    "The logarithm does undo softmax, but no finite score gives a weight of exactly 0: the "
    "logarithm of 0 is -inf, and the query is nan.",
)
def design_log_of_zero(keys, wanted, sharpness):
    weights = np.zeros(len(keys))
    weights[wanted] = 1.0 / len(wanted)
    with np.errstate(all="ignore"):
        return np.linalg.pinv(keys) @ np.log(weights)


@misconception(
    "design_query",
    "returns_the_scores",
    "returns the scores that the query should get",
    "There is one number for each key. The query has one for each feature, and it has to be "
    "found from those scores.",
)
def design_returns_scores(keys, wanted, sharpness):
    target = np.zeros(len(keys))
    target[wanted] = _gap(keys, sharpness)
    return target


@misconception(
    "design_query",
    "first_wanted_only",
    "attends to the first wanted key only",
    "The other wanted keys get as little as the keys that nobody asked for.",
)
def design_first_only(keys, wanted, sharpness):
    target = np.zeros(len(keys))
    target[wanted[0]] = _gap(keys, sharpness)
    return np.linalg.pinv(keys) @ target


@misconception(
    "design_query",
    "keys_turned",
    "multiplies the scores by the keys instead of solving the equations",
    "The transposed key matrix times the scores would be right for perpendicular keys of length "
    "1, whose inverse is their transpose. These keys are not like that.",
)
def design_transpose(keys, wanted, sharpness):
    target = np.full(len(keys), -_gap(keys, sharpness))
    target[wanted] = _gap(keys, sharpness)
    return keys.T @ target


# --- the same mistakes, as they are often written ------------------------------------------------


@variant("cosine_similarity", "one_length_for_all_keys", "without a guard")
def cosine_matrix_norm_unguarded(query, keys):
    return keys @ query / (np.linalg.norm(keys) * np.linalg.norm(query))


@variant("softmax", "drops_the_axis", "twice")
def softmax_drops_the_axis_twice(scores, axis=-1):
    powers = np.exp(scores - scores.max(axis=axis))
    return powers / powers.sum(axis=axis)
