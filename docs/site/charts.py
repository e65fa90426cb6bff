"""Charts of the performance page, drawn from the numbers of its tables.

A line `<!-- chart: NAME -->` marks the place of each; GitHub does not show it.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PAGE = Path(__file__).parents[1] / "performance.md"
_MARK = re.compile(r"<!-- chart: (\w+) -->")
_SECONDS = {"ms": 1e-3, "s": 1.0}
_SCHEMES = {"light": ("#1b1b1b", "#0f766e", "#9aa5a3"), "dark": ("#e2e4e9", "#2dd4bf", "#7b8684")}
"""Colours of text, of thinset and of the others, on pages of each scheme"""


class Job(NamedTuple):
    """A row of a table: seconds of thinset and of the fastest other contender."""

    name: str
    ours: float
    other: float
    verdict: str


class Size(NamedTuple):
    """A row of the table of growth."""

    method: str
    n_rows: int
    seconds: float
    mebibytes: float


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Draw the charts that the page asks for, in both colour schemes."""
    text = PAGE.read_text(encoding="utf-8")
    for name in _MARK.findall(text):
        for scheme in _SCHEMES:
            content = _DRAWN[name](text, scheme)
            files.append(File.generated(config, f"images/{name}-{scheme}.svg", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Put the charts where the page asks for them."""
    if page.file.src_uri != PAGE.name:
        return markdown
    return _MARK.sub(
        lambda mark: "\n".join(
            [
                '<div class="chart" markdown>',
                *(
                    f"![{_ALTERNATIVES[mark[1]]}](images/{mark[1]}-{scheme}.svg#only-{scheme})"
                    for scheme in _SCHEMES
                ),
                "</div>",
            ]
        ),
        markdown,
    )


def jobs(text: str) -> list[Job]:
    """The first table of the page."""
    rows = _rows(text.partition("## Correlated embeddings")[2].partition("\n## ")[0])
    return [
        Job(row[0], _seconds(row[1]), _seconds(row[2]), row[3]) for row in rows if row[0] != "job"
    ]


def sizes(text: str) -> list[Size]:
    """The table of growth."""
    rows = _rows(text.partition("## Growth")[2])
    return [
        Size(
            row[0].partition(",")[0],
            int(row[1].replace(",", "")),
            _seconds(row[3]),
            float(row[4].removesuffix(" MiB")),
        )
        for row in rows
        if row[0] != "method"
    ]


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _seconds(text: str) -> float:
    """Of "2.18 ms", or of "RDKit 695 ms"."""
    amount, unit = text.split(" ")[-2:]
    return float(amount) * _SECONDS[unit]


def _speed(text: str, scheme: str) -> str:
    """Seconds of thinset and of the fastest other contender, job by job."""
    ink, ours, others = _SCHEMES[scheme]
    rows = jobs(text)[::-1]
    figure, axes = _axes((5.6, 0.42 * len(rows) + 0.9), scheme)
    for place, job in enumerate(rows):
        axes.annotate(
            job.name,
            (0, place + 0.22),
            xycoords=("axes fraction", "data"),
            color=ink,
            fontsize=7.5,
        )
        axes.plot([job.ours, job.other], [place, place], color=others, linewidth=1.5, zorder=1)
        axes.annotate(
            job.verdict.removesuffix(" faster"),
            (max(job.ours, job.other), place),
            (7, 0),
            textcoords="offset points",
            va="center",
            color=ink,
            fontsize=8,
        )
    places = range(len(rows))
    axes.scatter([job.other for job in rows], places, color=others, zorder=2, label="fastest other")
    axes.scatter([job.ours for job in rows], places, color=ours, zorder=3, label="thinset")
    axes.set_yticks([])
    axes.set_xscale("log")
    axes.set_xlim(right=max(job.other for job in rows) * 4)
    axes.set_xlabel("seconds", color=ink)
    axes.grid(axis="x", color=others, alpha=0.25)
    axes.legend(loc="upper right", frameon=False, labelcolor=ink, fontsize=8)
    return _svg(figure)


def _growth(text: str, scheme: str) -> str:
    """Seconds and memory against the number of rows, method by method."""
    ink, ours, others = _SCHEMES[scheme]
    rows = sizes(text)
    figure, axes = _axes((5.6, 2.7), scheme, columns=2)
    colours = dict(
        zip(dict.fromkeys(row.method for row in rows), (ours, "#d97706", "#6d6fd6"), strict=True)
    )
    for panel, name, unit in zip(
        axes, ("seconds", "mebibytes"), ("seconds", "extra memory, MiB"), strict=True
    ):
        for method, colour in colours.items():
            of_method = [row for row in rows if row.method == method]
            x = [row.n_rows for row in of_method]
            y = [getattr(row, name) for row in of_method]
            panel.plot(x, y, color=colour, marker="o", markersize=4, label=method)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("rows", color=ink)
        panel.set_ylabel(unit, color=ink)
        panel.grid(color=others, alpha=0.25)
    axes[0].legend(frameon=False, labelcolor=ink, fontsize=8)
    return _svg(figure)


_DRAWN = {"speed": _speed, "growth": _growth}
_ALTERNATIVES = {
    "speed": "Seconds of thinset and of the fastest other contender, for each job of the table",
    "growth": "Seconds and extra memory against the number of rows, for each method of the table",
}


def _axes(size: tuple[float, float], scheme: str, columns: int = 1) -> tuple[object, Axes]:
    from matplotlib.figure import Figure

    ink = _SCHEMES[scheme][0]
    figure = Figure(size, layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots(1, columns)
    for panel in axes if columns > 1 else [axes]:
        panel.set_facecolor("none")
        panel.tick_params(colors=ink, labelsize=8)
        for spine in panel.spines.values():
            spine.set_visible(False)
    return figure, axes


def _svg(figure: object) -> str:
    import matplotlib as mpl

    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "thinset", "svg.fonttype": "path"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
