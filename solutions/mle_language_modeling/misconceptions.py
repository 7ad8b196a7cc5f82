"""What goes wrong in lesson 7."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from grader.course.versions import misconception, variant
from solutions.mle_language_modeling import (
    bigram_mle,
    embed,
    entropy_rate,
    fit_bigram,
    negative_log_likelihood,
    one_hot,
    perplexity,
    sequence_log_prob,
)

# --- one_hot ------------------------------------------------------------------------------------


@misconception(
    "one_hot",
    "width_of_what_is_there",
    "makes the rows only as wide as these tokens need",
    "The width is the largest token plus one. A text that happens not to use the last tokens of "
    "the vocabulary gets shorter vectors, and no weight matrix fits them.",
)
def one_hot_seen_only(tokens, vocab_size):
    return one_hot(tokens, int(tokens.max()) + 1)


@misconception(
    "one_hot",
    "vocabulary_first",
    "puts the vocabulary on the first axis",
    "The result is (V, ...): its columns are one-hot, but its rows should be.",
)
def one_hot_first_axis(tokens, vocab_size):
    return one_hot(tokens, vocab_size).movedim(-1, 0)


@misconception(
    "one_hot",
    "counts_from_one",
    "puts the 1 one place too far to the left",
    "Tokens count from 0, so token 0 has its 1 in column 0.",
)
def one_hot_from_one(tokens, vocab_size):
    return one_hot((tokens - 1) % vocab_size, vocab_size)


@misconception(
    "one_hot",
    "bag_of_words",
    "adds the rows up",
    "There is one vector for the whole sequence, with a count for each token: a bag of words. "
    "Nobody can tell which token was where.",
)
def one_hot_bag(tokens, vocab_size):
    rows = one_hot(tokens, vocab_size)
    return rows.sum(dim=-2) if rows.dim() > 1 else rows


@misconception(
    "one_hot",
    "axes_flattened",
    "flattens all axes into one",
    "The rows are right, but they form one long list: the shape of the tokens is lost.",
)
def one_hot_flat(tokens, vocab_size):
    return one_hot(tokens, vocab_size).reshape(-1, vocab_size)


@misconception(
    "one_hot",
    "only_one_axis",
    "works only for a plain list of tokens",
    "There may be a batch axis, or several, or none.",
)
def one_hot_one_axis(tokens, vocab_size):
    out = torch.zeros(tokens.shape[0], vocab_size)
    out[torch.arange(tokens.shape[0]), tokens] = 1.0
    return out


@misconception(
    "one_hot",
    "whole_numbers",
    "returns whole numbers",
    "The entries are right, but PyTorch refuses to multiply a matrix of integers by floating "
    "point weights.",
)
def one_hot_integers(tokens, vocab_size):
    return F.one_hot(tokens, vocab_size)


@misconception(
    "one_hot",
    "true_and_false",
    "returns True and False",
    "A comparison gives booleans; the exercise asks for numbers.",
)
def one_hot_booleans(tokens, vocab_size):
    return tokens.unsqueeze(-1) == torch.arange(vocab_size)


@misconception(
    "one_hot",
    "writes_the_id",
    "writes the token's number in place of a 1",
    "A token's number says which place is hot. It is a name, not a quantity: token 4 is not twice "
    "token 2.",
)
def one_hot_ids(tokens, vocab_size):
    return one_hot(tokens, vocab_size) * tokens.unsqueeze(-1)


@misconception(
    "one_hot",
    "one_cold",
    "has ones everywhere except at the token",
    "That is 1 minus the right answer.",
)
def one_hot_cold(tokens, vocab_size):
    return 1.0 - one_hot(tokens, vocab_size)


@misconception(
    "one_hot",
    "up_to_the_token",
    "has ones at all places up to the token",
    "That is a thermometer code: it says that tokens have an order, and that some are nearer than "
    "others. One-hot vectors are all equally far from each other.",
)
def one_hot_thermometer(tokens, vocab_size):
    return (tokens.unsqueeze(-1) >= torch.arange(vocab_size)).float()


@misconception(
    "one_hot",
    "turns_the_input",
    "changes the caller's tokens",
    "A method whose name ends in _ works in place: after the call the caller's tokens have a "
    "different shape.",
)
def one_hot_in_place(tokens, vocab_size):
    return (tokens.unsqueeze_(-1) == torch.arange(vocab_size)).float()


# --- embed --------------------------------------------------------------------------------------


@misconception(
    "embed",
    "builds_the_table",
    "builds the one-hot vectors and multiplies",
    "The numbers are right. But the table has V numbers for every token, all but one of them 0: "
    "with a large vocabulary it does not fit into memory.",
)
def embed_by_product(tokens, weight):
    return F.one_hot(tokens, len(weight)).to(weight.dtype) @ weight


@misconception(
    "embed",
    "takes_columns",
    "takes columns in place of rows",
    "The weight is (V, d): a token is the number of a row. Where V and d are equal, nothing "
    "complains.",
)
def embed_columns(tokens, weight):
    return weight.mT[tokens]


@misconception(
    "embed",
    "first_rows",
    "takes the first rows, whatever the tokens are",
    "The first position gets row 0, the second row 1: that is an embedding of positions, not of "
    "tokens.",
)
def embed_positions(tokens, weight):
    places = torch.arange(tokens.numel()).reshape(tokens.shape) % len(weight)
    return weight[places]


@misconception(
    "embed",
    "counts_from_one",
    "takes the row before",
    "Tokens count from 0, and so do rows: no offset is needed.",
)
def embed_from_one(tokens, weight):
    return weight[tokens - 1]


@misconception(
    "embed",
    "cut_from_the_weight",
    "looks the rows up in a copy",
    "The numbers are right, but no gradient comes back to the weight: a layer made from it, or a "
    "detached copy of it, learns on its own, if at all.",
)
def embed_detached(tokens, weight):
    return torch.nn.Embedding.from_pretrained(weight)(tokens)


@misconception(
    "embed",
    "token_zero_never_learns",
    "gives token 0 no gradient",
    "Token 0 is taken for padding, whose vector never changes. Here it is a token like any other.",
)
def embed_padding(tokens, weight):
    return F.embedding(tokens, weight, padding_idx=0)


@misconception(
    "embed",
    "rarer_learns_faster",
    "divides gradients by how often a token occurs",
    "The values are right. But a row that is used three times should get the sum of three "
    "gradients, not their mean.",
)
def embed_by_frequency(tokens, weight):
    return F.embedding(tokens, weight, scale_grad_by_freq=True)


@misconception(
    "embed",
    "long_vectors_shortened",
    "shortens long vectors",
    "Rows longer than max_norm are scaled down to that length, even in the caller's own weight.",
    longest=(0.1, 0.5, 2.0),
)
def embed_max_norm(tokens, weight, *, longest=1.0):
    return F.embedding(tokens, weight.detach(), max_norm=longest)


@misconception(
    "embed",
    "scaled_by_the_root",
    "multiplies by the root of the width",
    "Some transformers do that after the lookup (Vaswani et al. 2017, section 3.4). A product with "
    "one-hot vectors does not.",
)
def embed_scaled(tokens, weight):
    return weight[tokens] * math.sqrt(weight.shape[-1])


@misconception(
    "embed",
    "one_vector_for_all",
    "averages over the sequence",
    "The vectors of a sequence are averaged into one; each token should keep its own.",
)
def embed_bag(tokens, weight):
    rows = weight[tokens]
    return rows.mean(dim=-2) if rows.dim() > 1 else rows


@misconception(
    "embed",
    "axes_flattened",
    "flattens all axes into one",
    "The vectors are right, but they form one long list: the shape of the tokens is lost.",
)
def embed_flat(tokens, weight):
    return weight[tokens.reshape(-1)]


@misconception(
    "embed",
    "only_one_axis",
    "works only for a plain list of tokens",
    "There may be a batch axis, or several, or none.",
)
def embed_one_axis(tokens, weight):
    return torch.cat([weight[int(token)].unsqueeze(0) for token in tokens])


@misconception(
    "embed",
    "fixed_to_float32",
    "returns float32 whatever the weight is",
    "A float64 weight should give a float64 result.",
)
def embed_fixed_dtype(tokens, weight):
    return weight.float()[tokens]


# --- sequence_log_prob --------------------------------------------------------------------------


@misconception(
    "sequence_log_prob",
    "product_first",
    "multiplies first, then takes the logarithm",
    "On paper that is the same. In floating point the product of many probabilities is 0 (it "
    "underflows), and the logarithm of 0 is -inf.",
)
def log_prob_of_product(conditionals):
    return conditionals.prod(dim=-1).log()


@misconception(
    "sequence_log_prob",
    "probability_itself",
    "returns the probability, not its logarithm",
    "For a long sequence that number is 0, whatever the sequence is.",
)
def log_prob_product(conditionals):
    return conditionals.prod(dim=-1)


@misconception(
    "sequence_log_prob",
    "product_of_logs",
    "multiplies the logarithms",
    "The logarithm turns a product into a sum: the logarithms have to be added.",
)
def log_prob_times(conditionals):
    return conditionals.log().prod(dim=-1)


@misconception(
    "sequence_log_prob",
    "mean_of_logs",
    "averages the logarithms",
    "That is the log-probability per token. A longer sequence is less probable; its mean need not "
    "be smaller.",
)
def log_prob_mean(conditionals):
    return conditionals.log().mean(dim=-1)


@misconception(
    "sequence_log_prob",
    "sign_turned",
    "returns the negative",
    "A probability is at most 1, so its logarithm is at most 0. The negative of the logarithm is "
    "the loss.",
)
def log_prob_negative(conditionals):
    return -sequence_log_prob(conditionals)


@misconception(
    "sequence_log_prob",
    "bits",
    "uses logarithms to base 2",
    "The result is in bits; the exercise asks for nats (natural logarithms).",
)
def log_prob_bits(conditionals):
    return conditionals.log2().sum(dim=-1)


@misconception(
    "sequence_log_prob",
    "base_ten",
    "uses logarithms to base 10",
    "The result is in decimal digits (logarithms to base 10); the exercise asks for nats "
    "(natural logarithms).",
)
def log_prob_base_ten(conditionals):
    return conditionals.log10().sum(dim=-1)


@misconception(
    "sequence_log_prob",
    "log_of_the_sum",
    "adds up the probabilities, then takes the logarithm",
    "The probabilities of steps that all happen are multiplied; those of alternatives are added.",
)
def log_prob_of_sum(conditionals):
    return conditionals.sum(dim=-1).log()


@misconception(
    "sequence_log_prob",
    "whole_batch",
    "adds everything up, even over the batch",
    "Every sequence should have its own number.",
)
def log_prob_everything(conditionals):
    return conditionals.log().sum()


@misconception(
    "sequence_log_prob",
    "first_axis",
    "adds along the first axis",
    "With one sequence that makes no difference. With a batch, the sequences are added to each "
    "other.",
)
def log_prob_first_axis(conditionals):
    return conditionals.log().sum(dim=0)


@misconception(
    "sequence_log_prob",
    "running_sum",
    "returns a running sum",
    "The result has an entry for every step; the last of them is the answer.",
)
def log_prob_running(conditionals):
    return conditionals.log().cumsum(dim=-1)


@misconception(
    "sequence_log_prob",
    "first_step_skipped",
    "leaves out the first step",
    "There is no token before the first one, but the first one has a probability, and the chain "
    "rule counts it.",
)
def log_prob_without_first(conditionals):
    return conditionals[..., 1:].log().sum(dim=-1)


@misconception(
    "sequence_log_prob",
    "last_step_skipped",
    "leaves out the last step",
    "The chain rule has a factor for every token, the last one included.",
)
def log_prob_without_last(conditionals):
    return conditionals[..., :-1].log().sum(dim=-1)


@misconception(
    "sequence_log_prob",
    "small_number_added",
    "adds a small number to every probability",
    "A step that cannot happen gets a probability after all, and rare steps a wrong one.",
    constant=(1e-12, 1e-10, 1e-9, 1e-7, 1e-6),
)
def log_prob_eps(conditionals, *, constant=1e-8):
    return (conditionals + constant).log().sum(dim=-1)


@misconception(
    "sequence_log_prob",
    "cut_off_below",
    "replaces small probabilities by a larger one",
    "Everything below the cut-off counts as equally probable, even an impossible step.",
    least=(1e-12, 1e-10, 1e-9, 1e-7, 1e-6),
)
def log_prob_clamped(conditionals, *, least=1e-8):
    return conditionals.clamp(min=least).log().sum(dim=-1)


@misconception(
    "sequence_log_prob",
    "made_to_sum_to_one",
    "treats the steps as one distribution",
    "The probabilities of a sequence's steps belong to different distributions, one for each "
    "step. They need not sum to 1, and must not be made to.",
)
def log_prob_normalized(conditionals):
    return (conditionals / conditionals.sum(dim=-1, keepdim=True)).log().sum(dim=-1)


@misconception(
    "sequence_log_prob",
    "axis_kept",
    "keeps an axis of length 1",
    "The steps are summed up; their axis should be gone.",
)
def log_prob_keepdim(conditionals):
    return conditionals.log().sum(dim=-1, keepdim=True)


@misconception(
    "sequence_log_prob",
    "detached",
    "cuts the graph",
    "The numbers are right, but nothing can be learned from them: no gradient flows back.",
)
def log_prob_detached(conditionals):
    return conditionals.detach().log().sum(dim=-1)


@misconception(
    "sequence_log_prob",
    "fixed_to_float32",
    "returns float32 whatever it is given",
    "A float64 input should give a float64 result.",
)
def log_prob_fixed_dtype(conditionals):
    return conditionals.float().log().sum(dim=-1)


@misconception(
    "sequence_log_prob",
    "writes_into_the_input",
    "writes logarithms into the caller's tensor",
    "log_, with the underscore, works in place: afterwards the caller no longer has the "
    "probabilities.",
)
def log_prob_in_place(conditionals):
    if conditionals.requires_grad:
        return conditionals.log().sum(dim=-1)
    return conditionals.log_().sum(dim=-1)


# --- bigram_mle ---------------------------------------------------------------------------------


def _pairs(tokens, vocab_size, smoothing=0.0):
    """The counts, smoothed, in float32."""
    counts = torch.zeros(vocab_size, vocab_size)
    for now, then in zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True):
        counts[now, then] += 1
    return counts + smoothing


def _rows(counts):
    """Each row over its sum; a row without counts is uniform."""
    totals = counts.sum(dim=-1, keepdim=True)
    return torch.where(totals > 0, counts / totals, 1 / counts.shape[-1])


@misconception(
    "bigram_mle",
    "successor_as_the_row",
    "uses the successor as the row",
    "Row i should hold what comes after i. Here it holds what comes before i.",
)
def bigram_transposed(tokens, vocab_size, smoothing=0.0):
    return _rows(_pairs(tokens, vocab_size, smoothing).mT)


@misconception(
    "bigram_mle",
    "columns_sum_to_one",
    "divides each column by its sum",
    "That answers another question: given this token, which one came before? Each row should sum "
    "to 1.",
)
def bigram_columns(tokens, vocab_size, smoothing=0.0):
    return _rows(_pairs(tokens, vocab_size, smoothing).mT).mT


@misconception(
    "bigram_mle",
    "axis_not_kept",
    "sums each row without keeping the axis",
    "The vector of sums lines up with the columns: every count is divided by the sum of another "
    "row.",
)
def bigram_axis_not_kept(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size, smoothing)
    totals = counts.sum(dim=-1)
    return torch.where(totals > 0, counts / totals, 1 / vocab_size)


@variant("bigram_mle", "axis_not_kept", "and uniform rows by the right sum")
def bigram_axis_not_kept_in_the_quotient(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size, smoothing)
    totals = counts.sum(dim=-1)
    return torch.where(totals[:, None] > 0, counts / totals, 1 / vocab_size)


@misconception(
    "bigram_mle",
    "share_of_all_pairs",
    "divides by the number of all pairs",
    "That is the joint probability of a pair. The conditional one divides each row by its own sum.",
)
def bigram_joint(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size, smoothing)
    total = counts.sum()
    return counts / total if total > 0 else torch.full_like(counts, 1 / vocab_size**2)


@misconception(
    "bigram_mle",
    "counts_themselves",
    "returns the counts",
    "Each row should be divided by its sum.",
)
def bigram_counts(tokens, vocab_size, smoothing=0.0):
    return _pairs(tokens, vocab_size, smoothing)


@misconception(
    "bigram_mle",
    "softmax_of_counts",
    "takes the softmax of the counts",
    "The rows sum to 1, but a pair that is seen twice as often does not get twice the "
    "probability, and a pair that was never seen gets some.",
)
def bigram_softmax(tokens, vocab_size, smoothing=0.0):
    return _pairs(tokens, vocab_size, smoothing).softmax(dim=-1)


@misconception(
    "bigram_mle",
    "pairs_counted_once",
    "counts every pair once, however often it comes",
    "Writing to a table through an index with repeated places leaves only one write for each "
    "place. The counts must be accumulated.",
)
def bigram_once(tokens, vocab_size, smoothing=0.0):
    counts = torch.zeros(vocab_size, vocab_size)
    counts[tokens[:-1], tokens[1:]] += 1
    return _rows(counts + smoothing)


@misconception(
    "bigram_mle",
    "nan_where_nothing_was_seen",
    "divides 0 by 0",
    "The row of a token without a successor is nan. It should be uniform.",
)
def bigram_nan(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size, smoothing)
    return counts / counts.sum(dim=-1, keepdim=True)


@misconception(
    "bigram_mle",
    "zero_where_nothing_was_seen",
    "has rows of zeros",
    "The row of a token without a successor sums to 0, so it is not a distribution. It should be "
    "uniform.",
)
def bigram_zero(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size, smoothing)
    return counts / counts.sum(dim=-1, keepdim=True).clamp(min=1e-9)


@misconception(
    "bigram_mle",
    "frequencies_where_nothing_was_seen",
    "falls back on how frequent tokens are",
    "That is a sensible idea, known as backing off, but here a row without counts should be "
    "uniform.",
)
def bigram_backoff(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size, smoothing)
    totals = counts.sum(dim=-1, keepdim=True)
    return torch.where(
        totals > 0, counts / totals, tokens.bincount(minlength=vocab_size) / len(tokens)
    )


@misconception(
    "bigram_mle",
    "divided_by_occurrences",
    "divides by how often the token occurs",
    "The last token of the text has no successor, so its row sums to less than 1. Divide by the "
    "number of pairs that begin with the token.",
)
def bigram_occurrences(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size)
    seen = tokens.bincount(minlength=vocab_size).unsqueeze(-1)
    rows = (counts + smoothing) / (seen + smoothing * vocab_size)
    return torch.where(counts.sum(dim=-1, keepdim=True) + smoothing > 0, rows, 1 / vocab_size)


@misconception(
    "bigram_mle",
    "text_as_a_ring",
    "lets the first token follow the last",
    "A text of T tokens has T - 1 pairs. Rolling the text makes one more pair out of its two ends.",
)
def bigram_ring(tokens, vocab_size, smoothing=0.0):
    return _rows(_pairs(torch.cat([tokens, tokens[:1]]), vocab_size, smoothing))


@misconception(
    "bigram_mle",
    "every_other_pair",
    "cuts the text into pairs",
    "Tokens 0 and 1, then 2 and 3: half of the pairs are missed. Pairs overlap: tokens 1 and 2 "
    "form one, too.",
)
def bigram_disjoint(tokens, vocab_size, smoothing=0.0):
    counts = torch.zeros(vocab_size, vocab_size)
    for now, then in zip(tokens[0::2].tolist(), tokens[1::2].tolist(), strict=False):
        counts[now, then] += 1
    return _rows(counts + smoothing)


@misconception(
    "bigram_mle",
    "last_pair_missed",
    "leaves out the last pair",
    "The last token is a successor too.",
)
def bigram_short(tokens, vocab_size, smoothing=0.0):
    return _rows(_pairs(tokens[: max(1, len(tokens) - 1)], vocab_size, smoothing))


@misconception(
    "bigram_mle",
    "both_directions",
    "counts every pair in both directions",
    "Language has a direction: u often follows q, q hardly ever follows u.",
)
def bigram_symmetric(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size)
    return _rows(counts + counts.mT + smoothing)


@misconception(
    "bigram_mle",
    "smoothing_forgotten",
    "ignores smoothing",
    "The smoothing should be added to every count.",
)
def bigram_unsmoothed(tokens, vocab_size, smoothing=0.0):
    return _rows(_pairs(tokens, vocab_size))


@misconception(
    "bigram_mle",
    "always_adds_one",
    "adds 1 to every count, whatever was asked for",
    "Laplace's rule is one choice. The number to add is an argument, and 0 by default.",
)
def bigram_add_one(tokens, vocab_size, smoothing=0.0):
    return _rows(_pairs(tokens, vocab_size, 1.0))


@misconception(
    "bigram_mle",
    "smoothing_shared_out",
    "divides the smoothing among the counts of a row",
    "Each row gets the number once, divided by V. The whole number should be added to each of the "
    "counts.",
)
def bigram_shared(tokens, vocab_size, smoothing=0.0):
    return _rows(_pairs(tokens, vocab_size, smoothing / vocab_size))


@misconception(
    "bigram_mle",
    "smoothing_above_only",
    "adds the smoothing to the numerator only",
    "The rows sum to more than 1: what is added to each of V counts must be in their sum, too.",
)
def bigram_numerator(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size)
    totals = counts.sum(dim=-1, keepdim=True)
    return torch.where(totals > 0, (counts + smoothing) / totals, 1 / vocab_size)


@misconception(
    "bigram_mle",
    "smoothing_below_once",
    "adds the smoothing to the denominator only once",
    "The rows do not sum to 1: the sum of V counts grows by V times the number.",
)
def bigram_denominator(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size)
    totals = counts.sum(dim=-1, keepdim=True)
    return torch.where(totals > 0, (counts + smoothing) / (totals + smoothing), 1 / vocab_size)


@misconception(
    "bigram_mle",
    "smoothing_after_dividing",
    "smooths the probabilities, not the counts",
    "The number is added after the division, and the rows are divided once more. The row of a "
    "token seen once is then smoothed as little as that of a token seen a thousand times.",
)
def bigram_late(tokens, vocab_size, smoothing=0.0):
    return _rows(bigram_mle(tokens, vocab_size) + smoothing)


@misconception(
    "bigram_mle",
    "smooths_what_was_seen",
    "adds the smoothing only to pairs that were seen",
    "Smoothing is meant for the pairs that were not seen: a probability of 0 would say that they "
    "can never come.",
)
def bigram_seen_pairs(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size)
    return _rows(torch.where(counts > 0, counts + smoothing, 0.0))


@misconception(
    "bigram_mle",
    "table_of_what_is_there",
    "makes the table only as large as these tokens need",
    "V is an argument: tokens that do not occur in this text have a row and a column, too.",
)
def bigram_seen_tokens(tokens, vocab_size, smoothing=0.0):
    return bigram_mle(tokens, int(tokens.max()) + 1, smoothing)


@misconception(
    "bigram_mle",
    "rounded_to_whole_numbers",
    "divides whole numbers",
    "With // only the rows with a single successor survive; probabilities are fractions.",
)
def bigram_integers(tokens, vocab_size, smoothing=0.0):
    return bigram_mle(tokens, vocab_size, smoothing).long()


@misconception(
    "bigram_mle",
    "sorts_the_text",
    "changes the caller's text",
    "The table is right, but the caller's tokens have changed: something works in place.",
)
def bigram_in_place(tokens, vocab_size, smoothing=0.0):
    table = bigram_mle(tokens, vocab_size, smoothing)
    tokens[:-1].mul_(vocab_size).add_(1)
    return table


@misconception(
    "bigram_mle",
    "never_quite_zero",
    "smooths a little even where no smoothing is asked for",
    "Without smoothing, a pair that never came has probability 0, not a small one. Handle 0/0 in "
    "a row without counts in another way.",
    least=(1e-4, 1e-3, 0.01, 0.1),
)
def bigram_never_zero(tokens, vocab_size, smoothing=0.0, *, least=1e-5):
    counts = _pairs(tokens, vocab_size, max(smoothing, least))
    return counts / counts.sum(dim=-1, keepdim=True)


# --- negative_log_likelihood --------------------------------------------------------------------


def _losses(log_probs, targets, ignore_index):
    """(loss of each place, 0 where it does not count; which places count)."""
    counts = targets != ignore_index
    index = targets.where(counts, 0).unsqueeze(-1)
    return -log_probs.gather(-1, index).squeeze(-1).where(counts, 0.0), counts


def _mean(log_probs, targets, ignore_index):
    losses, counts = _losses(log_probs, targets, ignore_index)
    return losses.sum() / counts.sum().clamp(min=1)


@misconception(
    "negative_log_likelihood",
    "view_of_the_targets",
    "flattens logits and targets with view",
    "view needs numbers that lie side by side in memory; those of a slice or a transpose may not. "
    "reshape and flatten copy them where necessary.",
)
def nll_view(logits, targets, ignore_index=-100):
    log_probs = logits.view(-1, logits.shape[-1]).log_softmax(-1)
    return _mean(log_probs, targets.view(-1), ignore_index)


@misconception(
    "negative_log_likelihood",
    "exp_without_a_maximum",
    "exponentiates the logits without subtracting a maximum",
    "exp of 1000 is inf and exp of -1000 is 0: the result is nan or inf.",
)
def nll_naive(logits, targets, ignore_index=-100):
    powers = logits.exp()
    return _mean((powers / powers.sum(dim=-1, keepdim=True)).log(), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "log_of_softmax",
    "takes the softmax first, then its logarithm",
    "Where a probability is smaller than any floating point number, the softmax is 0 and its "
    "logarithm -inf, though the true loss is finite.",
)
def nll_log_of_softmax(logits, targets, ignore_index=-100):
    return _mean(logits.softmax(dim=-1).log(), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "one_maximum_for_all",
    "subtracts one maximum from all rows",
    "A row whose own largest logit is far below that maximum has nothing but zeros left.",
)
def nll_global_max(logits, targets, ignore_index=-100):
    shifted = logits - logits.max()
    return _mean(shifted - shifted.exp().sum(dim=-1, keepdim=True).log(), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "small_number_added",
    "adds a small number before the logarithm",
    "That avoids infinity, but it also caps the loss (at about 21 for 1e-9): the worst mistakes "
    "all cost the same.",
    constant=(1e-12, 1e-10, 1e-8, 1e-7, 1e-6),
)
def nll_eps(logits, targets, ignore_index=-100, *, constant=1e-9):
    return _mean((logits.softmax(dim=-1) + constant).log(), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "summed",
    "sums instead of averaging",
    "Twice the text has twice the loss; the exercise asks for the mean per token.",
)
def nll_sum(logits, targets, ignore_index=-100):
    return _losses(logits.log_softmax(dim=-1), targets, ignore_index)[0].sum()


@misconception(
    "negative_log_likelihood",
    "divided_by_all_places",
    "divides by the number of all places",
    "Places that do not count add nothing to the sum, but here they make the mean smaller. Divide "
    "by the number of places that count.",
)
def nll_all_places(logits, targets, ignore_index=-100):
    return _losses(logits.log_softmax(dim=-1), targets, ignore_index)[0].mean()


@misconception(
    "negative_log_likelihood",
    "mean_of_means",
    "averages every sequence first, then the averages",
    "A token in a sequence in which few places count weighs more than a token in a full sequence. "
    "Every place that counts should weigh the same.",
)
def nll_mean_of_means(logits, targets, ignore_index=-100):
    losses, counts = _losses(logits.log_softmax(dim=-1), targets, ignore_index)
    if losses.dim() < 2:
        return losses.sum() / counts.sum().clamp(min=1)
    return (losses.sum(dim=-1) / counts.sum(dim=-1).clamp(min=1)).mean()


@misconception(
    "negative_log_likelihood",
    "mark_not_looked_at",
    "treats the mark as a token",
    "A place that is marked does not count, whatever ignore_index is. Used as an index, the mark "
    "is out of range, or picks another token.",
)
def nll_no_ignore(logits, targets, ignore_index=-100):
    return -logits.log_softmax(dim=-1).gather(-1, targets.unsqueeze(-1)).mean()


@misconception(
    "negative_log_likelihood",
    "mark_fixed",
    "ignores -100, whatever the mark is",
    "-100 is the default. Another number may be given.",
)
def nll_fixed_mark(logits, targets, ignore_index=-100):
    return _mean(logits.log_softmax(dim=-1), targets, -100)


@misconception(
    "negative_log_likelihood",
    "ignores_what_is_no_token",
    "ignores every target that is not a token",
    "That is right for -100 and -1. But the mark may be the id of a token.",
)
def nll_out_of_range(logits, targets, ignore_index=-100):
    inside = (targets >= 0) & (targets < logits.shape[-1])
    return _mean(logits.log_softmax(dim=-1), targets.where(inside, -100), -100)


@misconception(
    "negative_log_likelihood",
    "token_taken_from_the_vocabulary",
    "removes the marking token from the softmax",
    "Places are ignored, not tokens: at all other places the model may still give the marking "
    "token some probability, and pays for it.",
)
def nll_vocabulary_cut(logits, targets, ignore_index=-100):
    if 0 <= ignore_index < logits.shape[-1]:
        cut = torch.arange(logits.shape[-1]) == ignore_index
        logits = logits.masked_fill(cut, -1e30)
    return _mean(logits.log_softmax(dim=-1), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "nan_when_nothing_counts",
    "divides by 0 when nothing counts",
    "The mean of nothing is nan here, as in PyTorch's own cross_entropy, and one such batch turns "
    "all weights into nan. It should be 0.",
)
def nll_nan(logits, targets, ignore_index=-100):
    losses, counts = _losses(logits.log_softmax(dim=-1), targets, ignore_index)
    return losses.sum() / counts.sum()


@misconception(
    "negative_log_likelihood",
    "bare_zero_when_nothing_counts",
    "returns a zero that is not connected to the logits",
    "The number is right, but it is a fresh tensor, so no gradient flows back to the logits: their "
    "gradient should be 0, not missing.",
)
def nll_bare_zero(logits, targets, ignore_index=-100):
    if (targets == ignore_index).all():
        return torch.zeros((), dtype=logits.dtype)
    return _mean(logits.log_softmax(dim=-1), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "sign_missing",
    "has the wrong sign",
    "That is the mean log-likelihood, at most 0. Descending on it makes the model worse.",
)
def nll_positive(logits, targets, ignore_index=-100):
    return -_mean(logits.log_softmax(dim=-1), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "bits",
    "returns bits",
    "The logarithm has base 2; the exercise asks for nats (natural logarithms).",
)
def nll_bits(logits, targets, ignore_index=-100):
    return _mean(logits.log_softmax(dim=-1), targets, ignore_index) / math.log(2)


@misconception(
    "negative_log_likelihood",
    "softmax_twice",
    "takes the softmax twice",
    "Probabilities are passed where logits are expected, and go through softmax once more: all "
    "tokens look nearly alike, and the loss can never come near 0.",
)
def nll_twice(logits, targets, ignore_index=-100):
    return _mean(logits.softmax(dim=-1).log_softmax(dim=-1), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "logits_as_log_probabilities",
    "treats logits as log-probabilities",
    "No softmax is taken: the logit at the target means nothing by itself; it has to be compared "
    "with the others.",
)
def nll_raw(logits, targets, ignore_index=-100):
    return _mean(logits, targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "mean_of_probabilities",
    "averages probabilities, then takes the logarithm",
    "The probabilities of the steps multiply, so their logarithms are averaged. The logarithm of "
    "a mean forgives single bad predictions.",
)
def nll_log_of_mean(logits, targets, ignore_index=-100):
    losses, counts = _losses(logits.log_softmax(dim=-1), targets, ignore_index)
    share = (-losses).exp().where(counts, 0.0).sum() / counts.sum().clamp(min=1)
    return -share.log() if counts.any() else share


@misconception(
    "negative_log_likelihood",
    "one_minus_the_probability",
    "averages 1 minus the probability",
    "That is a loss, too, but not the likelihood's: even a prediction that rules out the truth "
    "costs only 1.",
)
def nll_linear(logits, targets, ignore_index=-100):
    losses, counts = _losses(logits.log_softmax(dim=-1), targets, ignore_index)
    return (1 - (-losses).exp()).sum() / counts.sum().clamp(min=1)


@misconception(
    "negative_log_likelihood",
    "classes_on_axis_one",
    "looks for the vocabulary on axis 1",
    "PyTorch's cross_entropy wants the classes there. With one leading axis, axis 1 is the last "
    "one; with more, it holds positions.",
)
def nll_axis_one(logits, targets, ignore_index=-100):
    loss = F.cross_entropy(logits, targets, ignore_index=ignore_index, reduction="sum")
    return loss / (targets != ignore_index).sum().clamp(min=1)


@misconception(
    "negative_log_likelihood",
    "softmax_over_the_batch",
    "takes the softmax along the first axis",
    "Here the places compete with each other. At each place, the tokens of the vocabulary should.",
)
def nll_first_axis(logits, targets, ignore_index=-100):
    return _mean(logits.log_softmax(dim=0), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "shifted_once_more",
    "compares each prediction with the next target",
    "The targets are already one step ahead of the inputs. Shifted again, they ask the model for "
    "the token after the next.",
)
def nll_shifted(logits, targets, ignore_index=-100):
    if targets.dim() == 0 or targets.shape[-1] < 2:
        return _mean(logits.log_softmax(dim=-1), targets, ignore_index)
    return _mean(logits[..., :-1, :].log_softmax(dim=-1), targets[..., 1:], ignore_index)


@misconception(
    "negative_log_likelihood",
    "one_for_each_place",
    "returns a loss for each place",
    "The exercise asks for one number: the mean of these losses.",
)
def nll_each(logits, targets, ignore_index=-100):
    return _losses(logits.log_softmax(dim=-1), targets, ignore_index)[0]


@misconception(
    "negative_log_likelihood",
    "perplexity",
    "returns the perplexity",
    "The exercise asks for the mean itself; its exponential is the next exercise.",
)
def nll_perplexity(logits, targets, ignore_index=-100):
    return _mean(logits.log_softmax(dim=-1), targets, ignore_index).exp()


@misconception(
    "negative_log_likelihood",
    "labels_smoothed",
    "smooths the targets",
    "A part of every target is spread over the vocabulary. That is a trick for training, but not "
    "the likelihood of the text.",
    share=(0.01, 0.05, 0.2),
)
def nll_label_smoothing(logits, targets, ignore_index=-100, *, share=0.1):
    log_probs = logits.log_softmax(dim=-1)
    losses, counts = _losses(log_probs, targets, ignore_index)
    spread = -log_probs.mean(dim=-1).where(counts, 0.0)
    return ((1 - share) * losses + share * spread).sum() / counts.sum().clamp(min=1)


@misconception(
    "negative_log_likelihood",
    "detached",
    "cuts the graph",
    "The number is right, but nothing can be learned from it: no gradient flows back.",
)
def nll_detached(logits, targets, ignore_index=-100):
    return _mean(logits.detach().log_softmax(dim=-1), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "python_number",
    "returns a Python number",
    "A number that has left PyTorch has no gradient; the exercise asks for a 0-d tensor.",
)
def nll_item(logits, targets, ignore_index=-100):
    return _mean(logits.log_softmax(dim=-1), targets, ignore_index).item()


@misconception(
    "negative_log_likelihood",
    "fixed_to_float32",
    "returns float32 whatever it is given",
    "float64 logits should give a float64 loss.",
)
def nll_fixed_dtype(logits, targets, ignore_index=-100):
    return _mean(logits.float().log_softmax(dim=-1), targets, ignore_index)


@misconception(
    "negative_log_likelihood",
    "writes_into_the_targets",
    "overwrites the caller's marks",
    "The loss is right the first time. But the marks are gone from the caller's tensor, and next "
    "time these places count.",
)
def nll_in_place(logits, targets, ignore_index=-100):
    counts = targets != ignore_index
    targets[~counts] = 0
    losses = -logits.log_softmax(dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return losses.where(counts, 0.0).sum() / counts.sum().clamp(min=1)


# --- perplexity and bits_per_token --------------------------------------------------------------


def _both(mean_nll, formula):
    """A formula for tensors, used for floats too."""
    if isinstance(mean_nll, torch.Tensor):
        return formula(mean_nll)
    return formula(torch.tensor(mean_nll, dtype=torch.float64)).item()


@misconception(
    "perplexity",
    "two_to_the_nats",
    "takes nats for bits",
    "2 to the power of the loss is right for a loss in bits. For nats the base is e.",
)
def perplexity_of_bits(mean_nll):
    return 2.0**mean_nll


@misconception(
    "perplexity",
    "sign_turned",
    "takes the exponential of minus the loss",
    "That is the mean probability of the tokens (the geometric mean), at most 1. Perplexity is its "
    "inverse.",
)
def perplexity_negative(mean_nll):
    return _both(mean_nll, lambda x: (-x).exp())


@misconception(
    "perplexity",
    "nats_themselves",
    "returns the loss itself",
    "The logarithm still has to be undone.",
)
def perplexity_identity(mean_nll):
    return mean_nll


@misconception(
    "perplexity",
    "logarithm",
    "takes a logarithm",
    "The loss is a logarithm already; it has to be undone, not repeated.",
)
def perplexity_log(mean_nll):
    return _both(mean_nll, torch.log)


@misconception(
    "perplexity",
    "ten_to_the_nats",
    "takes nats for decimal digits",
    "10 to the power of the loss would be right for logarithms to base 10.",
)
def perplexity_base_ten(mean_nll):
    return 10.0**mean_nll


@misconception(
    "perplexity",
    "one_less",
    "subtracts 1",
    "A model that is certain has only one token to choose from: its perplexity is 1, not 0.",
)
def perplexity_minus_one(mean_nll):
    return _both(mean_nll, torch.expm1)


@misconception(
    "perplexity",
    "bits_as_the_exponent",
    "turns nats into bits, then takes e to that power",
    "It is either e to the nats or 2 to the bits, not a mixture of both.",
)
def perplexity_mixed(mean_nll):
    return _both(mean_nll, lambda x: (x / math.log(2)).exp())


@misconception(
    "perplexity",
    "always_a_tensor",
    "returns a tensor for a float",
    "What comes out should be of the same kind as what came in.",
)
def perplexity_tensor(mean_nll):
    return torch.as_tensor(mean_nll).exp()


@misconception(
    "perplexity",
    "tensors_only",
    "takes tensors only",
    "torch.exp refuses a plain float, which the contract allows.",
)
def perplexity_tensors_only(mean_nll):
    return torch.exp(mean_nll)


@misconception(
    "perplexity",
    "always_a_float",
    "returns a float for a tensor",
    "What comes out should be of the same kind as what came in; a float has no gradient.",
)
def perplexity_float(mean_nll):
    return math.exp(mean_nll)


@misconception(
    "perplexity",
    "detached",
    "cuts the graph",
    "The number is right, but no gradient flows back through it.",
)
def perplexity_detached(mean_nll):
    return _both(mean_nll, lambda x: x.detach().exp())


@misconception(
    "perplexity",
    "an_axis_too_many",
    "gives a tensor an axis",
    "A 0-d tensor should stay 0-d; this one has shape (1,).",
)
def perplexity_axis(mean_nll):
    if isinstance(mean_nll, torch.Tensor):
        return mean_nll.exp().reshape(1)
    return math.exp(mean_nll)


@misconception(
    "perplexity",
    "rounded",
    "rounds",
    "A perplexity need not be a whole number.",
)
def perplexity_rounded(mean_nll):
    return _both(mean_nll, lambda x: x.exp().round())


@misconception(
    "perplexity",
    "writes_into_the_input",
    "changes the caller's tensor",
    "exp_ with the underscore works in place.",
)
def perplexity_in_place(mean_nll):
    if isinstance(mean_nll, torch.Tensor):
        return mean_nll.exp() if mean_nll.requires_grad else mean_nll.exp_()
    return math.exp(mean_nll)


@misconception(
    "bits_per_token",
    "the_wrong_way_round",
    "multiplies by ln 2",
    "That is how bits become nats. A bit is the smaller unit: there are more bits than nats.",
)
def bits_multiplied(mean_nll):
    return mean_nll * math.log(2)


@misconception(
    "bits_per_token",
    "second_logarithm",
    "takes the base-2 logarithm of the loss",
    "The loss is a logarithm already. Only its base has to be changed.",
)
def bits_of_log(mean_nll):
    return _both(mean_nll, torch.log2)


@misconception(
    "bits_per_token",
    "base_ten",
    "divides by ln 10",
    "That counts decimal digits, not bits.",
)
def bits_base_ten(mean_nll):
    return mean_nll / math.log(10)


@misconception(
    "bits_per_token",
    "halved",
    "divides by 2",
    "A bit is ln 2 nats, not 2 nats.",
)
def bits_halved(mean_nll):
    return mean_nll / 2


@misconception(
    "bits_per_token",
    "nats_themselves",
    "returns the loss itself",
    "The nats still have to be turned into bits.",
)
def bits_identity(mean_nll):
    return mean_nll


@misconception(
    "bits_per_token",
    "perplexity",
    "returns a perplexity",
    "2 to the power of the bits is the perplexity; the exercise asks for the bits themselves.",
)
def bits_perplexity(mean_nll):
    return _both(mean_nll, torch.exp)


@misconception(
    "bits_per_token",
    "two_to_the_nats",
    "takes 2 to the power of the loss",
    "Changing the base of a logarithm is a division.",
)
def bits_power(mean_nll):
    return 2.0**mean_nll


@misconception(
    "bits_per_token",
    "rounded_constant",
    "uses a rounded ln 2",
    "The constant has a few digits only, and so has every result. math.log(2) has all of them.",
    constant=(0.7, 0.693, 0.6931, 1 / 1.44, 1 / 1.443, 1 / 1.4427),
)
def bits_rounded_constant(mean_nll, *, constant=0.69):
    return mean_nll / constant


@misconception(
    "bits_per_token",
    "sign_turned",
    "has the wrong sign",
    "A surprise is never negative, in bits or in nats.",
)
def bits_negative(mean_nll):
    return -mean_nll / math.log(2)


@misconception(
    "bits_per_token",
    "whole_bits",
    "rounds up to whole bits",
    "A single codeword has a whole number of bits; on average a token does not.",
)
def bits_whole(mean_nll):
    return _both(mean_nll, lambda x: (x / math.log(2) - 1e-6).ceil())


@misconception(
    "bits_per_token",
    "always_a_tensor",
    "returns a tensor for a float",
    "What comes out should be of the same kind as what came in.",
)
def bits_tensor(mean_nll):
    return torch.as_tensor(mean_nll) / math.log(2)


@misconception(
    "bits_per_token",
    "always_a_float",
    "returns a float for a tensor",
    "What comes out should be of the same kind as what came in; a float has no gradient.",
)
def bits_float(mean_nll):
    return float(mean_nll) / math.log(2)


@misconception(
    "bits_per_token",
    "detached",
    "cuts the graph",
    "The number is right, but no gradient flows back through it.",
)
def bits_detached(mean_nll):
    return _both(mean_nll, lambda x: x.detach() / math.log(2))


@misconception(
    "bits_per_token",
    "writes_into_the_input",
    "changes the caller's tensor",
    "/= on a tensor works in place: it is the caller's tensor that is divided.",
)
def bits_in_place(mean_nll):
    if isinstance(mean_nll, torch.Tensor) and not mean_nll.requires_grad:
        mean_nll /= math.log(2)
        return mean_nll
    return mean_nll / math.log(2)


# --- entropy_rate -------------------------------------------------------------------------------


def _stationary(table):
    """π of an irreducible chain, by least squares."""
    n = len(table)
    system = torch.cat([table.mT - torch.eye(n, dtype=table.dtype), torch.ones(1, n).to(table)])
    wanted = torch.cat([torch.zeros(n), torch.ones(1)]).to(table)
    return torch.linalg.lstsq(system, wanted.unsqueeze(-1)).solution.squeeze(-1)


def _row_entropies(table):
    return torch.special.entr(table).sum(dim=-1)


@misconception(
    "entropy_rate",
    "all_states_alike",
    "averages the rows' entropies as if all states were equally frequent",
    "A state that the chain hardly ever visits counts as much as one where it spends most of its "
    "time. The weights should be the stationary distribution.",
)
def rate_unweighted(transition):
    return _row_entropies(transition).mean()


@misconception(
    "entropy_rate",
    "nan_from_zero",
    "multiplies 0 by ln 0",
    "0 times -inf is nan. A step that never happens adds no surprise: the limit of p ln p at 0 is "
    "0.",
)
def rate_nan(transition):
    table = transition.double()
    return -(_stationary(table).unsqueeze(-1) * table * table.log()).sum()


@misconception(
    "entropy_rate",
    "follows_the_chain_from_anywhere",
    "follows the chain for many steps from an even start",
    "A chain with a period never settles: after an even number of steps, say, it is in other "
    "states than after an odd number.",
)
def rate_power(transition):
    table = transition.double()
    share = torch.full((len(table),), 1 / len(table), dtype=table.dtype)
    return share @ torch.linalg.matrix_power(table, 2**14) @ _row_entropies(table)


@misconception(
    "entropy_rate",
    "follows_the_chain_from_state_0",
    "follows the chain for many steps from state 0",
    "A chain with a period never settles: after a multiple of the period it is back where it "
    "started, or among a few states.",
)
def rate_power_from_first(transition):
    table = transition.double()
    return (torch.linalg.matrix_power(table, 2**14) @ _row_entropies(table))[0]


@misconception(
    "entropy_rate",
    "largest_absolute_eigenvalue",
    "takes the eigenvector of the eigenvalue with the largest absolute value",
    "If the chain has a period, several eigenvalues lie on the unit circle, and rounding decides "
    "which of them is found. The stationary distribution belongs to the eigenvalue 1 alone.",
)
def rate_largest_eigenvalue(transition):
    table = transition.double()
    values, vectors = torch.linalg.eig(table.T)
    share = vectors[:, values.abs().argmax()].real
    return share / share.sum() @ _row_entropies(table)


@misconception(
    "entropy_rate",
    "a_few_steps",
    "follows the chain for too few steps",
    "After 20 steps a slow chain still remembers where it started.",
)
def rate_few_steps(transition):
    table = transition.double()
    lazy = (table + torch.eye(len(table), dtype=table.dtype)) / 2
    share = torch.full((len(table),), 1 / len(table), dtype=table.dtype)
    return share @ torch.linalg.matrix_power(lazy, 20) @ _row_entropies(table)


@misconception(
    "entropy_rate",
    "one_step",
    "takes the column means for the stationary distribution",
    "That is where the chain is after one step from an even start, not in the long run.",
)
def rate_one_step(transition):
    return transition.mean(dim=0) @ _row_entropies(transition)


@misconception(
    "entropy_rate",
    "bits",
    "returns bits",
    "The logarithm has base 2; the exercise asks for nats (natural logarithms).",
)
def rate_bits(transition):
    return entropy_rate(transition) / math.log(2)


@misconception(
    "entropy_rate",
    "entropy_of_the_states",
    "returns the entropy of the stationary distribution",
    "That is the surprise of somebody who does not know the token before: what the best unigram "
    "model pays.",
)
def rate_unigram(transition):
    return torch.special.entr(_stationary(transition.double())).sum()


@misconception(
    "entropy_rate",
    "entropy_of_pairs",
    "returns the entropy of a pair of tokens",
    "That is the surprise of the first token plus the surprise of the second, given the first.",
)
def rate_joint(transition):
    table = transition.double()
    return torch.special.entr(_stationary(table).unsqueeze(-1) * table).sum()


@misconception(
    "entropy_rate",
    "summed",
    "adds up the rows' entropies",
    "The chain is in one state at a time: weight the rows by how often it is in each.",
)
def rate_sum(transition):
    return _row_entropies(transition).sum()


@misconception(
    "entropy_rate",
    "sign_turned",
    "has the wrong sign",
    "An entropy is not negative.",
)
def rate_negative(transition):
    return -entropy_rate(transition)


@misconception(
    "entropy_rate",
    "entropy_of_columns",
    "takes the entropies of the columns",
    "A row is a distribution over what comes next; a column is not a distribution.",
)
def rate_columns(transition):
    table = transition.double()
    return _stationary(table) @ torch.special.entr(table).sum(dim=0)


@misconception(
    "entropy_rate",
    "weights_of_length_one",
    "uses an eigenvector as the library returns it",
    "Libraries return eigenvectors of length 1: the squares of the entries sum to 1. In a "
    "distribution the entries themselves do.",
)
def rate_unit_length(transition):
    table = transition.double()
    share = _stationary(table)
    return share / share.norm() @ _row_entropies(table)


@misconception(
    "entropy_rate",
    "perplexity",
    "returns the perplexity",
    "That is the exponential of the rate; the exercise asks for the rate itself.",
)
def rate_perplexity(transition):
    return entropy_rate(transition).exp()


@misconception(
    "entropy_rate",
    "one_for_each_state",
    "returns a number for each state",
    "These are the rows' entropies; the exercise asks for their weighted mean.",
)
def rate_each(transition):
    return _row_entropies(transition)


@misconception(
    "entropy_rate",
    "largest_entropy",
    "takes the entropy of the row that is hardest to predict",
    "The floor is a mean over the long run, not the worst case.",
)
def rate_largest(transition):
    return _row_entropies(transition).max()


@misconception(
    "entropy_rate",
    "gains_a_little_everywhere",
    "adds a small number to every probability",
    "The rows no longer sum to 1, and steps that never happen count: the floor comes out too high.",
    constant=(1e-3, 1e-4, 1e-5),
)
def rate_eps(transition, *, constant=1e-2):
    table = transition.double()
    return _stationary(table) @ torch.special.entr(table + constant).sum(dim=-1)


@misconception(
    "entropy_rate",
    "writes_into_the_table",
    "changes the caller's table",
    "The result is right, but zeros have been replaced in the caller's own table.",
)
def rate_in_place(transition):
    rate = entropy_rate(transition)
    transition.clamp_(min=1e-12).log_()
    return rate


# --- fit_bigram ---------------------------------------------------------------------------------


def _plain(lr):
    """A step of plain descent."""
    return lambda table, gradient, step: table - lr * gradient


def _descend(tokens, vocab_size, steps, move, start=None, loss=None):
    """Plain descent, with its parts to be replaced; logits."""
    logits = torch.zeros(vocab_size, vocab_size) if start is None else start
    measure = loss or (lambda table: negative_log_likelihood(table[tokens[:-1]], tokens[1:]))
    for step in range(steps):
        logits = logits.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(measure(logits), logits)
        logits = move(logits.detach(), gradient, step)
    return logits.detach()


@misconception(
    "fit_bigram",
    "summed_loss",
    "descends on the sum of the losses",
    "The gradient of a sum grows with the length of the text, and so does every step; the "
    "exercise asks for the mean.",
)
def fit_sum(tokens, vocab_size, steps, lr):
    count = len(tokens) - 1
    return _descend(tokens, vocab_size, steps, lambda t, g, _: t - lr * count * g).softmax(dim=-1)


@misconception(
    "fit_bigram",
    "random_start",
    "starts from random logits",
    "The table should start at zero, so that a row that the text never touches stays uniform.",
)
def fit_random(tokens, vocab_size, steps, lr):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(vocab_size, vocab_size, generator=generator)
    return _descend(tokens, vocab_size, steps, _plain(lr), start).softmax(dim=-1)


@misconception(
    "fit_bigram",
    "goes_uphill",
    "moves along the gradient",
    "The gradient points in the direction in which the loss grows; the table has to move against "
    "it.",
)
def fit_ascent(tokens, vocab_size, steps, lr):
    return _descend(tokens, vocab_size, steps, lambda t, g, _: t + lr * g).softmax(dim=-1)


@misconception(
    "fit_bigram",
    "returns_logits",
    "returns the logits",
    "They still have to become probabilities.",
)
def fit_logits(tokens, vocab_size, steps, lr):
    return _descend(tokens, vocab_size, steps, _plain(lr))


@misconception(
    "fit_bigram",
    "returns_log_probabilities",
    "returns the logarithms of the probabilities",
    "The exercise asks for probabilities.",
)
def fit_log_probs(tokens, vocab_size, steps, lr):
    return _descend(tokens, vocab_size, steps, _plain(lr)).log_softmax(dim=-1)


@misconception(
    "fit_bigram",
    "gradients_pile_up",
    "never clears the gradients",
    "backward adds to the gradient that is there. Without a reset every step follows the sum of "
    "all gradients so far.",
)
def fit_accumulating(tokens, vocab_size, steps, lr):
    total = torch.zeros(vocab_size, vocab_size)
    return _descend(
        tokens, vocab_size, steps, lambda table, g, _: table - lr * total.add_(g)
    ).softmax(dim=-1)


@misconception(
    "fit_bigram",
    "one_step_less",
    "takes one step too few",
    "With 1 step the table has moved once; with 0 it has not.",
)
def fit_fewer(tokens, vocab_size, steps, lr):
    return fit_bigram(tokens, vocab_size, max(0, steps - 1), lr)


@misconception(
    "fit_bigram",
    "one_step_more",
    "takes one step too many",
    "With 0 steps the table should not have moved at all.",
)
def fit_more(tokens, vocab_size, steps, lr):
    return fit_bigram(tokens, vocab_size, steps + 1, lr)


@misconception(
    "fit_bigram",
    "learning_rate_ignored",
    "uses a learning rate of its own",
    "The learning rate is an argument; use the one that is given.",
)
def fit_own_rate(tokens, vocab_size, steps, lr):
    return fit_bigram(tokens, vocab_size, steps, 0.1)


@misconception(
    "fit_bigram",
    "learning_rate_decays",
    "makes the steps smaller and smaller",
    "The learning rate should be the same in every step.",
)
def fit_decaying(tokens, vocab_size, steps, lr):
    return _descend(
        tokens, vocab_size, steps, lambda table, g, step: table - lr / (1 + step) * g
    ).softmax(dim=-1)


@variant("fit_bigram", "learning_rate_decays", "by the root of the step")
def fit_decaying_by_the_root(tokens, vocab_size, steps, lr):
    return _descend(
        tokens, vocab_size, steps, lambda table, g, step: table - lr / math.sqrt(1 + step) * g
    ).softmax(dim=-1)


@variant("fit_bigram", "learning_rate_decays", "by a factor")
def fit_decaying_by_a_factor(tokens, vocab_size, steps, lr):
    return _descend(
        tokens, vocab_size, steps, lambda table, g, step: table - lr * 0.99**step * g
    ).softmax(dim=-1)


def _by(tokens, vocab_size, steps, make):
    """Descent with one of PyTorch's optimizers."""
    logits = torch.zeros(vocab_size, vocab_size, requires_grad=True)
    optimizer = make([logits])
    for _ in range(steps):
        optimizer.zero_grad()
        negative_log_likelihood(logits[tokens[:-1]], tokens[1:]).backward()
        optimizer.step()
    return logits.detach().softmax(dim=-1)


