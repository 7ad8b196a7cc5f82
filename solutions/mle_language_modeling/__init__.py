"""Lesson 7: what a language model is, and what it means to fit one (PyTorch)."""

from __future__ import annotations

import math

import torch


def one_hot(tokens, vocab_size):
    """Write every token as a vector of its own: all zeros but for a single 1.

    Args:
        tokens: (...,) tensor of int64 token ids, each from 0 to V - 1; ``...`` is any number of
            axes, including none.
        vocab_size: V, how many different tokens there are.

    Returns:
        (..., V) tensor, float32 or float64, float32 by default.
    """
    return (tokens.unsqueeze(-1) == torch.arange(vocab_size)).float()


def embed(tokens, weight):
    """Replace every token by its vector: what ``one_hot(tokens, V) @ weight`` gives, for less.

    A gradient goes to the rows of ``weight`` that were used, once for every time they were used.

    Args:
        tokens: (...,) tensor of int64 token ids, each from 0 to V - 1; ``...`` is any number of
            axes, including none.
        weight: (V, d) tensor, float32 or float64: one row for each token of the vocabulary.

    Returns:
        (..., d) tensor with the dtype of ``weight``. The table of one-hot vectors is never built:
        60 000 tokens with a vocabulary of 60 000 fit easily into 1 GB.
    """
    return weight[tokens]


def sequence_log_prob(conditionals):
    """The log of the probability of a whole sequence, from the probability of each step.

    By the chain rule, P(x_1, …, x_T) is the product of P(x_t | x_1, …, x_(t-1)) over all t.

    Args:
        conditionals: (..., T) tensor of probabilities, float32 or float64: the t-th is that of
            the t-th token, given all the tokens before it. ``...`` is any number of batch axes.

    Returns:
        (...,) tensor in nats (natural logarithm), with the dtype of ``conditionals``. It is right
        for T = 10 000, where the product itself is too small for any floating point number. A
        sequence with a step of probability 0 has the log-probability -inf.
    """
    return conditionals.log().sum(dim=-1)


def bigram_mle(tokens, vocab_size, smoothing=0.0):
    """The bigram model under which a text is most probable: conditional frequencies.

    Args:
        tokens: (T,) tensor of int64 token ids, each from 0 to V - 1: one text.
        vocab_size: V, how many different tokens there are.
        smoothing: a number ≥ 0, added to each of the V² counts before anything else (Laplace's
            rule is 1). With 0 the table is the maximum-likelihood one.

    Returns:
        (V, V) tensor of floating point numbers. Row i, column j is the probability that j comes
        next where the current token is i. Every row sums to 1; a row that has no counts is
        uniform.
    """
    pairs = tokens[:-1] * vocab_size + tokens[1:]
    counts = torch.bincount(pairs, minlength=vocab_size**2).reshape(vocab_size, vocab_size)
    counts = counts + float(smoothing)
    totals = counts.sum(dim=-1, keepdim=True)
    return torch.where(totals > 0, counts / totals, 1 / vocab_size)


def negative_log_likelihood(logits, targets, ignore_index=-100):
    """How surprised a model is on average by what really came, in nats per token.

    The model's distribution at each place is the softmax of its logits.

    Args:
        logits: (..., V) tensor, float32 or float64; ``...`` is any number of axes, including none.
        targets: (...,) tensor of int64: the token that came, or ``ignore_index`` where a place
            does not count.
        ignore_index: the number that marks such places. It may be the id of a token (a padding
            token, say). The distribution over V tokens stays what it is.

    Returns:
        0-d tensor with the dtype of ``logits``: the mean over all places that count, each of them
        with equal weight. If none counts, it is 0, and so is its gradient. It is right for logits
        of ±1e4.
    """
    counts = targets != ignore_index
    log_probs = logits.log_softmax(dim=-1)
    index = targets.where(counts, 0).unsqueeze(-1)
    surprise = -log_probs.gather(-1, index).squeeze(-1)
    return surprise.where(counts, 0.0).sum() / counts.sum().clamp(min=1)


def perplexity(mean_nll):
    """Return the number of equally likely tokens that would leave one as unsure as the model.

    Args:
        mean_nll: mean negative log-likelihood in nats per token, a float or a 0-d tensor.

    Returns:
        The perplexity: a float for a float, a 0-d tensor (same dtype, with a gradient) for a
        tensor.
    """
    return mean_nll.exp() if isinstance(mean_nll, torch.Tensor) else math.exp(mean_nll)


def bits_per_token(mean_nll):
    """The same surprise in bits: how many yes-or-no questions a token is worth.

    Args:
        mean_nll: mean negative log-likelihood in nats per token, a float or a 0-d tensor.

    Returns:
        Bits per token: a float for a float, a 0-d tensor (same dtype, with a gradient) for a
        tensor.
    """
    return mean_nll / math.log(2)


def entropy_rate(transition):
    """The floor: what even the best model of a Markov chain pays per token, in nats.

    Each row of the table has an entropy. The entropy rate is their mean, weighted by how often
    the chain is in each state in the long run, its stationary distribution (Shannon 1948,
    section 7).

    Args:
        transition: (V, V) tensor, float32 or float64. Row i, column j is the probability that j
            follows i; rows sum to 1. Every state can be reached from every other one (the chain
            is irreducible); the chain may be periodic, and entries may be 0.

    Returns:
        Nats per token, from 0 to ln V: a 0-d tensor or a float.
    """
    table = transition.double()
    ones = torch.ones(len(table), dtype=table.dtype)
    # π (I - P) = 0 and π·1 = 1 in one system; it has one solution, for periodic chains too.
    stationary = torch.linalg.solve((torch.eye(len(table)) - table + 1).mT, ones)
    return (stationary @ torch.special.entr(table)).sum().to(transition.dtype)


def fit_bigram(tokens, vocab_size, steps, lr):
    """Fit a bigram model by gradient descent, as a network would be fitted.

    The model is a table of logits (V, V), row = current token, that starts at zero. Each step
    takes the gradient of the mean negative log-likelihood of all T - 1 predictions of the text
    and moves the whole table against it, ``lr`` times the gradient: no momentum, no batches.

    Args:
        tokens: (T,) tensor of int64 token ids, each from 0 to V - 1; T is at least 2.
        vocab_size: V, how many different tokens there are.
        steps: how many steps to take, at least 0.
        lr: learning rate, below 4 divided by the share of the predictions that the most frequent
            current token makes; from there on descent may oscillate.

    Returns:
        (V, V) tensor of probabilities, row = current token, after the last step. 0 steps give the
        uniform table, and the row of a token that is never followed by another stays uniform.
    """
    logits = torch.zeros(vocab_size, vocab_size, requires_grad=True)
    for _ in range(steps):
        loss = negative_log_likelihood(embed(tokens[:-1], logits), tokens[1:])
        (slope,) = torch.autograd.grad(loss, logits)
        with torch.no_grad():
            logits -= lr * slope
    return logits.softmax(dim=-1).detach()
