"""Train the course's model by nanoGPT's small CPU recipe, beside tables and plain PyTorch.

    python -m tests.bench.language_model [--steps N] [--short]

Trains ``TransformerLM`` (4 layers, 4 heads, width 128, block 64, batch 12, 2000 steps) on a
megabyte of the English that comes with CPython, a character a token, and beside it, in turns, the
recipe itself in plain PyTorch: fused attention, first weights of standard deviation 0.02, the
token table used again as the head, weight decay for matrices alone, gradients clipped at 1.

Steps are timed in turns first, those of the course's model with PyTorch's GELU as well. Then the
recipe gets its steps, and the course's model as many as it can take in the same time. Prints
losses on held-out text next to those of n-gram tables. ``--short`` takes sixty steps.
"""

from __future__ import annotations

import argparse
import ast
import math
import statistics
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from unittest import mock

import torch
from torch import nn
from torch.nn import functional as F

from solutions import transformer_block
from solutions.transformer_language_model import TransformerLM, get_batch, train_step

BLOCK, BATCH, WIDTH, HEADS, LAYERS = 64, 12, 128, 4, 4
PEAK, LOW, WARM = 1e-3, 1e-4, 100
WARM_ROUNDS = 200
GELU = transformer_block.gelu
CONTEXT = 4  # tokens before each that is measured, for tables and models alike
CHARACTERS = 1_000_000


# --- the text -----------------------------------------------------------------------------------


def paragraphs() -> Iterator[str]:
    """Yield Python's reference pages, then the docstrings of its library, in sorted order."""
    for name in sorted(topics):
        yield from topics[name].split("\n\n")
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(library.rglob("*.py")):
        if {"test", "tests", "site-packages", "idlelib"} & set(path.relative_to(library).parts):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                yield from (ast.get_docstring(node) or "").split("\n\n")


def text(size: int) -> str:
    """Return ``size`` characters, no paragraph twice, in an order that mixes the sources."""
    once, length = {}, 0
    for paragraph in paragraphs():
        if paragraph and paragraph not in once:
            once[paragraph] = None
            length += len(paragraph) + 2
        if length > size:
            break
    kept = list(once)
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(0)).tolist()
    return "\n\n".join(kept[place] for place in order)[:size]


def tokens_of(characters: str) -> tuple[torch.Tensor, int]:
    """Turn the text into numbers; characters beyond the hundred most frequent share one."""
    ranked = sorted(set(characters), key=lambda c: (-characters.count(c), c))
    number = {character: min(rank, 100) for rank, character in enumerate(ranked)}
    return torch.tensor([number[character] for character in characters]), min(len(ranked), 101)


# --- tables of counts ---------------------------------------------------------------------------