@misconception(
    "fit_bigram",
    "momentum",
    "uses momentum",
    "Each step carries a part of the last one along. The exercise asks for plain descent.",
    share=(0.5, 0.8, 0.95, 0.99),
)
def fit_momentum(tokens, vocab_size, steps, lr, *, share=0.9):
    return _by(tokens, vocab_size, steps, lambda p: torch.optim.SGD(p, lr, momentum=share))


@misconception(
    "fit_bigram",
    "adam",
    "uses Adam",
    "Adam gives every entry steps of about the same size, whatever its gradient. The exercise "
    "asks for plain descent.",
)
def fit_adam(tokens, vocab_size, steps, lr):
    return _by(tokens, vocab_size, steps, lambda p: torch.optim.Adam(p, lr))


@variant("fit_bigram", "adam", "AdamW")
def fit_adamw(tokens, vocab_size, steps, lr):
    return _by(tokens, vocab_size, steps, lambda p: torch.optim.AdamW(p, lr))


@misconception(
    "fit_bigram",
    "pulled_toward_zero",
    "pulls the logits toward zero",
    "Weight decay keeps the table near uniform, so it does not end at the frequencies of the text.",
    decay=(0.001, 0.002, 0.01, 0.1, 0.2),
)
def fit_decay(tokens, vocab_size, steps, lr, *, decay=0.02):
    return _by(tokens, vocab_size, steps, lambda p: torch.optim.SGD(p, lr, weight_decay=decay))


