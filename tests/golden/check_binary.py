"""Checks a thinset-filter: `python check_binary.py [--against BINARY] COMMAND...`.

COMMAND starts the program, through an emulator if it needs one. Each golden selection is made from
three element types by one and by three threads; rows and gains must be equal to the last bit. With
--against, both programs also choose from larger random matrices, and must agree. Needs numpy alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from golden import inputs

SELECTIONS = json.loads((Path(__file__).parent / "selections.json").read_text(encoding="utf-8"))
_FLAGS = {"drop_constant": "--drop-constant", "stratified": "--stratified"}
_VALUES = {
    "mode": "--mode",
    "metric": "--metric",
    "per_class": "--per-class",
    "max_swaps": "--max-swaps",
    "random_state": "--seed",
    "n_iterations": "--iterations",
}


def arguments_of(case: dict, folder: Path) -> list[str]:
    """The options of thinset-filter for a golden case."""
    arguments = ["-n", str(case["n_samples"]), "-m", case["method"]]
    for name, value in case["options"].items():
        if name == "initial_subset":
            np.save(folder / "initial.npy", np.array(value, np.int64))
            arguments += ["--initial-subset", str(folder / "initial.npy")]
        elif name == "refill":
            arguments += [] if value else ["--no-refill"]
        elif name in _FLAGS:
            arguments += [_FLAGS[name]] if value else []
        else:
            arguments += [_VALUES[name], str(value)]
    if {"per_class", "stratified"} & case["options"].keys():
        arguments += ["--labels", str(folder / "labels.npy")]
    return arguments


def select(command: list[str], *arguments: str) -> tuple[list[int], list[float | None]]:
    """Rows and gains; null stands for an infinite gain."""
    done = subprocess.run(
        [*command, "select", *arguments, "--json"], capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    return answer["indices"], answer["gains"]


def golden_differences(command: list[str], folder: Path) -> tuple[int, list[str]]:
    n_compared, wrong = 0, []
    np.save(folder / "labels.npy", inputs.labels())
    for dtype in ("float16", "float32", "float64"):
        path = folder / f"{dtype}.npy"
        np.save(path, inputs.embeddings(dtype))
        for name, case in SELECTIONS.items():
            gains = [gain if np.isfinite(gain) else None for gain in case["gains"]]
            arguments = arguments_of(case, folder)
            for n_threads in ("1", "3"):
                found = select(command, str(path), *arguments, "-t", n_threads)
                n_compared += 1
                if found != (case["indices"], gains):
                    wrong.append(f"{name}, {dtype}, {n_threads} threads")
    return n_compared, wrong


def differences(command: list[str], against: list[str], folder: Path) -> tuple[int, list[str]]:
    n_compared, wrong = 0, []
    generator = np.random.default_rng(0)
    X = np.maximum(generator.standard_normal((2500, 70)) @ generator.standard_normal((70, 70)), -4)
    np.save(folder / "labels.npy", generator.integers(0, 4, len(X)))
    for dtype in ("float16", "float32", "float64"):
        path = folder / f"{dtype}.npy"
        np.save(path, X.astype(dtype))
        for name, case in SELECTIONS.items():
            larger = {**case, "n_samples": 5 * case["n_samples"]}
            arguments = arguments_of(larger, folder)
            n_compared += 1
            if select(command, str(path), *arguments) != select(against, str(path), *arguments):
                wrong.append(f"{name}, {dtype}, 2500 x 70")
    return n_compared, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        n_compared, wrong = golden_differences(options.command, Path(folder))
        if options.against is not None:
            n_larger, wrong_larger = differences(options.command, [options.against], Path(folder))
            n_compared += n_larger
            wrong += wrong_larger
    for line in wrong:
        print(f"differs: {line}")
    print(f"{n_compared - len(wrong)} of {n_compared} selections are equal to the last bit")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
