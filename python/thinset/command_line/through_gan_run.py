"""What the runs of thinset distill that go through a generator have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.augmentation.generators import ADVERSARIAL
from thinset.command_line.arguments import parse_duration, where_of
from thinset.command_line.usage import refuse

if TYPE_CHECKING:
    from thinset.command_line.distill_options import DistillOptions
    from thinset.data import Dataset
    from thinset.duration import Duration
    from thinset.experiments.run_folder import RunFolder

_GENERATOR_LENGTH = "500ep"
_SHOWN = {
    "train_loss": "loss",
    "test_term": "term",
    "test_diversity": "diversity",
    "distance": "distance",
    "norm": "length of latents",
}


class ThroughGanRun:
    """The options of a run, its folder and what it prints.

    model: the name of the GAN to train. given: the other settings among the options, by name.
    does_not_take: options of other methods, which are refused.
    """

    does_not_take: tuple[str, ...] = ()

    def __init__(self, command: DistillOptions) -> None:
        from thinset.distillation.initial_images import MOST_IMAGES

        self.command = command
        refuse((n for n in self.does_not_take if getattr(command, n) is not None), command.method)
        self.given = dict(command.given)
        self.model = self.given.pop("model", None) or ADVERSARIAL[0]
        assert command.resolved_images_per_class is not None
        self.images_per_class = command.resolved_images_per_class
        if self.images_per_class > MOST_IMAGES:
            raise ValueError(
                f"--images-per-class must be at most {MOST_IMAGES:,}, got {self.images_per_class}"
            )
        self.log = command.out / "log.jsonl"

    def open_folder(self, settings: dict[str, Any], written: Dataset | None) -> RunFolder:
        """The folder of the run; it is made here, so what can be checked is checked before.

        `written`: the training data, if the source is a dataset folder already.
        """
        from thinset.experiments.run_folder import RunFolder

        command = self.command
        folder = RunFolder(
            command.out,
            {
                **where_of("distill", command).identity,
                **settings,
                "images_per_class": self.images_per_class,
                "evaluations": command.evaluations,
                "seed": command.seed,
            },
        )
        if written is not None:
            folder.require_unchanged("the training data", written.fingerprint)
        return folder

    @staticmethod
    def require_network(name: str) -> None:
        """Raise ValueError for an evaluation network that does not exist."""
        from thinset.models.classifiers import classifier_factory

        classifier_factory(name, "--network")

    @staticmethod
    def generator_length(option: str, text: str | None) -> Duration:
        """The length of the training of a GAN; ValueError, naming the option, for no length."""
        length = parse_duration(option, text or _GENERATOR_LENGTH)
        if length.amount == 0:
            raise ValueError(f"{option} must be longer than {length}")
        return length

    def open_data(self, folder: RunFolder) -> Dataset:
        """The training data, imported where needed."""
        from thinset.experiments.prepare.data import open_training_data

        command = self.command
        return open_training_data(command.data, folder, command.image_size, show_progress=True)

    def print_result(self, made: Dataset) -> None:
        """Print the last figures of the log, and where the images are."""
        from thinset.training.loop.metrics_log import read_log

        method, points = self.command.method, read_log(self.log)
        if points:
            scores = ", ".join(
                f"{name} {points[-1][key]:.4g}" for key, name in _SHOWN.items() if key in points[-1]
            )
            print(f"{method} after {points[-1]['step']:g} steps: {scores}")
        print(f"{len(made)} images by {method}: {self.command.out / 'dataset'}")
