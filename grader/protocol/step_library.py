"""What the seam itself can make and do in a program of steps: targets that begin with "@".

Generators, optimizers and small models whose every output is known, for exercises that are given
a model (``train_step``, ``generate``, ``greedy_decode``). Nothing here holds an answer, and
nothing here decides anything: it runs beside student code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

OPTIMIZERS = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}


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


class Shallow(nn.Module):
    """Embedding, dropout, linear: logits (B, T, V) for tokens (B, T), each by itself.

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

    It raises ValueError past ``block_size``, and in training mode its logits are upside down.
    """

    def __init__(self, vocab_size: int, block_size: int) -> None:
        super().__init__()
        self.block_size = block_size
        self.current = nn.Parameter(torch.zeros(vocab_size, vocab_size))
        self.previous = nn.Parameter(torch.zeros(vocab_size, vocab_size))
        self.place = nn.Parameter(torch.zeros(block_size, vocab_size))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        width = tokens.shape[1]
        if width > self.block_size:
            raise ValueError(f"{width} tokens are more than the block of {self.block_size}")
        logits = self.current[tokens] + self.place[:width]
        logits = logits + nn.functional.pad(self.previous[tokens[:, :-1]], (0, 0, 1, 0))
        return -logits if self.training else logits


STOCK: dict[str, Callable[..., Any]] = {
    made.__name__: made
    for made in (generator, optimizer, state, grads, mode, set_mode, call, Shallow, Scripted)
}


# --- sequence to sequence -----------------------------------------------------------------------


def same(value: Any) -> Any:
    """A value as a step of its own, so that it can be looked at again after the call."""
    return value


class ScriptedPair(nn.Module):
    """An encoder-decoder whose logits are sums of tables: for target x and source s they are
    script[s_0, t] + reads[s_(t mod S)] + current[x_t] + previous[x_(t-1)], with (W, L, V),
    (W, V), (V, V) and (V, V) parameters. From place L on, the script stays at its last row.
    """

    def __init__(self, source_size: int, vocab_size: int, length: int) -> None:
        super().__init__()
        self.script = nn.Parameter(torch.zeros(source_size, length, vocab_size))
        self.reads = nn.Parameter(torch.zeros(source_size, vocab_size))
        self.current = nn.Parameter(torch.zeros(vocab_size, vocab_size))
        self.previous = nn.Parameter(torch.zeros(vocab_size, vocab_size))

    def forward(self, source: torch.Tensor, target_in: torch.Tensor) -> torch.Tensor:
        place = torch.arange(target_in.shape[1])
        script = self.script[source[:, 0]][:, place.clamp(max=self.script.shape[1] - 1)]
        logits = script + self.reads[source[:, place % source.shape[1]]] + self.current[target_in]
        return logits + nn.functional.pad(self.previous[target_in[:, :-1]], (0, 0, 1, 0))


STOCK |= {made.__name__: made for made in (same, ScriptedPair)}


# --- transformer language model -----------------------------------------------------------------


def stain(model: nn.Module, value: float) -> None:
    """Leave a gradient of ``value`` behind in every entry of every parameter."""
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, value)


class Rows(nn.Module):
    """Queries, keys and values of a sequence, as parameters ``query``, ``key`` and ``value``.

    ``rows["key"][t]`` is the key of position t, (..., 1, d), on the way to which a gradient flows.
    """

    def __init__(self, batch: list, length: int, d_k: int, d_v: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(*batch, length, d_k))
        self.key = nn.Parameter(torch.zeros(*batch, length, d_k))
        self.value = nn.Parameter(torch.zeros(*batch, length, d_v))

    def __getitem__(self, name: str) -> tuple[torch.Tensor, ...]:
        return getattr(self, name).split(1, dim=-2)


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


STOCK |= {made.__name__: made for made in (stain, Rows, again, tally)}
