"""Lesson 9: one sequence read, another one written, with cross-attention between them (PyTorch)."""

from __future__ import annotations

import math

import torch
from torch import nn

from solutions.masking import causal_mask
from solutions.multi_head_attention import MultiHeadAttention, previous_token_head
from solutions.transformer_block import FeedForward


def shift_right(targets, bos):
    """Make the decoder's input while it learns to write ``targets``.

    At every position the decoder should predict the target of that position, so what it reads
    there is the target one place before. At position 0 it reads ``bos``.

    Args:
        targets: (B, T) long tensor, what should be written.
        bos: the number of the token that stands for "the beginning".

    Returns:
        (B, T) long tensor, a new one. ``targets`` itself stays unchanged.
    """
    start = torch.full_like(targets[:, :1], bos)
    return torch.cat([start, targets[:, :-1]], dim=1)


class DecoderBlock(nn.Module):
    """The block that a decoder stacks: look at what is written, look at the source, think.

    Vaswani et al. 2017, section 3.1, in the pre-norm order of lesson 6: ``norm1`` belongs to the
    self-attention, ``norm2`` to the cross-attention, ``norm3`` to the feed-forward network. Each
    of the three sub-layers adds to the stream.

    Args:
        d_model: width of an input vector, of a memory vector and of an output vector.
        num_heads: how many heads each attention has. It divides ``d_model``.
        d_ff: width of the hidden layer of the feed-forward network.
    """

    def __init__(self, d_model, num_heads, d_ff):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, num_heads)
        self.cross_attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)

    def forward(self, x, memory, memory_mask=None):
        """Let every position look at itself and back, then at the memory, then think.

        Args:
            x: (B, T, d_model) tensor, the decoder's stream. No position sees a later one.
            memory: (B, S, d_model) tensor, what the encoder has made of the source. It is taken
                as it comes: the block does not normalize it.
            memory_mask: None, or an additive tensor that broadcasts against the scores
                (B, num_heads, T, S) of the cross-attention: 0 where the memory may be seen, -inf
                where it may not. It may be float32 where ``x`` is float64. If a position may see
                nothing of the memory, the cross-attention adds 0 there.

        Returns:
            (B, T, d_model) tensor in the dtype of ``x``: the stream after all three sub-layers.
        """
        seen = causal_mask(x.shape[1])
        x = x + self.self_attention(self.norm1(x), mask=seen)[0]
        x = x + self.cross_attention(self.norm2(x), memory, memory_mask)[0]
        return x + self.feed_forward(self.norm3(x))


def greedy_decode(model, source, bos, eos, max_len):
    """Let a model write, one token after the other, always the likeliest one.

    A row has ended once it holds ``eos``. The rows of a batch end at different times: the places
    of a row after its first ``eos`` are filled with ``eos``, whatever the model would write there.
    Writing ends when every row has ended, or after ``max_len`` tokens.

    Args:
        model: a function (source (B, S), target_in (B, T)) → logits (B, T, V). ``target_in`` is
            long and starts with ``bos``; the logits at its position t are those of the token
            that follows, and depend on nothing in ``target_in`` after t.
        source: (B, S) long tensor, what should be translated.
        bos: the token that every target begins with.
        eos: the token that ends a row.
        max_len: the largest number of tokens that may be written, at least 1.

    Returns:
        (B, n) long tensor, n ≤ ``max_len``: what was written, without ``bos``.
    """
    written = source.new_full((len(source), 1), bos)
    ended = torch.zeros_like(source[:, 0], dtype=torch.bool)
    with torch.no_grad():
        while written.shape[1] <= max_len and not ended.all():
            token = model(source, written)[:, -1].argmax(dim=-1)
            token = token.masked_fill(ended, eos)
            written = torch.cat([written, token[:, None]], dim=1)
            ended = ended | (token == eos)
    return written[:, 1:]


def sequence_accuracy(predicted, expected, pad):
    """The share of sequences that are right from end to end.

    A row is right when it agrees with what is expected at every place where something is
    expected, that is, where ``expected`` is not ``pad``. It does not matter what the row holds at
    the other places, and one wrong token makes the whole row wrong.

    Args:
        predicted: (B, T) long tensor.
        expected: (B, T) long tensor, padded with ``pad``.
        pad: the token that stands for "nothing is expected here".

    Returns:
        A Python float from 0 to 1: right rows divided by all rows.
    """
    agrees = (predicted == expected) | (expected == pad)
    return agrees.all(dim=1).double().mean().item()


