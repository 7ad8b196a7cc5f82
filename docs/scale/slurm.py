"""Grade on a Slurm cluster: each job is one judge, and this process alone writes the marks.

    pip install -c constraints.txt -e '.[instructor,cluster]' dask-jobqueue
    python docs/scale/slurm.py 40 --queue short -- submitted --course-dir .

Run it where jobs can reach it by network and see this checkout, in the same folder and with the
same Python: on a login node with a shared home, say. What follows ``--`` is given to
``python -m grader grade``. With ``--try`` the same job scripts run on this machine, without Slurm.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from dask_jobqueue import SLURMCluster
from dask_jobqueue.local import LocalCluster

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Start the jobs, grade, and end them; the exit code of ``grade``."""
    parser = argparse.ArgumentParser(description="Grade on a Slurm cluster.")
    parser.add_argument("jobs", type=int, help="how many judges")
    parser.add_argument("--queue", help="Slurm's partition")
    parser.add_argument("--walltime", default="02:00:00", help="how long each job may run")
    parser.add_argument("--try", dest="here", action="store_true", help="jobs on this machine")
    parser.add_argument("grade", nargs="+", help="what `grade` is given, after --")
    given = parser.parse_args()
    job = {
        "cores": 1,
        "processes": 1,
        "memory": "6GiB",  # a submission may use 4; the judge and the forkserver use the rest
        "python": sys.executable,
        "worker_extra_args": ["--no-nanny"],  # no process between a judge and Slurm
        "log_directory": str(Path.cwd() / "dask-logs"),
        "scheduler_options": {"dashboard_address": None},
    }
    own = LocalCluster if given.here else SLURMCluster
    more = {} if given.here else {"queue": given.queue, "walltime": given.walltime}
    with own(**job, **more) as cluster:
        cluster.scale(jobs=given.jobs)
        command = [sys.executable, "-m", "grader", "grade", *given.grade]
        command += ["--scheduler", cluster.scheduler_address]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
