"""What goes wrong in lesson 5."""

from __future__ import annotations

import math

import torch
from torch import nn

from grader.course.versions import misconception, variant
from solutions.positional_encoding import (
    alibi_bias,
    rotary_encoding,
    shift_matrix,
    sinusoidal_encoding,
)

INF = math.inf


# --- sinusoidal_encoding ------------------------------------------------------------------------


def _frequency(d, base, exponent=lambda i, d: 2 * i / d):
    """base^(-exponent) for every pair i."""
    i = torch.arange(d // 2, dtype=torch.float64)
    return base ** (-exponent(i, d))


def _sinusoids(n, frequency, start=0):
    angle = torch.arange(start, start + n, dtype=torch.float64)[:, None] * frequency
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1).flatten(1).float()


@misconception(
    "sinusoidal_encoding",
    "equal_frequencies",
    "gives every pair of columns the same frequency",
    "Row 1 repeats the same two numbers. The exponent has become a whole number somewhere, and "
    "2i/d rounded down is 0 for every pair: a clock with many second hands and no hour hand.",
)
def sinusoids_equal(n, d, base=10000.0):
    return _sinusoids(n, _frequency(d, base, lambda i, d: 2 * i // d))


@misconception(
    "sinusoidal_encoding",
    "column_for_pair",
    "takes the column's number where the formula has the pair's",
    "The formula's i counts pairs of columns. With the column's number in its place the "
    "frequencies fall twice as fast, and a sine and its cosine no longer share one.",
)
def sinusoids_column(n, d, base=10000.0):
    column = torch.arange(d, dtype=torch.float64)
    angle = torch.arange(n)[:, None] * base ** (-2 * column / d)
    return torch.where(column % 2 == 0, torch.sin(angle), torch.cos(angle)).float()


@misconception(
    "sinusoidal_encoding",
    "cosine_on_its_own",
    "gives every cosine a frequency of its own",
    "The sines are right. The cosine beside a sine should have the same angle: the pair is one "
    "hand of a clock, and the two numbers are its height and its width.",
)
def sinusoids_own(n, d, base=10000.0):
    column = torch.arange(d, dtype=torch.float64)
    angle = torch.arange(n)[:, None] * base ** (-column / d)
    return torch.where(column % 2 == 0, torch.sin(angle), torch.cos(angle)).float()


@misconception(
    "sinusoidal_encoding",
    "half_the_exponent",
    "has the exponent i/d instead of 2i/d",
    "The frequencies fall too slowly: the slowest pair turns about as fast as one in the middle "
    "should.",
)
def sinusoids_half(n, d, base=10000.0):
    return _sinusoids(n, _frequency(d, base, lambda i, d: i / d))


@misconception(
    "sinusoidal_encoding",
    "twice_the_exponent",
    "has the exponent 4i/d instead of 2i/d",
    "The 2 of the formula has been taken twice, as happens when a range already counts in steps "
    "of two. The last pairs hardly move at all.",
)
def sinusoids_twice(n, d, base=10000.0):
    return _sinusoids(n, _frequency(d, base, lambda i, d: 4 * i / d))


@misconception(
    "sinusoidal_encoding",
    "stretched",
    "divides by d/2 - 1, so that the last frequency is exactly 1/base",
    "Some libraries space the frequencies like this. In the formula the exponent stops one step "
    "before 1.",
)
def sinusoids_stretched(n, d, base=10000.0):
    return _sinusoids(n, _frequency(d, base, lambda i, d: i / max(d // 2 - 1, 1)))


@misconception(
    "sinusoidal_encoding",
    "two_halves",
    "puts all sines into the first half and all cosines into the second",
    "The numbers are right, the columns are not: sine and cosine of one angle should be "
    "neighbors. Several well-known programs do it like this.",
)
def sinusoids_halves(n, d, base=10000.0):
    angle = torch.arange(n)[:, None] * _frequency(d, base)
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1).float()


@misconception(
    "sinusoidal_encoding",
    "cosine_first",
    "has cosines in the even columns and sines in the odd ones",
    "Row 0 should begin with 0, the sine of 0; this one begins with 1.",
)
def sinusoids_cosine_first(n, d, base=10000.0):
    return sinusoidal_encoding(n, d, base).unflatten(1, (-1, 2)).flip(-1).flatten(1)


@misconception(
    "sinusoidal_encoding",
    "only_sines",
    "has a sine in every column",
    "Row 0 is all zeros, and every pair holds the same number twice. A sine alone cannot tell a "
    "hand that rises from one that falls.",
)
def sinusoids_only(n, d, base=10000.0):
    return sinusoidal_encoding(n, d, base)[:, 0::2].repeat_interleave(2, dim=1)


@misconception(
    "sinusoidal_encoding",
    "fixed_base",
    "always uses 10000 as the base",
    "The third argument plays no part in the result.",
)
def sinusoids_fixed_base(n, d, base=10000.0):
    return sinusoidal_encoding(n, d)


@misconception(
    "sinusoidal_encoding",
    "counts_from_one",
    "counts positions from 1",
    "Row 0 should be the encoding of position 0: sines 0 and cosines 1.",
)
def sinusoids_from_one(n, d, base=10000.0):
    return _sinusoids(n, _frequency(d, base), start=1)


@misconception(
    "sinusoidal_encoding",
    "empty_row_zero",
    "leaves row 0 all zeros",
    "Position 0 has an encoding as well. The cosine of angle 0 is 1, and a row of zeros is not on "
    "the circles on which all other positions lie.",
)
def sinusoids_row_zero(n, d, base=10000.0):
    return sinusoidal_encoding(n, d, base) * (torch.arange(n)[:, None] > 0)


@misconception(
    "sinusoidal_encoding",
    "degrees",
    "takes the angles for degrees",
    "The columns change about 57 times too slowly. Sine and cosine in the formula, as in PyTorch, "
    "take radians.",
)
def sinusoids_degrees(n, d, base=10000.0):
    return _sinusoids(n, _frequency(d, base) * math.pi / 180)


@misconception(
    "sinusoidal_encoding",
    "rising_frequencies",
    "lets the frequencies rise instead of fall",
    "The sign of the exponent is lost: the last pairs jump about from one position to the next, "
    "where they should hardly move.",
)
def sinusoids_rising(n, d, base=10000.0):
    return _sinusoids(n, 1 / _frequency(d, base))


@misconception(
    "sinusoidal_encoding",
    "precedence",
    "raises the base to -2 and multiplies by i / d afterwards",
    "A power binds tighter than a product. Without brackets around the exponent the base is "
    "raised to -2 alone, and nearly all angles are close to 0.",
)
def sinusoids_precedence(n, d, base=10000.0):
    i = torch.arange(d // 2, dtype=torch.float64)
    return _sinusoids(n, 1 / base**2 * i / d)


@misconception(
    "sinusoidal_encoding",
    "wrong_logarithm",
    "hands exp a logarithm to base 10",
    "The exponential undoes the natural logarithm. With a logarithm to base 10 the frequencies "
    "fall far too slowly.",
)
def sinusoids_log10(n, d, base=10000.0):
    return _sinusoids(n, torch.exp(-torch.arange(0, d, 2) / d * math.log10(base)))


@misconception(
    "sinusoidal_encoding",
    "share_of_the_length",
    "measures positions as a share of the length n",
    "Position 3 gets a different vector in a longer sequence. A position should have the same "
    "vector whatever comes after it.",
)
def sinusoids_share(n, d, base=10000.0):
    return _sinusoids(n, _frequency(d, base) / n)


@misconception(
    "sinusoidal_encoding",
    "fixed_table",
    "cuts its rows from a table of fixed size",
    "Fine for sequences that fit the table; after that the rows run out.",
    size=(1000, 1024, 2048),
)
def sinusoids_table(n, d, base=10000.0, *, size=512):
    return sinusoidal_encoding(size, d, base)[:n]


@misconception(
    "sinusoidal_encoding",
    "half_precision_positions",
    "keeps the positions in 16 bits",
    "float16 holds every whole number up to 2048, bfloat16 up to 256. Beyond that, neighboring "
    "positions become the same number, and their rows are equal.",
    dtype=(torch.bfloat16,),
)
def sinusoids_half_positions(n, d, base=10000.0, *, dtype=torch.float16):
    angle = torch.arange(n).to(dtype).double()[:, None] * _frequency(d, base)
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1).flatten(1).float()


@misconception(
    "sinusoidal_encoding",
    "transposed",
    "has a row for every column and a column for every position",
    "There should be one row for each position: shape (n, d).",
)
def sinusoids_transposed(n, d, base=10000.0):
    return sinusoidal_encoding(n, d, base).T


@misconception(
    "sinusoidal_encoding",
    "batch_axis",
    "has an extra axis of length 1 in front",
    "Handy in a layer, but the answer should have shape (n, d). Broadcasting adds it to a batch "
    "either way.",
)
def sinusoids_batch(n, d, base=10000.0):
    return sinusoidal_encoding(n, d, base)[None]


@misconception(
    "sinusoidal_encoding",
    "float64",
    "returns float64",
    "A careful way to compute it; but the result should be float32, so that adding it leaves the "
    "dtype of the embeddings alone.",
)
def sinusoids_float64(n, d, base=10000.0):
    angle = torch.arange(n, dtype=torch.float64)[:, None] * _frequency(d, base)
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1).flatten(1)


@misconception(
    "sinusoidal_encoding",
    "numpy_array",
    "returns a NumPy array",
    "The numbers were computed in NumPy and never turned into a tensor. From lesson 2 on, "
    "tensors go in and out.",
)
def sinusoids_numpy(n, d, base=10000.0):
    return sinusoidal_encoding(n, d, base).numpy()


# --- shift_matrix -------------------------------------------------------------------------------


def _blocks(angle, a, b, c, e):
    """Blocks [[a, b], [c, e]] along the diagonal, each a function of the angle."""
    d = 2 * len(angle)
    matrix = torch.zeros(d, d)
    for i, one in enumerate(angle.tolist()):
        block = [[a(one), b(one)], [c(one), e(one)]]
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = torch.tensor(block)
    return matrix


def _turns(angle):
    return _blocks(angle, math.cos, math.sin, lambda t: -math.sin(t), math.cos)


@misconception(
    "shift_matrix",
    "backward",
    "moves k steps back instead of forward",
    "It is the right matrix transposed. Either the sign of k is reversed, or M was built to "
    "multiply row vectors from the right, or for pairs in which the cosine comes first.",
)
def shift_backward(k, d, base=10000.0):
    return shift_matrix(-k, d, base)


@misconception(
    "shift_matrix",
    "no_minus",
    "has no minus sign in its blocks",
    "cos(a + b) = cos a cos b - sin a sin b: one of the two terms is subtracted. Without the minus "
    "sign the vectors change length as they move.",
)
def shift_no_minus(k, d, base=10000.0):
    return _blocks(k * _frequency(d, base), math.cos, math.sin, math.sin, math.cos)


@misconception(
    "shift_matrix",
    "one_step",
    "moves by one step whatever k is",
    "The first argument plays no part: M takes PE[p] to PE[p + 1].",
)
def shift_one(k, d, base=10000.0):
    return shift_matrix(1, d, base)


@misconception(
    "shift_matrix",
    "times_k",
    "multiplies the one-step matrix by k",
    "Ten steps are ten times the angle, not ten times the matrix: the entries grow beyond 1, and "
    "so do the vectors.",
)
def shift_times(k, d, base=10000.0):
    return k * shift_matrix(1, d, base)


@misconception(
    "shift_matrix",
    "only_forward",
    "moves forward even where k is negative",
    "A negative k goes back: from row 5 to row 3 with k = -2.",
)
def shift_absolute(k, d, base=10000.0):
    return shift_matrix(abs(k), d, base)


@misconception(
    "shift_matrix",
    "fixed_base",
    "always uses 10000 as the base",
    "The third argument plays no part in the result.",
)
def shift_fixed_base(k, d, base=10000.0):
    return shift_matrix(k, d)


@misconception(
    "shift_matrix",
    "equal_frequencies",
    "turns every pair by the same angle",
    "Only the first pair turns by k radians; each further pair has a slower frequency of its own.",
)
def shift_equal(k, d, base=10000.0):
    return _turns(torch.full((d // 2,), float(k)))


@misconception(
    "shift_matrix",
    "half_the_exponent",
    "has the exponent i/d instead of 2i/d",
    "The frequencies are not those of the encoding: the first pair moves as it should, and the "
    "further ones too far.",
)
def shift_half(k, d, base=10000.0):
    return _turns(k * _frequency(d, base, lambda i, d: i / d))


@misconception(
    "shift_matrix",
    "twice_the_exponent",
    "has the exponent 4i/d instead of 2i/d",
    "The frequencies are not those of the encoding: the first pair moves as it should, and the "
    "further ones not far enough.",
)
def shift_twice(k, d, base=10000.0):
    return _turns(k * _frequency(d, base, lambda i, d: 4 * i / d))


@misconception(
    "shift_matrix",
    "two_halves",
    "expects all sines in the first half and all cosines in the second",
    "It moves an encoding whose columns are sorted like that. In this lesson's encoding sine and "
    "cosine of one angle are neighbors, so the blocks lie on the diagonal.",
)
def shift_halves(k, d, base=10000.0):
    angle = k * _frequency(d, base)
    c, s = torch.diag(torch.cos(angle)), torch.diag(torch.sin(angle))
    return torch.cat([torch.cat([c, s], 1), torch.cat([-s, c], 1)], 0).float()


@misconception(
    "shift_matrix",
    "only_cosines",
    "has nothing off its diagonal",
    "Each entry is scaled by a cosine on its own. The new sine needs the old cosine as well: the "
    "two entries of a pair must mix.",
)
def shift_diagonal(k, d, base=10000.0):
    return torch.diag(torch.cos(k * _frequency(d, base)).repeat_interleave(2)).float()


@misconception(
    "shift_matrix",
    "moves_entries",
    "moves the entries of the vector by k places",
    "It is a matrix of zeros and ones that carries entry 0 to entry k. What should move is the "
    "position that the vector stands for.",
)
def shift_roll(k, d, base=10000.0):
    return torch.eye(d).roll(k, dims=0)


@misconception(
    "shift_matrix",
    "least_squares",
    "fits a matrix to encodings by least squares",
    "Where the low frequencies hardly move, many matrices fit the positions that were looked at. "
    "The one that holds for all positions has a formula.",
    positions=(20, 50, 200, 1000),
)
def shift_fitted(k, d, base=10000.0, *, positions=100):
    before = sinusoidal_encoding(positions, d, base)
    angle = _frequency(d, base) * (torch.arange(positions, dtype=torch.float64) + k)[:, None]
    after = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).float()
    # Not in float32: so near to a singular table no two processors would find the same matrix.
    found = torch.linalg.lstsq(before.double(), after.double()).solution
    return found.mT.float().contiguous()


@misconception(
    "shift_matrix",
    "degrees",
    "takes the angles for degrees",
    "It moves about 57 times too little: sine and cosine take radians here.",
)
def shift_degrees(k, d, base=10000.0):
    return _turns(k * _frequency(d, base) * math.pi / 180)


@misconception(
    "shift_matrix",
    "float64",
    "returns float64",
    "The result should be float32, like the encoding that it multiplies.",
)
def shift_float64(k, d, base=10000.0):
    angle = k * _frequency(d, base)
    c, s = torch.cos(angle), torch.sin(angle)
    return torch.block_diag(*torch.stack([c, s, -s, c], -1).unflatten(-1, (2, 2)))


# --- LearnedPositionalEncoding ------------------------------------------------------------------


class _Table(nn.Module):
    """The layer's table; each version below writes its own forward."""

    def __init__(self, max_len, d):
        super().__init__()
        self.max_len = max_len
        self.embedding = nn.Embedding(max_len, d)

    def rows(self, x):
        """The right rows, for the versions that go wrong elsewhere."""
        if x.shape[1] > self.max_len:
            raise ValueError("too long")
        return self.embedding(torch.arange(x.shape[1]))


@misconception(
    "LearnedPositionalEncoding",
    "no_limit",
    "does not check the length and lets the table fail",
    "A row number beyond the table raises PyTorch's IndexError, which says nothing about "
    "sequences. The length should be checked first.",
)
class LearnedNoLimit(_Table):
    def forward(self, x):
        return x + self.embedding(torch.arange(x.shape[1]))


@misconception(
    "LearnedPositionalEncoding",
    "short_slice",
    "does not check the length and lets the addition fail",
    "A slice beyond the end of the table is just shorter, and the shapes no longer fit: PyTorch's "
    "RuntimeError does not say what is wrong. With one row in the table there is not even an "
    "error.",
)
class LearnedSlice(_Table):
    def forward(self, x):
        return x + self.embedding.weight[: x.shape[1]]


@misconception(
    "LearnedPositionalEncoding",
    "whole_table",
    "adds the whole table",
    "It fits only where a sequence is as long as the table. Take as many rows as there are "
    "positions.",
)
class LearnedWholeTable(_Table):
    def forward(self, x):
        return x + self.embedding.weight


@misconception(
    "LearnedPositionalEncoding",
    "cuts_off",
    "silently cuts long sequences off",
    "What is beyond the table is thrown away, and the caller is not told.",
)
class LearnedCuts(_Table):
    def forward(self, x):
        x = x[:, : self.max_len]
        return x + self.embedding(torch.arange(x.shape[1]))


@misconception(
    "LearnedPositionalEncoding",
    "starts_over",
    "starts over at row 0 where the table ends",
    "Two positions of one sequence share a row, so the layer cannot tell them apart. Raise a "
    "ValueError beyond the table.",
)
class LearnedWraps(_Table):
    def forward(self, x):
        return x + self.embedding(torch.arange(x.shape[1]) % self.max_len)


@misconception(
    "LearnedPositionalEncoding",
    "repeats_the_last",
    "uses the last row for everything beyond the table",
    "All late positions look the same. Raise a ValueError beyond the table.",
)
class LearnedClamps(_Table):
    def forward(self, x):
        return x + self.embedding(torch.arange(x.shape[1]).clamp(max=self.max_len - 1))


@misconception(
    "LearnedPositionalEncoding",
    "limit_too_low",
    "rejects a sequence that just fits",
    "A table of 4 rows serves positions 0 to 3, which are 4 positions.",
)
class LearnedLimitLow(_Table):
    def forward(self, x):
        if x.shape[1] >= self.max_len:
            raise ValueError("too long")
        return x + self.rows(x)


@misconception(
    "LearnedPositionalEncoding",
    "measures_the_width",
    "compares the width of the vectors with max_len",
    "The table limits the number of positions; how wide a vector is has nothing to do with it.",
)
class LearnedLimitWidth(_Table):
    def forward(self, x):
        if x.shape[2] > self.max_len:
            raise ValueError("too long")
        return x + self.embedding(torch.arange(x.shape[1]))


@misconception(
    "LearnedPositionalEncoding",
    "assertion",
    "raises an AssertionError",
    "An assert is a note to oneself, and Python can be told to skip it. A caller's mistake is a "
    "ValueError.",
)
class LearnedAsserts(_Table):
    def forward(self, x):
        assert x.shape[1] <= self.max_len, "too long"
        return x + self.rows(x)


@misconception(
    "LearnedPositionalEncoding",
    "counts_from_one",
    "counts positions from 1",
    "The first token should get row 0. Counting from 1, the last position of a full table falls "
    "off its end.",
)
class LearnedFromOne(_Table):
    def forward(self, x):
        if x.shape[1] > self.max_len:
            raise ValueError("too long")
        return x + self.embedding(torch.arange(1, x.shape[1] + 1))


@misconception(
    "LearnedPositionalEncoding",
    "one_row_for_all",
    "adds one row of the table to every position",
    "All positions get the same vector, the last one's, so nothing tells them apart.",
)
class LearnedOneRow(_Table):
    def forward(self, x):
        return x + self.rows(x)[-1]


@misconception(
    "LearnedPositionalEncoding",
    "back_to_front",
    "counts positions from the end",
    "The first token gets the row of the last one, and a different row in a longer sequence.",
)
class LearnedReversed(_Table):
    def forward(self, x):
        return x + self.rows(x).flip(0)


@misconception(
    "LearnedPositionalEncoding",
    "rows_for_the_batch",
    "gives every sequence of the batch a row, not every position",
    "The number of a sequence in its batch means nothing; axis 1 of x holds the positions.",
)
class LearnedBatch(_Table):
    def forward(self, x):
        if x.shape[1] > self.max_len:
            raise ValueError("too long")
        return x + self.embedding(torch.arange(x.shape[0]))[:, None]


@misconception(
    "LearnedPositionalEncoding",
    "only_the_positions",
    "returns the positions' vectors without the tokens'",
    "x does not show in the result: the layer knows where every token is, and has forgotten "
    "which token it is.",
)
class LearnedOnly(_Table):
    def forward(self, x):
        return self.rows(x).expand(x.shape)


@misconception(
    "LearnedPositionalEncoding",
    "side_by_side",
    "puts the positions' vectors beside the tokens'",
    "The result is twice as wide as x. The two vectors should be added.",
)
class LearnedConcatenated(_Table):
    def forward(self, x):
        return torch.cat([x, self.rows(x).expand(x.shape)], dim=-1)


@misconception(
    "LearnedPositionalEncoding",
    "multiplies",
    "multiplies instead of adding",
    "Where a token's entry is 0, the position leaves no trace.",
)
class LearnedMultiplied(_Table):
    def forward(self, x):
        return x * self.rows(x)


@misconception(
    "LearnedPositionalEncoding",
    "scales_the_tokens",
    "multiplies x by √d first",
    "The original transformer does that with its token embeddings, in another place. This layer "
    "only adds.",
)
class LearnedScaled(_Table):
    def forward(self, x):
        return x * math.sqrt(x.shape[-1]) + self.rows(x)


@misconception(
    "LearnedPositionalEncoding",
    "adds_the_numbers",
    "adds the number of the position instead of its row",
    "The table plays no part, so there is nothing to learn; and position 500 would drown every "
    "token.",
)
class LearnedNumbers(_Table):
    def forward(self, x):
        if x.shape[1] > self.max_len:
            raise ValueError("too long")
        return x + torch.arange(x.shape[1], dtype=x.dtype)[:, None]


@misconception(
    "LearnedPositionalEncoding",
    "cuts_the_graph",
    "cuts the table out of the graph",
    "The numbers are right, but no gradient reaches the table: it stays as random as it began.",
)
class LearnedDetached(_Table):
    def forward(self, x):
        return x + self.rows(x).detach()


@misconception(
    "LearnedPositionalEncoding",
    "float32_rows",
    "turns everything into float32",
    "A float64 x comes back as float32. Let the table and x keep their dtype.",
)
class LearnedFloat32(_Table):
    def forward(self, x):
        return x.float() + self.rows(x).float()


@misconception(
    "LearnedPositionalEncoding",
    "in_place",
    "adds into the caller's tensor",
    "The result is right, but the caller's embeddings are spoiled: they now contain the positions "
    "as well.",
)
class LearnedInPlace(_Table):
    def forward(self, x):
        rows = self.rows(x)
        if x.requires_grad:
            return x + rows
        x += rows.detach()
        return x


# --- rotary_encoding ----------------------------------------------------------------------------


def _angle(x, positions, base, frequency=None):
    """(n, d/2) angles in float64."""
    n, d = x.shape[-2:]
    positions = torch.arange(n) if positions is None else positions
    return positions[:, None] * (_frequency(d, base) if frequency is None else frequency)


def _turn(x, angle):
    c, s = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * c - b * s, a * s + b * c], dim=-1).flatten(-2)


def _rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat([-x[..., half:], x[..., :half]], dim=-1)


@misconception(
    "rotary_encoding",
    "half_split",
    "pairs entry i with entry i + d/2",
    "Many libraries do so, and a model trained that way works as well. But it is another function: "
    "weights trained with one layout give nonsense with the other. Here a pair is two neighbors.",
)
def rotary_half_split(x, positions=None, base=10000.0):
    angle = _angle(x, positions, base).repeat(1, 2)
    return x * torch.cos(angle).to(x.dtype) + _rotate_half(x) * torch.sin(angle).to(x.dtype)


@misconception(
    "rotary_encoding",
    "mixed_layouts",
    "pairs neighbors, but lays the angles out in two halves",
    "Half of one convention and half of the other: the two entries of a pair are turned by "
    "different angles, so their length changes and scores depend on more than the offset.",
)
def rotary_mixed(x, positions=None, base=10000.0):
    angle = _angle(x, positions, base).repeat(1, 2)
    other = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(-2)
    return x * torch.cos(angle).to(x.dtype) + other * torch.sin(angle).to(x.dtype)


@misconception(
    "rotary_encoding",
    "not_interleaved",
    "leaves the turned entries in two halves",
    "Every pair is turned as it should be, but the results are laid end to end: all first entries, "
    "then all second ones. Even position 0 comes back in another order.",
)
def rotary_not_interleaved(x, positions=None, base=10000.0):
    turned = rotary_encoding(x, positions, base)
    return torch.cat([turned[..., 0::2], turned[..., 1::2]], dim=-1)


@misconception(
    "rotary_encoding",
    "backward",
    "turns the other way",
    "The minus sign is in the wrong line. Scores still depend on the offset "
    "alone, but every pair turns clockwise.",
)
def rotary_backward(x, positions=None, base=10000.0):
    return _turn(x, -_angle(x, positions, base))


@misconception(
    "rotary_encoding",
    "no_minus",
    "has no minus sign",
    "A turn keeps lengths; this stretches some vectors and shrinks others.",
)
def rotary_no_minus(x, positions=None, base=10000.0):
    angle = _angle(x, positions, base)
    c, s = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * c + b * s, a * s + b * c], dim=-1).flatten(-2)


@misconception(
    "rotary_encoding",
    "sine_for_cosine",
    "exchanges sine and cosine",
    "At position 0 nothing should be turned; this turns by a quarter of a circle there.",
)
def rotary_swapped(x, positions=None, base=10000.0):
    return _turn(x, math.pi / 2 - _angle(x, positions, base))


@misconception(
    "rotary_encoding",
    "uses_the_new_entry",
    "computes the second entry of a pair from the new first one",
    "The first entry has been overwritten before the second was computed. Both new entries are "
    "made of the two old ones.",
)
def rotary_overwrites(x, positions=None, base=10000.0):
    angle = _angle(x, positions, base)
    c, s = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    a = a * c - b * s
    b = a * s + b * c
    return torch.stack([a, b], dim=-1).flatten(-2)


@misconception(
    "rotary_encoding",
    "adds_sinusoids",
    "adds the sinusoidal encoding",
    "That is the other method. Here nothing is added: every pair is turned.",
)
def rotary_adds(x, positions=None, base=10000.0):
    angle = _angle(x, positions, base)
    rows = torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1).flatten(-2)
    return x + rows.to(x.dtype)


