"""What a page advises to do next, as a sentence and a command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from thinset.data.sources.digits import DIGITS
from thinset.report import NextStep
from thinset.results.findings import find
from thinset.results.headlines import is_better_on_everything
from thinset.results.summaries import summarise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from thinset.experiments.finished import Finished
    from thinset.experiments.settings import PlanSettings
    from thinset.results.arm import Arm
    from thinset.results.records import RunRecord

YOUR_DATA = "path/to/your/data"
"""Stands in a command for data that only the reader knows"""
_MOST_SEEDS = 12
"""More are not advised: a difference that they do not show is too small to matter"""


def with_option(command: str, name: str, *values: object) -> str:
    """Return a command line with an option set to these values, where it is given and where not."""
    words = shlex.split(command)
    if name in words:
        start = words.index(name)
        end = start + 1
        while end < len(words) and not words[end].startswith("--"):
            end += 1
        del words[start:end]
    return shlex.join([*words, name, *map(str, values)])


def after_run(
    finished: Finished[Any], records: Sequence[RunRecord], selection: Path | None
) -> NextStep | None:
    """What to do after a run: `selection` is the file of the selected samples of the first seed."""
    if finished.source == DIGITS:
        return NextStep(
            "these digits are a toy dataset. Run the same on your own images: a folder with a "
            "folder for each class, parquet files, or a dataset folder.",
            f"thinset run {YOUR_DATA} -o my-run",
        )
    findings = find(summarise(records))
    if not findings:
        return None
    first = findings[0]
    seeds = finished.settings.seeds
    if (
        first.verdict == "better"
        and not is_better_on_everything(first.summary)
        and selection is not None
    ):
        return _write(selection, finished)
    if first.verdict in ("better", "worse"):
        return _ask_the_probe(finished.source)
    n_seeds = _more(len(seeds))
    if n_seeds is None:
        return _too_small(len(seeds), finished.source)
    other = f"{_out_of(finished)}-{n_seeds}-seeds"
    command = with_option(with_option(finished.command, "--n-seeds", n_seeds), "--out", other)
    return NextStep("more seeds make the interval narrower.", command)


def after_study(
    finished: Finished[Any],
    records: Sequence[RunRecord],
    selections: Mapping[Arm, Path],
) -> NextStep | None:
    """What to do after a comparison: `selections` are files of selected samples, by arm."""
    toy = on_real_data(finished)
    if toy is not None:
        return toy
    findings = find(summarise(records, finished.settings.baseline))
    if not findings:
        return None
    first = [finding for finding in findings if finding.comparison == findings[0].comparison]
    better = [finding for finding in first if finding.verdict == "better"]
    arms = list(dict.fromkeys(finding.summary.configuration.arm for finding in better))
    seeds = tuple(finished.settings.seeds)
    if (
        len(arms) == 1
        and not all(is_better_on_everything(finding.summary) for finding in better)
        and arms[0] in selections
    ):
        return _write(selections[arms[0]], finished)
    if not better and all(finding.verdict == "worse" for finding in first):
        return _ask_the_probe(finished.source)
    n_seeds = _more(len(seeds))
    if n_seeds is None:
        return None if better else _too_small(len(seeds), finished.source)
    more = (*seeds, *range(max(seeds) + 1, max(seeds) + 1 + n_seeds - len(seeds)))
    why = (
        "more seeds tell which of these ways is best, and make the intervals narrower."
        if better
        else "more seeds make the intervals narrower."
    )
    return NextStep(
        f"{why} Only what is missing is trained.", with_option(finished.command, "--seeds", *more)
    )


def after_plan(finished: Finished[Any], advised: Arm, *, is_followed: bool) -> NextStep:
    """What to do with a plan, or after the training that followed it."""
    if not is_followed:
        words = ["thinset", "run", finished.source, "--plan", "-o", str(finished.path)]
        words += own_functions(finished.settings)
        return NextStep("train as planned.", shlex.join(words))
    arms = dict.fromkeys(("full", "random", str(advised)))
    words = ["thinset", "compare", finished.source, "--methods", *arms]
    return NextStep(
        f"the weights are in {finished.path / 'classifier.safetensors'}. One training shows one "
        "outcome; to know whether the advice was right on these data, compare it over several "
        "seeds.",
        shlex.join([*words, "-o", f"{_out_of(finished)}-compared"]),
    )


def own_functions(settings: PlanSettings) -> list[str]:
    """The options that name functions of the user's own: no folder alone decides what is run."""
    named = {"--model": settings.training.model, "--encoder": settings.encoder.function}
    given = [(option, name) for option, name in named.items() if name is not None and ":" in name]
    return [word for words in given for word in words]


def on_real_data(finished: Finished[Any]) -> NextStep | None:
    """The same command on other data, after a test on the digits; None after anything else."""
    if finished.source != DIGITS or not finished.command:
        return None
    command = with_option(finished.command, "--preset", "quick")
    words = shlex.split(finished.command)
    if words[:2] == ["thinset", "reproduce"]:
        command = with_option(command, "--data", YOUR_DATA)
    else:
        command = shlex.join([YOUR_DATA if w == DIGITS else w for w in shlex.split(command)])
    if "--out" in words:
        command = with_option(command, "--out", f"{_out_of(finished)}-quick")
    return NextStep(
        "these digits are a toy dataset, good for a test of the installation. Do the same on real "
        "data.",
        command,
    )


def _write(selection: Path, finished: Finished[Any]) -> NextStep:
    out = f"{_out_of(finished)}-kept"
    words = ["thinset", "subset", str(selection), str(finished.data.path), "-o", out]
    return NextStep(
        "write the kept samples as a dataset of their own, and train your own model on it.",
        shlex.join(words),
    )


def _out_of(finished: Finished[Any]) -> str:
    """The folder as the command named it: a moved folder keeps its page."""
    words = shlex.split(finished.command)
    return words[words.index("--out") + 1] if "--out" in words[:-1] else str(finished.path)


def _ask_the_probe(source: str) -> NextStep:
    return NextStep(
        "train on everything as you do now. The probe says in a minute whether balancing classes, "
        "removing near-duplicates or keeping images in memory helps instead.",
        shlex.join(["thinset", "probe", source]),
    )


def _too_small(n_seeds: int, source: str) -> NextStep:
    return NextStep(
        f"{n_seeds} seeds do not show a difference, so it is too small to matter here. Train as "
        "you do now. The probe says in a minute what else may help.",
        shlex.join(["thinset", "probe", source]),
    )


def _more(n_seeds: int) -> int | None:
    more = max(3, 2 * n_seeds)
    return more if more <= _MOST_SEEDS else None
