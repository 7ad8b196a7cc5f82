"""The functions that lessons import: checks against frozen answers, hints, progress, figures."""
