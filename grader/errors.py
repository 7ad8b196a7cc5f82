"""Errors that no submission causes. Commands show their message without a traceback."""

from __future__ import annotations


class Failed(Exception):
    """Something is in the way; the message says what to do. The exit code is 1."""


class Refused(Exception):
    """What was asked for cannot be done; the message says what to change. The exit code is 2."""


class WorkerError(Failed):
    """The sandbox or a worker failed, not a submission; the message says how to fix it."""


class LevelDenied(WorkerError):
    """This machine does not allow one level of the sandbox; another may hold."""


class GradebookError(Failed):
    """The gradebook cannot be used in its present state; the message says what to do."""


class ExportError(Refused):
    """Marks cannot be exported in the way asked for; the message says what to change."""


class LedgerError(Failed):
    """The ledger was changed or damaged since it was written; the message says what to do."""


class Stopped(Exception):
    """A person or the system stopped the run. Results so far are kept."""
