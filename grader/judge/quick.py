"""Importing quickly: without what is not needed, and without looking for garbage meanwhile."""

from __future__ import annotations

import gc
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(module: str) -> Iterator[None]:
    """In the body this module seems not to be installed; one that is loaded already stays."""
    hide = module not in sys.modules
    if hide:
        sys.modules[module] = None  # type: ignore[assignment]  # what makes an import fail
    try:
        yield
    finally:
        if hide:
            del sys.modules[module]


@contextmanager
def bare(package: str) -> Iterator[None]:
    """In the body this package's modules can be imported without what the package itself imports.

    Afterwards it is as if it had not been imported, and those modules stay, for ``from package
    import module``; one that is loaded already stays as well.
    """
    spec = importlib.util.find_spec(package) if package not in sys.modules else None
    if spec is None:  # loaded already, or not there: the body's own import says so
        yield
        return
    sys.modules[package] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules[package]


@contextmanager
def uncollected() -> Iterator[None]:
    """In the body nothing looks for garbage.

    Imports make none, and what they do make is looked through again and again.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
