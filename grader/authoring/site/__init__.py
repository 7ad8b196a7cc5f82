"""The course as pages: gathered, read by mystmd, written by a theme of its own.

mystmd's own theme is no package: the build would fetch it. A theme may also say how it renders
itself, and ours (``docs/site/theme``) does: mystmd calls :mod:`grader.authoring.site.pages`.
"""
