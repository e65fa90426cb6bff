"""A page that needs nothing else, its plots as PNG and its records as JSON, in one folder."""

from __future__ import annotations

import base64
import functools
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from thinset.files.atomic import atomic_folder
from thinset.report.plots import rendered
from thinset.results.records import load_records, save_records

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from jinja2 import Environment
    from matplotlib.figure import Figure

    from thinset.results.records import RunRecord

_PAGE = "index.html"
_RECORDS = "records.json"
_PLOTS = "plots"
_HALF_INCHES = 8  # figures that have a row to themselves are wider


@dataclass(frozen=True)
class PageFigure:
    """A figure with its caption and a description in words.

    `name` is that of its file and its element in the page; see figure_name. A figure that
    `is_picture` consists of pixels and goes into the page as PNG, a chart as SVG.
    """

    name: str
    caption: str
    description: str
    figure: Figure
    is_picture: bool = False

    @property
    def is_half(self) -> bool:
        """Whether it was drawn to stand beside another one."""
        return not self.is_picture and bool(self.figure.get_figwidth() < _HALF_INCHES)

    @functools.cached_property
    def png(self) -> bytes:
        """The figure as a PNG file."""
        return rendered(self.figure, "png")

    def address(self) -> str:
        """The image as a data: address, which holds its bytes."""
        media_type = "image/png" if self.is_picture else "image/svg+xml"
        data = self.png if self.is_picture else rendered(self.figure, "svg")
        return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def figure_name(*parts: object) -> str:
    """Join texts to a name that is safe for a file: names of metrics come from files."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(map(str, parts)).lower()).strip("-")


def curve_names(names: Iterable[str]) -> list[str]:
    """The figures of scores over time and over steps, which share a row."""
    ends = ("-against-seconds", "-against-steps")
    return [name for name in names if name.endswith(ends) and not name.startswith("loss-")]


def write_document(
    template: str,
    content: Mapping[str, Any],
    figures: Mapping[str, PageFigure],
    records: Sequence[RunRecord],
    out: str | os.PathLike[str],
    *,
    overwrite: bool,
) -> Path:
    """Write `out`/index.html, `out`/plots/*.png and `out`/records.json; return the page's path.

    `template` is a file in templates/ that is filled with `content` and `figures`. With a
    `progress` in the content, the page says that it is not finished, and reloads itself. `out`
    appears whole or not at all. Raises FileExistsError where it exists, unless `overwrite`; even
    then only a folder that holds nothing but an earlier report is replaced. Raises ImportError
    without jinja2 (the extra `report`).
    """
    out = Path(out)
    page = rendered_template(template, {**content, "figures": figures})
    with atomic_folder(out, overwrite=overwrite, foreign=_foreign_to_report) as folder:
        (folder / _PLOTS).mkdir()
        for name, shown in figures.items():
            (folder / _PLOTS / f"{name}.png").write_bytes(shown.png)
        save_records(records, folder / _RECORDS)
        # Names of files that are not UTF-8 hold lone surrogates.
        (folder / _PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")
    return out / _PAGE


def rendered_template(template: str, content: Mapping[str, Any]) -> str:
    """Fill a file in templates/; ImportError without jinja2 (the extra `report`).

    Pages without `progress` are finished; those without `next_step` have none.
    """
    values = {"progress": None, "next_step": None, **content}
    return _environment().get_template(template).render(values)


@functools.cache
def require_report_extra() -> None:
    """Raise ImportError, saying what to install, unless pages can be written."""
    _environment()
    if not draws_plots():
        raise ImportError("plots need matplotlib: pip install 'thinset[report]'")


def draws_plots() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def _environment() -> Environment:
    """Templates that escape every value, and fail on a name that is not given."""
    try:
        import jinja2
    except ImportError as error:
        raise ImportError("report pages need jinja2: pip install 'thinset[report]'") from error
    return jinja2.Environment(
        loader=jinja2.PackageLoader("thinset.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _foreign_to_report(folder: Path) -> str | None:
    """The first entry that is not of a report; None where there is none.

    A report has records of ours beside its page: a page alone may be anybody's.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    try:
        load_records(folder / _RECORDS)
    except (OSError, ValueError):
        return names[0] if names else None
    own = {_PAGE, _RECORDS, _PLOTS}
    return next((n for n in names if n not in own and not _is_plot(n)), None)


def _is_plot(name: str) -> bool:
    return PurePosixPath(name).match(f"{_PLOTS}/*.png")
