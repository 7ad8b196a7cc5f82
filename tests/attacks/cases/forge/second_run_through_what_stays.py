"""TRIES: to hand the course's answer from the second run to the first of its next submission.

MUST: find nothing there: no name, file, socket, argument or cache outlives its worker.

ROWS: 13, 18
"""

LESSON = "attention_today"
EXERCISE = "ModernBlock"
SECRET_OF = "rms_norm"
TWICE = True

# --- handed in ---
import glob
import inspect
import os
import socket
import sys
import tempfile

import torch

places = [tempfile.gettempdir(), "/dev/shm", ".", "/var/tmp", os.path.dirname(torch.__file__)]
kept = [text for place in places for text in glob.glob(f"{place}/.stolen*")]
print("REACHED", kept)
for path in kept:
    print(open(path).read())
try:
    text = inspect.getsource(rms_norm)
except Exception:
    text = ""
for place in places:
    try:
        with open(f"{place}/.stolen-{os.getpid()}", "w") as file:
            file.write(text or "nothing")
    except OSError:
        pass
for address in ("\0stolen", "@ABSTRACT@", "@UNIX@"):
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.sendto(text.encode() or b"nothing", address)
    except OSError:
        pass
sys.argv[:] = [text]
try:
    os.environ["STOLEN"] = text
    torch.stolen = sys.modules["grader"].stolen = text
except Exception:
    pass


class ModernBlock(torch.nn.Module):
    def forward(self, x, mask=None, positions=None):
        raise ValueError(text.replace("\n", "  "))
