"""What goes wrong in lesson 3."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from grader.course.versions import misconception, variant
from solutions.masking import masked_attention

INF = math.inf


# --- causal_mask --------------------------------------------------------------------------------


@misconception(
    "causal_mask",
    "hides_the_past",
    "hides the past and shows the future",
    "The triangle is on the wrong side: the first row, the first token, should see only itself.",
)
def causal_hides_past(n):
    return torch.full((n, n), -INF).tril(-1)


@misconception(
    "causal_mask",
    "hides_itself",
    "hides the diagonal too",
    "No position sees itself, and the first row sees nothing at all.",
)
def causal_hides_itself(n):
    return torch.full((n, n), -INF).triu(0)


@misconception(
    "causal_mask",
    "peeks_one_ahead",
    "lets every position see its successor",
    "Row 0 sees column 1: a language model with this mask reads the answer instead of guessing it.",
)
def causal_peeks(n):
    return torch.full((n, n), -INF).triu(2)


@misconception(
    "causal_mask",
    "ones_and_zeros",
    "holds 1 where a query may look and 0 where it may not",
    "That is a picture of the mask. Added to the scores it raises some by 1 and hides nothing.",
)
def causal_ones(n):
    return torch.ones(n, n).tril()


@misconception(
    "causal_mask",
    "ones_where_hidden",
    "holds 1 where a query may not look and 0 elsewhere",
    "Added to the scores, a 1 on the future makes the future a little more attractive.",
)
def causal_ones_hidden(n):
    return torch.ones(n, n).triu(1)


@misconception(
    "causal_mask",
    "boolean",
    "returns booleans",
    "True and False make a fine mask elsewhere; here a mask holds numbers that are added to "
    "scores.",
)
def causal_boolean(n):
    return torch.ones(n, n, dtype=torch.bool).tril()


@misconception(
    "causal_mask",
    "zero_times_infinity",
    "gets nan where a query may look",
    "0 times -inf, -inf minus -inf and 0/0 are all nan, and one nan in a row of scores spoils the "
    "whole row.",
)
def causal_nan(n):
    return torch.ones(n, n).triu(1) * -INF


@misconception(
    "causal_mask",
    "finite_fill",
    "hides with a large finite number",
    "The right places, but such a number is finite. Once a padding mask is added, a row may have "
    "nothing to see; softmax then still gives out the whole weight, over what should be hidden.",
    fill=(-1e4, -1e5, -1e6, -1e8, -1e10, -1e30, torch.finfo(torch.float32).min),
)
def causal_finite(n, *, fill=-1e9):
    return torch.full((n, n), fill).triu(1)


@misconception(
    "causal_mask",
    "table_of_one_size",
    "cuts the mask out of a table of fixed size",
    "A sequence that is longer than the table gets a mask that is too small for it.",
    size=(100, 128, 256),
)
def causal_from_a_table(n, *, size=64):
    return torch.full((size, size), -INF).triu(1)[:n, :n]


@misconception(
    "causal_mask",
    "float64",
    "returns float64",
    "NumPy's numbers are float64 unless told otherwise; the course's masks are float32.",
)
def causal_float64(n):
    return torch.from_numpy(np.triu(np.full((n, n), -np.inf), k=1))


# --- padding_mask -------------------------------------------------------------------------------


def _padding(real):
    return torch.zeros(real.shape).masked_fill(~real, -INF)


@misconception(
    "padding_mask",
    "one_too_many",
    "shows one place of padding",
    "Positions count from 0: of a sequence of length 2 the positions 0 and 1 are real.",
)
def padding_one_more(lengths, n):
    return _padding(torch.arange(n) <= lengths[:, None, None])


@misconception(
    "padding_mask",
    "one_too_few",
    "hides the last real token",
    "Positions count from 0: of a sequence of length 2 the positions 0 and 1 are real.",
)
def padding_one_less(lengths, n):
    return _padding(torch.arange(n) < lengths[:, None, None] - 1)


@misconception(
    "padding_mask",
    "inverted",
    "hides the tokens and shows the padding",
    "Exactly the wrong way round: 0 is for what may be seen.",
)
def padding_inverted(lengths, n):
    return _padding(torch.arange(n) >= lengths[:, None, None])


@misconception(
    "padding_mask",
    "left_padding",
    "takes the padding to be at the front",
    "The last `length` places are shown; here the padding is at the end of a sequence.",
)
def padding_left(lengths, n):
    return _padding(torch.arange(n) >= n - lengths[:, None, None])


@misconception(
    "padding_mask",
    "no_query_axis",
    "has shape (B, n)",
    "Against scores (B, n_q, n_k) broadcasting lines (B, n) up with the queries, not with the "
    "batch: where B equals n_q it goes through and hides the wrong things.",
)
def padding_flat(lengths, n):
    return _padding(torch.arange(n) < lengths[:, None])


@misconception(
    "padding_mask",
    "hides_queries",
    "has shape (B, n, 1)",
    "The last axis of the scores is the keys'. This hides whole queries and no key.",
)
def padding_queries(lengths, n):
    return _padding(torch.arange(n)[:, None] < lengths[:, None, None])


@misconception(
    "padding_mask",
    "square",
    "has shape (B, n, n)",
    "It fits only where there are as many queries as keys. One row for each sequence is enough: "
    "broadcasting repeats it for every query.",
)
def padding_square(lengths, n):
    real = torch.arange(n) < lengths[:, None]
    return _padding(real[:, :, None] & real[:, None, :])


@misconception(
    "padding_mask",
    "own_width",
    "is as wide as the longest of the lengths",
    "The width is n, the width to which the batch was padded, even if no sequence reaches it.",
)
def padding_own_width(lengths, n):
    return _padding(torch.arange(int(lengths.max())) < lengths[:, None, None])


@misconception(
    "padding_mask",
    "first_length_for_all",
    "uses the first length for the whole batch",
    "Every sequence has its own length; all rows of this mask are alike.",
)
def padding_first(lengths, n):
    return _padding((torch.arange(n) < lengths[0]).expand(len(lengths), 1, n))


@misconception(
    "padding_mask",
    "counts_from_the_end",
    "hides the last n - length places by a negative index",
    "With nothing to hide that index is -0, which is 0: the whole sequence disappears.",
)
def padding_negative(lengths, n):
    mask = torch.zeros(len(lengths), 1, n)
    for b, length in enumerate(lengths.tolist()):
        mask[b, 0, -(n - length) :] = -INF
    return mask


@misconception(
    "padding_mask",
    "always_shows_one",
    "always shows the first token",
    "A length of 0 says that nothing is real. What to do with such a row is the business of "
    "attention, not of the mask.",
)
def padding_keeps_one(lengths, n):
    return _padding(torch.arange(n) < lengths.clamp(min=1)[:, None, None])


@misconception(
    "padding_mask",
    "ones_and_zeros",
    "holds 1 for tokens and 0 for padding",
    "Added to the scores it raises the real ones by 1 and hides nothing.",
)
def padding_ones(lengths, n):
    return (torch.arange(n) < lengths[:, None, None]).float()


@misconception(
    "padding_mask",
    "zero_times_infinity",
    "gets nan where a query may look",
    "0 times -inf, -inf minus -inf and 0/0 are all nan, and one nan in a row of scores spoils the "
    "whole row.",
)
def padding_nan(lengths, n):
    return (torch.arange(n) >= lengths[:, None, None]).float() * -INF


@misconception(
    "padding_mask",
    "finite_fill",
    "hides with a large finite number",
    "The right places, but such a number is finite: where a sequence is all padding, softmax "
    "still gives out the whole weight, over what should be hidden.",
    fill=(-1e4, -1e5, -1e6, -1e8, -1e10, -1e30, torch.finfo(torch.float32).min),
)
def padding_finite(lengths, n, *, fill=-1e9):
    return _padding(torch.arange(n) < lengths[:, None, None]).clamp(min=fill)


@misconception(
    "padding_mask",
    "changes_the_lengths",
    "cuts the caller's lengths off at n",
    "The mask is right, but the tensor of lengths that was passed in has been changed.",
)
def padding_in_place(lengths, n):
    lengths.clamp_(max=n)
    return _padding(torch.arange(n) < lengths[:, None, None])


# --- local_mask ---------------------------------------------------------------------------------


def _distance(n):
    position = torch.arange(n)
    return position[:, None] - position[None, :]


def _local(n, shown):
    return torch.zeros(n, n).masked_fill(~shown, -INF)


@misconception(
    "local_mask",
    "strict",
    "hides the neighbor exactly `window` steps away",
    "The edge belongs to the window. With window 0 this hides even the position itself.",
)
def local_strict(n, window):
    return _local(n, _distance(n).abs() < window)


@misconception(
    "local_mask",
    "one_too_many",
    "shows a neighbor window + 1 steps away",
    "One step too far: with window 0 a position should see itself alone.",
)
def local_wide(n, window):
    return _local(n, _distance(n).abs() <= window + 1)


@misconception(
    "local_mask",
    "backward_only",
    "looks back but not ahead",
    "That is a local mask with a causal one on top. This one looks to both sides.",
)
def local_backward(n, window):
    return _local(n, (_distance(n) >= 0) & (_distance(n) <= window))


@misconception(
    "local_mask",
    "no_absolute_value",
    "compares the signed distance with the window",
    "One side is limited, the other is open to the end of the sequence: the distance to the "
    "right is negative, and every negative number is below the window.",
)
def local_signed(n, window):
    return _local(n, _distance(n) <= window)


@misconception(
    "local_mask",
    "past_left_open",
    "hides only what lies ahead",
    "A triangle cuts off one side. Keys further back than the window are to be hidden as well.",
)
def local_triangle(n, window):
    return torch.full((n, n), -INF).triu(window + 1)


@variant("local_mask", "past_left_open", "and one place more")
def local_triangle_strict(n, window):
    return torch.full((n, n), -INF).triu(window)


@misconception(
    "local_mask",
    "whole_width",
    "takes the window for the width of the whole neighborhood",
    "`window` counts the steps to each side, not both sides together.",
)
def local_half(n, window):
    return _local(n, _distance(n).abs() <= window // 2)


@misconception(
    "local_mask",
    "inverted",
    "hides the neighborhood and shows the rest",
    "The wrong way round: 0 is for what may be seen.",
)
def local_inverted(n, window):
    return _local(n, _distance(n).abs() > window)


@misconception(
    "local_mask",
    "slice_without_its_end",
    "reaches one step less to the right than to the left",
    "A slice in Python leaves out its end.",
)
def local_slice_end(n, window):
    mask = torch.full((n, n), -INF)
    for i in range(n):
        mask[i, max(0, i - window) : i + window] = 0
    return mask


@misconception(
    "local_mask",
    "slice_from_below_zero",
    "starts its slices below 0 near the beginning",
    "A negative start counts from the end of the row, so the first rows come out empty.",
)
def local_slice_start(n, window):
    mask = torch.full((n, n), -INF)
    for i in range(n):
        mask[i, i - window : i + window + 1] = 0
    return mask


@misconception(
    "local_mask",
    "blocks",
    "cuts the sequence into blocks",
    "Within a block all see all, and two neighbors on opposite sides of a border never meet. The "
    "window should travel with the position.",
)
def local_blocks(n, window):
    block = torch.arange(n) // (window + 1)
    return _local(n, block[:, None] == block)


@misconception(
    "local_mask",
    "ring",
    "joins the two ends of the sequence",
    "The first position sees the last one, as on a ring; a sentence has a beginning and an end.",
)
def local_ring(n, window):
    distance = _distance(n).abs()
    return _local(n, torch.minimum(distance, n - distance) <= window)


@misconception(
    "local_mask",
    "ones_and_zeros",
    "holds 1 where a query may look and 0 where it may not",
    "Added to the scores it raises some by 1 and hides nothing.",
)
def local_ones(n, window):
    return (_distance(n).abs() <= window).float()


@misconception(
    "local_mask",
    "zero_times_infinity",
    "gets nan where a query may look",
    "0 times -inf, -inf minus -inf and 0/0 are all nan, and one nan in a row of scores spoils the "
    "whole row.",
)
def local_nan(n, window):
    return (_distance(n).abs() > window).float() * -INF


@misconception(
    "local_mask",
    "table_of_one_size",
    "cuts the mask out of a table of fixed size",
    "A sequence that is longer than the table gets a mask that is too small for it.",
    size=(100, 128, 256),
)
def local_from_a_table(n, window, *, size=64):
    return _local(size, _distance(size).abs() <= window)[:n, :n]


@misconception(
    "local_mask",
    "finite_fill",
    "hides with a large finite number",
    "The right places, but such a number is finite: a mask of this course holds 0 and -inf.",
    fill=(-1e4, -1e5, -1e6, -1e8, -1e10, -1e30, torch.finfo(torch.float32).min),
)
def local_finite(n, window, *, fill=-1e9):
    return _local(n, _distance(n).abs() <= window).clamp(min=fill)


# --- combine_masks ------------------------------------------------------------------------------


@misconception(
    "combine_masks",
    "any_instead_of_all",
    "shows what any of the masks shows",
    "Each mask forbids something, and a ban must hold whatever the other masks allow.",
)
def combine_any(*masks):
    combined = masks[0]
    for mask in masks[1:]:
        combined = torch.maximum(combined, mask)
    return combined


@misconception(
    "combine_masks",
    "multiplies",
    "multiplies the masks",
    "Right for masks of ones and zeros. Here 0 times -inf is nan, and -inf times -inf is +inf.",
)
def combine_product(*masks):
    combined = masks[0]
    for mask in masks[1:]:
        combined = combined * mask
    return combined


@misconception(
    "combine_masks",
    "only_two",
    "uses the first two masks only",
    "What a third mask hides is shown again.",
)
def combine_first_two(*masks):
    return masks[0] + masks[1] if len(masks) > 1 else masks[0]


@misconception(
    "combine_masks",
    "needs_two",
    "needs at least two masks",
    "A single mask is combined with nothing, and is the answer itself.",
)
def combine_needs_two(*masks):
    combined = masks[0] + masks[1]
    for mask in masks[2:]:
        combined = combined + mask
    return combined


@misconception(
    "combine_masks",
    "last_one_wins",
    "gives the last mask",
    "A loop that starts afresh for each mask remembers only the last.",
)
def combine_last(*masks):
    for mask in masks:
        combined = mask + 0
    return combined


@misconception(
    "combine_masks",
    "one_shape_only",
    "stacks the masks, so that they must have one shape",
    "(n, n) and (B, 1, n) do not stack; they broadcast.",
)
def combine_stack(*masks):
    return torch.stack(masks).sum(dim=0)


@misconception(
    "combine_masks",
    "shape_of_the_first",
    "keeps the shape of the first mask",
    "Filling a copy of the first mask cannot make it larger: a causal mask combined with a padding "
    "mask must grow a batch axis, whichever of them comes first.",
)
def combine_first_shape(*masks):
    combined = masks[0].clone()
    for mask in masks[1:]:
        combined += mask
    return combined


@misconception(
    "combine_masks",
    "shape_of_the_last",
    "keeps the shape of the last mask",
    "Filling a copy of the last mask cannot make it larger: a padding mask combined with a causal "
    "one must keep its batch axis, whichever of them comes last.",
)
def combine_last_shape(*masks):
    combined = masks[-1].clone()
    for mask in masks[:-1]:
        combined += mask
    return combined


@misconception(
    "combine_masks",
    "shape_of_the_largest",
    "keeps the shape of the largest mask",
    "Two masks can require more than either has: (B, 1, n) and (n, n) together are (B, n, n).",
)
def combine_largest_shape(*masks):
    combined = max(masks, key=torch.Tensor.numel).clone()
    for mask in masks:
        combined += mask
    return combined


@misconception(
    "combine_masks",
    "writes_into_the_first",
    "adds the other masks into the first one",
    "The caller's first mask is changed, and every later use of it hides more than it should.",
)
def combine_in_place(*masks):
    combined = masks[0]
    for mask in masks[1:]:
        if combined.shape == torch.broadcast_shapes(combined.shape, mask.shape):
            combined += mask
        else:
            combined = combined + mask
    return combined


@misconception(
    "combine_masks",
    "boolean",
    "returns booleans",
    "True and False make a fine mask elsewhere; here a mask holds numbers that are added to "
    "scores.",
)
def combine_boolean(*masks):
    allowed = masks[0] == 0
    for mask in masks[1:]:
        allowed = allowed & (mask == 0)
    return allowed


@misconception(
    "combine_masks",
    "finite_fill",
    "replaces -inf by a large finite number",
    "The right places, but such a number is finite: a mask of this course holds 0 and -inf.",
    fill=(-1e4, -1e5, -1e6, -1e8, -1e10, -1e30, torch.finfo(torch.float32).min),
)
def combine_finite(*masks, fill=-1e9):
    combined = masks[0]
    for mask in masks[1:]:
        combined = combined + mask
    return combined.clamp(min=fill)


# --- masked_attention ---------------------------------------------------------------------------


def _scores(query, key):
    return query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])


def _hidden(scores, mask):
    """Where the mask forbids, in the shape of the scores."""
    if mask is None:
        return torch.zeros(scores.shape, dtype=torch.bool)
    return (mask == -INF).expand(scores.shape)


def _added(scores, mask):
    return scores if mask is None else scores + mask.to(scores.dtype)


def _weights(scores):
    """Softmax over the keys, empty rows 0."""
    empty = (scores == -INF).all(dim=-1, keepdim=True)
    return torch.softmax(scores.masked_fill(empty, 0.0), dim=-1).masked_fill(empty, 0.0)


@misconception(
    "masked_attention",
    "mask_ignored",
    "never uses the mask",
    "Every query sees every key, whatever the mask says.",
)
def attention_ignores(query, key, value, mask=None):
    weights = _weights(_scores(query, key))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "mask_inverted",
    "hides what should be seen and shows what should be hidden",
    "The weights sit exactly on the places where the mask is -inf.",
)
def attention_inverted(query, key, value, mask=None):
    scores = _scores(query, key)
    if mask is not None:
        scores = scores.masked_fill(mask != -INF, -INF)
    weights = _weights(scores)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "mask_after_softmax",
    "sets hidden weights to 0 after softmax",
    "The hidden keys have taken their part of the sum already: the rows no longer sum to 1.",
)
def attention_after(query, key, value, mask=None):
    scores = _scores(query, key)
    hidden = _hidden(scores, mask)
    bias = scores if mask is None else scores + mask.masked_fill(mask == -INF, 0.0)
    weights = torch.softmax(bias, dim=-1).masked_fill(hidden, 0.0)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "renormalized_after_softmax",
    "hides after softmax and divides by the new sum",
    "On paper that is right. On a computer a hidden key with a large score leaves nothing for the "
    "others, and the new sum is 0.",
)
def attention_renormalized(query, key, value, mask=None):
    scores = _scores(query, key)
    hidden = _hidden(scores, mask)
    bias = scores if mask is None else scores + mask.masked_fill(mask == -INF, 0.0)
    weights = torch.softmax(bias, dim=-1).masked_fill(hidden, 0.0)
    total = weights.sum(dim=-1, keepdim=True)
    weights = weights / torch.where(hidden.all(dim=-1, keepdim=True), 1.0, total)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "scores_times_mask",
    "multiplies the hidden scores by 0",
    "A score of 0 is a score like any other: exp(0) is 1, and the hidden keys keep their share.",
)
def attention_times(query, key, value, mask=None):
    scores = _scores(query, key)
    weights = torch.softmax(scores * ~_hidden(scores, mask), dim=-1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "zero_scores_hidden",
    "multiplies the hidden scores by 0 and then hides every score that is 0",
    "A visible key at a right angle to the query has the score 0 too, and disappears with them.",
)
def attention_zero_hidden(query, key, value, mask=None):
    scores = _scores(query, key)
    if mask is not None:
        scores = (scores + mask.masked_fill(mask == -INF, 0.0)) * (mask != -INF)
        scores = scores.masked_fill(scores == 0, -INF)
    weights = _weights(scores)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "adds_ones",
    "adds 1 where a key may be seen and 0 where not",
    "Hidden keys are merely less attractive by 1; they are not hidden.",
)
def attention_adds_ones(query, key, value, mask=None):
    scores = _scores(query, key)
    weights = torch.softmax(scores + (~_hidden(scores, mask)).to(scores.dtype), dim=-1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "fill_1e-9",
    "fills the hidden places with 1e-9",
    "That is a number close to 0, not a very negative one; with a minus sign before it, -1e-9, it "
    "would still be close to 0.",
)
def attention_fill_tiny(query, key, value, mask=None):
    scores = _scores(query, key)
    bias = scores if mask is None else scores + mask.masked_fill(mask == -INF, 0.0)
    weights = torch.softmax(bias.masked_fill(_hidden(scores, mask), 1e-9), dim=-1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "fill_-10",
    "fills the hidden places with a number such as -10",
    "exp(-10) is small but not 0, and next to a visible score of -1000 it is everything.",
    fill=(-1.0, -5.0, -20.0, -50.0, -100.0),
)
def attention_fill_ten(query, key, value, mask=None, *, fill=-10.0):
    scores = _scores(query, key)
    bias = scores if mask is None else scores + mask.masked_fill(mask == -INF, 0.0)
    weights = torch.softmax(bias.masked_fill(_hidden(scores, mask), fill), dim=-1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "fill_-1e4",
    "fills the hidden places with a number such as -10000",
    "That is lower than most scores, but not lower than all of them: beside visible scores of "
    "-30000 it wins.",
    fill=(-1e3, -5e3, -2e4),
)
def attention_fill_1e4(query, key, value, mask=None, *, fill=-1e4):
    scores = _scores(query, key)
    bias = scores if mask is None else scores + mask.masked_fill(mask == -INF, 0.0)
    weights = torch.softmax(bias.masked_fill(_hidden(scores, mask), fill), dim=-1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "writes_into_the_query",
    "scales the caller's query in place",
    "The result is right once; called again with the same tensor, it is different.",
)
def attention_query_in_place(query, key, value, mask=None):
    query /= math.sqrt(query.shape[-1])
    weights = _weights(_added(query @ key.transpose(-2, -1), mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "writes_into_the_mask",
    "replaces -inf in the caller's mask",
    "The result is right; the caller's mask is no longer the one that was passed in.",
    fill=(-1e4, -1e6, -1e10, torch.finfo(torch.float32).min),
)
def attention_mask_in_place(query, key, value, mask=None, *, fill=-1e9):
    scores = _scores(query, key)
    hidden = _hidden(scores, mask).clone()
    if mask is not None:
        mask[mask == -INF] = fill
    weights = _weights(_added(scores, mask).masked_fill(hidden, -INF))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "detached",
    "cuts the graph",
    "The numbers are right and nothing can be learned from them: no gradient flows back.",
)
def attention_detached(query, key, value, mask=None):
    with torch.no_grad():
        weights = _weights(_added(_scores(query, key), mask))
        return weights @ value, weights


@misconception(
    "masked_attention",
    "bias_detached",
    "cuts the graph at the mask",
    "A learned bias in the mask gets no gradient.",
)
def attention_bias_detached(query, key, value, mask=None):
    mask = None if mask is None else mask.detach()
    weights = _weights(_added(_scores(query, key), mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "empty_row_nan",
    "gives nan where there is nothing to look at",
    "Softmax of a row of -inf is 0/0. One sequence that is all padding is enough.",
)
def attention_nan(query, key, value, mask=None):
    weights = torch.softmax(_added(_scores(query, key), mask), dim=-1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "empty_row_uniform",
    "spreads the weight evenly where there is nothing to look at",
    "With a finite fill a row of hidden places is a row of equal scores, so the query gets the "
    "average of everything that it must not see.",
)
def attention_uniform(query, key, value, mask=None):
    scores = _scores(query, key)
    filled = _added(scores, mask).masked_fill(_hidden(scores, mask), -1e9)
    weights = torch.softmax(filled, dim=-1)
    return weights @ value, weights


@variant("masked_attention", "empty_row_uniform", "the least number is added")
def attention_adds_the_least(query, key, value, mask=None):
    if mask is not None:
        mask = mask.clamp(min=torch.finfo(torch.float32).min)
    weights = torch.softmax(_added(_scores(query, key), mask), dim=-1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "nan_replaced_afterwards",
    "replaces nan by 0 after softmax",
    "The numbers look right, but the nan was there all the same, and backpropagation finds it: "
    "one empty row turns the gradients of that query and of all keys into nan.",
)
def attention_nan_to_num(query, key, value, mask=None):
    weights = torch.nan_to_num(torch.softmax(_added(_scores(query, key), mask), dim=-1))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "only_output_repaired",
    "replaces nan by 0 in the output but not in the weights",
    "The weights of a query with nothing to look at are still nan.",
)
def attention_output_repaired(query, key, value, mask=None):
    weights = torch.softmax(_added(_scores(query, key), mask), dim=-1)
    return torch.nan_to_num(weights @ value), weights


@misconception(
    "masked_attention",
    "empty_row_first_key",
    "gives an empty row a weight on the first key",
    "A query that sees nothing should get nothing, not a key chosen for it.",
)
def attention_first_key(query, key, value, mask=None):
    scores = _scores(query, key)
    added = _added(scores, mask)
    first = torch.arange(scores.shape[-1]) == 0
    empty = (added == -INF).all(dim=-1, keepdim=True)
    weights = torch.softmax(torch.where(empty & first, scores, added), dim=-1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "first_mask_for_all",
    "uses the first batch row's mask for the whole batch",
    "Every sequence is padded as the first one is, and every head sees what the first head sees.",
)
def attention_first_mask(query, key, value, mask=None):
    while mask is not None and mask.dim() > 2:
        mask = mask[0]
    weights = _weights(_added(_scores(query, key), mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "first_head_only",
    "masks the first head only",
    "All heads after the first see everything.",
)
def attention_first_head(query, key, value, mask=None):
    scores = _scores(query, key)
    if mask is not None and scores.dim() > 3:
        shown = torch.arange(scores.shape[-3])[:, None, None] > 0
        mask = torch.where(shown, 0.0, mask.expand(scores.shape))
    weights = _weights(_added(scores, mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "mask_transposed",
    "swaps the two axes of the mask",
    "Rows ask, columns are asked. A transposed causal mask shows the future and hides the past.",
)
def attention_mask_transposed(query, key, value, mask=None):
    if mask is not None and mask.dim() > 1:
        mask = mask.transpose(-2, -1)
    weights = _weights(_added(_scores(query, key), mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "biases_ignored",
    "treats the mask as a plain yes or no",
    "Only -inf has an effect; finite numbers in the mask are lost.",
)
def attention_boolean(query, key, value, mask=None):
    scores = _scores(query, key)
    weights = _weights(scores.masked_fill(_hidden(scores, mask), -INF))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "biases_hide",
    "hides every place where the mask is not 0",
    "A small finite bias hides its key as if it were -inf.",
)
def attention_biases_hide(query, key, value, mask=None):
    scores = _scores(query, key)
    if mask is not None:
        scores = scores.masked_fill(mask != 0, -INF)
    weights = _weights(scores)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "mask_before_scaling",
    "adds the mask before it scales",
    "0 and -inf do not mind being divided by √d_k; a finite bias does.",
)
def attention_mask_first(query, key, value, mask=None):
    scores = _added(query @ key.transpose(-2, -1), mask) / math.sqrt(query.shape[-1])
    weights = _weights(scores)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "mask_subtracted",
    "subtracts the mask",
    "Minus -inf is +inf: what should be hidden has become infinitely attractive, and softmax of "
    "+inf is nan.",
)
def attention_subtracts(query, key, value, mask=None):
    scores = _scores(query, key)
    weights = _weights(scores if mask is None else scores - mask)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "needs_a_mask",
    "works only with a mask",
    "mask=None is the default and means that everything may be seen.",
)
def attention_needs_mask(query, key, value, mask=None):
    weights = _weights(_scores(query, key) + mask)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "asks_the_mask_for_truth",
    "asks a tensor whether it is true",
    "With more than one entry there is no answer to that. Ask whether the mask is None.",
)
def attention_if_mask(query, key, value, mask=None):
    scores = _scores(query, key)
    if mask:
        scores = _added(scores, mask)
    weights = _weights(scores)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "numbers_for_booleans",
    "treats the numbers of the mask as yes and no",
    "masked_fill wants True where something is hidden; here the mask holds 0 and -inf, and biases.",
)
def attention_fills_by_numbers(query, key, value, mask=None):
    scores = _scores(query, key)
    if mask is not None:
        scores = scores.masked_fill(mask, -INF)
    weights = _weights(scores)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "axis_for_heads",
    "gives every mask an axis for heads",
    "The mask broadcasts against the scores as it is. With one more axis, a mask for batch rows "
    "meets the wrong axis of the scores, and the result can get one axis too many.",
)
def attention_unsqueezes(query, key, value, mask=None):
    mask = mask.unsqueeze(1) if mask is not None else None
    weights = _weights(_added(_scores(query, key), mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "three_axes_are_a_batch",
    "applies a mask (h, n_q, n_k) by sequence instead of by head",
    "By the usual rules shapes are lined up from the right, so a mask (h, n_q, n_k) belongs to the "
    "heads, even where there are as many heads as sequences.",
)
def attention_mask_by_sequence(query, key, value, mask=None):
    scores = _scores(query, key)
    if mask is not None and mask.dim() == 3 and scores.dim() == 4 and len(mask) == len(scores):
        mask = mask[:, None]
    weights = _weights(_added(scores, mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "float32_result",
    "computes in float32 whatever it is given",
    "A float64 query should give a float64 result, with all its digits.",
)
def attention_float32(query, key, value, mask=None):
    weights = _weights(_added(_scores(query.float(), key.float()), mask))
    return weights @ value.float(), weights


@misconception(
    "masked_attention",
    "float32_inside",
    "rounds to float32 on the way",
    "The dtype of the result is right, but only about seven of its digits are.",
)
def attention_float32_inside(query, key, value, mask=None):
    weights = _weights(_added(_scores(query, key), mask).float()).to(query.dtype)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "float32_weights",
    "turns the scores into the dtype of the mask",
    "float32 weights and float64 values cannot be multiplied.",
)
def attention_mask_dtype(query, key, value, mask=None):
    scores = _scores(query, key)
    if mask is not None:
        scores = scores.to(mask.dtype) + mask
    weights = _weights(scores)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "weights_first",
    "returns the weights first and the output second",
    "The pair is (output, weights).",
)
def attention_swapped(query, key, value, mask=None):
    weights = _weights(_added(_scores(query, key), mask))
    return weights, weights @ value


@misconception(
    "masked_attention",
    "output_alone",
    "returns the output alone",
    "The weights are part of the answer: (output, weights).",
)
def attention_output_alone(query, key, value, mask=None):
    return _weights(_added(_scores(query, key), mask)) @ value


def _scaled_by(factor, query, key, value, mask):
    weights = _weights(_added(query @ key.transpose(-2, -1) * factor, mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "no_scaling",
    "does not scale the scores",
    "Without √d_k the scores grow with the width of the queries and softmax saturates.",
)
def attention_unscaled(query, key, value, mask=None):
    return _scaled_by(1.0, query, key, value, mask)


@misconception(
    "masked_attention",
    "divides_by_d_k",
    "divides the scores by d_k instead of its root",
    "The spread of a dot product grows with √d_k, not with d_k; the weights come out too even.",
)
def attention_by_width(query, key, value, mask=None):
    return _scaled_by(1 / query.shape[-1], query, key, value, mask)


@misconception(
    "masked_attention",
    "sqrt_d_v",
    "scales by the width of the values",
    "The values have no part in the scores. Where d_k equals d_v nobody notices.",
)
def attention_by_value_width(query, key, value, mask=None):
    return _scaled_by(value.shape[-1] ** -0.5, query, key, value, mask)


@misconception(
    "masked_attention",
    "sqrt_n_keys",
    "scales by the number of keys",
    "The scale belongs to the width of queries and keys, not to how many keys there are.",
)
def attention_by_count(query, key, value, mask=None):
    return _scaled_by(key.shape[-2] ** -0.5, query, key, value, mask)


@misconception(
    "masked_attention",
    "softmax_over_queries",
    "normalizes over the queries",
    "The columns sum to 1; the rows should.",
)
def attention_over_queries(query, key, value, mask=None):
    scores = _added(_scores(query, key), mask)
    weights = _weights(scores.transpose(-2, -1)).transpose(-2, -1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "softmax_twice",
    "applies softmax twice",
    "The second softmax sees numbers between 0 and 1, evens them out, and gives the hidden ones a "
    "share again.",
)
def attention_twice(query, key, value, mask=None):
    weights = torch.softmax(_weights(_added(_scores(query, key), mask)), dim=-1)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "no_exp",
    "divides the scores by their sum without exp",
    "Scores may be negative, and so may their sum, so these shares are not weights. exp first "
    "makes every score positive.",
)
def attention_no_exp(query, key, value, mask=None):
    scores = _scores(query, key)
    shown = scores.masked_fill(_hidden(scores, mask), 0.0)
    weights = shown / shown.sum(dim=-1, keepdim=True)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "overflows",
    "exponentiates the raw scores",
    "exp(300) is inf in float32, and inf/inf is nan.",
)
def attention_overflows(query, key, value, mask=None):
    powers = torch.exp(_added(_scores(query, key), mask))
    total = powers.sum(dim=-1, keepdim=True)
    weights = powers / torch.where(total == 0, torch.ones_like(total), total)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "query_as_key",
    "compares the queries with themselves",
    "The keys are never read. Where there are as many queries as keys, nothing breaks.",
)
def attention_query_as_key(query, key, value, mask=None):
    weights = _weights(_added(_scores(query, query), mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "key_asks",
    "lets the keys ask and the queries answer",
    "The scores are transposed. Where there are as many queries as keys, nothing breaks.",
)
def attention_key_asks(query, key, value, mask=None):
    weights = _weights(_added(_scores(key, query), mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "only_three_axes",
    "works only with exactly one batch axis",
    "There may be none, or two for batch and heads: count axes from the end.",
)
def attention_three_axes(query, key, value, mask=None):
    scores = torch.bmm(query, key.transpose(1, 2)) / math.sqrt(query.shape[-1])
    weights = _weights(_added(scores, mask))
    return torch.bmm(weights, value), weights


@variant("masked_attention", "only_three_axes", "takes three sizes from the shape")
def attention_unpacks_three(query, key, value, mask=None):
    batch, n, width = query.shape
    weights = _weights(_added(_scores(query, key), mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "only_two_axes",
    "works only without batch axes",
    "There may be any number of leading axes: count axes from the end.",
)
def attention_two_axes(query, key, value, mask=None):
    scores = query @ key.permute(1, 0) / math.sqrt(query.shape[-1])
    weights = _weights(_added(scores, mask))
    return weights @ value, weights


@misconception(
    "masked_attention",
    "drops_axes_of_one",
    "drops axes of length 1",
    "With one query or one key an axis disappears from the result.",
)
def attention_squeezes(query, key, value, mask=None):
    weights = _weights(_added(_scores(query, key), mask))
    return (weights @ value).squeeze(), weights.squeeze()


# --- CrossAttention -----------------------------------------------------------------------------


class _Layer(nn.Module):
    """The layer's weights; each version below gets its own forward wrong."""

    def __init__(self, d_model, d_context, d_k, d_v):
        super().__init__()
        self.W_query = nn.Linear(d_model, d_k, bias=False)
        self.W_key = nn.Linear(d_context, d_k, bias=False)
        self.W_value = nn.Linear(d_context, d_v, bias=False)


