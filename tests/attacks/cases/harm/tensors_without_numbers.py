"""TRIES: tensors whose storage is gone, lies elsewhere, overlaps, or never held a number.

MUST: fail that call alone, or end that worker; never be read as numbers.

ROWS: 9, 14
"""

LESSON = "attention_today"
EXERCISE = "interleave_rows"
OUTCOME = ("graded", "crashed", "out_of_memory")

# --- handed in ---
import torch

calls = iter(range(10**6))


def interleave_rows(weight, num_heads):
    kind = next(calls) % 9
    like = torch.zeros_like(weight)
    if kind == 0:
        return torch.empty_like(weight, device="meta")
    if kind == 1:
        return torch.zeros(1).expand(1 << 20, 1 << 14)  # 64 GB to whoever copies it
    if kind == 2:
        return torch._efficientzerotensor(tuple(weight.shape))
    if kind == 3:
        return torch._neg_view(like)
    if kind == 4:
        return torch.view_as_complex(torch.zeros(*weight.shape, 2)).conj().imag
    if kind == 5:
        return torch.quantize_per_tensor(like, 0.1, 0, torch.quint8)
    if kind == 6:
        return torch.nested.nested_tensor([like, like[:1]])
    if kind == 7:
        return torch.func.vmap(lambda row: row, out_dims=0)(like).as_strided((4, 4), (0, 0))
    like.untyped_storage().resize_(0)
    return like
