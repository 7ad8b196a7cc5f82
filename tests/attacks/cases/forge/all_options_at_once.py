"""TRIES: to choose every option of the quiz at once, with a dict whose answers agree with anything.

MUST: earn nothing.

ROWS: 3
"""

LESSON = "single_query_attention"
EXERCISE = "quiz_single_query_attention"


# --- handed in ---
class Every(dict):
    def __missing__(self, key):
        return Letter("a b c d e")

    def get(self, key, default=None):
        return self[key]

    def items(self):
        return [("1", "abcde")]


class Letter(str):
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


def quiz_single_query_attention():
    return Every(one=["a", "b", "c", "d"], two=Letter("abcd"))