@misconception(
    "CrossAttention",
    "asks_itself",
    "takes keys and values from x",
    "That is self-attention: the context is never read. With sequences of one width nothing "
    "breaks.",
)
class CrossAsksItself(_Layer):
    def forward(self, x, context, mask=None):
        return masked_attention(self.W_query(x), self.W_key(x), self.W_value(x), mask)


@misconception(
    "CrossAttention",
    "finite_biases_ignored",
    "reads from the mask only what it hides",
    "A mask may hold any number: it is added to the scaled scores, and -inf is only one of them.",
)
class CrossWithoutBiases(_Layer):
    def forward(self, x, context, mask=None):
        if mask is not None:
            mask = torch.zeros_like(mask).masked_fill(mask == -torch.inf, -torch.inf)
        return masked_attention(self.W_query(x), self.W_key(context), self.W_value(context), mask)


@misconception(
    "CrossAttention",
    "roles_swapped",
    "lets the context ask and x answer",
    "There should be one row for each position of x; here there is one for each of the context.",
)
class CrossSwapped(_Layer):
    def forward(self, x, context, mask=None):
        return masked_attention(self.W_query(context), self.W_key(x), self.W_value(x), mask)


@misconception(
    "CrossAttention",
    "values_from_x",
    "takes the values from x",
    "What is found in the context should also be fetched from there.",
)
class CrossValuesFromX(_Layer):
    def forward(self, x, context, mask=None):
        return masked_attention(self.W_query(x), self.W_key(context), self.W_value(x), mask)


