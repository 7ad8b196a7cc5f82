"""TRIES: subclasses of float, int, str, list and dict that change when they are read.

MUST: earn nothing.

ROWS: 3
"""

LESSON = "single_query_attention"
EXERCISE = "attention"


# --- handed in ---
class Number(float):
    def __eq__(self, other):
        return True

    def __float__(self):
        return float("nan")

    def __sub__(self, other):
        return 0.0

    __hash__ = None


class Text(str):
    def __getitem__(self, item):
        return Number(0)


class Items(list):
    def __len__(self):
        return 1

    def __iter__(self):
        return iter([Number(1), Text("x"), {Text("k"): Number(2)}])


def attention(query, keys, values):
    return Items([Number(0.0)] * len(values[0]))
