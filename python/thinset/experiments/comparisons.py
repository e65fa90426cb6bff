"""Every arm with every seed, at equal steps and at equal wall-clock time."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thinset.experiments.arms import FULL, RANDOM, arm_text
from thinset.experiments.prepare.preparation import Subset, TrainAndTest, prepare_subset
from thinset.experiments.settings import SelectionSettings
from thinset.experiments.trial import Trial, train_and_keep

if TYPE_CHECKING:
    import numpy as np

    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import RunSettings
    from thinset.results.records import RunRecord


@dataclass(frozen=True)
class Prepared:
    """What every training starts from; preparation_seconds is what the selected arm paid for it."""

    data: TrainAndTest
    embeddings: np.ndarray[Any, Any]
    selected: Subset
    preparation_seconds: dict[str, float]


@dataclass(frozen=True)
class Comparisons:
    """Trainings whose records lie in the folder of the run; what is there is not repeated."""

    prepared: Prepared
    folder: RunFolder
    settings: RunSettings
    device: str
    command: str
    show_progress: bool

    def train_at_equal_steps(self) -> None:
        for seed in self.settings.seeds:
            for run in self._arms(seed):
                self._train(run)

    def train_at_equal_time(self) -> None:
        """All arms within one budget, what came before training included.

        Without a budget in the settings, the selected arm's runs of equal steps stand in both
        comparisons, and the others get what the slowest of those took, in whole seconds.
        """
        budget = self.settings.time
        steps_runs = {seed: self._arms(seed)[0] for seed in self.settings.seeds}
        if budget is None:
            records = {seed: self._train(run) for seed, run in steps_runs.items()}
            budget = f"{math.ceil(max(record.curve[-1].seconds for record in records.values()))}s"
            for seed, record in records.items():
                path = self.folder.record(_at_equal_time(steps_runs[seed], budget).name)
                if not path.exists():
                    dataclasses.replace(record, comparison="time", total=budget).save(path)
        for seed in self.settings.seeds:
            for run in self._arms(seed):
                self._train(_at_equal_time(run, budget))

    def _arms(self, seed: int) -> tuple[Trial, Trial, Trial]:
        """Selected, random and full, at equal steps."""
        by_chance = self._random_subset(seed)
        selected = Trial(
            name=f"steps-selected-seed{seed}",
            arm="selected",
            comparison="steps",
            method=arm_text(self.settings.selection),
            seed=seed,
            total=self.settings.steps,
            split=self.settings.split,
            subset=self.prepared.selected.data,
            n_subset=len(self.prepared.selected.data),
            preparation_seconds=self.prepared.preparation_seconds,
        )
        chance = dataclasses.replace(
            selected,
            name=f"steps-random-seed{seed}",
            arm="random",
            method=RANDOM,
            subset=by_chance.data,
            preparation_seconds=by_chance.seconds,
        )
        full = dataclasses.replace(
            selected,
            name=f"steps-full-seed{seed}",
            arm="full",
            method=FULL,
            split=0.0,
            subset=None,
            n_subset=len(self.prepared.data.train),
            preparation_seconds={},
        )
        return selected, chance, full

    def _random_subset(self, seed: int) -> Subset:
        # Drawn anew for every seed, so that the spread between seeds includes that of the draw.
        return prepare_subset(
            f"random-seed{seed}",
            self.prepared.data.train,
            None,
            self.folder,
            SelectionSettings(RANDOM, n_samples=len(self.prepared.selected.selection)),
            seed=seed,
        )

    def _train(self, trial: Trial) -> RunRecord:
        return train_and_keep(
            trial,
            self.prepared.data.train,
            self.prepared.data.test,
            self.settings.training,
            self.folder,
            device=self.device,
            command=self.command,
            show_progress=self.show_progress,
        )


def _at_equal_time(trial: Trial, budget: str) -> Trial:
    name = trial.name.replace("steps-", "time-", 1)
    return dataclasses.replace(trial, name=name, comparison="time", total=budget)
