"""What is kept of a grading run: records, the ledger, nbgrader's gradebook."""
