"""Settings of a run, as frozen dataclasses, and the recipes that fill them.

A recipe is a TOML file beside this one with a table per size. Reading is strict: an unknown key, a
missing one and a value of another type are refused.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import sys
import types
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from typing_extensions import Self

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Auto = Literal["auto"]
T = TypeVar("T")


@dataclass(frozen=True)
class EncoderSettings:
    """Where the embeddings come from.

    kind: "autoencoder" (the paper's), "pca" (of the pixels), or "given" (`path` to a .npy file with
        one row per sample).
    length, widths, batch_size, learning_rate, momentum: of the autoencoder's training.
    seed: of its first weights and the order of its samples.
    crop: side of the square crop that is encoded, in pixels; None for the whole image; "auto" takes
        three quarters of colour images of at least 32 pixels, else the whole image.
    n_components: of the PCA, at most; no more than there are samples, or values in one.
    """

    kind: Literal["autoencoder", "pca", "given"] = "autoencoder"
    length: str = "40000st"
    crop: int | Auto | None = "auto"
    widths: tuple[int, int, int] = (64, 96, 24)
    batch_size: int = 1024
    learning_rate: float = 0.1
    momentum: float = 0.9
    n_components: int = 64
    path: str | None = None
    seed: int = 0

    def resolved_for(self, image_shape: tuple[int, int, int]) -> EncoderSettings:
        """Settle every "auto" by the dataset's (height, width, channels)."""
        return dataclasses.replace(self, crop=_settle(self.crop, _automatic_crop(image_shape)))


@dataclass(frozen=True)
class SelectionSettings:
    """Which rows are selected; see `thinset.select`.

    n_samples: a count or a fraction. dedup: where it is given, near-duplicates are left out first
        (thinset.deduplicate): rows closer than this share of the typical distance of two rows, the
        root of the mean square over all pairs.
    options: the method's own. Unless they say otherwise, topk leaves out dead embedding elements,
        which would hand over arbitrary rows.
    """

    method: str = "topk"
    n_samples: float = 0.0864
    per_class: str | None = None
    metric: str = "euclidean"
    dedup: float | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingSettings:
    """How the classifier is trained, the same in every arm.

    model: "MODULE:FUNCTION" of a function that takes the shape of an image (H, W, C) and the number
        of classes and gives a torch.nn.Module; None for the paper's classifier.
    width: multiplies the widths of the paper's classifier.
    schedule: of the learning rate, over both phases together: "constant", as in the paper; "step":
        a tenth after one half, a hundredth after three quarters; "cosine": down to 0; "one_cycle":
        up to learning_rate in the first fifth, then down to 0, in straight lines.
    warm_up: the share of both phases in which the rate rises first; "one_cycle" has its own.
    ema_decay: of the average of weights that is tested. evaluations: how many times in a run,
        evenly spaced. crop as in EncoderSettings.
    flip: mirror half of the images; "auto" for colour images (mirrored digits are wrong).
    brightness, contrast: largest shift, lowest and highest factor; "auto" takes the paper's for
        colour images and none for grey ones. precision: "auto", "float32" or "bfloat16".
    """

    model: str | None = None
    width: float = 1.0
    batch_size: int = 1024
    learning_rate: float = 0.1
    schedule: Literal["constant", "step", "cosine", "one_cycle"] = "constant"
    warm_up: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 0.004
    ema_decay: float = 0.9999
    evaluations: int = 10
    crop: int | Auto | None = "auto"
    flip: bool | Auto = "auto"
    brightness: float | Auto = "auto"
    contrast: tuple[float, float] | Auto | None = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        if not 0 <= self.warm_up < 1:
            raise ValueError(f"warm_up must be from 0 to below 1, got {self.warm_up}")
        if self.warm_up > 0 and self.schedule == "one_cycle":
            raise ValueError(
                f"one_cycle has a rise of its own; warm_up must be 0, got {self.warm_up}"
            )

    def resolved_for(self, image_shape: tuple[int, int, int]) -> TrainingSettings:
        """Settle every "auto" by the dataset's (height, width, channels)."""
        is_colour = image_shape[2] == 3
        return dataclasses.replace(
            self,
            crop=_settle(self.crop, _automatic_crop(image_shape)),
            flip=_settle(self.flip, is_colour),
            brightness=_settle(self.brightness, 63 / 255 if is_colour else 0.0),
            contrast=_settle(self.contrast, (0.2, 1.8) if is_colour else None),
        )


