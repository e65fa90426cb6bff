"""One of two processes that train with Accelerate: writes what it saw to FOLDER/RANK.json.

Started by torchrun: accelerate_processes.py FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from accelerate import Accelerator, DataLoaderConfiguration
from torch.utils.data import DataLoader

from thinset.training import LossPruningSampler, TwoPhaseEpochSampler, TwoPhaseSampler

N_TOTAL = 32
SUBSET = list(range(8))
CONFIGURATIONS = {
    "shard": {},
    "split": {"split_batches": True},
    "dispatch": {"dispatch_batches": True},
    "dispatch and split": {"dispatch_batches": True, "split_batches": True},
    "uneven": {"even_batches": False},
    "seedable": {"use_seedable_sampler": True},
}


def sampler(**options) -> TwoPhaseSampler:
    return TwoPhaseSampler(N_TOTAL, SUBSET, **{"fast": "2ep", **options})


def loader(one, batch_size: int = 2, n_workers: int = 0) -> DataLoader:
    numbers = torch.arange(N_TOTAL)
    return DataLoader(numbers, batch_size=batch_size, sampler=one, num_workers=n_workers)


def accelerator(**configuration) -> Accelerator:
    return Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(**configuration))


def passes(source, n: int = 3) -> list[list[list[int]]]:
    return [[batch.tolist() for batch in source] for _ in range(n)]


def two_phases() -> dict:
    seen = {}
    for name, configuration in CONFIGURATIONS.items():
        prepared = accelerator(**configuration).prepare(loader(sampler()))
        length = len(prepared)
        next(iter(prepared))
        seen[name] = {"length": length, "passes": passes(prepared)}
    prepare = accelerator().prepare
    seen["workers"] = {"passes": passes(prepare(loader(sampler(), n_workers=2)))}
    seen["not prepared"] = {"passes": passes(loader(sampler()))}
    seen["larger batches"] = {"passes": passes(prepare(loader(sampler(), 6)))}
    return seen


def announced() -> list:
    """Length and phase before each pass, in the process that reads and in the other."""
    one = sampler()
    prepared = accelerator(dispatch_batches=True).prepare(loader(one))
    next(iter(prepared))
    seen = []
    for _ in range(4):
        seen.append([len(prepared), one.phase])
        seen[-1].append(len(list(zip(prepared, strict=True))))
    return seen


def steps() -> list[int]:
    """How many steps the fast phase of 3 takes: whole passes are of two steps here."""
    prepared = accelerator().prepare(loader(sampler(fast="3st", batch_size=2)))
    return [len(one) for one in passes(prepared)]


def epochs() -> list:
    prepared = accelerator().prepare(loader(TwoPhaseEpochSampler(N_TOTAL, SUBSET, fast="4ep")))
    return passes(prepared)


def resumed() -> list:
    """Rest of the passes after each of the first steps."""
    prepare = accelerator().prepare
    one = sampler()
    source = prepare(loader(one))
    states = [one.state_dict() for _ in range(3) for _ in source]
    rests = []
    for state in (states[0], states[1], states[2], states[5]):
        again = sampler()
        again.load_state_dict(state)
        rests.append(passes(prepare(loader(again)), 2))
    return rests


def left_early() -> list:
    """Every pass is left after two steps of four samples, but a look before counts nothing."""
    prepared = accelerator().prepare(loader(sampler(fast="3ep"), 1))
    next(iter(prepared))
    seen = []
    for _ in range(4):
        seen.append([])
        for batch in prepared:
            seen[-1] += batch.tolist()
            if len(seen[-1]) == 3:
                break
    return seen


def refusals() -> dict[str, str]:
    def message(function, *arguments) -> str:
        try:
            function(*arguments)
        except RuntimeError as error:
            return str(error)
        return ""

    prepare = accelerator().prepare
    explicit = prepare(loader(sampler(num_replicas=2, rank=int(os.environ["RANK"]))))
    pruning = LossPruningSampler(N_TOTAL, 3)
    batch = next(iter(prepare(loader(pruning))))
    dispatched = accelerator(dispatch_batches=True).prepare(loader(LossPruningSampler(32, 3)))
    return {
        "twice": message(next, iter(explicit)),
        "in turn": message(pruning.mean, batch.float()),
        "dispatched": message(len, dispatched),
    }


def pruned(prepare, **options) -> dict:
    one = LossPruningSampler(N_TOTAL, 5)
    source = prepare(loader(one, 3))
    seen, lengths = [], []
    for _ in range(5):
        lengths.append(len(source))
        rows = []
        for batch in source:
            rows.append(batch.tolist())
            losses = torch.where(batch < 20, 0.1, 2.0)
            one.mean(losses, batch) if options["by_index"] else one.mean(losses)
        seen.append(rows)
    state = one.state_dict()
    return {"passes": seen, "lengths": lengths, "latest": state["latest"].tolist()}


def main(folder: Path) -> None:
    early = sampler()
    accelerator()
    seen = {
        "two phases": two_phases(),
        "made early": passes(accelerator().prepare(loader(early))),
        "steps": steps(),
        "announced": announced(),
        "epochs": epochs(),
        "resumed": resumed(),
        "left early": left_early(),
        "refusals": refusals(),
        "pruned": pruned(accelerator().prepare, by_index=True),
        "pruned without": pruned(lambda source: source, by_index=False),
    }
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    torch.distributed.barrier()
    # What torch takes down at exit now and then aborts where the other process was faster.
    os._exit(0)
