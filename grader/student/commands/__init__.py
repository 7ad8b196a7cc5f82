"""Commands for students, one a module: see :mod:`grader.commandline`."""
