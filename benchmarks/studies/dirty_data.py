"""What selections do with foreign samples and wrong labels, and what leaving them out first gains.

    python benchmarks/studies/dirty_data.py foreign FOLDER OTHER -o out.json
    python benchmarks/studies/dirty_data.py labels FOLDER -o out.json
    python benchmarks/studies/dirty_data.py table out.json ...

FOLDER holds train.npy, test.npy (embeddings) and train-labels.npy, test-labels.npy, as for
label_budgets.py; OTHER holds embeddings of other data by the same network.

`foreign`: 5 % of 6,000 training rows are rows of OTHER. Each method chooses 100 and 432 rows
without labels; what share of them is foreign? Then the same after the 10 % of rows with the largest
mean distance to their 20 nearest were left out.

`labels`: 10 or 30 % of 4,000 training rows have the label of another class, drawn uniformly. Each
method chooses 400 rows; a logistic regression on their embeddings is scored on test rows with right
labels. Its regularisation is the best of three on 1,000 other training rows with equally many wrong
labels. Two filters come before: a row stays if most of its 10 nearest rows have its label (Wilson
1972), or if a logistic regression trained on the other nine tenths predicts it.

Run again with more seeds, both add what is missing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import thinset
from thinset.metrics import nearest
from thinset.results.student import mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Rows = NDArray[np.int64]
    Matrix = NDArray[np.float32]

METHODS: dict[str, dict[str, Any]] = {
    "random": {"method": "random"},
    "kmeans": {"method": "kmeans"},
    "facility_location": {"method": "facility_location", "kernel": "cosine"},
    "max_min": {"method": "max_min"},
    "max_sum": {"method": "max_sum"},
    "topk": {"method": "topk"},
}
FOREIGN_SHARE, N_FOREIGN_POOL, SIZES, N_NEAREST, SHARE_LEFT_OUT = 0.05, 6000, (100, 432), 20, 0.1
WRONG_SHARES, N_LABEL_POOL, N_VALIDATION, N_CHOSEN, N_VOTES = (0.1, 0.3), 4000, 1000, 400, 10
REGULARISATIONS = (0.01, 0.1, 1.0)


def foreign(folder: Path, other: Path, seeds: list[int]) -> Results:
    own, others = np.load(folder / "train.npy"), np.load(other / "train.npy")
    n_foreign = round(FOREIGN_SHARE * N_FOREIGN_POOL)
    for seed in seeds:
        draw = np.random.default_rng(seed)
        of_own = own[draw.permutation(len(own))[: N_FOREIGN_POOL - n_foreign]]
        X = np.concatenate([of_own, others[draw.permutation(len(others))[:n_foreign]]])
        is_foreign = np.arange(N_FOREIGN_POOL) >= N_FOREIGN_POOL - n_foreign
        far = nearest(X, X, N_NEAREST, exclude_self=True).distances.mean(axis=1)
        kept = np.sort(np.argsort(far)[: round((1 - SHARE_LEFT_OUT) * len(X))])
        for name in METHODS:
            for k in SIZES:
                yield (
                    {"method": name, "seed": seed, "setting": f"{k} rows"},
                    lambda name=name, k=k, X=X, is_foreign=is_foreign, kept=kept, seed=seed: {
                        "foreign (%)": 100 * is_foreign[choose(name, X, k, seed)].mean(),
                        "after leaving out (%)": 100
                        * is_foreign[kept[choose(name, X[kept], k, seed)]].mean(),
                        "found by leaving out (%)": 100 * (1 - is_foreign[kept].sum() / n_foreign),
                    },
                )


def labels(folder: Path, seeds: list[int]) -> Results:
    X, X_test = (np.load(folder / f"{part}.npy") for part in ("train", "test"))
    y, y_test = (np.load(folder / f"{part}-labels.npy") for part in ("train", "test"))
    for seed in seeds:
        for share in WRONG_SHARES:
            draw = np.random.default_rng([seed, round(100 * share)])
            rows = draw.permutation(len(X))[: N_LABEL_POOL + N_VALIDATION]
            given = y[rows].copy()
            wrong = draw.random(len(rows)) < share
            n_classes = int(y.max()) + 1
            given[wrong] = (given[wrong] + draw.integers(1, n_classes, wrong.sum())) % n_classes
            pool, held_out = slice(N_LABEL_POOL), slice(N_LABEL_POOL, None)
            bench = Bench(X[rows][pool], given[pool], wrong[pool], X[rows][held_out],
                          given[held_out], X_test, y_test)  # fmt: skip
            for filtering in ("none", "neighbours", "cross-validated"):
                for name in ("everything", *METHODS):
                    yield (
                        {"method": name, "seed": seed,
                         "setting": f"{share:.0%} wrong, filter: {filtering}"},
                        lambda bench=bench, name=name, filtering=filtering, seed=seed: (
                            bench.measured(name, filtering, seed)
                        ),
                    )  # fmt: skip


class Bench:
    """A pool with wrong labels, held-out rows with as many, test rows with none."""

    def __init__(self, X: Matrix, y: Rows, wrong: NDArray[np.bool_], X_held_out: Matrix,
                 y_held_out: Rows, X_test: Matrix, y_test: Rows) -> None:  # fmt: skip
        self._X, self._y, self._wrong = X, y, wrong
        self._held_out, self._test = (X_held_out, y_held_out), (X_test, y_test)
        self._kept: dict[str, Rows] = {"none": np.arange(len(X))}

    def measured(self, name: str, filtering: str, seed: int) -> dict[str, float]:
        kept = self._rows(filtering)
        chosen = kept
        if name != "everything":
            chosen = kept[choose(name, self._X[kept], N_CHOSEN, seed)]
        probes = [probe(C, self._X[chosen], self._y[chosen]) for C in REGULARISATIONS]
        best = max(probes, key=lambda one: one.score(*self._held_out))
        return {
            "accuracy": 100 * best.score(*self._test),
            "wrong (%)": 100 * self._wrong[chosen].mean(),
            "rows": len(chosen),
        }

    def _rows(self, filtering: str) -> Rows:
        if filtering not in self._kept:
            agrees = by_neighbours if filtering == "neighbours" else by_cross_validation
            self._kept[filtering] = np.flatnonzero(agrees(self._X, self._y))
        return self._kept[filtering]


def by_neighbours(X: Matrix, y: Rows) -> NDArray[np.bool_]:
    found = nearest(X, X, N_VOTES, exclude_self=True).indices
    votes = np.stack([np.bincount(one, minlength=int(y.max()) + 1) for one in y[found]])
    return votes.argmax(axis=1) == y


def by_cross_validation(X: Matrix, y: Rows) -> NDArray[np.bool_]:
    from sklearn.model_selection import cross_val_predict

    return np.asarray(cross_val_predict(_regression(0.1), X, y, cv=10) == y)


def probe(regularisation: float, X: Matrix, y: Rows) -> Any:
    return _regression(regularisation).fit(X, y)


def _regression(regularisation: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=regularisation, max_iter=1000)


def choose(name: str, X: Matrix, k: int, seed: int) -> Rows:
    options = dict(METHODS[name])
    return thinset.select(X, k, options.pop("method"), random_state=seed, **options).indices


if TYPE_CHECKING:
    from collections.abc import Iterator

    Results = Iterator[tuple[dict[str, Any], Callable[[], dict[str, float]]]]


def survey(kind: str, name: str, measurements: Results, out: Path) -> None:
    results = json.loads(out.read_text())["results"] if out.exists() else []
    done = {(one["method"], one["setting"], one["seed"]) for one in results}
    for key, measure in measurements:
        if (key["method"], key["setting"], key["seed"]) in done:
            continue
        started = time.process_time()
        results.append({**key, **{name: float(value) for name, value in measure().items()}})
        print(results[-1], f"{time.process_time() - started:.1f} CPU s", flush=True)
        out.write_text(json.dumps({"kind": kind, "data": name, "results": results}, indent=1))


def print_table(files: list[Path]) -> None:
    for file in files:
        found = json.loads(file.read_text())
        print(f"\n{found['kind']}, {found['data']}\n")
        by_arm: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
        for one in found["results"]:
            by_arm.setdefault((one["setting"], one["method"]), {})[one["seed"]] = one
        for (setting, method), by_seed in by_arm.items():
            cells = []
            for score in next(iter(by_seed.values())):
                if score in ("setting", "method", "seed"):
                    continue
                values = [one[score] for one in by_seed.values()]
                spread = statistics.stdev(values) if len(values) > 1 else float("nan")
                cells.append(f"{score} {statistics.fmean(values):.1f} ± {spread:.1f}")
            if "accuracy" in next(iter(by_seed.values())):
                share = setting.partition(", filter")[0]
                for filtering in ("none", "neighbours", "cross-validated"):
                    plain = by_arm[f"{share}, filter: {filtering}", "random"]
                    each = [by_seed[seed]["accuracy"] - plain[seed]["accuracy"] for seed in by_seed]
                    low, high = mean_interval(each) or (float("nan"), float("nan"))
                    gain = f"{statistics.fmean(each):+.1f} ({low:+.1f} to {high:+.1f})"
                    cells.append(f"to random, filter {filtering}: {gain}")
            print(f"{setting} | {method} | " + " | ".join(cells) + f" | n = {len(by_seed)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("foreign", "labels"):
        command = commands.add_parser(name)
        command.add_argument("folder", type=Path)
        if name == "foreign":
            command.add_argument("other", type=Path)
        command.add_argument("-o", "--out", type=Path, required=True)
        command.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    commands.add_parser("table").add_argument("files", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "table":
        print_table(arguments.files)
    elif arguments.command == "foreign":
        pairs = foreign(arguments.folder, arguments.other, arguments.seeds)
        name = f"{arguments.other.name} among {arguments.folder.name}"
        survey("foreign", name, pairs, arguments.out)
    else:
        pairs = labels(arguments.folder, arguments.seeds)
        survey("labels", arguments.folder.name, pairs, arguments.out)


if __name__ == "__main__":
    main()
