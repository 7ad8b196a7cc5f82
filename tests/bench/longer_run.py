"""Train a larger model on more text for about an hour: the weights that lesson 8 loads at its end.

    python -m tests.bench.longer_run [--steps N] [--output FILE]

The model is the course's ``TransformerLM`` (5 layers, 4 heads, width 128, block 128), trained with
the course's ``get_batch``, ``train_step`` and ``learning_rate`` on one core. It reads the prose of
Python's reference pages and of the docstrings of its library, each paragraph once and in a random
order. Lesson 8's unseen text is left out, and so is every paragraph that shares forty characters in
a row with it. Tables of counts of the same text are the baseline.

FILE (lesson 8's own by default) is for ``torch.load(FILE, weights_only=True)``: ``sizes``, the
arguments of ``TransformerLM``; ``weights``, its state in float16; ``characters``, what its tokens
stand for, where the last is for all others; ``record``, what this run measured.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import nbformat
import torch

from grader.bundles import PUBLIC
from grader.course.layout import SOLUTIONS, SOLVED, assignment_id
from solutions.mle_language_modeling import negative_log_likelihood
from solutions.transformer_language_model import (
    TransformerLM,
    get_batch,
    learning_rate,
    train_step,
)
from tests.bench.language_model import paragraphs

LESSON = "transformer_language_model"
CELLS = "a59fb87d", "bf71b395", "d6effadd"  # what is measured, the text, tables of counts
OUTPUT = SOLUTIONS / LESSON / PUBLIC / "an_hour.pt"
SIZES = {"d_model": 128, "num_heads": 4, "num_layers": 5, "block_size": 128}
STEPS, BATCH, PEAK, WARMUP, FLOOR, DROPOUT = 12_000, 16, 0.003, 400, 0.02, 0.1
EVERY = 500
SHARED = 40  # characters in a row that no paragraph may share with the unseen text
LONGEST = 6  # tokens that the longest table looks at, the next one included


def lesson() -> dict[str, Any]:
    """Run the cells of lesson 8 that hold its text, its tables and its way to measure.

    Returns their names. The cells' functions look names up in it: a number set here is theirs.
    """
    notebook = nbformat.read(SOLVED / f"{assignment_id(LESSON)}.ipynb", as_version=4)
    names: dict[str, Any] = {"torch": torch, "corpus": ""}
    names["negative_log_likelihood"] = negative_log_likelihood
    for cell in notebook.cells:
        if cell.id in CELLS:
            exec(compile(cell.source, cell.id, "exec"), names)
    return names


def pieces(text: str, size: int) -> set[str]:
    """Return every run of ``size`` characters in a text."""
    return {text[start : start + size] for start in range(len(text) - size + 1)}


def training_text(prose, unseen: str) -> str:
    """Return all the prose that has nothing to do with the unseen text, in a random order."""
    known = pieces(unseen, SHARED)
    once = dict.fromkeys(part for part in map(prose, paragraphs()) if part)
    kept = [part for part in once if not pieces(part, SHARED) & known]
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(0)).tolist()
    return "\n\n".join(kept[place] for place in order)


def tables(names: dict[str, Any], train: torch.Tensor, test: torch.Tensor, vocab: int) -> dict:
    """Return the losses of n-gram tables of the training text, from three tokens up."""
    before, names["CONTEXT"] = names["CONTEXT"], LONGEST - 1  # the same questions for all of them
    due, losses = test[LONGEST - 1 :], {}
    for n in range(3, LONGEST + 1):
        chances = names["ngram_chances"](train, test, n, vocab)
        losses[f"{n}-gram"] = negative_log_likelihood(chances.log(), due).item()
    names["CONTEXT"] = before
    return losses


def measured(names: dict[str, Any], model: TransformerLM, text: torch.Tensor) -> float:
    """Return the model's loss on unseen text, without dropout."""
    model.eval()
    loss = names["held_out"](model, text)
    model.train()
    return loss


def main() -> None:
    """Train; print the loss after every few steps; write the file."""
    parser = argparse.ArgumentParser(description="Train for about an hour, for lesson 8's end.")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = lesson()
    unseen = "".join(names["CHARACTERS"][token] for token in names["test_text"])
    tokens, characters = names["as_tokens"](training_text(names["prose"], unseen))
    number = {character: place for place, character in enumerate(characters)}
    test = torch.tensor([number.get(one, len(characters) - 1) for one in unseen])
    print(f"{len(tokens):,} characters to learn from, {len(characters)} different ones")
    record = tables(names, tokens, test, len(characters))
    print("  ".join(f"{name} {loss:.3f}" for name, loss in record.items()), "nats per character")

    torch.manual_seed(0)
    sizes = {"vocab_size": len(characters), **SIZES}
    model = TransformerLM(**sizes, dropout=DROPOUT)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK)
    draws, started, spent = torch.Generator().manual_seed(1), time.process_time(), 0.0
    warmup = min(WARMUP, options.steps - 1)
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, options.steps, PEAK, warmup, FLOOR)
        loss = train_step(model, optimizer, *get_batch(tokens, BATCH, model.block_size, draws))
        if (step + 1) % EVERY == 0 or step + 1 == options.steps:
            spent = time.process_time() - started
            at = f"after {step + 1:6} steps, {spent / 60:5.1f} minutes of processor time"
            unseen_loss = measured(names, model, test)
            print(f"{at}: batch {loss:.3f}, unseen text {unseen_loss:.3f}", flush=True)

    weights = {name: value.half() for name, value in model.state_dict().items()}
    model.load_state_dict(weights)  # what the file holds is what is measured
    record |= {
        "transformer": measured(names, model, test),
        "characters": len(tokens),
        "steps": options.steps,
        "minutes": spent / 60,
    }
    print(f"rounded to float16: {record['transformer']:.3f} nats per character")
    found = {"sizes": sizes, "weights": weights, "record": record}
    torch.save(found | {"characters": "".join(characters)}, options.output)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
