"""TRIES: 2 GB in the buffers of sockets and pipes, which belong to no process.

MUST: be bounded by what the sockets hold that it may have open.

ROWS: 25
"""

OUTCOME = ("graded", "out_of_memory")
LIMITS = {"worker": {"memory": 1610612736}}

# --- handed in ---
import fcntl
import os
import socket

held, kept, block = 0, [], b"x" * (1 << 16)


def fill(send):
    written = 0
    try:
        while True:
            written += send(block)
    except OSError:
        return written


for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    try:
        while True:
            pair = socket.socketpair(socket.AF_UNIX, kind)
            kept.append(pair)
            for one in pair:
                one.setblocking(False)
                for option in (socket.SO_SNDBUF, 32, socket.SO_RCVBUF, 33):
                    try:
                        one.setsockopt(socket.SOL_SOCKET, option, 1 << 26)
                    except OSError:
                        pass
                held += fill(one.send)
                if kind == socket.SOCK_DGRAM:
                    break
    except OSError:
        kept = kept[: len(kept) // 2]
try:
    while True:
        ends = os.pipe()
        kept.append(ends)
        os.set_blocking(ends[1], False)
        try:
            fcntl.fcntl(ends[1], 1031, 1 << 20)  # F_SETPIPE_SZ
        except OSError:
            pass
        held += fill(lambda data, end=ends[1]: os.write(end, data))
except OSError:
    pass
print("REACHED", [f"{held >> 20} MB"] if held > 1 << 28 else [])


def softmax_jacobian(weights):
    return None
