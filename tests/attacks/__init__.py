"""Attacking submissions, and the arena in which each of them must gain nothing and harm nobody.

A case is one small file in ``cases/<group>/``. Its docstring says what it tries and what must
happen; constants under it say which exercise it attacks; the code under them is what a student
would hand in. See :mod:`tests.attacks.reader`.
"""
