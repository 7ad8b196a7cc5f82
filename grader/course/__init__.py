"""The course as the engine reads it: lessons, exercises, quizzes, known answers."""
