from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")

import datasets

import thinset
from thinset.data import export_subset
from thinset.integrations.datasets import select

N = 40
ROWS = [30, 2, 17]


@pytest.fixture(autouse=True)
def _quiet():
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def dataset():
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["ant", "bee"]),
            "emb": datasets.List(datasets.Value("float32"), length=3),
        }
    )
    rng = np.random.default_rng(0)
    rows = {
        "id": [f"id-{i}" for i in range(N)],
        "label": [i % 2 for i in range(N)],
        "emb": rng.standard_normal((N, 3)).astype("float32").tolist(),
    }
    return datasets.Dataset.from_dict(rows, features=features)


@pytest.mark.parametrize("as_folder", [True, False])
def test_rows_in_selection_order(tmp_path, dataset, as_folder):
    source = dataset
    if as_folder:
        source = tmp_path / "saved"
        dataset.save_to_disk(str(source))
    written = export_subset(ROWS, source, tmp_path / "out")
    assert written == (tmp_path / "out", "huggingface", 3)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.features == dataset.features
    assert found.to_list() == dataset.select(ROWS).to_list()
    export_subset(ROWS, source, tmp_path / "out", order="file", overwrite=True)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.to_list() == dataset.select(sorted(ROWS)).to_list()
    selection = thinset.select(source if not as_folder else dataset, 5, "max_min")
    export_subset(selection, source, tmp_path / "other")
    found = datasets.load_from_disk(str(tmp_path / "other"))
    assert found.to_list() == select(dataset, selection).to_list()


def test_one_split_of_several(tmp_path, dataset):
    both = datasets.DatasetDict({"train": dataset, "test": dataset.select(range(5))})
    both.save_to_disk(str(tmp_path / "saved"))
    for source in (both, tmp_path / "saved"):
        export_subset([4], source, tmp_path / "out", split="test", overwrite=True)
        assert datasets.load_from_disk(str(tmp_path / "out"))["id"][:] == ["id-4"]
        with pytest.raises(ValueError, match=r"splits \['train', 'test'\], got 'validation'"):
            export_subset([4], source, tmp_path / "none", split="validation")


def test_rows_by_id(tmp_path, dataset):
    export_subset(["id-7", "id-3"], dataset, tmp_path / "out", id_column="id")
    assert datasets.load_from_disk(str(tmp_path / "out"))["id"][:] == ["id-7", "id-3"]
    assert select(dataset, ["id-7", "id-3"], id_column="id")["id"][:] == ["id-7", "id-3"]
    with pytest.raises(ValueError, match="does not have 1 chosen id: 'x'"):
        export_subset(["id-7", "x"], dataset, tmp_path / "no", id_column="id")
    with pytest.raises(ValueError, match="id_column must be one of id, label, emb; got 'uid'"):
        select(dataset, ["id-7"], id_column="uid")
    with pytest.raises(ValueError, match="found by ids in a column; name it with id_column="):
        export_subset(["id-7"], dataset, tmp_path / "no")
    twice = datasets.concatenate_datasets([dataset, dataset])
    with pytest.raises(ValueError, match="row 47 has the id 'id-7', as row 7 has"):
        export_subset(["id-7"], twice, tmp_path / "no", id_column="id")
    assert not (tmp_path / "no").exists()


def test_the_source_is_never_replaced(tmp_path, dataset):
    dataset.save_to_disk(str(tmp_path / "saved"))
    opened = datasets.load_from_disk(str(tmp_path / "saved"))
    for source in (tmp_path / "saved", opened):
        with pytest.raises(ValueError, match="would replace its own source"):
            export_subset(ROWS, source, tmp_path / "saved", overwrite=True)
    assert datasets.load_from_disk(str(tmp_path / "saved")).to_list() == dataset.to_list()


def test_a_damaged_folder_is_refused(tmp_path, dataset):
    dataset.save_to_disk(str(tmp_path / "saved"))
    state = json.loads((tmp_path / "saved" / "state.json").read_text())
    del state["_data_files"]
    (tmp_path / "saved" / "state.json").write_text(json.dumps(state))
    with pytest.raises(ValueError, match="saved is damaged"):
        export_subset(ROWS, tmp_path / "saved", tmp_path / "out")
    assert not (tmp_path / "out").exists()
