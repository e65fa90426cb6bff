"""Write the golden files of the current format versions: `python tests/golden/regenerate.py`.

On an unchanged project this leaves no difference in git. Where it does leave one, the project's
answers or formats have changed: that is a bug, or a new version of a format, which gets file names
of its own here while the old files and their tests stay.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

import thinset
from thinset.data import DatasetWriter, DistilledBy, Parent, ScheduleStep, TrainingSchedule

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

from golden import inputs  # noqa: E402

CASES = {
    "topk": ("topk", 20, {}),
    "topk of smallest": ("topk", 20, {"mode": "min"}),
    "topk of magnitudes": ("topk", 20, {"mode": "abs"}),
    "topk union": ("topk", 20, {"refill": False}),
    "topk of live columns": ("topk", 20, {"drop_constant": True}),
    "topk after first rows": ("topk", 20, {"initial_subset": [40, 3]}),
    "topk balanced": ("topk", 20, {"per_class": "balanced"}),
    "topk proportional": ("topk", 20, {"per_class": "proportional"}),
    "max_sum": ("max_sum", 20, {}),
    "max_sum squared": ("max_sum", 20, {"metric": "sqeuclidean"}),
    "max_sum cosine": ("max_sum", 20, {"metric": "cosine"}),
    "max_sum with exchanges": ("max_sum", 10, {"max_swaps": 4}),
    "max_min": ("max_min", 20, {}),
    "max_min squared": ("max_min", 20, {"metric": "sqeuclidean"}),
    "max_min cosine": ("max_min", 20, {"metric": "cosine"}),
    "max_min after first rows": ("max_min", 20, {"initial_subset": [40, 3]}),
    "max_min with exchanges": ("max_min", 10, {"max_swaps": 4}),
    "facility_location": ("facility_location", 20, {}),
    "facility_location squared": ("facility_location", 20, {"metric": "sqeuclidean"}),
    "facility_location cosine": ("facility_location", 20, {"metric": "cosine"}),
    "facility_location after first rows": ("facility_location", 20, {"initial_subset": [40, 3]}),
    "facility_location balanced": ("facility_location", 20, {"per_class": "balanced"}),
    "kmeans": ("kmeans", 12, {}),
    "kmeans seed 1": ("kmeans", 12, {"random_state": 1}),
    "kmeans seeding alone": ("kmeans", 12, {"random_state": 2**63, "n_iterations": 0}),
    "random": ("random", 20, {}),
    "random seed 1": ("random", 20, {"random_state": 1}),
    "random largest seed": ("random", 20, {"random_state": 2**64 - 1}),
    "random stratified": ("random", 20, {"stratified": True}),
}

# selection_v1.npz is from before there were certificates, and stays as it is.
SAVED_FIGURE = "covering_radius"
SAVED_CERTIFICATE = "lower_bound_of_covering_radius"


def write_selections() -> None:
    X, labels = inputs.embeddings(), inputs.labels()
    cases = {}
    for name, (method, n_samples, options) in CASES.items():
        selection = thinset.select(X, n_samples, method, labels=labels, **options)
        cases[name] = {
            "method": method,
            "n_samples": n_samples,
            "options": options,
            "indices": selection.indices.tolist(),
            "gains": selection.gains.tolist(),
        }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
    (FOLDER / "selections.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")

    selection = thinset.select(X.astype(np.float32), 20)
    selection.objective[SAVED_FIGURE]  # computed now, so that they are saved
    selection.certificates[SAVED_CERTIFICATE]
    selection.save(FOLDER / "selection_v1_with_certificates.npz")


def write_npy_files() -> None:
    for version in (1, 2, 3):
        file = io.BytesIO()
        with warnings.catch_warnings():
            # NumPy points out that older readers know version 1 alone.
            warnings.simplefilter("ignore")
            np.lib.format.write_array(file, inputs.embeddings("float32"), version=(version, 0))
        (FOLDER / f"embeddings_v{version}.npy").write_bytes(file.getvalue())


def write_dataset() -> None:
    """dataset_v1 and subset_v1 are of version 1, and stay as they are."""
    steps = (ScheduleStep((0, 4), 0.02), ScheduleStep((4, inputs.N_IMAGES), 0.0078125))
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "dataset"
        with DatasetWriter(
            written,
            name="golden",
            image_shape=inputs.IMAGE_SHAPE,
            image_dtype="uint8",
            n_samples=inputs.N_IMAGES,
            class_names=inputs.CLASS_NAMES,
            provenance=DistilledBy(
                by="tests/golden/inputs.py",
                parent=Parent("golden parent", 50, "ab" * 32),
                model="cd" * 32,
                seed=7,
                params={"nested": {"x": [1, None, 0.5]}},
            ),
            schedule=TrainingSchedule(steps, repeats=3),
        ) as writer:
            writer.append(inputs.images(), inputs.image_labels(), inputs.soft_labels())
        shutil.copytree(written, FOLDER / "dataset_v2", dirs_exist_ok=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore", thinset.ConstantColumnsWarning)
    write_selections()
    write_npy_files()
    write_dataset()
