"""The course as pages, built by Sphinx; its settings and the front page are in ``docs/site``."""
