"""Run the command line: ``python -m grader``."""

import sys


def run() -> None:
    """Start the command line; report a missing package or an old Python in one clear line."""
    if sys.version_info < (3, 11):  # noqa: UP036 (tell people with an older one)
        sys.exit(f"This course needs Python 3.11; this is {sys.version.split()[0]}.")
    try:
        from grader.commandline import main

        main()
    except ModuleNotFoundError as error:
        if (error.name or "grader").startswith("grader"):
            raise
        sys.exit(
            f"The package {error.name} is not installed. In the course's folder run "
            "`python -m grader.install` (students) or "
            "`python -m grader.install --extras instructor` (to grade), or use make."
        )


if __name__ == "__main__":
    run()
