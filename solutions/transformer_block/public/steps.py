"""Make stacks of blocks, and look at the parameters that a call makes.

These steps run in the student's process.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from grader.protocol.step_library import mode

MOST = 1000  # parameters


class Watch:
    """Holds every parameter that a module gets from now on, and the gradients computed for it."""

    def __init__(self) -> None:
        self.parameters: list[tuple[str, nn.Parameter]] = []
        self.squares: dict[int, float] = {}
        self.handle = register_module_parameter_registration_hook(self.keep)

    def keep(self, module: nn.Module, name: str, parameter: Any) -> None:
        if not isinstance(parameter, nn.Parameter) or len(self.parameters) >= MOST:
            return
        place = len(self.parameters)
        self.parameters.append((f"{type(module).__name__}.{name}", parameter))

        def note(gradient: torch.Tensor) -> None:
            self.squares[place] = float(gradient.detach().double().square().sum())

        parameter.register_hook(note)


def watch() -> Watch:
    """Begin to look at the parameters that are made."""
    return Watch()


def made(seen: Watch) -> list[tuple]:
    """Each parameter: (layer and name, shape, largest and mean absolute value, gradient).

    The gradient is the sum of its squares, None if none was computed. The look ends here.
    """
    seen.handle.remove()
    found = []
    for place, (name, parameter) in enumerate(seen.parameters):
        sizes = parameter.detach().double().abs()
        numbers = (float(sizes.max()), float(sizes.mean()))
        found.append((name, tuple(parameter.shape), *numbers, seen.squares.get(place)))
    return found


def settings(of: Any) -> dict[str, bool | str]:
    """Whether gradients are wanted, by parameter, and the mode; of a tensor, the first alone."""
    if isinstance(of, torch.Tensor):
        return {"requires_grad": of.requires_grad}
    wanted: dict[str, bool | str] = {
        f"requires_grad of {name}": p.requires_grad for name, p in of.named_parameters()
    }
    return wanted | {"training": mode(of)}


KINDS = {"list": list, "tuple": tuple, "ModuleList": nn.ModuleList}


def stacked(kind: str, *blocks: nn.Module) -> Any:
    """The blocks in a sequence of this kind."""
    return KINDS[kind](blocks)


def final_norm(width: int, learned: bool = True) -> nn.LayerNorm:
    """A layer norm for the end of a stack, with gain and bias if ``learned``."""
    return nn.LayerNorm(width, elementwise_affine=learned)


def freeze(block: nn.Module, *names: str) -> None:
    """Want no gradient for the parameters of these names; without names, for none of them all."""
    for name, parameter in block.named_parameters():
        if not names or name in names:
            parameter.requires_grad_(False)
