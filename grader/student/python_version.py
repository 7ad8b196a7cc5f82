"""The version of Python in a notebook's metadata, which Jupyter sets to the kernel's.

JupyterLab asks to save a notebook that it has opened and not changed if the file has another
version. So the lab's copies get the version of this Python, and files are compared without it.
"""

from __future__ import annotations

import platform
import re

# In a notebook's text, quotes inside of cells are escaped: this matches in the metadata alone.
VERSION = re.compile(rb'("language_info": \{.*?"version": ")[^"]*', re.DOTALL)


def with_this_version(content: bytes) -> bytes:
    """Return a notebook's file with the version of the Python that runs."""
    return VERSION.sub(rb"\g<1>" + platform.python_version().encode(), content)


def without_version(content: bytes) -> bytes:
    """Return a notebook's file with an empty version."""
    return VERSION.sub(rb"\g<1>", content)
