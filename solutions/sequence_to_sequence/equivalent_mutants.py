"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
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
    "beam_search": {
        change(
            "if all((written[-1] == eos for _, written in beams)):",
            "if False:",
        ): "it saves time alone: beams that have ended stay as they are",
        change(
            "if all((written[-1] == eos for _, written in beams)):",
            "if all((written[+1] == eos for _, written in beams)):",
        ): "it saves time alone: beams that have ended stay as they are",
        change(
            "if all((written[-1] == eos for _, written in beams)):",
            "if all((written[-2] == eos for _, written in beams)):",
        ): "it saves time alone: beams that have ended stay as they are",
        change(
            "if all((written[-1] == eos for _, written in beams)):",
            "if all((written[-0] == eos for _, written in beams)):",
        ): "it saves time alone: beams that have ended stay as they are",
        change(
            "chances = torch.log_softmax(logits, dim=-1).tolist()",
            "chances = torch.log_softmax(logits, dim=-0).tolist()",
        ): "a single axis is the first and the last",
        change(
            "logits = model(source, source.new_tensor([written]))[0, -1]",
            "logits = model(source, source.new_tensor([written]))[-1, -1]",
        ): "of one row the first is the last",
    },
}
