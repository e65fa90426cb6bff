"""What a probe advises, from the facts by the rules of plans, and from short paired trainings."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from thinset.experiments.plan.rules import about_repetition, few_labels
from thinset.experiments.prepare.subsets import NEAR_DUPLICATES
from thinset.results import BALANCED, FULL, Arm
from thinset.results.probe import ProbeAdvice
from thinset.results.wording import spoken_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.results.probe import Action, ArmScores

DISTINCT = Arm(distinct=NEAR_DUPLICATES)
BOTH = Arm(is_balanced=True, distinct=NEAR_DUPLICATES)


@dataclass(frozen=True)
class Costs:
    """Predicted seconds for all samples; None for what was not measured.

    kmeans_seconds: of choosing the rows of the label budget.
    """

    embedding_seconds: float | None = None
    deduplication_seconds: float | None = None
    decoding_seconds: float | None = None
    decoded_bytes: int = 0
    kmeans_seconds: float | None = None


@dataclass(frozen=True)
class Case:
    """Everything that the advice depends on.

    in_memory, distinct, balance: the reasons by the rules; None if there is none. arms: the first
    is everything. missing: names of what was not measured. repeated_share: of the samples looked
    at; None if unknown.
    """

    source: str
    n_samples: int
    has_labels: bool = True
    label_budget: int | None = None
    embeddings: str | None = None
    image_size: tuple[int, int] | None = None
    in_memory: str | None = None
    distinct: str | None = None
    balance: str | None = None
    repeated_share: float | None = None
    arms: Sequence[ArmScores] = ()
    missing: Sequence[str] = ()
    costs: Costs = Costs()


def advise(case: Case) -> ProbeAdvice:
    """The first advice that applies; others that apply are named in `also`.

    A subset is advised only if it beats every way to train on everything, with intervals of the
    differences above zero.
    """
    if case.label_budget is not None:
        return _about_labels(case, case.label_budget)
    found = _by_the_rules(case)
    if found:
        first, *others = found
        return replace(first, also=(*first.also, *(other.sentence for other in others)))
    subset = _best_subset(case)
    return _do_not_select(case) if subset is None else _select(case, subset)


def _about_labels(case: Case, n_labels: int) -> ProbeAdvice:
    also: tuple[str, ...] = ()
    if case.distinct is not None:
        also = ("Samples repeat; k-means rarely takes two near-duplicates, random rows may.",)
    if n_labels >= case.n_samples:
        return ProbeAdvice(
            "label everything",
            "Label every sample; there is nothing to choose.",
            f"the budget of {n_labels:,} labels covers all {case.n_samples:,} samples",
            None, f"{case.n_samples:,} labels", 0.0,
            "high", "the two numbers are exact",
        )  # fmt: skip
    most = few_labels(embeddings_given=case.embeddings is not None)
    is_few = n_labels <= most
    method = "kmeans" if is_few else "random"
    commands, rows = [], case.embeddings
    seconds = case.costs.kmeans_seconds if is_few else 0.0
    if rows is None:
        rows = "embeddings/embeddings/embeddings.npy"
        embed = ["thinset", "embed", case.source, "--encoder", "pca", "-o", "embeddings"]
        commands.append(_line(case, embed))
        seconds = _sum(seconds, case.costs.embedding_seconds)
    chosen = ["thinset", "select", rows, "-m", method, "-n", str(n_labels), "-o", "chosen.npz"]
    commands.append(shlex.join(chosen))
    advice = ProbeAdvice(
        "choose rows to label",
        f"Choose the {n_labels:,} rows to label with k-means.",
        _why_to_choose(most, embeddings_given=case.embeddings is not None),
        " && ".join(commands), f"{_spoken(seconds)}, and {n_labels:,} labels", seconds,
        "medium" if case.embeddings is not None else "low",
        "measured on other data, not on yours, because that would need labels"
        + ("" if case.embeddings is not None else "; with embeddings of a pretrained network, "
           "choosing gained on photographs as well"),
        also,
    )  # fmt: skip
    if is_few:
        return advice
    return replace(
        advice,
        action="label random rows",
        sentence=f"Do not select; label {n_labels:,} rows drawn at random.",
        reason=_why_not_to_choose(n_labels, embeddings_given=case.embeddings is not None),
        sureness="medium",
        why_sure="measured on other data, not on yours, because that would need labels",
    )


def _why_to_choose(most: int, *, embeddings_given: bool) -> str:
    if embeddings_given:
        return (
            f"with up to {most} labels, representative rows by embeddings of pretrained networks "
            "taught more than random ones"
        )
    return (
        f"with up to {most} labels, representative rows by principal components taught more than "
        "random ones on digits, and about as much on photographs"
    )


def _why_not_to_choose(n_labels: int, *, embeddings_given: bool) -> str:
    most_by_given = few_labels(embeddings_given=True)
    gain = f"gained 1 to 2 points with {most_by_given}"
    if n_labels > most_by_given:
        gain += ", the most that were measured"
    if embeddings_given:
        return f"the gain of choosing falls with the number of labels: such rows {gain}"
    return (
        f"with more than {few_labels(embeddings_given=False)} labels, representative rows by "
        "embeddings learned on the data did not help a network trained on the images; by "
        f"embeddings of pretrained networks, they {gain}"
    )


def _by_the_rules(case: Case) -> list[ProbeAdvice]:
    costs = case.costs
    preparing = _sum(costs.embedding_seconds, costs.deduplication_seconds)
    no_duplicates = "remove near-duplicates and train on everything that remains"
    equally = "if all classes count alike, show every class equally often and train on everything"
    distinct = case.distinct
    ours, full = _scores(case, DISTINCT), _scores(case, FULL)
    if distinct is None and case.balance is None and ours and full and ours.beats(full):
        distinct = "samples repeat, and leaving these out did better in short trainings"
    found: list[ProbeAdvice] = []
    if case.in_memory is not None:
        size = f"{costs.decoded_bytes / 1e6:,.0f} MB of decoded images"
        decode = ["thinset", "data", "import", case.source, "-o", "decoded"]
        found.append(ProbeAdvice(
            "keep decoded images",
            "Decode every image once and keep the decoded images.",
            case.in_memory, _line(case, decode),
            f"{_spoken(costs.decoding_seconds)}, and {size}", costs.decoding_seconds,
            "high", "waiting was measured on your data; the accuracy cannot change",
        ))  # fmt: skip
    ways: list[tuple[bool, Action, Arm, str, str, float | None]] = [
        (
            case.balance is not None and case.distinct is not None,
            "balance and deduplicate", BOTH,
            f"Remove near-duplicates; {equally} that remains.",
            f"{case.distinct}; {case.balance}", preparing,
        ),
        (
            distinct is not None, "deduplicate", DISTINCT,
            f"{no_duplicates.capitalize()}.", f"{distinct}", preparing,
        ),
        (
            case.balance is not None, "balance", BALANCED,
            f"{equally[0].upper()}{equally[1:]}.", f"{case.balance}", 0.0,
        ),
    ]  # fmt: skip
    for applies, action, arm, sentence, reason, seconds in ways:
        if applies and not _contradicted(case, arm):
            found.append(_to_train(case, action, arm, sentence, reason, seconds=seconds))
            break
    return found


def _to_train(
    case: Case, action: Action, arm: Arm, sentence: str, reason: str, *, seconds: float | None
) -> ProbeAdvice:
    methods = ["thinset", "compare", case.source, "--methods", str(FULL), str(arm)]
    methods += ["--baseline", str(FULL), "-o", "comparison"]
    if case.embeddings is not None and arm.needs_embeddings:
        methods += ["--embeddings", case.embeddings]
    ours, full = _scores(case, arm), _scores(case, FULL)
    sureness: Literal["high", "medium"]
    if ours is None or full is None:
        sureness, why = "medium", "measured on other data; no short trainings on yours"
    elif ours.beats(full):
        sureness, why = "high", "short trainings on your data confirm it"
    else:
        sureness = "medium"
        why = "measured on other data; short trainings on yours do not settle it"
    return ProbeAdvice(
        action, sentence, reason, _line(case, methods),
        "nothing" if seconds == 0 else f"{_spoken(seconds)} before training", seconds,
        sureness, _with_missing(case, why),
    )  # fmt: skip


def _select(case: Case, subset: ArmScores) -> ProbeAdvice:
    words = ["thinset", "compare", case.source, "--methods", str(FULL), str(subset.arm)]
    words += ["--baseline", str(FULL), "--splits", "0.5", "-o", "comparison"]
    if case.embeddings is not None and subset.arm.needs_embeddings:
        words += ["--embeddings", case.embeddings]
    seconds = case.costs.embedding_seconds if subset.arm.needs_embeddings else 0.0
    return ProbeAdvice(
        "select", f"Train on a subset ({subset.arm}) first, then on everything.",
        "in short trainings on your data it beat everything, with an interval above zero",
        _line(case, words), f"{_spoken(seconds)} before training", seconds,
        "low", _with_missing(
            case, "no subset has beaten everything on other data; longer trainings may not agree"
        ),
    )  # fmt: skip


def _do_not_select(case: Case) -> ProbeAdvice:
    reasons = [
        f"{name}, but short trainings contradict {arm}"
        for name, arm, reason in (
            ("samples repeat", DISTINCT, case.distinct),
            ("classes differ in size", BALANCED, case.balance),
        )
        if reason is not None and _contradicted(case, arm)
    ]
    known = [
        text
        for name, text in (
            ("waiting", "training does not wait for its images"),
            ("repetition", about_repetition(case.repeated_share)),
            ("classes", "classes have similar sizes"),
        )
        if name not in case.missing
    ]
    if not reasons:
        reasons = [*known, "no subset has been found to beat full-data training on such data"]
    if case.arms:
        reasons.append("no subset beat everything in short trainings")
    to_label = (
        "The data have no labels; if you can afford N of them, --label-budget N says how to choose "
        "the samples."
    )
    return ProbeAdvice(
        "do not select", "Do not select; train on everything.", "; ".join(reasons),
        None, "nothing", 0.0,
        "low" if {"repetition", "classes"} & set(case.missing) else "medium",
        _with_missing(case, "short trainings cannot show small differences"
                      if case.arms else "measured on other data; no short trainings on yours"),
        () if case.has_labels else (to_label,),
    )  # fmt: skip


def _best_subset(case: Case) -> ArmScores | None:
    """The subset with the highest mean among those that beat all other ways; usually None."""
    others = [arm for arm in case.arms if arm.arm.rule is None]
    better = [
        arm
        for arm in case.arms
        if arm.arm.rule is not None and others and all(map(arm.beats, others))
    ]
    return max(better, key=lambda arm: sum(arm.scores), default=None)


def _scores(case: Case, arm: Arm) -> ArmScores | None:
    return next((scores for scores in case.arms if scores.arm == arm), None)


def _contradicted(case: Case, arm: Arm) -> bool:
    ours, full = _scores(case, arm), _scores(case, FULL)
    return ours is not None and full is not None and ours.loses_to(full)


def _with_missing(case: Case, why: str) -> str:
    return f"{why}; not measured: {', '.join(case.missing)}" if case.missing else why


def _line(case: Case, words: list[str]) -> str:
    if case.image_size is not None:
        words = [*words, "--image-size", *map(str, case.image_size)]
    return shlex.join(words)


def _sum(*seconds: float | None) -> float | None:
    known = [value for value in seconds if value is not None]
    return sum(known) if len(known) == len(seconds) else None


def _spoken(seconds: float | None) -> str:
    return "time that was not measured" if seconds is None else f"about {spoken_seconds(seconds)}"
