"""Reads .npz files that may be damaged or hostile, without pickle and in bounded memory."""

from __future__ import annotations

import errno
import io
import struct
import tokenize
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.regular import open_regular

if TYPE_CHECKING:
    import os

_ERRORS = (
    KeyError,
    ValueError,
    TypeError,
    EOFError,
    OverflowError,
    SyntaxError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
)


def read_npz(path: str | os.PathLike[str], *names: str) -> tuple[np.ndarray[Any, Any], ...]:
    """Read the named arrays of a .npz file that np.savez wrote.

    Each array is checked against the length of its entry before memory is allocated. Entries must
    be uncompressed: np.savez does not compress, and a compressed entry could expand to any size.
    Raises OSError if the file cannot be read, and ValueError, without the file's name, where an
    array is missing or damaged.
    """
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return tuple(_array(archive, name) for name in names)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise ValueError("an entry starts outside the file") from error
        except _ERRORS as error:
            # These messages come from several libraries; some are empty.
            raise ValueError(str(error) or type(error).__name__) from error


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray[Any, Any]:
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise ValueError(f"its entry {entry.filename} is compressed")
    # At most as long as the file, whatever the entry says, and checked by its CRC.
    content = archive.read(entry)
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"its entry {entry.filename} is .npy version {version}")
    if dtype.hasobject or fortran_order:
        raise ValueError(f"its entry {entry.filename} holds Python objects or is in Fortran order")
    n_values = 1
    for length in shape:
        n_values *= length
    start = stream.tell()
    if min(shape, default=0) < 0 or n_values * dtype.itemsize != len(content) - start:
        raise ValueError(
            f"its entry {entry.filename} holds {len(content) - start} bytes of data, which "
            f"{dtype} of shape {shape} does not fit"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).copy()
