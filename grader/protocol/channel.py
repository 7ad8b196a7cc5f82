"""Frames over a socket, with a deadline. Judge and worker both use it."""

from __future__ import annotations

import socket
import time
from typing import Any

from grader.protocol import wire


class ChannelClosed(Exception):
    """The process at the other end has closed the socket or ended."""


class ChannelTimeout(Exception):
    """No whole frame arrived before the deadline."""


class Channel:
    """One end of a stream socket that carries frames."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = 0  # bytes, in all frames so far

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, tree: Any) -> None:
        try:
            self.sock.settimeout(None)
            self.sock.sendall(wire.dumps(tree))
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def receive(self, allowed: frozenset[str] | None = None, seconds: float | None = None) -> Any:
        """The next frame. WireError if it is malformed, ChannelTimeout after ``seconds``.

        ``allowed`` names the dataclasses that the frame may hold. A judge that reads from a worker
        must pass it: otherwise student code could send a CheckSuite.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        header_size, body_size = wire.frame_sizes(self._read(wire.PREFIX_BYTES, deadline))
        header = self._read(header_size, deadline)
        return wire.loads(header, self._read(body_size, deadline), allowed)

    def _read(self, count: int, deadline: float | None) -> bytes:
        # One deadline for all parts: a sender that drips single bytes gains no time.
        parts: list[bytes] = []
        while count:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise ChannelTimeout
                self.sock.settimeout(left)
            else:
                self.sock.settimeout(None)
            try:
                part = self.sock.recv(min(count, 1 << 20))
            except TimeoutError as error:
                raise ChannelTimeout from error
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
