"""TRIES: what is written in the extended attributes of a file that it may not open.

MUST: see none, where not even the file can be seen.

ROWS: 18
"""

# --- handed in ---
import os

found = []
for path in ("@SOLUTIONS@", "@SALT@", "@NEIGHBOUR@"):
    for follow in (True, False):
        try:
            names = os.listxattr(path, follow_symlinks=follow)
            found += [os.getxattr(path, name, follow_symlinks=follow) for name in names]
            found.append(path)
        except OSError:
            pass
        try:
            found.append(os.getxattr(path, "user.note", follow_symlinks=follow))
        except OSError:
            pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
