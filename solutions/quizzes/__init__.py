"""The questions of each lesson's quiz, as data: see :mod:`solutions.quiz`."""
