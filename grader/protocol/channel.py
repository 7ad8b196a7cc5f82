"""Send and receive frames over a socket, in judge and worker, and watch the other end meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from grader.protocol import wire

LOOK = 0.05  # seconds between two looks at the other end, while it sends or reads nothing
# Called again and again while the other end is waited for; ends the wait by raising an error.
Watch = Callable[[], object]


class ChannelClosed(Exception):
    """The process at the other end has closed the socket or ended."""


class Channel:
    """One end of a stream socket that carries frames.

    A judge passes ``watch`` to whatever waits for a worker. It is called before each part, not only
    where nothing arrives: a worker may drip single bytes, or read them.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = 0  # bytes, in all frames so far

    def send(self, tree: Any, watch: Watch | None = None) -> None:
        """Send one frame.

        WireError if it cannot be encoded, ChannelClosed if the other end is gone.
        """
        frame = memoryview(wire.dumps(tree))
        self.sock.settimeout(None if watch is None else LOOK)
        while frame:
            if watch is not None:
                watch()
            try:
                frame = frame[self.sock.send(frame) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise ChannelClosed(str(error)) from error

    def receive(self, allowed: frozenset[str] | None = None, watch: Watch | None = None) -> Any:
        """Receive the next frame. WireError if it is malformed, ChannelClosed if there is none.

        ``allowed`` names the dataclasses that the frame may hold. A judge that reads from a worker
        must pass it: otherwise student code could send a CheckSuite.
        """
        self.sock.settimeout(None if watch is None else LOOK)
        header_size, body_size = wire.frame_sizes(self._read(wire.PREFIX_BYTES, watch))
        header = self._read(header_size, watch)
        return wire.loads(header, self._read(body_size, watch), allowed)

    def _read(self, count: int, watch: Watch | None) -> bytes:
        parts: list[bytes] = []
        while count:
            if watch is not None:
                watch()
            try:
                part = self.sock.recv(min(count, 1 << 20))
            except TimeoutError:
                continue
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            if not part:
                raise ChannelClosed("the other side closed the connection")
            parts.append(part)
            count -= len(part)
            self.received += len(part)
        return b"".join(parts)

    def close(self) -> None:
        self.sock.close()
