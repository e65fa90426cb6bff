"""What earlier versions wrote still loads, and the same questions still get the same answers."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest

import thinset
from golden import inputs
from oracles import selection as oracle
from thinset.data import (
    DistilledBy,
    Parent,
    ScheduleStep,
    SelectedFrom,
    TrainingSchedule,
    verify_dataset,
)

pytestmark = pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")

FOLDER = Path(__file__).parents[1] / "golden"
SELECTIONS = json.loads((FOLDER / "selections.json").read_text(encoding="utf-8"))
SUBSET_FINGERPRINT = "8047664adf4345938b14994c87749c65b963a8c264c0ce941ade77154f552f57"
DATASET_2_FINGERPRINT = "4eb5058abd7e888492baddd2823d8dd61daaed88b9b54478730d00cbb8a07eff"
DATASET_FINGERPRINT = "b51e3618298d2f313aca7aaf9353803c8adcad67ecdc85aa7d971a82d83a97cf"


def answer(name, X, **changes):
    case = SELECTIONS[name]
    options = {"labels": inputs.labels(), **case["options"], **changes}
    return thinset.select(X, case["n_samples"], case["method"], **options)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", SELECTIONS)
def test_selections(name, dtype):
    for n_threads in (1, 3):
        selection = answer(name, inputs.embeddings(dtype), n_threads=n_threads)
        assert selection.indices.tolist() == SELECTIONS[name]["indices"]
        # To the last bit: the core's arithmetic has one order on every machine.
        assert selection.gains.tolist() == SELECTIONS[name]["gains"]


@pytest.mark.parametrize("name", SELECTIONS)
def test_selections_in_bfloat16(name):
    torch = pytest.importorskip("torch")
    selection = answer(name, torch.from_numpy(inputs.embeddings()).to(torch.bfloat16))
    assert selection.indices.tolist() == SELECTIONS[name]["indices"]
    assert selection.gains.tolist() == SELECTIONS[name]["gains"]


@pytest.mark.parametrize("name", SELECTIONS)
def test_the_golden_answers_are_right(name):
    """They follow from the definitions: nothing wrong is kept for ever."""
    case = SELECTIONS[name]
    options = dict(case["options"])
    kind = "proportional" if options.pop("stratified", False) else options.pop("per_class", None)
    if "initial_subset" in options:
        options["initial"] = options.pop("initial_subset")
    if case["method"] in ("random", "kmeans"):
        options["seed"] = options.pop("random_state", 0)
    X, k = inputs.embeddings(), case["n_samples"]
    if case["method"] == "random":
        choose = functools.partial(
            lambda generator, rows, budget: oracle.random(len(rows), budget, generator=generator),
            oracle.Random(options["seed"]),
        )
        alone = functools.partial(oracle.random, len(X), k, **options)
    else:
        method = getattr(oracle, case["method"])
        choose = lambda rows, budget: method(X[rows], budget, **options)  # noqa: E731
        alone = functools.partial(method, X, k, **options)
    indices, gains = oracle.per_class(inputs.labels(), k, kind, choose) if kind else alone()
    assert case["indices"] == list(indices)
    assert case["gains"] == list(gains)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_npy_files(version):
    path = FOLDER / f"embeddings_v{version}.npy"
    assert path.read_bytes()[6] == version
    mapped = thinset._core.open_npy(str(path))
    assert mapped.dtype == np.float32
    np.testing.assert_array_equal(mapped, inputs.embeddings("float32"))
    assert answer("topk", path).indices.tolist() == SELECTIONS["topk"]["indices"]


@pytest.mark.parametrize(
    ("name", "figures", "certificates"),
    [
        (
            "selection_v1",
            {"sum_of_pairwise_distances", "smallest_pairwise_distance", "covering_radius"},
            set(),
        ),
        (
            "selection_v1_with_certificates",
            {"covering_radius"},
            {"lower_bound_of_covering_radius"},
        ),
    ],
)
def test_saved_selection(name, figures, certificates):
    selection = thinset.Selection.load(FOLDER / f"{name}.npz")
    assert selection.indices.tolist() == SELECTIONS["topk"]["indices"]
    assert selection.gains.tolist() == SELECTIONS["topk"]["gains"]
    assert (selection.n_total, selection.method) == (inputs.N_ROWS, "topk")
    assert selection.constant_columns == (inputs.N_COLUMNS - 1,)
    assert selection.params == {
        "n_samples": 20,
        "metric": "euclidean",
        "per_class": None,
        "random_state": 0,
        "mode": "max",
        "refill": True,
        "drop_constant": False,
        "n_initial": 0,
        "dtype": "float32",
        "n_columns": inputs.N_COLUMNS,
    }
    fresh = answer("topk", inputs.embeddings("float32"))
    assert dict(selection.objective) == {key: fresh.objective[key] for key in figures}
    assert dict(selection.certificates) == {key: fresh.certificates[key] for key in certificates}


def test_dataset_folder_of_version_1(tmp_path):
    verify_dataset(FOLDER / "dataset_v1")
    dataset = thinset.open_dataset(FOLDER / "dataset_v1")
    np.testing.assert_array_equal(dataset.images, inputs.images())
    np.testing.assert_array_equal(dataset.labels, inputs.image_labels())
    assert dataset.class_names == inputs.CLASS_NAMES
    assert (dataset.name, len(dataset)) == ("golden", inputs.N_IMAGES)
    assert dataset.manifest.provenance == {"source": "tests/golden/inputs.py"}
    assert dataset.fingerprint == DATASET_FINGERPRINT
    subset = thinset.write_subset([7, 0, 7], dataset, tmp_path / "subset")
    np.testing.assert_array_equal(subset.images, inputs.images()[[7, 0, 7]])


def test_subset_folder_of_version_1(tmp_path):
    verify_dataset(FOLDER / "subset_v1")
    subset = thinset.open_dataset(FOLDER / "subset_v1")
    rows = [8, 7, 6, 9]
    np.testing.assert_array_equal(subset.array("indices"), rows)
    np.testing.assert_array_equal(subset.images, inputs.images()[rows])
    np.testing.assert_array_equal(subset.labels, inputs.image_labels()[rows])
    assert subset.fingerprint == SUBSET_FINGERPRINT
    assert (subset.soft_labels, subset.schedule) == (None, None)
    provenance = subset.manifest.provenance
    assert provenance["parent"] == {
        "n_samples": inputs.N_IMAGES,
        "name": "golden",
        "fingerprint": DATASET_FINGERPRINT,
    }
    assert (provenance["kind"], provenance["method"]) == ("subset", "topk")
    # Selected again, it has the same content and fingerprint in version 2.
    made = thinset.write_subset(rows, FOLDER / "dataset_v1", tmp_path / "subset")
    assert made.fingerprint == SUBSET_FINGERPRINT
    assert made.manifest.provenance == SelectedFrom(
        parent=Parent("golden", inputs.N_IMAGES, DATASET_FINGERPRINT)
    )


def test_dataset_folder_of_version_2():
    verify_dataset(FOLDER / "dataset_v2")
    dataset = thinset.open_dataset(FOLDER / "dataset_v2")
    np.testing.assert_array_equal(dataset.images, inputs.images())
    np.testing.assert_array_equal(dataset.labels, inputs.image_labels())
    np.testing.assert_array_equal(dataset.soft_labels, inputs.soft_labels())
    assert dataset.class_names == inputs.CLASS_NAMES
    steps = (ScheduleStep((0, 4), 0.02), ScheduleStep((4, inputs.N_IMAGES), 0.0078125))
    assert dataset.schedule == TrainingSchedule(steps, repeats=3)
    assert dataset.manifest.provenance == DistilledBy(
        by="tests/golden/inputs.py",
        parent=Parent("golden parent", 50, "ab" * 32),
        model="cd" * 32,
        seed=7,
        params={"nested": {"x": [1, None, 0.5]}},
    )
    assert dataset.fingerprint == DATASET_2_FINGERPRINT