@misconception(
    "rotary_encoding",
    "ignores_positions",
    "uses the positions 0 … n-1, whatever is given",
    "The second argument plays no part. Generating text with stored keys needs it: the one new "
    "query is not at position 0.",
)
def rotary_ignores(x, positions=None, base=10000.0):
    return rotary_encoding(x, None, base)


@misconception(
    "rotary_encoding",
    "counts_on_from_the_first",
    "counts on from the first of the positions",
    "Positions may skip, repeat and run backward. Each row is turned by its own position.",
)
def rotary_counts_on(x, positions=None, base=10000.0):
    if positions is not None:
        positions = positions[0] + torch.arange(x.shape[-2])
    return rotary_encoding(x, positions, base)


@misconception(
    "rotary_encoding",
    "counts_from_one",
    "counts positions from 1 when none are given",
    "The vector at position 0 is turned, and it should not be. Scores do not notice, since they "
    "depend on differences only.",
)
def rotary_from_one(x, positions=None, base=10000.0):
    if positions is None:
        positions = torch.arange(1, x.shape[-2] + 1)
    return rotary_encoding(x, positions, base)


@misconception(
    "rotary_encoding",
    "fixed_base",
    "always uses 10000 as the base",
    "The third argument plays no part in the result.",
)
def rotary_fixed_base(x, positions=None, base=10000.0):
    return rotary_encoding(x, positions)


