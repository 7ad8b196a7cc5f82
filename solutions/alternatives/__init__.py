"""Other right answers, one module a lesson: the checks must accept each of them."""
