"""Read the course: lessons, exercises, quizzes, known answers."""
