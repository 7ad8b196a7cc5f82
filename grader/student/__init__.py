"""The student side: checks against frozen answers, hints, figures."""