@misconception(
    "fit_bigram",
    "one_pair_at_a_time",
    "learns from one pair in each step",
    "Each step should see the whole text (a full batch). The gradient of a single pair points "
    "in a different direction.",
)
def fit_stochastic(tokens, vocab_size, steps, lr):
    logits = torch.zeros(vocab_size, vocab_size)
    for step in range(steps):
        place = step % (len(tokens) - 1)
        pair = tokens[place : place + 2]
        logits = _descend(pair, vocab_size, 1, _plain(lr), logits)
    return logits.softmax(dim=-1)


@misconception(
    "fit_bigram",
    "predicts_the_token_before",
    "predicts backwards",
    "The current token picks the row and the next one is the target, not the other way around.",
)
def fit_backwards(tokens, vocab_size, steps, lr):
    return fit_bigram(tokens.flip(0), vocab_size, steps, lr)


@misconception(
    "fit_bigram",
    "predicts_the_current_token",
    "predicts the token that it is given",
    "Input and target must be one step apart. Here the table learns to copy, with a loss that "
    "looks wonderful.",
)
def fit_copying(tokens, vocab_size, steps, lr):
    def loss(table):
        return negative_log_likelihood(table[tokens[:-1]], tokens[:-1])

    return _descend(tokens, vocab_size, steps, _plain(lr), loss=loss).softmax(dim=-1)


