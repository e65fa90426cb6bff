"""Classifies the types of parquet columns."""

from __future__ import annotations

from typing import Any

from thinset.files.arrow import pyarrow


def plain_type(kind: Any) -> Any:
    """The type of the values, without dictionary encoding and extension."""
    types = pyarrow().types
    while True:
        if types.is_dictionary(kind):
            kind = kind.value_type
        elif isinstance(kind, pyarrow().BaseExtensionType):
            kind = kind.storage_type
        else:
            return kind


def holds_bytes(kind: Any) -> bool:
    """Whether a column of this type can hold encoded images: binary, or a struct with bytes."""
    types, kind = pyarrow().types, plain_type(kind)
    if types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _is_binary(plain_type(kind.field(index).type))
    return _is_binary(kind)


def holds_paths(kind: Any) -> bool:
    """Whether a column of this type can name files: strings, or a struct with a path."""
    types, kind = pyarrow().types, plain_type(kind)
    if types.is_struct(kind):
        index = kind.get_field_index("path")
        return index >= 0 and is_text(plain_type(kind.field(index).type))
    return is_text(kind)


def holds_labels(kind: Any) -> bool:
    """Whether each value can be a class: integers, whole floats, strings, booleans."""
    types, kind = pyarrow().types, plain_type(kind)
    return bool(
        is_text(kind)
        or types.is_boolean(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_null(kind)
    )


def is_text(kind: Any) -> bool:
    """Whether the type is a string, in any of its layouts."""
    types = pyarrow().types
    return bool(types.is_string(kind) or types.is_large_string(kind) or _is(kind, "is_string_view"))


def is_nested(kind: Any) -> bool:
    """Whether the values are lists, as pixel arrays are stored."""
    types, kind = pyarrow().types, plain_type(kind)
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_binary(kind: Any) -> bool:
    types = pyarrow().types
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or _is(kind, "is_binary_view")
    )


def _is(kind: Any, test: str) -> bool:
    # Views came to pyarrow later than the oldest version that is supported.
    known = getattr(pyarrow().types, test, None)
    return known is not None and bool(known(kind))