@misconception(
    "rotary_encoding",
    "equal_frequencies",
    "turns every pair by the same angle",
    "With one frequency only, positions a full turn apart look alike. Each pair should turn more "
    "slowly than the one before.",
)
def rotary_equal(x, positions=None, base=10000.0):
    return _turn(x, _angle(x, positions, base, _frequency(x.shape[-1], 1.0)))


@misconception(
    "rotary_encoding",
    "half_the_exponent",
    "has the exponent i/d instead of 2i/d",
    "The first pair is right, and all further pairs turn too fast.",
)
def rotary_half_exponent(x, positions=None, base=10000.0):
    frequency = _frequency(x.shape[-1], base, lambda i, d: i / d)
    return _turn(x, _angle(x, positions, base, frequency))


@misconception(
    "rotary_encoding",
    "twice_the_exponent",
    "has the exponent 4i/d instead of 2i/d",
    "The first pair is right, and all further pairs turn too slowly.",
)
def rotary_twice_exponent(x, positions=None, base=10000.0):
    frequency = _frequency(x.shape[-1], base, lambda i, d: 4 * i / d)
    return _turn(x, _angle(x, positions, base, frequency))


@misconception(
    "rotary_encoding",
    "angle_for_each_entry",
    "gives the two entries of a pair different angles",
    "The exponent should count pairs, not entries. A point whose two coordinates use different "
    "angles is not turned: its distance from the origin changes.",
)
def rotary_each_entry(x, positions=None, base=10000.0):
    n, d = x.shape[-2:]
    column = torch.arange(d, dtype=torch.float64)
    angle = _angle(x, positions, base, base ** (-column / d))
    c, s = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
    other = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(-2)
    return x * c + other * s


