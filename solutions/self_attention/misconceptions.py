"""What goes wrong in lesson 2."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from grader.course.versions import misconception, variant
from solutions.self_attention import scaled_dot_product_attention

# --- scaled_dot_product_attention: the scale --------------------------------------------------


def _with_scale(query, key, value, factor):
    weights = torch.softmax(query @ key.transpose(-2, -1) * factor, dim=-1)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "no_scale",
    "does not scale the scores",
    "The raw dot products go straight into softmax. Their spread grows with the width of the "
    "vectors, so the weights are sharper than they should be.",
)
def attention_no_scale(query, key, value):
    return _with_scale(query, key, value, 1.0)


@misconception(
    "scaled_dot_product_attention",
    "divides_by_d",
    "divides the scores by d_k itself",
    "The variance of a dot product grows as d_k, so its spread grows as the root of d_k. Dividing "
    "by the whole width makes the weights too even.",
)
def attention_divides_by_d(query, key, value):
    return _with_scale(query, key, value, 1 / query.shape[-1])


@misconception(
    "scaled_dot_product_attention",
    "multiplies_by_root_d",
    "multiplies the scores by √d_k",
    "The spread of the scores is made larger instead of smaller: nearly all the weight falls on "
    "one key.",
)
def attention_multiplies_by_root_d(query, key, value):
    return _with_scale(query, key, value, math.sqrt(query.shape[-1]))


@misconception(
    "scaled_dot_product_attention",
    "scale_from_value_width",
    "takes the width of the values for the scale",
    "The scores are sums over the width of queries and keys; how wide a value is plays no part "
    "in them. It shows as soon as d_v differs from d_k.",
)
def attention_scale_from_value_width(query, key, value):
    return _with_scale(query, key, value, 1 / math.sqrt(value.shape[-1]))


@misconception(
    "scaled_dot_product_attention",
    "scale_from_number_of_keys",
    "takes the number of keys for the scale",
    "One score is a sum over the entries of two vectors, however many keys there are. Here the "
    "same query and key get a different score when another key joins.",
)
def attention_scale_from_number_of_keys(query, key, value):
    return _with_scale(query, key, value, 1 / math.sqrt(key.shape[-2]))


@misconception(
    "scaled_dot_product_attention",
    "scale_from_number_of_queries",
    "takes the number of queries for the scale",
    "One score is a sum over the entries of two vectors, however many queries there are.",
)
def attention_scale_from_number_of_queries(query, key, value):
    return _with_scale(query, key, value, 1 / math.sqrt(query.shape[-2]))


@misconception(
    "scaled_dot_product_attention",
    "scale_from_axis_one",
    "reads the width for the scale from axis 1",
    "Axis 1 holds the width only while there is no batch axis. With one batch axis it holds the "
    "queries; with two, the second batch axis.",
)
def attention_scale_from_axis_one(query, key, value):
    return _with_scale(query, key, value, 1 / math.sqrt(query.shape[1]))


@misconception(
    "scaled_dot_product_attention",
    "cosine",
    "compares directions only, as the cosine does",
    "Queries and keys are brought to length 1 first. A dot product also counts how long they are: "
    "a longer query gives sharper weights.",
)
def attention_cosine(query, key, value):
    query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
    return _with_scale(query, key, value, 1 / math.sqrt(query.shape[-1]))


@misconception(
    "scaled_dot_product_attention",
    "scales_after_softmax",
    "scales the weights instead of the scores",
    "The division comes after softmax: the rows of the weights no longer sum to 1, and softmax "
    "itself saw the unscaled scores.",
)
def attention_scales_after_softmax(query, key, value):
    weights = torch.softmax(query @ key.transpose(-2, -1), dim=-1) / math.sqrt(query.shape[-1])
    return weights @ value, weights


# --- the softmax ------------------------------------------------------------------------------


def _scores(query, key):
    return query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])


def _with_axis(query, key, value, axis):
    weights = torch.softmax(_scores(query, key), dim=axis)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "softmax_over_queries",
    "makes the weights sum to 1 over the queries",
    "Each column of the weights sums to 1, where each row should: a query must share its own "
    "attention among the keys, not compete with the other queries.",
)
def attention_softmax_over_queries(query, key, value):
    return _with_axis(query, key, value, -2)


@misconception(
    "scaled_dot_product_attention",
    "softmax_over_batch",
    "makes the weights sum to 1 along the first axis",
    "With a batch axis, the sequences of a batch compete with one another: the same sequence gets "
    "different weights in different company.",
)
def attention_softmax_over_batch(query, key, value):
    return _with_axis(query, key, value, 0)


@misconception(
    "scaled_dot_product_attention",
    "softmax_along_axis_one",
    "counts the axis of softmax from the front",
    "Axis 1 holds the keys only while there is no batch axis. With one batch axis it holds the "
    "queries; with two, the second batch axis.",
)
def attention_softmax_along_axis_one(query, key, value):
    return _with_axis(query, key, value, 1)


@misconception(
    "scaled_dot_product_attention",
    "softmax_over_everything",
    "makes all the weights together sum to 1",
    "One softmax runs over the whole table of scores, so that a single row sums to far less than "
    "1 and the queries compete.",
)
def attention_softmax_over_everything(query, key, value):
    scores = _scores(query, key)
    weights = torch.softmax(scores.flatten(), dim=0).reshape(scores.shape)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "softmax_twice",
    "applies softmax twice",
    "The second softmax sees numbers between 0 and 1 and makes them nearly equal: the weights are "
    "far too even, though the rows still sum to 1.",
)
def attention_softmax_twice(query, key, value):
    weights = torch.softmax(torch.softmax(_scores(query, key), dim=-1), dim=-1)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "no_exponential",
    "divides the scores by their sum without exp",
    "The rows sum to 1, but some weights are negative, and a sum near zero makes them huge.",
)
def attention_no_exponential(query, key, value):
    scores = _scores(query, key)
    weights = scores / scores.sum(dim=-1, keepdim=True)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "overflows",
    "exponentiates the scores as they are",
    "Right for small scores. In float32 exp overflows beyond 88, and inf/inf is nan; far below "
    "zero every power is 0, and 0/0 is nan.",
)
def attention_overflows(query, key, value):
    powers = torch.exp(_scores(query, key))
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "one_maximum_for_all",
    "subtracts one maximum from all rows",
    "Rows that lie far below the largest score of the whole table become all zeros after exp, and "
    "0/0 is nan. Every row has a maximum of its own.",
)
def attention_one_maximum_for_all(query, key, value):
    scores = _scores(query, key)
    powers = torch.exp(scores - scores.max())
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "never_shifts_up",
    "subtracts the maximum only where it is positive",
    "Large positive scores are safe, but a row of scores far below zero stays there: its powers "
    "are all 0, and 0/0 is nan.",
)
def attention_never_shifts_up(query, key, value):
    scores = _scores(query, key)
    powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True).clamp(min=0))
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "shift_too_small",
    "subtracts from each row a number smaller than its largest score",
    "On paper any number may be subtracted. But as soon as a score lies 89 above it, exp overflows "
    "in float32: inf/inf is nan.",
    of=("amin",),
)
def attention_shift_too_small(query, key, value, *, of="mean"):
    scores = _scores(query, key)
    powers = torch.exp(scores - getattr(scores, of)(dim=-1, keepdim=True))
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "no_softmax",
    "mixes the values by the raw scores",
    "No softmax at all: the weights can be negative and their rows sum to anything.",
)
def attention_no_softmax(query, key, value):
    scores = _scores(query, key)
    return scores @ value, scores


# --- who meets whom ---------------------------------------------------------------------------


@misconception(
    "scaled_dot_product_attention",
    "winner_takes_all",
    "gives all the weight to the best key",
    "The output is one value, copied. Where to look cannot be learned: the best key stays the best "
    "under every small change, so queries and keys get no gradient.",
)
def attention_winner_takes_all(query, key, value):
    best = _scores(query, key).argmax(dim=-1)
    weights = functional.one_hot(best, key.shape[-2]).to(query.dtype)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "keys_ask",
    "lets the keys ask the queries",
    "The table of scores is transposed: its rows belong to keys. With as many keys as queries the "
    "shapes fit, and only the numbers give it away; otherwise the second product fails.",
)
def attention_keys_ask(query, key, value):
    return _with_scale(key, query, value, 1 / math.sqrt(query.shape[-1]))


@misconception(
    "scaled_dot_product_attention",
    "keys_not_turned",
    "multiplies by the keys without swapping their axes",
    "In the first product every query must meet every key, row by row. Without the swap the "
    "product runs only where there are as many keys as entries in a query.",
)
def attention_keys_not_turned(query, key, value):
    weights = torch.softmax(query @ key / math.sqrt(query.shape[-1]), dim=-1)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "query_as_key",
    "compares the queries with themselves",
    "The keys play no part: a query tends to find itself most similar.",
)
def attention_query_as_key(query, key, value):
    return _with_scale(query, query, value, 1 / math.sqrt(query.shape[-1]))


@misconception(
    "scaled_dot_product_attention",
    "value_as_key",
    "compares the queries with the values",
    "The keys play no part. It runs only where d_v happens to equal d_k.",
)
def attention_value_as_key(query, key, value):
    return _with_scale(query, value, value, 1 / math.sqrt(query.shape[-1]))


@misconception(
    "scaled_dot_product_attention",
    "key_as_value",
    "mixes the keys instead of the values",
    "The weights are right, but the output is an average of keys: it has width d_k.",
)
def attention_key_as_value(query, key, value):
    return _with_scale(query, key, key, 1 / math.sqrt(query.shape[-1]))


@misconception(
    "scaled_dot_product_attention",
    "plain_mean",
    "gives every query the plain mean of the values",
    "The weights are computed but not used: the output does not change with the query.",
)
def attention_plain_mean(query, key, value):
    weights = torch.softmax(_scores(query, key), dim=-1)
    mean = value.mean(dim=-2, keepdim=True).expand(*query.shape[:-1], value.shape[-1])
    return mean.clone(), weights


@misconception(
    "scaled_dot_product_attention",
    "mean_of_weighted_values",
    "averages the weighted values instead of adding them",
    "The weights already sum to 1. Dividing once more by the number of keys makes every output "
    "too small.",
)
def attention_mean_of_weighted_values(query, key, value):
    weights = torch.softmax(_scores(query, key), dim=-1)
    return weights @ value / key.shape[-2], weights


@misconception(
    "scaled_dot_product_attention",
    "weights_turned_over",
    "applies the weights from the wrong side",
    "Each output is mixed by a column of the weights, which does not sum to 1: the queries' "
    "attention is read along the wrong axis.",
)
def attention_weights_turned_over(query, key, value):
    weights = torch.softmax(_scores(query, key), dim=-1)
    return weights.transpose(-2, -1) @ value, weights


# --- axes, dtype, graph, inputs ---------------------------------------------------------------


@misconception(
    "scaled_dot_product_attention",
    "only_two_axes",
    "works only without batch axes",
    "Right for a single sequence. With a batch axis, .T and transpose(0, 1) move the batch as "
    'well, and an einsum such as "id,jd->ij" has no letter for it. Count axes from the end.',
)
def attention_reverses_all_axes(query, key, value):
    turned = key.permute(*reversed(range(key.ndim)))
    weights = torch.softmax(query @ turned / math.sqrt(query.shape[-1]), dim=-1)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "only_one_batch_axis",
    "works with exactly one batch axis",
    "bmm, axes counted from the front and a shape unpacked into three sizes all need exactly "
    "three axes: a single sequence fails, and so does anything with two batch axes.",
)
def attention_only_one_batch_axis(query, key, value):
    scores = torch.bmm(query, key.transpose(1, 2)) / math.sqrt(query.shape[-1])
    weights = torch.softmax(scores, dim=2)
    return torch.bmm(weights, value), weights


@variant("scaled_dot_product_attention", "only_one_batch_axis", "takes three sizes from the shape")
def attention_unpacks_three(query, key, value):
    batch, n, width = query.shape
    weights = torch.softmax(query @ key.transpose(-2, -1) / math.sqrt(width), dim=-1)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "float32_forced",
    "turns everything into float32",
    "Float64 comes in and float32 goes out: more than half of the digits are lost on the way.",
)
def attention_float32_forced(query, key, value):
    return scaled_dot_product_attention(query.float(), key.float(), value.float())


@misconception(
    "scaled_dot_product_attention",
    "float32_inside",
    "computes in float32 whatever comes in",
    "The dtype of the result is right, but a float64 input is rounded to float32 on the way: the "
    "result is good to about seven digits only.",
)
def attention_float32_inside(query, key, value):
    output, weights = attention_float32_forced(query, key, value)
    return output.to(query.dtype), weights.to(query.dtype)


@variant("scaled_dot_product_attention", "float32_inside", "in the softmax alone")
def attention_float32_softmax(query, key, value):
    weights = torch.softmax(_scores(query, key).float(), dim=-1).to(query.dtype)
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "float64_forced",
    "turns everything into float64",
    "Float32 comes in and float64 goes out: the next layer, in float32, cannot take it.",
)
def attention_float64_forced(query, key, value):
    return scaled_dot_product_attention(query.double(), key.double(), value.double())


@misconception(
    "scaled_dot_product_attention",
    "cuts_the_graph",
    "cuts the computation graph",
    "The numbers are right, but nothing flows back: a layer before this one could not learn.",
)
def attention_cuts_the_graph(query, key, value):
    with torch.no_grad():
        return scaled_dot_product_attention(query, key, value)


@misconception(
    "scaled_dot_product_attention",
    "detaches_the_weights",
    "detaches the weights before they are used",
    "Gradients reach the values, but not the queries and keys: where to look is never learned.",
)
def attention_detaches_the_weights(query, key, value):
    weights = torch.softmax(_scores(query, key), dim=-1).detach()
    return weights @ value, weights


@misconception(
    "scaled_dot_product_attention",
    "returns_detached_weights",
    "detaches the weights that it returns",
    "The output carries gradients, the returned weights do not: a loss on the weights could not "
    "be minimized.",
)
def attention_returns_detached_weights(query, key, value):
    output, weights = scaled_dot_product_attention(query, key, value)
    return output, weights.detach()


@misconception(
    "scaled_dot_product_attention",
    "overwrites_the_query",
    "writes into the caller's query",
    "The scale is applied in place: after the call the caller's query is smaller, and a second "
    "call gives a different result.",
)
def attention_overwrites_the_query(query, key, value):
    query /= math.sqrt(query.shape[-1])
    return _with_scale(query, key, value, 1.0)


# --- what is returned -------------------------------------------------------------------------


@misconception(
    "scaled_dot_product_attention",
    "only_the_output",
    "returns the output alone",
    "The weights are needed as well, second in a pair.",
)
def attention_only_the_output(query, key, value):
    return scaled_dot_product_attention(query, key, value)[0]


@misconception(
    "scaled_dot_product_attention",
    "weights_first",
    "returns the weights before the output",
    "Both are right; the order of the pair is not.",
)
def attention_weights_first(query, key, value):
    return scaled_dot_product_attention(query, key, value)[::-1]


@misconception(
    "scaled_dot_product_attention",
    "returns_the_scores",
    "returns the scores in place of the weights",
    "The output is right, but the second of the pair is the table before softmax: it has negative "
    "entries, and its rows do not sum to 1.",
)
def attention_returns_the_scores(query, key, value):
    return scaled_dot_product_attention(query, key, value)[0], _scores(query, key)


# --- SelfAttention ----------------------------------------------------------------------------


class _Layer(nn.Module):
    """The given part: three maps. Each wrong layer has a forward of its own."""

    def __init__(self, d_model, d_k, d_v):
        super().__init__()
        self.W_query = nn.Linear(d_model, d_k, bias=False)
        self.W_key = nn.Linear(d_model, d_k, bias=False)
        self.W_value = nn.Linear(d_model, d_v, bias=False)

    def maps(self, x):
        return self.W_query(x), self.W_key(x), self.W_value(x)


@misconception(
    "SelfAttention",
    "roles_swapped",
    "swaps the maps of queries and keys",
    "W_query makes the keys and W_key the queries: position i gets the weights for what it offers "
    "to others, not for what it looks for. The table of scores is transposed.",
)
class RolesSwapped(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        return scaled_dot_product_attention(key, query, value)


@misconception(
    "SelfAttention",
    "key_and_value_swapped",
    "swaps the maps of keys and values",
    "Queries are compared with what is to be extracted, and the keys are what is extracted. It "
    "runs only where d_v happens to equal d_k.",
)
class KeyAndValueSwapped(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        return scaled_dot_product_attention(query, value, key)


@misconception(
    "SelfAttention",
    "one_map_for_query_and_key",
    "makes queries and keys with one and the same map",
    "W_key is never used: scores become symmetric, so that i scores j exactly as j scores i "
    "(before softmax), and most positions look at themselves.",
)
class OneMapForQueryAndKey(_Layer):
    def forward(self, x):
        query, _, value = self.maps(x)
        return scaled_dot_product_attention(query, query, value)


@misconception(
    "SelfAttention",
    "query_map_unused",
    "makes queries and keys with the map of the keys",
    "W_query is never used: scores become symmetric and most positions look at themselves.",
)
class QueryMapUnused(_Layer):
    def forward(self, x):
        _, key, value = self.maps(x)
        return scaled_dot_product_attention(key, key, value)


@misconception(
    "SelfAttention",
    "values_not_mapped",
    "mixes the inputs themselves, without the map of the values",
    "The weights are right, but W_value is never used: the output has the width of the input.",
)
class ValuesNotMapped(_Layer):
    def forward(self, x):
        query, key, _ = self.maps(x)
        return scaled_dot_product_attention(query, key, x)


@misconception(
    "SelfAttention",
    "mixes_the_keys",
    "mixes the keys instead of the values",
    "The weights are right, but W_value is never used: the output is an average of keys, of width "
    "d_k.",
)
class MixesTheKeys(_Layer):
    def forward(self, x):
        query, key, _ = self.maps(x)
        return scaled_dot_product_attention(query, key, key)


@misconception(
    "SelfAttention",
    "no_maps",
    "compares and mixes the inputs themselves",
    "None of the three maps is used: there is nothing to learn, and scores are symmetric.",
)
class NoMaps(_Layer):
    def forward(self, x):
        return scaled_dot_product_attention(x, x, x)


def _layer_attention(maps, factor):
    query, key, value = maps
    weights = torch.softmax(query @ key.transpose(-2, -1) * factor, dim=-1)
    return weights @ value, weights


@misconception(
    "SelfAttention",
    "scaled_by_model_width",
    "scales by the width of the input, √d_model",
    "A score is a sum over the d_k entries of a query and a key, not over the d_model entries of "
    "x. A well-known lecture made this very slip.",
)
class ScaledByModelWidth(_Layer):
    def forward(self, x):
        return _layer_attention(self.maps(x), 1 / math.sqrt(x.shape[-1]))


@misconception(
    "SelfAttention",
    "scaled_by_value_width",
    "scales by the width of the values, √d_v",
    "How wide a value is plays no part in a score.",
)
class ScaledByValueWidth(_Layer):
    def forward(self, x):
        return _layer_attention(self.maps(x), 1 / math.sqrt(self.W_value.out_features))


@misconception(
    "SelfAttention",
    "scaled_by_length",
    "scales by the length of the sequence",
    "One score is a sum over the entries of two vectors, however many positions there are.",
)
class ScaledByLength(_Layer):
    def forward(self, x):
        return _layer_attention(self.maps(x), 1 / math.sqrt(x.shape[-2]))


@misconception(
    "SelfAttention",
    "not_scaled",
    "leaves the scores unscaled",
    "The raw dot products go straight into softmax, and the weights are too sharp.",
)
class NotScaled(_Layer):
    def forward(self, x):
        return _layer_attention(self.maps(x), 1.0)


@misconception(
    "SelfAttention",
    "divided_by_d",
    "divides the scores by d_k itself, or by √d_k twice",
    "The spread of a score grows as the root of d_k; dividing by the whole width makes the "
    "weights too even. It also happens when the layer scales and then calls a function that "
    "scales again.",
)
class DividedByD(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        return _layer_attention((query, key, value), 1 / query.shape[-1])


@misconception(
    "SelfAttention",
    "softmax_over_queries",
    "makes the weights sum to 1 over the queries",
    "Each column of the weights sums to 1, where each row should.",
)
class SoftmaxOverQueries(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        weights = torch.softmax(_scores(query, key), dim=-2)
        return weights @ value, weights


@misconception(
    "SelfAttention",
    "softmax_along_axis_one",
    "counts the axis of softmax from the front",
    "Axis 1 holds the keys only while there is no batch axis; with one batch axis it holds the "
    "queries.",
)
class SoftmaxAlongAxisOne(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        weights = torch.softmax(_scores(query, key), dim=1)
        return weights @ value, weights


@misconception(
    "SelfAttention",
    "softmax_over_batch",
    "makes the weights sum to 1 along the first axis",
    "With a batch axis, the sequences of a batch compete with one another.",
)
class SoftmaxOverBatch(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        weights = torch.softmax(_scores(query, key), dim=0)
        return weights @ value, weights


@misconception(
    "SelfAttention",
    "overflows",
    "exponentiates the scores as they are",
    "Right for small scores; beyond 88 exp overflows in float32, and inf/inf is nan.",
)
class Overflows(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        powers = torch.exp(_scores(query, key))
        weights = powers / powers.sum(dim=-1, keepdim=True)
        return weights @ value, weights


@misconception(
    "SelfAttention",
    "never_shifts_up",
    "subtracts the maximum only where it is positive",
    "Large positive scores are safe, but a row of scores far below zero stays there: its powers "
    "are all 0, and 0/0 is nan.",
)
class NeverShiftsUp(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        scores = _scores(query, key)
        powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True).clamp(min=0))
        weights = powers / powers.sum(dim=-1, keepdim=True)
        return weights @ value, weights


@misconception(
    "SelfAttention",
    "weights_turned_over",
    "applies the weights from the wrong side",
    "Each output is mixed by a column of the weights, which does not sum to 1. With as many "
    "queries as keys no shape complains.",
)
class WeightsTurnedOver(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        weights = torch.softmax(_scores(query, key), dim=-1)
        return weights.transpose(-2, -1) @ value, weights


@misconception(
    "SelfAttention",
    "matrix_not_transposed",
    "multiplies by the weights as they are stored",
    "nn.Linear stores its matrix as (out, in): the entries of x meet its second axis, not its "
    "first. x @ weight runs only where all widths are equal, and the result is wrong.",
)
class MatrixNotTransposed(_Layer):
    def forward(self, x):
        matrices = (self.W_query.weight, self.W_key.weight, self.W_value.weight)
        return scaled_dot_product_attention(*(x @ matrix for matrix in matrices))


@misconception(
    "SelfAttention",
    "maps_chained",
    "makes the keys from the queries and the values from the keys",
    "All three maps must be applied to x itself. Chained, it runs only where all widths are equal.",
)
class MapsChained(_Layer):
    def forward(self, x):
        query = self.W_query(x)
        key = self.W_key(query)
        return scaled_dot_product_attention(query, key, self.W_value(key))


@misconception(
    "SelfAttention",
    "fresh_weights",
    "depends on random numbers besides its three maps",
    "Two layers with the same three maps disagree about the same input. Layers made inside "
    "forward start from new random weights in every call; dropout and a bias draw numbers too.",
)
class FreshWeights(_Layer):
    def forward(self, x):
        sizes = (layer.out_features for layer in (self.W_query, self.W_key, self.W_value))
        maps = [nn.Linear(x.shape[-1], size, bias=False).to(x.dtype) for size in sizes]
        return scaled_dot_product_attention(*(layer(x) for layer in maps))


@misconception(
    "SelfAttention",
    "weights_outside_the_graph",
    "uses the weights outside the computation graph",
    "The numbers are right and the input gets its gradient, but the three maps get none "
    "(.data, .detach): training would leave them as they are.",
)
class WeightsOutsideTheGraph(_Layer):
    def forward(self, x):
        layers = (self.W_query, self.W_key, self.W_value)
        return scaled_dot_product_attention(*(x @ layer.weight.data.T for layer in layers))


@misconception(
    "SelfAttention",
    "cuts_the_graph",
    "cuts the computation graph",
    "The numbers are right, but nothing flows back: neither the input nor the maps can learn.",
)
class CutsTheGraph(_Layer):
    def forward(self, x):
        with torch.no_grad():
            return scaled_dot_product_attention(*self.maps(x))


@misconception(
    "SelfAttention",
    "only_one_batch_axis",
    "works with exactly one batch axis",
    "bmm, axes counted from the front and a shape unpacked into three sizes all need exactly "
    "three axes: a single sequence fails, and so does anything with two batch axes.",
)
class OnlyOneBatchAxis(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        scores = torch.bmm(query, key.transpose(1, 2)) / math.sqrt(query.shape[-1])
        weights = torch.softmax(scores, dim=2)
        return torch.bmm(weights, value), weights


@variant("SelfAttention", "only_one_batch_axis", "takes three sizes from the shape")
class UnpacksThree(_Layer):
    def forward(self, x):
        batch, n, width = x.shape
        return scaled_dot_product_attention(*self.maps(x))


@misconception(
    "SelfAttention",
    "only_two_axes",
    "works only without batch axes",
    "Right for a single sequence. With a batch axis, .T and transpose(0, 1) move the batch as "
    'well, and an einsum such as "id,jd->ij" has no letter for it. Count axes from the end.',
)
class ReversesAllAxes(_Layer):
    def forward(self, x):
        query, key, value = self.maps(x)
        turned = key.permute(*reversed(range(key.ndim)))
        weights = torch.softmax(query @ turned / math.sqrt(query.shape[-1]), dim=-1)
        return weights @ value, weights


@misconception(
    "SelfAttention",
    "float32_inside",
    "computes in float32 whatever comes in",
    "Float64 inputs and weights are rounded to float32 on the way, and more than half of the "
    "digits are lost.",
)
class Float32Inside(_Layer):
    def forward(self, x):
        output, weights = scaled_dot_product_attention(*(part.float() for part in self.maps(x)))
        return output.to(x.dtype), weights.to(x.dtype)


@misconception(
    "SelfAttention",
    "float32_forced",
    "turns the input into float32",
    "Float64 weights cannot be multiplied with a float32 input: the layer works in one precision "
    "only.",
)
class Float32Forced(_Layer):
    def forward(self, x):
        return scaled_dot_product_attention(*self.maps(x.float()))


@misconception(
    "SelfAttention",
    "only_the_output",
    "returns the output alone",
    "The weights are needed as well, second in a pair.",
)
class OnlyTheOutput(_Layer):
    def forward(self, x):
        return scaled_dot_product_attention(*self.maps(x))[0]


@misconception(
    "SelfAttention",
    "weights_first",
    "returns the weights before the output",
    "Both are right; the order of the pair is not.",
)
class WeightsFirst(_Layer):
    def forward(self, x):
        return scaled_dot_product_attention(*self.maps(x))[::-1]


@misconception(
    "SelfAttention",
    "overwrites_the_input",
    "writes into the caller's x",
    "An in-place operation reaches the caller: after the call the input has changed.",
)
class OverwritesTheInput(_Layer):
    def forward(self, x):
        result = scaled_dot_product_attention(*self.maps(x))
        x.data.sub_(x.mean(dim=-1, keepdim=True).detach())
        return result


# --- additive_scores --------------------------------------------------------------------------


@misconception(
    "additive_scores",
    "no_tanh",
    "leaves out tanh",
    "Without it the score is a sum of one number from the query and one from the key: the query "
    "shifts all scores alike, and softmax does not see it at all.",
)
def additive_no_tanh(query, keys, W_q, W_k, v):
    return (W_q @ query + keys @ W_k.T) @ v


@misconception(
    "additive_scores",
    "tanh_outside",
    "applies tanh last, to the score",
    "All scores then lie between -1 and 1, and inside there is only a plain sum.",
)
def additive_tanh_outside(query, keys, W_q, W_k, v):
    return torch.tanh((W_q @ query + keys @ W_k.T) @ v)


@misconception(
    "additive_scores",
    "tanh_of_each",
    "applies tanh to query and key separately, then adds",
    "The two never meet inside the nonlinear function, so the query shifts all scores alike.",
)
def additive_tanh_of_each(query, keys, W_q, W_k, v):
    return (torch.tanh(W_q @ query) + torch.tanh(keys @ W_k.T)) @ v


@misconception(
    "additive_scores",
    "sigmoid",
    "uses the sigmoid in place of tanh",
    "The sigmoid runs from 0 to 1, tanh from -1 to 1.",
)
def additive_sigmoid(query, keys, W_q, W_k, v):
    return torch.sigmoid(W_q @ query + keys @ W_k.T) @ v


@misconception(
    "additive_scores",
    "relu",
    "uses ReLU in place of tanh",
    "ReLU cuts everything below zero to 0 and has no upper end; tanh keeps the sign and ends at 1.",
)
def additive_relu(query, keys, W_q, W_k, v):
    return torch.relu(W_q @ query + keys @ W_k.T) @ v


@misconception(
    "additive_scores",
    "product_inside",
    "multiplies mapped query and mapped key entry by entry",
    "The score is called additive because the two are added inside tanh.",
)
def additive_product_inside(query, keys, W_q, W_k, v):
    return torch.tanh((W_q @ query) * (keys @ W_k.T)) @ v


@misconception(
    "additive_scores",
    "difference_inside",
    "subtracts one from the other inside tanh",
    "The formula adds the mapped query and the mapped key.",
)
def additive_difference_inside(query, keys, W_q, W_k, v):
    return torch.tanh(W_q @ query - keys @ W_k.T) @ v


@misconception(
    "additive_scores",
    "added_along_the_wrong_axis",
    "adds the mapped query along the axis of the keys",
    "Hidden units of the query meet keys instead of hidden units. It runs only where there are as "
    "many keys as hidden units.",
)
def additive_added_along_the_wrong_axis(query, keys, W_q, W_k, v):
    return v @ torch.tanh(W_q @ query + W_k @ keys.T)


@misconception(
    "additive_scores",
    "matrices_swapped",
    "maps the query by W_k and the keys by W_q",
    "It runs only where queries and keys happen to have the same width.",
)
def additive_matrices_swapped(query, keys, W_q, W_k, v):
    return torch.tanh(W_k @ query + keys @ W_q.T) @ v


@misconception(
    "additive_scores",
    "matrices_turned_over",
    "multiplies by the matrices from the wrong side",
    "The matrices are (a, width) and meet a vector along their second axis. From the other side, "
    "the product runs only where all widths are equal.",
)
def additive_matrices_turned_over(query, keys, W_q, W_k, v):
    return torch.tanh(query @ W_q + keys @ W_k) @ v


@misconception(
    "additive_scores",
    "keys_as_columns",
    "multiplies W_k by the keys as if they were columns",
    "Each key is a row. The product of W_k and the keys runs only where there are as many keys as "
    "features, and then it mixes the keys with one another.",
)
def additive_keys_as_columns(query, keys, W_q, W_k, v):
    return v @ torch.tanh((W_q @ query)[:, None] + W_k @ keys)


@misconception(
    "additive_scores",
    "one_matrix",
    "maps query and keys by the same matrix",
    "W_k is never used. It runs only where queries and keys happen to have the same width.",
)
def additive_one_matrix(query, keys, W_q, W_k, v):
    return torch.tanh(W_q @ query + keys @ W_q.T) @ v


@misconception(
    "additive_scores",
    "v_unused",
    "adds up the hidden units without v",
    "Every hidden unit counts alike; v is there to say how much each counts and with which sign.",
)
def additive_v_unused(query, keys, W_q, W_k, v):
    return torch.tanh(W_q @ query + keys @ W_k.T).sum(dim=-1)


@misconception(
    "additive_scores",
    "v_not_summed",
    "multiplies by v without adding up",
    "One number for each hidden unit is left, (n, a), where a key should get one score.",
)
def additive_v_not_summed(query, keys, W_q, W_k, v):
    return torch.tanh(W_q @ query + keys @ W_k.T) * v


@misconception(
    "additive_scores",
    "returns_weights",
    "returns weights that sum to 1",
    "Softmax is a later step: here the raw scores are asked for.",
)
def additive_returns_weights(query, keys, W_q, W_k, v):
    return torch.softmax(torch.tanh(W_q @ query + keys @ W_k.T) @ v, dim=-1)


@misconception(
    "additive_scores",
    "scaled",
    "divides the scores by the root of the hidden width",
    "The 1/√d_k belongs to the dot product; the additive score has no scale.",
)
def additive_scaled(query, keys, W_q, W_k, v):
    return torch.tanh(W_q @ query + keys @ W_k.T) @ v / math.sqrt(len(v))


@misconception(
    "additive_scores",
    "a_column",
    "returns a column (n, 1)",
    "The numbers are right, but an axis of length 1 is left over.",
)
def additive_a_column(query, keys, W_q, W_k, v):
    return torch.tanh(W_q @ query + keys @ W_k.T) @ v[:, None]


@misconception(
    "additive_scores",
    "squeezes_too_much",
    "squeezes away every axis of length 1",
    "With a single key the result loses its only axis and has shape ().",
)
def additive_squeezes_too_much(query, keys, W_q, W_k, v):
    return (torch.tanh(W_q @ query + keys @ W_k.T) @ v[:, None]).squeeze()


@misconception(
    "additive_scores",
    "tanh_by_hand",
    "computes tanh from powers that overflow",
    "For large arguments exp gives inf, and inf/inf is nan, where tanh is simply 1 or -1.",
)
def additive_tanh_by_hand(query, keys, W_q, W_k, v):
    z = W_q @ query + keys @ W_k.T
    return (torch.exp(z) - torch.exp(-z)) / (torch.exp(z) + torch.exp(-z)) @ v


@misconception(
    "additive_scores",
    "float32_container",
    "returns float32, whatever comes in",
    "Float64 inputs come out rounded. Besides .float(), a container can do that: torch.zeros(n) is "
    "float32 unless it is given a dtype.",
)
def additive_float32_container(query, keys, W_q, W_k, v):
    scores = torch.zeros(len(keys))
    for j, key in enumerate(keys):
        scores[j] = torch.tanh(W_q @ query + W_k @ key) @ v
    return scores


@misconception(
    "additive_scores",
    "cuts_the_graph",
    "cuts the computation graph",
    "The numbers are right, but they are copied out of the graph (item, torch.tensor, detach): "
    "W_q, W_k and v could not be learned.",
)
def additive_cuts_the_graph(query, keys, W_q, W_k, v):
    scores = [(torch.tanh(W_q @ query + W_k @ key) @ v).item() for key in keys]
    return torch.tensor(scores, dtype=query.dtype)


@misconception(
    "additive_scores",
    "overwrites_v",
    "writes into the caller's tensors",
    "An in-place operation reaches the caller: after the call one of the inputs has changed.",
)
def additive_overwrites(query, keys, W_q, W_k, v):
    scores = torch.tanh(W_q @ query + keys @ W_k.T) @ v
    query.data.mul_(2)
    return scores


# --- multiplicative_scores --------------------------------------------------------------------


@misconception(
    "multiplicative_scores",
    "matrix_unused",
    "leaves out the matrix",
    "The plain dot product of query and key: W is never used, and different widths do not fit.",
)
def multiplicative_matrix_unused(query, keys, W):
    return keys @ query


@misconception(
    "multiplicative_scores",
    "matrix_turned_over",
    "uses the transpose of the matrix",
    "The key meets the first axis of W and the query the second. That runs only where both have "
    "the same width.",
)
def multiplicative_matrix_turned_over(query, keys, W):
    return keys @ (W @ query)


@misconception(
    "multiplicative_scores",
    "keys_turned_over",
    "multiplies by the keys from the wrong side",
    "The rows of keys are the keys. From the other side, the product runs only where there are as "
    "many keys as entries in a key.",
)
def multiplicative_keys_turned_over(query, keys, W):
    return query @ W @ keys


@misconception(
    "multiplicative_scores",
    "returns_weights",
    "returns weights that sum to 1",
    "Softmax is a later step: here the raw scores are asked for.",
)
def multiplicative_returns_weights(query, keys, W):
    return torch.softmax(keys @ (query @ W), dim=-1)


@misconception(
    "multiplicative_scores",
    "scaled",
    "scales the scores",
    "Luong's score has no scale: the matrix can learn one.",
)
def multiplicative_scaled(query, keys, W):
    return keys @ (query @ W) / math.sqrt(keys.shape[-1])


@variant("multiplicative_scores", "scaled", "by the root of the query's width")
def multiplicative_scaled_by_query(query, keys, W):
    return keys @ (query @ W) / math.sqrt(query.shape[-1])


@variant("multiplicative_scores", "scaled", "by the width of the keys")
def multiplicative_scaled_by_width(query, keys, W):
    return keys @ (query @ W) / keys.shape[-1]


@misconception(
    "multiplicative_scores",
    "cosine",
    "divides by the lengths of the vectors",
    "That is a cosine: it forgets how long the vectors are, which the score must not.",
)
def multiplicative_cosine(query, keys, W):
    return functional.cosine_similarity(keys, (query @ W)[None], dim=-1)


@misconception(
    "multiplicative_scores",
    "tanh_added",
    "applies tanh to the mapped query",
    "tanh belongs to the additive score; this one is linear in the query.",
)
def multiplicative_tanh_added(query, keys, W):
    return keys @ torch.tanh(query @ W)


@misconception(
    "multiplicative_scores",
    "not_summed",
    "multiplies entry by entry without adding up",
    "One number for each entry of a key is left, (n, d_k), where a key should get one score.",
)
def multiplicative_not_summed(query, keys, W):
    return keys * (query @ W)


@misconception(
    "multiplicative_scores",
    "a_row",
    "returns a row (1, n)",
    "The numbers are right, but an axis of length 1 is left over.",
)
def multiplicative_a_row(query, keys, W):
    return query[None] @ W @ keys.T


@misconception(
    "multiplicative_scores",
    "a_column",
    "returns a column (n, 1)",
    "The numbers are right, but an axis of length 1 is left over.",
)
def multiplicative_a_column(query, keys, W):
    return keys @ (W.T @ query[:, None])


@misconception(
    "multiplicative_scores",
    "squeezes_too_much",
    "squeezes away every axis of length 1",
    "With a single key the result loses its only axis and has shape ().",
)
def multiplicative_squeezes_too_much(query, keys, W):
    return (query[None] @ W @ keys.T).squeeze()


@misconception(
    "multiplicative_scores",
    "float32_container",
    "returns float32, whatever comes in",
    "Float64 inputs come out rounded. Besides .float(), a container can do that: torch.zeros(n) is "
    "float32 unless it is given a dtype.",
)
def multiplicative_float32_container(query, keys, W):
    scores = torch.zeros(len(keys))
    for j, key in enumerate(keys):
        scores[j] = query @ W @ key
    return scores


@misconception(
    "multiplicative_scores",
    "cuts_the_graph",
    "cuts the computation graph",
    "The numbers are right, but they are copied out of the graph (item, torch.tensor, detach): "
    "the matrix could not be learned.",
)
def multiplicative_cuts_the_graph(query, keys, W):
    return torch.tensor([(query @ W @ key).item() for key in keys], dtype=query.dtype)


@misconception(
    "multiplicative_scores",
    "overwrites",
    "writes into the caller's tensors",
    "An in-place operation reaches the caller: after the call one of the inputs has changed.",
)
def multiplicative_overwrites(query, keys, W):
    scores = keys @ (query @ W)
    keys.data.mul_(2)
    return scores


# --- softmax_jacobian -------------------------------------------------------------------------


@misconception(
    "softmax_jacobian",
    "diagonal_only",
    "keeps only the diagonal",
    "Off the diagonal there are zeros: it forgets that raising one score takes weight from all "
    "the others.",
)
def jacobian_diagonal_only(weights):
    return torch.diag(weights * (1 - weights))


@misconception(
    "softmax_jacobian",
    "a_vector",
    "returns only p(1 - p), as a vector",
    "That is the diagonal of the matrix: n numbers, instead of a table of n by n.",
)
def jacobian_a_vector(weights):
    return weights * (1 - weights)


@misconception(
    "softmax_jacobian",
    "sign_turned",
    "has the two terms the wrong way round",
    "The diagonal is negative: a weight would fall when its own score rises.",
)
def jacobian_sign_turned(weights):
    return torch.outer(weights, weights) - torch.diag(weights)


@misconception(
    "softmax_jacobian",
    "plus",
    "adds the second term",
    "All entries come out positive, so a rising score would raise every weight, and they could "
    "no longer sum to 1.",
)
def jacobian_plus(weights):
    return torch.diag(weights) + torch.outer(weights, weights)


@misconception(
    "softmax_jacobian",
    "softmax_first",
    "applies softmax to its argument",
    "The argument holds weights already; softmax of weights is nearly even.",
)
def jacobian_softmax_first(weights):
    p = torch.softmax(weights, dim=-1)
    return torch.diag(p) - torch.outer(p, p)


@misconception(
    "softmax_jacobian",
    "renormalizes",
    "divides its argument by its sum first",
    "Right for weights that sum to 1; the formula should be applied to the vector as it is.",
)
def jacobian_renormalizes(weights):
    p = weights / weights.sum()
    return torch.diag(p) - torch.outer(p, p)


@misconception(
    "softmax_jacobian",
    "inner_product",
    "subtracts a number instead of a table",
    "p · p is one number, the same for every place; the second term is a table of all products.",
)
def jacobian_inner_product(weights):
    return torch.diag(weights) - weights @ weights


@misconception(
    "softmax_jacobian",
    "subtracts_a_row",
    "subtracts p from every row",
    "The second term has a product of two entries at each place, not one entry.",
)
def jacobian_subtracts_a_row(weights):
    return torch.diag(weights) - weights


@misconception(
    "softmax_jacobian",
    "subtracts_squares",
    "subtracts squares instead of products",
    "Off the diagonal it has -p_j², where two different entries should be multiplied.",
)
def jacobian_subtracts_squares(weights):
    return torch.diag(weights) - weights**2


@misconception(
    "softmax_jacobian",
    "identity",
    "has ones in place of p on the diagonal of the first term",
    "The identity matrix is not diag(p).",
)
def jacobian_identity(weights):
    eye = torch.eye(len(weights), dtype=weights.dtype)
    return eye - torch.outer(weights, weights)


@misconception(
    "softmax_jacobian",
    "diagonal_without_square",
    "leaves the square out of the diagonal",
    "Off the diagonal it is right, but on it there is p instead of p - p²: the rows do not sum "
    "to 0.",
)
def jacobian_diagonal_without_square(weights):
    square = torch.outer(weights, weights)
    return torch.diag(weights) - square + torch.diag(torch.diagonal(square))


@misconception(
    "softmax_jacobian",
    "outer_product_only",
    "leaves out the first term",
    "Every entry is negative, the diagonal included.",
)
def jacobian_outer_product_only(weights):
    return -torch.outer(weights, weights)


@misconception(
    "softmax_jacobian",
    "float32_container",
    "returns float32, whatever comes in",
    "A float64 input comes out rounded. Besides .float(), a container can do that: "
    "torch.zeros(n, n) is float32 unless it is given a dtype.",
)
def jacobian_float32_container(weights):
    matrix = torch.zeros(len(weights), len(weights))
    for i, p in enumerate(weights):
        for j, q in enumerate(weights):
            matrix[i, j] = p - p * q if i == j else -p * q
    return matrix


@misconception(
    "softmax_jacobian",
    "cuts_the_graph",
    "cuts the computation graph",
    "The numbers are right, but they are copied out of the graph (item, torch.tensor, detach).",
)
def jacobian_cuts_the_graph(weights):
    p = weights.detach()
    return torch.diag(p) - torch.outer(p, p)


@misconception(
    "softmax_jacobian",
    "overwrites",
    "writes into the caller's vector",
    "An in-place operation reaches the caller: after the call the weights have changed.",
)
def jacobian_overwrites(weights):
    matrix = torch.diag(weights) - torch.outer(weights, weights)
    weights.data.sub_(weights.detach() ** 2)
    return matrix


# --- the same mistakes, as they are often written ------------------------------------------------


@variant("softmax_jacobian", "renormalizes", "the derivative of softmax at log p")
def jacobian_by_autograd(weights):
    def normalized(scores):
        return torch.softmax(scores, dim=-1)

    return torch.autograd.functional.jacobian(normalized, weights.log())


@misconception(
    "softmax_jacobian",
    "one_formula_for_all",
    "has p_i (1 - p_j) everywhere",
    "That is right on the diagonal. Off the diagonal the entry is -p_i p_j: the 1 belongs to the "
    "diagonal alone.",
)
def jacobian_one_formula(weights):
    return torch.outer(weights, 1 - weights)
