"""Plain JSON or TOML content to typed values and back, strictly, with one style of error.

Types are dataclasses or msgspec structs; annotations may hold limits, such as those of Count. A
text that stands for a value, such as "10000st", becomes one through the class method `parse` of its
type, and `str` turns it back.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Parsers = Mapping[type, Callable[[str], Any]]

T = TypeVar("T")

_LARGEST = 2**63 - 1

Count = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

_TYPES = (inspect.DataclassType, inspect.StructType)
_TABLES = (*_TYPES, inspect.DictType)
_LISTS = (inspect.ListType, inspect.TupleType, inspect.VarTupleType)
_ERROR = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*?)`")


def decode(content: Any, kind: type[T], where: str, *, parsers: Parsers | None = None) -> T:
    """Build a `kind` from plain content; `parsers` replace the method `parse` of a type.

    Raises ValueError, which starts with `where` and names the field, for an unknown or a missing
    field and a value of another type or out of range.
    """

    def from_text(wanted: type, text: Any) -> Any:
        if not isinstance(text, str):
            raise ValueError(f"Expected `str`, got `{type(text).__name__}`")
        parse = (parsers or {}).get(wanted) or wanted.parse  # type: ignore[attr-defined]
        return parse(text)

    info = _info(kind)  # type: ignore[arg-type]  # types are hashable
    unknown = _unknown_entry(info, content, "")
    if unknown is not None:
        raise ValueError(f"{where}: {unknown}")
    try:
        return msgspec.convert(content, kind, dec_hook=from_text)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {_readable(str(error), content, info)}") from error


def encode(value: Any) -> Any:
    """Plain JSON content: dicts, lists, texts, numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # msgspec leaves out fields that have the default of their class.
        value = dataclasses.asdict(value)
    return msgspec.to_builtins(value, enc_hook=str)


@functools.cache
def _info(kind: type) -> Any:
    return inspect.type_info(kind)


def _unknown_entry(info: Any, content: Any, path: str) -> str | None:
    """Say which entry is no field of its type; msgspec would pass over it."""
    if isinstance(content, (list, tuple)):
        info = _structured(info, content)
        items = getattr(info, "item_types", None) or [getattr(info, "item_type", None)] * len(
            content
        )
        parts = [
            (kind, item, f"{path}[{row}]")
            for row, (kind, item) in enumerate(zip(items, content, strict=False))
        ]
    elif isinstance(content, dict):
        info = _structured(info, content)
        if isinstance(info, _TYPES):
            fields: dict[str, Any] = {field.encode_name: field.type for field in info.fields}
            unknown = sorted(content.keys() - fields.keys())
            if unknown:
                start = f"{path} " if path else ""
                return f"{start}has no entry {unknown[0]!r}; it has {', '.join(fields)}"
        else:
            fields = dict.fromkeys(content, getattr(info, "value_type", None))
        start = f"{path}." if path else ""
        parts = [(fields[name], item, f"{start}{name}") for name, item in content.items()]
    else:
        return None
    found = (_unknown_entry(*part) for part in parts)
    return next((entry for entry in found if entry is not None), None)


def _readable(message: str, content: Any, info: Any) -> str:
    found = _ERROR.fullmatch(message)
    assert found is not None
    path, what = (found["path"] or "").lstrip("."), found["what"]
    info, value = _follow(path, info, content)
    missing = _MISSING.match(what)
    if missing is not None:
        return f"{path} lacks the entry {missing[1]!r}".lstrip()
    if what.startswith(("Expected `", "Invalid ")) and info is not None:
        wanted = _described(info)
        subject = f"every entry of {path[:-5]}" if path.endswith("[...]") else path
        return f"{subject or 'the content'} must be {wanted}, got {_shown(value)}"
    return f"{path}: {what}" if path else what


def _follow(path: str, info: Any, value: Any) -> tuple[Any, Any]:
    """The type and the value at `path`, such as "training.widths[0]"."""
    for name, item in re.findall(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]", path):
        info = _structured(info, value)
        if name:
            fields = {field.encode_name: field.type for field in getattr(info, "fields", ())}
            info, value = fields.get(name), value.get(name) if isinstance(value, dict) else None
        elif item == "...":  # some entry of a mapping, which msgspec does not name
            info = getattr(info, "value_type", None)
        else:
            number = int(item)
            items = getattr(info, "item_types", None)
            info = items[number] if items else getattr(info, "item_type", None)
            value = value[number]
    return info, value


def _structured(info: Any, value: Any) -> Any:
    """The member of a union that fits a mapping or a list."""
    wanted = _TABLES if isinstance(value, dict) else _LISTS
    options = info.types if isinstance(info, inspect.UnionType) else (info,)
    return next((option for option in options if isinstance(option, wanted)), options[0])


def _described(info: Any) -> str:
    if isinstance(info, inspect.UnionType):
        kinds = {type(option) for option in info.types}
        # A whole number is a number: only sizes tell the two apart, by their decimal point.
        is_size = {inspect.IntType, inspect.FloatType} <= kinds
        options = [o for o in info.types if not (is_size and isinstance(o, inspect.IntType))]
        words = [_described(option) for option in options]
        return f"{', '.join(words[:-1])} or {words[-1]}" if words[1:] else words[0]
    if isinstance(info, inspect.LiteralType):
        *others, last = map(repr, info.values)
        return f"{', '.join(others)} or {last}" if others else last
    if isinstance(info, inspect.TupleType):
        return f"a list of {len(info.item_types)}"
    if isinstance(info, inspect.Metadata):
        return _described(info.type)
    if isinstance(info, (inspect.IntType, inspect.FloatType)):
        word = "a whole number" if isinstance(info, inspect.IntType) else "a number"
        low, high = info.ge, info.le
        if high == _LARGEST:
            return f"{word} from {low:g} to 2**63 - 1"
        if low is not None and high is not None:
            return f"{word} from {low:g} to {high:g}"
        return word if low is None else f"{word} of at least {low:g}"
    names = {
        inspect.NoneType: "none",
        inspect.BoolType: "true or false",
        inspect.StrType: "a text",
        inspect.DictType: "a table",
        inspect.DataclassType: "a table",
        inspect.StructType: "a table",
        inspect.VarTupleType: "a list",
        inspect.ListType: "a list",
    }
    return names.get(type(info), getattr(info, "cls", type(info)).__name__)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
