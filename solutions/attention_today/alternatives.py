"""Other right ways in lesson 10."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from grader.course.versions import alternative

INF = math.inf


# --- rms_norm -----------------------------------------------------------------------------------


@alternative("rms_norm", "PyTorch's own")
def rms_library(x, gain, eps=1e-6):
    return F.rms_norm(x, x.shape[-1:], gain, eps)


@alternative("rms_norm", "rsqrt and pow")
def rms_rsqrt(x, gain, eps=1e-6):
    return gain * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps))


@alternative("rms_norm", "in float64, and back")
def rms_wide(x, gain, eps=1e-6):
    wide = x.double()
    size = (wide.square().mean(-1, keepdim=True) + eps).sqrt()
    return (wide / size * gain.double()).to(x.dtype)


@alternative("rms_norm", "the length of the vector and √d")
def rms_norms(x, gain, eps=1e-6):
    d = x.size(-1)
    return x * math.sqrt(d) / (x.square().sum(-1, keepdim=True) + d * eps) ** 0.5 * gain


@alternative("rms_norm", "einsum, the axis put back")
def rms_einsum(x, gain, eps=1e-6):
    power = torch.einsum("...d,...d->...", x, x) / x.shape[-1]
    return torch.mul(gain, x / power.add(eps).sqrt()[..., None])


@alternative("rms_norm", "one vector after the other")
def rms_loop(x, gain, eps=1e-6):
    if x.dim() > 1:
        return torch.stack([rms_loop(part, gain, eps) for part in x])
    return x / torch.sqrt(x.dot(x) / len(x) + eps) * gain


@alternative("rms_norm", "a layer with its weight replaced")
def rms_module(x, gain, eps=1e-6):
    layer = nn.RMSNorm(x.shape[-1], eps=eps, elementwise_affine=False)
    return layer(x) * gain


# --- SwiGLU -------------------------------------------------------------------------------------


class _Gated(nn.Module):
    """The given part; each version writes its own forward."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)


@alternative("SwiGLU", "z times its sigmoid")
class SwigluWritten(_Gated):
    def forward(self, x):
        z = self.gate(x)
        return self.down(z * torch.sigmoid(z) * self.up(x))


@alternative("SwiGLU", "one product with both matrices")
class SwigluJoined(_Gated):
    def forward(self, x):
        both = x @ torch.cat([self.gate.weight, self.up.weight]).T
        gate, up = both.chunk(2, dim=-1)
        return self.down(nn.SiLU()(gate) * up)


@alternative("SwiGLU", "through torch's gated linear unit")
class SwigluGlu(_Gated):
    def forward(self, x):
        z = self.gate(x)
        return self.down(F.glu(torch.cat([z * self.up(x), z], dim=-1), dim=-1))


@alternative("SwiGLU", "matrices by hand")
class SwigluByHand(_Gated):
    def forward(self, x):
        z = torch.einsum("...d,fd->...f", x, self.gate.weight)
        hidden = z / (1 + torch.exp(-z)) * torch.einsum("...d,fd->...f", x, self.up.weight)
        return hidden @ self.down.weight.mT


@alternative("SwiGLU", "hidden unit after hidden unit")
class SwigluUnits(_Gated):
    def forward(self, x):
        out = 0.0
        for gate, up, down in zip(self.gate.weight, self.up.weight, self.down.weight.T):
            out = out + (F.silu(x @ gate) * (x @ up))[..., None] * down
        return out
