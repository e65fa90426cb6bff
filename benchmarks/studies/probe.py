"""Calibrates `thinset probe`: its advice, the best plan in truth, regret, and predicted minutes.

    python benchmarks/studies/probe.py OUT
    python benchmarks/studies/probe.py OUT --mnist PATH --cifar10 PATH --seeds 0 1 2 3 4

Situations: the embedded digits and, where their sources are given, MNIST and CIFAR-10, each as it
is, redundant, long-tailed, with wrong labels and small; and tabular sets of scikit-learn, whose
rows become images of one row. `--only NAME ...` takes some of them, by their names in the table.

Each situation is probed once. Then every candidate plan is trained with every seed by `thinset
compare`, at equal steps, and scored on test data, which the probe does not see. Regret is the mean
of the best plan minus that of the plan advised. "right": the advised plan is the best, or the
interval of the difference to the best contains zero. With few seeds intervals are wide, which
flatters the probe; the regret does not depend on them. "predicted" and "taken" are minutes of the
advised plan, preparation included, at the steps of the study. Below the table stands what always
doing the same would have cost. Folders are kept: the same command resumes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from thinset.command_line import main as thinset
from thinset.data import (
    Dataset,
    DatasetWriter,
    import_dataset,
    open_dataset,
    write_long_tailed,
    write_redundant,
    write_subset,
)
from thinset.experiments.probe.probing import probe
from thinset.experiments.probe.settings import ProbeSettings
from thinset.experiments.where import Where
from thinset.results import load_records
from thinset.results.findings import verdict_of
from thinset.results.summaries import paired_scores
from thinset.training import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thinset.results.probe import Probe

VARIANTS = ("as it is", "redundant", "long-tailed", "wrong labels", "small")
PLANS = (
    "full", "full:balanced", "full:dedup=0.2", "full:balanced:dedup=0.2", "kmeans:per_class",
    "random:per_class",
)  # fmt: skip
OF_ADVICE = {
    "do not select": "full",
    "balance": "full:balanced",
    "deduplicate": "full:dedup=0.2",
    "balance and deduplicate": "full:balanced:dedup=0.2",
}
COLUMNS = (
    "situation", "advice", "sureness", "best in truth", "regret", "right", "probe", "predicted",
    "taken",
)  # fmt: skip
BATCH_SIZE = 64  # of the probe's short trainings, so that its pace predicts these
WRONG_LABELS = 0.2
N_SMALL = 300
MODEL_OF_ROWS = "probe:network_of_rows"


def network_of_rows(image_shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    """A small network for tabular rows, which convolutions do not suit."""
    n_values = int(np.prod(image_shape))
    return nn.Sequential(nn.Flatten(), nn.Linear(n_values, 64), nn.ReLU(), nn.Linear(64, n_classes))


@dataclass(frozen=True)
class Situation:
    """A folder with dataset folders train and test, and the model for it."""

    name: str
    folder: Path
    model: str | None = None


@dataclass(frozen=True)
class Row:
    """A row of the calibration table; scores and regret in points, times in minutes."""

    situation: str
    advice: str
    sureness: str
    best: str
    regret: float
    is_right: bool
    probe_seconds: float
    predicted: float | None
    taken: float
    always: dict[str, tuple[float, bool]]  # regret of always doing this, and whether it is right


def made_images(name: str, source: str, out: Path, imbalance: float) -> list[Situation]:
    """The variants of one image dataset; the test data stay as they are."""
    data_folder = out / "sources" / name
    if not data_folder.exists():
        import_dataset(source, data_folder)
    train, test = (open_dataset(data_folder / part) for part in ("train", "test"))
    makers: dict[str, Callable[[Path], Any]] = {
        "as it is": lambda path: write_subset(np.arange(len(train)), train, path),
        "redundant": lambda path: write_redundant(train, path),
        "long-tailed": lambda path: write_long_tailed(train, path, imbalance=imbalance),
        "wrong labels": lambda path: _with_wrong_labels(train, path),
        "small": lambda path: write_subset(
            np.sort(np.random.default_rng(0).permutation(len(train))[:N_SMALL]), train, path
        ),
    }
    found = []
    for variant, make in makers.items():
        folder = out / "data" / f"{name}, {variant}".replace(" ", "_").replace(",", "")
        if not (folder / "test").exists():
            make(folder / "train")
            write_subset(np.arange(len(test)), test, folder / "test")
        found.append(Situation(f"{name}, {variant}", folder))
    return found


def _with_wrong_labels(train: Dataset, path: Path) -> None:
    assert train.labels is not None
    generator = np.random.default_rng(0)
    labels = np.array(train.labels)
    wrong = generator.random(len(labels)) < WRONG_LABELS
    moved = generator.integers(1, train.n_classes, int(wrong.sum()))
    labels[wrong] = (labels[wrong] + moved) % train.n_classes
    _write(path, train.images, labels, train.class_names)


def _write(path: Path, images: Any, labels: Any, class_names: Sequence[str]) -> None:
    with DatasetWriter(
        path,
        name=path.name,
        image_shape=images.shape[1:],
        image_dtype="uint8",
        n_samples=len(images),
        class_names=list(class_names),
    ) as writer:
        writer.append(np.asarray(images), labels)


def made_tables(out: Path) -> list[Situation]:
    """Tabular sets of scikit-learn; values are scaled to 0..255 column by column."""
    from sklearn.datasets import load_breast_cancer, load_wine, make_classification

    tables = {
        "breast cancer": load_breast_cancer(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "made, 1 : 19": make_classification(
            4000, 20, n_informative=8, weights=[0.95], class_sep=0.8, random_state=0
        ),
    }
    found = []
    for name, (values, labels) in tables.items():
        folder = out / "data" / f"table_{name}".replace(" ", "_").replace(",", "").replace(":", "")
        if not (folder / "test").exists():
            low, high = values.min(axis=0), values.max(axis=0)
            scaled = (255 * (values - low) / np.maximum(high - low, 1e-9)).astype(np.uint8)
            images = scaled[:, None, :, None]
            order = np.random.default_rng(0).permutation(len(images))
            # All classes count alike in tests, as where balancing is advised.
            sizes = np.bincount(labels)
            n_each = int(sizes.min()) // 4
            chosen = [order[labels[order] == label][:n_each] for label in range(len(sizes))]
            test = np.concatenate(chosen)
            parts = {"test": test, "train": order[~np.isin(order, test)]}
            for part, rows in parts.items():
                names = [str(number) for number in range(int(labels.max()) + 1)]
                _write(folder / part, images[rows], labels[rows].astype(np.int64), names)
        found.append(Situation(f"table: {name}", folder, MODEL_OF_ROWS))
    return found


def calibrated(situation: Situation, out: Path, options: argparse.Namespace) -> Row:
    """Probe a situation, train every candidate plan, and compare the two."""
    name = situation.folder.name
    settings = ProbeSettings(time=Duration.parse(options.time), model=situation.model)
    where = Where(str(situation.folder), out / "probes" / name)
    probed = probe(where, settings, lambda _: None)
    folder = out / "trainings" / name
    call = [
        "compare", str(situation.folder), "-o", str(folder), "--preset", "smoke",
        "--encoder", "pca", "--methods", *PLANS, "--baseline", "full", "--sizes", "0.0864",
        "--splits", "0.5", "--steps", options.steps, "--seeds", *map(str, options.seeds),
        "--batch-size", str(BATCH_SIZE), "--learning-rate", "0.02", "--width", "1",
    ]  # fmt: skip
    if situation.model is not None:
        call += ["--model", situation.model]
    if thinset(call) != 0:
        raise RuntimeError(f"{situation.name} could not be trained; see above")
    return _judged(situation, probed, folder)


def _judged(situation: Situation, probed: Probe, folder: Path) -> Row:
    records = load_records(folder / "report" / "records.json")
    scores: dict[str, dict[int, float]] = {}
    seconds: dict[str, list[float]] = {}
    for record in records:
        plan = str(record.arm)
        scores.setdefault(plan, {})[record.seed] = record.score
        taken = record.training_seconds + sum(record.preparation_seconds.values())
        seconds.setdefault(plan, []).append(taken)
    means = {plan: statistics.fmean(values.values()) for plan, values in scores.items()}
    best = max(means, key=lambda plan: means[plan])
    action = probed.advice.action
    words = (probed.advice.command or "").split()
    # A command that compares a subset with everything names both.
    subsets = (plan for plan in PLANS if plan in words and not plan.startswith("full"))
    advised = OF_ADVICE.get(action) or next(subsets)

    def judged(plan: str) -> tuple[float, bool]:
        difference = paired_scores(scores[plan], scores[best])
        is_right = plan == best or verdict_of(difference) != "worse"
        return means[best] - means[plan], is_right

    regret, is_right = judged(advised)
    steps = sum(phase.steps for phase in records[0].phases)
    pace, cost = probed.facts.steps_per_second, probed.advice.cost_seconds
    predicted = None if pace is None or cost is None else (cost + steps / pace) / 60
    return Row(
        situation.name, action, probed.advice.sureness, best, regret, is_right, probed.seconds,
        predicted, statistics.fmean(seconds[advised]) / 60,
        {plan: judged(plan) for plan in OF_ADVICE.values()},
    )  # fmt: skip


def table_of(rows: list[Row], n_seeds: int, steps: str) -> str:
    """The calibration table in Markdown, with a line that sums it up."""
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for row in rows:
        predicted = "not predicted" if row.predicted is None else f"{row.predicted:.2f} min"
        cells = (
            row.situation, row.advice, row.sureness, f"`{row.best}`", f"{row.regret:.1f}",
            "yes" if row.is_right else "no", f"{row.probe_seconds:.0f} s", predicted,
            f"{row.taken:.2f} min",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    n_right = sum(row.is_right for row in rows)
    regret = statistics.fmean(row.regret for row in rows)
    summary = (
        f"{n_right} of {len(rows)} right; mean regret {regret:.1f} points, largest "
        f"{max(row.regret for row in rows):.1f}; {n_seeds} seeds, {steps}, {len(PLANS)} plans."
    )
    lines += ["", summary, ""]
    for plan in OF_ADVICE.values():
        regrets, are_right = zip(*(row.always[plan] for row in rows), strict=True)
        lines.append(
            f"always `{plan}`: {sum(are_right)} right; mean regret {statistics.fmean(regrets):.1f} "
            f"points, largest {max(regrets):.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--mnist")
    parser.add_argument("--cifar10")
    parser.add_argument("--steps", default="300st")
    parser.add_argument("--time", default="1min")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=None)
    options = parser.parse_args()
    out = options.out
    sources = {"digits": "digits", "MNIST": options.mnist, "CIFAR-10": options.cifar10}
    situations = [
        situation
        for name, source in sources.items()
        if source is not None
        for situation in made_images(name, source, out, 20 if name == "digits" else 100)
    ]
    situations += made_tables(out)
    if options.only is not None:
        names = [found.name for found in situations]
        if unknown := set(options.only) - set(names):
            parser.error(f"--only takes {', '.join(map(repr, names))}; got {sorted(unknown)}")
        situations = [found for found in situations if found.name in options.only]
    rows = []
    for situation in situations:
        print(situation.name, file=sys.stderr, flush=True)
        rows.append(calibrated(situation, out, options))
    (out / "table.json").write_text(json.dumps([vars(row) for row in rows], indent=2))
    print(table_of(rows, len(options.seeds), options.steps))


if __name__ == "__main__":
    main()
