"""Models with known outputs for this lesson's checks. They run in the student's process."""

from __future__ import annotations

import torch
from torch import nn


class Shallow(nn.Module):
    """Embedding, dropout, linear: logits (B, T, V) for tokens (B, T), each token on its own.

    Parameters ``embedding.weight`` (V, d), ``head.weight`` (V, d), ``head.bias`` (V,).
    """

    def __init__(self, vocab_size: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, vocab_size)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.embedding(tokens)))


class Scripted(nn.Module):
    """A language model whose logits are sums of tables: logits_t = current[x_t] +
    previous[x_(t-1)] + place[t], with (V, V), (V, V) and (block_size, V) parameters.

    More tokens than ``block_size`` raise ValueError. In training mode the logits are negated, so
    that a caller who forgets ``eval()`` is noticed. A child's mode counts, as that of a dropout
    layer does: ``model.training = False`` does not reach it.
    """

    def __init__(self, vocab_size: int, block_size: int) -> None:
        super().__init__()
        self.block_size = block_size
        self.part = nn.Identity()
        self.current = nn.Parameter(torch.zeros(vocab_size, vocab_size))
        self.previous = nn.Parameter(torch.zeros(vocab_size, vocab_size))
        self.place = nn.Parameter(torch.zeros(block_size, vocab_size))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        width = tokens.shape[1]
        if width > self.block_size:
            raise ValueError(f"{width} tokens are more than the block of {self.block_size}")
        logits = self.current[tokens] + self.place[:width]
        logits = logits + nn.functional.pad(self.previous[tokens[:, :-1]], (0, 0, 1, 0))
        return -logits if self.part.training else logits


class Rows(nn.Module):
    """Queries, keys and values of a sequence, as parameters ``query``, ``key`` and ``value``.

    ``rows["key"][t]`` is the key of position t, (..., 1, d); gradients flow back through it.
    """

    def __init__(self, batch: list, length: int, d_k: int, d_v: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(*batch, length, d_k))
        self.key = nn.Parameter(torch.zeros(*batch, length, d_k))
        self.value = nn.Parameter(torch.zeros(*batch, length, d_v))

    def __getitem__(self, name: str) -> tuple[torch.Tensor, ...]:
        return getattr(self, name).split(1, dim=-2)


class Reel:
    """Queries, keys and values of a sequence, handed out position by position.

    ``reel["query"]``, ``reel["key"]`` and ``reel["value"]`` are those of the present position,
    (..., 1, d); taking the value moves on to the next position.
    """

    def __init__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> None:
        self.rows = {"query": query, "key": key, "value": value}
        self.place = 0

    def __getitem__(self, name: str) -> torch.Tensor:
        row = self.rows[name][..., self.place : self.place + 1, :]
        self.place += name == "value"
        return row


class Tape:
    """The tokens of one text, handed out one after the other: each ``tape["token"]``, (1, 1), is
    the next one.
    """

    def __init__(self, tokens: torch.Tensor) -> None:
        self.left = iter(tokens.split(1, dim=-1))

    def __getitem__(self, name: str) -> torch.Tensor:
        return next(self.left)


def recording() -> bool:
    """Tell whether torch records gradients now."""
    return torch.is_grad_enabled()


def joined(rows: list[torch.Tensor]) -> torch.Tensor:
    """The outputs of all positions, (..., n, d)."""
    return torch.cat(rows, dim=-2)
