"""TRIES: to return an object whose every method says yes.

MUST: earn nothing; only plain data crosses the seam, and this travels as a name of a type.

ROWS: 3
"""
PLAIN = True


# --- handed in ---
class Yes:
    shape, ndim, dtype, size = (3, 3), 2, "float32", 9

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __bool__(self):
        return True

    def __float__(self):
        return 0.0

    def __abs__(self):
        return 0

    def __len__(self):
        return 3

    def __array__(self, *a, **k):
        return self

    def __getattr__(self, name):
        return Yes()

    def __call__(self, *a, **k):
        return Yes()

    def __iter__(self):
        return iter([Yes(), Yes()])

    __sub__ = __rsub__ = lambda self, other: 0
    __le__ = __lt__ = __ge__ = __gt__ = __eq__
    __hash__ = None


def softmax_jacobian(weights):
    return Yes()
