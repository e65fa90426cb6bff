"""pyarrow, imported where it is needed, and parquet files opened by it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from thinset.files.regular import require_regular

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_BYTES_AT_ONCE = 1 << 20


def pyarrow(purpose: str = "reading parquet") -> Any:
    """The module, with its parquet part; ImportError names the extra."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f"{purpose} needs pyarrow: pip install 'thinset[parquet]'") from error
    return pa


@contextlib.contextmanager
def open_parquet(path: str | os.PathLike[str]) -> Iterator[Any]:
    """A pyarrow ParquetFile that reads pages as they are needed, not whole column chunks.

    Raises ValueError, naming the file, if it is damaged or no parquet file, also for errors
    inside the block; FileNotFoundError if there is none.
    """
    pa = pyarrow()
    require_regular(path)
    try:
        with pa.parquet.ParquetFile(
            path, buffer_size=_BYTES_AT_ONCE, pre_buffer=False, memory_map=False
        ) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the system, such as a full disk
        raise ValueError(f"{path} is damaged or no parquet file: {error}") from error
