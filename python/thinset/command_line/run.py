"""thinset run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from thinset.command_line.arguments import (
    Device,
    Method,
    Metric,
    Output,
    PerClass,
    Seed,
    Source,
    parse_count,
    typed_again,
)
from thinset.recipes.schema import RunSettings, SelectionSettings, load_recipe


@dataclass(frozen=True)
class Command:
    """Embed a dataset, select a subset, train the selected subset, a random one and everything.

    Ends with the path of a report page. Called again with the same settings on the same folder,
    it goes on where it was stopped. What is not given is taken from the size's recipe.
    """

    data: Source
    """dataset folder, folder or file to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the run and its report"""
    size: Literal["smoke", "quick", "paper"] = "quick"
    """smoke: about a minute; quick: half an hour on two cores; paper: the paper's lengths"""
    method: Method | None = None
    """how rows are selected; by default k-means inside each class, the paper's is topk"""
    n_samples: Annotated[str | None, tyro.conf.arg(aliases=["-n"], metavar="K")] = None
    """size of the subset: a count, or a fraction with a decimal point"""
    per_class: PerClass | None = None
    """select inside each class; balanced for the default method"""
    dedup: float | None = None
    """leave out near-duplicates first: rows closer than this share of the typical distance"""
    metric: Metric = "euclidean"
    """distances of max_sum, max_min and facility_location"""
    encoder: Literal["autoencoder", "pca"] = "autoencoder"
    """what makes the embeddings"""
    embeddings: Annotated[Path | None, tyro.conf.arg(metavar="FILE.npy")] = None
    """your own embeddings instead, one row per training sample"""
    encoder_length: str | None = None
    """training of the autoencoder, such as 400st or 90s"""
    split: float | None = None
    """share of the training spent on the subset, 0 to 1"""
    steps: str | None = None
    """length of the runs compared at equal steps, such as 1000st or 20ep"""
    time: str | None = None
    """budget of the runs compared at equal time, all counted, such as 7min; by default what
    the selected arm needed for its steps"""
    learning_rate: float | None = None
    """of the classifier, constant"""
    batch_size: int | None = None
    """of the classifier"""
    seed: Seed = 0
    """first seed"""
    n_seeds: int | None = None
    """how many seeds, one training of every arm each"""
    device: Device = "auto"
    """where to compute"""

    def run(self) -> None:
        from thinset.recipes.pipeline import run_pipeline

        page = run_pipeline(
            self.data,
            self.out,
            self.settings(),
            device=self.device,
            command=typed_again("run", self, "data"),
            show_progress=True,
        )
        print(f"report: {page}")

    def settings(self) -> RunSettings:
        """The size's recipe, with what was given in its place."""
        recipe = load_recipe("run", self.size, RunSettings)
        n_seeds = len(recipe.seeds) if self.n_seeds is None else self.n_seeds
        if n_seeds < 1:
            raise ValueError(f"--n-seeds must be at least 1, got {n_seeds}")
        given_path = None if self.embeddings is None else str(self.embeddings)
        return dataclasses.replace(
            recipe,
            seeds=tuple(range(self.seed, self.seed + n_seeds)),
            **_given(split=self.split, steps=self.steps, time=self.time),
            encoder=dataclasses.replace(
                recipe.encoder,
                kind="given" if given_path else self.encoder,
                path=given_path,
                seed=self.seed,
                **_given(length=self.encoder_length),
            ),
            selection=self._selection(recipe.selection),
            training=dataclasses.replace(
                recipe.training,
                **_given(learning_rate=self.learning_rate, batch_size=self.batch_size),
            ),
        )

    def _selection(self, recipe: SelectionSettings) -> SelectionSettings:
        # A method that is asked for selects as it is, unless classes are asked for as well.
        method = {} if self.method is None else {"method": self.method, "per_class": None}
        given = _given(
            per_class=self.per_class,
            dedup=self.dedup,
            n_samples=self.n_samples and parse_count(self.n_samples),
        )
        return dataclasses.replace(recipe, metric=self.metric, **{**method, **given})


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