@misconception(
    "CrossAttention",
    "keys_from_x",
    "takes the keys from x",
    "The queries are compared with their own sequence and fetch from the other one.",
)
class CrossKeysFromX(_Layer):
    def forward(self, x, context, mask=None):
        return masked_attention(self.W_query(x), self.W_key(x), self.W_value(context), mask)


@misconception(
    "CrossAttention",
    "context_asks_itself",
    "takes the queries from the context too",
    "x is never read.",
)
class CrossContextAlone(_Layer):
    def forward(self, x, context, mask=None):
        return masked_attention(
            self.W_query(context), self.W_key(context), self.W_value(context), mask
        )


@misconception(
    "CrossAttention",
    "mask_ignored",
    "never uses the mask",
    "Padding in the context is read as if it were text.",
)
class CrossIgnoresMask(_Layer):
    def forward(self, x, context, mask=None):
        return masked_attention(self.W_query(x), self.W_key(context), self.W_value(context))


@misconception(
    "CrossAttention",
    "mask_transposed",
    "swaps the two axes of the mask",
    "Rows of the mask belong to x, columns to the context.",
)
class CrossMaskTransposed(_Layer):
    def forward(self, x, context, mask=None):
        mask = None if mask is None else mask.transpose(-2, -1)
        return masked_attention(self.W_query(x), self.W_key(context), self.W_value(context), mask)


