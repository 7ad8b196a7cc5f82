"""Steps around a question of this lesson. They run in the student's process."""

from __future__ import annotations

import torch


def tiled(rows: torch.Tensor, times: int) -> torch.Tensor:
    """The rows, ``times`` times in a row, with no memory used beside the result's own."""
    return rows.repeat(times, 1)
