"""Pages that are made of a submission, with everything in them sanitized."""
