"""TRIES: local sockets: one in the judge's folder, one with an abstract name, the usual services.

MUST: reach nobody.

ROWS: 19
"""

REACHES = True

# --- handed in ---
import socket

found = []
for address in (
    "@UNIX@",
    "\0@ABSTRACT@",
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/dbus/system_bus_socket",
    "/run/systemd/journal/socket",
    "/tmp/.X11-unix/X0",
):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        try:
            one = socket.socket(socket.AF_UNIX, kind)
            one.connect(address)
            one.send(b"stolen")
            found.append(address.strip("\0"))
        except OSError:
            pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
