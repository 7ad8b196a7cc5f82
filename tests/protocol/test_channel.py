"""Whoever waits for the other end can look at it again and again, however that end drags it out."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from grader.protocol import wire
from grader.protocol.channel import Channel, ChannelClosed


class Enough(Exception):
    """Ends a wait."""


class Looks:
    """A watch that counts its calls and ends the wait after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.count = 0
        self.end = time.monotonic() + seconds

    def __call__(self) -> None:
        self.count += 1
        if time.monotonic() > self.end:
            raise Enough


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def test_what_is_sent_arrives(ends: tuple[Channel, socket.socket]) -> None:
    channel, other = ends
    tree = {"text": "x" * 5_000_000}  # more than a socket holds
    received: list[object] = []
    reader = threading.Thread(target=lambda: received.append(Channel(other).receive()))
    reader.start()
    channel.send(tree, Looks(60))
    reader.join()
    assert received == [tree]
    other.sendall(wire.dumps([1, 2]))
    assert channel.receive(watch=Looks(60)) == [1, 2]


@pytest.mark.parametrize("sent", [0, 1, 8, 20], ids=lambda count: f"{count} bytes of a frame")
def test_silence_is_watched(ends: tuple[Channel, socket.socket], sent: int) -> None:
    channel, other = ends
    other.sendall(wire.dumps(["a frame of some length"])[:sent])
    looks = Looks(0.3)
    with pytest.raises(Enough):
        channel.receive(watch=looks)
    assert looks.count >= 3


def test_a_frame_that_drips_is_watched(ends: tuple[Channel, socket.socket]) -> None:
    """Each byte arrives sooner than the wait for one would end."""
    channel, other = ends
    stop = threading.Event()

    def drip() -> None:
        for byte in wire.dumps(["x" * 100_000]):
            if stop.wait(0.005):
                return
            other.sendall(bytes([byte]))

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        with pytest.raises(Enough):
            channel.receive(watch=Looks(0.3))
    finally:
        stop.set()
        dripping.join()


def test_an_end_that_does_not_read_is_watched(ends: tuple[Channel, socket.socket]) -> None:
    channel, _ = ends
    with pytest.raises(Enough):
        channel.send("x" * 5_000_000, Looks(0.3))


def test_an_end_that_is_closed_is_said_to_be(ends: tuple[Channel, socket.socket]) -> None:
    channel, other = ends
    other.sendall(wire.dumps(["x" * 100])[:30])
    other.close()
    with pytest.raises(ChannelClosed):
        channel.receive(watch=Looks(60))
    with pytest.raises(ChannelClosed):
        channel.send("x" * 5_000_000, Looks(60))