@misconception(
    "CrossAttention",
    "first_mask_for_all",
    "uses the first batch row's mask for the whole batch",
    "Every sequence is padded as the first one is.",
)
class CrossFirstMask(_Layer):
    def forward(self, x, context, mask=None):
        while mask is not None and mask.dim() > 2:
            mask = mask[0]
        return masked_attention(self.W_query(x), self.W_key(context), self.W_value(context), mask)


@misconception(
    "CrossAttention",
    "keys_as_values",
    "puts the keys where the values belong",
    "The output is a mixture of keys; W_value is never used.",
)
class CrossKeysAsValues(_Layer):
    def forward(self, x, context, mask=None):
        return masked_attention(self.W_query(x), self.W_key(context), self.W_key(context), mask)


@misconception(
    "CrossAttention",
    "matrices_swapped",
    "uses W_key for the values and W_value for the keys",
    "Both fit the context, so nothing breaks where d_k equals d_v.",
)
class CrossMatricesSwapped(_Layer):
    def forward(self, x, context, mask=None):
        return masked_attention(self.W_query(x), self.W_value(context), self.W_key(context), mask)


@misconception(
    "CrossAttention",
    "values_not_projected",
    "mixes the context itself instead of its values",
    "W_value is never used; the output has the width of the context.",
)
class CrossRawValues(_Layer):
    def forward(self, x, context, mask=None):
        return masked_attention(self.W_query(x), self.W_key(context), context, mask)


