"""A page that needs nothing else, its plots as PNG and its records as JSON, in one folder."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from thinset.files.atomic import atomic_folder
from thinset.report.html import Markup, element, picture
from thinset.report.plots import rendered
from thinset.results.records import load_records, save_records

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.figure import Figure

    from thinset.results.records import RunRecord

_PAGE = "index.html"
_RECORDS = "records.json"
_PLOTS = "plots"

# The page carries no script and loads nothing: whatever slipped through escaping could not run.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class PageFigure:
    """A figure with the name of its file, its caption and what it shows in words.

    A `is_picture` figure consists of pixels and goes into the page as PNG, a chart as SVG.
    """

    name: str
    caption: str
    description: str
    figure: Figure
    is_picture: bool = False


def curve_names(names: Iterable[str]) -> list[str]:
    """The figures of scores over time and over steps, which stand side by side."""
    ends = ("-against-seconds", "-against-steps")
    return [name for name in names if name.endswith(ends) and not name.startswith("loss-")]


class Shown:
    """Figures as they stand in a page; one that is missing leaves its place empty."""

    def __init__(self, figures: Mapping[str, PageFigure]) -> None:
        self._placed = {name: _placed(figure) for name, figure in figures.items()}

    def side_by_side(self, *names: str) -> Markup:
        present = [self._placed[name] for name in names if name in self._placed]
        return element("div", *present, css_class="pair") if present else Markup("")

    def full_width(self, name: str) -> Markup:
        return self._placed.get(name, Markup(""))


def write_document(
    title: str,
    body: Markup,
    figures: Mapping[str, PageFigure],
    records: Sequence[RunRecord],
    out: str | os.PathLike[str],
    *,
    overwrite: bool,
) -> Path:
    """Write `out`/index.html, `out`/plots/*.png and `out`/records.json; return the page's path.

    `out` appears whole or not at all. Raises FileExistsError where it exists, unless `overwrite`;
    even then only a folder that holds nothing but an earlier report is replaced.
    """
    out = Path(out)
    with atomic_folder(out, overwrite=overwrite, foreign=_foreign_to_report) as folder:
        (folder / _PLOTS).mkdir()
        for name, shown in figures.items():
            (folder / _PLOTS / f"{name}.png").write_bytes(rendered(shown.figure, "png"))
        save_records(records, folder / _RECORDS)
        (folder / _PAGE).write_text(_document(title, body), encoding="utf-8")
    return out / _PAGE


def _document(title: str, body: Markup) -> str:
    style = importlib.resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        element("title", title),
        element("style", Markup(style)),
    )
    document = element("html", head, element("body", element("main", body)), lang="en")
    return f"<!doctype html>\n{document}\n"


def _placed(shown: PageFigure) -> Markup:
    if shown.is_picture:
        image = picture(rendered(shown.figure, "png"), "image/png", shown.description)
    else:
        image = picture(rendered(shown.figure, "svg"), "image/svg+xml", shown.description)
    return element(
        "figure",
        element("div", image, css_class="image"),
        element("figcaption", shown.caption),
        id=shown.name,
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
