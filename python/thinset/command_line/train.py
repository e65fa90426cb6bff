"""thinset train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from thinset.command_line.arguments import (
    Device,
    Model,
    Output,
    Seed,
    optional,
    parse_duration,
    typed_again,
)
from thinset.command_line.usage import UsageError

if TYPE_CHECKING:
    from thinset.data import Dataset
    from thinset.results import Arm
    from thinset.training import Log


_SPLIT = 0.5
_TOTAL = "1000st"


@dataclass(frozen=True)
class Command:
    """Train the classifier in two phases: on the subset, then on everything.

    A distilled dataset, as DATASET alone or as the subset, is trained on by its stored steps: each
    step once, with its own step size.

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
    total: Annotated[
        str | None, tyro.conf.arg(metavar="LENGTH", help_behavior_hint="(default: 1000st)")
    ] = None
    """length of both phases: steps (st), epochs (ep), samples (sa) or time (s, min, h)"""
    split: Annotated[
        float | None, tyro.conf.arg(metavar="SHARE", help_behavior_hint="(default: 0.5)")
    ] = None
    """share of the total spent on the subset, 0 to 1"""
    ordinary: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """train on a distilled dataset like on any other, without its stored steps"""
    model: Model = None
    """classifier; by default the network that a replayed dataset was distilled for, else paper"""
    batch_size: int = 256
    """samples per step"""
    learning_rate: float = 0.05
    """learning rate of stochastic gradient descent; with one_cycle, its maximum"""
    schedule: Literal["constant", "step", "cosine", "one_cycle"] = "constant"
    """schedule of the learning rate, over both phases"""
    warm_up: float = 0.0
    """share of the training in which the learning rate rises; 0 is a fifth with one_cycle"""
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
        from thinset.data.matching_splits import require_matching_samples
        from thinset.experiments.checkpoints import kept_until_done
        from thinset.experiments.prepare.data import Splits, note_few_tests
        from thinset.experiments.replayed import require_replayable
        from thinset.experiments.run_folder import RunFolder
        from thinset.experiments.settings import TrainingSettings, require_valid
        from thinset.experiments.trial import Trial, train
        from thinset.files.decoding import encode
        from thinset.results import FULL, RunRecord
        from thinset.training import Duration, TwoPhase, save_weights
        from thinset.training.precision import resolve_device

        resolve_device(self.device)
        if self.subset is None and self.split is not None:
            raise UsageError("--split needs --subset: without one there is a single phase")
        data = Splits(open_dataset(self.data), open_dataset(self.test))
        require_matching_splits(data.train, data.test)
        subset = None if self.subset is None else open_dataset(self.subset)
        if subset is not None:
            require_matching_samples(data.train, subset)
        replayed = self._replayed(data.train, subset)
        if replayed is not None and subset is None:
            assert replayed.schedule is not None
            subset, split = replayed, 1.0
            total = Duration(replayed.schedule.n_steps, "st")
        else:
            split = _SPLIT if self.split is None else self.split
            total = parse_duration("--total", _TOTAL if self.total is None else self.total)
        training = TrainingSettings(
            **self._classifier(replayed),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            warm_up=self.warm_up,
            evaluations=self.evaluations,
        ).resolved_for(data.train.image_shape)
        require_valid(training)
        if replayed is not None:
            require_replayable(replayed, data.train, training)
            TwoPhase(data.train, replayed, split, total, replay=True)
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
                **({"ordinary": True} if self.ordinary else {}),
            },
        )
        path = self.out / "record.json"
        if not path.exists():
            note_few_tests(data.test)
            trial = Trial(
                name="training",
                arm=FULL if subset is None else self._arm(subset),
                comparison="steps",
                seed=self.seed,
                total=total,
                split=None if subset is None else split,
                subset=subset,
                n_samples=0 if subset is None else len(subset),
                replays=replayed is not None,
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
        stored = f", {record.replayed_steps} of them stored" if record.replayed_steps else ""
        print(
            f"{record.main_metric.label} {record.score:.2f} % after {record.steps} steps{stored}, "
            f"{record.total_seconds:.1f} s: {path}"
        )

    def _replayed(self, data: Dataset, subset: Dataset | None) -> Dataset | None:
        """The dataset to train on by its stored steps; None if there is none.

        Raises ValueError for options that do not go with it.
        """
        first = data if subset is None else subset
        if self.ordinary or first.schedule is None:
            if self.ordinary and first.schedule is None:
                raise ValueError(
                    f"--ordinary is for distilled data: {first.path} has no stored steps"
                )
            return None
        n_steps = first.schedule.n_steps
        if self.split is not None:
            raise ValueError(
                f"--split does not apply: {first.path} is trained on by its {n_steps} stored "
                "steps; use --ordinary to train on it like on any other dataset"
            )
        if subset is None and self.total is not None:
            raise ValueError(
                f"--total does not apply: {first.path} is trained on by its {n_steps} stored "
                "steps. To fine-tune after them, give the full data as DATASET and this folder as "
                "--subset; use --ordinary to train on it like on any other dataset"
            )
        return first

    def _classifier(self, replayed: Dataset | None) -> dict[str, Any]:
        """The settings of the classifier, by the distilled dataset that is replayed."""
        from thinset.distillation.distilled_for import DistilledFor, require_known_network

        if replayed is None:
            return {"model": self.model}
        made_for = DistilledFor.of(replayed)
        if self.model is not None:
            return {"model": self.model, "crop": "whole"}
        if made_for.name is None:
            raise ValueError(
                f"{replayed.path} does not say which network it was distilled for: its manifest "
                "has no provenance.params.settings.network; give --model, or --ordinary to train "
                "on it without its stored steps"
            )
        require_known_network(replayed, "--model")
        return {"model": made_for.name, "width": made_for.width, "crop": "whole"}

    def _arm(self, subset: Dataset) -> Arm:
        from thinset.results import Arm

        return Arm(data=str(subset.path), is_ordinary=self.ordinary)

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
