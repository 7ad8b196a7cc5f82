"""Report on a cohort from the records of its grading; nothing is graded again."""
