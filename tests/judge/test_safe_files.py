"""A file is opened where it was looked for, whatever is swapped on the way."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.judge import intake, safe_files
from grader.judge.safe_files import LinkFound, open_beneath

PARTS = ("ada", "03_masking", "03_masking.ipynb")


def content_of(descriptor: int) -> str:
    with os.fdopen(descriptor) as file:
        return file.read()


@pytest.fixture
def submitted(tmp_path: Path) -> Path:
    """Two students' files, alike but for their content."""
    for student in ("ada", "zoe"):
        path = tmp_path.joinpath(student, *PARTS[1:])
        path.parent.mkdir(parents=True)
        path.write_text(student)
    return tmp_path


def test_what_is_no_link_is_opened(submitted: Path) -> None:
    assert content_of(open_beneath(submitted, PARTS)) == "ada"


def test_the_folder_of_all_may_be_a_link(submitted: Path, tmp_path: Path) -> None:
    """An instructor's own choice, such as a folder on another disk."""
    link = tmp_path / "link"
    link.symlink_to(submitted)
    assert content_of(open_beneath(link, PARTS)) == "ada"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_link_at_any_depth_is_refused(submitted: Path, depth: int) -> None:
    path = submitted.joinpath(*PARTS[:depth])
    path.rename(submitted / "aside")
    path.symlink_to(submitted.joinpath("zoe", *PARTS[1:depth]))
    with pytest.raises(LinkFound):
        open_beneath(submitted, PARTS)
    with pytest.raises(intake.Rejected, match="symbolic link"):
        intake.read(submitted.joinpath(*PARTS))


@pytest.mark.parametrize("name", ["..", ".", "", "a/b"])
def test_only_names_lead_on(submitted: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name of one file"):
        open_beneath(submitted / "ada", (name, *PARTS[1:]))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_swap_at_any_moment_hands_in_nobody_elses_file(
    submitted: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Just before each call that opens something, a part of the path becomes a link."""
    place = submitted.joinpath(*PARTS[:depth])
    target = submitted.joinpath("zoe", *PARTS[1:depth])
    opened = os.open
    calls = [0]

    def swapping(moment: int) -> Callable[..., int]:
        def open_after(path: str, *args: int, **kwargs: int) -> int:
            if calls[0] == moment:
                place.rename(submitted / "aside")
                place.symlink_to(target)
            calls[0] += 1
            return opened(path, *args, **kwargs)

        return open_after

    for moment in range(len(PARTS) + 1):
        calls[0] = 0
        with monkeypatch.context() as patch:
            patch.setattr(safe_files.os, "open", swapping(moment))
            try:
                assert intake.read(submitted.joinpath(*PARTS)) == b"ada"
            except intake.Rejected as refused:
                assert "symbolic link" in str(refused)
        if place.is_symlink():
            place.unlink()
            (submitted / "aside").rename(place)


def test_a_race_hands_in_nobody_elses_file(submitted: Path) -> None:
    """The real thing: a thread that swaps the folder and a link for it as fast as it can."""
    place, aside = submitted / "ada", submitted / "aside"
    link = submitted / "link"
    link.symlink_to(submitted / "zoe")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            place.rename(aside)
            link.rename(place)
            place.rename(link)
            aside.rename(place)

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        for _ in range(3000):
            with contextlib.suppress(intake.Rejected):
                seen.add(intake.read(submitted.joinpath(*PARTS)))
    finally:
        stop.set()
        swapper.join()
    assert seen <= {b"ada"}
