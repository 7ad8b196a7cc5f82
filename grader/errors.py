"""Errors of a run that no submission causes. Commands show the message without a traceback."""

from __future__ import annotations


class WorkerError(Exception):
    """The sandbox or a worker failed, not a submission; the message says how to fix it."""


class LevelDenied(WorkerError):
    """This machine does not allow one level of the sandbox; another may hold."""


class GradebookError(Exception):
    """The gradebook cannot be used in its present state; the message says what to do."""


class ExportError(Exception):
    """Marks cannot be exported in the way asked for; the message says what to change."""


class LedgerError(Exception):
    """The ledger was changed or damaged since it was written; the message says what to do."""


class Stopped(Exception):
    """A person or the system stopped the run. Results so far are kept."""
