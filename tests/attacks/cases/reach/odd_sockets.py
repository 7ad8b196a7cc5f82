"""TRIES: every other family of sockets: netlink, raw, packet, vsock, bluetooth, alg, and SCTP.

MUST: be refused each of them.

ROWS: 19
"""

# --- handed in ---
import socket

found = []
for family in range(50):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        if family in (0, socket.AF_UNIX):
            continue
        try:
            socket.socket(family, kind).close()
            found.append(f"{family}/{kind}")
        except OSError:
            pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
