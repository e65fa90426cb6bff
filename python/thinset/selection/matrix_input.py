"""Views embeddings of any supported form as a matrix, in place."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from thinset import _core
from thinset.files.uris import local_path
from thinset.selection.columnar_input import as_columnar, has_columns
from thinset.selection.frame_input import as_frame
from thinset.selection.host_array import (
    HostArray,
    NotAnArrayError,
    check_dense,
    device_tensor,
    is_tensor,
    read_array,
)
from thinset.selection.row_lists import matrix_of_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray

    from thinset.selection.vector_columns import Columnar

    Report: TypeAlias = Callable[[int, int], None] | None

# Messages that name a row of an argument, or of other embeddings.
_OF_ARGUMENTS = (
    "against|initial_subset|labels|exclude|among|existing|scores|max_min|groups|costs|budget"
)
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_NAMES = {"e": "float16", "f": "float32", "d": "float64"}  # numpy takes a microsecond to name one
_CONVERSIONS = {
    "tensor": "convert them with embeddings.float()",
    "c": "pass abs(embeddings), embeddings.real or embeddings.imag",
    "O": "numpy.stack(embeddings) makes one array of rows that are arrays of numbers",
    "fields": "numpy.lib.recfunctions.structured_to_unstructured(embeddings) makes fields columns",
    "raw bytes": "numpy saves bfloat16 and float8 arrays without their type: save them as float32",
}


class HostMatrix(NamedTuple):
    """Arrays that share the user's memory; bfloat16 values are stored as their bits in uint16.

    One array, or pieces whose rows are numbered consecutively. `names`: of the sources of these in
    messages: the file, "shard 3", or "" for the only source. `lengths`: the rows of each source,
    if a source may have several pieces.
    """

    values: np.ndarray[Any, Any] | list[np.ndarray[Any, Any]]
    is_bfloat16: bool
    names: tuple[str, ...] = ("",)
    lengths: tuple[int, ...] = ()

    @property
    def arrays(self) -> list[np.ndarray[Any, Any]]:
        return self.values if isinstance(self.values, list) else [self.values]

    @property
    def shape(self) -> tuple[int, int]:
        if isinstance(self.values, list):
            return sum(map(len, self.values)), int(self.values[0].shape[1])
        n_rows, n_columns = self.values.shape
        return n_rows, n_columns

    @property
    def dtype_name(self) -> str:
        return "bfloat16" if self.is_bfloat16 else _NAMES[self.arrays[0].dtype.char]

    def choose(self, n_samples: int, **request: Any) -> _core.SelectionResult:
        """Select rows in the core, which defines the keywords of `request`."""
        chosen: _core.SelectionResult = self._call(_core.select, n_samples, **request)
        return chosen

    def check(self, n_samples: int, **request: Any) -> None:
        """Raise ValueError for what `choose` would refuse before it reads a value."""
        self._call(_core.check_selection, n_samples, **request)

    def figure(self, name: str, indices: NDArray[np.int64], **request: Any) -> float:
        """One figure of `ObjectiveFigures`, or one bound of `Certificates`."""
        return float(self._call(getattr(_core, name), indices, **request))

    def group_near_duplicates(self, distance: float, **request: Any) -> NDArray[np.int64]:
        """The lowest row of each row's group."""
        groups: NDArray[np.int64] = self._call(_core.group_near_duplicates, distance, **request)
        return groups

    def match_near_duplicates(
        self, against: HostMatrix, distance: float, **request: Any
    ) -> NDArray[np.int64]:
        """For each row, the lowest row of `against` within the distance, or -1."""
        matches: NDArray[np.int64] = self._call(
            _core.match_near_duplicates, against.values, distance, **request
        )
        return matches

    def _call(self, function: Callable[..., Any], *arguments: Any, **request: Any) -> Any:
        try:
            return function(self.values, *arguments, bfloat16=self.is_bfloat16, **request)
        except ValueError as error:
            located = self._locate_row(str(error))
            if located is None:
                raise
            raise ValueError(located) from None

    def _locate_row(self, message: str) -> str | None:
        """The core's message about a row of the whole matrix, with its file or shard added."""
        found = re.search(r"\brow (\d+)\b", message)
        if self.names == ("",) or found is None or re.match(_OF_ARGUMENTS, message):
            return None
        row = int(found[1])
        lengths = self.lengths or tuple(map(len, self.arrays))
        for length, name in zip(lengths, self.names, strict=True):
            if row < length:
                return f"{message} (row {row} of {name})"
            row -= length
        return None


