"""What may go wrong with a run and is no submission's fault: commands show the message alone."""

from __future__ import annotations


class WorkerError(Exception):
    """The machinery, not a submission, failed: the message says what to fix."""


class GradebookError(Exception):
    """The gradebook cannot be used as it is; the message says what to do."""


class ExportError(Exception):
    """Marks cannot be exported as asked for; the message says what to change."""


class LedgerError(Exception):
    """The ledger is not as it was left; the message says what to do."""


class Stopped(Exception):
    """Somebody wants the run to end. What was graded is kept."""
