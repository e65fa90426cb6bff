"""thinset distill."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.command_line.arguments import where_of
from thinset.command_line.distill_options import METHOD_FIELDS, OPTIONS, DistillOptions
from thinset.command_line.option_names import named_as_options
from thinset.command_line.through_gan_options import THROUGH_GAN
from thinset.files.overlap import require_not_inside

if TYPE_CHECKING:
    import numpy as np

    from thinset.data import Dataset
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import EncoderSettings


@dataclass(frozen=True, kw_only=True)
class _Command(DistillOptions):
    def run(self) -> None:
        from thinset.data import open_dataset
        from thinset.experiments.run_folder import RunFolder
        from thinset.files.decoding import encode
        from thinset.training.precision import resolve_device

        resolve_device(self.device)
        self.require_in_range()
        if self.method in THROUGH_GAN:
            require_not_inside(self.out, self.data)
            self._distill_through_gan()
            return
        settings, encoder = self.settings(), self.encoder_settings()
        require_not_inside(self.out, self.data)
        # Before the folder is made, where the data can be read without it.
        written = self.written_data()
        if written is not None:
            self._require_distillable(written, settings)
            self._require_validation(written, settings)
        length = self.resolved_length
        folder = RunFolder(
            self.out,
            {
                **where_of("distill", self).identity,
                "settings": encode(settings),
                "images_per_class": self.resolved_images_per_class,
                "images": self.images,
                "init": self.resolved_init,
                "encoder": None if encoder is None else encode(encoder),
                "validation": self.resolved_validation,
                "keep": self.resolved_keep,
                "length": None if length is None else str(length),
                "evaluations": self.evaluations,
                "precision": self.precision,
                "seed": self.seed,
            },
        )
        if written is not None:
            folder.require_unchanged("the training data", written.fingerprint)
        path, checkpoint = self.out / "dataset", folder.checkpoint("distillation")
        if path.exists():
            made = open_dataset(path)
        else:
            with named_as_options(OPTIONS):
                made = self._distill(path, checkpoint, folder, settings, encoder)
        checkpoint.unlink(missing_ok=True)
        self._print_scores(made)
        print(f"{len(made)} images by {self.method}: {path}")

    def _distill_through_gan(self) -> None:
        from thinset.command_line.distill_latent import LatentRun
        from thinset.command_line.distill_term import TermRun

        run = LatentRun if self.method == "latent" else TermRun
        run(self).run()

    @property
    def _log(self) -> Path:
        return self.out / "log.jsonl"

    def _require_distillable(self, data: Dataset, settings: Any) -> None:
        from thinset.distillation.distill import require_distillable
        from thinset.selection.matrix_input import require_npy_matrix

        if self.embeddings is not None:
            require_npy_matrix(self.embeddings)  # refuses unusable files, by name
        with named_as_options(OPTIONS):
            require_distillable(
                data,
                settings=settings,
                images_per_class=self.resolved_images_per_class,
                n_images=self.images,
                starts_from_real=self.resolved_init != "noise",
                device=self.device,
                precision=self.precision,
            )

    def _require_validation(self, data: Dataset, settings: Any) -> None:
        """Refuse an impossible number of validation samples, and none where they are needed.

        `data`: of a dataset folder.
        """
        from thinset.distillation.distill import require_scored
        from thinset.experiments.prepare.data import is_dataset_folder, require_validation

        share = self.resolved_validation
        has_own = data.path != Path(self.data) and is_dataset_folder(Path(self.data) / "validation")
        with named_as_options(OPTIONS):
            if share is not None and not has_own:
                require_validation(data, share)
            has_validation = has_own or share is not None
            require_scored(self.resolved_keep, settings, has_validation=has_validation)

    def _distill(
        self,
        path: Path,
        checkpoint: Path,
        folder: RunFolder,
        settings: Any,
        encoder: EncoderSettings | None,
    ) -> Dataset:
        from thinset.distillation.distill import require_scored
        from thinset.experiments.prepare.data import open_training_parts
        from thinset.experiments.prepare.distilled import DistilledGrids, distill_and_keep
        from thinset.training import JsonLines

        with folder.removed_if_refused():
            data, validation = open_training_parts(
                self.data,
                folder,
                self.image_size,
                validation=self.resolved_validation,
                show_progress=True,
            )
            self._require_distillable(data, settings)
            require_scored(self.resolved_keep, settings, has_validation=validation is not None)
        rows = None if encoder is None else self._initial_rows(data, folder, encoder)
        return distill_and_keep(
            data,
            path,
            settings=settings,
            images_per_class=self.resolved_images_per_class,
            n_images=self.images,
            init=self.resolved_init,
            rows=rows,
            length=self.resolved_length,
            validation=validation,
            checkpoint=checkpoint,
            observe=DistilledGrids(self.out / "grids", self._log, data.class_names),
            seed=self.seed,
            device=self.device,
            precision=self.precision,
            keep=self.resolved_keep,
            evaluations=self.evaluations,
            log=JsonLines(self._log),
            show_progress=True,
        )

    def _initial_rows(
        self, data: Dataset, folder: RunFolder, encoder: EncoderSettings
    ) -> np.ndarray[Any, Any]:
        from thinset.experiments.prepare.distilled import initial_rows

        return initial_rows(
            data,
            self.images or (self.resolved_images_per_class or 1) * data.n_classes,
            self.resolved_init,
            folder,
            encoder,
            seed=self.seed,
            device=self.device,
            show_progress=True,
        )

    def _print_scores(self, made: Dataset) -> None:
        from thinset.distillation.distilled_for import kept_of
        from thinset.training.loop.metrics_log import read_log

        points = read_log(self._log)
        if not points:
            return
        scores = ", ".join(
            f"{name} {points[-1][key]:.4g}"
            for key, name in (
                ("train_loss", "loss"),
                ("validation_accuracy", "accuracy"),
            )
            if key in points[-1]
        )
        print(f"{self.method} after {points[-1]['step']:g} steps: {scores}")
        kept = kept_of(made)
        if kept is not None:
            print(f"kept: the images after {kept.step} steps, {kept.metric} {kept.score:.4g}")


Command: type[Any] = dataclasses.make_dataclass(
    "Command",
    METHOD_FIELDS,
    bases=(_Command,),
    frozen=True,
    kw_only=True,
    namespace={
        "__doc__": """Learn a small training set from a large one.

    Writes the images as the dataset folder DIR/dataset, DIR/log.jsonl with losses and scores, and
    DIR/grids with the images at each evaluation. A GAN that is trained with a term is kept as
    DIR/generator.safetensors. Run it again after an interruption to resume.
    """,
        "__module__": __name__,
    },
)
