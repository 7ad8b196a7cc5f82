"""Train a small model with the half-split rotation, and put its weights into lesson 10's notebook.

``python -m solutions.attention_today.elsewhere`` trains it on the lesson's text and writes the cell
``CHECKPOINT = "..."`` anew; run ``tidy`` afterwards. It takes a minute or two. Other processors end
in other digits: the checkpoint is made once, and a law of the lesson tries the one that is there.

The model is written as other programs write it, with none of the course's answers.
"""

from __future__ import annotations

import argparse
import base64
import io
import math
from collections.abc import Mapping
from pydoc_data.topics import topics

import nbformat
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grader.course.layout import notebook_path

LESSON = "attention_today"
CELL = "elsewhere-checkpoint"
D, HEADS, KV_HEADS, LAYERS, D_FF, BLOCK = 32, 4, 2, 2, 96, 64
STEPS, BATCH, RATE = 6000, 16, 4e-3


def corpus() -> tuple[list[str], Tensor]:
    """The lesson's text: its 80 most frequent characters, one for all others, and the tokens."""
    paragraphs = dict.fromkeys(
        part for name in sorted(topics) for part in topics[name].split("\n\n")
    )
    text = "\n\n".join(paragraphs)[:300_000]
    frequent = sorted(set(text), key=lambda sign: (-text.count(sign), sign))[:80]
    characters = [*sorted(frequent), "¤"]
    number = {sign: place for place, sign in enumerate(characters)}
    return characters, torch.tensor([number.get(sign, 80) for sign in text])


def half_split(x: Tensor) -> Tensor:
    """Turn entry i with entry i + d/2, by position."""
    n, d = x.shape[-2:]
    angle = torch.arange(n)[:, None] * 10000.0 ** (-torch.arange(0, d, 2) / d)
    cos, sin = angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)
    other = torch.cat([-x[..., d // 2 :], x[..., : d // 2]], dim=-1)
    return x * cos + other * sin


class Elsewhere(nn.Module):
    """The model that the checkpoint belongs to."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        rows = {"wq": D, "wk": D // HEADS * KV_HEADS, "wv": D // HEADS * KV_HEADS, "wo": D}
        rows |= {"w1": D_FF, "w3": D_FF}
        self.embed, self.norm = nn.Embedding(vocab_size, D), nn.RMSNorm(D, 1e-6)
        self.out = nn.Linear(D, vocab_size, bias=False)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {name: nn.Linear(D, count, bias=False) for name, count in rows.items()}
                | {"w2": nn.Linear(D_FF, D, bias=False)}
                | {"norm_a": nn.RMSNorm(D, 1e-6), "norm_f": nn.RMSNorm(D, 1e-6)}
            )
            for _ in range(LAYERS)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        x: Tensor = self.embed(tokens)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleDict)
            normed = layer["norm_a"](x)
            query, key, value = (
                layer[name](normed).unflatten(-1, (count, -1)).transpose(1, 2)
                for name, count in (("wq", HEADS), ("wk", KV_HEADS), ("wv", KV_HEADS))
            )
            found = F.scaled_dot_product_attention(
                half_split(query), half_split(key), value, is_causal=True, enable_gqa=True
            )
            x = x + layer["wo"](found.transpose(1, 2).flatten(2))
            normed = layer["norm_f"](x)
            x = x + layer["w2"](F.silu(layer["w1"](normed)) * layer["w3"](normed))
        logits: Tensor = self.out(self.norm(x))
        return logits


def trained(steps: int = STEPS) -> Elsewhere:
    """A model after this many steps of AdamW on the first nine tenths of the text."""
    characters, tokens = corpus()
    text = tokens[:270_000]
    torch.manual_seed(0)
    draws = torch.Generator().manual_seed(0)
    model = Elsewhere(len(characters))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    for step in range(steps):
        share = 0.525 + 0.475 * math.cos(math.pi * step / steps)
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 100) * share
        starts = torch.randint(len(text) - BLOCK, (BATCH,), generator=draws)
        piece = text[starts[:, None] + torch.arange(BLOCK + 1)]
        loss = F.cross_entropy(model(piece[:, :-1]).flatten(0, 1), piece[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def packed(weights: Mapping[str, Tensor]) -> str:
    """The weights as text: whole numbers from -127 to 127, and a scale for each row."""
    arrays = {}
    for name, weight in weights.items():
        table = weight.detach().numpy().reshape(-1, weight.shape[-1])
        scale = np.abs(table).max(axis=1, keepdims=True) / 127
        arrays[name] = np.round(table / scale).astype(np.int8).reshape(weight.shape)
        arrays[f"{name}:scale"] = scale.astype(np.float32).reshape(*weight.shape[:-1], 1)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return base64.b85encode(file.getvalue()).decode()


def unpacked(text: str) -> dict[str, Tensor]:
    """The weights that ``packed`` wrote, as float32."""
    with np.load(io.BytesIO(base64.b85decode(text))) as file:
        arrays = dict(file)
    return {
        name: torch.from_numpy(table * arrays[f"{name}:scale"])
        for name, table in arrays.items()
        if not name.endswith(":scale")
    }


def main() -> None:
    """Train, pack, and write the cell."""
    parser = argparse.ArgumentParser(description="make the checkpoint of lesson 10 anew")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of the training")
    text = packed(trained(parser.parse_args().steps).state_dict())
    path = notebook_path(LESSON)
    notebook = nbformat.read(path, as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == CELL]
    cell.source = f'CHECKPOINT = "{text}"'
    nbformat.write(notebook, path)
    print(f"{len(text):,} characters in {path.name}: now `python -m grader tidy {LESSON}`")


if __name__ == "__main__":
    main()
