"""The figures of a training in Weights & Biases."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wandb

if TYPE_CHECKING:
    import os

    from thinset.training.loop.metrics_log import Log


def wandb_log(path: str | os.PathLike[str], **options: Any) -> Log:
    """Start the run of the folder `path`, or continue it; return its `log`.

    `options`: for wandb.init, such as `project` and `mode`; WANDB_ environment variables apply.
    """
    name = str(Path(path).resolve())
    run = wandb.init(
        **{
            "dir": name,
            "id": hashlib.sha256(name.encode()).hexdigest()[:16],
            "name": Path(name).name,
            "resume": "allow",
            **options,
        }
    )

    def log(values: dict[str, float], step: int) -> None:
        run.log(values, step=step, commit=True)

    return log
