"""Groups runs that repeat one configuration with different seeds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from thinset.results.arm import FULL, RANDOM, Arm
from thinset.results.arm_words import plain_name
from thinset.results.wording import PERCENT, spoken_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from thinset.duration import Duration
    from thinset.results.records import FastPhase, RunRecord

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
_KIND_ORDER = ("selected", "data", "random", "full")


class Configuration(NamedTuple):
    """The common properties of repeated runs; `fast_phase` is None without a subset."""

    comparison: str
    arm: Arm
    fast_phase: FastPhase | None
    total: Duration

    def __str__(self) -> str:
        parts = [str(self.arm), str(self.total), f"equal {self.comparison}"]
        if self.fast_phase is not None:
            parts.insert(1, f"{self.fast_phase.n_samples} samples, split {self.fast_phase.split}")
        return ", ".join(parts)


def configuration_of(record: RunRecord) -> Configuration:
    """Return the configuration that a run belongs to."""
    return Configuration(record.comparison, record.arm, record.fast_phase, record.total)


def group_runs(records: Iterable[RunRecord]) -> dict[Configuration, tuple[RunRecord, ...]]:
    """Group runs by configuration, in the order of the page; each group is sorted by seed.

    The order never depends on a score. Raises ValueError if two runs of one configuration have
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
    """Return the arm in plain words, with what distinguishes `configuration` in its arm."""
    return _distinguished(plain_name(configuration.arm), configuration, among)


def code_of(configuration: Configuration, among: Iterable[Configuration]) -> str:
    """Return the text of the arm, with what distinguishes `configuration` in its arm."""
    return _distinguished(str(configuration.arm), configuration, among)


def _distinguished(name: str, configuration: Configuration, among: Iterable[Configuration]) -> str:
    rivals = [other for other in among if _is_rival(other, configuration)]
    fast = configuration.fast_phase
    parts = []
    if fast is not None:
        others = [rival.fast_phase for rival in rivals if rival.fast_phase is not None]
        if len({other.n_samples for other in others}) > 1:
            parts.append(f"{fast.n_samples:,} samples")
        if len({other.split for other in others}) > 1:
            parts.append(f"{100 * fast.split:g}{PERCENT} fast")
    if len({rival.total for rival in rivals}) > 1:
        parts.append(spoken_length(configuration.total))
    return f"{name} ({', '.join(parts)})" if parts else name


def colour_of(configuration: Configuration, among: Iterable[Configuration]) -> str:
    """Return the colour of the configuration's arm; each has its own."""
    arms = {other.arm for other in among}
    return colours_of(arms)[configuration.arm]


def colours_of(arms: Iterable[Arm]) -> dict[Arm, str]:
    """Return the colour of each arm: plain `random` and `full` always have the same."""
    palettes = {"full": _FULL_COLOURS, "random": _RANDOM_COLOURS}
    colours = {}
    taken: Counter[str] = Counter()
    for arm in sorted(set(arms), key=arm_order):
        palette = palettes.get(arm.kind, METHOD_COLOURS)
        name = arm.kind if arm.kind in palettes else "method"
        colours[arm] = palette[taken[name] % len(palette)]
        taken[name] += 1
    return colours


def arm_order(arm: Arm) -> tuple[int, bool, str]:
    """Sort key of the page: by kind, the plain arm of each first."""
    return _KIND_ORDER.index(arm.kind), arm not in (FULL, RANDOM), str(arm)


def line_style_of(configuration: Configuration, among: Sequence[Configuration]) -> str:
    """Return the line style that distinguishes configurations of one colour."""
    rivals = [other for other in among if _is_rival(other, configuration)]
    styles = ("-", "--", "-.", ":")
    return styles[rivals.index(configuration) % len(styles)]


def line_style_of_arm(arm: Arm) -> str:
    """Return the line style for figures with one line per arm: broken for variants of a method."""
    return "-" if arm.is_plain else "--"


def _is_rival(other: Configuration, configuration: Configuration) -> bool:
    return (other.comparison, other.arm) == (configuration.comparison, configuration.arm)


def _page_order(configuration: Configuration) -> tuple[Any, ...]:
    fast = configuration.fast_phase
    return (
        _COMPARISON_ORDER.index(configuration.comparison),
        arm_order(configuration.arm),
        (0, 0.0) if fast is None else (fast.n_samples, fast.split),
        str(configuration.total),
    )
