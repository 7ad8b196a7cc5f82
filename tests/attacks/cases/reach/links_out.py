"""TRIES: links out of its folder: symbolic, hard, through /proc/self/fd, through "..", by rename.

MUST: reach nothing.

ROWS: 22
"""

REACHES = True

# --- handed in ---
import os

found = []
for number, target in enumerate(("@SALT@", "@HOME@", "/etc/shadow", "/proc/1/root@SALT@")):
    for make in (os.symlink, os.link):
        name = f"link{number}{make.__name__}"
        try:
            make(target, name)
            found.append(open(name).read(60))
        except OSError:
            pass
    try:
        here = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        up = "../" * 30 + target.lstrip("/")
        found.append(os.read(os.open(up, os.O_RDONLY, dir_fd=here), 60).decode())
    except OSError:
        pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
