"""The modules of this lesson that are copied to students and into workers: no answers here."""
