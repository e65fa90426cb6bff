"""thinset distill evaluate."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from thinset.command_line.arguments import (
    Device,
    Embeddings,
    ImageSize,
    Output,
    optional,
    parse_length,
    typed_again,
)
from thinset.command_line.option_names import named_as_options, options_of
from thinset.command_line.usage import UsageError
from thinset.files.overlap import require_not_inside

if TYPE_CHECKING:
    from thinset.data import Dataset
    from thinset.data.sources.exported import Exported
    from thinset.experiments.audit_settings import AuditSettings

_OF_VALUES = {"mean": "mean", "deviation": "deviation"}
"""Options of how files are read, which is done last"""


@dataclass(frozen=True)
class Command:
    """Measure what a small training set is worth beside simple sets of real images.

    Every set is trained on with hard labels and, if SET has any, with soft ones, without and with
    augmentation, for equally many steps, with a learning rate chosen on validation data. A set with
    stored steps is replayed as well. Prints a table and the parts that the accuracy comes from, and
    writes them to DIR/audit.json. Run it again after an interruption to resume.
    """

    small: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(name="set", metavar="SET")]
    """folder of a distillation, dataset folder, folder with images.npy and labels.npy, .npz file
    with the arrays images and labels, or .npy file of images"""
    data: Annotated[str, tyro.conf.arg(metavar="REAL")]
    """the real data that SET stands for: dataset folder, source to import, or "digits" """
    out: Output
    """folder of the results"""
    networks: Annotated[tuple[str, ...] | None, optional(metavar="NAME...")] = None
    """architectures to train; by default the one that SET was distilled for, else convnet"""
    width: Annotated[
        float | None, tyro.conf.arg(metavar="FACTOR", help_behavior_hint="(default: 1)")
    ] = None
    """factor of the widths of the networks; by default that of the network in SET's description"""
    n_networks: int = 10
    """networks to train with each seed"""
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="INT...")] = (0, 1, 2)
    """seeds of initial weights, of what is drawn at random, and of the order of samples"""
    length: str = "1000st"
    """length of each training: steps (st), or epochs (ep) or samples (sa) of SET; all sets are
    trained on for equally many steps"""
    batch_size: int = 256
    """samples per step, at most all of the set"""
    learning_rates: Annotated[tuple[float, ...], tyro.conf.arg(metavar="RATE...")] = (
        0.003, 0.01, 0.03, 0.1,
    )  # fmt: skip
    """rates to choose from for each set; where the lowest or highest is best, more are tried"""
    baselines: Annotated[
        tuple[
            Literal[
                "random", "means", "kmeans", "kmeans_means", "facility_location", "eigenimages"
            ],
            ...,
        ],
        tyro.conf.arg(metavar="NAME..."),
    ] = ("random", "means", "kmeans", "kmeans_means", "facility_location")
    """sets to compare with, random among them"""
    embeddings: Embeddings = None
    """embeddings of the real training data to select by; by default principal components of the
    pixels"""
    teacher_length: str = "2000st"
    """length of the training of the network whose predictions label real images; used if SET has
    soft labels"""
    labels: Annotated[Path | None, optional(metavar="FILE.npy")] = None
    """labels, if SET is a .npy file: integers, or probabilities of each class"""
    mean: Annotated[tuple[float, ...] | None, optional(metavar="NUMBER...")] = None
    """mean of each channel that the images in .npy or .npz files are standardised with"""
    deviation: Annotated[tuple[float, ...] | None, optional(metavar="NUMBER...")] = None
    """standard deviation of each channel, likewise"""
    channels: Annotated[Literal["first", "last"] | None, optional(metavar="first|last")] = None
    """where the channels are in the shape of these images; by default seen from the shape"""
    image_size: ImageSize = None
    """resize the real images to this size"""
    device: Device = "auto"
    """device to compute on"""

    def run(self) -> None:
        from thinset.data import open_dataset
        from thinset.experiments.audit import evaluate_set
        from thinset.experiments.prepare.data import is_dataset_folder, prepare_exported
        from thinset.experiments.where import Where
        from thinset.results.audit_table import spoken_audit

        where = Where(
            self.data,
            self.out,
            self.device,
            typed_again("distill evaluate", self, "small"),
            show_progress=True,
            image_size=self.image_size,
        )
        folder = self.small
        if is_dataset_folder(folder / "dataset"):
            folder /= "dataset"  # as `thinset distill` writes it
        elif is_dataset_folder(folder / "train"):
            raise ValueError(
                f"{folder} holds several datasets; give the one to evaluate, such as "
                f"{folder / 'train'}"
            )
        if is_dataset_folder(folder):
            for option in ("labels", "mean", "deviation", "channels"):
                if getattr(self, option) is not None:
                    raise UsageError(f"--{option} does not apply: {self.small} is a dataset folder")
            small: Any = open_dataset(folder)
            settings = self._settings(small)
            identity = None
        else:
            source = self._exported()
            small, settings = functools.partial(prepare_exported, source), self._settings(None)
            identity = {"set": str(self.small), "read": dataclasses.asdict(source)}
        require_not_inside(self.out, self.data)
        with named_as_options(_OF_VALUES):
            audit = evaluate_set(small, where, settings, identity=identity)
        print(spoken_audit(audit))
        print(f"\nwritten: {self.out / 'audit.json'}")

    def _exported(self) -> Exported:
        from thinset.data.sources.exported import Exported

        if not self.small.exists():
            raise FileNotFoundError(f"{self.small} does not exist")
        labels = None if self.labels is None else str(self.labels)
        if (self.mean is None) != (self.deviation is None):
            raise UsageError("give --mean and --deviation, or neither")
        with named_as_options(_OF_VALUES):
            source = Exported(str(self.small), labels, self.mean, self.deviation, self.channels)
        if self.small.suffix == ".npy" and labels is None:
            raise ValueError(
                f"{self.small} holds images alone; give the .npy file of their labels with --labels"
            )
        return source

    def _settings(self, small: Dataset | None) -> AuditSettings:
        from thinset.distillation.distilled_for import DistilledFor, require_known_network
        from thinset.distillation.set_training import SetTraining
        from thinset.experiments.audit_settings import AuditSettings
        from thinset.experiments.prepare.baselines import NEEDS_EMBEDDINGS
        from thinset.experiments.settings import EncoderSettings, require_valid
        from thinset.models.classifiers import classifier_factory

        made_for = DistilledFor() if small is None else DistilledFor.of(small)
        if small is not None and self.networks is None:
            require_known_network(small, "--networks")
        if self.embeddings is not None and not set(self.baselines) & set(NEEDS_EMBEDDINGS):
            raise UsageError(
                f"--embeddings does not apply to the baselines {', '.join(self.baselines)}; those "
                f"that are selected by embeddings are {', '.join(NEEDS_EMBEDDINGS)}"
            )
        names = (made_for.name or "convnet",) if self.networks is None else self.networks
        is_own = made_for.name in names
        encoder = EncoderSettings(kind="pca")
        if self.embeddings is not None:
            encoder = EncoderSettings(kind="given", path=str(self.embeddings))
        length = parse_length("--length", self.length)
        teacher_length = parse_length("--teacher-length", self.teacher_length)
        with named_as_options(options_of(self, "small")):
            settings = AuditSettings(
                networks=names,
                width=(made_for.width if is_own else 1.0) if self.width is None else self.width,
                n_networks=self.n_networks,
                seeds=self.seeds,
                baselines=self.baselines,
                encoder=encoder,
                training=SetTraining(
                    length=length,
                    batch_size=self.batch_size,
                    learning_rates=self.learning_rates,
                ),
                teacher_length=teacher_length,
            )
            require_valid(settings)
            for name in names:
                classifier_factory(name, "networks")
        return settings
