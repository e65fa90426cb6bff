"""The Python code in the README and the docs runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import thinset
from thinset.data import DatasetWriter, ScheduleStep, TrainingSchedule, import_dataset

ROOT = Path(__file__).parents[2]
# Their blocks run in order, with nothing but the files that they name.
COMPLETE = ("README.md", "docs/package.md", "docs/index.md")
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md"))]


def distilled_part(full):
    schedule = TrainingSchedule((ScheduleStep((0, 10), 0.02), ScheduleStep((10, 20), 0.01)))
    with DatasetWriter(
        "distilled-part",
        name="distilled",
        image_shape=full.image_shape,
        image_dtype="uint8",
        n_samples=20,
        schedule=schedule,
    ) as writer:
        writer.append(full.images[:20], full.labels[:20])
    return thinset.open_dataset("distilled-part")


def python_blocks(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.filterwarnings("ignore::thinset.metrics.FewSamplesWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page)])
def test_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = import_dataset("digits", "data")
    full = thinset.write_subset(np.tile(np.arange(1438), 4), "data/train", "my-dataset/train")
    np.save("embeddings.npy", np.asarray(full.images, np.float32).reshape(len(full), -1) + 0.5)
    monkeypatch.setattr(thinset, "select", quiet(thinset.select))
    names = {"dataset": full, "full": full, "test": data["test"]}
    names["selection"] = thinset.select(np.load("embeddings.npy"), 40)
    names["subset"] = thinset.write_subset(names["selection"], full, "subset")
    names["generated"] = np.clip(full.images.astype(np.float32) / 255 + 0.01, 0, 1)
    names["distilled"] = distilled_part(full)
    names["model"] = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    # What a page leaves to the reader, it leaves out.
    imports = "from torch.utils.data import DataLoader\n"
    if page in COMPLETE:
        names, imports = {}, ""
    for block in python_blocks(page):
        # A generator takes minutes; a few steps run the same code.
        block = block.replace('length="20ep"', 'length="3st"').replace("10_000", "100")
        exec(compile(imports + block, page, "exec"), names)
    if page in ("README.md", "docs/package.md"):
        assert len(thinset.open_dataset("my-subset")) == 4320
        assert len(next(iter(names["loader"]))[0]) == 256
    elif page == "docs/data.md":
        assert names["distilled"].soft_labels.shape == (20, 10)
        assert len(names["distilled"].schedule.steps) == 2
        assert names["pq"].read_table("chosen.parquet").num_rows == 100
        assert names["pq"].read_table("two.parquet")["id"].to_pylist() == ["doc-3", "doc-7"]
    elif page == "docs/distributed.md":
        assert names["quick"].params["n_parts"] == 4
    elif page == "docs/augmentation.md":
        assert np.bincount(names["generated"].labels).tolist() == [10] * 10
    elif page == "docs/distillation.md":
        assert len(names["distilled"]) == 10
        assert len(names["distilled"].schedule.steps) == 3
    elif page == "docs/embeddings.md":
        assert names["rows"].shape == (5752, 16)
        assert np.linalg.norm(names["rows"], axis=1) == pytest.approx(np.ones(5752), abs=1e-5)
    elif page == "docs/index.md":
        assert len(names["selection"]) == 500
    elif page == "docs/metrics.md":
        assert names["extractor"].name.startswith("small CNN trained on the real digits (SHA-256 ")
        assert names["fid"].n_a == 5752
        assert names["copies"].threshold == 0.0  # every image is there four times
    elif page == "docs/selection.md":
        # Every sample of the data lies there four times.
        assert (names["groups"].sizes % 4 == 0).all()
        assert len(set(names["rows"] % 1438)) == 1000
    else:
        assert names["history"].steps == 20
        assert names["replayed"].steps == 2
        assert names["sampler"].n_passes == 30


def quiet(select):
    def choose(embeddings, n_samples, method="topk", **options):
        if method == "topk":
            options = {"drop_constant": True, **options}
        return select(embeddings, n_samples, method, **options)

    return choose


def test_links_lead_somewhere():
    tutorials = [str(path.relative_to(ROOT)) for path in ROOT.glob("docs/tutorials/*.md")]
    for page in PAGES + tutorials:
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_every_method_is_documented():
    for page in ("README.md", "docs/package.md", "docs/selection.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert all(f"`{name}`" in text for name in thinset.methods())
