"""Runs that repeat one configuration under different seeds belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from thinset.results.wording import PERCENT, spoken_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from thinset.results.records import RunRecord

# Okabe and Ito's palette, safe for colour-blind readers. An arm has one colour on the whole page.
METHOD_COLOURS = (
    "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#8C6D00", "#5B3FA0", "#A3263B", "#2F6F6F",
)  # fmt: skip
SELECTED_COLOUR = METHOD_COLOURS[0]
RANDOM_COLOUR = "#D55E00"
FULL_COLOUR = "#5A5A5A"
# The plain one first, then its variants.
_RANDOM_COLOURS = (RANDOM_COLOUR, "#F0A04B", "#8F3F00")
_FULL_COLOURS = (FULL_COLOUR, "#1F2328", "#9A9A94", "#7A4E2D", "#B8860B")

_COMPARISON_ORDER = ("time", "training time", "steps")
_ARM_ORDER = ("selected", "random", "full")


class Configuration(NamedTuple):
    """What repeated runs share; `n_subset` and `split` are None for training on everything."""

    comparison: str
    arm: str
    method: str
    n_subset: int | None
    split: float | None
    total: str


def configuration_of(record: RunRecord) -> Configuration:
    """Return the configuration that a run belongs to."""
    is_full = record.arm == "full"
    return Configuration(
        comparison=record.comparison,
        arm=record.arm,
        method=record.method,
        n_subset=None if is_full else record.n_subset,
        split=None if is_full else record.split,
        total=record.total,
    )


def group_runs(records: Iterable[RunRecord]) -> dict[Configuration, tuple[RunRecord, ...]]:
    """Group runs by configuration, in the order of the page; each group is sorted by seed.

    The order never depends on a score. Raises ValueError where two runs of one configuration have
    the same seed (one of them would count twice) or the runs disagree on the size of the dataset.
    """
    groups: dict[Configuration, dict[int, RunRecord]] = {}
    n_full: int | None = None
    for record in records:
        n_full = record.n_full if n_full is None else n_full
        if record.n_full != n_full:
            raise ValueError(f"all runs must share one n_full, got {n_full} and {record.n_full}")
        runs = groups.setdefault(configuration_of(record), {})
        if record.seed in runs:
            raise ValueError(
                f"seed {record.seed} occurs twice in {configuration_of(record)}; "
                "repeated runs need different seeds"
            )
        runs[record.seed] = record
    return {
        key: tuple(groups[key][seed] for seed in sorted(groups[key]))
        for key in sorted(groups, key=_page_order)
    }


def label_of(configuration: Configuration, among: Iterable[Configuration]) -> str:
    """Return a short name; it states only what tells `configuration` from the others of its arm."""
    name = "full data" if configuration.method == "full" else configuration.method
    rivals = [other for other in among if _is_rival(other, configuration)]
    parts = []
    if configuration.n_subset is not None and len({rival.n_subset for rival in rivals}) > 1:
        parts.append(f"k = {configuration.n_subset:,}")
    if configuration.split is not None and len({rival.split for rival in rivals}) > 1:
        parts.append(f"{100 * configuration.split:g}{PERCENT} fast")
    if len({rival.total for rival in rivals}) > 1:
        parts.append(spoken_length(configuration.total))
    return f"{name} ({', '.join(parts)})" if parts else name


def colour_of(configuration: Configuration, among: Iterable[Configuration]) -> str:
    """Return the colour of the configuration's arm; each method has its own."""
    arm = configuration.arm
    palette = {"full": _FULL_COLOURS, "random": _RANDOM_COLOURS}.get(arm, METHOD_COLOURS)
    methods = {other.method for other in among if other.arm == arm}
    in_order = sorted(methods, key=lambda method: (method != arm, method))
    return palette[in_order.index(configuration.method) % len(palette)]


def line_style_of(configuration: Configuration, among: Sequence[Configuration]) -> str:
    """Return the line style that tells configurations of one colour apart."""
    rivals = [other for other in among if _is_rival(other, configuration)]
    styles = ("-", "--", "-.", ":")
    return styles[rivals.index(configuration) % len(styles)]


def line_style_of_method(method: str) -> str:
    """Return the line style for figures with one line per method: broken for its variants."""
    return "--" if ":" in method else "-"


def _is_rival(other: Configuration, configuration: Configuration) -> bool:
    return other[:3] == configuration[:3]


def _page_order(configuration: Configuration) -> tuple[int, int, str, int, float, str]:
    return (
        _COMPARISON_ORDER.index(configuration.comparison),
        _ARM_ORDER.index(configuration.arm),
        configuration.method,
        configuration.n_subset or 0,
        configuration.split or 0.0,
        configuration.total,
    )
