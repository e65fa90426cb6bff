"""PatchCore on the embedded digits: banks by thinset, by k-center on random projections, random.

    python benchmarks/studies/patchcore.py [--anomalib FOLDER]

Each class in turn is normal, all others are anomalies; see docs/examples/patchcore_memory_bank.py.
Prints the AUROC (mean and standard deviation over classes and seeds) and the processor time of
choosing the bank. `--anomalib`: the folder of an unpacked anomalib wheel, whose KCenterGreedy is
then measured; its module needs torch and scikit-learn only, though the package needs more.
"""

from __future__ import annotations

import argparse
import importlib.util
import runpy
import statistics
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from thinset.data import import_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

_EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "patchcore_memory_bank.py"
_SEEDS = (0, 1, 2)
_SHARE = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--anomalib", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    example = runpy.run_path(str(_EXAMPLE))
    coreset = example["Coreset"]
    choosers: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "everything": lambda rows: rows,
        "random": lambda rows: rows[torch.randperm(len(rows))[: int(len(rows) * _SHARE)]],
        "thinset max_min": lambda rows: coreset(rows, _SHARE).sample_coreset(),
    }
    if options.anomalib is not None:
        greedy = _k_center_greedy(options.anomalib)
        choosers["anomalib KCenterGreedy"] = lambda rows: greedy(rows, _SHARE).sample_coreset()
    with tempfile.TemporaryDirectory() as scratch:
        digits = import_dataset("digits", Path(scratch) / "digits")
        train, test = digits["train"], digits["test"]
        _measure(example, choosers, train, test)


def _measure(example: dict[str, Any], choosers: Any, train: Any, test: Any) -> None:
    images = {
        name: torch.from_numpy(np.array(data.images)).permute(0, 3, 1, 2) / 255
        for name, data in (("train", train), ("test", test))
    }
    train_labels, test_labels = np.asarray(train.labels), np.asarray(test.labels)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in choosers}
    for seed in _SEEDS:
        for number in range(train.n_classes):
            normal = images["train"][torch.from_numpy(train_labels == number)]
            rows = example["patches"](normal).flatten(0, 1)
            for name, choose in choosers.items():
                torch.manual_seed(seed)
                start = time.process_time()
                bank = choose(rows)
                seconds = time.process_time() - start
                scores = example["scores"](images["test"], bank).numpy()
                found[name].append((float(roc_auc_score(test_labels != number, scores)), seconds))
    print(f"{len(rows):,} patches of the last class, {_SHARE:.0%} kept, {len(_SEEDS)} seeds")
    for name, values in found.items():
        aurocs, seconds = zip(*values, strict=True)
        print(
            f"{name:24} AUROC {statistics.fmean(aurocs):.4f} ± {statistics.stdev(aurocs):.4f}  "
            f"{1000 * statistics.fmean(seconds):8.1f} ms"
        )


def _k_center_greedy(folder: Path) -> Any:
    """KCenterGreedy of an unpacked wheel, without the rest of the package."""
    components = folder / "anomalib" / "models" / "components"
    for name in ("anomalib", "anomalib.models", "anomalib.models.components"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = []
    projection = _load(
        "anomalib.models.components.dimensionality_reduction",
        components / "dimensionality_reduction" / "random_projection.py",
    )
    sys.modules["anomalib.models.components.dimensionality_reduction"] = projection
    module = _load("k_center_greedy", components / "sampling" / "k_center_greedy.py")
    module.tqdm = lambda steps, **_: steps
    return module.KCenterGreedy


def _load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
