"""The course as pages, made by Sphinx: its settings and the front page are in ``docs/site``."""
