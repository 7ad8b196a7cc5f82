"""TRIES: sockets of other programs, from a pair of sockets that needs neither socket nor connect.

MUST: reach nobody: each message of such a pair may say whom it is for.

ROWS: 19
"""

REACHES = True

# --- handed in ---
import socket

found = []
for address in ("@UNIX@", "\0@ABSTRACT@", "/run/systemd/journal/socket", "/dev/log"):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            one, other = socket.socketpair(socket.AF_UNIX, kind)
            one.sendto(b"stolen", address)
            other.setblocking(False)
            try:
                other.recv(16)  # the other end of the pair: it went to nobody else
            except BlockingIOError:
                found.append(address.strip("\0"))
        except OSError:
            pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
