"""Engines by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from thinset import _core
from thinset.distributed.engine import Engine, as_workers
from thinset.distributed.local_engine import LocalEngine
from thinset.selection.arguments import shown

if TYPE_CHECKING:
    from thinset.distributed.ray_engine import RayEngine
    from thinset.distributed.torch_engine import TorchEngine

NAMES = ("local", "ray", "torch")


def engine_of(engine: str | Engine, n_workers: int | None) -> tuple[Engine, bool]:
    """The engine, and whether it was made here, so that it is closed afterwards."""
    if isinstance(engine, Engine):
        if n_workers is not None:
            raise ValueError("n_workers applies to the name of an engine; this one has workers")
        return engine, False
    if n_workers is not None:
        n_workers = as_workers(n_workers)
    if engine == "local":
        return LocalEngine(1 if n_workers is None else n_workers), True
    if engine == "ray":
        return _ray_engine()(n_workers), True
    if engine == "torch":
        return _torch_engine()(n_workers), True
    raise ValueError(f"engine must be one of {', '.join(NAMES)}; got {shown(engine)}")


def threads_of(engine: Engine) -> int:
    """How many threads each worker has if none are asked for; 0: all of its machine."""
    if engine.name == "ray":
        return int(getattr(engine, "cpus_per_worker", 1))
    if engine.name == "torch":
        ranks_here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        return max(1, _core.available_processors() // ranks_here)
    return 0


# Imported late: they load Ray and PyTorch.
def _ray_engine() -> type[RayEngine]:
    from thinset.distributed.ray_engine import RayEngine

    return RayEngine


def _torch_engine() -> type[TorchEngine]:
    from thinset.distributed.torch_engine import TorchEngine

    return TorchEngine
