"""PyTorch's compiler comes when something needs it, and an optimizer does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEFORE = """
import sys, torch
from grader import compiler
compiler.delay()
layer = torch.nn.Linear(2, 1)

def trained(kind=torch.optim.AdamW):
    optimizer = kind(layer.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    return layer.weight.detach().clone()

def there():
    return hasattr(sys.modules.get("torch._dynamo"), "__file__")
"""


def said(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_optimizers_do_without_it_and_do_the_same() -> None:
    code = """
torch.nn.init.ones_(layer.weight)
before = [trained(kind) for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)]
state = torch.optim.Adam(layer.parameters()).state_dict()
torch.optim.Adam(layer.parameters()).load_state_dict(state)
import inspect, warnings
inspect.getmodule(layer.forward)  # looks at every module
print(there())
import torch._dynamo.config
torch.nn.init.ones_(layer.weight)
after = [trained(kind) for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)]
print(there(), all(torch.equal(a, b) for a, b in zip(before, after, strict=True)))
"""
    assert said(code) == ["False", "True", "True"]


@pytest.mark.parametrize(
    "use",
    [
        "torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1))",
        "import torch._dynamo.config",
        "from torch._dynamo.backends import registry",
        "torch._dynamo.reset()",
        "torch._dynamo.disable(lambda: 1)()",
        "from torch._dynamo import config",
    ],
)
def test_whatever_needs_it_finds_the_real_one(use: str) -> None:
    """Once, whole, and with nothing left of what stood in for it."""
    code = f"""
trained()
{use}
real = sys.modules["torch._dynamo"]
config = sys.modules["torch._dynamo.config"]
print(there(), real is torch._dynamo, real.config is real.eval_frame.config is config)
print(type(sys.modules["torch._dynamo.config"].__spec__.loader).__name__)
print(any(type(finder).__module__ == "grader.later" for finder in sys.meta_path))
doubled = torch.compile(lambda x: 2 * x, backend="eager")
trained()
print(doubled(torch.ones(1)).item())
left_out = torch.optim.Optimizer.zero_grad.__wrapped__  # of what is compiled, by the real one now
print(getattr(left_out, compiler.MARK) is left_out)
"""
    assert said(code) == ["True", "True", "True", "SourceFileLoader", "False", "2.0", "False"]


def test_a_part_that_does_not_exist_is_missed_as_ever() -> None:
    code = """
try:
    import torch._dynamo.no_such_part
except ModuleNotFoundError as error:
    print(error.name)
print(there())
"""
    assert said(code) == ["torch._dynamo.no_such_part", "True"]


def test_one_that_is_loaded_already_stays() -> None:
    code = """
import torch._dynamo.config
real = torch._dynamo
compiler.delay()
print(there(), sys.modules["torch._dynamo"] is real is torch._dynamo)
"""
    assert said(code) == ["True", "True"]


def test_a_module_of_functions_is_loaded_when_one_is_called() -> None:
    code = """
from grader.later import Functions, Package, StandIn
Package(StandIn("wsgiref"), Functions("wsgiref.util")).delay()
from wsgiref.util import guess_scheme
print(type(sys.modules["wsgiref.util"]).__name__)
print(guess_scheme({"HTTPS": "on"}), type(sys.modules["wsgiref.util"]).__name__)
"""
    assert said(code) == ["Functions", "https", "module"]