@misconception(
    "CrossAttention",
    "no_scaling",
    "does not scale the scores",
    "The scores must be divided by √d_k here, as everywhere.",
)
class CrossUnscaled(_Layer):
    def forward(self, x, context, mask=None):
        query, key, value = self.W_query(x), self.W_key(context), self.W_value(context)
        return masked_attention(query * math.sqrt(query.shape[-1]), key, value, mask)


@misconception(
    "CrossAttention",
    "sqrt_d_model",
    "scales by the width of x",
    "The scale is that of the vectors that are multiplied: queries and keys, of width d_k.",
)
class CrossModelScale(_Layer):
    def forward(self, x, context, mask=None):
        query, key, value = self.W_query(x), self.W_key(context), self.W_value(context)
        factor = math.sqrt(query.shape[-1] / x.shape[-1])
        return masked_attention(query * factor, key, value, mask)


@misconception(
    "CrossAttention",
    "softmax_over_queries",
    "normalizes over the queries",
    "The columns sum to 1; the rows should.",
)
class CrossOverQueries(_Layer):
    def forward(self, x, context, mask=None):
        scores = _added(_scores(self.W_query(x), self.W_key(context)), mask)
        weights = _weights(scores.transpose(-2, -1)).transpose(-2, -1)
        return weights @ self.W_value(context), weights


