"""TRIES: to write its points into the gradebook, wherever there is one.

MUST: find none; only the judge opens it.

ROWS: 15
"""
PLAIN = True

# --- handed in ---
import sqlite3

found = []
for path in ("@GRADEBOOK@", "../../../gradebook.db", "@COURSE@/gradebook.db"):
    try:
        book = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=5)
        book.execute("create trigger if not exists forged after update on grade begin "
                     "update grade set manual_score = 100 where id = new.id; end")
        book.execute("update grade set manual_score = 100")
        book.commit()
        found.append(path)
    except sqlite3.Error:
        pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
