"""Converts plain JSON or TOML content to typed values and back, strictly.

Types are dataclasses or msgspec structs; annotations may have limits, such as those of Count. The
class method `parse` of a type converts a text such as "10000st" to a value, and `str` converts it
back.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Parsers = Mapping[type, Callable[[str], Any]]

T = TypeVar("T")

_LARGEST = 2**63 - 1
_DIGEST = r"^[0-9a-f]{64}\Z"
_MOST_ENTRIES = 1000
"""In larger mappings, the faulty entry is not searched"""

Count = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=_LARGEST)]
Digest = Annotated[str, msgspec.Meta(pattern=_DIGEST)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Fraction = Annotated[float, msgspec.Meta(gt=0, le=1)]
AboveZero = Annotated[float, msgspec.Meta(gt=0)]
AtLeastZero = Annotated[float, msgspec.Meta(ge=0)]

_TYPES = (inspect.DataclassType, inspect.StructType)
_TABLES = (*_TYPES, inspect.DictType)
_LISTS = (inspect.ListType, inspect.TupleType, inspect.VarTupleType)
_ERROR = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*?)`")


def decode(content: Any, kind: type[T], where: str, *, parsers: Parsers | None = None) -> T:
    """Build a `kind` from plain content; `parsers` override the method `parse` of a type.

    Raises ValueError, which starts with `where` and names the field, for an unknown or missing
    field and for a value of a wrong type or out of range.
    """

    def from_text(wanted: type, text: Any) -> Any:
        if not isinstance(text, str):
            raise ValueError(f"Expected `str`, got `{type(text).__name__}`")
        parse = (parsers or {}).get(wanted) or wanted.parse  # type: ignore[attr-defined]
        return parse(text)

    def error_of(content: Any) -> str | None:
        try:
            msgspec.convert(content, kind, dec_hook=from_text)
        except msgspec.ValidationError as error:
            return str(error)
        return None

    info = _info(kind)  # type: ignore[arg-type]  # types are hashable
    unknown = _first_fault(info, content, ())
    if unknown is not None:
        raise ValueError(f"{where}: {unknown}")
    try:
        return msgspec.convert(content, kind, dec_hook=from_text)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {_readable(str(error), content, info, error_of)}") from error


def encode(value: Any) -> Any:
    """Plain JSON content: dicts, lists, texts, numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # msgspec omits fields with the default of their class.
        value = dataclasses.asdict(value)
    return msgspec.to_builtins(value, enc_hook=str)


@functools.cache
def _info(kind: type) -> Any:
    return inspect.type_info(kind)


def _first_fault(info: Any, content: Any, steps: tuple[Any, ...]) -> str | None:
    """Name an entry that is not a field of its type, or a number that msgspec would accept."""
    if isinstance(content, float) and not math.isfinite(content):
        return f"{_text(steps) or 'the content'} must be a finite number, got {content}"
    info = _structured(info, content)
    parts: list[tuple[Any, Any, Any]] = []  # the type, the value and the step of each entry
    if isinstance(content, (list, tuple)) and isinstance(info, _LISTS):
        one = getattr(info, "item_type", None)
        items = getattr(info, "item_types", None) or [one] * len(content)
        parts = [
            (kind, item, row) for row, (kind, item) in enumerate(zip(items, content, strict=False))
        ]
    elif isinstance(content, dict) and isinstance(info, _TYPES):
        fields = {field.encode_name: field.type for field in info.fields}
        known = {*fields, getattr(info, "tag_field", None)}
        unknown = sorted(content.keys() - known)
        if unknown:
            start = f"{_text(steps)} " if steps else ""
            return f"{start}has no entry {unknown[0]!r}; it has {', '.join(fields)}"
        parts = [(fields[name], item, name) for name, item in content.items() if name in fields]
    elif isinstance(content, dict) and isinstance(info, inspect.DictType):
        parts = [(info.value_type, item, name) for name, item in content.items()]
    found = (_first_fault(kind, item, (*steps, step)) for kind, item, step in parts)
    return next((entry for entry in found if entry is not None), None)


