"""TRIES: results of every dtype there is: objects, records, strings, dates, complex, half, sparse.

MUST: earn nothing; the judge says what it saw.

ROWS: 20
"""
PLAIN = True

# --- handed in ---
import numpy as np
import torch

made = [
    np.array([object()]),
    np.zeros(3, dtype=[("a", "f4"), ("b", "O")]),
    np.array(["x" * 1000]),
    np.array(["2020-01-01"], dtype="M8[D]"),
    np.zeros(2, np.longdouble),
    np.ma.masked_all(3),
    np.zeros((1,) * 32),
    torch.zeros(2, 2, dtype=torch.complex128),
    torch.zeros(2, 2, dtype=torch.bfloat16),
    torch.zeros(2, 2).to_sparse(),
    torch.empty(2, 2, device="meta"),
    torch.nested.nested_tensor([torch.zeros(2)]),
    torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8),
    np.ones((2, 2), bool),
    np.float16(1),
    1j,
    b"bytes",
    {1, 2},
    {1: 2},
    slice(3),
    range(9),
    memoryview(b"x"),
    Ellipsis,
    type,
]


def softmax_jacobian(weights):
    made.append(made.pop(0))
    return made[0]
