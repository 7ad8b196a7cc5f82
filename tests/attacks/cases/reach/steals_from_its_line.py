"""TRIES: to read the judge's questions from the socket itself, in a thread, looking for answers.

MUST: find questions only, gain nothing, and take nobody else down.

ROWS: 15, 18
"""

# --- handed in ---
import os
import re
import socket
import threading

line = socket.socket(fileno=os.dup(3))
heard = []


def listen():
    while True:
        try:
            heard.append(line.recv(1 << 16, socket.MSG_PEEK))
        except OSError:
            return


threading.Thread(target=listen, daemon=True).start()


def softmax_jacobian(weights):
    text = b"".join(heard[:50])
    words = re.findall(rb'"(?:expected|rule|options|points|share|core|salt)"', text)
    raise ValueError("REACHED " + str(words))
