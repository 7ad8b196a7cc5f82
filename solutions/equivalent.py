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
    "gradient_by_depth": {
        change(
            "loss = nn.functional.mse_loss(nn.functional.layer_norm(x, (32,)), target)",
            "loss = nn.functional.mse_loss(target, nn.functional.layer_norm(x, (32,)))",
        ): "a squared distance is the same from either end",
        change(
            "x = block.norm2(x + block.feed_forward(x))",
            "x = block.norm2(x - block.feed_forward(x))",
        ): "the sign of a branch with random weights is chance itself",
        change(
            "x = block.norm1(x + block.attention(x)[0])",
            "x = block.norm1(x - block.attention(x)[0])",
        ): "the sign of a branch with random weights is chance itself",
        change(
            "nn.init.zeros_(block.feed_forward.down.bias)", "pass"
        ): "a few small random biases change no gradient's size that can be told from the draw",
        change(
            "nn.init.zeros_(block.feed_forward.down.bias)",
            "nn.init.zeros_(block.feed_forward.up.bias)",
        ): "a few small random biases change no gradient's size that can be told from the draw",
        change(
            "nn.init.zeros_(block.feed_forward.up.bias)", "pass"
        ): "a few small random biases change no gradient's size that can be told from the draw",
        change(
            "nn.init.zeros_(block.feed_forward.up.bias)",
            "nn.init.zeros_(block.feed_forward.down.bias)",
        ): "a few small random biases change no gradient's size that can be told from the draw",
        change(
            "blocks = [TransformerBlock(32, 4, 128) for _ in range(depth)]",
            "blocks = [TransformerBlock(32, 4, 129) for _ in range(depth)]",
        ): "one hidden feature more or less: what is judged is the effect of depth, not one number",
        change(
            "blocks = [TransformerBlock(32, 4, 128) for _ in range(depth)]",
            "blocks = [TransformerBlock(32, 4, 127) for _ in range(depth)]",
        ): "one hidden feature more or less: what is judged is the effect of depth, not one number",
        change(
            "torch.manual_seed(0)", "torch.manual_seed(1)"
        ): "another draw shows the same effect, and the order of the draws is free",
        change(
            "torch.manual_seed(0)", "torch.manual_seed(-1)"
        ): "another draw shows the same effect, and the order of the draws is free",
    },
    "bigram_mle": {
        change(
            "totals = counts.sum(dim=-1, keepdim=True)", "totals = counts.sum(dim=+1, keepdim=True)"
        ): "of two axes the last is number 1",
    },
    "negative_log_likelihood": {
        change(
            "index = targets.where(counts, 0).unsqueeze(-1)",
            "index = targets.where(counts, 1).unsqueeze(-1)",
        ): "any token's id will do in a place that does not count",
    },
    "entropy_rate": {
        change(
            "stationary = torch.linalg.solve((torch.eye(len(table)) - table + 1).mT, ones)",
            "stationary = torch.linalg.solve((table - torch.eye(len(table)) + 1).mT, ones)",
        ): "the same system with the sign of its homogeneous part turned",
    },
    "fit_bigram": {
        change(
            "return logits.softmax(dim=-1).detach()", "return logits.softmax(dim=+1).detach()"
        ): "of two axes the last is number 1",
        change(
            "logits = torch.zeros(vocab_size, vocab_size, requires_grad=True)",
            "logits = torch.ones(vocab_size, vocab_size, requires_grad=True)",
        ): "softmax does not see a constant",
    },
    "greedy_decode": {
        change(
            "token = model(source, written)[:, -1].argmax(dim=-1)",
            "token = model(source, written)[:, -1].argmax(dim=+1)",
        ): "of two axes the last is number 1",
        change(
            "while written.shape[1] <= max_len and (not ended.all()):",
            "while written.shape[1] <= max_len and ~ended.all():",
        ): "of one truth value `not` and `~` are the same",
        change(
            "ended = torch.zeros_like(source[:, 0], dtype=torch.bool)",
            "ended = torch.zeros_like(source[:, -1], dtype=torch.bool)",
        ): "only the number of rows is taken from it",
    },
    "induction_head": {
        change(
            "query[:-1, :vocab_size] = 4.0 * max_len * later * tokens",
            "query[:-1, :vocab_size] = 8.0 * max_len * later * tokens",
        ): "a sharper or slightly less sharp head is still right",
        change(
            "query[:-1, :vocab_size] = 4.0 * max_len * later * tokens",
            "query[:-1, :vocab_size] = 5.0 * max_len * later * tokens",
        ): "a sharper or slightly less sharp head is still right",
        change(
            "later = math.sqrt(vocab_size + 1) * (math.log(max_len) + 10.0)",
            "later = math.sqrt(vocab_size + 1) * (math.log(max_len) + 20.0)",
        ): "a sharper or slightly less sharp head is still right",
        change(
            "later = math.sqrt(vocab_size + 1) * (math.log(max_len) + 10.0)",
            "later = math.sqrt(vocab_size + 1) * (math.log(max_len) + 11.0)",
        ): "a sharper or slightly less sharp head is still right",
        change(
            "later = math.sqrt(vocab_size + 1) * (math.log(max_len) + 10.0)",
            "later = math.sqrt(vocab_size - 1) * (math.log(max_len) + 10.0)",
        ): "a sharper or slightly less sharp head is still right",
        change(
            "later = math.sqrt(vocab_size + 1) * (math.log(max_len) + 10.0)",
            "later = math.sqrt(vocab_size + 2) * (math.log(max_len) + 10.0)",
        ): "a sharper or slightly less sharp head is still right",
        change(
            "later = math.sqrt(vocab_size + 1) * (math.log(max_len) + 10.0)",
            "later = math.sqrt(vocab_size + 0) * (math.log(max_len) + 10.0)",
        ): "a sharper or slightly less sharp head is still right",
        change(
            "key, value = (torch.zeros_like(query), torch.zeros_like(query[:-1]))",
            "key, value = (torch.ones_like(query), torch.zeros_like(query[:-1]))",
        ): "the same number in every score, which softmax does not see",
        change(
            "query = torch.zeros(vocab_size + 1, 2 * vocab_size + max_len)",
            "query = torch.ones(vocab_size + 1, 2 * vocab_size + max_len)",
        ): "the same number in every score, which softmax does not see",
    },
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
}
