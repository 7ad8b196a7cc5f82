"""Show what a long run is doing, from its beginning: a bar on a terminal, else occasional lines.

A run reports its stages, and each step that is done. Where the output goes into a file or a pipe, a
line for each of thousands of submissions would bury the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from grader.records.late import duration

FIRST, INTERVAL = 2.0, 10.0  # seconds from a stage's line to the next, and between all others


class Steps(Protocol):
    """What a run reports its progress to."""

    def stage(self, said: str, total: int = 0) -> None:
        """Begin a stage of ``total`` steps (0: not known)."""

    def step(self) -> None:
        """Count one step of the stage as done."""


@dataclass
class Lines:
    """A line for each stage, and one about its steps every few seconds."""

    say: Callable[[str], object]
    clock: Callable[[], float] = time.monotonic
    said: str = ""
    total: int = 0
    done: int = 0
    began: float = 0.0
    next: float = 0.0

    def stage(self, said: str, total: int = 0) -> None:
        self.said, self.total, self.done, self.began = said, total, 0, self.clock()
        self.next = self.began + FIRST
        self.say(f"{said} …")

    def step(self) -> None:
        self.done += 1
        now = self.clock()
        if now < self.next or self.done >= self.total:
            return
        self.next = now + INTERVAL
        left = (now - self.began) / self.done * (self.total - self.done)
        self.say(f"{self.said}: {self.done} done, about {duration(max(left, 1.0))} left")


@dataclass
class Bar:
    """A progress bar for each stage, on a terminal."""

    progress: Progress

    def stage(self, said: str, total: int = 0) -> None:
        for task in self.progress.task_ids:
            self.progress.remove_task(task)
        self.progress.add_task(said, total=total or None, count=f"0/{total}" if total else "")

    def step(self) -> None:
        for task in self.progress.tasks:
            done = int(task.completed) + 1
            self.progress.update(task.id, advance=1, count=f"{done}/{task.total or 0:.0f}")


@contextmanager
def steps() -> Iterator[Steps]:
    """Show a run's stages and steps on standard error: as a bar on a terminal, else as lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines(lambda line: click.echo(line, err=True))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Bar(progress)