@misconception(
    "CrossAttention",
    "empty_row_nan",
    "gives nan where there is nothing to look at",
    "Softmax of a row of -inf is 0/0. One context that is all padding is enough.",
)
class CrossNan(_Layer):
    def forward(self, x, context, mask=None):
        scores = _added(_scores(self.W_query(x), self.W_key(context)), mask)
        weights = torch.softmax(scores, dim=-1)
        return weights @ self.W_value(context), weights


@misconception(
    "CrossAttention",
    "writes_into_the_mask",
    "replaces -inf in the caller's mask",
    "The next call gets a mask that is no longer the one that was made for it, and a context that "
    "is all padding is averaged instead of left alone.",
)
class CrossWritesMask(_Layer):
    def forward(self, x, context, mask=None):
        if mask is not None:
            mask.clamp_(min=-1e9)
        return masked_attention(self.W_query(x), self.W_key(context), self.W_value(context), mask)


@misconception(
    "CrossAttention",
    "context_detached",
    "cuts the graph at the context",
    "The sequence that answers never learns to answer better: its gradient is missing.",
)
class CrossDetached(_Layer):
    def forward(self, x, context, mask=None):
        context = context.detach()
        return masked_attention(self.W_query(x), self.W_key(context), self.W_value(context), mask)


@misconception(
    "CrossAttention",
    "weights_first",
    "returns the weights first and the output second",
    "The pair is (output, weights).",
)
class CrossWeightsFirst(_Layer):
    def forward(self, x, context, mask=None):
        output, weights = masked_attention(
            self.W_query(x), self.W_key(context), self.W_value(context), mask
        )
        return weights, output


