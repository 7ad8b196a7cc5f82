"""Run the grading of a cohort and keep its results: records, ledger, nbgrader's gradebook."""