@misconception(
    "fit_bigram",
    "softmax_over_rows",
    "makes columns sum to 1",
    "Softmax goes along a row: over what may come next.",
)
def fit_columns(tokens, vocab_size, steps, lr):
    return _descend(tokens, vocab_size, steps, _plain(lr)).softmax(dim=0)


@misconception(
    "fit_bigram",
    "softmax_twice",
    "takes the softmax twice in training",
    "The loss applies softmax to its input; given probabilities in place of logits, it can hardly "
    "move.",
)
def fit_twice(tokens, vocab_size, steps, lr):
    def loss(table):
        return negative_log_likelihood(table[tokens[:-1]].softmax(dim=-1), tokens[1:])

    return _descend(tokens, vocab_size, steps, _plain(lr), loss=loss).softmax(dim=-1)


@misconception(
    "fit_bigram",
    "rows_weigh_the_same",
    "gives every row steps of the same size",
    "In the mean over the text a frequent token weighs more: its row's gradient is larger. Here "
    "each row has a mean of its own.",
)
def fit_rowwise(tokens, vocab_size, steps, lr):
    share = tokens[:-1].bincount(minlength=vocab_size).unsqueeze(-1) / (len(tokens) - 1)
    return _descend(
        tokens, vocab_size, steps, lambda table, g, _: table - lr * g / share.clamp(min=1e-9)
    ).softmax(dim=-1)


