"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
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
}
