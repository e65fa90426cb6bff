"""Runs one command again and again, each time with another failing call; started by the tests.

    python failing_commands.py SCENARIO PLAN

under the preloaded library of failing_calls.py. PLAN is JSON: a list of [call, error, always, step,
limit]. The command is run once undisturbed, so that everything is loaded; every further run is a
child process in which one call fails, or which is killed there. Prints one line of JSON: how many
calls failed, and everything that should not have happened.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from failing_calls import fail
from thinset.augmentation.generators.flow import Settings
from thinset.augmentation.train import train_generator
from thinset.command_line import main
from thinset.data import DatasetWriter, open_dataset, verify_dataset, write_subset

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 60  # seconds of one run
_LEFTOVERS = (".partial", ".replaced")


class Scenario(NamedTuple):
    """A command, what it finds, and what must be there whenever it says that it is done."""

    command: str
    prepare: Callable[[], None]
    outputs: tuple[str, ...]
    # Dataset folders that exist before and must be whole at any time, the old or the new one.
    never_missing: tuple[str, ...] = ()
    # A dataset folder that must be the same in the end as if nothing had happened.
    learned: str | None = None


def _save(folder: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    with DatasetWriter(
        folder, name="d", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=40
    ) as writer:
        writer.append(generator.integers(0, 256, (40, 8, 8, 1), np.uint8), np.arange(40) % 2)


def _subset() -> None:
    _save("data", 0)
    np.save("rows.npy", np.array([5, 3, 8]))
    write_subset([1, 2], "data", "out")


def _import() -> None:
    Path("pair").mkdir()
    np.save("pair/images.npy", np.full((30, 8, 8, 1), 7, np.uint8))
    np.save("pair/labels.npy", np.arange(30) % 3)
    _save("out/train", 1)
    _save("out/test", 2)


def _splits() -> None:
    _save("data/train", 0)
    _save("data/test", 1)


def _split() -> None:
    _save("data", 0)
    _save("out/train", 1)
    _save("out/validation", 2)


def _model() -> None:
    _save("out", 1)
    settings = Settings(batch_size=8, widths=(8, 8), n_steps=1)
    _save("data", 0)
    Path("model").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train_generator(
            open_dataset("data"), "model/generator.safetensors", settings=settings, length="1st",
            evaluations=1, device="cpu",
        )  # fmt: skip


def _applied() -> None:
    _splits()
    _save("out", 2)


_RUN = (
    "run data -o out --preset smoke --encoder pca --steps 4st --n-samples 0.2 --n-seeds 1 "
    "--batch-size 8 --device cpu"
)
SCENARIOS = {
    "subset": Scenario(
        "subset rows.npy data -o out --overwrite", _subset, ("out/manifest.json",), ("out",)
    ),
    "import": Scenario(
        "data import pair -o out --overwrite", _import, ("out/train/manifest.json",), ("out/train",)
    ),
    "split": Scenario(
        "data split data -o out --train 0.5 --shares 1.0 0.5 --overwrite",
        _split,
        ("out/train/manifest.json", "out/validation/manifest.json", "out/subsets/0.50.npz"),
        ("out/train", "out/validation"),
    ),
    "embed": Scenario(
        "embed data/train -o out --length 2st --batch-size 8 --widths 2 2 2 --device cpu",
        _splits,
        ("out/embeddings/embeddings.npy", "out/embeddings/embeddings.json"),
    ),
    "train": Scenario(
        "train data/train --test data/test -o out --total 4st --batch-size 8 --evaluations 2 "
        "--device cpu",
        _splits,
        ("out/record.json", "out/classifier.safetensors"),
    ),
    "augment train": Scenario(
        "augment train data/train -o out --model flow --length 4st --widths 8 8 --n-steps 1 "
        "--batch-size 8 --evaluations 1 --device cpu",
        _splits,
        ("out/generator.safetensors", "out/settings.json"),
    ),
    "distill": Scenario(
        "distill data/train -o out --method dd --images-per-class 1 --initial-weights fixed "
        "--network convnet --width 0.1 --length 4st --n-epochs 2 --batch-size 8 --evaluations 2 "
        "--device cpu",
        _splits,
        ("out/dataset/manifest.json", "out/log.jsonl", "out/settings.json"),
        learned="out/dataset",
    ),
    "augment sample": Scenario(
        "augment sample model -n 30 -o out --overwrite --device cpu",
        _model,
        ("out/manifest.json",),
        ("out",),
    ),
    "augment apply": Scenario(
        "augment apply data/train --method rotblur -o out --overwrite --device cpu",
        _applied,
        ("out/manifest.json",),
        ("out",),
    ),
    "run": Scenario(_RUN, _splits, ("out/report/index.html", "out/report/records.json")),
}


def _in_child(work: Path, action: Callable[[], int]) -> tuple[int, str]:
    """Exit status, or minus the signal, and what was written to standard error."""
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            status = 99
            try:
                os.chdir(work)
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 1)
                os.dup2(errors.fileno(), 2)
                status = action()
            except BaseException:  # noqa: BLE001 - nothing may leave the child
                with contextlib.suppress(BaseException):
                    traceback.print_exc()
            finally:
                os._exit(status)
        status = _wait(child)
        errors.seek(0)
        return status, errors.read().decode(errors="replace")


def _wait(child: int) -> int:
    end = time.monotonic() + _LONGEST
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGABRT)
    os.waitpid(child, 0)
    return -int(signal.SIGALRM)


def _problems(scenario: Scenario, work: Path, status: int, errors: str, error: str) -> list[str]:
    found = []
    expected = (-9, 0) if error == "KILL" else (0, 1, 3, 4)
    if status not in expected:
        found.append(f"status {status}")
    found += [word for word in ("Traceback", "is a bug", "Exception ignored") if word in errors]
    if status == 0:
        found += [f"no {name}" for name in scenario.outputs if not (work / name).is_file()]
    return found + [p for name in scenario.never_missing for p in _damage(work / name)]


def _damage(dataset: Path) -> list[str]:
    try:
        verify_dataset(dataset)
    except (OSError, ValueError) as problem:
        return [f"{dataset.name}: {problem}"]
    return []


def _problems_afterwards(
    scenario: Scenario, work: Path, arguments: list[str], expected: dict[str, str]
) -> list[str]:
    """Whether the same command, undisturbed, ends well and leaves nothing but its results."""
    status, errors = _in_child(work, lambda: main(arguments))
    found = [] if status == 0 else [f"afterwards status {status}: {errors[-300:]}"]
    found += [f"afterwards no {name}" for name in scenario.outputs if not (work / name).is_file()]
    found += [
        f"left over: {path.relative_to(work)}"
        for path in work.rglob("*")
        if path.name.endswith(_LEFTOVERS)
    ]
    if status == 0 and _fingerprints(scenario, work) != expected:
        found.append("afterwards another result")
    return found


def _fingerprints(scenario: Scenario, work: Path) -> dict[str, str]:
    names = (*scenario.never_missing, *([] if scenario.learned is None else [scenario.learned]))
    return {name: open_dataset(work / name).fingerprint for name in names}


def sweep(scenario: Scenario, plan: list[list[Any]]) -> tuple[int, list[str]]:
    report = Path(os.environ["THINSET_FAIL_REPORT"])
    arguments = scenario.command.split()
    found: list[str] = []
    n_failed = 0
    with tempfile.TemporaryDirectory() as name:
        template, work = Path(name, "template"), Path(name, "work")
        template.mkdir()
        os.chdir(template)
        scenario.prepare()
        shutil.copytree(template, work)
        os.chdir(work)
        if main(arguments) != 0:
            return 0, ["the undisturbed command fails"]
        expected = _fingerprints(scenario, work)
        os.chdir("/")
        for call, error, always, step, limit in plan:
            for at in range(1, limit, step):
                shutil.rmtree(work)
                shutil.copytree(template, work)
                report.unlink(missing_ok=True)

                def action(call: str = call, at: int = at, error: str = error) -> int:
                    fail(call, at, error, always=always)  # noqa: B023 - called in this round
                    return main(arguments)

                status, errors = _in_child(work, action)
                if not report.exists():
                    break
                n_failed += 1
                problems = _problems(scenario, work, status, errors, error)
                problems += _problems_afterwards(scenario, work, arguments, expected)
                if problems:
                    found.append(f"{call} {at} {error}: {problems}: {errors[-400:]}")
    return n_failed, found


def kill(scenario: Scenario, n_kills: int, seed: int) -> tuple[int, list[str]]:
    """Kill the command at so many random moments, and look at what is there.

    A command that ends before its moment comes does not count, and is tried again.
    """
    arguments = scenario.command.split()
    generator = np.random.default_rng(seed)
    found: list[str] = []
    n_killed = 0
    with tempfile.TemporaryDirectory() as name:
        template, work = Path(name, "template"), Path(name, "work")
        template.mkdir()
        os.chdir(template)
        scenario.prepare()
        shutil.copytree(template, work)
        os.chdir(work)
        if main(arguments) != 0:
            return 0, ["the undisturbed command fails"]
        expected = _fingerprints(scenario, work)
        os.chdir("/")
        # Not of the first time, which loads libraries.
        shutil.rmtree(work)
        shutil.copytree(template, work)
        start = time.monotonic()
        _in_child(work, lambda: main(arguments))
        longest = time.monotonic() - start
        for _ in range(5 * n_kills):
            if n_killed == n_kills:
                break
            shutil.rmtree(work)
            shutil.copytree(template, work)
            seconds = float(generator.uniform(0, longest))

            def action(seconds: float = seconds) -> int:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                parent = os.getpid()
                if os.fork() == 0:
                    time.sleep(seconds)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(parent, signal.SIGKILL)
                    os._exit(0)
                return main(arguments)

            status, errors = _in_child(work, action)
            n_killed += status == -signal.SIGKILL
            problems = _problems(scenario, work, status, errors, "KILL")
            problems += _problems_afterwards(scenario, work, arguments, expected)
            if problems:
                found.append(f"after {seconds:.3f} s: {problems}: {errors[-400:]}")
    return n_killed, found


if __name__ == "__main__":
    name, plan = sys.argv[1], json.loads(sys.argv[2])
    if isinstance(plan, int):
        n, problems = kill(SCENARIOS[name], plan, seed=0)
    else:
        n, problems = sweep(SCENARIOS[name], plan)
    sys.stdout.write(json.dumps({"n": n, "problems": problems}) + "\n")