@dataclass(frozen=True)
class RunSettings:
    """Everything that decides the results of a run.

    seeds: one training of every arm each. split: the share spent on the subset. steps: the length
        of the runs that are compared at equal steps. time: the wall-clock budget, everything
        counted, of those compared at equal time; None takes, seed by seed, what the selected arm
        needed for its steps, preparation included. hold_out: the share of the training data kept
        for testing where the source has no test data of its own.
    """

    seeds: tuple[int, ...] = (0, 1)
    split: float = 0.5
    steps: str = "10000st"
    time: str | None = None
    hold_out: float = 0.2
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds must be at least one and distinct, got {self.seeds}")

    def resolved_for(self, image_shape: tuple[int, int, int]) -> RunSettings:
        """Settle every "auto" by the dataset's (height, width, channels)."""
        return dataclasses.replace(
            self,
            encoder=self.encoder.resolved_for(image_shape),
            training=self.training.resolved_for(image_shape),
        )


@dataclass(frozen=True)
class DataSettings:
    """What a study takes its samples from and selects them by.

    hold_out: the share of the training data kept for testing where the source has no test data.
    on_validation: scores on that share, whatever test data there are.
    from_encoded: whether the training data count as encoded images (JPEG, ...) that are decoded
        whenever they are wanted: training on everything then waits for decoding, arms that look at
        embeddings and `full:resident` pay for decoding everything once, random subsets for theirs.
    photograph_side: makes them JPEG photographs of that many pixels a side first, from which
        images are decoded and made as small as they were.
    variant: None for the training data as it is; "redundant" or, with an imbalance,
        "long_tailed:100" for a harder version of it (see thinset.data.variants).
    """

    hold_out: float = 0.2
    on_validation: bool = False
    from_encoded: bool = False
    photograph_side: int | None = None
    variant: str | None = None
    encoder: EncoderSettings = field(default_factory=EncoderSettings)

    def resolved_for(self, image_shape: tuple[int, int, int]) -> Self:
        """Settle every "auto" by the dataset's (height, width, channels)."""
        return dataclasses.replace(self, encoder=self.encoder.resolved_for(image_shape))


Data = TypeVar("Data", bound=DataSettings)


@dataclass(frozen=True)
class StudySettings(DataSettings):
    """A grid of trainings: every arm at every size, split and length, with every seed.

    arms: see thinset.experiments.arms. sizes: of the subsets, counts or fractions.
    splits: shares of the training spent on the subset. totals: lengths of training; those in time
        are budgets.
    accounting: what a budget in time counts: "everything", or, as in the paper, "training" alone,
        which leaves out what came before training.
    """

    arms: tuple[str, ...] = ("random", "topk")
    seeds: tuple[int, ...] = (0, 1, 2)
    sizes: tuple[float, ...] = (0.0864,)
    splits: tuple[float, ...] = (1.0,)
    totals: tuple[str, ...] = ("400st",)
    accounting: tuple[Literal["everything", "training"], ...] = ("everything",)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def fully_resolved_for(self, image_shape: tuple[int, int, int]) -> Self:
        """Settle every "auto", those of the training too."""
        training = self.training.resolved_for(image_shape)
        return dataclasses.replace(self.resolved_for(image_shape), training=training)

    def __post_init__(self) -> None:
        _require_distinct(self, "arms", "seeds", "sizes", "splits", "totals", "accounting")
        for split in self.splits:
            if not 0 <= split <= 1:
                raise ValueError(f"splits must be from 0 to 1, got {split}")


@dataclass(frozen=True)
class PlanSettings(DataSettings):
    """What a plan is for.

    total: the length of the training; a time is a budget for everything. probe_share: how much of
    it, at most, goes into short trainings that tell the accuracy.
    """

    total: str = "7min"
    probe_share: float = 0.1
    seed: int = 0
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        if not 0 <= self.probe_share <= 1:
            raise ValueError(f"probe_share must be from 0 to 1, got {self.probe_share}")


