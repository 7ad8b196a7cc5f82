"""The zip of a hand-in: what was written is read, and whatever else comes is refused in bounds."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from grader.source import handin
from grader.source.handin import NotAHandIn
from grader.source.notebook import MAX_BYTES

RECEIPT = {"format": 1, "course": "trees", "notebooks": []}
BOOKS = {"01_seeds": b'{"cells": []}', "12_leaves_2": b"\x00" * 1000}


def zipped(*entries: tuple[str, bytes], receipt: bytes = b'{"format": 1}', comment: bytes = b""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*entries, (handin.RECEIPT, receipt)):
            archive.writestr(name, content)
        archive.comment = comment
    return buffer.getvalue()


def test_what_is_written_is_read_and_any_unzip_reads_it() -> None:
    content = handin.write(BOOKS, RECEIPT)
    found = handin.read(content)
    assert found.notebooks == BOOKS and found.receipt == RECEIPT
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "01_seeds/01_seeds.ipynb",
            "12_leaves_2/12_leaves_2.ipynb",
            "receipt.json",
        ]
        assert archive.read("12_leaves_2/12_leaves_2.ipynb") == BOOKS["12_leaves_2"]


def test_the_same_work_gives_the_same_bytes() -> None:
    assert handin.write(BOOKS, RECEIPT) == handin.write(dict(reversed(BOOKS.items())), RECEIPT)


@pytest.mark.parametrize(
    "name",
    [
        "../01_seeds/01_seeds.ipynb",
        "/01_seeds/01_seeds.ipynb",
        "01_seeds/../../x/01_seeds.ipynb",
        "01_seeds/02_other.ipynb",
        "01_seeds/01_seeds.py",
        "01_seeds\\01_seeds.ipynb",
        "01_seeds/",
        "deep/01_seeds/01_seeds.ipynb",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(NotAHandIn, match="which pack does not write"):
        handin.read(zipped((name, b"{}")))


def test_a_bomb_is_refused_whatever_it_says_of_its_size() -> None:
    bomb = zipped(("01_seeds/01_seeds.ipynb", b"\x00" * (MAX_BYTES + 1)))
    with pytest.raises(NotAHandIn, match="larger than what is read"):
        handin.read(bomb)
    lying = bomb.replace(struct.pack("<L", MAX_BYTES + 1), struct.pack("<L", 10))
    assert lying != bomb
    with pytest.raises(NotAHandIn):
        handin.read(lying)


def test_many_small_notebooks_have_a_limit_together() -> None:
    many = [(f"{n:02d}_a/{n:02d}_a.ipynb", b"\x00" * (MAX_BYTES - 1)) for n in range(4)]
    with pytest.raises(NotAHandIn, match="larger than what is read"):
        handin.read(zipped(*many))


def test_a_long_list_of_files_is_not_read() -> None:
    with pytest.raises(NotAHandIn, match="more than 64 files"):
        handin.read(zipped(*((f"f{n}", b"") for n in range(70))))


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + b"\x00" * 50, b"{}" * 40])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(NotAHandIn):
        handin.read(content)


@pytest.mark.parametrize("receipt", [b"", b"[]", b"{", b'{"format": 2}', b"[" * 100_000])
def test_a_receipt_that_is_none_is_refused(receipt: bytes) -> None:
    with pytest.raises(NotAHandIn):
        handin.read(zipped(receipt=receipt))


def test_a_zip_of_other_making_is_refused() -> None:
    with pytest.raises(NotAHandIn, match="pack"):
        handin.read(zipped(comment=b"made elsewhere"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("01_seeds/01_seeds.ipynb", b"{}")
    with pytest.raises(NotAHandIn, match="receipt.json"):
        handin.read(buffer.getvalue())


def test_every_cut_and_every_flipped_byte_is_read_rightly_or_refused() -> None:
    content = handin.write({"01_seeds": b"abc" * 20}, RECEIPT)
    damaged = [content[:n] for n in range(len(content))]
    damaged += [
        content[:n] + bytes([content[n] ^ 0xFF]) + content[n + 1 :] for n in range(len(content))
    ]
    refused = 0
    for one in damaged:
        try:
            found = handin.read(one)
        except NotAHandIn:
            refused += 1
        else:  # a byte that says nothing, such as a date
            assert set(found.notebooks.values()) <= {b"abc" * 20}
    assert refused > len(content)
