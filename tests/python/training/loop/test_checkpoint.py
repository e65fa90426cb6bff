from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from thinset.training import load_weights, save_weights, weights_fingerprint
from thinset.training.loop.checkpoint import read_tensors, write_tensors

if TYPE_CHECKING:
    from pathlib import Path

TENSORS = {
    "a": torch.arange(6.0).view(2, 3),
    "b": torch.tensor([], dtype=torch.int64),
    "c": torch.tensor(1.5, dtype=torch.bfloat16),
}


def test_tensors_and_content_round_trip(tmp_path: Path) -> None:
    content = {"step": 3, "nested": {"loss": [0.1, None]}}
    write_tensors(tmp_path / "file", TENSORS, content)
    tensors, found = read_tensors(tmp_path / "file")
    assert found == content
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)


def test_views_and_other_memory_formats_are_written_by_value(tmp_path: Path) -> None:
    images = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    write_tensors(tmp_path / "file", {"whole": images, "part": images[1:]}, {})
    tensors, _ = read_tensors(tmp_path / "file")
    assert torch.equal(tensors["whole"], images)
    assert torch.equal(tensors["part"], images[1:])


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_tensors(tmp_path / "file", TENSORS, {"step": 1})
    with pytest.raises(ValueError, match="Out of range float values"):
        write_tensors(tmp_path / "file", TENSORS, {"loss": float("nan")})
    assert read_tensors(tmp_path / "file")[1] == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("n_bytes", [0, 4, 20, 300])
def test_truncated_files_are_refused(tmp_path: Path, n_bytes: int) -> None:
    write_tensors(tmp_path / "file", TENSORS, {"step": 1})
    whole = (tmp_path / "file").read_bytes()
    assert len(whole) > n_bytes
    (tmp_path / "file").write_bytes(whole[:n_bytes])
    with pytest.raises(ValueError, match="file is damaged or no safetensors file"):
        read_tensors(tmp_path / "file")


def test_foreign_files_and_versions_are_refused(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "foreign")
    with pytest.raises(ValueError, match="was not written by thinset"):
        read_tensors(tmp_path / "foreign")
    header = '{"format": "thinset-checkpoint", "version": 2, "content": {}}'
    save_file(TENSORS, tmp_path / "newer", metadata={"thinset": header})
    with pytest.raises(ValueError, match="must be thinset-checkpoint version 1, got .* version 2"):
        read_tensors(tmp_path / "newer")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_tensors(tmp_path / "nowhere")


def test_weights_round_trip(tmp_path: Path) -> None:
    model, other = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    model.running_mean.fill_(0.25)
    assert weights_fingerprint(model) != weights_fingerprint(other)
    save_weights(model, tmp_path / "weights.safetensors")
    load_weights(other, tmp_path / "weights.safetensors")
    assert weights_fingerprint(model) == weights_fingerprint(other)


def test_fingerprint_does_not_depend_on_the_memory_format() -> None:
    model = nn.Conv2d(3, 4, 3)
    before = weights_fingerprint(model)
    model.to(memory_format=torch.channels_last)
    assert weights_fingerprint(model) == before


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (nn.Linear(2, 3), r"tensor 'weight' must have shape \(3, 2\), there it has \(2, 2\)"),
        (
            nn.Linear(2, 2, bias=False),
            r"'bias' is there, with shape \(2,\), but the model here",
        ),
    ],
)
def test_weights_of_another_model_are_refused(
    tmp_path: Path, other: nn.Module, message: str
) -> None:
    save_weights(nn.Linear(2, 2), tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=message):
        load_weights(other, tmp_path / "weights.safetensors")


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_tensors(path, TENSORS, {"step": 1, "loss": 0.25})
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        with pytest.raises(ValueError, match="file"):
            read_tensors(path)


def test_files_without_a_digest_are_read_as_they_are(tmp_path: Path) -> None:
    header = '{"format": "thinset-checkpoint", "version": 1, "content": {"step": 4}}'
    save_file(TENSORS, tmp_path / "older", metadata={"thinset": header})
    tensors, content = read_tensors(tmp_path / "older")
    assert content == {"step": 4}
    assert torch.equal(tensors["a"], TENSORS["a"])


@pytest.mark.parametrize(
    "header", ["{", "[]", "3", '{"format": "thinset-checkpoint", "version": 1, "content": []}']
)
def test_headers_of_wrong_types_are_refused(tmp_path: Path, header: str) -> None:
    save_file(TENSORS, tmp_path / "file", metadata={"thinset": header})
    with pytest.raises(ValueError, match="file is damaged"):
        read_tensors(tmp_path / "file")


def test_a_file_that_cannot_be_written_is_a_failure_of_the_system(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_tensors(tmp_path / "file", {"a": torch.zeros(10_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
