"""``python -m grader``."""

import atexit
import contextlib
import os
import sys
import threading


def run() -> None:
    """The command line; a missing package or an old Python is one clear line."""
    if sys.version_info < (3, 11):  # noqa: UP036 (whoever has an older one is told)
        sys.exit(f"This course needs Python 3.11; this is {sys.version.split()[0]}.")
    try:
        from grader.cli import main

        main()
    except SystemExit as end:
        if end.code in (0, None) and threading.active_count() == 1:  # nothing is to be waited for
            _leave()
        raise
    except ModuleNotFoundError as error:
        if (error.name or "grader").startswith("grader"):
            raise
        sys.exit(
            f"The package {error.name} is missing here. In the course's folder run "
            f"`{sys.executable} -m pip install -e .` as a student, or "
            f"`{sys.executable} -m pip install -e '.[instructor]'` to grade; or use make."
        )


def _leave() -> None:
    """End well, without taking libraries apart object by object, which takes 0.1 seconds."""
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):  # nobody reads it any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    run()
