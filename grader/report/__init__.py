"""Report on a cohort from the records of its grading, without grading anything again."""
