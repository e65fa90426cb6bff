"""Single .npy files: whatever the bytes are, they are opened right or refused by name."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.data.npy_file import NpyFileWriter, describe_npy, file_digest, open_npy

if TYPE_CHECKING:
    from pathlib import Path


def npy(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    length = len(header).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + length + header + data


def described(descr: str = "'|u1'", order: str = "False", shape: str = "(2,)") -> bytes:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()


MALFORMED = {
    "empty": b"",
    "magic alone": b"\x93NUMPY",
    "not the magic": b"PK\x03\x04" + bytes(60),
    "unknown version": npy(described(), b"12", b"\x09\x00"),
    "header beyond the end": b"\x93NUMPY\x01\x00\xff\xff{'descr'",
    "open bracket": npy(b"{'descr': ("),
    "open triple quote": npy(b"{'descr': '''"),
    "expression": npy(b"1 +"),
    "call": npy(b"__import__('os').getcwd()"),
    "not a dictionary": npy(b"[1, 2]"),
    "no keys": npy(b"{}"),
    "not UTF-8": npy(b"\xff\xfe{"),
    "NUL": npy(b"{\x00}"),
    "deep nesting": npy(b"(" * 60_000),
    "deep nesting in version 2": npy(b"[" * 500_000, version=b"\x02\x00"),
    "unary minus": npy(described(shape="(" + "-" * 40_000 + "1,)")),
    "400 digits": npy(described(shape=f"({'9' * 400},)")),
    "5000 digits": npy(described(shape=f"({'9' * 5000},)")),
    "negative length": npy(described(shape="(-2,)"), b"12"),
    "length as text": npy(described(shape="('2',)"), b"12"),
    "float length": npy(described(shape="(2.0,)"), b"12"),
    "huge shape": npy(described(shape=f"({2**62}, {2**62})")),
    "huge empty shape": npy(described(shape=f"(0, {2**62}, {2**62})")),
    "more rows than bytes": npy(described(shape="(1000000000000,)"), b"12"),
    "65 axes": npy(described(shape="(1," * 65 + ")"), b"1"),
    "objects": npy(described(descr="'|O'"), bytes(16)),
    "unknown type": npy(described(descr="'|q7'"), b"12"),
    "structured type": npy(described(descr="[('a', '|u1')]"), b"12"),
    "huge text type": npy(described(descr="'<U999999999999'"), b"12"),
    "Fortran order": npy(described(order="True", shape="(1, 2)"), b"12"),
    "order as number": npy(described(order="1"), b"12"),
    "truncated data": npy(described(), b"1"),
    "trailing data": npy(described(), b"123"),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("read", [open_npy, describe_npy])
def test_malformed_files_are_refused_by_name(tmp_path: Path, name: str, read: object) -> None:
    assert callable(read)
    path = tmp_path / "damaged.npy"
    path.write_bytes(MALFORMED[name])
    with pytest.raises(ValueError, match=r"damaged\.npy"):
        read(path)


@pytest.mark.parametrize("dtype", ["u1", "<f4", ">f4", "<i8", "?", "<c8", "<U3", "<M8[s]"])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (0, 3), (3, 0), (2, 3, 4)])
def test_what_numpy_saves_is_opened(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    expected = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(tmp_path / "x.npy", "wb") as file:
            np.lib.format.write_array(file, expected, version)
        array = open_npy(tmp_path / "x.npy")
        assert isinstance(array, np.memmap)
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(array, expected)
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.npy")
    np.save(path, np.arange(3))
    np.testing.assert_array_equal(open_npy(path), [0, 1, 2])


@pytest.mark.parametrize("dtype", ["float32", "<f4", ">f4"])
def test_a_writer_writes_the_machine_s_byte_order(tmp_path: Path, dtype: str) -> None:
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    with NpyFileWriter(tmp_path / "x.npy", dtype, (3, 2)) as writer:
        writer.append(rows[:2].astype(">f4"))
        writer.append(rows[::-1][:1])
    array = open_npy(tmp_path / "x.npy")
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, rows[[0, 1, 2]])
    assert writer.entry() == describe_npy(tmp_path / "x.npy")
    assert writer.entry().sha256 == file_digest(tmp_path / "x.npy")


def test_the_space_is_reserved_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def full(_: int, offset: int, length: int) -> None:
        asked.append((offset, length))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        NpyFileWriter(tmp_path / "x.npy", "float64", (1000, 10))
    assert asked == [(0, 128 + 80_000)]


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_file_systems_without_reservation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def unsupported(*_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    with NpyFileWriter(tmp_path / "x.npy", "int64", (2,)) as writer:
        writer.append(np.array([3, 4]))
    np.testing.assert_array_equal(open_npy(tmp_path / "x.npy"), [3, 4])
