"""Train lesson 8's model on English with other seeds and other schedules, beside the 4-gram table.

    python -m tests.bench.seeds [--seeds 0,1,2]

Runs the cells of the solved lesson that its training needs, with the seed of the first weights and
of the batches changed, and then with the first seed and a constant rate, and with a new optimizer
after every 120 steps. Prints the loss on unseen text after every 240 steps: what the lesson says in
words about other seeds and schedules. Each run takes about half a minute of one core.
"""

from __future__ import annotations

import argparse

import nbformat
from nbclient import NotebookClient

from grader.course.layout import SOLVED, assignment_id

LESSON = "transformer_language_model"
TRAINING = "bac5050a"  # the id of the cell that trains
SEEDS = "torch.manual_seed(0)", "torch.Generator().manual_seed(1)"
RATE = "learning_rate(step, STEPS, PEAK, WARMUP)"
STEP = "x, y = get_batch("
RENEWED = "torch.optim.AdamW(author.parameters(), lr=PEAK)"
QUIET = "watch = lambda *_: None\n\n\ndef _watch("  # without a picture for each stop
SHOWN = "# shown"
HEAD = f"""{SHOWN}
table = english_ladder["4-gram"]
print(f"4-gram table: {{table:.3f}} nats per character")"""
LINE = f"""{SHOWN}
stops = [loss for step, loss in points if step % 240 == 0]
words = " ".join(f"{{{{loss:.3f}}}}" for loss in stops)
print(f"{{name}} {{{{words}}}}   against the table {{{{stops[-1] - table:+.3f}}}}")"""
LEFT_OUT = ("check(", "quiz", "explore(", "finish(")  # what only a student's notebook needs


def cells() -> tuple[list[str], str]:
    """Return the code before the training's cell, and that cell's own."""
    notebook = nbformat.read(SOLVED / f"{assignment_id(LESSON)}.ipynb", as_version=4)
    before = []
    for cell in notebook.cells:
        if cell.id == TRAINING:
            return before, cell.source
        if cell.cell_type == "code" and not any(word in cell.source for word in LEFT_OUT):
            before.append(cell.source)
    raise RuntimeError(f"{LESSON} has no cell {TRAINING}")


def replaced(text: str, old: str, new: str) -> str:
    """Replace a piece of the cell that has to be there once; RuntimeError otherwise."""
    if text.count(old) != 1:
        raise RuntimeError(f"the training cell has {text.count(old)} times {old!r}")
    return text.replace(old, new)


def with_seed(training: str, seed: int) -> str:
    """Return the cell with another seed for the first weights and for the batches."""
    first, second = SEEDS
    training = replaced(training, first, f"torch.manual_seed({seed})")
    return replaced(training, second, f"torch.Generator().manual_seed({seed + 1})")


def main() -> None:
    """Train in each way; print a line for each."""
    parser = argparse.ArgumentParser(description="Train lesson 8's model with other seeds.")
    parser.add_argument("--seeds", default="0,1,2")
    options = parser.parse_args()
    before, training = cells()
    constant = replaced(training, RATE, "PEAK")
    renewed = replaced(training, STEP, f"if step % 120 == 0: optimizer = {RENEWED}\n        {STEP}")
    ways = {f"seed {seed}": with_seed(training, int(seed)) for seed in options.seeds.split(",")}
    ways |= {"constant rate": constant, "new optimizers, constant": replaced(renewed, RATE, "PEAK")}
    code = [*before, HEAD]
    for name, source in ways.items():
        code += [replaced(source, "def watch(", QUIET), LINE.format(name=f"{name:26}")]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, code)))
    resources = {"metadata": {"path": str(SOLVED)}}
    NotebookClient(notebook, timeout=None, kernel_name="python3", resources=resources).execute()
    for cell in notebook.cells:
        if cell.source.startswith(SHOWN):
            print("".join(output.get("text", "") for output in cell.outputs), end="")


if __name__ == "__main__":
    main()
