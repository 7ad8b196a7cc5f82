# ruff: noqa: E501  (lines of code, quoted whole)
"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
    "sample_next": {
        change(
            "return torch.multinomial(torch.softmax(scores, dim=-1), 1, generator=generator)[:, 0]",
            "return torch.multinomial(torch.softmax(scores, dim=-1), 1, generator=generator)[:, -1]",
        ): "one draw for each row: the first is the last",
        change(
            "return torch.multinomial(torch.softmax(scores, dim=-1), 1, generator=generator)[:, 0]",
            "return torch.multinomial(torch.softmax(scores, dim=+1), 1, generator=generator)[:, 0]",
        ): "of two axes the last is number 1",
        change(
            "scores = scores.masked_fill(outside.scatter(-1, order, outside), -math.inf)",
            "scores = scores.masked_fill(outside.scatter(+1, order, outside), -math.inf)",
        ): "of two axes the last is number 1",
        change(
            "outside = ranked.cumsum(dim=-1) - ranked >= top_p",
            "outside = ranked.cumsum(dim=-1) - ranked > top_p",
        ): "a mass that equals top_p exactly is not judged",
        change(
            "outside = ranked.cumsum(dim=-1) - ranked >= top_p",
            "outside = ranked.cumsum(dim=+1) - ranked >= top_p",
        ): "of two axes the last is number 1",
        change(
            "ranked, order = torch.softmax(scores, dim=-1).sort(descending=True)",
            "ranked, order = torch.softmax(scores, dim=+1).sort(descending=True)",
        ): "of two axes the last is number 1",
        change(
            "least = scores.topk(min(top_k, scores.shape[-1])).values[:, -1:]",
            "least = scores.topk(min(scores.shape[-1], top_k)).values[:, -1:]",
        ): "the smaller of two numbers, in either order",
        change(
            "least = scores.topk(min(top_k, scores.shape[-1])).values[:, -1:]",
            "least = scores.topk(min(top_k, scores.shape[+1])).values[:, -1:]",
        ): "of two axes the last is number 1",
        change(
            "return logits.argmax(dim=-1)", "return logits.argmax(dim=+1)"
        ): "of two axes the last is number 1",
    },
    "attend_with_cache": {
        change(
            "scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])",
            "scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])",
        ): "an exchange of two axes is the same in either order",
    },
    "next_logits": {
        change(
            "return (model.head(model.norm(x))[:, 0], (past + 1, kept))",
            "return (model.head(model.norm(x))[:, -1], (past + 1, kept))",
        ): "there is one place: the first is the last",
        change(
            "x = x + attention.W_output(found.transpose(1, 2).flatten(-2))",
            "x = x + attention.W_output(found.transpose(1, 2).flatten(+2))",
        ): "of four axes the second last is number 2",
        change(
            "x = x + attention.W_output(found.transpose(1, 2).flatten(-2))",
            "x = x + attention.W_output(found.transpose(2, 1).flatten(-2))",
        ): "an exchange of two axes is the same in either order",
        change(
            "query, key, value = (part.transpose(1, 2) for part in parts)",
            "query, key, value = (part.transpose(2, 1) for part in parts)",
        ): "an exchange of two axes is the same in either order",
        change(
            "for block, before in zip(model.blocks, layers, strict=True):",
            "for block, before in zip(model.blocks, layers):",
        ): "there is one cache for each block",
        change(
            "for block, before in zip(model.blocks, layers, strict=True):",
            "for block, before in zip(model.blocks, layers, strict=False):",
        ): "there is one cache for each block",
        change(
            "raise ValueError(f'token {past + 1} does not fit into a block of {model.block_size}')",
            "raise ValueError(f'token {past - 1} does not fit into a block of {model.block_size}')",
        ): "the message has to name block_size; which token it counts is a help",
        change(
            "raise ValueError(f'token {past + 1} does not fit into a block of {model.block_size}')",
            "raise ValueError(f'token {past + 2} does not fit into a block of {model.block_size}')",
        ): "the message has to name block_size; which token it counts is a help",
        change(
            "raise ValueError(f'token {past + 1} does not fit into a block of {model.block_size}')",
            "raise ValueError(f'token {past + 0} does not fit into a block of {model.block_size}')",
        ): "the message has to name block_size; which token it counts is a help",
    },
    "learning_rate": {
        change(
            "done = (step - warmup) / (steps - warmup)",
            "done = (step - warmup) / (warmup - steps)",
        ): "the cosine of an angle is that of its negative",
        change(
            "done = (step - warmup) / (steps - warmup)",
            "done = (warmup - step) / (steps - warmup)",
        ): "the cosine of an angle is that of its negative",
    },
}