@misconception(
    "rotary_encoding",
    "degrees",
    "takes the angles for degrees",
    "It turns about 57 times too little: sine and cosine take radians here.",
)
def rotary_degrees(x, positions=None, base=10000.0):
    return _turn(x, torch.deg2rad(_angle(x, positions, base)))


@misconception(
    "rotary_encoding",
    "positions_along_the_batch",
    "counts positions along the first axis",
    "Right without batch axes. With one, each entry of the batch is turned by another angle, and "
    "all positions of one sequence by the same.",
)
def rotary_batch(x, positions=None, base=10000.0):
    angle = _angle(x.movedim(0, -2), positions if x.dim() == 2 else None, base)
    for _ in range(x.dim() - 2):
        angle = angle.unsqueeze(1)
    return _turn(x, angle)


@misconception(
    "rotary_encoding",
    "positions_from_axis_one",
    "reads the number of positions from axis 1",
    "Axis 1 holds the positions only where there is exactly one batch axis: without one it holds "
    "the width, and with heads it holds the heads.",
)
def rotary_axis_one(x, positions=None, base=10000.0):
    if positions is None:
        positions = torch.arange(x.shape[1])
    return rotary_encoding(x, positions, base)


@misconception(
    "rotary_encoding",
    "half_precision_angles",
    "computes the angles in half precision",
    "Between 1024 and 2048 float16 holds whole numbers only, and beyond 2048 not all of those: "
    "neighbors share an angle. Only the finished sines and cosines may be rounded.",
)
def rotary_half_precision(x, positions=None, base=10000.0):
    n, d = x.shape[-2:]
    positions = torch.arange(n) if positions is None else positions
    angle = positions.half()[:, None] * _frequency(d, base).half()
    return _turn(x, angle.float())


