"""Laws of lesson 10: against torch's own layers, and by what each change is to leave as it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from solutions.attention_today import (
    SwiGLU,
    rms_norm,
)
from solutions.attention_today.checks import (
    rms_reference,
    swiglu_reference,
)

GENERATOR = torch.Generator().manual_seed(10)
HIDDEN = -math.inf


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def trained(layer: nn.Module) -> nn.Module:
    """The layer in float64 with no weight at its initial value."""
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(draw(*parameter.shape) / math.sqrt(parameter.shape[-1]))
    return layer


def arrays(layer: nn.Module) -> dict[str, np.ndarray]:
    return {name: weight.detach().numpy() for name, weight in layer.named_parameters()}


# --- RMSNorm ------------------------------------------------------------------------------------


@pytest.mark.parametrize("eps", [1e-6, 0.5])
def test_rms_norm_is_torchs(eps: float) -> None:
    x = draw(3, 4, 8)
    layer = trained(nn.RMSNorm(8, eps=eps))
    assert torch.allclose(rms_norm(x, layer.weight, eps), layer(x), atol=1e-12)
    reference = rms_reference(x.numpy(), arrays(layer)["weight"], eps)
    np.testing.assert_allclose(reference, layer(x).detach(), atol=1e-12)


def test_rms_norm_forgets_a_factor_and_no_shift() -> None:
    x, gain = draw(5, 6), draw(6)
    assert torch.allclose(rms_norm(7 * x, gain, 0.0), rms_norm(x, gain, 0.0))
    assert not torch.allclose(rms_norm(x + 7, gain, 0.0), rms_norm(x, gain, 0.0))


def test_rms_norm_of_a_centered_vector_is_its_layer_norm() -> None:
    x = draw(5, 6)
    x = x - x.mean(dim=-1, keepdim=True)
    expected = F.layer_norm(x, (6,), eps=1e-6)
    assert torch.allclose(rms_norm(x, torch.ones(6, dtype=x.dtype)), expected)


# --- SwiGLU -------------------------------------------------------------------------------------


def test_swiglu_is_a_composition_of_torchs_own() -> None:
    layer, x = trained(SwiGLU(5, 7)), draw(2, 3, 5)
    opened = nn.SiLU()(F.linear(x, layer.gate.weight))
    expected = F.linear(opened * F.linear(x, layer.up.weight), layer.down.weight)
    assert torch.allclose(layer(x), expected, atol=1e-12)
    np.testing.assert_allclose(swiglu_reference(arrays(layer), x.numpy()), expected.detach())


def test_a_shut_gate_lets_nothing_through() -> None:
    layer, x = trained(SwiGLU(4, 6)), torch.ones(1, 4, dtype=torch.float64)
    with torch.no_grad():
        layer.gate.weight.fill_(-100.0)
    assert layer(x).abs().max() < 1e-12
