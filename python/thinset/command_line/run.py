"""thinset run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

from thinset.command_line.arguments import (
    Device,
    Embeddings,
    ImageSize,
    Method,
    Metric,
    Model,
    Output,
    PerClass,
    Preset,
    Seed,
    Source,
    from_recipe,
    optional,
    parse_count,
    parse_length,
    parse_time,
    where_of,
)
from thinset.command_line.encoder_options import EncoderOptions
from thinset.command_line.option_names import named_as_options
from thinset.command_line.plan import Command as Plan
from thinset.command_line.study_options import say
from thinset.command_line.training_options import TrainingOptions, options_given, replaced
from thinset.command_line.usage import UsageError
from thinset.experiments.settings import PlanSettings, RunSettings, load_recipe, require_valid
from thinset.results.arm import Arm
from thinset.results.selection_rule import SelectionRule

_OF_SELECTION = {"method", "metric", "n_samples", "per_class", "dedup", "split", "n_seeds"}
"""Options of what a plan decides"""


@dataclass(frozen=True)
class _Options:
    data: Source
    """dataset folder, folder or file to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the run and its report"""
    preset: Preset = "quick"
    """smoke: a few minutes; quick: half an hour on two cores; paper: the paper's lengths
    (--size is the older name)"""
    image_size: ImageSize = None
    """resize every image to this size; by default, images of several sizes are resized to their
    median height and width, at most 64 each"""
    method: Annotated[Method | None, optional(aliases=["-m"], metavar="NAME")] = None
    """selection method; by default k-means within each class; the paper uses topk"""
    n_samples: Annotated[str | None, from_recipe(aliases=["-n"], metavar="K")] = None
    """size of the subset: a count, or a fraction with a decimal point"""
    per_class: Annotated[PerClass | None, optional(metavar="balanced|proportional")] = None
    """select within each class; balanced for the default method"""
    dedup: Annotated[float | None, optional(metavar="SHARE")] = None
    """remove near-duplicates first: rows closer than this share of the typical distance"""
    metric: Metric = "euclidean"
    """distance used by max_sum, max_min and facility_location"""
    embeddings: Embeddings = None
    """your own embeddings instead, one row per training sample"""
    split: Annotated[float | None, from_recipe(metavar="SHARE")] = None
    """share of the training spent on the subset, 0 to 1"""
    steps: Annotated[str | None, from_recipe(metavar="LENGTH")] = None
    """length of the runs compared at equal steps, such as 1000st or 20ep"""
    time: Annotated[str | None, optional(aliases=["--budget"], metavar="TIME")] = None
    """time for each of the runs compared at equal time, preparation included, such as 7min; by
    default the time that the selected arm needed for its steps"""
    plan: bool = False
    """train once within the budget, as `thinset plan` advises, and report the outcome; if the
    folder has a plan, follow it, and refuse options that differ from the plan's"""
    model: Model = None
    """classifier: paper, vgg, lenet, alexnet, convnet, resnet, or your own function of the image
    shape (H, W, C) and the number of classes; by default paper"""
    seed: Seed = 0
    """first seed"""
    n_seeds: Annotated[int | None, from_recipe(metavar="INT")] = None
    """number of seeds; every arm is trained once per seed"""
    device: Device = "auto"
    """device to compute on"""


@dataclass(frozen=True)
class Command(TrainingOptions, EncoderOptions, _Options):
    """Embed a dataset, select a subset, and train on it, on a random subset and on everything.

    Prints the scores, what they say, and the path of the report page. Run it again with the same
    settings and folder to resume. Omitted options take their values from the preset's recipe.
    """

    def run(self) -> None:
        from thinset.experiments.figures.registry import recipe_of
        from thinset.experiments.kinds import run
        from thinset.report.terminal import spoken_comparison
        from thinset.results import load_records

        if self.plan:
            self._run_as_planned()
            return
        page = run.make(recipe_of("run"), self.settings(), where_of("run", self))
        print(spoken_comparison(load_records(page.parent / "records.json")))
        print(f"report: {page}")

    def settings(self) -> RunSettings:
        """The preset's recipe with the given values."""
        with named_as_options(options_given(self)):
            settings = self._settings()
            require_valid(settings)
        return settings

    def _settings(self) -> RunSettings:
        recipe = load_recipe("run", self.preset, RunSettings)
        n_seeds = len(recipe.seeds) if self.n_seeds is None else self.n_seeds
        if n_seeds < 1:
            raise ValueError(f"--n-seeds must be at least 1, got {n_seeds}")
        encoder = self.encoder_values(self.embeddings)
        if encoder["kind"] is None:
            encoder["kind"] = self._default_encoder()
        settings = dataclasses.replace(
            recipe,
            seeds=tuple(range(self.seed, self.seed + n_seeds)),
            encoder=self.encoder_of(recipe.encoder, seed=self.seed, **encoder),
            arm=self._arm(recipe.arm),
            training=self.training_of(recipe.training),
        )
        return replaced(
            settings,
            split=self.split,
            size=self.n_samples and parse_count(self.n_samples),
            steps=self.steps and parse_length("--steps", self.steps),
            time=self.time and parse_time("--budget", self.time),
        )

    def _default_encoder(self) -> str | None:
        """The kind of encoder if none is named; None for that of the recipe."""
        # The autoencoder takes seconds on the digits and many minutes on larger images.
        is_quick = self.preset != "smoke" or self.data == "digits"
        return None if is_quick or self.encoder_length is not None else "pca"

    def _run_as_planned(self) -> None:
        from thinset.experiments.figures.registry import recipe_of
        from thinset.experiments.kinds import plan

        for field in dataclasses.fields(self):
            if field.name in _OF_SELECTION and getattr(self, field.name) != field.default:
                option = field.name.replace("_", "-")
                raise UsageError(f"the plan decides what to train on: give --plan or --{option}")
        settings = plan.stored_settings(self.out, model=self.model, encoder=self.encoder)
        shared = {field.name for field in dataclasses.fields(Plan)} - {"budget"}
        given = {name: value for name, value in vars(self).items() if name in shared}
        if settings is None:
            settings = Plan(**given, budget=self.time).settings()
        else:
            unasked = Plan(self.data, self.out, **_length_of(settings)).settings()
            if self.time is None and self.steps is None:
                given |= _length_of(settings)
            else:
                given["budget"] = self.time
            asked = Plan(**given).settings()
            length = "steps" if self.time is None else "budget"
            with named_as_options({**options_given(self), "total": length}):
                plan.require_planned(self.out, settings, asked=asked, unasked=unasked)
        print(f"report: {plan.make(recipe_of('plan'), settings, where_of('run', self), say)}")

    def _arm(self, recipe: Arm) -> Arm:
        rule = recipe.rule
        assert rule is not None
        # An explicit method selects from all classes at once, unless --per-class is given too.
        is_recipe = self.method is None
        return Arm(
            SelectionRule.of(
                rule.method if self.method is None else self.method,
                per_class=self.per_class or (rule.per_class if is_recipe else None),
                metric=self.metric,
                dedup=rule.dedup if self.dedup is None else self.dedup,
                options=dict(rule.options) if is_recipe else {},
            )
        )


def _length_of(settings: PlanSettings) -> dict[str, Any]:
    """The option of `thinset plan` that gives the length of these settings."""
    option = "budget" if settings.total.is_time else "steps"
    return {option: str(settings.total)}