@misconception(
    "rotary_encoding",
    "half_precision_positions",
    "keeps the positions in 16 bits",
    "float16 holds every whole number up to 2048, bfloat16 up to 256. Beyond that, neighboring "
    "positions become the same number, and their vectors are turned alike.",
    dtype=(torch.bfloat16,),
)
def rotary_half_positions(x, positions=None, base=10000.0, *, dtype=torch.float16):
    return rotary_encoding(x, None if positions is None else positions.to(dtype).double(), base)


@misconception(
    "rotary_encoding",
    "drops_the_sign",
    "turns a negative position as if it were positive",
    "A position before the first one is turned backward. Scores should depend on the distance "
    "between two positions, wherever they begin.",
)
def rotary_drops_the_sign(x, positions=None, base=10000.0):
    return rotary_encoding(x, None if positions is None else positions.abs(), base)


@misconception(
    "rotary_encoding",
    "whole_positions",
    "rounds positions down to whole numbers",
    "Positions that are looked up in a table, or taken for integers, lose what comes after the "
    "decimal point. The angle is a product, and the position may be any number.",
)
def rotary_whole(x, positions=None, base=10000.0):
    return rotary_encoding(x, None if positions is None else positions.long(), base)


@misconception(
    "rotary_encoding",
    "float32_result",
    "turns float64 into float32",
    "A float64 x comes back as float32, and what float32 cannot hold is lost.",
)
def rotary_float32(x, positions=None, base=10000.0):
    return rotary_encoding(x.float(), positions, base)


