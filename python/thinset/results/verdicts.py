"""What a paired difference says: a gain is claimed only if its interval excludes zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from thinset.results.wording import PERCENT, spoken_points

if TYPE_CHECKING:
    from thinset.results.summaries import PairedDifference

Verdict = Literal["better", "worse", "no evidence", "spread unknown", "no baseline"]

# Differences that agree to this many points have no usable spread (accuracies of a small test set
# move in coarse steps). An interval of zero width must not count as certainty.
_NO_WIDTH = 1e-6


def verdict_of(difference: PairedDifference | None, sign: int = 1) -> Verdict:
    """Judge a paired difference by its 95 % interval; `sign` is -1 if lower scores are better."""
    if difference is None:
        return "no baseline"
    if difference.interval is None:
        return "spread unknown"
    low, high = sorted(sign * bound for bound in difference.interval)
    if high - low < _NO_WIDTH:
        return "spread unknown"
    if low > 0.0:
        return "better"
    return "worse" if high < 0.0 else "no evidence"


def describe_difference(difference: PairedDifference, unit: str = "points") -> str:
    """Return "+1.2 points, 95 % interval +0.3 to +2.1, 4 paired seeds"."""
    parts = [f"{spoken_points(difference.mean)} {unit}".rstrip()]
    n = len(difference.seeds)
    if (interval := interval_with_width(difference)) is not None:
        parts.append(f"95{PERCENT} interval {spoken_interval(interval)}")
    else:
        parts.append(spoken_lack_of_spread(n))
    parts.append(f"{n} paired seed{'s' if n > 1 else ''}")
    return ", ".join(parts)


def interval_with_width(difference: PairedDifference) -> tuple[float, float] | None:
    """The interval of a difference; None for one seed, or where all seeds differ alike."""
    return None if verdict_of(difference) == "spread unknown" else difference.interval


def spoken_lack_of_spread(n_seeds: int) -> str:
    """What stands where an interval would."""
    return "spread unknown" if n_seeds == 1 else "in every seed"


def spoken_interval(interval: tuple[float, float]) -> str:
    """Return "+0.3 to +2.1"."""
    low, high = interval
    return f"{spoken_points(low)} to {spoken_points(high)}"