def beam_search(model, source, bos, eos, max_len, width):
    """Let a model write while keeping the ``width`` likeliest texts so far, not one alone.

    A beam is a text with the sum of the log-probabilities of its tokens. At each step every beam
    that has not ended is continued by every token; a beam that has ended stays as it is. Of all
    these, the ``width`` with the highest sums are kept, whatever their lengths. Writing ends when
    all that are kept have ended, or after ``max_len`` tokens. (Graves 2012, section 2.6;
    Sutskever, Vinyals and Le 2014, section 3.2. No length penalty.)

    Args:
        model: a function (source (1, S), target_in (1, T)) → logits (1, T, V), as for
            ``greedy_decode``. It may also be given several rows, with the source repeated.
        source: (1, S) long tensor, what should be translated.
        bos: the token that every target begins with.
        eos: the token that ends a text.
        max_len: the largest number of tokens that may be written, at least 1.
        width: how many beams are kept, at least 1; with 1 it is ``greedy_decode``.

    Returns:
        A pair: the tokens of the likeliest text that was kept, an (n,) long tensor without
        ``bos`` and with its ``eos`` if it has ended; and the log-probability of that text, a
        Python float.
    """
    beams = [(0.0, [bos])]
    with torch.no_grad():
        for step in range(max_len):
            found = []
            for score, written in beams:
                if step and written[-1] == eos:
                    found.append((score, written))
                    continue
                logits = model(source, source.new_tensor([written]))[0, -1]
                chances = torch.log_softmax(logits, dim=-1).tolist()
                found += [
                    (score + chances[token], [*written, token]) for token in range(len(chances))
                ]
            beams = sorted(found, key=lambda beam: -beam[0])[:width]
            if all(written[-1] == eos for _, written in beams):
                break
    score, written = beams[0]
    return source.new_tensor(written[1:]), score


def induction_head(vocab_size, max_len):
    """Build by hand two heads, one after the other, that continue a pattern seen before.

    The input at position p is the one-hot vector of its token, followed by the one-hot vector of
    p: V + T numbers, with V = ``vocab_size`` and T = ``max_len``. The first head works on these.
    The second head's input at p is the first head's input at p followed by the first head's output
    at p: V + T + m numbers. Both heads are used with a causal mask (position t sees 0 … t), and
    their scores are divided by the root of the width of their queries.

    Take a position t whose token has occurred before t, and let s be the latest such position.
    The second head's output at t should be the one-hot vector of the token at s + 1, V numbers,
    each within 0.05, in every sequence of up to T tokens. (If s + 1 is t, that is the token at t.)
    What comes out at the other positions is up to you, and so are the weights that the heads give:
    only the output is judged. Many matrices do this; any of them will do.

    The idea is from Elhage et al. 2021 and Olsson et al. 2022.

    Args:
        vocab_size: V, how many different tokens there are.
        max_len: T, the largest number of positions.

    Returns:
        A pair of dicts (first, second), each with three float tensors laid out as the weight of an
        nn.Linear, (out, in). first: "W_query" (w, V + T), "W_key" (w, V + T), "W_value"
        (m, V + T), with widths w and m of your choice. second: "W_query" (u, V + T + m), "W_key"
        (u, V + T + m), with a width u of your choice, and "W_value" (V, V + T + m).
    """
    first = previous_token_head(vocab_size, max_len)
    tokens, places = torch.eye(vocab_size), torch.arange(float(max_len))
    query = torch.zeros(vocab_size + 1, 2 * vocab_size + max_len)
    key, value = torch.zeros_like(query), torch.zeros_like(query[:-1])
    later = math.sqrt(vocab_size + 1) * (math.log(max_len) + 10.0)
    query[:-1, :vocab_size] = 4.0 * max_len * later * tokens
    query[-1, :vocab_size] = later
    key[:-1, vocab_size + max_len :] = tokens
    key[-1, vocab_size : vocab_size + max_len] = places
    value[:, :vocab_size] = tokens
    return first, {"W_query": query, "W_key": key, "W_value": value}
