"""What a cohort did, read from the records that grading leaves; nothing is graded again."""
