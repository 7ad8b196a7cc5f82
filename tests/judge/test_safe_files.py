"""A file is opened where it was looked for, whatever is swapped on the way."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.judge import intake, safe_files
from grader.judge.safe_files import LinkFound, open_beneath
from grader.records.beside import others

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


def swapped(
    submitted: Path, patch: pytest.MonkeyPatch, parts: tuple[str, ...], act: Callable[[], object]
) -> Iterator[object]:
    """Yield what ``act`` returns or raises, for each call that opens something.

    Just before that call, ``parts`` of ada becomes a link to the same of zoe; then it is put back.
    """
    place, target = submitted.joinpath(*parts), submitted.joinpath("zoe", *parts[1:])
    opened = os.open
    calls, moment = 0, 0
    while moment <= calls:  # once more than there are calls: then nothing is swapped

        def open_after(path: str, *args: int, moment: int = moment, **kwargs: int) -> int:
            nonlocal calls
            if calls == moment:
                place.rename(submitted / "aside")
                place.symlink_to(target)
            calls += 1
            return opened(path, *args, **kwargs)

        calls = 0
        with patch.context() as patched:
            patched.setattr(safe_files.os, "open", open_after)
            try:
                yield act()
            except (intake.Rejected, LinkFound) as refused:
                assert "symbolic link" in str(refused)
                yield refused
        if place.is_symlink():
            place.unlink()
            (submitted / "aside").rename(place)
        moment += 1


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_swap_at_any_moment_hands_in_nobody_elses_file(
    submitted: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    path = submitted.joinpath(*PARTS)
    for found in swapped(submitted, monkeypatch, PARTS[:depth], lambda: intake.read(path)):
        assert found == b"ada" or isinstance(found, intake.Rejected)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_nor_does_one_on_the_way_to_a_file_beside_it(
    submitted: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Work may also be in a folder in the assignment's, or beside that one."""
    parts = ("ada", "03_masking", "work", "answers.ipynb")
    for student in ("ada", "zoe"):
        for place in (parts[1:], (f"03_masking_{student}.ipynb",)):
            path = submitted.joinpath(student, *place)
            path.parent.mkdir(exist_ok=True)
            path.write_text(student)
    notebook = submitted.joinpath(*PARTS)
    seen = set()
    for found in swapped(submitted, monkeypatch, parts[:depth], lambda: others(notebook)):
        assert isinstance(found, tuple)
        assert {one.content for one in found} <= {b"ada", None}
        assert not [one.name for one in found if "zoe" in one.name]
        seen.update(one.name for one in found)
    assert seen >= {"03_masking_ada.ipynb", "work/answers.ipynb"}  # a link is named, and not opened


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_nothing_is_written_into_another_folder(
    submitted: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """As when a zip is unpacked. A link in the file's own place is replaced, and not followed."""

    def write() -> bytes:
        safe_files.write_beneath(submitted, PARTS, b"new")
        return b"written"

    written = 0
    for found in swapped(submitted, monkeypatch, PARTS[:depth], write):
        written += found == b"written"
        assert submitted.joinpath("zoe", *PARTS[1:]).read_bytes() == b"zoe"
        assert not list(submitted.glob("zoe/**/.writing-*"))
    assert written >= 1 and submitted.joinpath(*PARTS).read_bytes() == b"new"


def test_a_file_is_written_whole_or_not_at_all(submitted: Path) -> None:
    safe_files.write_beneath(submitted, ("eve", "03_masking", "a.ipynb"), b"eve")
    folder = submitted / "eve" / "03_masking"
    assert [(one.name, one.read_bytes()) for one in folder.iterdir()] == [("a.ipynb", b"eve")]
    (folder / "a.ipynb").unlink()
    (folder / "a.ipynb").mkdir()
    with pytest.raises(IsADirectoryError):
        safe_files.write_beneath(submitted, ("eve", "03_masking", "a.ipynb"), b"eve")
    assert [one.name for one in folder.iterdir()] == ["a.ipynb"]


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
