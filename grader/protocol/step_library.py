"""What a check can have made and done around a call: steps whose target begins with "@".

Generators, optimizers and the state of models, for exercises that are given a model. A lesson adds
models of its own in its module ``public.steps``, whose steps are called "@lesson.name". Nothing
here holds an answer, and nothing here decides anything: it runs beside student code.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from grader.coursefile import current

OPTIMIZERS = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}


def step_named(name: str) -> Callable[..., Any]:
    """The function or class behind "@name" or "@lesson.name"; LookupError if there is none."""
    lesson, _, own = name.rpartition(".")
    if not lesson:
        return STEPS[name]
    steps = importlib.import_module(f"{current().solutions}.{lesson}.public.steps")
    return vars(steps)[own]


def generator(seed: int) -> torch.Generator:
    """A generator in the state that ``seed`` gives."""
    return torch.Generator().manual_seed(seed)


def optimizer(name: str, model: nn.Module, **options: Any) -> torch.optim.Optimizer:
    """An optimizer for all the model's parameters."""
    return OPTIMIZERS[name](model.parameters(), **options)


def first_step() -> None:
    """Take one step with an optimizer, so that what is forked afterwards need not wait for it.

    At the first use of any optimizer torch imports its compiler, which takes about as long as torch
    itself. No random number is drawn here: a fork would begin with another state.
    """
    weight = torch.zeros(1, requires_grad=True)
    first = torch.optim.SGD([weight], lr=0.0)
    (weight * 2).sum().backward()
    first.step()


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    """The model's parameters as they are now, by name."""
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def grads(model: nn.Module) -> dict[str, torch.Tensor | None]:
    """The gradients that the model's parameters hold now, by name."""
    return {
        name: None if value.grad is None else value.grad.detach().clone()
        for name, value in model.named_parameters()
    }


def mode(model: nn.Module) -> bool:
    """Is the model in training mode?"""
    return model.training


def set_mode(model: nn.Module, training: bool) -> nn.Module:
    """The model, put into training (True) or evaluation mode."""
    return model.train(training)


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call an earlier step's result, such as a built layer, without its gradient."""
    with torch.no_grad():
        return function(*args, **kwargs)


def same(value: Any) -> Any:
    """A value as a step of its own, so that it can be looked at again after the call."""
    return value


def stain(model: nn.Module, value: float) -> None:
    """Leave a gradient of ``value`` behind in every entry of every parameter."""
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, value)


def again(rows: torch.Tensor, count: int) -> torch.Tensor:
    """``count`` rows: the given ones in turn, over and over."""
    return rows[torch.arange(count) % len(rows)]


def tally(drawn: torch.Tensor, groups: int, size: int, new: int = 0) -> torch.Tensor | str:
    """How often each token was drawn, (groups, size): row b of ``drawn`` (B,) is of b % groups.

    With ``new`` the rows are texts, whose last ``new`` tokens together are one of size^new
    outcomes. Something else than that many tokens of 0 … size - 1 is described in words.
    """
    if new:
        drawn = drawn[:, -new:]
        if not ((drawn >= 0) & (drawn < size)).all():
            return f"a token outside 0 … {size - 1} was drawn"
        drawn = (drawn * size ** torch.arange(new - 1, -1, -1)).sum(dim=1)
        size = size**new
    if drawn.dim() != 1 or not ((drawn >= 0) & (drawn < size)).all():
        return f"a token outside 0 … {size - 1} was drawn"
    group = torch.arange(len(drawn)) % groups
    return torch.bincount(group * size + drawn, minlength=groups * size).reshape(groups, size)


STEPS: dict[str, Callable[..., Any]] = {
    step.__name__: step
    for step in (
        generator,
        optimizer,
        state,
        grads,
        mode,
        set_mode,
        call,
        same,
        stain,
        again,
        tally,
    )
}
