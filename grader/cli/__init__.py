"""Commands for instructors and authors, one a module: see :mod:`grader.commandline`."""
