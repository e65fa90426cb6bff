"""The report: one page that needs nothing else, its plots as PNG and its records as JSON."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.atomic_files import atomic_folder
from thinset.report import findings, sections
from thinset.report.figures import draw_figures
from thinset.report.html import Markup, element, facts, join, picture, section
from thinset.report.plots import rendered
from thinset.report.records import save_records
from thinset.report.summary import summarise

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from thinset.report.figures import PageFigure
    from thinset.report.inputs import ReportInputs

_PAGE = "index.html"
_RECORDS = "records.json"
_PLOTS = "plots"

# The page carries no script and loads nothing: whatever slipped through escaping could not run.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(
    inputs: ReportInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write `out`/index.html, `out`/plots/*.png and `out`/records.json; return the page's path.

    `out` appears whole or not at all. Raises FileExistsError where it exists, unless `overwrite`;
    even then only a folder that holds nothing but an earlier report is replaced. Raises ImportError
    without matplotlib (the extra `report`), and ValueError where a seed occurs twice in one
    configuration or an embedding is not finite.
    """
    out = Path(out)
    if overwrite:
        _refuse_foreign_content(out)
    with atomic_folder(out, overwrite=overwrite) as folder:
        figures = draw_figures(inputs)
        (folder / _PLOTS).mkdir()
        for name, shown in figures.items():
            (folder / _PLOTS / f"{name}.png").write_bytes(rendered(shown.figure, "png"))
        save_records(inputs.records, folder / _RECORDS)
        (folder / _PAGE).write_text(render_page(inputs, figures), encoding="utf-8")
    return out / _PAGE


def render_page(inputs: ReportInputs, figures: Mapping[str, PageFigure]) -> str:
    """Return the whole page as HTML."""
    summaries = summarise(inputs.records)
    shown = {name: _placed(figure) for name, figure in figures.items()}
    body = join(
        [
            sections.masthead(inputs, summaries, findings.find(summaries)),
            sections.results(summaries, inputs.records),
            section(
                "While training",
                _side_by_side(shown, "accuracy-against-seconds", "accuracy-against-steps"),
            ),
            section(
                "Where the time went",
                _full_width(shown, "timeline"),
                sections.costs(inputs.stage_seconds),
            ),
            section(
                "What was kept",
                _side_by_side(shown, "kept-samples", "dropped-samples"),
                _full_width(shown, "class-balance"),
            ),
            section(
                "Embeddings",
                _full_width(shown, "embedding-map"),
                _full_width(shown, "reproductions"),
                facts(inputs.embedding_facts or {}),
            ),
            sections.rerun(inputs),
        ]
    )
    return _document(inputs.title, body)


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


def _side_by_side(shown: Mapping[str, Markup], *names: str) -> Markup:
    present = [shown[name] for name in names if name in shown]
    return element("div", *present, css_class="pair") if present else Markup("")


def _full_width(shown: Mapping[str, Markup], name: str) -> Markup:
    return shown.get(name, Markup(""))


def _refuse_foreign_content(out: Path) -> None:
    if not out.exists():
        return
    own = {_PAGE, _RECORDS, _PLOTS}
    foreign = sorted(path.name for path in out.iterdir() if path.name not in own)
    if foreign:
        raise FileExistsError(
            f"{out} holds more than a report ({', '.join(foreign[:5])}) and is not replaced"
        )
