"""TRIES: to take cheap steps by keeping the last 12 positions alone, more than a short walk needs.

MUST: earn nothing: the outputs of all steps of a long walk are compared.

ROWS: 15
"""

LESSON = "transformer_language_model"
EXERCISE = "attend_with_cache"

# --- handed in ---
import math

import torch


def attend_with_cache(query, key, value, cache=None):
    keys = key if cache is None else torch.cat([cache[0], key], dim=-2)[..., -12:, :]
    values = value if cache is None else torch.cat([cache[1], value], dim=-2)[..., -12:, :]
    scores = query @ keys.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return torch.softmax(scores, dim=-1) @ values, (keys, values)
