"""Named wrong answers, one module a lesson: for CI, for diagnosis, and for exercises."""
