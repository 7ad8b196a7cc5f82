"""Lesson 8: a language model made of transformer blocks, trained and put to use (PyTorch)."""

from __future__ import annotations

import math

import torch
from torch import nn

from solutions.masking import causal_mask
from solutions.mle_language_modeling import negative_log_likelihood
from solutions.transformer_block import TransformerBlock


def get_batch(tokens, batch_size, block_size, generator):
    """Draw snippets of a text and, for each, the same snippet one token further on.

    Every place where a snippet and its successor still fit is equally likely to be the start,
    including the first and the last. Each row is drawn independently of the others.

    Args:
        tokens: (N,) integer tensor with N > ``block_size``, the whole text.
        batch_size: B, how many snippets.
        block_size: T, how many tokens a snippet has.
        generator: the torch.Generator that every random number comes from; None means torch's
            global one.

    Returns:
        A pair (x, y) of (B, T) tensors, both of dtype long: y[b, t] is the token that follows
        x[b, t] in the text.
    """
    starts = torch.randint(len(tokens) - block_size, (batch_size,), generator=generator)
    windows = tokens[starts[:, None] + torch.arange(block_size + 1)].long()
    return windows[:, :-1], windows[:, 1:]


class TransformerLM(nn.Module):
    """A decoder-only language model: it predicts the next token at every position at once.

    The plan of GPT-2 (Radford et al. 2019, section 2.3): learned token and position vectors, a
    stack of pre-norm transformer blocks, a last layer norm, and a linear map to the vocabulary.

    Args:
        vocab_size: V, how many different tokens there are.
        d_model: width of the stream.
        num_heads: attention heads of every block. It divides ``d_model``.
        num_layers: how many blocks.
        block_size: the largest number of tokens that the model can look at.
        d_ff: width of the hidden layers; None means 4 · ``d_model``.
        dropout: the blocks' dropout probability.
    """

    def __init__(
        self, vocab_size, d_model, num_heads, num_layers, block_size, d_ff=None, dropout=0.0
    ):
        super().__init__()
        d_ff = 4 * d_model if d_ff is None else d_ff
        self.block_size = block_size
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.position_embedding = nn.Embedding(block_size, d_model)
        self.blocks = nn.ModuleList(
            TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, vocab_size)

    def forward(self, tokens):
        """Score every token of the vocabulary as the successor of every position.

        Args:
            tokens: (B, T) tensor of dtype long, 1 ≤ T ≤ ``block_size``. Position 0 is the first
                of the T tokens, wherever in the text they come from.

        Returns:
            (B, T, V) logits in the dtype of the weights. Those at position t depend on tokens
            0 … t and on no later one.

        Raises:
            ValueError: T is larger than ``block_size``; the message names both numbers.
        """
        length = tokens.shape[1]
        if length > self.block_size:
            raise ValueError(f"{length} tokens do not fit into a block of {self.block_size}")
        x = self.token_embedding(tokens) + self.position_embedding.weight[:length]
        mask = causal_mask(length)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))


