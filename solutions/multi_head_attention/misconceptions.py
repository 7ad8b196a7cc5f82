"""What goes wrong in lesson 4."""

from __future__ import annotations

import math

import torch
from torch import nn

from grader.course.versions import misconception, variant
from solutions.multi_head_attention import merge_heads, previous_token_head, split_heads

INF = math.inf


# --- split_heads --------------------------------------------------------------------------------


def _divide(x, num_heads):
    """The width of a head, or the error that is due."""
    if x.shape[-1] % num_heads:
        raise ValueError(f"{num_heads} heads do not divide {x.shape[-1]}")
    return x.shape[-1] // num_heads


@misconception(
    "split_heads",
    "reshaped_at_once",
    "cuts (n, d) into (h, n, d/h) in one step",
    "The shape is right and the numbers are in the wrong places: a reshape keeps the order of the "
    "numbers in memory, so the first positions, whole, become head 0.",
)
def split_at_once(x, num_heads):
    width = _divide(x, num_heads)
    return x.reshape(*x.shape[:-2], num_heads, x.shape[-2], width)


@misconception(
    "split_heads",
    "error_without_numbers",
    "does not say which two numbers do not fit",
    "A reader of the error has to find out why. The message should name the width and how many "
    "heads there are.",
)
def split_without_numbers(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("the number of heads does not divide the width")
    return x.unflatten(-1, (num_heads, -1)).transpose(-3, -2)


@misconception(
    "split_heads",
    "heads_after_positions",
    "leaves the heads after the positions",
    "The result is (..., n, h, d/h): every position has its heads, but no head has a sequence. "
    "Matrix products work on the last two axes, so each position would attend among its own heads.",
)
def split_not_exchanged(x, num_heads):
    return x.reshape(*x.shape[:-1], num_heads, _divide(x, num_heads))


@misconception(
    "split_heads",
    "interleaved",
    "deals the features out like cards",
    "Head 0 gets features 0, h, 2h and so on. That is a division too, but not the one asked for: "
    "neighbors should stay together, or weights trained elsewhere no longer fit.",
)
def split_interleaved(x, num_heads):
    return x.reshape(*x.shape[:-1], _divide(x, num_heads), num_heads).movedim(-1, -3)


@misconception(
    "split_heads",
    "width_for_count",
    "takes the number of heads for the width of a head",
    "There are d/h heads of width h, where h heads of width d/h were asked for.",
)
def split_width_for_count(x, num_heads):
    return x.reshape(*x.shape[:-1], _divide(x, num_heads), num_heads).transpose(-3, -2)


@misconception(
    "split_heads",
    "heads_first",
    "puts the heads before the batch",
    "Without a batch axis that is the same. With one, the heads belong after it: (..., h, n, d/h).",
)
def split_heads_first(x, num_heads):
    return torch.stack(x.split(_divide(x, num_heads), dim=-1), dim=0)


@misconception(
    "split_heads",
    "heads_last",
    "puts the heads at the end",
    "The result is (..., n, d/h, h); the last two axes should be positions and features.",
)
def split_heads_last(x, num_heads):
    return torch.stack(x.split(_divide(x, num_heads), dim=-1), dim=-1)


@misconception(
    "split_heads",
    "counts_from_the_front",
    "exchanges axes 1 and 2",
    "With one batch axis these are heads and positions. With none or with two they are something "
    "else: count from the end.",
)
def split_counts_from_the_front(x, num_heads):
    return x.reshape(*x.shape[:-1], num_heads, _divide(x, num_heads)).transpose(1, 2)


@misconception(
    "split_heads",
    "only_three_axes",
    "works only with exactly one batch axis",
    "There may be none, or two: only the last two axes are always there.",
)
def split_three_axes(x, num_heads):
    batch, n, _ = x.shape
    return x.reshape(batch, n, num_heads, _divide(x, num_heads)).permute(0, 2, 1, 3)


@misconception(
    "split_heads",
    "only_two_axes",
    "works only without batch axes",
    "There may be any number of leading axes.",
)
def split_two_axes(x, num_heads):
    n, d = x.shape
    return x.reshape(n, num_heads, _divide(x, num_heads)).permute(1, 0, 2)


@misconception(
    "split_heads",
    "batch_flattened",
    "joins all batch axes into one",
    "The numbers are right, but with two batch axes one of them is gone, and with none there is "
    "one too many.",
)
def split_batch_flattened(x, num_heads):
    n, width = x.shape[-2], _divide(x, num_heads)
    return x.reshape(-1, n, num_heads, width).transpose(1, 2)


@misconception(
    "split_heads",
    "assertion",
    "raises AssertionError",
    "An assert says that the program is wrong, and disappears under python -O. Here the caller has "
    "passed a bad value.",
)
def split_assertion(x, num_heads):
    assert x.shape[-1] % num_heads == 0, "num_heads must divide d"
    return x.reshape(*x.shape[:-1], num_heads, -1).transpose(-3, -2)


@misconception(
    "split_heads",
    "left_to_torch",
    "leaves it to PyTorch to complain",
    "PyTorch raises a RuntimeError about shapes; the reader must find out what it has to do with "
    "heads.",
)
def split_left_to_torch(x, num_heads):
    return x.reshape(*x.shape[:-1], num_heads, x.shape[-1] // num_heads).transpose(-3, -2)


@misconception(
    "split_heads",
    "drops_the_rest",
    "drops the features that are left over",
    "Where h does not divide d there should be an error; here the last features are lost without a "
    "word.",
)
def split_drops_the_rest(x, num_heads):
    width = x.shape[-1] // num_heads
    return torch.stack([x[..., h * width : (h + 1) * width] for h in range(num_heads)], dim=-3)


@misconception(
    "split_heads",
    "several_tensors",
    "returns one tensor for each head",
    "The heads should lie in one tensor, along an axis of their own, so that one matrix product "
    "serves them all.",
)
def split_several(x, num_heads):
    return x.split(_divide(x, num_heads), dim=-1)


@misconception(
    "split_heads",
    "detached",
    "cuts the graph",
    "The numbers are right and nothing can be learned from them: no gradient flows back.",
)
def split_detached(x, num_heads):
    width = _divide(x, num_heads)
    return x.detach().reshape(*x.shape[:-1], num_heads, width).transpose(-3, -2).clone()


@misconception(
    "split_heads",
    "fixed_to_float32",
    "returns float32 whatever it is given",
    "A float64 input should give a float64 result.",
)
def split_fixed_dtype(x, num_heads):
    n, width = x.shape[-2], _divide(x, num_heads)
    out = torch.empty(*x.shape[:-2], num_heads, n, width)
    for h in range(num_heads):
        out[..., h, :, :] = x[..., h * width : (h + 1) * width]
    return out


@misconception(
    "split_heads",
    "turns_the_input",
    "transposes the caller's tensor",
    "transpose_ with the underscore works in place: after the call the input has another shape.",
)
def split_turns_the_input(x, num_heads):
    width = _divide(x, num_heads)
    x.transpose_(-2, -1)
    return x.reshape(*x.shape[:-2], num_heads, width, x.shape[-1]).transpose(-2, -1)


# --- merge_heads --------------------------------------------------------------------------------


@misconception(
    "merge_heads",
    "reshaped_at_once",
    "turns (h, n, w) into (n, h·w) in one step",
    "The shape is right and the numbers are in the wrong places: a reshape keeps the order of the "
    "numbers in memory, so a row of the result holds several positions of one head.",
)
def merge_at_once(x):
    h, n, w = x.shape[-3:]
    return x.reshape(*x.shape[:-3], n, h * w)


@misconception(
    "merge_heads",
    "interleaved",
    "interleaves the features of the heads",
    "First come the first features of all heads, then all the second ones. The features of one "
    "head should stay together.",
)
def merge_interleaved(x):
    return x.movedim(-3, -1).flatten(-2)


@misconception(
    "merge_heads",
    "view_refused",
    "asks for a view where there can be none",
    "After an exchange of axes the numbers no longer lie in memory in the order in which they are "
    "read. view never copies, so it gives up, unless an axis has length 1.",
)
def merge_view(x):
    turned = x.transpose(-3, -2)
    return turned.view(*turned.shape[:-2], -1)


@misconception(
    "merge_heads",
    "heads_apart",
    "leaves the heads on an axis of their own",
    "Positions come before heads now, but the last two axes have not been joined.",
)
def merge_apart(x):
    return x.transpose(-3, -2)


@misconception(
    "merge_heads",
    "summed",
    "adds the heads up",
    "The result is as wide as one head, and nobody can tell any longer which head found what.",
)
def merge_summed(x):
    return x.sum(dim=-3)


@misconception(
    "merge_heads",
    "averaged",
    "averages the heads",
    "The result is as wide as one head, and nobody can tell any longer which head found what.",
)
def merge_averaged(x):
    return x.mean(dim=-3)


@misconception(
    "merge_heads",
    "one_below_the_other",
    "lays the heads one below the other",
    "The result is (..., h·n, w): a longer sequence, where wider vectors were asked for.",
)
def merge_below(x):
    return x.flatten(-3, -2)


@misconception(
    "merge_heads",
    "reversed",
    "lays the heads side by side from the last to the first",
    "Head 0 comes first.",
)
def merge_reversed(x):
    return x.flip(-3).transpose(-3, -2).flatten(-2)


@misconception(
    "merge_heads",
    "counts_from_the_front",
    "exchanges axes 1 and 2",
    "With one batch axis these are heads and positions. With none or with two they are something "
    "else: count from the end.",
)
def merge_counts_from_the_front(x):
    return x.transpose(1, 2).flatten(-2)


@misconception(
    "merge_heads",
    "flattens_to_the_end",
    "flattens everything from axis 2 on",
    "With one batch axis these are heads and features. With two, the positions go too: count from "
    "the end.",
)
def merge_flattens_to_the_end(x):
    return x.transpose(-3, -2).flatten(2)


@misconception(
    "merge_heads",
    "only_four_axes",
    "works only with exactly one batch axis",
    "There may be none, or two: only the last three axes are always there.",
)
def merge_four_axes(x):
    batch, h, n, w = x.shape
    return x.permute(0, 2, 1, 3).reshape(batch, n, h * w)


@misconception(
    "merge_heads",
    "only_three_axes",
    "works only without batch axes",
    "There may be any number of leading axes.",
)
def merge_three_axes(x):
    h, n, w = x.shape
    return x.permute(1, 0, 2).reshape(n, h * w)


@misconception(
    "merge_heads",
    "joined_along_the_first_axis",
    "takes the first axis for the heads",
    "Without a batch axis that is right. With one, the batch is laid side by side and the heads "
    "stay apart.",
)
def merge_first_axis(x):
    return torch.cat(list(x), dim=-1)


@misconception(
    "merge_heads",
    "batch_flattened",
    "joins all batch axes into one",
    "The numbers are right, but with two batch axes one of them is gone, and with none there is "
    "one too many.",
)
def merge_batch_flattened(x):
    h, n, w = x.shape[-3:]
    return x.reshape(-1, h, n, w).transpose(1, 2).flatten(2)


@misconception(
    "merge_heads",
    "detached",
    "cuts the graph",
    "The numbers are right and nothing can be learned from them: no gradient flows back.",
)
def merge_detached(x):
    return x.detach().transpose(-3, -2).flatten(-2)


@misconception(
    "merge_heads",
    "fixed_to_float32",
    "returns float32 whatever it is given",
    "A float64 input should give a float64 result.",
)
def merge_fixed_dtype(x):
    h, n, w = x.shape[-3:]
    out = torch.empty(*x.shape[:-3], n, h * w)
    for head in range(h):
        out[..., head * w : (head + 1) * w] = x[..., head, :, :]
    return out


@misconception(
    "merge_heads",
    "turns_the_input",
    "transposes the caller's tensor",
    "transpose_ with the underscore works in place: after the call the input has another shape.",
)
def merge_turns_the_input(x):
    return x.transpose_(-3, -2).flatten(-2)


# --- MultiHeadAttention -------------------------------------------------------------------------


class _Layer(nn.Module):
    """The layer in steps; each version below gets one of them wrong."""

    def __init__(self, d_model, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.W_query = nn.Linear(d_model, d_model, bias=False)
        self.W_key = nn.Linear(d_model, d_model, bias=False)
        self.W_value = nn.Linear(d_model, d_model, bias=False)
        self.W_output = nn.Linear(d_model, d_model, bias=False)

    def project(self, x, context):
        source = x if context is None else context
        return self.W_query(x), self.W_key(source), self.W_value(source)

    def split(self, x):
        return split_heads(x, self.num_heads)

    def merge(self, x):
        return merge_heads(x)

    def scores(self, query, key):
        return query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])

    def masked(self, scores, mask):
        return scores if mask is None else scores + mask.to(scores.dtype)

    def weigh(self, scores):
        empty = (scores == -INF).all(dim=-1, keepdim=True)
        return torch.softmax(scores.masked_fill(empty, 0.0), dim=-1).masked_fill(empty, 0.0)

    def forward(self, x, context=None, mask=None):
        query, key, value = (self.split(part) for part in self.project(x, context))
        weights = self.weigh(self.masked(self.scores(query, key), mask))
        return self.W_output(self.merge(weights @ value)), weights


def _at_once(x, heads):
    return x.reshape(*x.shape[:-2], heads, x.shape[-2], x.shape[-1] // heads)


def _back_at_once(x):
    return x.reshape(len(x), x.shape[2], -1)


@misconception(
    "MultiHeadAttention",
    "split_without_exchange",
    "splits the heads off by a reshape alone",
    "Shapes fit everywhere, but (B, n, d) cut straight into (B, h, n, d/h) mixes positions up: "
    "head 0 gets the first positions whole, and no head sees the whole sequence.",
)
class SplitAtOnce(_Layer):
    def split(self, x):
        return _at_once(x, self.num_heads)


@misconception(
    "MultiHeadAttention",
    "merged_without_exchange",
    "merges the heads by a reshape alone",
    "The weights are right. (B, h, n, d/h) made straight into (B, n, d) lays several positions of "
    "one head side by side, where all heads of one position belong.",
)
class MergedAtOnce(_Layer):
    def merge(self, x):
        return _back_at_once(x)


@misconception(
    "MultiHeadAttention",
    "never_exchanged",
    "splits and merges by reshapes alone",
    "Each undoes the other's shape, so nothing breaks, but in between, each head's sequence was "
    "made of torn positions.",
)
class NeverExchanged(_Layer):
    def split(self, x):
        return _at_once(x, self.num_heads)

    def merge(self, x):
        return _back_at_once(x)


@misconception(
    "MultiHeadAttention",
    "attends_among_heads",
    "lets each position attend among its own heads",
    "With (B, n, h, d/h) the matrix products run over the heads: the weights are (B, n, h, h) and "
    "no position ever looks at another.",
)
class AmongHeads(_Layer):
    def split(self, x):
        return x.reshape(*x.shape[:-1], self.num_heads, -1)

    def merge(self, x):
        return x.flatten(-2)


@misconception(
    "MultiHeadAttention",
    "interleaved",
    "deals the features out to the heads like cards",
    "Head 0 works with features 0, h, 2h and so on of queries, keys and values instead of the "
    "first d/h; merged, they come back in another order.",
)
class Interleaved(_Layer):
    def split(self, x):
        return x.reshape(*x.shape[:-1], -1, self.num_heads).movedim(-1, -3)


@misconception(
    "MultiHeadAttention",
    "interleaved_throughout",
    "deals the features out like cards and collects them the same way",
    "That is multi-head attention too, but the weights that are loaded are laid out differently: "
    "head 0 should work with the first d/h outputs of each matrix.",
)
class InterleavedThroughout(Interleaved):
    def merge(self, x):
        return x.movedim(-3, -1).flatten(-2)


@misconception(
    "MultiHeadAttention",
    "view_refused",
    "asks for a view where there can be none",
    "After the exchange of heads and positions the numbers no longer lie in memory in the order in "
    "which they are read. view never copies, so it gives up, unless an axis has length 1.",
)
class ViewRefused(_Layer):
    def merge(self, x):
        return x.transpose(1, 2).view(x.shape[0], x.shape[2], -1)


@misconception(
    "MultiHeadAttention",
    "one_head_for_all",
    "never splits: one head of full width, repeated",
    "All heads have the same weights. What makes many heads worth having is that each looks with "
    "its own part of the features.",
)
class OneHeadForAll(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = (part[:, None] for part in self.project(x, context))
        scores = self.scores(query, key).expand(-1, self.num_heads, -1, -1)
        weights = self.weigh(self.masked(scores, mask))
        mixed = torch.stack(
            [
                weights[:, c * self.num_heads // x.shape[-1]] @ value[:, 0, :, c : c + 1]
                for c in range(x.shape[-1])
            ],
            dim=-1,
        )
        return self.W_output(mixed.squeeze(-2)), weights


@misconception(
    "MultiHeadAttention",
    "weights_averaged",
    "averages the weights over the heads",
    "nn.MultiheadAttention does that by default. It hides what the heads do: (B, n_q, n_k) instead "
    "of (B, h, n_q, n_k).",
)
class WeightsAveraged(_Layer):
    def forward(self, x, context=None, mask=None):
        output, weights = super().forward(x, context, mask)
        return output, weights.mean(dim=1)


@misconception(
    "MultiHeadAttention",
    "scores_returned",
    "returns the scores where the weights belong",
    "The second part of the answer is the weights, which are the scores after softmax.",
)
class ScoresReturned(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = (self.split(part) for part in self.project(x, context))
        scores = self.masked(self.scores(query, key), mask)
        return self.W_output(self.merge(self.weigh(scores) @ value)), scores


@misconception(
    "MultiHeadAttention",
    "sqrt_d_model",
    "scales by the width of the whole model",
    "The vectors that are multiplied have width d/h; the root of that is the scale. With √d all "
    "weights come out too even, and more so with more heads.",
)
class ScaledByModel(_Layer):
    def scores(self, query, key):
        return super().scores(query, key) / math.sqrt(self.num_heads)


@misconception(
    "MultiHeadAttention",
    "no_scale",
    "does not scale the scores",
    "Without a scale the spread of the scores grows with the width of a head, and softmax goes to "
    "extremes.",
)
class Unscaled(_Layer):
    def scores(self, query, key):
        return query @ key.transpose(-2, -1)


@misconception(
    "MultiHeadAttention",
    "divides_by_width",
    "divides the scores by d/h instead of its root",
    "The spread of a dot product grows with the root of the width; the weights come out too even.",
)
class DividedByWidth(_Layer):
    def scores(self, query, key):
        return query @ key.transpose(-2, -1) / query.shape[-1]


@misconception(
    "MultiHeadAttention",
    "sqrt_num_heads",
    "scales by the number of heads",
    "A score is a sum over the features of one head; how many heads there are plays no part.",
)
class ScaledByHeads(_Layer):
    def scores(self, query, key):
        return query @ key.transpose(-2, -1) / math.sqrt(self.num_heads)


@misconception(
    "MultiHeadAttention",
    "softmax_over_heads",
    "lets the weights sum to 1 over the heads",
    "The heads compete for every pair of positions. Each head should divide its own attention "
    "among the keys.",
)
class OverHeads(_Layer):
    def weigh(self, scores):
        return super().weigh(scores.transpose(1, 3)).transpose(1, 3)


@misconception(
    "MultiHeadAttention",
    "softmax_over_queries",
    "lets the weights sum to 1 over the queries",
    "Columns sum to 1, where rows should.",
)
class OverQueries(_Layer):
    def weigh(self, scores):
        return super().weigh(scores.transpose(2, 3)).transpose(2, 3)


@misconception(
    "MultiHeadAttention",
    "overflows",
    "exponentiates the scores as they are",
    "Right for small scores. In float32 exp overflows beyond 88, and inf/inf is nan.",
)
class Overflows(_Layer):
    def weigh(self, scores):
        powers = torch.exp(scores)
        total = powers.sum(dim=-1, keepdim=True)
        empty = (scores == -INF).all(dim=-1, keepdim=True)
        return powers / total.masked_fill(empty, 1.0)


@misconception(
    "MultiHeadAttention",
    "query_matrix_for_keys",
    "makes the keys with W_query",
    "W_key is never used: every position asks exactly what it announces.",
)
class QueryMatrixForKeys(_Layer):
    def project(self, x, context):
        source = x if context is None else context
        return self.W_query(x), self.W_query(source), self.W_value(source)


@misconception(
    "MultiHeadAttention",
    "query_and_key_exchanged",
    "makes the queries with W_key and the keys with W_query",
    "All shapes fit, and the table of scores is transposed: i gives j the score that j should give "
    "i.",
)
class MatricesExchanged(_Layer):
    def project(self, x, context):
        source = x if context is None else context
        return self.W_key(x), self.W_query(source), self.W_value(source)


@misconception(
    "MultiHeadAttention",
    "keys_for_values",
    "mixes the keys instead of the values",
    "W_value is never used; the weights are right.",
)
class KeysForValues(_Layer):
    def project(self, x, context):
        query, key, _ = super().project(x, context)
        return query, key, key


@misconception(
    "MultiHeadAttention",
    "values_not_projected",
    "mixes the inputs instead of the values",
    "W_value is never used; the weights are right.",
)
class ValuesNotProjected(_Layer):
    def project(self, x, context):
        query, key, _ = super().project(x, context)
        return query, key, x if context is None else context


@misconception(
    "MultiHeadAttention",
    "matrices_from_the_wrong_side",
    "multiplies by the matrices without transposing them",
    "A linear layer keeps its matrix as (out, in) and computes x times its transpose. All four are "
    "square here, so x @ weight runs too.",
)
class WrongSide(_Layer):
    def project(self, x, context):
        source = x if context is None else context
        return x @ self.W_query.weight, source @ self.W_key.weight, source @ self.W_value.weight

    def forward(self, x, context=None, mask=None):
        query, key, value = (self.split(part) for part in self.project(x, context))
        weights = self.weigh(self.masked(self.scores(query, key), mask))
        return self.merge(weights @ value) @ self.W_output.weight, weights


@misconception(
    "MultiHeadAttention",
    "no_output_matrix",
    "leaves W_output out",
    "The heads lie side by side and nothing has mixed them.",
)
class NoOutput(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = (self.split(part) for part in self.project(x, context))
        weights = self.weigh(self.masked(self.scores(query, key), mask))
        return self.merge(weights @ value), weights


@misconception(
    "MultiHeadAttention",
    "output_head_by_head",
    "lets W_output work on each head by itself",
    "Only the blocks on its diagonal are used. Its purpose is to mix what the heads have found: "
    "every output feature may draw on all of them.",
)
class OutputHeadByHead(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = (self.split(part) for part in self.project(x, context))
        weights = self.weigh(self.masked(self.scores(query, key), mask))
        width = x.shape[-1] // self.num_heads
        found = [
            (weights @ value)[:, h] @ self.W_output.weight[own, own].T
            for h in range(self.num_heads)
            for own in [slice(h * width, (h + 1) * width)]
        ]
        return torch.cat(found, dim=-1), weights


@misconception(
    "MultiHeadAttention",
    "residual_added",
    "adds x to the result",
    "That belongs to the block around this layer, in a later lesson.",
)
class ResidualAdded(_Layer):
    def forward(self, x, context=None, mask=None):
        output, weights = super().forward(x, context, mask)
        return output + x, weights


@misconception(
    "MultiHeadAttention",
    "context_ignored",
    "never looks at the context",
    "Keys and values come from x always: that is self-attention.",
)
class ContextIgnored(_Layer):
    def project(self, x, context):
        return super().project(x, None)


@misconception(
    "MultiHeadAttention",
    "context_asks",
    "lets the context ask and x answer",
    "The result should have a row for each position of x.",
)
class ContextAsks(_Layer):
    def project(self, x, context):
        return super().project(x if context is None else context, x)


@misconception(
    "MultiHeadAttention",
    "context_asks_itself",
    "takes queries, keys and values from the context",
    "x is never read once there is a context.",
)
class ContextAlone(_Layer):
    def project(self, x, context):
        return super().project(x if context is None else context, context)


@misconception(
    "MultiHeadAttention",
    "values_from_x",
    "takes the keys from the context and the values from x",
    "What is found in the context should be fetched there.",
)
class ValuesFromX(_Layer):
    def project(self, x, context):
        query, key, _ = super().project(x, context)
        return query, key, self.W_value(x)


@misconception(
    "MultiHeadAttention",
    "keys_from_x",
    "takes the values from the context and the keys from x",
    "The queries are compared with their own sequence and fetch from the other one.",
)
class KeysFromX(_Layer):
    def project(self, x, context):
        query, _, value = super().project(x, context)
        return query, self.W_key(x), value


@misconception(
    "MultiHeadAttention",
    "context_or_x",
    "asks whether the context is true",
    "`context or x`, `if context` and `if not context` need a yes or a no, and a tensor of many "
    "numbers has none. The question is whether it is None.",
)
class ContextOrX(_Layer):
    def project(self, x, context):
        return super().project(x, context or x)


@misconception(
    "MultiHeadAttention",
    "mask_ignored",
    "never uses the mask",
    "Every query sees every key, whatever the mask says.",
)
class MaskIgnored(_Layer):
    def masked(self, scores, mask):
        return scores


@misconception(
    "MultiHeadAttention",
    "always_causal",
    "hides the future without being told to",
    "The layer is also used where every position may see the future. Where it may not, the caller "
    "passes a causal mask.",
)
class AlwaysCausal(_Layer):
    def masked(self, scores, mask):
        return super().masked(scores, mask) + torch.full(scores.shape[-2:], -INF).triu(1)


@misconception(
    "MultiHeadAttention",
    "first_head_only",
    "masks the first head only",
    "All heads after the first see everything.",
)
class FirstHeadOnly(_Layer):
    def masked(self, scores, mask):
        if mask is None:
            return scores
        later = torch.arange(self.num_heads)[:, None, None] > 0
        return super().masked(scores, torch.where(later, 0.0, mask.expand(scores.shape)))


@misconception(
    "MultiHeadAttention",
    "first_sequence_for_all",
    "uses the first sequence's mask for the whole batch",
    "Every sequence is padded as the first one is.",
)
class FirstSequence(_Layer):
    def masked(self, scores, mask):
        return super().masked(scores, mask if mask is None or mask.dim() < 4 else mask[:1])


@misconception(
    "MultiHeadAttention",
    "first_head_for_all",
    "uses the first head's mask for all heads",
    "A mask or a bias may differ from head to head.",
)
class FirstHeadForAll(_Layer):
    def masked(self, scores, mask):
        return super().masked(
            scores, mask if mask is None or mask.dim() < 3 else mask[..., :1, :, :]
        )


@misconception(
    "MultiHeadAttention",
    "mask_repeated_in_the_wrong_order",
    "repeats the masks of the sequences in the wrong order for the heads",
    "Where batch and heads are made one axis, the heads of the first sequence come first. "
    "Repeating the whole batch of masks h times gives head 1 of sequence 0 the mask of another "
    "sequence.",
)
class MaskOrder(_Layer):
    def masked(self, scores, mask):
        if mask is not None:
            mask = mask.expand(scores.shape).transpose(0, 1).reshape(scores.shape)
        return super().masked(scores, mask)


@misconception(
    "MultiHeadAttention",
    "three_axes_are_a_batch",
    "treats a mask with three axes as one mask for each sequence",
    "By the usual rules shapes are lined up from the right, and a mask (h, n_q, n_k) belongs to "
    "the heads. A mask for each sequence comes in as (B, 1, n_q, n_k).",
)
class ThreeAxes(_Layer):
    def masked(self, scores, mask):
        return super().masked(scores, mask if mask is None or mask.dim() != 3 else mask[:, None])


@variant("MultiHeadAttention", "three_axes_are_a_batch", "where there are as many sequences")
class ThreeAxesThatFit(_Layer):
    def masked(self, scores, mask):
        fits = mask is not None and mask.dim() == 3 and len(mask) == len(scores)
        return super().masked(scores, mask[:, None] if fits else mask)


@misconception(
    "MultiHeadAttention",
    "mask_turned",
    "swaps the two axes of the mask",
    "Rows ask, columns are asked. A transposed causal mask shows the future and hides the past.",
)
class MaskTurned(_Layer):
    def masked(self, scores, mask):
        turned = mask if mask is None or mask.dim() < 2 else mask.transpose(-2, -1)
        return super().masked(scores, turned)


@misconception(
    "MultiHeadAttention",
    "mask_before_scaling",
    "adds the mask before it scales",
    "0 and -inf do not mind being divided by a root; a finite bias does.",
)
class MaskBeforeScaling(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = (self.split(part) for part in self.project(x, context))
        raw = self.masked(query @ key.transpose(-2, -1), mask)
        weights = self.weigh(raw / math.sqrt(query.shape[-1]))
        return self.W_output(self.merge(weights @ value)), weights


@misconception(
    "MultiHeadAttention",
    "mask_after_softmax",
    "sets hidden weights to 0 after softmax",
    "The hidden keys have taken their part of the sum already: the rows no longer sum to 1.",
)
class MaskAfterSoftmax(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = (self.split(part) for part in self.project(x, context))
        scores = self.scores(query, key)
        if mask is None:
            weights = self.weigh(scores)
        else:
            bias = mask.to(scores.dtype).masked_fill(mask == -INF, 0.0)
            weights = torch.softmax(scores + bias, dim=-1).masked_fill(mask == -INF, 0.0)
        return self.W_output(self.merge(weights @ value)), weights


@misconception(
    "MultiHeadAttention",
    "mask_as_booleans",
    "treats the mask as a plain yes or no",
    "Only -inf has an effect; finite numbers in the mask are lost.",
)
class MaskAsBooleans(_Layer):
    def masked(self, scores, mask):
        return scores if mask is None else scores.masked_fill(mask == -INF, -INF)


@misconception(
    "MultiHeadAttention",
    "zero_scores_hidden",
    "multiplies the hidden scores by 0 and then hides every score that is 0",
    "A visible key at a right angle to the query has the score 0 too, and disappears with them.",
)
class ZeroScoresHidden(_Layer):
    def masked(self, scores, mask):
        if mask is None:
            return scores
        bias = mask.to(scores.dtype).masked_fill(mask == -INF, 0.0)
        scores = (scores + bias) * (mask != -INF)
        return scores.masked_fill(scores == 0, -INF)


@misconception(
    "MultiHeadAttention",
    "fill_-10000",
    "fills the hidden places with -10000",
    "That is lower than most scores, but not lower than all of them: beside visible scores of "
    "-30000 it wins.",
)
class FillTenThousand(_Layer):
    def forward(self, x, context=None, mask=None):
        query, key, value = (self.split(part) for part in self.project(x, context))
        scores = self.masked(self.scores(query, key), mask)
        hidden = scores == -INF
        weights = torch.softmax(scores.masked_fill(hidden, -1e4), dim=-1)
        weights = weights.masked_fill(hidden.all(dim=-1, keepdim=True), 0.0)
        return self.W_output(self.merge(weights @ value)), weights


@misconception(
    "MultiHeadAttention",
    "empty_row_nan",
    "gives nan where there is nothing to look at",
    "Softmax of a row of -inf is 0/0. One sequence that is all padding is enough.",
)
class EmptyRowNan(_Layer):
    def weigh(self, scores):
        return torch.softmax(scores, dim=-1)


@misconception(
    "MultiHeadAttention",
    "empty_row_uniform",
    "spreads the weight evenly where there is nothing to look at",
    "With a finite fill a row of hidden places is a row of equal scores, so the query gets the "
    "average of everything that it must not see.",
)
class EmptyRowUniform(_Layer):
    def weigh(self, scores):
        return torch.softmax(scores.masked_fill(scores == -INF, -1e9), dim=-1)


@misconception(
    "MultiHeadAttention",
    "nan_replaced_afterwards",
    "replaces nan by 0 after softmax",
    "The numbers look right, but the nan was there all the same, and backpropagation finds it: "
    "one empty row turns gradients into nan.",
)
class NanReplaced(_Layer):
    def weigh(self, scores):
        return torch.nan_to_num(torch.softmax(scores, dim=-1))


@misconception(
    "MultiHeadAttention",
    "detached",
    "cuts the graph",
    "The numbers are right and nothing can be learned from them: no gradient flows back.",
)
class Detached(_Layer):
    def forward(self, x, context=None, mask=None):
        with torch.no_grad():
            return super().forward(x, context, mask)


@misconception(
    "MultiHeadAttention",
    "weights_detached",
    "cuts the graph at the weights",
    "The values still learn; queries and keys, which decide who looks where, get no gradient.",
)
class WeightsDetached(_Layer):
    def weigh(self, scores):
        return super().weigh(scores).detach()


@misconception(
    "MultiHeadAttention",
    "scores_in_the_masks_dtype",
    "turns the scores into the dtype of the mask",
    "float32 weights and float64 values cannot be multiplied.",
)
class ScoresInMaskDtype(_Layer):
    def masked(self, scores, mask):
        return scores if mask is None else scores.to(mask.dtype) + mask


@misconception(
    "MultiHeadAttention",
    "float32_result",
    "returns float32 whatever it is given",
    "A float64 layer should give a float64 result.",
)
class Float32Result(_Layer):
    def forward(self, x, context=None, mask=None):
        return tuple(part.float() for part in super().forward(x, context, mask))


@misconception(
    "MultiHeadAttention",
    "writes_into_the_mask",
    "replaces -inf in the caller's mask",
    "The next call gets a mask that is no longer the one that was made for it, and a row with "
    "nothing to look at is averaged instead of left alone.",
)
class WritesMask(_Layer):
    def masked(self, scores, mask):
        return super().masked(scores, None if mask is None else mask.clamp_(min=-1e9))


@misconception(
    "MultiHeadAttention",
    "weights_first",
    "returns the weights first and the output second",
    "The pair is (output, weights).",
)
class WeightsFirst(_Layer):
    def forward(self, x, context=None, mask=None):
        return tuple(reversed(super().forward(x, context, mask)))


@misconception(
    "MultiHeadAttention",
    "output_alone",
    "returns the output alone",
    "The weights are part of the answer: (output, weights).",
)
class OutputAlone(_Layer):
    def forward(self, x, context=None, mask=None):
        return super().forward(x, context, mask)[0]


@misconception(
    "MultiHeadAttention",
    "drops_axes_of_one",
    "drops axes of length 1",
    "With one sequence, one head or one position an axis disappears from the result.",
)
class DropsAxes(_Layer):
    def forward(self, x, context=None, mask=None):
        return tuple(part.squeeze() for part in super().forward(x, context, mask))


# --- attention_cost -----------------------------------------------------------------------------


@misconception(
    "attention_cost",
    "operations_counted_twice",
    "counts a multiply-add as two operations",
    "Papers that count floating point operations do that. Here one multiplication with its "
    "addition counts once.",
)
def cost_flops(n, d_model, num_heads):
    return 4 * d_model**2, 2 * (4 * n * d_model**2 + 2 * n * n * d_model)


@misconception(
    "attention_cost",
    "no_output_matrix",
    "forgets W_output",
    "There is a fourth matrix: what the heads have found goes through one more linear map.",
)
def cost_without_output(n, d_model, num_heads):
    return 3 * d_model**2, 3 * n * d_model**2 + 2 * n * n * d_model


@misconception(
    "attention_cost",
    "with_biases",
    "counts biases",
    "The four linear layers of this course have none.",
)
def cost_with_biases(n, d_model, num_heads):
    return 4 * d_model * (d_model + 1), 4 * n * d_model**2 + 2 * n * n * d_model


@misconception(
    "attention_cost",
    "only_the_scores",
    "forgets the product of weights and values",
    "Each head forms two products: queries with keys, and then weights with values.",
)
def cost_only_scores(n, d_model, num_heads):
    return 4 * d_model**2, 4 * n * d_model**2 + n * n * d_model


@misconception(
    "attention_cost",
    "only_the_projections",
    "counts the four linear layers alone",
    "The scores and the mixing of the values are matrix products as well, and they are the part "
    "that grows with the square of the length.",
)
def cost_only_projections(n, d_model, num_heads):
    return 4 * d_model**2, 4 * n * d_model**2


@misconception(
    "attention_cost",
    "only_the_attention",
    "counts the scores and the mixing alone",
    "The four linear layers are matrix products too; in short sequences they are nearly all there "
    "is.",
)
def cost_only_attention(n, d_model, num_heads):
    return 4 * d_model**2, 2 * n * n * d_model


@misconception(
    "attention_cost",
    "heads_of_full_width",
    "lets every head work with the full width",
    "The heads share the width: each has d/h of it, and h times d/h is d again.",
)
def cost_full_width_scores(n, d_model, num_heads):
    return 4 * d_model**2, 4 * n * d_model**2 + 2 * n * n * d_model * num_heads


@misconception(
    "attention_cost",
    "matrices_for_every_head",
    "gives every head four matrices of full width",
    "The heads share the width: the matrices of all heads lie side by side in one (d, d) matrix.",
)
def cost_matrices_for_every_head(n, d_model, num_heads):
    weights = 4 * d_model**2 * num_heads
    return weights, n * weights + 2 * n * n * d_model * num_heads


@misconception(
    "attention_cost",
    "heads_from_their_own_features",
    "lets every head read only d/h features of the input",
    "A head's queries are d/h numbers wide, but each of them is made of all d features of x.",
)
def cost_heads_from_own_features(n, d_model, num_heads):
    weights = 3 * d_model**2 // num_heads + d_model**2
    return weights, n * weights + 2 * n * n * d_model


@misconception(
    "attention_cost",
    "one_head_alone",
    "counts the scores and the mixing of one head only",
    "There are h heads, and each has its own.",
)
def cost_one_head(n, d_model, num_heads):
    return 4 * d_model**2, 4 * n * d_model**2 + 2 * n * n * (d_model // num_heads)


@misconception(
    "attention_cost",
    "one_position",
    "counts the four linear layers for one position",
    "Each of the n positions goes through them.",
)
def cost_one_position(n, d_model, num_heads):
    return 4 * d_model**2, 4 * d_model**2 + 2 * n * n * d_model


@misconception(
    "attention_cost",
    "not_squared",
    "counts the scores and the mixing for one query",
    "Each of the n positions asks all n of them.",
)
def cost_not_squared(n, d_model, num_heads):
    return 4 * d_model**2, 4 * n * d_model**2 + 2 * n * d_model


@misconception(
    "attention_cost",
    "softmax_counted",
    "counts softmax and the scale too",
    "Only the matrix products are asked for.",
)
def cost_softmax(n, d_model, num_heads):
    return 4 * d_model**2, 4 * n * d_model**2 + 2 * n * n * d_model + 2 * num_heads * n * n


@misconception(
    "attention_cost",
    "exchanged",
    "returns the multiply-adds first",
    "The pair is (weights, multiply-adds).",
)
def cost_exchanged(n, d_model, num_heads):
    return 4 * n * d_model**2 + 2 * n * n * d_model, 4 * d_model**2


@misconception(
    "attention_cost",
    "floats",
    "returns floats",
    "d_model / num_heads is a float even where there is no remainder, and so is everything that is "
    "computed from it.",
)
def cost_floats(n, d_model, num_heads):
    width = d_model / num_heads
    return 4.0 * d_model**2, 4.0 * n * d_model**2 + 2 * num_heads * n * n * width


@misconception(
    "attention_cost",
    "through_floats",
    "computes with floats and makes them ints at the end",
    "A float holds 15 to 17 digits; a longer number loses its last ones.",
)
def cost_through_floats(n, d_model, num_heads):
    weights, products = cost_floats(n, d_model, num_heads)
    return int(weights), int(products)


# --- previous_token_head ------------------------------------------------------------------------


def _head(vocab_size, max_len, query, key, sharpness=None):
    """A head from its position columns, (w, T) each; the token columns are zeros."""
    if sharpness is None:
        sharpness = math.sqrt(len(query)) * (math.log(max_len) + 10.0)
    nothing = torch.zeros(len(query), vocab_size)
    return {
        "W_query": torch.cat([nothing, sharpness * query], dim=1),
        "W_key": torch.cat([nothing, key], dim=1),
        "W_value": torch.eye(vocab_size, vocab_size + max_len),
    }


def _shift(max_len, step):
    """Column t holds the unit vector of position t + step."""
    return torch.diag(torch.ones(max(max_len - abs(step), 0)), -step)[:max_len, :max_len]


@misconception(
    "previous_token_head",
    "looks_ahead",
    "looks at the next token",
    "The queries are shifted to the wrong side. (In W_query, the column of position t says what "
    "position t asks for.)",
)
def head_looks_ahead(vocab_size, max_len):
    return _head(vocab_size, max_len, _shift(max_len, 1), torch.eye(max_len))


@misconception(
    "previous_token_head",
    "looks_at_itself",
    "looks at its own token",
    "Queries and keys agree where the positions are equal; nothing shifts one against the other.",
)
def head_looks_at_itself(vocab_size, max_len):
    return _head(vocab_size, max_len, torch.eye(max_len), torch.eye(max_len))


@misconception(
    "previous_token_head",
    "too_soft",
    "looks at the right place, but not sharply enough",
    "The score of the previous position is the largest of its row, but by too little: softmax "
    "leaves more than a hundredth to the others. The gap must outweigh all other positions "
    "together.",
    sharpness=(2.0, 3.0, 5.0),
)
def head_too_soft(vocab_size, max_len, *, sharpness=1.0):
    return _head(vocab_size, max_len, _shift(max_len, -1), torch.eye(max_len), sharpness)


@variant("previous_token_head", "too_soft", "scaled, but the same for every length")
def head_too_soft_when_long(vocab_size, max_len):
    sharpness = 10.0 * math.sqrt(max_len)
    return _head(vocab_size, max_len, _shift(max_len, -1), torch.eye(max_len), sharpness)


@misconception(
    "previous_token_head",
    "scale_forgotten",
    "is sharp enough only for scores that are not divided by √w",
    "The head is used with scaled scores; the wider the queries, the more of the gap is lost.",
)
def head_scale_forgotten(vocab_size, max_len):
    sharpness = math.log(max_len) + 5.0
    return _head(vocab_size, max_len, _shift(max_len, -1), torch.eye(max_len), sharpness)


@misconception(
    "previous_token_head",
    "position_first",
    "reads the input as [position, token]",
    "The first V numbers of the input are the token's, the T numbers after them the position's.",
)
def head_position_first(vocab_size, max_len):
    good = previous_token_head(vocab_size, max_len)
    turned = {
        name: torch.cat([matrix[:, vocab_size:], matrix[:, :vocab_size]], dim=1)
        for name, matrix in good.items()
    }
    return turned


@misconception(
    "previous_token_head",
    "position_ignored",
    "never reads the position",
    "Queries or keys are the same at every position, so the head can only look for tokens. Which "
    "token is the previous one depends on positions alone.",
)
def head_position_ignored(vocab_size, max_len):
    eye = torch.eye(vocab_size, vocab_size + max_len)
    sharpness = math.sqrt(vocab_size) * (math.log(max_len) + 10.0)
    return {"W_query": sharpness * eye, "W_key": eye, "W_value": eye.clone()}


@misconception(
    "previous_token_head",
    "needs_the_mask",
    "needs the causal mask",
    "It looks for the latest position other than its own. With the future hidden that is the one "
    "before; without a mask it is the end of the sequence.",
)
def head_needs_the_mask(vocab_size, max_len):
    steps = torch.arange(max_len, dtype=torch.float32)
    later = torch.cat([steps[None], torch.eye(max_len)])
    asks = torch.cat([torch.ones(1, max_len), -2.0 * max_len * torch.eye(max_len)])
    return _head(vocab_size, max_len, asks, later)


@misconception(
    "previous_token_head",
    "transposed",
    "lays the matrices out as (in, out)",
    "nn.Linear keeps its weight as (out, in): one column for each number of the input.",
)
def head_transposed(vocab_size, max_len):
    good = previous_token_head(vocab_size, max_len)
    return {name: matrix.T.contiguous() for name, matrix in good.items()}


@misconception(
    "previous_token_head",
    "positions_as_values",
    "hands over the position instead of the token",
    "W_value reads the second part of the input; the token is in the first.",
)
def head_positions_as_values(vocab_size, max_len):
    values = torch.cat([torch.zeros(max_len, vocab_size), torch.eye(max_len)], dim=1)
    return previous_token_head(vocab_size, max_len) | {"W_value": values}


@misconception(
    "previous_token_head",
    "whole_input_as_value",
    "hands over the whole input",
    "Token and position together are V + T numbers; only the token's V are asked for.",
)
def head_whole_input(vocab_size, max_len):
    return previous_token_head(vocab_size, max_len) | {"W_value": torch.eye(vocab_size + max_len)}


@misconception(
    "previous_token_head",
    "values_scaled",
    "multiplies the values too",
    "The output points to the right token, but it should be a one-hot vector, and there is another "
    "number in place of its 1. What makes the attention sharp does not belong in the values.",
    factor=(2.0, 5.0, 20.0, 100.0),
)
def head_values_scaled(vocab_size, max_len, *, factor=10.0):
    good = previous_token_head(vocab_size, max_len)
    return good | {"W_value": factor * good["W_value"]}


@misconception(
    "previous_token_head",
    "not_a_dict",
    "returns the matrices without their names",
    "The answer is a dict with the keys W_query, W_key and W_value.",
)
def head_not_a_dict(vocab_size, max_len):
    return tuple(previous_token_head(vocab_size, max_len).values())


# --- mended_heads -------------------------------------------------------------------------------


def _bent(query, key, value, num_heads, root=None, *, torn=False, axis=-1, past=False):
    """The function with single turns of it bent."""
    q, k, v = (split_heads(x, num_heads) for x in (query, key, value))
    hidden = torch.full((q.shape[-2], k.shape[-2]), -INF)
    hidden = hidden.tril(-1) if past else hidden.triu(1)
    scores = q @ k.transpose(-2, -1) / (math.sqrt(q.shape[-1]) if root is None else root)
    weights = torch.softmax(scores + hidden, dim=axis)
    found = weights @ v
    return found.reshape(query.shape) if torn else merge_heads(found)


@misconception(
    "mended_heads",
    "as_given",
    "is unchanged",
    "Three faults are left: in the scale, in the way back from the heads, and in what happens to "
    "the caller's query.",
)
def mended_as_given(query, key, value, num_heads):
    query /= math.sqrt(query.shape[-1])
    q, k, v = (split_heads(x, num_heads) for x in (query, key, value))
    future = torch.full((q.shape[-2], k.shape[-2]), -math.inf).triu(1)
    weights = torch.softmax(q @ k.transpose(-2, -1) + future, dim=-1)
    return (weights @ v).reshape(query.shape)


@misconception(
    "mended_heads",
    "scale_left",
    "still divides by the root of the whole width",
    "A head's queries are d/h wide, and it is their width that makes scores grow.",
)
def mended_wide_scale(query, key, value, num_heads):
    return _bent(query, key, value, num_heads, math.sqrt(query.shape[-1]))


@misconception(
    "mended_heads",
    "torn_left",
    "still tears the positions apart on the way back",
    "The heads are the second axis: a reshape alone lays numbers of different positions side by "
    "side.",
)
def mended_torn(query, key, value, num_heads):
    return _bent(query, key, value, num_heads, torn=True)


@misconception(
    "mended_heads",
    "in_place_left",
    "still scales the caller's query",
    "An assignment such as /= writes into the tensor that came in; the caller needs it again.",
)
def mended_in_place(query, key, value, num_heads):
    query /= math.sqrt(query.shape[-1] // num_heads)
    return _bent(query, key, value, num_heads, 1.0)


@misconception(
    "mended_heads",
    "root_of_the_heads",
    "divides by the root of the number of heads",
    "Take the root of the width of one head's queries, d/h.",
)
def mended_by_heads(query, key, value, num_heads):
    return _bent(query, key, value, num_heads, math.sqrt(num_heads))


@misconception(
    "mended_heads",
    "no_scale",
    "no longer scales at all",
    "The division was removed together with its fault.",
)
def mended_unscaled(query, key, value, num_heads):
    return _bent(query, key, value, num_heads, 1.0)


@misconception(
    "mended_heads",
    "mask_turned",
    "hides the past and shows the future",
    "The mask was right before: the last position may see everything.",
)
def mended_past_hidden(query, key, value, num_heads):
    return _bent(query, key, value, num_heads, past=True)


@misconception(
    "mended_heads",
    "cut_from_the_graph",
    "works on detached copies",
    "The caller's query is safe now, but no gradient reaches it.",
)
def mended_detached(query, key, value, num_heads):
    return _bent(query.detach().clone(), key, value, num_heads)
