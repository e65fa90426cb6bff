"""Memory and time of unrolled trainings: `python benchmarks/studies/unrolled_memory.py`.

The gradients of one step of dataset distillation, with one graph of all T inner steps and with
graphs of segments, each in a process of its own, on one thread. Prints the table that stands in
python/thinset/distillation/methods/dd.md.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from thinset.distillation.unrolled import InnerSteps, unrolled_gradients, weights_of
from thinset.distillation.unrolled_memory import predicted_memory
from thinset.models.classifiers import CLASSIFIERS

# Images of ten classes: the network, their shape, and real images in a batch.
CASES = (("lenet", (28, 28, 1), 1024), ("alexnet", (32, 32, 3), 256))
N_STEPS = (10, 30, 60)
N_PARTS = 10
N_REPEATS = 5
MB = 1e6


def status_bytes(entry: str) -> int:
    """An entry of the status of this process, on Linux."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"^{entry}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


def measure(name: str, n_steps: int, *, in_segments: bool) -> dict[str, float]:
    """Peak bytes above those before, predicted bytes, and median seconds of processor time."""
    torch.set_num_threads(1)
    shape, batch_size = next((shape, size) for case, shape, size in CASES if case == name)
    height, width, channels = shape
    generator = torch.Generator().manual_seed(0)
    network = CLASSIFIERS[name](shape, 10, generator=generator)
    memory = predicted_memory(network, shape, 10, n_images=10, batch_size=batch_size)
    segment = memory.best_segment(n_steps) if in_segments else None
    predicted = memory.whole(n_steps) if segment is None else memory.segmented(n_steps, segment)

    def images(*sizes: int) -> torch.Tensor:
        return torch.rand((*sizes, channels, height, width), generator=generator)

    steps = InnerSteps(
        images(N_PARTS, 10), torch.arange(10).repeat(N_PARTS, 1), torch.full((n_steps,), 0.02)
    )
    batch = images(batch_size), torch.randint(10, (batch_size,), generator=generator)

    def take() -> None:
        unrolled_gradients(network, weights_of(network), steps, *batch, segment=segment)

    before = status_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
    take()
    peak = status_bytes("VmHWM") - before
    seconds = []
    for _ in range(N_REPEATS):
        start = time.process_time()
        take()
        seconds.append(time.process_time() - start)
    return {
        "peak": peak,
        "predicted": predicted,
        "segment": segment or n_steps,
        "seconds": statistics.median(seconds),
    }


def main() -> None:
    """Measure in child processes and print."""
    print("| network | T | graph | segment | predicted MB | peak MB | seconds | time ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for name, _, _ in CASES:
        for n_steps in N_STEPS:
            whole_seconds = 0.0
            for graph in ("whole", "segments"):
                arguments = [sys.executable, __file__, "--child", name, str(n_steps), graph]
                found = json.loads(subprocess.check_output(arguments))
                whole_seconds = whole_seconds or found["seconds"]
                print(
                    f"| {name} | {n_steps} | {graph} | {found['segment']} "
                    f"| {found['predicted'] / MB:.0f} | {found['peak'] / MB:.0f} "
                    f"| {found['seconds']:.2f} | {found['seconds'] / whole_seconds:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    child = parser.parse_args().child
    if child is None:
        main()
    else:
        name, n_steps, graph = child
        print(json.dumps(measure(name, int(n_steps), in_segments=graph == "segments")))