def as_matrix(embeddings: object, column: object = None) -> HostMatrix:
    """View embeddings as a matrix in place, without a copy.

    Takes an ndarray or memmap, a path to a .npy file (it is mapped), a torch tensor, and anything
    with DLPack, `__array__` or the buffer protocol; columns of lists (Arrow, polars) and
    safetensors files; or a list or tuple of these as shards of one matrix. Tensors on another
    device, frames of numbers and lists of rows of numbers are copied to host memory; parquet files
    are decoded into a temporary file. column: the name of the column of lists, or of the tensor in
    a safetensors file; None for the only one. Raises ValueError for anything else.
    """
    if type(embeddings) is np.ndarray and column is None and _is_plain(embeddings):
        return HostMatrix(embeddings, False)  # as below, in a fifth of the time
    if isinstance(embeddings, (list, tuple)) and not _holds_rows(embeddings):
        return _stack([_as_shard(number, shard, column) for number, shard in enumerate(embeddings)])
    return _as_one_matrix(embeddings, "", column)


def _is_plain(array: np.ndarray[Any, Any]) -> bool:
    """Whether the core takes an array as it is, and none of the checks below can refuse it."""
    flags, dtype = array.flags, array.dtype
    return (
        array.ndim == 2
        and flags.c_contiguous
        and flags.aligned
        and dtype.char in _NAMES
        and dtype.isnative
    )


def require_npy_matrix(path: str | os.PathLike[str]) -> None:
    """Raise as `as_matrix` does, and ValueError if the path is not that of a .npy file."""
    if has_columns(path):
        raise ValueError(
            f"'{_path_text(path)}' must be a .npy file here; numpy.save writes one from the column"
        )
    as_matrix(path)