@misconception(
    "rotary_encoding",
    "through_float32",
    "takes float64 numbers through float32 and back",
    "The dtype is right again at the end, but nine of sixteen digits are gone: even a vector at "
    "position 0 comes back changed.",
)
def rotary_through_float32(x, positions=None, base=10000.0):
    return rotary_encoding(x.float(), positions, base).to(x.dtype)


@misconception(
    "rotary_encoding",
    "float64_result",
    "turns float32 into float64",
    "The float64 angles have made everything float64. The result should have the dtype of x.",
)
def rotary_float64(x, positions=None, base=10000.0):
    return rotary_encoding(x.double(), positions, base)


@misconception(
    "rotary_encoding",
    "cuts_the_graph",
    "cuts the graph",
    "The numbers are right, but no gradient flows back: the layers that made queries and keys "
    "would never learn.",
)
def rotary_detached(x, positions=None, base=10000.0):
    return rotary_encoding(x.detach(), positions, base)


@misconception(
    "rotary_encoding",
    "in_place",
    "writes into the caller's tensor",
    "The result is right, and x has been turned with it: calling twice turns twice as far.",
)
def rotary_in_place(x, positions=None, base=10000.0):
    turned = rotary_encoding(x, positions, base)
    if not x.requires_grad:
        x.copy_(turned)
        return x
    return turned


