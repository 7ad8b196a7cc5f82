"""The course's answers: one module a lesson, with its wrong and its other right versions."""
