"""A late policy that nbgrader lacks: take off a share of the points for each day begun.

In a course folder's ``nbgrader_config.py``::

    c.AssignLatePenalties.plugin_class = "grader.records.late_policy.PerDay"
    c.PerDay.percent_per_day = 10
    c.PerDay.grace_minutes = 15
"""

from __future__ import annotations

import math

from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float

DAY = 86_400.0  # seconds


class PerDay(LateSubmissionPlugin):
    """A policy that takes off a share of the points for each day begun, after a grace period."""

    percent_per_day = Float(10.0, min=0.0, max=100.0, help="of the points earned").tag(config=True)
    most_percent = Float(100.0, min=0.0, max=100.0, help="never more than this").tag(config=True)
    grace_minutes = Float(0.0, min=0.0, help="cost nothing; days count from their end").tag(
        config=True
    )

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """Return the points to take off, or None; called by nbgrader and by this grader."""
        counted = total_seconds_late - 60.0 * self.grace_minutes
        if counted <= 0:
            return None
        percent = min(math.ceil(counted / DAY) * self.percent_per_day, self.most_percent)
        return round(score * percent / 100.0, 2)
