"""TRIES: to read another student's submission, and to write into it.

MUST: find none.

ROWS: 17
"""
PLAIN = True

REACHES = True

# --- handed in ---
found = []
for mode in ("r", "a"):
    try:
        with open("@NEIGHBOUR@", mode) as file:
            found.append(file.read() if mode == "r" else "it can be written")
    except OSError:
        pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