@misconception(
    "CrossAttention",
    "output_alone",
    "returns the output alone",
    "The weights are part of the answer: (output, weights).",
)
class CrossOutputAlone(_Layer):
    def forward(self, x, context, mask=None):
        query, key, value = self.W_query(x), self.W_key(context), self.W_value(context)
        return masked_attention(query, key, value, mask)[0]


# --- examine_attention --------------------------------------------------------------------------


def _example(seed=5):
    generator = torch.Generator().manual_seed(seed)
    query, key = (torch.randn(2, n, 4, generator=generator) for n in (3, 5))
    value = torch.randn(2, 5, 2, generator=generator)
    causal = torch.full((3, 5), -INF).triu(1)
    return query, key, value, causal


def _library(query, key, value, mask=None):
    """PyTorch's own, its empty rows put right; the weights are what it does to unit vectors."""
    eye = torch.eye(key.shape[-2]).expand(*key.shape[:-1], key.shape[-2])
    attention = nn.functional.scaled_dot_product_attention
    weights = attention(query, key, eye, attn_mask=mask).nan_to_num()
    return weights @ value, weights


@misconception(
    "examine_attention",
    "asserts_nothing",
    "looks, and objects to nothing",
    "It calls the candidate and accepts whatever comes out: a test that cannot fail.",
)
def examine_nothing(candidate):
    output, weights = candidate(*_example())
    assert output is not None and weights is not None


