"""Searching for hyper-parameters: successive halving, beside short trainings of all candidates.

    python benchmarks/studies/successive_halving.py DATA -o out.json --seeds 0 1 2
    python benchmarks/studies/successive_halving.py table out.json

DATA is a training dataset. The candidates and the reference are those of `thinset reproduce
repeated_search --preset quick`: four learning rates times three widths of the paper's classifier,
ranked by 400 steps of 256 on nine tenths of the samples, one-cycle, and scored on the rest.

Every candidate trains for 40, 120 and 400 steps on everything, and for 40 and 120 on a random 8.64
% of the samples. From these trainings `table` computes, seed by seed, what each search would have
found and what its own trainings took:

- 40 or 120 steps: all candidates, the best by validation accuracy
- halving: all for 40 steps, the best four for 120; with "400 at the end", the best two for 400

Regret is the validation accuracy after 400 steps on everything that the search's choice loses
against the best candidate's, in points. Run again with more seeds, it adds what is missing.
"""

from __future__ import annotations

import itertools
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from survey_command import mean_with_interval, parser_of

from thinset.data import Dataset, open_dataset, write_subset
from thinset.losses import classification
from thinset.models.classifiers import classifier_named
from thinset.training import OneCycleRate, Phase, fit, generator_for
from thinset.transforms import TestTransform, TrainTransform

if TYPE_CHECKING:
    from collections.abc import Callable

    # What a search finds and the seconds of its trainings.
    Search = Callable[["Trainings"], tuple[str, float]]

CROP, BATCH_SIZE, SHARE, HELD_OUT = 24, 256, 0.0864, 0.1
CANDIDATES = {
    f"rate {rate:g}, width {width:g}": (rate, width)
    for rate, width in itertools.product((0.01, 0.03, 0.1, 0.3), (0.25, 0.5, 1.0))
}
TRAININGS = (("everything", 40), ("everything", 120), ("everything", 400),
             ("subset", 40), ("subset", 120))  # fmt: skip
REFERENCE = ("everything", 400)


def trained(data: Dataset, held_out: Dataset, n_steps: int, candidate: str, seed: int) -> float:
    """The accuracy on what is held out, in percent."""
    rate, width = CANDIDATES[candidate]
    history = fit(
        classifier_named(
            "paper", (CROP, CROP, data.image_shape[2]), data.n_classes, width=width, seed=seed,
            generator=generator_for(seed, "classifier weights"),
        ),
        [Phase("training", data, f"{n_steps}st")],
        loss=classification,
        learning_rate=OneCycleRate(rate),
        train_transform=TrainTransform(
            crop=CROP, flip=True, brightness=63 / 255, contrast=(0.2, 1.8)
        ),
        test_data=held_out,
        test_transform=TestTransform(crop=CROP),
        batch_size=BATCH_SIZE,
        weight_decay=0.004,
        seed=seed,
        evaluations=1,
    )  # fmt: skip
    return 100 * history.curve[-1].test_accuracy


def survey(folder: Path, seeds: list[int], out: Path) -> None:
    data = open_dataset(folder)
    results = json.loads(out.read_text())["results"] if out.exists() else []
    done = {(one["on"], one["steps"], one["candidate"], one["seed"]) for one in results}
    for seed in seeds:
        rows = np.random.default_rng(seed).permutation(len(data))
        n_held_out, n_subset = round(HELD_OUT * len(data)), round(SHARE * len(data))
        parts = {
            "held out": rows[:n_held_out],
            "everything": rows[n_held_out:],
            "subset": rows[n_held_out : n_held_out + n_subset],
        }
        with tempfile.TemporaryDirectory() as scratch:
            written = {
                name: write_subset(np.sort(part), data, Path(scratch) / name)
                for name, part in parts.items()
            }
            for (on, n_steps), candidate in itertools.product(TRAININGS, CANDIDATES):
                if (on, n_steps, candidate, seed) in done:
                    continue
                started = time.process_time()
                score = trained(written[on], written["held out"], n_steps, candidate, seed)
                seconds = time.process_time() - started
                results.append({
                    "on": on, "steps": n_steps, "candidate": candidate, "seed": seed,
                    "accuracy": score, "seconds": seconds,
                })  # fmt: skip
                print(results[-1], flush=True)
                out.write_text(json.dumps({"data": folder.name, "results": results}, indent=1))


class Trainings:
    """All trainings of one seed."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self._found = {(one["on"], one["steps"], one["candidate"]): one for one in results}

    def best(self, on: str, n_steps: int, among: list[str], n: int) -> tuple[list[str], float]:
        """The n best candidates, and the seconds of training all of them."""
        each = [self._found[on, n_steps, candidate] for candidate in among]
        kept = sorted(each, key=lambda one: one["accuracy"], reverse=True)[:n]
        return [one["candidate"] for one in kept], sum(one["seconds"] for one in each)

    def regret(self, candidate: str) -> float:
        reference = {name: self._found[(*REFERENCE, name)]["accuracy"] for name in CANDIDATES}
        return float(max(reference.values()) - reference[candidate])


def short(on: str, n_steps: int) -> Search:
    def search(trainings: Trainings) -> tuple[str, float]:
        kept, seconds = trainings.best(on, n_steps, list(CANDIDATES), 1)
        return kept[0], seconds

    return search


def halving(on: str, *rungs: tuple[int, int], last: int | None = None) -> Search:
    """Each rung: how many steps, how many stay. `last`: steps of those that stay, on everything."""

    def search(trainings: Trainings) -> tuple[str, float]:
        kept, spent = list(CANDIDATES), 0.0
        for n_steps, n in rungs:
            kept, seconds = trainings.best(on, n_steps, kept, n)
            spent += seconds
        if last is not None:
            kept, seconds = trainings.best("everything", last, kept, 1)
            spent += seconds
        return kept[0], spent

    return search


SEARCHES: dict[str, Search] = {
    "400 steps": short("everything", 400),
    "120 steps": short("everything", 120),
    "40 steps": short("everything", 40),
    "halving": halving("everything", (40, 4), (120, 1)),
    "halving, 400 at the end": halving("everything", (40, 4), (120, 2), last=400),
    "subset, 120 steps": short("subset", 120),
    "subset, 40 steps": short("subset", 40),
    "subset, halving": halving("subset", (40, 4), (120, 1)),
    "subset, halving, 400 on everything at the end": halving("subset", (40, 4), (120, 2), last=400),
}


def print_table(files: list[Path]) -> None:
    (file,) = files
    by_seed: dict[int, list[dict[str, Any]]] = {}
    found = json.loads(file.read_text())
    for one in found["results"]:
        by_seed.setdefault(one["seed"], []).append(one)
    each = [Trainings(results) for results in by_seed.values()]
    print(f"{found['data']}, n = {len(each)}\n")
    print("| search | regret, points | CPU seconds of its trainings |\n|---|---|---|")
    for name, search in SEARCHES.items():
        outcomes = [search(trainings) for trainings in each]
        regrets = [one.regret(found) for one, (found, _) in zip(each, outcomes, strict=True)]
        seconds = statistics.fmean(seconds for _, seconds in outcomes)
        print(f"| {name} | {mean_with_interval(regrets)} | {seconds:,.0f} |")


def main() -> None:
    arguments = parser_of(__doc__, ("data",), print_table, n_seeds=3).parse_args()
    survey(arguments.data, arguments.seeds, arguments.out)


if __name__ == "__main__":
    main()
