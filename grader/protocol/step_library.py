"""Steps that a check can run before and after a call: a step's target begins with "@".

They make generators and optimizers and read the state of models, for exercises that are given a
model. A lesson adds steps "@lesson.name" in its module ``public.steps``. These functions run in
the student's process, so none of them may hold an answer or decide a mark.
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
    """Find the function or class behind "@name" or "@lesson.name"; LookupError if there is none."""
    lesson, _, function = name.rpartition(".")
    if not lesson:
        return STEPS[name]
    steps = importlib.import_module(f"{current().solutions}.{lesson}.public.steps")
    return vars(steps)[function]


def generator(seed: int) -> torch.Generator:
    """Make a generator in the state that ``seed`` gives."""
    return torch.Generator().manual_seed(seed)


def optimizer(name: str, model: nn.Module, **options: Any) -> torch.optim.Optimizer:
    """Make an optimizer for all the model's parameters."""
    return OPTIMIZERS[name](model.parameters(), **options)


def first_step() -> None:
    """Take one optimizer step in the forkserver, so that no worker has to wait for the first one.

    At the first use of any optimizer torch imports its compiler, which takes about as long as
    importing torch. Draw no random number here: every worker would inherit the changed state.
    """
    weight = torch.zeros(1, requires_grad=True)
    sgd = torch.optim.SGD([weight], lr=0.0)
    (weight * 2).sum().backward()
    sgd.step()


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copy the model's parameters as they are now, by name."""
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def grads(model: nn.Module) -> dict[str, torch.Tensor | None]:
    """Copy the gradients that the model's parameters hold now, by name; None for none."""
    return {
        name: None if value.grad is None else value.grad.detach().clone()
        for name, value in model.named_parameters()
    }


def mode(model: nn.Module) -> bool | str:
    """Tell whether the model is in training mode with all its parts; say so if they differ."""
    modes = {part.training for part in model.modules()}
    return modes.pop() if len(modes) == 1 else "different modes in different parts"


def set_mode(model: nn.Module, training: bool) -> nn.Module:
    """Put the model into training (True) or evaluation mode, and return it."""
    return model.train(training)


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call an earlier step's result, such as a built layer, without recording gradients."""
    with torch.no_grad():
        return function(*args, **kwargs)


def same(value: Any) -> Any:
    """Return the value, so that a step after the call can put it into the reply."""
    return value


def sliced(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same numbers as a slice of a larger tensor: its rows are not contiguous."""
    if tensor.dim() < 2:
        return torch.stack([tensor, tensor], dim=-1)[..., 0]
    return torch.cat([tensor, tensor[..., :1]], dim=-1)[..., :-1]


def transposed(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same numbers as a transpose: the first axis runs fastest in memory."""
    if tensor.dim() < 2:
        return sliced(tensor)
    back = tuple(reversed(range(tensor.dim())))
    return tensor.permute(back).contiguous().permute(back)


def leaf(tensor: torch.Tensor) -> torch.Tensor:
    """Set ``requires_grad`` on the tensor itself and return it, as a model in training gives it."""
    return tensor.requires_grad_(True)


def operations(tensor: torch.Tensor) -> list[str]:
    """Return autograd's names of the operations that a tensor was computed by, sorted."""
    pending, seen = [tensor.grad_fn], set()
    while pending:
        node = pending.pop()
        if node is not None and node not in seen:
            seen.add(node)
            pending += [before for before, _ in node.next_functions]
    return sorted({node.name() for node in seen})


def stain(model: nn.Module, value: float) -> None:
    """Set every entry of every parameter's gradient to ``value``, as if left over from before."""
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, value)


def again(rows: torch.Tensor, count: int) -> torch.Tensor:
    """Repeat the rows in turn until there are ``count`` of them."""
    return rows[torch.arange(count) % len(rows)]


def tally(drawn: torch.Tensor, groups: int, size: int, new: int = 0) -> torch.Tensor | str:
    """Count how often each group drew each token: (groups, size); row b is of group b % groups.

    ``drawn`` has the shape (B,). With ``new`` its rows are texts, and the last ``new`` tokens of
    each are together one of size^new outcomes. Anything but a tensor, and tokens outside
    0 … size - 1, give a text that says so.
    """
    if not isinstance(drawn, torch.Tensor):
        return f"what was drawn is a {type(drawn).__name__}, expected a tensor"
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
        sliced,
        transposed,
        leaf,
        operations,
        stain,
        again,
        tally,
    )
}
