"""Other right ways in lesson 5."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from grader.course.versions import alternative
from solutions.positional_encoding import sinusoidal_encoding

INF = math.inf


# --- sinusoidal_encoding ------------------------------------------------------------------------


@alternative("sinusoidal_encoding", "two loops")
def sinusoids_loops(n, d, base=10000.0):
    encoding = torch.zeros(n, d)
    for p in range(n):
        for c in range(d):
            angle = p / base ** (2 * (c // 2) / d)
            encoding[p, c] = math.sin(angle) if c % 2 == 0 else math.cos(angle)
    return encoding


@alternative("sinusoidal_encoding", "exp of a logarithm, float32")
def sinusoids_exp(n, d, base=10000.0):
    position = torch.arange(n).unsqueeze(1)
    div_term = torch.exp(torch.arange(0, d, 2) * (-math.log(base) / d))
    pe = torch.zeros(n, d)
    pe[:, 0::2] = torch.sin(position * div_term)
    pe[:, 1::2] = torch.cos(position * div_term)
    return pe


@alternative("sinusoidal_encoding", "division by powers, float32, stacked")
def sinusoids_stack(n, d, base=10000.0):
    angle = torch.arange(n)[:, None] / base ** (torch.arange(d // 2) * 2 / d)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).reshape(n, d)


@alternative("sinusoidal_encoding", "NumPy, rounded at the end")
def sinusoids_numpy(n, d, base=10000.0):
    column = np.arange(d)
    angle = np.arange(n)[:, None] / np.power(base, 2 * (column // 2) / d)
    return torch.from_numpy(np.where(column % 2 == 0, np.sin(angle), np.cos(angle))).float()


@alternative("sinusoidal_encoding", "a shifted sine for the cosine")
def sinusoids_phase(n, d, base=10000.0):
    column = torch.arange(d)
    frequency = base ** -((column - column % 2).double() / d)
    angle = torch.outer(torch.arange(n).double(), frequency) + (column % 2) * (math.pi / 2)
    return torch.sin(angle).float()


@alternative("sinusoidal_encoding", "powers of one ratio and a running sum, float32")
def sinusoids_running(n, d, base=10000.0):
    ratio = torch.tensor(base) ** (-2 / d)
    frequency = ratio ** torch.arange(d // 2)
    angle = torch.cumsum(frequency.expand(n, d // 2), dim=0) - frequency
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=2).flatten(1)


@alternative("sinusoidal_encoding", "a complex exponential")
def sinusoids_complex(n, d, base=10000.0):
    frequency = base ** (-torch.arange(0, d, 2) / d)
    points = torch.polar(torch.ones(n, d // 2), torch.arange(n)[:, None] * frequency)
    return torch.view_as_real(points).flip(-1).reshape(n, d)


@alternative("sinusoidal_encoding", "turned step by step, float32")
def sinusoids_recurrence(n, d, base=10000.0):
    frequency = base ** (-torch.arange(0, d, 2) / d)
    sine, cosine = torch.sin(frequency), torch.cos(frequency)
    s, c = torch.zeros(d // 2), torch.ones(d // 2)
    rows = []
    for _ in range(n):
        rows.append(torch.stack([s, c], dim=1).flatten())
        s, c = s * cosine + c * sine, c * cosine - s * sine
    return torch.stack(rows)


# --- shift_matrix -------------------------------------------------------------------------------


@alternative("shift_matrix", "two-by-two blocks from Python's math")
def shift_loop(k, d, base=10000.0):
    matrix = torch.zeros(d, d)
    for c in range(0, d, 2):
        angle = k * base ** (-c / d)
        matrix[c : c + 2, c : c + 2] = torch.tensor(
            [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        )
    return matrix


@alternative("shift_matrix", "block_diag in float32")
def shift_block_diag(k, d, base=10000.0):
    angle = k * torch.exp(-math.log(base) * torch.arange(0, d, 2) / d)
    c, s = angle.cos(), angle.sin()
    blocks = torch.stack([torch.stack([c, s], -1), torch.stack([-s, c], -1)], -2)
    return torch.block_diag(*blocks)


@alternative("shift_matrix", "diagonals")
def shift_diagonals(k, d, base=10000.0):
    frequency = 1 / base ** (torch.arange(0, d, 2).double() / d)
    angle = (k * frequency).repeat_interleave(2)
    side = torch.sin(angle[:-1]) * (torch.arange(d - 1) % 2 == 0)
    matrix = torch.diag(torch.cos(angle)) + torch.diag(side, 1) - torch.diag(side, -1)
    return matrix.float()


@alternative("shift_matrix", "the one-step matrix to the power of k")
def shift_power(k, d, base=10000.0):
    one = torch.zeros(d, d, dtype=torch.float64)
    for i in range(d // 2):
        angle = base ** (-2 * i / d)
        one[2 * i, 2 * i] = one[2 * i + 1, 2 * i + 1] = math.cos(angle)
        one[2 * i, 2 * i + 1], one[2 * i + 1, 2 * i] = math.sin(angle), -math.sin(angle)
    return torch.linalg.matrix_power(one, k).float()


@alternative("shift_matrix", "read off row |k| of the encoding")
def shift_from_encoding(k, d, base=10000.0):
    row = sinusoidal_encoding(abs(k) + 1, d, base)[-1]
    sine, cosine = row[0::2] * (1 if k >= 0 else -1), row[1::2]
    matrix = torch.zeros(d, d)
    matrix[0::2, 0::2] = matrix[1::2, 1::2] = torch.diag(cosine)
    matrix[0::2, 1::2] = torch.diag(sine)
    matrix[1::2, 0::2] = torch.diag(-sine)
    return matrix


@alternative("shift_matrix", "the exponential of a generator")
def shift_exponential(k, d, base=10000.0):
    generator = torch.zeros(d, d, dtype=torch.float64)
    for i in range(d // 2):
        generator[2 * i, 2 * i + 1] = base ** (-2 * i / d)
        generator[2 * i + 1, 2 * i] = -(base ** (-2 * i / d))
    return torch.matrix_exp(k * generator).float()


@alternative("shift_matrix", "complex numbers and Kronecker products")
def shift_kron(k, d, base=10000.0):
    turn = torch.polar(
        torch.ones(d // 2, dtype=torch.float64),
        k * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d),
    )
    stay = torch.kron(torch.diag(turn.real), torch.eye(2, dtype=torch.float64))
    cross = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    return (stay + torch.kron(torch.diag(turn.imag), cross)).to(torch.float32)


@alternative("shift_matrix", "fitted to positions pair by pair")
def shift_fitted(k, d, base=10000.0):
    """Least squares on well-spread positions of each pair, in float64."""
    matrix = torch.zeros(d, d)
    for i in range(d // 2):
        frequency = base ** (-2 * i / d)
        places = torch.arange(8, dtype=torch.float64) * round(max(1.0, 1 / frequency))
        rows = [
            torch.stack([torch.sin(p * frequency), torch.cos(p * frequency)], dim=1)
            for p in (places, places + k)
        ]
        found = torch.linalg.lstsq(rows[0], rows[1]).solution.T
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = found.float()
    return matrix


# --- LearnedPositionalEncoding ------------------------------------------------------------------


class _Table(nn.Module):
    def __init__(self, max_len, d):
        super().__init__()
        self.embedding = nn.Embedding(max_len, d)


@alternative("LearnedPositionalEncoding", "a slice of the table")
class LearnedSlice(_Table):
    def forward(self, x):
        n = x.size(-2)
        if n > len(self.embedding.weight):
            raise ValueError("too long")
        return x + self.embedding.weight[:n]


@alternative("LearnedPositionalEncoding", "positions expanded over the batch")
class LearnedExpanded(_Table):
    def forward(self, x):
        batch, n, _ = x.shape
        if self.embedding.num_embeddings < n:
            raise ValueError(f"a sequence of {n} is too long")
        positions = torch.arange(n).unsqueeze(0).expand(batch, n)
        return self.embedding(positions) + x


@alternative("LearnedPositionalEncoding", "position by position")
class LearnedLoop(_Table):
    def forward(self, x):
        if x.shape[1] > self.embedding.weight.shape[0]:
            raise ValueError
        parts = [x[:, p] + self.embedding(torch.tensor(p)) for p in range(x.shape[1])]
        return torch.stack(parts, dim=1)


@alternative("LearnedPositionalEncoding", "PyTorch's own error translated")
class LearnedTranslated(_Table):
    def forward(self, x):
        try:
            rows = self.embedding(torch.arange(x.shape[1]))
        except IndexError as error:
            raise ValueError("the sequence is longer than the table") from error
        return torch.add(x, rows.unsqueeze(0))


@alternative("LearnedPositionalEncoding", "a one-hot matrix times the table, its own __init__")
class LearnedOneHot(nn.Module):
    def __init__(self, max_len, d):
        super().__init__()
        self.longest = max_len
        self.embedding = nn.Embedding(max_len, d)

    def forward(self, x):
        if not x.shape[1] <= self.longest:
            raise ValueError(x.shape)
        choose = torch.eye(self.longest, dtype=x.dtype)[: x.shape[1]]
        return x + choose @ self.embedding.weight


# --- rotary_encoding ----------------------------------------------------------------------------


@alternative("rotary_encoding", "complex numbers")
def rotary_complex(x, positions=None, base=10000.0):
    n, d = x.shape[-2:]
    if positions is None:
        positions = torch.arange(n)
    frequency = base ** (-torch.arange(0, d, 2, dtype=x.dtype) / d)
    angle = torch.outer(positions.to(x.dtype), frequency)
    points = torch.view_as_complex(x.reshape(*x.shape[:-1], d // 2, 2).contiguous())
    return torch.view_as_real(points * torch.polar(torch.ones_like(angle), angle)).flatten(-2)


@alternative("rotary_encoding", "float32 angles whatever the input")
def rotary_float32_angles(x, positions=None, base=10000.0):
    if positions is None:
        positions = torch.arange(x.shape[-2])
    theta = 1.0 / base ** (torch.arange(0, x.shape[-1], 2).float() / x.shape[-1])
    angle = positions.float()[:, None] * theta
    cos, sin = angle.cos(), angle.sin()
    out = torch.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return out


@alternative("rotary_encoding", "every entry's own cosine, and neighbors swapped")
def rotary_swapped(x, positions=None, base=10000.0):
    n, d = x.shape[-2:]
    if positions is None:
        positions = torch.arange(n, dtype=x.dtype)
    frequency = torch.exp(torch.arange(0, d, 2, dtype=x.dtype) * (-math.log(base) / d))
    angle = (positions[:, None] * frequency).repeat_interleave(2, dim=-1)
    swapped = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).reshape(x.shape)
    return x * angle.cos() + swapped * angle.sin()


@alternative("rotary_encoding", "rotation matrices by einsum")
def rotary_matrices(x, positions=None, base=10000.0):
    n, d = x.shape[-2:]
    places = range(n) if positions is None else positions.tolist()
    turns = torch.zeros(n, d, d, dtype=x.dtype)
    for row, p in enumerate(places):
        for c in range(0, d, 2):
            angle = p * base ** (-c / d)
            turns[row, c, c] = turns[row, c + 1, c + 1] = math.cos(angle)
            turns[row, c, c + 1], turns[row, c + 1, c] = -math.sin(angle), math.sin(angle)
    return torch.einsum("nij,...nj->...ni", turns, x)


@alternative("rotary_encoding", "position by position, pair by pair")
def rotary_loops(x, positions=None, base=10000.0):
    n, d = x.shape[-2:]
    places = list(range(n)) if positions is None else [float(p) for p in positions]
    rows = []
    for row, p in enumerate(places):
        entries = []
        for i in range(d // 2):
            a, b = x[..., row, 2 * i], x[..., row, 2 * i + 1]
            angle = p / base ** (2 * i / d)
            entries.append(a * math.cos(angle) - b * math.sin(angle))
            entries.append(a * math.sin(angle) + b * math.cos(angle))
        rows.append(torch.stack(entries, dim=-1))
    return torch.stack(rows, dim=-2)


@alternative("rotary_encoding", "a copy changed in place")
def rotary_clone(x, positions=None, base=10000.0):
    out = x.clone()
    places = torch.arange(x.size(-2)) if positions is None else positions
    for i in range(x.size(-1) // 2):
        angle = places.double() * base ** (-2 * i / x.size(-1))
        c, s = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        out[..., 2 * i] = x[..., 2 * i] * c - x[..., 2 * i + 1] * s
        out[..., 2 * i + 1] = x[..., 2 * i] * s + x[..., 2 * i + 1] * c
    return out


@alternative("rotary_encoding", "length and direction")
def rotary_polar(x, positions=None, base=10000.0):
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    length, direction = pairs.norm(dim=-1), torch.atan2(pairs[..., 1], pairs[..., 0])
    places = torch.arange(x.shape[-2]) if positions is None else positions
    frequency = base ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    direction = direction + places.unsqueeze(-1) * frequency
    return torch.stack([length * direction.cos(), length * direction.sin()], dim=-1).view_as(x)


@alternative("rotary_encoding", "halves, with the entries sorted before and after")
def rotary_permuted(x, positions=None, base=10000.0):
    n, d = x.shape[-2:]
    order = torch.cat([torch.arange(0, d, 2), torch.arange(1, d, 2)])
    split = x[..., order]
    places = (torch.arange(n) if positions is None else positions).to(x.dtype)
    angle = places[:, None] * base ** (-torch.arange(0, d, 2, dtype=x.dtype) / d)
    angle = torch.cat([angle, angle], dim=-1)
    half = torch.cat([-split[..., d // 2 :], split[..., : d // 2]], dim=-1)
    return (split * angle.cos() + half * angle.sin())[..., torch.argsort(order)]


# --- alibi_bias ---------------------------------------------------------------------------------


@alternative("alibi_bias", "three loops")
def alibi_loops(n, num_heads):
    bias = [[[-INF] * n for _ in range(n)] for _ in range(num_heads)]
    for h in range(num_heads):
        slope = 2 ** (-8 * (h + 1) / num_heads)
        for i in range(n):
            for j in range(i + 1):
                bias[h][i][j] = -slope * (i - j)
    return torch.tensor(bias)


@alternative("alibi_bias", "powers of a ratio")
def alibi_ratio(n, num_heads):
    ratio = 2 ** (-8 / num_heads)
    slopes = torch.tensor([ratio * ratio**h for h in range(num_heads)])
    position = torch.arange(n)
    distance = (position[None, :] - position[:, None]).float()
    return torch.where(distance <= 0, slopes.view(-1, 1, 1) * distance, -INF)


@alternative("alibi_bias", "a causal mask added")
def alibi_added(n, num_heads):
    slopes = torch.exp2(-8 * (torch.arange(num_heads) + 1) / num_heads)
    distance = (torch.arange(n)[:, None] - torch.arange(n)).clamp(min=0)
    future = torch.full((n, n), -INF).triu(1)
    return torch.einsum("h,ij->hij", -slopes, distance.float()) + future


@alternative("alibi_bias", "exp of a logarithm, head by head")
def alibi_exp(n, num_heads):
    heads = []
    for h in range(1, num_heads + 1):
        distance = torch.arange(n, dtype=torch.float32).unsqueeze(1) - torch.arange(n)
        one = -math.exp(-8 * h / num_heads * math.log(2)) * distance
        one[distance < 0] = -INF
        heads.append(one)
    return torch.stack(heads)


@alternative("alibi_bias", "NumPy, rounded at the end")
def alibi_numpy(n, num_heads):
    i, j = np.indices((n, n))
    slopes = np.power(2.0, -8 * np.arange(1, num_heads + 1) / num_heads)
    bias = np.where(j > i, -np.inf, slopes[:, None, None] * (j - i))
    return torch.from_numpy(bias.astype(np.float32))


@alternative("alibi_bias", "repeated multiplication, float32")
def alibi_cumprod(n, num_heads):
    slopes = torch.cumprod(torch.full((num_heads,), 2.0) ** (-8.0 / num_heads), dim=0)
    steps = torch.arange(n, dtype=torch.float32)
    bias = -slopes[:, None, None] * (steps[:, None] - steps[None, :])
    return bias.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), float("-inf"))