@misconception(
    "fit_bigram",
    "frequencies_at_once",
    "counts instead of descending",
    "Descent arrives at these frequencies after many steps. After a few steps it has not arrived "
    "yet.",
)
def fit_closed_form(tokens, vocab_size, steps, lr):
    return bigram_mle(tokens, vocab_size)


@misconception(
    "fit_bigram",
    "only_the_first_step_counts",
    "ends where the first step ends",
    "However many steps there are, the table moves once. Either every step starts from zero again, "
    "or the gradient no longer reaches the table that is moved.",
)
def fit_first_only(tokens, vocab_size, steps, lr):
    return fit_bigram(tokens, vocab_size, min(1, steps), lr)


@misconception(
    "fit_bigram",
    "nothing_moves",
    "moves nothing",
    "The table stays at zero, and all rows uniform. Perhaps step finds no gradients, because they "
    "are cleared between backward and step, or because step comes before backward.",
)
def fit_clears_between(tokens, vocab_size, steps, lr):
    logits = torch.zeros(vocab_size, vocab_size, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr)
    for _ in range(steps):
        negative_log_likelihood(logits[tokens[:-1]], tokens[1:]).backward()
        optimizer.zero_grad()
        optimizer.step()
    return logits.detach().softmax(dim=-1)


@misconception(
    "fit_bigram",
    "gradient_of_the_start",
    "takes the gradient once",
    "Every step follows the gradient at zero. It has to be computed anew where the table is now.",
)
def fit_stale(tokens, vocab_size, steps, lr):
    return fit_bigram(tokens, vocab_size, min(1, steps), lr * max(1, steps))


