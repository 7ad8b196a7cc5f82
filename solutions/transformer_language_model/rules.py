"""Judge trained weights in the reference's own model. This rule stays in the judge."""

from __future__ import annotations

import numpy as np

from grader.protocol.values import Check, Reply
from grader.rules.rule import Finding, for_each_reply
from solutions.transformer_language_model.checks import model_reference
from solutions.transformer_language_model.public.rules import mean_nll, rising, too_high


@for_each_reply
def learned_weights(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the trained weights, run by the judge's own model, give a low enough loss."""
    asked = check.cases[index]
    problem = rising(reply, asked.ask.args[2])
    if problem:
        return Finding(problem)
    state, wanted = reply.value[-1], check.options["shapes"]
    shapes = {path: tuple(value.data.shape) for path, value in state.items()}
    if shapes != wanted:
        return Finding("the trained model's weights have other names or shapes")
    weights = {path: value.data for path, value in state.items()}
    if not all(np.isfinite(array).all() for array in weights.values()):
        return Finding("a weight of the trained model is inf or nan")
    with np.errstate(all="ignore"):
        logits = model_reference(check.options["heads"], weights, check.options["windows"][index])
    problem = too_high(mean_nll(logits, check.options["targets"][index]), check.options, index)
    if problem:
        return Finding(problem)
    return None