def table_loss(train: torch.Tensor, test: torch.Tensor, n: int, vocab: int, prior: float) -> float:
    """Return the loss of n-gram counts, each row mixed with the next shorter table's."""
    chance = torch.full((len(test) - CONTEXT,), 1 / vocab, dtype=torch.float64)
    for size in range(n):
        codes = [_groups(part, size + 1, vocab) for part in (train, test)]
        wanted = codes[1][CONTEXT - size :]
        hits = _counted(codes[0], wanted)
        seen = _counted(codes[0] // vocab, wanted // vocab)
        chance = (hits + prior * chance) / (seen + prior)
    return -chance.log().mean().item()


def _groups(tokens: torch.Tensor, size: int, vocab: int) -> torch.Tensor:
    groups = torch.zeros(len(tokens) - size + 1, dtype=torch.long)
    for place in range(size):
        groups = groups * vocab + tokens[place : len(tokens) - size + 1 + place]
    return groups


def _counted(where: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Count how often each wanted number occurs."""
    known, counts = where.unique(return_counts=True)
    place = torch.searchsorted(known, wanted).clamp(max=len(known) - 1)
    return torch.where(known[place] == wanted, counts[place], 0).double()


# --- the same model in plain PyTorch ------------------------------------------------------------


class PlainBlock(nn.Module):
    """A pre-norm block with one matrix for queries, keys and values and the library's attention."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.into = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, d = x.shape
        parts = self.into(self.norm1(x)).view(b, t, 3, HEADS, d // HEADS).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.out(found.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class PlainLM(nn.Module):
    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab, WIDTH), nn.Embedding(BLOCK, WIDTH)
        self.blocks = nn.Sequential(*[PlainBlock() for _ in range(LAYERS)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, vocab)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
        return self.head(self.norm(self.blocks(x)))

    def step(self, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> float:
        loss = F.cross_entropy(self(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)
        optimizer.step()
        return loss.item()


def recipe(vocab: int) -> PlainLM:
    """Make the plain model with the recipe's first weights."""
    model = PlainLM(vocab)
    for name, weights in model.named_parameters():
        if weights.ndim > 1:
            last = name.endswith(("out.weight", "down.weight"))  # what is added to the stream
            nn.init.normal_(weights, std=0.02 / (math.sqrt(2 * LAYERS) if last else 1))
        elif name.endswith("bias"):
            nn.init.zeros_(weights)
    model.head.weight = model.tokens.weight
    return model


def with_weights_of(model: TransformerLM, vocab: int) -> PlainLM:
    """Make the plain model with the course model's weights: it must give the same logits."""
    plain = PlainLM(vocab)
    pairs = [
        (plain.tokens, model.token_embedding),
        (plain.places, model.position_embedding),
        (plain.norm, model.norm),
        (plain.head, model.head),
    ]
    for mine, theirs in zip(plain.blocks, model.blocks, strict=True):
        pairs += [(mine.norm1, theirs.norm1), (mine.norm2, theirs.norm2)]
        pairs += [(mine.up, theirs.feed_forward.up), (mine.down, theirs.feed_forward.down)]
        pairs += [(mine.out, theirs.attention.W_output)]
        own = theirs.attention
        three = [own.W_query.weight, own.W_key.weight, own.W_value.weight]
        with torch.no_grad():
            mine.into.weight.copy_(torch.cat(three))
    for mine, theirs in pairs:
        mine.load_state_dict(theirs.state_dict())
    return plain


# --- measuring ----------------------------------------------------------------------------------


def held_out(model: nn.Module, test: torch.Tensor) -> float:
    """Return the mean loss over tokens with at least CONTEXT before them, each once."""
    stride = BLOCK - CONTEXT + 1
    starts = torch.arange((len(test) - CONTEXT) // stride)[:, None] * stride
    x, y = (test[starts + shift + torch.arange(BLOCK)] for shift in (0, 1))
    total, count = 0.0, 0
    with torch.no_grad():
        for rows, successors in zip(x.split(64), y.split(64), strict=True):
            logits, due = model(rows)[:, CONTEXT - 1 :], successors[:, CONTEXT - 1 :]
            total += F.cross_entropy(logits.flatten(0, 1), due.flatten(), reduction="sum").item()
            count += due.numel()
    return total / count


def made_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.99))


def rate_at(step: int, steps: int) -> float:
    """Return the rate: a warm-up, then half a cosine from the peak to a tenth of it."""
    if step < WARM:
        return PEAK * (step + 1) / (WARM + 1)
    share = (step - WARM) / max(steps - WARM, 1)
    return LOW + 0.5 * (1 + math.cos(math.pi * share)) * (PEAK - LOW)


@dataclass
class Run:
    """One model in training: how many steps it is to take, and the seconds of each so far."""

    name: str
    model: nn.Module
    take: Callable[[nn.Module, torch.optim.Optimizer, torch.Tensor, torch.Tensor], float]
    steps: int

    def __post_init__(self) -> None:
        self.optimizer = made_optimizer(self.model)
        self.draws = torch.Generator().manual_seed(0)
        self.seconds: list[float] = []

    def step(self, train: torch.Tensor) -> None:
        """Take a step on the next batch, whose drawing counts as the run's time."""
        started = time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(len(self.seconds), self.steps)
        x, y = get_batch(train, BATCH, BLOCK, self.draws)
        self.take(self.model, self.optimizer, x, y)
        self.seconds.append(time.perf_counter() - started)


def made(vocab: int, steps: tuple[int, int]) -> tuple[Run, Run]:
    """Make the course's model and the recipe's."""
    torch.manual_seed(0)
    model = TransformerLM(vocab, WIDTH, HEADS, LAYERS, BLOCK)
    plain = recipe(vocab)
    return Run("course", model, train_step, steps[0]), Run("recipe", plain, PlainLM.step, steps[1])


def must_agree(vocab: int, x: torch.Tensor) -> None:
    """Check that both models are the same function of their weights, or times mean nothing."""
    model = TransformerLM(vocab, WIDTH, HEADS, LAYERS, BLOCK)
    plain = with_weights_of(model, vocab)
    torch.testing.assert_close(plain(x), model(x), rtol=1e-3, atol=1e-4)


def step_times(vocab: int, train: torch.Tensor, rounds: int) -> tuple[float, float, float]:
    """Return median seconds a step: the course's, that with PyTorch's GELU, the recipe's."""
    course, plain = made(vocab, (rounds, rounds))
    fused, _ = made(vocab, (rounds, rounds))
    for _ in range(rounds):
        for run in (course, fused, plain):
            with mock.patch.object(transformer_block, "gelu", F.gelu if run is fused else GELU):
                run.step(train)
    mine, other, theirs = (statistics.median(run.seconds) for run in (course, fused, plain))
    return mine, other, theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="60 steps, less text")
    args = parser.parse_args()
    if args.short:
        args.steps = 60
    torch.set_num_threads(args.threads)
    tokens, vocab = tokens_of(text(200_000 if args.short else CHARACTERS))
    cut = int(0.9 * len(tokens))
    train, test = tokens[:cut], tokens[cut:]
    print(f"{len(tokens):,} characters, {vocab} different ones, {len(test):,} held out")

    print("\n| held-out loss | nats per character |\n| --- | ---: |")
    print(f"| uniform | {math.log(vocab):.3f} |")
    for n, name in enumerate(("unigram", "bigram", "trigram", "4-gram", "5-gram"), 1):
        print(f"| {name} table | {table_loss(train, test, n, vocab, 4.0):.3f} |")

    must_agree(vocab, train[: BATCH * BLOCK].view(BATCH, BLOCK))
    mine, fused, theirs = step_times(vocab, train, min(WARM_ROUNDS, args.steps))
    print(
        f"\na step, in turns: {mine * 1e3:.1f} ms (course), {fused * 1e3:.1f} ms (with F.gelu), ",
        end="",
    )
    print(f"{theirs * 1e3:.1f} ms (recipe); course ÷ recipe {mine / theirs:.2f}, ", end="")
    print(f"with F.gelu {fused / theirs:.2f}\n")
    ratio = mine / theirs

    runs = made(vocab, (int(args.steps / ratio), args.steps))  # the same time for both
    for share in range(1, args.steps + 1):
        for run in runs:
            if len(run.seconds) < share * run.steps // args.steps:
                run.step(train)
        if share in (args.steps // 4, args.steps // 2, args.steps):
            for run in runs:
                steps, spent = len(run.seconds), sum(run.seconds)
                loss = held_out(run.model, test)
                print(f"| {run.name}, {steps} steps, {spent:.0f} s | {loss:.3f} |", flush=True)


if __name__ == "__main__":
    main()