@misconception(
    "examine_attention",
    "returns_the_verdict",
    "returns True or False",
    "A test speaks by raising: nobody reads what it returns.",
)
def examine_returns(candidate):
    query, key, value, mask = _example()
    mask[0, 1:] = torch.tensor([0.5, -1.0, 2.0, 0.0])
    expected = _library(query, key, value, mask)
    found = candidate(query, key, value, mask)
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True))


@misconception(
    "examine_attention",
    "demands_every_digit",
    "demands equality to the last digit",
    "Another order of operations rounds differently: right candidates fail it, too.",
)
def examine_exactly(candidate):
    for seed in range(5):
        query, key, value, mask = _example(seed)
        output, weights = candidate(query, key, value, mask)
        scores = (query.double() @ key.double().transpose(-2, -1) / 2 + mask).float()
        powers = scores.exp()
        expected = powers * (1 / powers.sum(-1, keepdim=True))
        assert torch.equal(weights, expected)
        assert torch.equal(output, (expected.double() @ value.double()).float())


@misconception(
    "examine_attention",
    "without_a_mask",
    "tries it without a mask only",
    "It compares the numbers well, but never hands over a mask, and the mask is what is new.",
)
def examine_unmasked(candidate):
    query, key, value, _ = _example()
    found, expected = candidate(query, key, value), _library(query, key, value)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)


@misconception(
    "examine_attention",
    "sums_and_zeros",
    "looks at sums and zeros only",
    "Rows that sum to 1 and hidden places that are 0 do not make the other numbers right.",
)
def examine_sums(candidate):
    query, key, value, mask = _example()
    _, weights = candidate(query, key, value, mask)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 3), atol=1e-5)
    assert weights[:, torch.isneginf(mask)].abs().max() < 1e-6


@misconception(
    "examine_attention",
    "one_gentle_example",
    "tries one easy example",
    "Random scores and one causal mask: no empty row, no score of 0, none that is large, no bias.",
)
def examine_gently(candidate):
    query, key, value, mask = _example()
    found, expected = candidate(query, key, value, mask), _library(query, key, value, mask)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-4)


@misconception(
    "examine_attention",
    "empty_rows_sum_to_one",
    "wants every row to sum to 1",
    "A query that may look at nothing has weights 0 by contract; this test rejects that.",
)
def examine_all_rows_sum(candidate):
    query, key, value, mask = _example()
    mask[1] = -INF
    _, weights = candidate(query, key, value, mask)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 3), atol=1e-5)


# --- the same mistakes, as they are often written ------------------------------------------------


@variant("causal_mask", "hides_the_past", "and itself")
def causal_hides_past_and_itself(n):
    return torch.zeros(n, n).masked_fill(torch.ones(n, n).tril() > 0, -INF)


@variant("padding_mask", "square", "with a row for every query")
def padding_rows(lengths, n):
    real = torch.arange(n) < lengths[:, None]
    return _padding(real[:, None, :].expand(-1, n, -1))


@variant("combine_masks", "writes_into_the_first", "with every shape")
def combine_adds_into_the_first(*masks):
    combined = masks[0]
    for mask in masks[1:]:
        combined += mask
    return combined


@variant("masked_attention", "mask_after_softmax", "only where the mask is 0")
def attention_after_where_zero(query, key, value, mask=None):
    weights = torch.softmax(_scores(query, key), dim=-1)
    if mask is not None:
        weights = weights * (mask == 0)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "multiplies_by_the_mask",
    "multiplies the scores by the mask",
    "An additive mask is 0 where a query may look: times 0, every score that counts is gone. Add "
    "the mask instead.",
    replaces_nan=(True,),
)
def attention_multiplies(query, key, value, mask=None, *, replaces_nan=False):
    scores = _scores(query, key)
    weights = torch.softmax(scores if mask is None else scores * mask, dim=-1)
    if replaces_nan:
        weights = weights.nan_to_num(0.0)
    return weights @ value, weights


@misconception(
    "masked_attention",
    "softmax_along_axis_one",
    "counts the axis of softmax from the front",
    "dim=1 is the keys' axis only without batch axes. The keys are always last: dim=-1.",
)
def attention_axis_one(query, key, value, mask=None):
    scores = _added(_scores(query, key), mask)
    empty = (scores == -INF).all(dim=-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(empty, 0.0), dim=1).masked_fill(empty, 0.0)
    return weights @ value, weights
