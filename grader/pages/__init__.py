"""Make pages from a submission; all that the submission holds is sanitized."""
