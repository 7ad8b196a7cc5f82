"""Python's, NumPy's and torch's functions by the names they go by."""

from __future__ import annotations

from grader.rules.loops import arrays, products, sequences

MAPPERS = frozenset(("map", "starmap", "filter", "filterfalse", "imap", "imap_unordered"))

_ELEMENTWISE = """
exp exp2 expm1 log log2 log1p sqrt abs absolute fabs square maximum minimum fmax fmin where clip
clamp add subtract multiply divide true_divide power float_power pow negative positive tanh sign
floor ceil round around rint mod remainder reciprocal logaddexp sigmoid erf
isfinite isnan isinf nan_to_num equal less greater not_equal less_equal greater_equal
logical_and logical_or logical_not softmax log_softmax masked_fill cumsum cumprod sort argsort
flip fliplr flipud copy deepcopy clone astype type to float double float64 numpy detach cpu
from_numpy as_tensor tensor contiguous ascontiguousarray asfortranarray
zeros_like ones_like empty_like full_like
"""
ELEMENTWISE = frozenset(_ELEMENTWISE.split())  # what leaves the axes as broadcasting makes them

LIBRARY = products.HANDLERS | sequences.HANDLERS | arrays.HANDLERS
