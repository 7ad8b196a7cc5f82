"""Laws of the wire: what is sent arrives, and nothing but what is known arrives."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.protocol import wire
from grader.protocol.values import Ask, Failure, Reply, Tensor

ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.bool_, np.uint8]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | ARRAYS
    | ARRAYS.map(Tensor)
)
TREES = st.recursive(
    LEAVES,
    lambda t: (
        st.lists(t, max_size=4)
        | st.lists(t, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5), t, max_size=4)
    ),
    max_leaves=12,
)


def read(frame: bytes, allowed: frozenset[str] | None = None) -> object:
    header, body = wire.frame_sizes(frame[: wire.PREFIX_BYTES])
    start = wire.PREFIX_BYTES
    rest = frame[start:]
    return wire.loads(rest[:header], rest[header : header + body], allowed)


def same(one: object, other: object) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and same(one.data, other.data)
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, (list, tuple)):
        return (
            type(one) is type(other)
            and len(one) == len(other)
            and all(same(a, b) for a, b in zip(one, other, strict=True))
        )
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(v, other[k]) for k, v in one.items())
        )
    if isinstance(one, float) and one != one:
        return isinstance(other, float) and other != other
    return type(one) is type(other) and one == other


@given(TREES)
@settings(max_examples=300, deadline=None)
def test_what_is_sent_arrives(tree: object) -> None:
    assert same(tree, read(wire.dumps(tree)))


def test_questions_and_answers_arrive_whole() -> None:
    ask = Ask("f", (Tensor(np.ones((2, 0, 3), np.float32)), [1.5], None), {"axis": -1}, watch=True)
    back = read(wire.dumps([ask, Reply(failure=Failure("exception", "E"))]))
    assert back[0].target == "f" and back[0].args[0].data.shape == (2, 0, 3)
    assert back[1].failure == Failure("exception", "E")


@given(st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_damaged_frames_are_refused_and_nothing_else_happens(noise: bytes) -> None:
    frame = bytearray(wire.dumps({"replies": [Reply(value=np.arange(3.0))]}))
    for index, byte in enumerate(noise):
        frame[(index * 7919) % len(frame)] ^= byte
    try:
        read(bytes(frame), wire.REPLY_TYPES)
    except wire.WireError:
        return


def frame_of(tree: object, arrays: list, body: bytes = b"") -> bytes:
    header = json.dumps({"tree": tree, "arrays": arrays}).encode()
    return struct.pack("!II", len(header), len(body)) + header + body


@pytest.mark.parametrize(
    ("tree", "arrays", "body"),
    [
        ({"c": "Ask", "v": {}}, [], b""),
        ({"c": "Popen", "v": {}}, [], b""),
        ({"c": "Reply", "v": {"value": 1}}, [], b""),
        (
            {"c": "Reply", "v": {"value": 1, "grads": 3, "args": None, "failure": None}},
            [],
            b"",
        ),
        ({"c": "Tensor", "v": {"data": "not an array"}}, [], b""),
        ({"a": 0}, [{"dtype": "object", "shape": [1]}], b"12345678"),
        ({"a": 0}, [{"dtype": "float64", "shape": [-1]}], b"12345678"),
        ({"a": 0}, [{"dtype": "float64", "shape": [2**62, 2**62]}], b"12345678"),
        ({"a": 0}, [{"dtype": "float64", "shape": [1] * 50}], b"12345678"),
        ({"a": 0}, [{"dtype": "float64", "shape": [2]}], b"12345678"),
        ({"a": 1}, [{"dtype": "float64", "shape": [1]}], b"12345678"),
        ({"a": 0}, [{"dtype": "uint8", "shape": [1]}], b"12345678"),
        ({"i": "9" * 1000}, [], b""),
        (-(2**53), [], b""),
        ({"t": [1, [2**53]]}, [], b""),
        ({"f": "1e999"}, [], b""),
        ({"x": 1}, [], b""),
    ],
)
def test_a_worker_cannot_send_anything_else(tree: object, arrays: list, body: bytes) -> None:
    with pytest.raises(wire.WireError):
        read(frame_of(tree, arrays, body), wire.REPLY_TYPES)


def test_a_number_of_4000_digits_is_no_number() -> None:
    with pytest.raises(wire.WireError):
        read(frame_of({"t": [1, 10**4000]}, []), wire.REPLY_TYPES)


def test_nesting_and_size_are_bounded() -> None:
    deep = b'{"tree": ' + b"[" * 100_000 + b"]" * 100_000 + b', "arrays": []}'
    with pytest.raises(wire.WireError):
        wire.loads(deep, b"")
    with pytest.raises(wire.WireError):
        wire.frame_sizes(struct.pack("!II", 2**31, 2**31))
    with pytest.raises(wire.WireError):
        wire.loads(json.dumps({"tree": [0] * 300_000, "arrays": []}).encode(), b"")


@pytest.mark.parametrize("kind", ["f8", "f4", "i8", "u2", "c16"])
def test_numbers_arrive_whatever_the_order_of_their_bytes(kind: str) -> None:
    """A file of another machine may hold its numbers with the first byte first, or last."""
    for order in "<>":
        back = read(wire.dumps(np.array([1, 2, 250]).astype(order + kind)))
        assert isinstance(back, np.ndarray) and back.tolist() == [1, 2, 250]


def test_objects_of_other_types_do_not_travel() -> None:
    with pytest.raises(wire.WireError):
        wire.dumps(object())
    with pytest.raises(wire.WireError):
        wire.dumps(np.array([object()]))


@pytest.mark.parametrize("number", [-1, 10**6, True, 1.0, "5", None])
def test_the_number_of_a_line_is_a_small_whole_number(number: object) -> None:
    fine = Reply(failure=Failure("exception", "ValueError", "no", "x = 1", 5))
    assert read(wire.dumps(fine), wire.REPLY_TYPES) == fine
    odd = Reply(failure=Failure("exception", "ValueError", "no", "x = 1", number))
    with pytest.raises(wire.WireError):
        read(wire.dumps(odd), wire.REPLY_TYPES)
