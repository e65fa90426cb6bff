"""thinset distill by a GAN that is trained with a term."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.command_line.distill_options import OPTIONS
from thinset.command_line.option_names import named_as_options
from thinset.command_line.through_gan_options import term_settings
from thinset.command_line.through_gan_run import ThroughGanRun

if TYPE_CHECKING:
    from thinset.command_line.distill_options import DistillOptions
    from thinset.data import Dataset
    from thinset.experiments.run_folder import RunFolder


class TermRun(ThroughGanRun):
    """Trains a GAN with a term in its losses, and draws from it."""

    does_not_take = (
        "images", "init", "embeddings", "encoder", "encoder_length", "validation", "keep",
        "generator", "generator_length",
    )  # fmt: skip

    def __init__(self, command: DistillOptions) -> None:
        super().__init__(command)
        with named_as_options(OPTIONS):
            self.settings, self.gan = term_settings(command.method, self.model, self.given)
        self.require_network(self.settings.network)
        self.length = self.generator_length("--length", command.length)

    def run(self) -> None:
        """Train, draw and print the results, as far as an earlier call has not done it."""
        from thinset.augmentation.trained_generator import MODEL_FILE, TrainedGenerator
        from thinset.data import open_dataset
        from thinset.experiments.prepare.through_gan import draw_distilled
        from thinset.files.decoding import encode

        command = self.command
        self._require_image_size()
        written = command.written_data()
        if written is not None:
            self._require_trainable(written)
        folder = self.open_folder(
            {
                "settings": encode(self.settings),
                "generator": encode(self.gan),
                "length": str(self.length),
                "precision": command.precision,
            },
            written,
        )
        path = command.out / MODEL_FILE
        if not path.exists():
            self._train(folder)
        folder.checkpoint("generator").unlink(missing_ok=True)
        if (command.out / "dataset").exists():
            made = open_dataset(command.out / "dataset")
        else:
            made = draw_distilled(
                TrainedGenerator.load(path),
                command.out / "dataset",
                settings=self.settings,
                images_per_class=self.images_per_class,
                seed=command.seed,
                device=command.device,
                show_progress=True,
            )
        self.print_result(made)
        print(f"generator: {path}")

    def _require_image_size(self) -> None:
        """Refuse a size of images that the networks cannot have, before any image is read."""
        from thinset.augmentation.generators import generator_named

        if self.command.image_size is not None:
            shape = (*self.command.image_size, 1)
            generator_named(self.model).require_image_shape(self.gan, shape)

    def _require_trainable(self, data: Dataset) -> None:
        from thinset.augmentation.train import require_trainable
        from thinset.distillation.through_gan.terms import GradientTerm

        require_trainable(
            data, self.gan, length=self.length, names=("--length", "--n-discriminator")
        )
        with named_as_options(OPTIONS):
            GradientTerm(self.settings, data)

    def _train(self, folder: RunFolder) -> None:
        from thinset.augmentation.trained_generator import MODEL_FILE
        from thinset.distillation.through_gan.terms import weighted_term
        from thinset.experiments.prepare.generated import train_and_keep_generator
        from thinset.training import JsonLines

        command = self.command
        with folder.removed_if_refused():
            data = self.open_data(folder)
            self._require_trainable(data)
        train_and_keep_generator(
            data,
            command.out / MODEL_FILE,
            settings=self.gan,
            term=weighted_term(self.settings, data, seed=command.seed),
            called=f"{command.method}, {self.model}",
            length=self.length,
            checkpoint=folder.checkpoint("generator"),
            grids=command.out / "grids",
            seed=command.seed,
            device=command.device,
            precision=command.precision,
            evaluations=command.evaluations,
            log=JsonLines(self.log),
            show_progress=True,
        )
