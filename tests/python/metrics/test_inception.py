"""The Inception extractor, with a small network in the place of torch-fidelity's."""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import types
import urllib.request

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from thinset.metrics import InceptionExtractor, download_inception, features_of  # noqa: E402
from thinset.metrics import inception as module  # noqa: E402


class StandIn(nn.Module):
    """Takes what torch-fidelity's class takes, and like it unpickles whatever the file holds."""

    def __init__(self, name, features_list, feature_extractor_weights_path=None):
        super().__init__()
        self.features_list = features_list
        self.conv = nn.Conv2d(3, 6, 1)
        self.load_state_dict(torch.load(feature_extractor_weights_path, weights_only=False))

    def forward(self, images):
        assert images.dtype == torch.uint8
        assert images.shape[1] == 3
        return (self.conv(images.float()).mean(dim=(2, 3)),)


@pytest.fixture
def torch_fidelity(monkeypatch):
    name = "torch_fidelity.feature_extractor_inceptionv3"
    package, network = types.ModuleType("torch_fidelity"), types.ModuleType(name)
    network.FeatureExtractorInceptionV3 = StandIn
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setitem(sys.modules, name, network)


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "weights.pth"
    torch.save({f"conv.{k}": v for k, v in nn.Conv2d(3, 6, 1).state_dict().items()}, path)
    return path


def test_features_come_from_the_file_and_are_named_after_it(torch_fidelity, weights):
    extractor = InceptionExtractor(weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert extractor.name == f"Inception (SHA-256 {digest[:12]})"
    assert InceptionExtractor(weights, layer="logits_unbiased").name.startswith("Inception logits")
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3)).astype(np.uint8)
    found = features_of(images, extractor, device="cpu", batch_size=2)
    assert found.shape == (5, 6)
    floats = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    np.testing.assert_array_equal(features_of(floats, extractor, device="cpu"), found)


def test_grey_images_become_three_equal_channels(torch_fidelity, weights):
    extractor = InceptionExtractor(weights)
    grey = np.random.default_rng(1).integers(0, 256, (5, 4, 4, 1)).astype(np.uint8)
    found = features_of(grey, extractor, device="cpu")
    np.testing.assert_array_equal(
        found, features_of(np.repeat(grey, 3, axis=3), extractor, device="cpu")
    )
    with pytest.raises(ValueError, match=r"takes images \(B, 1 or 3, H, W\), got shape \(2, 4,"):
        extractor(torch.zeros(2, 4, 8, 8))


class Attack:
    def __reduce__(self):
        return (open, ("attacked", "w"))


def test_files_that_hold_more_than_tensors_are_refused(
    torch_fidelity, tmp_path, monkeypatch, weights
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pth"
    path.write_bytes(pickle.dumps(Attack()))
    with pytest.raises(ValueError, match="is not a file of tensors alone, or is damaged"):
        InceptionExtractor(path)
    torch.save({"conv.weight": Attack()}, path)
    with pytest.raises(ValueError, match="is not a file of tensors alone"):
        InceptionExtractor(path)
    assert not (tmp_path / "attacked").exists()
    path.write_bytes(weights.read_bytes()[:-200])
    with pytest.raises(ValueError, match="or is damaged"):
        InceptionExtractor(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="or is damaged"):
        InceptionExtractor(path)
    torch.save([torch.zeros(2)], path)
    with pytest.raises(ValueError, match="must hold tensors by name, got list"):
        InceptionExtractor(path)
    torch.save({"other": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="does not hold the weights of this Inception network"):
        InceptionExtractor(path)
    with pytest.raises(OSError):
        InceptionExtractor(tmp_path / "missing.pth")
    with pytest.raises(ValueError, match="layer must be one of 2048, logits_unbiased; got '64'"):
        InceptionExtractor(weights, layer="64")


def test_without_torch_fidelity_the_extra_is_named(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ImportError, match=r"torch-fidelity .*pip install 'thinset\[metrics\]'"):
        InceptionExtractor(weights)


def test_nothing_but_an_explicit_call_downloads(tmp_path, monkeypatch):
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        return io.BytesIO(b"not the weights")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(ValueError, match="has SHA-256 .*, expected 6726825d"):
        download_inception(tmp_path)
    assert asked == [module.WEIGHTS.url]
    assert asked[0].startswith("https://")
    assert list(tmp_path.iterdir()) == []