def train_step(model, optimizer, x, y):
    """Improve a model by one step on one batch.

    One plain step of the optimizer, by the gradient of the mean negative log-likelihood of this
    batch, and of nothing else: gradients that the parameters may still hold play no part, and
    nothing is clipped or scheduled. The model stays in its mode (training or evaluation).

    Args:
        model: a module that takes (B, T) tokens to (B, T, V) logits.
        optimizer: a torch optimizer of the model's parameters.
        x: (B, T) tensor of dtype long.
        y: (B, T) tensor of dtype long, the token that follows each of x.

    Returns:
        The mean negative log-likelihood of y, in nats, as it was before the step; a Python float.
    """
    loss = negative_log_likelihood(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def sample_next(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    """Draw the next token for every row of logits.

    First the temperature, then ``top_k``, then ``top_p`` on what is left; the probabilities of
    the tokens that remain are made to sum to 1 again.

    Args:
        logits: (B, V) tensor, float32 or float64; -inf marks a token that can never come. At
            least one logit of every row is finite.
        temperature: what the logits are divided by; 0 means to take the most likely token.
        top_k: keep the k most likely tokens; None, or more than there are, keeps all.
        top_p: keep the nucleus (Holtzman et al. 2020): the smallest set of most likely tokens
            whose probabilities together reach top_p. It is never empty, however small top_p is.
            None keeps all.
        generator: the torch.Generator that every random number comes from; None means torch's
            global one.

    Returns:
        (B,) tensor of dtype long, each row drawn independently.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    scores = logits / temperature
    if top_k is not None:
        least = scores.topk(min(top_k, scores.shape[-1])).values[:, -1:]
        scores = scores.masked_fill(scores < least, -math.inf)
    if top_p is not None:
        ranked, order = torch.softmax(scores, dim=-1).sort(descending=True)
        outside = ranked.cumsum(dim=-1) - ranked >= top_p
        outside[:, 0] = False
        scores = scores.masked_fill(outside.scatter(-1, order, outside), -math.inf)
    return torch.multinomial(torch.softmax(scores, dim=-1), 1, generator=generator)[:, 0]


def generate(model, prompt, max_new_tokens, **sampling):
    """Let a model continue a text, one token after the other.

    Whenever the text so far is longer than ``model.block_size``, the model gets to see the last
    ``block_size`` tokens. The model works in evaluation mode; afterwards it is in the mode that
    it was in before.

    Args:
        model: a module with an attribute ``block_size`` that takes (B, T) tokens to (B, T, V)
            logits.
        prompt: (B, T) tensor of dtype long, T ≥ 1, of any length.
        max_new_tokens: how many tokens to add; 0 returns the prompt as it is.
        **sampling: ``temperature``, ``top_k``, ``top_p`` and ``generator`` of ``sample_next``.

    Returns:
        (B, T + max_new_tokens) tensor of dtype long: the prompt, then what was drawn.
    """
    tokens, was_training = prompt, model.training
    model.eval()
    with torch.no_grad():
        for _ in range(max_new_tokens):
            logits = model(tokens[:, -model.block_size :])[:, -1]
            drawn = sample_next(logits, **sampling)
            tokens = torch.cat([tokens, drawn[:, None]], dim=1)
    model.train(was_training)
    return tokens


def attend_with_cache(query, key, value, cache=None):
    """One step of causal attention: a new position looks at itself and at all before it.

    Called for one position after the other, each time with the cache that the call before
    returned, it gives the rows of scaled dot-product attention with a causal mask, gradients
    included. Step n takes time in proportion to n. A cache that was passed in stays as it is and
    may be used again, for another continuation.

    Args:
        query: (..., 1, d_k) tensor, float32 or float64; ``...`` is any number of batch axes, none
            included.
        key: (..., 1, d_k) tensor, of the new position.
        value: (..., 1, d_v) tensor, of the new position.
        cache: what the step before returned; None at the first position. You decide what it is
            made of.

    Returns:
        A pair (output (..., 1, d_v) in the dtype of the query, the new cache).
    """
    if cache is not None:
        key = torch.cat([cache[0], key], dim=-2)
        value = torch.cat([cache[1], value], dim=-2)
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return torch.softmax(scores, dim=-1) @ value, (key, value)


def next_logits(model, token, cache=None):
    """Read one more token of every row, and score what may follow it.

    Called for one token after the other, each time with the cache that the call before returned,
    it gives the last row of what the whole model gives for all tokens so far. But only the new
    position passes through the layers: of the earlier ones the cache holds what attention still
    needs. A cache that was passed in stays as it is and may be used again, for another
    continuation. The model's mode (training or evaluation) is the caller's business.

    Args:
        model: a ``TransformerLM``. Each of its blocks has ``norm1``, ``attention``, ``norm2`` and
            ``feed_forward``; an ``attention`` has ``num_heads``, ``W_query``, ``W_key``,
            ``W_value`` and ``W_output``.
        token: (B, 1) tensor of dtype long, the next token of each row.
        cache: what the call before returned; None before the first token. You decide what it is
            made of.

    Returns:
        A pair (logits (B, V) in the dtype of the weights, the new cache). No gradient has to flow
        through them.

    Raises:
        ValueError: the model's ``block_size`` tokens have been read already; the message names
            that number.
    """
    past, layers = (0, [None] * len(model.blocks)) if cache is None else cache
    if past == model.block_size:
        raise ValueError(f"token {past + 1} does not fit into a block of {model.block_size}")
    x = model.token_embedding(token) + model.position_embedding.weight[past]
    kept = []
    for block, before in zip(model.blocks, layers, strict=True):
        seen, attention = block.norm1(x), block.attention
        maps = (attention.W_query, attention.W_key, attention.W_value)
        parts = (part(seen).unflatten(-1, (attention.num_heads, -1)) for part in maps)
        query, key, value = (part.transpose(1, 2) for part in parts)
        found, after = attend_with_cache(query, key, value, before)
        kept.append(after)
        x = x + attention.W_output(found.transpose(1, 2).flatten(-2))
        x = x + block.feed_forward(block.norm2(x))
    return model.head(model.norm(x))[:, 0], (past + 1, kept)


def learning_rate(step, steps, peak, warmup, floor=0.1):
    """The learning rate of one step: a linear warm-up, then half a cosine down to the floor.

    The schedule of most language models of today; the cosine is that of Loshchilov and Hutter
    2017, equation 5, without restarts. With w for ``warmup``: peak · (step + 1) / w while
    step < w, so that the last step of the warm-up has the peak. From then on, with
    u = (step - w) / (steps - w), it is floor · peak + (1 - floor) · peak · (1 + cos πu) / 2.

    Args:
        step: which step, from 0 to ``steps`` - 1.
        steps: how many steps the whole training has, 1 or more.
        peak: the largest learning rate, above 0.
        warmup: how many steps the warm-up takes, 0 ≤ ``warmup`` < ``steps``.
        floor: what is left at the end, as a share of ``peak``, from 0 to 1.

    Returns:
        The learning rate, a Python float.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / (steps - warmup)
    return floor * peak + (1 - floor) * peak * (1 + math.cos(math.pi * done)) / 2


def train_language_model(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    """Train a language model on a text, in place.

    Every step improves it on a fresh random batch of snippets, ``model.block_size`` tokens long.
    The optimizer is of the Adam family (Kingma and Ba 2015; AdamW: Loshchilov and Hutter 2019).

    Args:
        model: a ``TransformerLM``.
        tokens: (N,) tensor of dtype long with N > ``model.block_size``, the text.
        steps: how many steps.
        batch_size: how many snippets each step sees.
        lr: the learning rate.
        generator: the torch.Generator that the batches come from; None means torch's global one.

    Returns:
        A list of ``steps`` Python floats: the loss of each batch before its step, in nats.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        x, y = get_batch(tokens, batch_size, model.block_size, generator)
        losses.append(train_step(model, optimizer, x, y))
    return losses
