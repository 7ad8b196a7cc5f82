"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
    "scaled_dot_product_attention": {
        change(
            "scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])",
            "scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])",
        ): "an exchange of two axes is the same in either order",
    },
}
