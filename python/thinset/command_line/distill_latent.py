"""thinset distill by a search for latents of a generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.command_line.distill_options import OPTIONS
from thinset.command_line.option_names import named_as_options
from thinset.command_line.through_gan_options import GENERATORS, latent_settings
from thinset.command_line.through_gan_run import ThroughGanRun
from thinset.command_line.usage import refuse

if TYPE_CHECKING:
    from pathlib import Path

    from thinset.augmentation.trained_generator import TrainedGenerator
    from thinset.command_line.distill_options import DistillOptions
    from thinset.data import Dataset
    from thinset.distillation.through_gan.settings import LatentSettings
    from thinset.experiments.run_folder import RunFolder


class LatentRun(ThroughGanRun):
    """Searches the latents of a generator, which is trained first if none is given."""

    does_not_take = ("images", "validation", "keep")

    def __init__(self, command: DistillOptions) -> None:
        super().__init__(command)
        self.generator: Path | None = self.given.pop("generator", None)
        length = self.given.pop("generator_length", None)
        if self.generator is not None:
            unfit = (name for name in ("model", "generator_length") if name in command.given)
            refuse(unfit, "a given generator")
        self.length = self.generator_length("--generator-length", length)
        self.settings = self._settings()
        self.require_network(self.settings.network)
        self.encoder = command.encoder_settings()
        # The GAN to train, if none is given.
        self.gan = GENERATORS[self.model].settings()

    def _settings(self) -> LatentSettings:
        from thinset.experiments.settings import require_valid

        command = self.command
        if command.precision != "float32":
            raise ValueError(
                "--precision must be float32: gradients through two networks need it; got "
                f"{command.precision}"
            )
        if command.resolved_init == "noise":
            refuse((name for name in ("encoding", "pool") if name in self.given), "--init noise")
        if command.length is not None:
            self.given["length"] = str(command.resolved_length)
        with named_as_options(OPTIONS):
            settings = latent_settings(self.given)
            require_valid(settings)
        return settings

    def run(self) -> None:
        """Search and print the results, as far as an earlier call has not done it."""
        from thinset.augmentation.trained_generator import TrainedGenerator
        from thinset.data import open_dataset
        from thinset.files.overlap import require_not_above

        command = self.command
        trained = None
        if self.generator is not None:
            require_not_above(command.out, self.generator)
            trained = TrainedGenerator.load(self.generator)
        written = command.written_data()
        if written is not None:
            self._require_searchable(written, trained)
        folder = self.open_folder(self._identity(), written)
        if trained is not None:
            folder.require_unchanged(str(self.generator), trained.fingerprint)
        path = command.out / "dataset"
        if path.exists():
            made = open_dataset(path)
        else:
            with folder.removed_if_refused():
                data = self.open_data(folder)
                self._require_searchable(data, trained)
            made = self._search(trained or self._train(data, folder), data, folder)
        folder.checkpoint("distillation").unlink(missing_ok=True)
        self.print_result(made)

    def _identity(self) -> dict[str, Any]:
        """What the images depend on, beside what the folders of all methods have."""
        from thinset.files.decoding import encode

        is_given = self.generator is not None
        return {
            "settings": encode(self.settings),
            "init": self.command.resolved_init,
            "encoder": None if self.encoder is None else encode(self.encoder),
            "generator": str(self.generator) if is_given else encode(self.gan),
            "generator_length": None if is_given else str(self.length),
        }

    def _require_searchable(self, data: Dataset, trained: TrainedGenerator | None) -> None:
        from thinset.augmentation.train import require_trainable
        from thinset.distillation.through_gan.evaluation_networks import EvaluationNetworks
        from thinset.distillation.through_gan.latent_start import require_enough_images
        from thinset.experiments.prepare.through_gan import require_search
        from thinset.selection.matrix_input import as_matrix

        command = self.command
        if command.embeddings is not None:
            as_matrix(str(command.embeddings))  # refuses unusable files, by name
        starts_from_real = command.resolved_init != "noise"
        with named_as_options(OPTIONS):
            if trained is None:
                require_trainable(
                    data,
                    self.gan,
                    length=self.length,
                    names=("--generator-length", "n_discriminator"),
                )
                require_enough_images(
                    data,
                    self.settings,
                    images_per_class=self.images_per_class,
                    starts_from_real=starts_from_real,
                )
            else:
                require_search(
                    trained,
                    data,
                    settings=self.settings,
                    images_per_class=self.images_per_class,
                    starts_from_real=starts_from_real,
                )
            EvaluationNetworks(self.settings, data, seed=0)

    def _train(self, data: Dataset, folder: RunFolder) -> TrainedGenerator:
        """The plain GAN in DIR/generator, trained once."""
        from thinset.augmentation.trained_generator import MODEL_FILE, TrainedGenerator
        from thinset.experiments.prepare.generated import train_and_keep_generator
        from thinset.training import JsonLines

        command = self.command
        place, checkpoint = command.out / "generator", folder.checkpoint("generator")
        place.mkdir(exist_ok=True)
        if not (place / MODEL_FILE).exists():
            train_and_keep_generator(
                data,
                place / MODEL_FILE,
                settings=self.gan,
                length=self.length,
                checkpoint=checkpoint,
                grids=place / "grids",
                seed=command.seed,
                device=command.device,
                evaluations=command.evaluations,
                log=JsonLines(place / "log.jsonl"),
                show_progress=True,
            )
        checkpoint.unlink(missing_ok=True)
        return TrainedGenerator.load(place)

    def _search(self, trained: TrainedGenerator, data: Dataset, folder: RunFolder) -> Dataset:
        from thinset.experiments.prepare.distilled import DistilledGrids, initial_rows
        from thinset.experiments.prepare.through_gan import search_latents
        from thinset.training import JsonLines

        command = self.command
        rows = None
        if self.encoder is not None:
            rows = initial_rows(
                data,
                self.images_per_class * data.n_classes,
                command.resolved_init,
                folder,
                self.encoder,
                seed=command.seed,
                device=command.device,
                show_progress=True,
            )
        return search_latents(
            trained,
            data,
            command.out / "dataset",
            settings=self.settings,
            images_per_class=self.images_per_class,
            init=command.resolved_init,
            rows=rows,
            checkpoint=folder.checkpoint("distillation"),
            observe=DistilledGrids(command.out / "grids", self.log, data.class_names),
            seed=command.seed,
            device=command.device,
            evaluations=command.evaluations,
            log=JsonLines(self.log),
            show_progress=True,
        )
