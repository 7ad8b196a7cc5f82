"""The zip of a hand-in: what was written is read, and whatever else comes is refused in bounds."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile

import pytest

from grader.judge.intake import MAX_BYTES
from grader.records import archives, handed_in
from grader.records.handed_in import NotAHandIn
from grader.source import handin

RECEIPT = {"format": 1, "course": "trees", "notebooks": []}
BOOKS = {"01_seeds": b'{"cells": []}', "12_leaves_2": b"\x00" * 1000}


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], receipt: bytes = b'{"format": 1}'):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*entries, (handin.RECEIPT, receipt)):
            archive.writestr(name, content)
    return buffer.getvalue()


def test_what_is_written_is_read_and_any_unzip_reads_it() -> None:
    content = handin.write(BOOKS, RECEIPT)
    found = handed_in.read(content)
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
    ("name", "why"),
    [
        ("../01_seeds/01_seeds.ipynb", "its name leads out of the archive"),
        ("01_seeds/../../x/01_seeds.ipynb", "its name leads out of the archive"),
        ("/01_seeds/01_seeds.ipynb", "its name is an absolute path"),
        ("C:\\01_seeds\\01_seeds.ipynb", "its name is an absolute path"),
        ("01_seeds/02_other.ipynb", "which pack does not write"),
        ("01_seeds/01_seeds.py", "which pack does not write"),
        ("deep/01_seeds/01_seeds.ipynb", "which pack does not write"),
        ("receipt.json", "another file of this name"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_other_names_are_refused_by_name(name: str, why: str) -> None:
    with pytest.raises(NotAHandIn, match=why):
        handed_in.read(zipped((name, b'{"format": 1}')))


def test_a_link_is_refused_by_name() -> None:
    link = zipfile.ZipInfo("01_seeds/01_seeds.ipynb")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(NotAHandIn, match=r"01_seeds\.ipynb: it is a link"):
        handed_in.read(zipped((link, b"/etc/passwd")))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_unpacks_all_at_once_is_refused(method: int) -> None:
    """Of these zipfile unpacks without a bound: 48 MB here before it returns the first byte."""
    entry = zipfile.ZipInfo("01_seeds/01_seeds.ipynb")
    entry.compress_type = method
    bomb = zipped((entry, b"\x00" * (48 << 20)))
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(NotAHandIn, match="compressed in an unsupported way"):
            handed_in.read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_a_bomb_is_refused_whatever_it_says_of_its_size() -> None:
    bomb = zipped(("01_seeds/01_seeds.ipynb", b"\x00" * (MAX_BYTES + 1)))
    with pytest.raises(NotAHandIn, match="more than the 32 MB that are read"):
        handed_in.read(bomb)
    lying = bomb.replace(struct.pack("<L", MAX_BYTES + 1), struct.pack("<L", 10))
    assert lying != bomb
    with pytest.raises(NotAHandIn):
        handed_in.read(lying)


def test_many_small_notebooks_have_a_limit_together() -> None:
    many = [(f"{n:02d}_a/{n:02d}_a.ipynb", b"\x00" * (MAX_BYTES - 1)) for n in range(4)]
    with pytest.raises(NotAHandIn, match="MB that are read"):
        handed_in.read(zipped(*many))


def test_a_long_list_of_files_is_not_read() -> None:
    with pytest.raises(NotAHandIn, match="more than the 2,000"):
        handed_in.read(zipped(*((f"f{n}", b"") for n in range(archives.MOST_INNER))))


def test_a_list_that_lies_of_its_length_is_not_read() -> None:
    """It says one file, and is as long as a list of thousands: zipfile goes by the length."""
    content = bytearray(zipped(*((f"{n:0300d}", b"") for n in range(1900))))
    end = content.rfind(b"PK\x05\x06")
    directory = struct.unpack("<L", content[end + 12 : end + 16])[0]
    content[end + 10 : end + 12] = struct.pack("<H", 1)
    content[end + 12 : end + 16] = struct.pack("<L", directory + 1_000_000)
    with pytest.raises(NotAHandIn, match="more than the 2,000"):
        handed_in.read(bytes(content))


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + b"\x00" * 50, b"{}" * 40])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(NotAHandIn):
        handed_in.read(content)


@pytest.mark.parametrize("receipt", [b"", b"[]", b"{", b'{"format": 2}', b"[" * 100_000])
def test_a_receipt_that_is_none_is_refused(receipt: bytes) -> None:
    with pytest.raises(NotAHandIn):
        handed_in.read(zipped(receipt=receipt))


def test_a_zip_of_other_making_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("01_seeds/01_seeds.ipynb", b"{}")
    with pytest.raises(NotAHandIn, match="receipt.json"):
        handed_in.read(buffer.getvalue())


def test_every_cut_and_every_flipped_byte_is_read_rightly_or_refused() -> None:
    content = handin.write({"01_seeds": b"abc" * 20}, RECEIPT)
    damaged = [content[:n] for n in range(len(content))]
    damaged += [
        content[:n] + bytes([content[n] ^ 0xFF]) + content[n + 1 :] for n in range(len(content))
    ]
    refused = 0
    for one in damaged:
        try:
            found = handed_in.read(one)
        except NotAHandIn:
            refused += 1
        else:  # a byte that says nothing, such as a date
            assert set(found.notebooks.values()) <= {b"abc" * 20}
    assert refused > len(content)