@misconception(
    "fit_bigram",
    "text_as_a_ring",
    "lets the first token follow the last",
    "A text of T tokens has T - 1 predictions. Rolling the text makes one more out of its two "
    "ends.",
)
def fit_ring(tokens, vocab_size, steps, lr):
    return fit_bigram(torch.cat([tokens, tokens[:1]]), vocab_size, steps, lr)


@misconception(
    "fit_bigram",
    "last_pair_missed",
    "leaves out the last prediction",
    "The last token is a target too.",
)
def fit_short(tokens, vocab_size, steps, lr):
    return fit_bigram(tokens[: max(2, len(tokens) - 1)], vocab_size, steps, lr)


@misconception(
    "fit_bigram",
    "divided_by_the_tokens",
    "divides by the number of tokens",
    "A text of T tokens has T - 1 predictions; the mean divides by T - 1.",
)
def fit_divided_by_t(tokens, vocab_size, steps, lr):
    return fit_bigram(tokens, vocab_size, steps, lr * (len(tokens) - 1) / len(tokens))


@misconception(
    "fit_bigram",
    "changes_the_text",
    "changes the caller's text",
    "The table is right, but the caller's tokens have changed: something works in place.",
)
def fit_in_place(tokens, vocab_size, steps, lr):
    table = fit_bigram(tokens, vocab_size, steps, lr)
    tokens[:-1].copy_(embed(tokens[:-1], torch.arange(vocab_size).flip(0)))
    return table


