# ruff: noqa: E501  (lines of code, quoted whole)
"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
    "sinusoidal_encoding": {
        change(
            "angle = position * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)",
            "angle = position * base ** (-torch.arange(0, d, 2) / d)",
        ): "float32 frequencies: the difference is rounding, below the tolerance of a float32 result",
        change(
            "position = torch.arange(n, dtype=torch.float64)[:, None]",
            "position = torch.arange(n)[:, None]",
        ): "whole numbers are exact in either dtype",
    },
    "shift_matrix": {
        change(
            "angle = k * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)",
            "angle = k * base ** (-torch.arange(0, d, 2) / d)",
        ): "float32 frequencies: the difference is rounding, below the tolerance of a float32 result",
    },
    "LearnedPositionalEncoding": {
        change(
            "return x + self.embedding(torch.arange(n, device=x.device))",
            "return x + self.embedding(torch.arange(n))",
        ): "the checks run on the CPU, which is the default device",
    },
    "rotary_encoding": {
        change(
            "frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64, device=x.device) / d)",
            "frequency = base ** (-torch.arange(0, d, 2, device=x.device) / d)",
        ): "float32 frequencies: the difference is rounding, below the tolerance of a float32 result",
        change(
            "frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64, device=x.device) / d)",
            "frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)",
        ): "the checks run on the CPU, which is the default device",
        change(
            "positions = torch.arange(n, device=x.device)", "positions = torch.arange(n)"
        ): "the checks run on the CPU, which is the default device",
    },
    "alibi_bias": {
        change(
            "position = torch.arange(n, dtype=torch.float32)", "position = torch.arange(n)"
        ): "the checks run on the CPU, which is the default device",
    },
}
