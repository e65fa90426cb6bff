"""thinset train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from thinset.command_line.arguments import (
    Device,
    Output,
    Seed,
    optional,
    parse_duration,
    typed_again,
)

if TYPE_CHECKING:
    from thinset.training import Log


_SPLIT = 0.5


@dataclass(frozen=True)
class Command:
    """Train the classifier in two phases: on the subset, then on everything.

    Writes DIR/classifier.safetensors, DIR/record.json and DIR/log.jsonl. Run it again after an
    interruption to resume.
    """

    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATASET")]
    """dataset folder with all training samples"""
    out: Output
    """folder of the weights and the record"""
    test: Path
    """dataset folder to test on; used only for reporting"""
    subset: Annotated[Path | None, optional(metavar="DIR")] = None
    """dataset folder with the subset; without it, both phases train on all samples"""
    total: str = "1000st"
    """length of both phases: steps (st), epochs (ep), samples (sa) or time (s, min, h)"""
    split: Annotated[
        float | None, tyro.conf.arg(metavar="SHARE", help_behavior_hint="(default: 0.5)")
    ] = None
    """share of the total spent on the subset, 0 to 1"""
    batch_size: int = 256
    """samples per step"""
    learning_rate: float = 0.05
    """learning rate of stochastic gradient descent; with one_cycle, its maximum"""
    schedule: Literal["constant", "step", "cosine", "one_cycle"] = "constant"
    """schedule of the learning rate, over both phases"""
    warm_up: float = 0.0
    """share of the training in which the learning rate rises; one_cycle has its own"""
    evaluations: int = 10
    """number of tests during the training, evenly spaced"""
    log: Annotated[
        Literal["tensorboard", "wandb", "mlflow"] | None,
        optional(metavar="tensorboard|wandb|mlflow"),
    ] = None
    """tool that the figures of each test are logged to, besides DIR/log.jsonl"""
    seed: Seed = 0
    """seed of the initial weights, the order of the samples and the augmentation"""
    device: Device = "auto"
    """device to compute on"""

    def run(self) -> None:
        from thinset.data import open_dataset, require_matching_splits
        from thinset.experiments.checkpoints import kept_until_done
        from thinset.experiments.prepare.data import Splits
        from thinset.experiments.run_folder import RunFolder
        from thinset.experiments.settings import TrainingSettings, require_valid
        from thinset.experiments.trial import Trial, train
        from thinset.files.decoding import encode
        from thinset.results import FULL, Arm, RunRecord
        from thinset.training import save_weights
        from thinset.training.precision import resolve_device

        resolve_device(self.device)
        if self.subset is None and self.split is not None:
            raise ValueError("--split needs --subset: without one there is a single phase")
        split = _SPLIT if self.split is None else self.split
        data = Splits(open_dataset(self.data), open_dataset(self.test))
        require_matching_splits(data.train, data.test)
        subset = None if self.subset is None else open_dataset(self.subset)
        if subset is not None:
            require_matching_splits(data.train, subset)
        total = parse_duration("--total", self.total)
        training = TrainingSettings(
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            warm_up=self.warm_up,
            evaluations=self.evaluations,
        ).resolved_for(data.train.image_shape)
        require_valid(training)
        sources = {"data": self.data, "test": self.test, "subset": self.subset}
        folder = RunFolder(
            self.out,
            {
                **{name: None if path is None else str(path) for name, path in sources.items()},
                "device": self.device,
                "seed": self.seed,
                "split": split,
                "total": str(total),
                "training": encode(training),
            },
        )
        path = self.out / "record.json"
        if not path.exists():
            trial = Trial(
                name="training",
                arm=FULL if self.subset is None else Arm(data=str(self.subset)),
                comparison="steps",
                seed=self.seed,
                total=total,
                split=None if subset is None else split,
                subset=subset,
                n_samples=0 if subset is None else len(subset),
            )
            with kept_until_done(folder.checkpoint("training")) as checkpoint:
                model, record = train(
                    trial,
                    data.train,
                    data.test,
                    training,
                    device=self.device,
                    command=typed_again("train", self, "data"),
                    checkpoint_path=checkpoint,
                    log=self._log(),
                    show_progress=True,
                )
                save_weights(model, self.out / "classifier.safetensors")
                record.save(path)
        record = RunRecord.load(path)
        print(
            f"{record.main_metric.label} {record.score:.2f} % after {record.steps} steps, "
            f"{record.total_seconds:.1f} s: {path}"
        )

    def _log(self) -> Log:
        from thinset.training import JsonLines

        logs: list[Log] = [JsonLines(self.out / "log.jsonl")]
        if self.log == "tensorboard":
            from thinset.integrations.tensorboard import TensorBoardLog

            logs.append(TensorBoardLog(self.out / "tensorboard"))
        elif self.log == "wandb":
            from thinset.integrations.wandb import wandb_log

            logs.append(wandb_log(self.out))
        elif self.log == "mlflow":
            from thinset.integrations.mlflow import mlflow_log

            logs.append(mlflow_log(self.out))

        def log(values: dict[str, float], step: int) -> None:
            for one in logs:
                one(values, step)

        return log
