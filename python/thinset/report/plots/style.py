"""One look for every figure: light, quiet, readable at half size, safe for colour-blind readers."""

from __future__ import annotations

import functools
import io
import math
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

INK = "#1F2328"
QUIET_INK = "#656D76"
RULE = "#E4E4DF"
DROPPED = "#C9C9C4"

# Tol's qualitative palette, in an order whose first ten entries are easiest to tell apart.
CLASS_COLOURS = (
    "#332288", "#DDCC77", "#117733", "#88CCEE", "#882255",
    "#44AA99", "#CC6677", "#999933", "#AA4499", "#661100",
    "#6699CC", "#AA4466",
)  # fmt: skip

_SETTINGS: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET_INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 160,
    "figure.facecolor": "white",
    "font.size": 10.5,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "legend.borderaxespad": 0.0,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    "savefig.facecolor": "white",
    # The same figure gives the same bytes: identifiers in the SVG come from this, not from chance.
    "svg.hashsalt": "thinset",
    "text.color": INK,
    # Names come from data: a dollar sign in one is a dollar sign, not the start of a formula.
    "text.parse_math": False,
    "xtick.color": QUIET_INK,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET_INK,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0.0,
}

_CHARACTERS_PER_INCH = 12
_LEGEND_HANDLE_CHARACTERS = 4
_LEGEND_ROW_INCHES = 0.24
_LONGEST_TEXT = 200  # in characters; layout takes minutes for a hundred thousand

P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under the style, leaving the caller's matplotlib settings alone.

    Raises ImportError naming the extra where matplotlib is missing.
    """

    @functools.wraps(draw)
    def draw_styled(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            import matplotlib.style
        except ImportError as error:
            raise ImportError("plots need matplotlib: pip install 'thinset[report]'") from error
        with matplotlib.style.context(["default", _SETTINGS]):
            return draw(*args, **kwargs)

    return draw_styled


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in inches; it is bound to no window and needs no closing."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def row_height(names: Iterable[str], least: float = 0.36) -> float:
    """Return the height in inches of rows with these labels, so that none touches the next."""
    return max([least, *(0.08 + 0.19 * (1 + name.count("\n")) for name in names)])


def legend_above(figure: Figure) -> None:
    """Put the legend above all axes, where it hides nothing; the figure grows with its rows.

    A label that an earlier panel has is not repeated.
    """
    handles: list[Artist] = []
    labels: list[str] = []
    for axes in figure.axes:
        known = set(labels)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in known:
                handles.append(handle)
                labels.append(label)
    width, height = figure.get_size_inches()
    lengths = [len(label) + _LEGEND_HANDLE_CHARACTERS for label in labels]
    room = int(_CHARACTERS_PER_INCH * width)
    n_columns = len(labels) if sum(lengths) <= room else max(1, room // max(lengths))
    n_rows = math.ceil(len(labels) / n_columns)
    figure.set_size_inches(width, height + _LEGEND_ROW_INCHES * (n_rows - 1))
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=n_columns,
        handlelength=1.6,
        columnspacing=1.4,
    )


@styled
def rendered(figure: Figure, file_format: Literal["png", "svg"]) -> bytes:
    """Return the figure as a file; the same figure always gives the same bytes."""
    _make_drawable(figure)
    buffer = io.BytesIO()
    metadata = {"Date": None} if file_format == "svg" else {"Software": None}
    figure.savefig(buffer, format=file_format, metadata=metadata)
    return buffer.getvalue()


def drawable(text: str) -> str:
    r"""Shorten a long text, and write lone surrogates of file names as \udcff: no font has them."""
    if len(text) > _LONGEST_TEXT:
        text = f"{text[: _LONGEST_TEXT - 1]}\N{HORIZONTAL ELLIPSIS}"
    return text.encode("utf-8", errors="backslashreplace").decode()


def _make_drawable(figure: Figure) -> None:
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_text(drawable(text.get_text()))
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            # The labels of ticks are made again on each drawing.
            if isinstance(formatter, (FixedFormatter, FuncFormatter)):
                axis.set_major_formatter(FuncFormatter(_drawable_labels(formatter)))


def _drawable_labels(formatter: Formatter) -> Callable[[float, int | None], str]:
    return lambda value, position: drawable(formatter(value, position))
