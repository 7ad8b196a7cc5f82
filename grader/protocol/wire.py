"""Frames: JSON for structure, raw bytes for arrays, and nothing that can be executed.

A tree of numbers, strings, lists, tuples, dicts, arrays and the dataclasses named in ``TYPES``
becomes a JSON document whose arrays are references into a list of byte blocks. A frame from a
worker may be forged by student code, so reading bounds bytes, nodes, nesting, dtypes and shapes,
never unpickles, and builds fresh arrays.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import struct
from typing import Any

import numpy as np

from grader.protocol import recorded, values
from grader.protocol.json_bounds import has_more_values

MAX_FRAME = 64 * 1024 * 1024
MAX_NODES = 200_000
MAX_DEPTH = 40
MAX_AXES = 12
EXACT = 2**53  # whole numbers below it are floats, too; larger ones travel as {"i": "..."}
DTYPES = frozenset(
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    + ("float16", "float32", "float64", "complex64", "complex128")
)
TYPES = {
    cls.__name__: cls
    for cls in (
        values.Tensor,
        values.Opaque,
        values.Failure,
        values.Ref,
        values.Step,
        values.Callback,
        values.Ask,
        values.Reply,
        values.Case,
        values.Check,
        values.CheckSuite,
        values.Misconception,
        recorded.Signature,
        recorded.LayerForm,
        recorded.LayerPart,
        recorded.RecordedCall,
        recorded.Recording,
    )
}
# The types that a worker may send: no questions, checks or expected replies.
REPLY_TYPES = frozenset({"Tensor", "Opaque", "Failure", "Reply"})
_HEADER = struct.Struct("!II")
_JSON = json.JSONEncoder(allow_nan=False)  # JSON has no NaN: it travels as {"f": "nan"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class WireError(ValueError):
    """An invalid frame: too large, nested too deeply, or of an unknown form."""


@functools.lru_cache(256)
def _name_of(dtype: np.dtype) -> str:
    """Return the dtype's name, cached: NumPy builds the string anew at each access."""
    return dtype.name


@functools.cache
def _fields_of(name: str) -> tuple[str, ...]:
    """Return the names of a class's fields, cached: many objects are of few classes."""
    return tuple(field.name for field in dataclasses.fields(TYPES[name]))


def _encode(node: Any, arrays: list[np.ndarray], known: dict[int, int], depth: int) -> Any:
    """Turn a tree into a JSON-able document, and add its arrays to ``arrays``, contiguous."""
    if depth > MAX_DEPTH:
        raise WireError(f"nested more than {MAX_DEPTH} levels deep")
    if node is None or type(node) in (bool, str):
        return node
    if type(node) is int:
        return node if abs(node) < EXACT else {"i": str(node)}
    if type(node) is float:
        return node if math.isfinite(node) else {"f": repr(node)}
    if type(node) is list:
        return [_encode(item, arrays, known, depth + 1) for item in node]
    if type(node) is tuple:
        return {"t": [_encode(item, arrays, known, depth + 1) for item in node]}
    if type(node) is dict:
        if not all(type(key) is str for key in node):
            raise WireError("a dict's keys must be strings")
        return {"d": {key: _encode(item, arrays, known, depth + 1) for key, item in node.items()}}
    if type(node) is np.ndarray:
        if _name_of(node.dtype) not in DTYPES or node.ndim > MAX_AXES:
            raise WireError(f"an array of dtype {node.dtype} and {node.ndim} axes does not travel")
        if id(node) not in known:  # ids stay valid: the tree keeps its arrays alive
            known[id(node)] = len(arrays)
            # A dtype's name does not say the order of its bytes, so all are sent in the native one.
            native = node.dtype.newbyteorder("=")
            arrays.append(np.ascontiguousarray(node, native).reshape(node.shape))
        return {"a": known[id(node)]}
    name = type(node).__name__
    if TYPES.get(name) is type(node):
        fields = {
            field: _encode(getattr(node, field), arrays, known, depth + 1)
            for field in _fields_of(name)
        }
        return {"c": name, "v": fields}
    raise WireError(f"a value of type {name} does not travel")


class _Reader:
    def __init__(self, arrays: list[np.ndarray], allowed: frozenset[str]) -> None:
        self.arrays = arrays
        self.allowed = allowed
        self.nodes = 0

    def read(self, node: Any, depth: int = 0) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            raise WireError("too many or too deeply nested values")
        if isinstance(node, str):
            return _encodable(node)
        if type(node) is int and abs(node) >= EXACT:
            raise WireError("a whole number of extraordinary size")
        if node is None or isinstance(node, (bool, int, float)):
            return node
        if isinstance(node, list):
            return [self.read(item, depth + 1) for item in node]
        if not isinstance(node, dict):
            raise WireError("unknown kind of value")
        if node.keys() == {"t"} and isinstance(node["t"], list):
            return tuple(self.read(item, depth + 1) for item in node["t"])
        if node.keys() == {"d"} and isinstance(node["d"], dict):
            return {_encodable(k): self.read(item, depth + 1) for k, item in node["d"].items()}
        if node.keys() == {"f"} and node["f"] in ("nan", "inf", "-inf"):
            return float(node["f"])
        if node.keys() == {"i"} and isinstance(node["i"], str) and len(node["i"]) <= 400:
            try:
                number = int(node["i"])
                float(number)  # rules compare numbers as floats
            except (ValueError, OverflowError) as error:
                raise WireError("not a whole number of ordinary size") from error
            return number
        if node.keys() == {"a"} and type(node["a"]) is int and 0 <= node["a"] < len(self.arrays):
            return self.arrays[node["a"]]
        if node.keys() == {"c", "v"} and isinstance(node["v"], dict):
            return self._object(node["c"], node["v"], depth)
        raise WireError("unknown kind of value")

    def _object(self, name: Any, fields: dict, depth: int) -> Any:
        if not isinstance(name, str) or name not in self.allowed:
            raise WireError("an object of a type that may not be sent")
        cls = TYPES[name]
        if fields.keys() != set(_fields_of(name)):
            raise WireError(f"a {name} with the wrong fields")
        read = {key: self.read(item, depth + 1) for key, item in fields.items()}
        # Student code writes these texts, and people read them in terminals and on pages.
        if cls in (values.Failure, values.Opaque):
            read = {k: _printable(v) if isinstance(v, str) else v for k, v in read.items()}
        if cls is values.Reply and isinstance(read["lines"], dict):
            read["lines"] = {_printable(text): counts for text, counts in read["lines"].items()}
        built = cls(**read)
        _validate(built)
        return built