@dataclass(frozen=True)
class SearchSettings(DataSettings):
    """A search over configurations of training: everywhere on everything, and on subsets.

    Each arm trains every configuration for `total`, everything for `reference_total` too: that is
    the ranking the arms try to find for less. All are scored on `hold_out` of the training data,
    never on test data. learning_rates, widths: their product is searched; a width multiplies the
    widths of the paper's classifier. size: of the subsets. training: what the configurations share.
    """

    hold_out: float = 0.1
    on_validation: bool = True
    arms: tuple[str, ...] = ("full", "random", "kmeans:per_class")
    seeds: tuple[int, ...] = (0, 1, 2)
    size: float = 0.0864
    total: str = "150st"
    reference_total: str = "400st"
    learning_rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    widths: tuple[float, ...] = (0.25, 0.5, 1.0)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        _require_distinct(self, "arms", "seeds", "learning_rates", "widths")
        if len(self.learning_rates) * len(self.widths) < 3:
            raise ValueError("a search needs at least three configurations to rank")


def _require_distinct(settings: Any, *names: str) -> None:
    for name in names:
        values = getattr(settings, name)
        if not values or len(set(values)) != len(values):
            raise ValueError(f"{name} must be at least one and distinct, got {values}")


def _automatic_crop(image_shape: tuple[int, int, int]) -> int | None:
    height, width, channels = image_shape
    return min(height, width) * 3 // 4 if channels == 3 and min(height, width) >= 32 else None


def _settle(value: Any, automatic: Any) -> Any:
    return automatic if value == "auto" else value


def read_recipe(name: str) -> dict[str, Any]:
    """The tables of a recipe: one per size, and `figure` for what it reproduces."""
    folder = "recipes" if name in ("run", "plan", "compare") else "figures"
    resource = importlib.resources.files(f"thinset.experiments.{folder}") / f"{name}.toml"
    return tomllib.loads(resource.read_text(encoding="utf-8"))


def load_recipe(name: str, size: str, kind: type[T]) -> T:
    """The settings of one size of a recipe; ValueError where there is no such size."""
    sizes = {key: table for key, table in read_recipe(name).items() if key != "figure"}
    if size not in sizes:
        raise ValueError(f"size must be one of {', '.join(sizes)}; got {size!r}")
    return from_table(kind, sizes[size], f"{name}.{size}")


def from_table(cls: type[T], table: Any, where: str) -> T:
    """Build a dataclass from nested dicts, strictly. Raises ValueError naming the key."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table, got {table!r}")
    hints = get_type_hints(cls)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise ValueError(f"{where} has no setting {unknown[0]!r}; it has {', '.join(hints)}")
    values = {key: _typed(hints[key], value, f"{where}.{key}") for key, value in table.items()}
    return cls(**values)


def _typed(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_table(hint, value, where)
    for option in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        fits, converted = _as_plain(option, value)
        if fits:
            return converted
    raise ValueError(f"{where} must be {_readable(hint)}, got {value!r}")


def _as_plain(hint: Any, value: Any) -> tuple[bool, Any]:
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        is_table = isinstance(value, dict)
        return is_table, from_table(hint, value, hint.__name__) if is_table else None
    if origin is Literal:
        return value in get_args(hint), value
    if origin is tuple:
        kinds = get_args(hint)
        if not isinstance(value, (list, tuple)):
            return False, None
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(value)
        parts = [_as_plain(kind, part) for kind, part in zip(kinds, value, strict=False)]
        fits = len(kinds) == len(value) and all(fit for fit, _ in parts)
        return fits, tuple(part for _, part in parts)
    if origin is dict:
        return isinstance(value, dict), value
    if hint is float:
        # A whole number stays one: n_samples = 100 is a count, 1.0 a fraction.
        return isinstance(value, (int, float)) and not isinstance(value, bool), value
    if hint is int:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return is_integer and abs(value) < 2**63, value
    return isinstance(value, hint), value


def _readable(hint: Any) -> str:
    return str(hint).replace("typing.", "").replace("<class '", "").replace("'>", "")
