"""Tools for the authors of a course."""