# --- alibi_bias ---------------------------------------------------------------------------------


def _alibi(n, slopes):
    """-slope (i - j) where j ≤ i, -inf elsewhere; slopes a list of floats."""
    distance = (torch.arange(n)[:, None] - torch.arange(n)).float()
    bias = -torch.tensor(slopes, dtype=torch.float32)[:, None, None] * distance
    return bias.masked_fill(distance < 0, -INF)


def _slopes(num_heads):
    return [2.0 ** (-8 * (h + 1) / num_heads) for h in range(num_heads)]


@misconception(
    "alibi_bias",
    "starts_at_one",
    "starts the slopes at 2 to the power of 0",
    "Head 0 should already have one factor 2^(-8/H). Counting from h = 0 without the + 1 makes "
    "every slope 2^(8/H) times too large.",
)
def alibi_from_zero(n, num_heads):
    return _alibi(n, [2.0 ** (-8 * h / num_heads) for h in range(num_heads)])


@misconception(
    "alibi_bias",
    "exponent_turned_over",
    "divides 8 by the number of the head",
    "The exponents should fall in equal steps of 8/H, so that the slopes are powers of one factor.",
)
def alibi_turned_over(n, num_heads):
    return _alibi(n, [2.0 ** (-8 / (h + 1)) for h in range(num_heads)])


@misconception(
    "alibi_bias",
    "made_for_eight_heads",
    "halves the slope from head to head, however many heads there are",
    "Right for 8 heads. With H heads the exponent goes down to -8 in H equal steps.",
)
def alibi_eight(n, num_heads):
    return _alibi(n, [2.0 ** -(h + 1) for h in range(num_heads)])


@misconception(
    "alibi_bias",
    "nearest_power_of_two",
    "takes the slopes of the next smaller power of two and fills up from the next larger one",
    "The original program does that when H is not a power of two, and many libraries follow it. "
    "The paper's formula, and this exercise, need no such case.",
)
def alibi_nearest(n, num_heads):
    small = 2 ** int(math.log2(num_heads))
    more = _slopes(2 * small)[0::2][: num_heads - small]
    return _alibi(n, _slopes(small) + more)


