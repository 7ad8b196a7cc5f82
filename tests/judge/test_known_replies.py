"""What naming a mistake costs the judge."""

from __future__ import annotations

import subprocess
import sys

from grader.course.layout import ROOT

NAME_ALL = """
import sys
import grader.judge.run
from grader.course.exercises import exercises
from grader.judge.known_replies import known_replies

named = 0
for exercise in exercises("single_query_attention"):
    suite = exercise.suite(b"a seed")
    for replies in known_replies("single_query_attention", exercise.id, suite).values():
        replies[0]
        named += 1
assert named > 50, named
assert "torch" not in sys.modules
"""


def test_a_judge_of_a_numpy_lesson_never_loads_pytorch():
    """PyTorch is some 200 MB in each judge; the first mistake that was named used to load it."""
    command = [sys.executable, "-c", NAME_ALL]
    run = subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