def _holds_rows(embeddings: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a list is rows of numbers, or one row of them, instead of shards."""
    return bool(embeddings) and (
        all(isinstance(row, (list, tuple)) for row in embeddings)
        or all(isinstance(value, (int, float, complex, np.generic)) for value in embeddings)
    )


def _as_one_matrix(embeddings: object, name: str, column: object) -> HostMatrix:
    """`name`: used in messages, unless it is a file; "" if it is the only array."""
    if isinstance(embeddings, (str, os.PathLike)):
        _require_path(embeddings)
        embeddings = local_path(embeddings)
        name = f"'{_path_text(embeddings)}'"
    try:
        columnar = as_columnar(embeddings, column)
        if columnar is not None:
            return _of_columnar(columnar, name)
    except ValueError as error:
        raise ValueError(f"{name}: {error}" if name else str(error)) from None
    if isinstance(embeddings, (str, os.PathLike)):
        embeddings = _core.open_npy(os.fsencode(_path_text(embeddings)))
    try:
        tensor = tensor_on_device(embeddings)
        return _as_host_matrix(embeddings if tensor is None else tensor.cpu(), name)
    except ValueError as error:
        raise ValueError(f"{name}: {error}" if name else str(error)) from None


def tensor_on_device(embeddings: object) -> torch.Tensor | None:
    """`embeddings` as a tensor on a device other than the host; None for anything else.

    Raises ValueError if `select` would refuse it.
    """
    tensor = embeddings if is_tensor(embeddings) else device_tensor(embeddings, "embeddings")
    if tensor is None or _lies_on_host(tensor):
        return None
    check_dense(tensor, "embeddings")
    _check_floats(str(tensor.dtype).removeprefix("torch."), "tensor")
    _check_shape(tuple(tensor.shape))
    if tensor.device.type == "meta":
        raise ValueError("tensors on the device 'meta' have a shape and no values")
    return tensor.detach()


def bytes_copied(embeddings: object) -> int:
    """The size of the copies in host memory that `as_matrix` makes of tensors on other devices."""
    if type(embeddings) is np.ndarray:
        return 0
    if isinstance(embeddings, (list, tuple)):
        return sum(bytes_copied(shard) for shard in embeddings if hasattr(shard, "__dlpack__"))
    tensor = tensor_on_device(embeddings)
    return 0 if tensor is None else tensor.numel() * tensor.element_size()


def _path_text(path: str | os.PathLike[str]) -> str:
    return os.fsdecode(os.fspath(path))


def _require_path(path: str | os.PathLike[str]) -> None:
    text = _path_text(path)
    if "\0" in text:
        raise ValueError(f"a path must not contain a null byte, got {text!r}")


def _of_columnar(source: Columnar, name: str) -> HostMatrix:
    arrays = source.arrays()
    is_bfloat16 = source.dtype_name == "bfloat16"
    if len(arrays) == 1:
        return HostMatrix(arrays[0], is_bfloat16, (name,))
    return HostMatrix(arrays, is_bfloat16, (name,), (source.shape[0],))


def _as_host_matrix(embeddings: object, name: str) -> HostMatrix:
    array = _read(embeddings)
    _check_shape(array.values.shape)
    _check_layout(array)
    return HostMatrix(array.values, array.dtype_name == "bfloat16", (name,))


def _read(embeddings: object) -> HostArray:
    frame = as_frame(embeddings)
    if frame is not None:
        values = frame.matrix()
        return HostArray(values, str(values.dtype))
    if isinstance(embeddings, (list, tuple)) and _holds_rows(embeddings):
        if not isinstance(embeddings[0], (list, tuple)):
            _check_shape((len(embeddings),))
        return HostArray(matrix_of_rows(embeddings), "float64")
    try:
        return read_array(embeddings, "embeddings", _check_floats)
    except NotAnArrayError:
        raise ValueError(
            "embeddings must be an array, a tensor, a data frame, an Arrow table, rows of numbers, "
            "a path to a .npy file (str or os.PathLike), or to a .parquet, .arrow or .safetensors "
            "file, or offer DLPack or the buffer protocol; got "
            f"{type(embeddings).__name__}"
        ) from None


def _check_floats(type_name: str, kind: str) -> None:
    if type_name in _FLOATS:
        return
    advice = _CONVERSIONS.get(kind, "convert them with embeddings.astype('float32')")
    raise ValueError(
        f"embeddings must be float16, bfloat16, float32 or float64, got {type_name}; {advice}"
    )


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) == 2:
        return
    advice = ""
    if len(shape) == 1:
        advice = (
            "; embeddings.reshape(-1, 1) is one column, numpy.stack(rows) an array of several rows"
        )
    if len(shape) > 2:
        advice = "; embeddings.reshape(len(embeddings), -1) has one row for each sample"
    raise ValueError(f"embeddings must be a 2-D array (rows, elements), got shape {shape}{advice}")


def _check_layout(array: HostArray) -> None:
    values = array.values
    n_rows, n_columns = values.shape
    between_rows, between_columns = values.strides
    size = values.itemsize
    rows_fit = n_rows <= 1 or (between_rows >= n_columns * size and between_rows % size == 0)
    columns_fit = n_columns <= 1 or between_columns == size
    if values.size and not (rows_fit and columns_fit):
        copy = (
            "embeddings.contiguous()" if array.is_tensor else "numpy.ascontiguousarray(embeddings)"
        )
        raise ValueError(
            f"embeddings must be stored row by row (C order), got strides {values.strides} bytes; "
            f"pass {copy}, which is a copy"
        )
    if not values.flags.aligned:
        raise ValueError(
            "embeddings must start at a multiple of their element's size in memory; pass "
            "embeddings.copy()"
        )


def _as_shard(number: int, embeddings: object, column: object) -> HostMatrix:
    return _as_one_matrix(embeddings, f"shard {number}", column)


def _stack(shards: list[HostMatrix]) -> HostMatrix:
    if not shards:
        raise ValueError(
            "embeddings must have at least one row or at least one shard, got an empty list"
        )
    first = shards[0]
    for shard in shards:
        if shard.dtype_name != first.dtype_name:
            raise ValueError(
                f"shards must have one element type: {shard.names[0]} is {shard.dtype_name}, "
                f"{first.names[0]} is {first.dtype_name}"
            )
        if shard.shape[1] != first.shape[1]:
            raise ValueError(
                f"shards must have one number of columns: {shard.names[0]} has {shard.shape[1]}, "
                f"{first.names[0]} has {first.shape[1]}"
            )
    arrays = [array for shard in shards for array in shard.arrays]
    return HostMatrix(
        arrays,
        first.is_bfloat16,
        tuple(shard.names[0] for shard in shards),
        tuple(shard.shape[0] for shard in shards),
    )


def _lies_on_host(tensor: torch.Tensor) -> bool:
    return tensor.device.type == "cpu"