def _readable(message: str, content: Any, info: Any, error_of: Callable[[Any], str | None]) -> str:
    found = _ERROR.fullmatch(message)
    assert found is not None
    steps, what = _steps(found["path"] or "", content, message, error_of), found["what"]
    info, value = _follow(steps, info, content)
    path = _text(steps)
    missing = _MISSING.match(what)
    if missing is not None:
        return f"{path} lacks the entry {missing[1]!r}".lstrip()
    if what.startswith(("Expected `", "Invalid ")) and info is not None:
        wanted = _described(info)
        subject = f"every entry of {path[:-5]}" if path.endswith("[...]") else path
        return f"{subject or 'the content'} must be {wanted}, got {_shown(value)}"
    return f"{path}: {what}" if path else what


def _steps(
    path: str, content: Any, message: str, error_of: Callable[[Any], str | None]
) -> list[Any]:
    """The steps from the content to the faulty place: names, numbers, keys of mappings.

    msgspec does not name the keys, as in "arrays[...].dtype". The key found here is the one that
    gives the same error if its entry is the only one.
    """
    steps: list[Any] = []
    value = content
    for name, item in re.findall(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]", path):
        step = name or (... if item == "..." else int(item))
        if step is ... and isinstance(value, dict) and len(value) <= _MOST_ENTRIES:
            reduced = (
                (key, _replaced(content, steps, {key: entry})) for key, entry in value.items()
            )
            step = next((key for key, other in reduced if error_of(other) == message), ...)
        steps.append(step)
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    return steps


def _replaced(content: Any, steps: list[Any], value: Any) -> Any:
    if not steps:
        return value
    first, *rest = steps
    changed = dict(content) if isinstance(content, dict) else list(content)
    changed[first] = _replaced(content[first], rest, value)
    return changed


def _text(steps: Sequence[Any]) -> str:
    """Steps as they are written in Python: training.widths[0]."""
    text = ""
    for step in steps:
        if isinstance(step, str):
            text += f".{step}" if re.fullmatch(r"[\w-]+", step) else f"[{step!r}]"
        else:
            text += "[...]" if step is ... else f"[{step}]"
    return text.removeprefix(".")


def _follow(steps: list[Any], info: Any, value: Any) -> tuple[Any, Any]:
    """The type and the value at the end of `steps`."""
    for step in steps:
        info = _structured(info, value)
        if isinstance(info, inspect.DictType):
            info, value = info.value_type, value if step is ... else value[step]
        elif isinstance(step, str):
            fields = {field.encode_name: field.type for field in getattr(info, "fields", ())}
            info, value = fields.get(step), value.get(step) if isinstance(value, dict) else None
        elif step is ...:
            info = None
        else:
            items = getattr(info, "item_types", None)
            info = items[step] if items else getattr(info, "item_type", None)
            value = value[step]
    return info, value


def _structured(info: Any, value: Any) -> Any:
    """The member of a union that fits a mapping or a list."""
    wanted = _TABLES if isinstance(value, dict) else _LISTS
    options = info.types if isinstance(info, inspect.UnionType) else (info,)
    return next((option for option in options if isinstance(option, wanted)), options[0])


def _described(info: Any) -> str:
    if isinstance(info, inspect.UnionType):
        kinds = {type(option) for option in info.types}
        # A whole number is a number; only sizes distinguish the two, by the decimal point.
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
        if info.gt is not None:
            most = "" if high is None else f" and at most {high:g}"
            return f"{word} above {info.gt:g}{most}"
        if high == _LARGEST:
            return f"{word} from {low:g} to 2**63 - 1"
        if low is not None and high is not None:
            return f"{word} from {low:g} to {high:g}"
        return word if low is None else f"{word} of at least {low:g}"
    if isinstance(info, inspect.StrType) and info.pattern is not None:
        is_digest = info.pattern == _DIGEST
        return "64 hexadecimal digits" if is_digest else f"a text that matches {info.pattern}"
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
    try:
        text = repr(value)
    except RecursionError:
        text = f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
