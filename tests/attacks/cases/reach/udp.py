"""TRIES: to send datagrams to a socket on this machine, by address, by broadcast, by name.

MUST: reach nobody.

ROWS: 19
"""

REACHES = True

# --- handed in ---
import socket

found = []
for address in ("127.0.0.1", "127.255.255.255", "255.255.255.255", "localhost"):
    try:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        one.sendto(b"stolen", (address, int("@UDP@")))
        found.append(address)
    except OSError:
        pass
try:
    found.append(socket.gethostbyname("example.org"))
except OSError:
    pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
