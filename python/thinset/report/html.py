"""Small pieces of HTML. Every function escapes what it is given; what it returns is `Markup`."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_SPOKEN = {"cpu": "CPU", "gpus": "GPUs", "memory_gib": "memory (GiB)"}


class Markup(str):
    """Text that is HTML already. Plain strings are escaped wherever they meet markup."""

    __slots__ = ()


def escape(value: Any) -> Markup:
    """Return `value` as HTML text: markup as it is, anything else escaped."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value), quote=True))


def join(parts: Iterable[Any]) -> Markup:
    """Put pieces behind one another."""
    return Markup("\n".join(escape(part) for part in parts))


def element(tag: str, *content: Any, **attributes: Any) -> Markup:
    """Return <tag attributes>content</tag>; `css_class` stands for the attribute class."""
    names = {"css_class": "class"}
    written = "".join(
        f' {names.get(name, name)}="{escape(value)}"' for name, value in attributes.items()
    )
    return Markup(f"<{tag}{written}>{''.join(escape(part) for part in content)}</{tag}>")


def section(title: str, *content: Any) -> Markup:
    """Return a section with a heading, if it has a title, or nothing where all content is empty."""
    if not any(content):
        return Markup("")
    return element("section", *([element("h2", title)] if title else []), *content)


def table(header: Sequence[Any], rows: Iterable[Sequence[Any]], *, numeric_from: int = 1) -> Markup:
    """Return a table that scrolls by itself where the screen is narrow.

    Columns from `numeric_from` on are aligned to the right.
    """
    head = element("tr", *_cells("th", header, numeric_from))
    body = (element("tr", *_cells("td", row, numeric_from)) for row in rows)
    return element(
        "div",
        element("table", element("thead", head), element("tbody", *body)),
        css_class="scroll",
    )


def facts(content: Mapping[str, Any]) -> Markup:
    """Return a list of names and values; nested mappings and lists are written out in a line."""
    rows = (
        element(
            "div",
            element("dt", _SPOKEN.get(name, name.replace("_", " "))),
            element("dd", _plain(value)),
        )
        for name, value in content.items()
    )
    return element("dl", *rows) if content else Markup("")


def details(summary: str, *content: Any) -> Markup:
    """Return a part that opens on a click."""
    return element("details", element("summary", summary), *content)


def picture(data: bytes, media_type: str, description: str) -> Markup:
    """Return an image whose bytes are in the page."""
    source = f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
    return Markup(f'<img src="{source}" alt="{escape(description)}">')


def _cells(tag: str, values: Sequence[Any], numeric_from: int) -> list[Markup]:
    return [
        element(tag, value, css_class="number" if column >= numeric_from else "text")
        for column, value in enumerate(values)
    ]


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value) or "none"
    return "none" if value is None else str(value)