@misconception(
    "alibi_bias",
    "whole_number_step",
    "divides 8 by H without a remainder",
    "With 3 heads the step is 8/3, not 2; with 16 heads it is 1/2, not 0.",
)
def alibi_floor(n, num_heads):
    return _alibi(n, [2.0 ** -(8 // num_heads * (h + 1)) for h in range(num_heads)])


@misconception(
    "alibi_bias",
    "reversed_heads",
    "has the heads in reverse order",
    "Head 0 has the steepest slope, the last head the flattest.",
)
def alibi_reversed(n, num_heads):
    return alibi_bias(n, num_heads).flip(0)


@misconception(
    "alibi_bias",
    "one_slope",
    "has the same slope in every head",
    "The heads should differ: some look at the neighborhood, others far back.",
)
def alibi_one_slope(n, num_heads):
    return _alibi(n, [2.0 ** (-8 / num_heads)] * num_heads)


@misconception(
    "alibi_bias",
    "linear_slopes",
    "lets the slopes fall in equal steps",
    "The slopes are a geometric sequence: each is the same fraction of the one before.",
)
def alibi_linear(n, num_heads):
    return _alibi(n, [1 - h / num_heads for h in range(num_heads)])


@misconception(
    "alibi_bias",
    "powers_of_e",
    "takes powers of e instead of 2",
    "The last head's slope should be 2^-8 = 1/256, whatever H is.",
)
def alibi_exp(n, num_heads):
    return _alibi(n, [math.exp(-8 * (h + 1) / num_heads) for h in range(num_heads)])


@misconception(
    "alibi_bias",
    "rewards_distance",
    "adds where it should subtract",
    "The farther away a key is, the larger its score becomes: the bias should never be positive.",
)
def alibi_positive(n, num_heads):
    return _alibi(n, [-slope for slope in _slopes(num_heads)])


@misconception(
    "alibi_bias",
    "sees_the_future",
    "leaves the future visible, penalized by its distance",
    "The bias is the same on both sides of the diagonal. Places with j > i must be -inf.",
)
def alibi_symmetric(n, num_heads):
    distance = (torch.arange(n)[:, None] - torch.arange(n)).abs().float()
    return -torch.tensor(_slopes(num_heads))[:, None, None] * distance


@misconception(
    "alibi_bias",
    "rewards_the_future",
    "leaves the future visible, and rewards it",
    "Where j > i the distance i - j is negative, so the bias is positive there. Those places must "
    "be -inf.",
)
def alibi_unmasked(n, num_heads):
    distance = (torch.arange(n)[:, None] - torch.arange(n)).float()
    return -torch.tensor(_slopes(num_heads))[:, None, None] * distance


@misconception(
    "alibi_bias",
    "free_future",
    "leaves the future visible, without any penalty",
    "Places with j > i hold 0, the best bias there is. They must be -inf.",
)
def alibi_free(n, num_heads):
    return alibi_bias(n, num_heads).masked_fill(torch.ones(n, n).triu(1) > 0, 0.0)


@misconception(
    "alibi_bias",
    "hides_the_past",
    "hides the past and shows the future",
    "Rows and columns have changed places: row i is the query, column j the key.",
)
def alibi_transposed(n, num_heads):
    return alibi_bias(n, num_heads).transpose(1, 2)


@misconception(
    "alibi_bias",
    "hides_itself",
    "hides the diagonal too",
    "A token may look at itself, and the first token has nothing else. Its bias there is 0.",
)
def alibi_hides_itself(n, num_heads):
    return alibi_bias(n, num_heads).masked_fill(torch.eye(n) > 0, -INF)


@misconception(
    "alibi_bias",
    "one_step_too_far",
    "counts a token's distance to itself as 1",
    "i - j is 0 on the diagonal. Softmax would not notice, since the whole row is shifted alike, "
    "but the bias of a token for itself should be 0.",
)
def alibi_off_by_one(n, num_heads):
    return alibi_bias(n, num_heads) - torch.tensor(_slopes(num_heads))[:, None, None]


@misconception(
    "alibi_bias",
    "grows_from_the_start",
    "counts from the first key instead of back from the query",
    "A row is slope · j. After softmax the result is the same, since each row is shifted by one "
    "number, and so some programs do this. The exercise asks for a bias of 0 on the diagonal.",
)
def alibi_columns(n, num_heads):
    bias = torch.tensor(_slopes(num_heads))[:, None, None] * torch.arange(n).float()
    return bias.expand(num_heads, n, n).masked_fill(torch.ones(n, n).triu(1) > 0, -INF)


@variant("alibi_bias", "grows_from_the_start", "counted from one")
def alibi_columns_from_one(n, num_heads):
    count = torch.ones(num_heads, n, n).cumsum(-1)
    bias = torch.tensor(_slopes(num_heads))[:, None, None] * count
    return bias.masked_fill(torch.ones(n, n).triu(1) > 0, -INF)


@misconception(
    "alibi_bias",
    "zero_times_infinity",
    "gets nan where a query may look",
    "0 times -inf, -inf minus -inf and 0/0 are all nan, and one nan in a row of scores spoils the "
    "whole row.",
)
def alibi_nan(n, num_heads):
    distance = (torch.arange(n)[:, None] - torch.arange(n)).float()
    future = torch.ones(n, n).triu(1)
    return -torch.tensor(_slopes(num_heads))[:, None, None] * distance + future * -INF


@misconception(
    "alibi_bias",
    "table_of_one_size",
    "cuts the biases out of a table of fixed size",
    "A sequence that is longer than the table gets biases for its first positions only.",
    size=(100, 128, 256),
)
def alibi_from_a_table(n, num_heads, *, size=64):
    return alibi_bias(size, num_heads)[:, :n, :n]


@misconception(
    "alibi_bias",
    "heads_last",
    "has the heads on the last axis",
    "The scores are (B, H, n, n): broadcasting lines (n, n, H) up with the wrong axes, and where "
    "the sizes agree there is no error.",
)
def alibi_heads_last(n, num_heads):
    return alibi_bias(n, num_heads).permute(1, 2, 0)


@misconception(
    "alibi_bias",
    "batch_axis",
    "has an extra axis of length 1 in front",
    "The shape should be (H, n, n); broadcasting against (B, H, n, n) adds the axis by itself.",
)
def alibi_batch(n, num_heads):
    return alibi_bias(n, num_heads)[None]


@misconception(
    "alibi_bias",
    "finite_fill",
    "hides the future with a large negative number",
    "The right places are hidden, but a mask in this course holds exactly -inf there.",
    fill=(-1e4, -1e5, -1e6, -1e8, -1e10, -1e30, torch.finfo(torch.float32).min),
)
def alibi_finite(n, num_heads, *, fill=-1e9):
    return alibi_bias(n, num_heads).clamp(min=fill)


@misconception(
    "alibi_bias",
    "float64",
    "returns float64",
    "The course's masks and biases are float32.",
)
def alibi_float64(n, num_heads):
    return alibi_bias(n, num_heads).double()


# --- the same mistakes, as they are often written ------------------------------------------------


@variant("LearnedPositionalEncoding", "in_place", "with gradients, too")
class LearnedInPlaceAlways(_Table):
    def forward(self, x):
        x += self.rows(x)
        return x


@variant("LearnedPositionalEncoding", "only_the_positions", "without the batch")
class LearnedRows(_Table):
    def forward(self, x):
        return self.rows(x)