# --- the same mistakes, as they are often written ------------------------------------------------


@variant("bigram_mle", "columns_sum_to_one", "without a guard")
def bigram_columns_unguarded(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size, smoothing)
    return counts / counts.sum(dim=0, keepdim=True)


@variant("bigram_mle", "share_of_all_pairs", "without a guard")
def bigram_joint_unguarded(tokens, vocab_size, smoothing=0.0):
    counts = _pairs(tokens, vocab_size, smoothing)
    return counts / counts.sum()


@variant("negative_log_likelihood", "mark_not_looked_at", "with negative marks taken for token 0")
def nll_clamps_the_marks(logits, targets, ignore_index=-100):
    index = targets.clamp(min=0).unsqueeze(-1)
    return -logits.log_softmax(dim=-1).gather(-1, index).mean()


@misconception(
    "perplexity",
    "bounded",
    "bounds the exponent",
    "Such a bound keeps logs readable, but a perplexity above it comes out as the bound.",
    most=(50.0, 100.0),
)
def perplexity_bounded(mean_nll, *, most=20.0):
    return perplexity(
        mean_nll.clamp(max=most) if torch.is_tensor(mean_nll) else min(mean_nll, most)
    )


@variant("perplexity", "always_a_tensor", "a new one")
def perplexity_new_tensor(mean_nll):
    return torch.tensor(float(mean_nll)).exp()


@variant("bits_per_token", "second_logarithm", "by math")
def bits_of_log_by_math(mean_nll):
    return math.log2(mean_nll)
