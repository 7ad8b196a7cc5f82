"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
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
            "scores = scores + mask.masked_fill(empty, 0.0).to(scores.dtype)",
            "scores = scores + mask.masked_fill(empty, 1.0).to(scores.dtype)",
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
}
