"""Settings of a run, as frozen dataclasses, and the recipes that fill them.

A recipe is a TOML file with a table per preset. Reading is strict: unknown keys, missing keys and
values of a wrong type are refused.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from thinset.duration import Duration
from thinset.experiments.distillation import DistillationSettings
from thinset.experiments.generation import GenerationSettings
from thinset.files.decoding import (
    AboveZero,
    Count,
    Fraction,
    Positive,
    Share,
    decode,
    encode,
)
from thinset.results.arm import FULL, RANDOM, Arm
from thinset.results.selection_rule import SelectionRule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from typing_extensions import Self

Auto = Literal["auto"]
Whole = Literal["whole"]
RateSchedule = Literal["constant", "step", "cosine", "one_cycle"]
Optimizer = Literal["sgd", "adam"]
Keep = Literal["last", "best"]
T = TypeVar("T")


@dataclass(frozen=True)
class EncoderSettings:
    """Where the embeddings come from.

    kind: "autoencoder" (the paper's), "pca" (of the pixels), "module" (any network, see below), or
        "given" (`path` to a .npy file with one row per sample).
    length, widths, batch_size, learning_rate, momentum: of the autoencoder's training.
    seed: of its initial weights and the order of its samples.
    crop: side of the square crop that is encoded, in pixels; "whole" or None for the whole image;
        "auto" takes three quarters of colour images of at least 32 pixels, else the whole image.
    n_components: largest number of principal components; limited by the number of samples and of
        values in one.
    function, weights: "MODULE:FUNCTION" that returns the network of kind "module", and the file of
        its weights, if any; see thinset.embeddings.load_encoder. `seed` draws its random weights,
        and `batch_size` images are encoded at a time.
    feature_layer: submodule of that network whose output is taken; None for the network itself.
    unit_length: whether rows of that network are divided by their lengths.
    """

    kind: Literal["autoencoder", "pca", "module", "given"] = "autoencoder"
    length: Duration = Duration(40_000, "st")
    crop: Positive | Auto | Whole | None = "auto"
    widths: tuple[Positive, Positive, Positive] = (64, 96, 24)
    batch_size: Positive = 1024
    learning_rate: AboveZero = 0.1
    momentum: Share = 0.9
    n_components: Positive = 64
    path: str | None = None
    seed: Count = 0
    function: str | None = None
    weights: str | None = None
    feature_layer: str | None = None
    unit_length: bool = False

    def __post_init__(self) -> None:
        _require_length("encoder.length", self.length)
        if (self.kind == "module") != (self.function is not None):
            raise ValueError(
                'encoder.function must name MODULE:FUNCTION if encoder.kind is "module", and only '
                f"then; got {self.function!r} for {self.kind!r}"
            )

    def resolved_for(self, image_shape: tuple[int, int, int]) -> EncoderSettings:
        """Resolve every "auto" from the dataset's (height, width, channels)."""
        return dataclasses.replace(self, crop=_settle(self.crop, _automatic_crop(image_shape)))


@dataclass(frozen=True)
class TrainingSettings:
    """How the classifier is trained, the same in every arm.

    model: one of thinset.models.classifiers.CLASSIFIERS, such as "paper" and "vgg", or
        "MODULE:FUNCTION" of a function that takes the shape of an image (H, W, C) and the number of
        classes and returns a torch.nn.Module; None for "paper".
    width: multiplies the widths of the model; models of your own need a parameter of that name.
    optimizer: "sgd", with momentum and weight_decay, or "adam" at its defaults, without either.
    schedule: of the learning rate, over both phases together: "constant", as in the paper; "step":
        a tenth after one half, a hundredth after three quarters; "cosine": down to 0; "one_cycle":
        up to learning_rate, then down to 0, in straight lines.
    warm_up: the share of both phases in which the rate rises at first; 0 for none, and for a fifth
        with "one_cycle".
    ema_decay: of the averaged weights used in tests; 0 or None for no average. evaluations: their
        number in a run, evenly spaced.
    keep: the weights of the "last" evaluation, or those of the "best" one on validation data; see
        DataSettings.validation.
    standardise: each image by itself; "auto" for all models but those that standardise by the
        training data, such as "vgg" and "lenet". crop as in EncoderSettings.
    padding: black pixels around the images before they are cropped in training.
    flip: mirror half of the images; "auto" for colour images (mirrored digits are wrong).
    brightness, contrast: largest shift, lowest and highest factor; "auto" takes the paper's for
        colour images and none for grey ones. precision: "auto", "float32" or "bfloat16".
    """

    model: str | None = None
    width: AboveZero = 1.0
    batch_size: Positive = 1024
    learning_rate: AboveZero = 0.1
    schedule: RateSchedule = "constant"
    warm_up: float = 0.0
    optimizer: Optimizer = "sgd"
    momentum: Share = 0.9
    weight_decay: float = 0.004
    ema_decay: Share | None = 0.9999
    evaluations: Positive = 10
    keep: Keep = "last"
    standardise: bool | Auto = "auto"
    crop: Positive | Auto | Whole | None = "auto"
    padding: Count = 0
    flip: bool | Auto = "auto"
    brightness: float | Auto = "auto"
    contrast: tuple[float, float] | Auto | None = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        if not 0 <= self.warm_up < 1:
            raise ValueError(f"warm_up must be from 0 to below 1, got {self.warm_up}")

    def resolved_for(self, image_shape: tuple[int, int, int]) -> TrainingSettings:
        """Resolve every "auto" from the dataset's (height, width, channels)."""
        is_colour = image_shape[2] == 3
        return dataclasses.replace(
            self,
            crop=_settle(self.crop, _automatic_crop(image_shape)),
            flip=_settle(self.flip, is_colour),
            brightness=_settle(self.brightness, 63 / 255 if is_colour else 0.0),
            contrast=_settle(self.contrast, (0.2, 1.8) if is_colour else None),
        )


@dataclass(frozen=True)
class DataSettings:
    """The data of a study, and how its samples are selected.

    hold_out: the share of the training data held out for testing if the source has no test data.
    on_validation: always score on that share instead of test data.
    validation: the validation data, held out of the training data by class: a count, or a fraction
        with a decimal point. A validation split of the source is used instead. None uses no
        validation data, except that training.keep = "best" uses such a split.
    share: the fraction of the (remaining) training data that is used, by class; that of a smaller
        share is a part of that of a larger one.
    split_seed: of both choices.
    from_encoded: whether the training data are encoded images (JPEG, ...) that are decoded on each
        use. Training on everything then waits for decoding. Arms that need embeddings and
        `full:resident` pay for decoding everything once, random subsets for decoding their own
        samples. `full:cached` decodes each image on its first use, `full:draft` at a part of its
        size.
    photograph_side: first turns images into JPEG photographs with this side in pixels, which are
        decoded and scaled down to the original size.
    variant: None for the training data as it is; "redundant" or, with an imbalance,
        "long_tailed:100" for a harder version of it (see thinset.data.variants).
    generation: how arms with augment=... or generated:... get their images; distillation: how
        those with distilled:... do.
    """

    hold_out: Share = 0.2
    on_validation: bool = False
    validation: Fraction | Positive | None = None
    share: Fraction = 1.0
    split_seed: Count = 0
    from_encoded: bool = False
    photograph_side: Positive | None = None
    variant: str | None = None
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    distillation: DistillationSettings = field(default_factory=DistillationSettings)

    @property
    def keeps_best(self) -> bool:
        """Whether validation data decide which weights of a training are kept."""
        training = getattr(self, "training", None)
        return training is not None and training.keep == "best"

    def resolved_for(self, image_shape: tuple[int, int, int]) -> Self:
        """Settle every "auto" by the dataset's (height, width, channels)."""
        settled: dict[str, Any] = {"encoder": self.encoder.resolved_for(image_shape)}
        training = getattr(self, "training", None)
        if training is not None:
            settled["training"] = training.resolved_for(image_shape)
        return dataclasses.replace(self, **settled)


@dataclass(frozen=True)
class RunSettings(DataSettings):
    """A selection against random samples and everything, at equal steps and at equal time.

    arm, size: how samples are selected, and how many, a count or a fraction. seeds: every arm is
    trained once per seed. split: the share spent on the subset. steps: the length of the runs that
    are compared at equal steps. time: the wall-clock budget, everything counted, of those compared
    at equal time; None uses the time that the slowest run of the selected arm needed for its steps,
    preparation included.
    """

    arm: Arm = Arm(SelectionRule("kmeans", "balanced"))
    size: int | float = 0.0864
    seeds: tuple[Count, ...] = (0, 1)
    split: Share = 0.5
    steps: Duration = Duration(10_000, "st")
    time: Duration | None = None
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        require_distinct(self, "seeds")
        _require_size("size", self.size)
        _require_length("steps", self.steps)
        _require_length("time", self.time)
        if self.arm.rule is None or self.arm.kind != "selected":
            raise ValueError(f"arm must select samples by a method, such as topk; got {self.arm}")


@dataclass(frozen=True)
class StudySettings(DataSettings):
    """A grid of trainings: every arm at every size, split and length, with every seed.

    arms: see thinset.results.arm. sizes: of the subsets, counts or fractions.
    splits: shares of the training spent on the subset. totals: lengths of training; those in time
        are budgets.
    accounting: what a budget in time counts: "everything", or, as in the paper, "training" alone,
        which excludes preparation.
    baseline: the arm that all others are compared with; None means random, or full if random is not
        an arm.
    measured: whether the images of each subset are compared with the real ones (FID, coverage and
        others; see thinset.results.measures) by a classifier that is trained for
        generation.classifier_length.
    """

    arms: tuple[Arm, ...] = (RANDOM, Arm(SelectionRule("topk")))
    seeds: tuple[Count, ...] = (0, 1, 2)
    sizes: tuple[int | float, ...] = (0.0864,)
    splits: tuple[float, ...] = (1.0,)
    totals: tuple[Duration, ...] = (Duration(400, "st"),)
    accounting: tuple[Literal["everything", "training"], ...] = ("everything",)
    baseline: Arm | None = None
    measured: bool = False
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        require_distinct(self, "arms", "seeds", "sizes", "splits", "totals", "accounting")
        _require_size("sizes", *self.sizes)
        _require_length("totals", *self.totals)
        for split in self.splits:
            if not 0 <= split <= 1:
                raise ValueError(f"splits must be from 0 to 1, got {split}")
        if self.baseline is not None and self.baseline not in self.arms:
            raise ValueError(
                f"baseline must be one of the arms {', '.join(map(str, self.arms))}; "
                f"got {self.baseline}: add it to --methods, or give another --baseline"
            )


@dataclass(frozen=True)
class PlanSettings(DataSettings):
    """The goal of a plan.

    total: the length of the training; a time is a budget for everything. probe_share: its largest
    share for short trainings that predict the accuracy.
    """

    total: Duration = Duration(7, "min")
    probe_share: Share = 0.1
    seed: Count = 0
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        _require_length("total", self.total)


@dataclass(frozen=True)
class RankingSettings(DataSettings):
    """Candidates ranked by trainings on everything, and by shorter ones on subsets.

    Each arm trains every candidate for `total`. The reference ranking trains on everything for
    `reference_total`; the arms try to match it at lower cost. All are scored on `hold_out` of the
    training data, never on test data. learning_rates, widths: their product is ranked; a width
    multiplies the widths of training.model. architectures: ranked instead of these, if there are
    any: names of models. n_architectures: so many of them are drawn with architecture_seed, if none
    are named; see draw_architectures. sizes: of the subsets. training: what the candidates share.
    """

    hold_out: Share = 0.1
    on_validation: bool = True
    arms: tuple[Arm, ...] = (FULL, RANDOM, Arm(SelectionRule("kmeans", "balanced")))
    seeds: tuple[Count, ...] = (0, 1, 2)
    sizes: tuple[int | float, ...] = (0.0864,)
    total: Duration = Duration(150, "st")
    reference_total: Duration = Duration(400, "st")
    learning_rates: tuple[AboveZero, ...] = (0.01, 0.03, 0.1, 0.3)
    widths: tuple[AboveZero, ...] = (0.25, 0.5, 1.0)
    architectures: tuple[str, ...] = ()
    n_architectures: Count = 0
    architecture_seed: Count = 0
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        require_distinct(self, "arms", "seeds", "sizes", "learning_rates", "widths")
        _require_size("sizes", *self.sizes)
        _require_length("total", self.total)
        _require_length("reference_total", self.reference_total)
        if not self.ranks_architectures:
            if len(self.learning_rates) * len(self.widths) < 3:
                raise ValueError("there must be at least three settings to rank")
            return
        if self.architectures:
            require_distinct(self, "architectures")
        n_ranked = len(self.architectures) or self.n_architectures
        if n_ranked < 3:
            raise ValueError(f"there must be at least three architectures to rank, got {n_ranked}")
        for arm in self.arms:
            if arm.distilled is not None and arm.distilled.start != "random":
                raise ValueError(
                    f"arm {arm}: its initial weights are those of one architecture; "
                    "start=random is for all"
                )

    @property
    def ranks_architectures(self) -> bool:
        """Whether architectures are ranked, instead of learning rates and widths."""
        return bool(self.architectures or self.n_architectures)


def require_distinct(settings: Any, *names: str) -> None:
    for name in names:
        # By type, too: the size 1 is a count, 1.0 a fraction.
        values = [(type(value), value) for value in getattr(settings, name)]
        repeated = [value for row, (_, value) in enumerate(values) if values[row] in values[:row]]
        if repeated:
            raise ValueError(f"{name} must be distinct, got {repeated[0]} twice")
        if not values:
            raise ValueError(f"{name} must have at least one value")


def _require_length(name: str, *lengths: Duration | None) -> None:
    for length in lengths:
        if length is not None and length.amount == 0:
            raise ValueError(f"{name} must be longer than {length}")


def _require_size(name: str, *sizes: float) -> None:
    """Require counts of at least 1, or fractions of all samples."""
    for size in sizes:
        if size < 1 if isinstance(size, int) else not 0 < size <= 1:
            raise ValueError(
                f"{name} must be a count of at least 1, or a fraction above 0 and at most 1; "
                f"got {size}"
            )


def _automatic_crop(image_shape: tuple[int, int, int]) -> int | None:
    height, width, channels = image_shape
    return min(height, width) * 3 // 4 if channels == 3 and min(height, width) >= 32 else None


def _settle(value: Any, automatic: Any) -> Any:
    if value == "whole":  # recipes have no other way to write None
        return None
    return automatic if value == "auto" else value


def require_valid(settings: DataclassInstance) -> None:
    """Raise ValueError, naming the setting, for a value of a wrong type or out of range."""
    decode(encode(settings), type(settings), "settings")


def read_recipe(name: str) -> dict[str, Any]:
    """The tables of a recipe: one per preset, and `figure`, its description."""
    folder = "recipes" if name in ("run", "plan", "compare") else "figures"
    resource = importlib.resources.files(f"thinset.experiments.{folder}") / f"{name}.toml"
    return tomllib.loads(resource.read_text(encoding="utf-8"))


def load_recipe(name: str, size: str, kind: type[T]) -> T:
    """The settings of one preset of a recipe; ValueError if there is no such preset."""
    sizes = {key: table for key, table in read_recipe(name).items() if key != "figure"}
    if size not in sizes:
        raise ValueError(f"size must be one of {', '.join(sizes)}; got {size!r}")
    return decode(sizes[size], kind, f"{name}.toml: {size}")
