"""TRIES: to run the whole model on the whole text for each token, where torch's work is not counted.

MUST: earn no more than the same answer without that: the judge's clock sees it.

ROWS: 15, 28
"""

LESSON = "transformer_language_model"
EXERCISE = "next_logits"
LIMITS = {"cell_cpu": 20, "checks_cpu": 60, "notebook_cpu": 120}
BASELINE = """
import torch

def next_logits(model, token, cache=None):
    text = token if cache is None else torch.cat([cache, token], dim=1)
    if text.shape[1] > model.block_size:
        raise ValueError(f"a block has {model.block_size} tokens")
    with torch.no_grad():
        return model(text)[:, -1], text
"""

# --- handed in ---
import torch
from torch.utils._python_dispatch import _disable_current_modes


def next_logits(model, token, cache=None):
    text = token if cache is None else torch.cat([cache, token], dim=1)
    if text.shape[1] > model.block_size:
        raise ValueError(f"a block has {model.block_size} tokens")
    with torch.no_grad(), _disable_current_modes():
        return model(text)[:, -1], text
