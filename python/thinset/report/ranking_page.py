"""The report of a ranking: how well arms rank candidates, against full-data training."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thinset.report import plots, sections
from thinset.report.cells import NONE, Cell, facts, table
from thinset.report.document import PageFigure, write_document
from thinset.results.ranking import MULTIPLY_ADDS, labels_of
from thinset.results.student import mean_interval
from thinset.results.wording import MINUS, PERCENT, spoken_seconds

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from thinset.report.cells import NextStep, Table
    from thinset.results.ranking import Candidate, Interval, Ranker, Ranking
    from thinset.results.records import RunRecord

_MOST_IN_HEADLINE = 2


@dataclass(frozen=True)
class RankingInputs:
    """What `write_ranking_report` draws; the first of `rankings` is the reference.

    Attributes:
        candidates: the plural noun for what is ranked.
        multiply_adds: of each candidate; empty if they are not known.
        left_out: trainings that failed and score 0, with the reason.
    """

    title: str
    subject: str
    rankings: Sequence[Ranking]
    records: Sequence[RunRecord]
    command: str
    candidates: str = "settings"
    multiply_adds: Mapping[Candidate, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    next_step: NextStep | None = None


def write_ranking_report(
    inputs: RankingInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the page, its plots and its records into the folder `out`; see write_document."""
    reference, *others = inputs.rankings
    labels = labels_of(ranking.ranker for ranking in others)
    figures = [
        PageFigure(
            "agreement",
            f"Agreement with the reference and its 95{PERCENT} interval over the "
            f"{inputs.candidates}, with the share of its time that the whole ranking takes.",
            "Kendall's tau-b of each arm against the share of the reference's time",
            plots.agreements(reference, others, labels),
        ),
        PageFigure(
            "rankings",
            f"One dot for each of the {inputs.candidates}: its accuracy in the arm against its "
            "accuracy in the reference, the long training on everything. Means over seeds; on the "
            "line, both are equal.",
            "Scatter plots of accuracies, one panel per arm",
            plots.rankings(reference, _by_training(others), labels),
        ),
    ]
    content = {
        "title": inputs.title,
        "headline": headline(inputs.rankings, inputs.candidates),
        "scope": f"{inputs.subject}. Ranked: {len(reference.accuracies)} {inputs.candidates}",
        "next_step": inputs.next_step,
        "candidates": inputs.candidates,
        "has_sizes": any(each.ranker == MULTIPLY_ADDS for each in others),
        "results": _results(reference, others, labels),
        "scores": _scores(inputs, labels),
        "left_out": facts(inputs.left_out),
        "costs": sections.costs(inputs.stage_seconds),
        "rerun": sections.rerun(inputs.records, inputs.command, inputs.settings),
    }
    return write_document(
        "ranking.html.j2",
        content,
        {figure.name: figure for figure in figures},
        inputs.records,
        out,
        overwrite=overwrite,
    )


def headline(rankings: Sequence[Ranking], candidates: str = "settings") -> str:
    """Name the arms that clearly agree with the reference, or count them; none is picked.

    Those whose interval of Kendall's tau is above zero agree clearly.
    """
    reference, *others = rankings
    others = _by_training(others)
    labels = labels_of(ranking.ranker for ranking in others)
    n = f"{len(reference.accuracies)} {candidates}"
    low, high = (function(each.mean_agreement for each in others) for function in (min, max))
    taus = f"Kendall's tau {_spoken(low)}" + ("" if low == high else f" to {_spoken(high)}")
    clear = [each for each in others if (each.agreement_interval or (0.0,))[0] > 0.0]
    if not clear:
        none = f"none of {len(others)} ways clearly agrees"
        return (
            f"No evidence for ranking {n} by short trainings like these: "
            f"{none if len(others) > 1 else 'they do not clearly agree'} with long training on "
            f"everything; {taus}, where 1 is the same order"
        )
    if len(clear) > _MOST_IN_HEADLINE:
        return (
            f"{len(clear)} of {len(others)} short ways to rank {n} clearly agree with long "
            f"training on everything; {taus}, where 1 is the same order"
        )
    named = [
        f"{labels[each.ranker]} (Kendall's tau {_spoken(each.mean_agreement)}, 95{PERCENT} "
        f"interval {' to '.join(map(_spoken, each.agreement_interval or ()))}, "
        f"{_spoken_share(each.seconds / reference.seconds)} of the time)"
        for each in clear
    ]
    return (
        f"Rank {n} by short trainings with {' or '.join(named)}: clear agreement with long "
        "training on everything, where 1 is the same order"
    )


def _results(reference: Ranking, others: Sequence[Ranking], labels: Mapping[Ranker, str]) -> Table:
    header = (
        "arm", "agreement", "against random", "regret, points", "time", "saved",
    )  # fmt: skip
    rows: list[tuple[Cell | str, ...]] = [
        (
            "reference",
            Cell(_spoken(reference.mean_agreement), "with other seeds")
            if reference.agreement
            else Cell(NONE, "one seed"),
            NONE,
            "0",
            spoken_seconds(reference.seconds),
            NONE,
        )
    ]
    rows += [
        (
            Cell(str(ranking.ranker.arm), _unless_same(labels[ranking.ranker], ranking.ranker)),
            _with_intervals(ranking.agreement.values(), ranking.agreement_interval),
            _with_intervals((ranking.versus_random or {}).values(), ranking.versus_random_interval),
            _with_intervals(ranking.regret.values(), None),
            spoken_seconds(ranking.seconds),
            _spoken_share(1 - ranking.seconds / reference.seconds),
        )
        for ranking in others
    ]
    return table(header, rows)


def _scores(inputs: RankingInputs, labels: Mapping[Ranker, str]) -> Table:
    """Every candidate, the best of the reference first."""
    reference, *others = _by_training(inputs.rankings)
    costs = inputs.multiply_adds
    best_first = sorted(reference.accuracies, key=lambda each: -reference.accuracies[each])
    rows = [
        (
            str(candidate),
            *((f"{costs[candidate] / 1e6:.2f} M",) if costs else ()),
            *(f"{each.accuracies[candidate]:.1f}{PERCENT}" for each in (reference, *others)),
        )
        for candidate in best_first
    ]
    header = (
        "candidate",
        *(("multiply-adds",) if costs else ()),
        "reference",
        *(labels[each.ranker] for each in others),
    )
    return table(header, rows)


def _unless_same(label: str, ranker: Ranker) -> str:
    return "" if label == str(ranker.arm) else label


def _by_training(rankings: Sequence[Ranking]) -> list[Ranking]:
    return [each for each in rankings if each.ranker != MULTIPLY_ADDS]


def _with_intervals(values: Collection[float], over_candidates: Interval | None) -> Cell:
    """The mean, its interval over the candidates, and that over the seeds."""
    if not values:
        return Cell(NONE)
    mean = statistics.fmean(values)
    remarks = []
    if over_candidates is not None:
        remarks.append(" to ".join(map(_spoken, over_candidates)))
    over_seeds = mean_interval(tuple(values))
    if over_seeds is not None:
        remarks.append(f"seeds \N{PLUS-MINUS SIGN} {_spoken(over_seeds[1] - mean)}")
    return Cell(_spoken(mean), ", ".join(remarks) or "one seed")


def _spoken_share(share: float) -> str:
    return f"{100 * share:.0f}{PERCENT}".replace("-", MINUS)


def _spoken(value: float) -> str:
    return f"{value:.2f}".replace("-", MINUS)
