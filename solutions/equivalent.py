# ruff: noqa: E501  (lines of code, quoted whole)
"""Mutants that no check can catch, and why: they are the same function within the contract.

``EQUIVALENT`` maps an exercise to its surviving changes ("line before  →  line after") and the
reason. ``FREE`` names exercises that leave the answer to the student.
"""

from __future__ import annotations


def change(before: str, after: str) -> str:
    """How a mutant's change is written."""
    return f"{before}  →  {after}"


FREE: dict[str, str] = {
    "examine_attention": "a test with another example is another good test",
}

EQUIVALENT: dict[str, dict[str, str]] = {
    "cosine_similarity": {
        change(
            "return keys @ query / np.where(lengths > 0, lengths, 1.0)",
            "return keys @ query / np.where(lengths > 0, lengths, 2.0)",
        ): "a zero vector scores 0 whatever number stands in for its length",
    },
    "attention": {
        change(
            "query, keys, values = (np.asarray(given, dtype=np.float64) for given in (query, keys, values))",
            "query, keys, values = (np.asarray(given) for given in (query, keys, values))",
        ): "softmax turns scores into float64, and integers multiply into it exactly",
    },
    "batched_attention": {
        change(
            "weights = softmax(queries @ keys.T, axis=-1)", "weights = softmax(queries @ keys.T)"
        ): "the last axis is the default, and of two axes the last is number 1",
        change(
            "weights = softmax(queries @ keys.T, axis=-1)",
            "weights = softmax(queries @ keys.T, axis=+1)",
        ): "the last axis is the default, and of two axes the last is number 1",
    },
    "design_query": {
        change(
            "target[wanted] = sharpness + np.log(len(keys))",
            "target[wanted] = sharpness + np.exp(len(keys))",
        ): "a larger gap than needed leaves even less for the others",
    },
    "scaled_dot_product_attention": {
        change(
            "scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])",
            "scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])",
        ): "an exchange of two axes is the same in either order",
    },
    "split_heads": {
        change(
            "return pieces.transpose(-3, -2)", "return pieces.transpose(-2, -3)"
        ): "an exchange of two axes is the same in either order",
    },
    "merge_heads": {
        change(
            "return x.transpose(-3, -2).flatten(-2)", "return x.transpose(-2, -3).flatten(-2)"
        ): "an exchange of two axes is the same in either order",
    },
    "MultiHeadAttention": {
        change(
            "weights = torch.softmax(scores.masked_fill(empty, 0.0), dim=-1).masked_fill(empty, 0.0)",
            "weights = torch.softmax(scores.masked_fill(empty, 1.0), dim=-1).masked_fill(empty, 0.0)",
        ): "any finite number will do before softmax: the row is set to 0 afterwards",
        change(
            "scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])",
            "scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])",
        ): "an exchange of two axes is the same in either order",
        change(
            "scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])",
            "scores = query @ key.transpose(+2, -1) / math.sqrt(query.shape[-1])",
        ): "of four axes, number 2 is the last but one",
    },
    "previous_token_head": {
        change(
            "no_token = torch.zeros(max_len, vocab_size)",
            "no_token = torch.ones(max_len, vocab_size)",
        ): "the same number is added to every key's score, which softmax does not see",
        change(
            "sharpness = math.sqrt(max_len) * (math.log(max_len) + 10.0)",
            "sharpness = math.sqrt(max_len) * (math.log(max_len) + 20.0)",
        ): "a sharper head is still right",
        change(
            "sharpness = math.sqrt(max_len) * (math.log(max_len) + 10.0)",
            "sharpness = math.sqrt(max_len) * (math.log(max_len) + 11.0)",
        ): "a sharper head is still right",
    },
    "mended_heads": {
        change(
            "scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])",
            "scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])",
        ): "an exchange of two axes is the same in either order",
        change(
            "scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])",
            "scores = q @ k.transpose(+2, -1) / math.sqrt(q.shape[-1])",
        ): "of four axes, number 2 is the last but one",
        change(
            "future = torch.full((q.shape[-2], k.shape[-2]), -math.inf).triu(1)",
            "future = torch.full((k.shape[-2], q.shape[-2]), -math.inf).triu(1)",
        ): "queries and keys have the same number of positions and four axes here",
        change(
            "future = torch.full((q.shape[-2], k.shape[-2]), -math.inf).triu(1)",
            "future = torch.full((q.shape[-2], k.shape[+2]), -math.inf).triu(1)",
        ): "queries and keys have the same number of positions and four axes here",
        change(
            "future = torch.full((q.shape[-2], k.shape[-2]), -math.inf).triu(1)",
            "future = torch.full((q.shape[+2], k.shape[-2]), -math.inf).triu(1)",
        ): "queries and keys have the same number of positions and four axes here",
    },
    "sinusoidal_encoding": {
        change(
            "angle = position * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)",
            "angle = position * base ** (-torch.arange(0, d, 2) / d)",
        ): "float32 frequencies: the difference is rounding, below the tolerance of a float32 result",
        change(
            "position = torch.arange(n, dtype=torch.float64)[:, None]",
            "position = torch.arange(n)[:, None]",
        ): "whole numbers are exact in either dtype",
    },
    "shift_matrix": {
        change(
            "angle = k * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)",
            "angle = k * base ** (-torch.arange(0, d, 2) / d)",
        ): "float32 frequencies: the difference is rounding, below the tolerance of a float32 result",
    },
    "LearnedPositionalEncoding": {
        change(
            "return x + self.embedding(torch.arange(n, device=x.device))",
            "return x + self.embedding(torch.arange(n))",
        ): "the checks run on the CPU, which is the default device",
    },
    "rotary_encoding": {
        change(
            "frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64, device=x.device) / d)",
            "frequency = base ** (-torch.arange(0, d, 2, device=x.device) / d)",
        ): "float32 frequencies: the difference is rounding, below the tolerance of a float32 result",
        change(
            "frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64, device=x.device) / d)",
            "frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)",
        ): "the checks run on the CPU, which is the default device",
        change(
            "positions = torch.arange(n, device=x.device)", "positions = torch.arange(n)"
        ): "the checks run on the CPU, which is the default device",
    },
    "alibi_bias": {
        change(
            "position = torch.arange(n, dtype=torch.float32)", "position = torch.arange(n)"
        ): "the checks run on the CPU, which is the default device",
    },
    "causal_mask": {
        change(
            "return torch.full((n, n), -math.inf, dtype=torch.float32).triu(1)",
            "return torch.full((n, n), -math.inf).triu(1)",
        ): "float32 is the default dtype",
    },
    "padding_mask": {
        change(
            "return torch.zeros(real.shape, dtype=torch.float32).masked_fill(~real, -math.inf)",
            "return torch.zeros(real.shape).masked_fill(~real, -math.inf)",
        ): "float32 is the default dtype",
    },
    "local_mask": {
        change(
            "return torch.zeros(n, n, dtype=torch.float32).masked_fill(distance > window, -math.inf)",
            "return torch.zeros(n, n).masked_fill(distance > window, -math.inf)",
        ): "float32 is the default dtype",
        change(
            "distance = (position[:, None] - position[None, :]).abs()",
            "distance = (position[None, :] - position[:, None]).abs()",
        ): "float32 is the default dtype",
    },
    "combine_masks": {
        change(
            "for mask in masks[1:]:", "for mask in masks[0:]:"
        ): "a mask combined with itself hides the same places",
    },
    "masked_attention": {
        change(
            "weights = torch.softmax(scores.masked_fill(empty, 0.0), dim=-1).masked_fill(empty, 0.0)",
            "weights = torch.softmax(scores.masked_fill(empty, 1.0), dim=-1).masked_fill(empty, 0.0)",
        ): "any finite number will do before softmax: the row is set to 0 afterwards",
        change(
            "scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])",
            "scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])",
        ): "an exchange of two axes is the same in either order",
    },
}
