"""The Inception network that published values of FID use."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from thinset.data.download import RemoteFile, fetch
from thinset.data.npy_file import file_digest
from thinset.training.weights_file import read_state_dict

if TYPE_CHECKING:
    import os

WEIGHTS = RemoteFile(
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
    95_628_359,
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
"""The weights of TensorFlow's "inception-2015-12-05", as torch-fidelity publishes them."""

_LAYERS = ("2048", "logits_unbiased")
_DIGEST_LENGTH = 12


def download_inception(folder: str | os.PathLike[str], *, show_progress: bool = False) -> Path:
    """Download the weights (96 MB) into `folder` over https, checked by SHA-256; return the path.

    A file that is already there with the right digest is kept. Raises ValueError for a wrong digest
    and OSError if the network or the disk fails.
    """
    return fetch(WEIGHTS, folder, show_progress=show_progress)


class InceptionExtractor:
    """Features of Inception v3 from a local file of weights in torch-fidelity's format.

    `layer`: "2048", the pooled features of FID and KID, or "logits_unbiased", the logits of the
    Inception Score. Images are resized to 299 x 299 as in TensorFlow 1; floats in [0, 1] are
    rounded to 256 levels first, and grey images become three equal channels. Nothing is
    downloaded, and nothing but tensors is unpickled. Raises ImportError without torch-fidelity or
    the torchvision that it imports, OSError if the file cannot be read, and ValueError if it
    holds something else.
    """

    def __init__(self, path: str | os.PathLike[str], *, layer: str = "2048") -> None:
        if layer not in _LAYERS:
            raise ValueError(f"layer must be one of {', '.join(_LAYERS)}; got {layer!r}")
        path = Path(path)
        weights = read_state_dict(path)
        digest = file_digest(path)
        self.name = f"Inception (SHA-256 {digest[:_DIGEST_LENGTH]})"
        if layer != _LAYERS[0]:
            self.name = f"Inception logits (SHA-256 {digest[:_DIGEST_LENGTH]})"
        self._network = _network(weights, layer, path)

    def to(self, device: torch.device) -> None:
        """Move the network."""
        self._network.to(device)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Features (B, 2048), or logits (B, 1008), of images (B, 1 or 3, H, W)."""
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(
                f"Inception takes images (B, 1 or 3, H, W), got shape {tuple(images.shape)}"
            )
        if images.dtype != torch.uint8:
            images = (images.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
        with torch.inference_mode():
            features: torch.Tensor = self._network(images.expand(-1, 3, -1, -1).contiguous())[0]
        return features.flatten(1).float()


def _network(weights: dict[str, torch.Tensor], layer: str, path: Path) -> Any:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise ImportError(
            "Inception features need torch-fidelity and the torchvision that it imports: "
            f"pip install 'thinset[metrics]' ({error})"
        ) from error
    # torch-fidelity unpickles whatever the file holds: it gets a file written here, of the tensors.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "weights.pth"
        torch.save(weights, copy)
        try:
            network = FeatureExtractorInceptionV3(
                "inception", [layer], feature_extractor_weights_path=str(copy)
            )
        except RuntimeError as error:
            raise ValueError(
                f"{path} does not hold the weights of this Inception network: {_first_line(error)}"
            ) from None
    return network.eval()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