def _printable(text: str) -> str:
    """Replace characters that control a terminal or reverse the direction of writing."""
    return _CONTROL.sub("\ufffd", text)


def _encodable(text: str) -> str:
    """Make text encodable as UTF-8: a lone surrogate becomes a "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _validate(node: Any) -> None:
    """Raise WireError unless the fields have the types that the judge relies on."""
    if isinstance(node, values.Tensor):
        valid = type(node.data) is np.ndarray
    elif isinstance(node, values.Opaque):
        valid = type(node.type) is str
    elif isinstance(node, values.Failure):
        texts = (node.kind, node.type, node.message, node.line, node.base)
        valid = all(type(text) is str for text in texts)
        valid = valid and type(node.number) is int and 0 <= node.number < 1_000_000
    elif isinstance(node, values.Reply):
        valid = (
            type(node.grads) is tuple
            and all(grad is None or type(grad) is np.ndarray for grad in node.grads)
            and (node.args is None or type(node.args) is tuple)
            and (node.failure is None or isinstance(node.failure, values.Failure))
            and (node.work is None or type(node.work) is int)
            and type(node.lines) is dict
            and all(map(_three_counts, node.lines.values()))
            and node.cpu is None  # the judge alone measures time
        )
    else:
        valid = True
    if not valid:
        raise WireError(f"a {type(node).__name__} with a field of the wrong type")


def _three_counts(value: Any) -> bool:
    return type(value) is tuple and [type(number) for number in value] == [int, int, int]


def dumps(tree: Any) -> bytes:
    """Write a tree as one frame. An array that it holds in several places is written once."""
    arrays: list[np.ndarray] = []
    document = _encode(tree, arrays, {}, 0)
    shapes = [{"dtype": _name_of(a.dtype), "shape": list(a.shape)} for a in arrays]
    header = _JSON.encode({"tree": document, "arrays": shapes}).encode()
    body = b"".join(a.tobytes() for a in arrays)
    if len(header) + len(body) > MAX_FRAME:
        raise WireError(f"a frame of more than {MAX_FRAME} bytes")
    return _HEADER.pack(len(header), len(body)) + header + body


def loads(header: bytes, body: bytes, allowed: frozenset[str] | None = None) -> Any:
    """Rebuild the tree of one frame; :class:`WireError` if it is not one.

    ``allowed`` names the dataclasses that may occur (all, by default).
    """
    if has_more_values(header, MAX_NODES * 4):  # counted again below, once they are in memory
        raise WireError("too many values")
    try:
        document = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise WireError("the frame's header is not JSON") from error
    if not isinstance(document, dict) or document.keys() != {"tree", "arrays"}:
        raise WireError("the frame's header has other fields")
    arrays = _blocks(document["arrays"], body)
    return _Reader(arrays, frozenset(TYPES) if allowed is None else allowed).read(document["tree"])


def _blocks(described: Any, body: bytes) -> list[np.ndarray]:
    if not isinstance(described, list) or len(described) > MAX_NODES:
        raise WireError("the frame's arrays are not described")
    arrays, offset = [], 0
    for item in described:
        if not isinstance(item, dict) or item.keys() != {"dtype", "shape"}:
            raise WireError("an array without dtype and shape")
        dtype, shape = item["dtype"], item["shape"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise WireError("an array of a dtype that does not travel")
        if not isinstance(shape, list) or len(shape) > MAX_AXES:
            raise WireError("an array of too many axes")
        if not all(type(n) is int and 0 <= n <= MAX_FRAME for n in shape):
            raise WireError("an array of a strange shape")
        if math.prod(max(n, 1) for n in shape) > MAX_FRAME:  # such as (0, huge)
            raise WireError("an array of a strange shape")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if offset + size > len(body):
            raise WireError("an array longer than its frame")
        block = np.frombuffer(body, dtype, math.prod(shape), offset) if size else np.empty(0, dtype)
        arrays.append(block.reshape(shape).copy())
        offset += size
    if offset != len(body):
        raise WireError("a frame longer than its arrays")
    return arrays


def frame_sizes(prefix: bytes) -> tuple[int, int]:
    """Read (header bytes, body bytes) from a frame's first eight bytes; WireError if too large."""
    header, body = _HEADER.unpack(prefix)
    if header + body > MAX_FRAME:
        raise WireError(f"a frame of more than {MAX_FRAME} bytes")
    return header, body


PREFIX_BYTES = _HEADER.size
