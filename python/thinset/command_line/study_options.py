"""Options of the commands that train a grid of arms."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from thinset.command_line.arguments import (
    from_recipe,
    optional,
    parse_count,
    parse_duration,
    parse_length,
    parse_time,
)
from thinset.command_line.option_names import named_as_options
from thinset.command_line.training_options import TrainingOptions, options_given, replaced
from thinset.command_line.usage import UsageError, refuse
from thinset.experiments.settings import TrainingSettings, require_valid
from thinset.results.arm import Arm
from thinset.results.arm_options import generator_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thinset.duration import Duration
    from thinset.experiments.distillation import DistillationSettings
    from thinset.experiments.generation import GenerationSettings
    from thinset.experiments.settings import DataSettings

    Settings = TypeVar("Settings", bound=DataSettings)


_AS_TYPED = {
    "arms": "--methods",
    "totals": "--steps or --budget",
    "encoder": "--encoder-length",
    "training": (
        "--model, --learning-rate, --schedule, --warm-up, --batch-size, --width or --evaluations"
    ),
}


@dataclass(frozen=True)
class _GridOptions:
    methods: Annotated[tuple[str, ...] | None, from_recipe(aliases=["-m"], metavar="ARM...")] = None
    """arms, such as: full full:balanced full:logit_adjusted full:effective full:dedup=0.2
    full:dedup=0.2:weighted full:progressive random random:stratified topk kmeans:per_class
    repeated_random loss_pruning topk:then=loss_pruning data:FOLDER full+data:FOLDER"""
    baseline: Annotated[str | None, optional(metavar="ARM")] = None
    """reference arm of all comparisons; by default random, or full if random is not among the
    arms"""
    seeds: Annotated[tuple[int, ...] | None, from_recipe(metavar="INT...")] = None
    """seeds; every arm is trained once per seed"""
    seed: Annotated[int | None, from_recipe(metavar="INT")] = None
    """first of consecutive seeds, as many as in the preset; instead of --seeds"""
    sizes: Annotated[tuple[str, ...] | None, from_recipe(metavar="K...")] = None
    """sizes of the subsets: counts, or fractions with a decimal point"""
    shares: Annotated[tuple[float, ...] | None, from_recipe(metavar="SHARE...")] = None
    """how much of the training data to use, for figures that compare several amounts"""
    augmentations: Annotated[tuple[str, ...] | None, from_recipe(metavar="NAME...")] = None
    """augmentations to measure and to show, such as: rot cdcgan flow"""
    generator_length: Annotated[str | None, from_recipe(metavar="LENGTH")] = None
    """length of the training of each generator, such as 1000st or 50ep"""
    generator_seeds: Annotated[int | None, from_recipe(metavar="N")] = None
    """number of generators of each kind; trainings take turns through them"""
    distillation_length: Annotated[str | None, from_recipe(metavar="LENGTH")] = None
    """length of learning the images of arms distilled:dd, soft, gm and dm, such as 1000st"""
    splits: Annotated[tuple[float, ...] | None, from_recipe(metavar="SHARE...")] = None
    """shares of the training spent on the subset, 0 to 1; 1 is the subset alone"""
    steps: Annotated[tuple[str, ...] | None, from_recipe(metavar="LENGTH...")] = None
    """trainings of equal length, such as 400st or 20ep"""
    budget: Annotated[tuple[str, ...] | None, from_recipe(metavar="TIME...")] = None
    """trainings of equal time instead of equal steps, such as 90s or 7min"""
    accounting: Annotated[
        tuple[Literal["everything", "training"], ...] | None,
        from_recipe(metavar="everything|training..."),
    ] = None
    """what a budget counts: everything, or only training, as in the paper"""


@dataclass(frozen=True)
class StudyOptions(TrainingOptions, _GridOptions):
    """Omitted options take their values from the preset's recipe."""

    def applied_to(self, settings: Settings) -> Settings:
        """The settings with the given values.

        Raises ValueError if steps and a budget are both given, for values out of range, and for
        options that do not apply.
        """
        with named_as_options(options_given(self)):
            applied = self._applied_to(settings)
            require_valid(applied)
        self._require_used(applied)
        return applied

    def _require_used(self, settings: DataSettings) -> None:
        """Raise UsageError for options that nothing in the settings depends on."""
        arms: tuple[Arm, ...] | None = getattr(settings, "arms", None)
        if arms is None:
            return
        subsets = [arm for arm in arms if arm.has_fast_phase]
        if not arms:
            what = "a figure that trains no arms; --methods names some"
            self._refuse(what, "steps", "budget", "accounting", "sizes", "splits")
        if not subsets:
            self._refuse("arms that train on no subset", "sizes", "splits")
        if all(arm.has_own_size for arm in subsets):
            self._refuse("arms that bring their own samples", "sizes")
        if not any(length.is_time for length in getattr(settings, "totals", ())):
            self._refuse("trainings of equal length; --budget gives them a time", "accounting")
        measured = getattr(settings, "measured", ())
        names = measured if isinstance(measured, tuple) else ()  # it may be a flag
        images = (*names, *getattr(settings, "shown", ()))
        if not any(map(generator_of, images)) and not settings.generation.of_arms(arms):
            what = "arms and augmentations without a generator"
            self._refuse(what, "generator_length", "generator_seeds")
        if not any(arm.needs_embeddings for arm in arms):
            self._refuse("arms that need no embeddings", "encoder_length")

    def _refuse(self, what: str, *names: str) -> None:
        refuse((name for name in names if getattr(self, name) is not None), what)

    def _applied_to(self, settings: Settings) -> Settings:
        for name in ("seeds", "sizes", "shares", "splits", "steps", "budget", "accounting"):
            if getattr(self, name) == ():
                raise ValueError(f"--{name} needs at least one value")
        for one, other in (("steps", "budget"), ("seed", "seeds")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise UsageError(f"give --{one} or --{other}, not both")
        arms = None if self.methods is None else tuple(map(Arm.parse, self.methods))
        given: dict[str, Any] = {
            "arms": arms,
            "baseline": self.baseline and Arm.parse(self.baseline),
            "seeds": self.seeds or self._seeds_of(settings),
            "sizes": self.sizes and tuple(parse_count(text, "--sizes") for text in self.sizes),
            "shares": self.shares,
            "splits": self.splits,
            "totals": self._totals(),
            "accounting": self.accounting,
            # If only the encoder is trained, the seed is the encoder's.
            "encoder": self.encoder_of(
                settings.encoder, seed=None if hasattr(settings, "seeds") else self.seed
            ),
            "training": self._training_of(settings),
            "generation": self._generation_of(settings.generation),
            "distillation": self._distillation_of(
                settings, getattr(settings, "arms", ()) if arms is None else arms
            ),
            **self._augmentations_of(settings),
        }
        given = {name: value for name, value in given.items() if value is not None}
        known = {field.name for field in dataclasses.fields(settings)}
        for name in given:
            if name not in known:
                raise UsageError(
                    f"{_AS_TYPED.get(name, f'--{name}')} does not apply to this figure"
                )
        return dataclasses.replace(settings, **given)

    def _augmentations_of(self, settings: DataSettings) -> dict[str, tuple[str, ...] | None]:
        """What to measure and to show, of what the recipe measures and shows."""
        names = self.augmentations
        if names is None:
            return {}
        parts = {part: getattr(settings, part, None) for part in ("measured", "shown")}
        known = {name for values in parts.values() for name in values or ()}
        for name in names:
            if name not in known:
                raise ValueError(
                    f"--augmentations must be among {', '.join(sorted(known))} here; got {name}"
                    if known
                    else "--augmentations does not apply to this figure"
                )
        return {
            part: tuple(name for name in values if name in names)
            for part, values in parts.items()
            if values
        }

    def _generation_of(self, recipe: GenerationSettings) -> GenerationSettings | None:
        """The settings of generators with the given values; None if none is given."""
        length = self.generator_length
        values = {
            "length": None if length is None else parse_duration("--generator-length", length),
            "n_seeds": self.generator_seeds,
        }
        return None if set(values.values()) == {None} else replaced(recipe, **values)

    def _distillation_of(
        self, settings: DataSettings, arms: Iterable[Arm]
    ) -> DistillationSettings | None:
        """The settings of distillations with the given length; None without one."""
        if self.distillation_length is None:
            return None
        methods = {
            "dd" if arm.distilled.has_steps else arm.distilled.method
            for arm in arms
            if arm.distilled is not None and arm.distilled.through is None
        }
        if not methods:
            raise UsageError(
                "--distillation-length needs an arm distilled:dd, soft, gm or dm, such as "
                "--model convnet --methods random distilled:dm"
            )
        length = parse_duration("--distillation-length", self.distillation_length)
        if length.amount == 0:
            raise ValueError(f"--distillation-length must be longer than {length}")
        recipe = settings.distillation
        parts = {
            name: dataclasses.replace(getattr(recipe, name), length=str(length)) for name in methods
        }
        return dataclasses.replace(recipe, **parts)

    def _training_of(self, settings: DataSettings) -> TrainingSettings | None:
        """The training with the given values; None if none is given."""
        if not self.changes_training:
            return None
        return self.training_of(getattr(settings, "training", TrainingSettings()))

    def _totals(self) -> tuple[Duration, ...] | None:
        if self.steps is not None:
            return tuple(parse_length("--steps", text) for text in self.steps)
        if self.budget is not None:
            return tuple(parse_time("--budget", text) for text in self.budget)
        return None

    def _seeds_of(self, settings: DataSettings) -> tuple[int, ...] | None:
        if self.seed is None or not hasattr(settings, "seeds"):
            return None
        return tuple(range(self.seed, self.seed + len(settings.seeds)))


def with_quick_encoder(settings: Settings, preset: str, data: str) -> Settings:
    """The settings of the smoke preset, with principal components for all data but the digits.

    Training the autoencoder takes seconds on the digits and many minutes on larger images.
    """
    if preset != "smoke" or data == "digits" or settings.encoder.kind != "autoencoder":
        return settings
    return dataclasses.replace(settings, encoder=dataclasses.replace(settings.encoder, kind="pca"))


def say(text: str) -> None:
    """Print a line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)
