"""Options that choose where embeddings come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from thinset.command_line.arguments import Encoder, optional
from thinset.command_line.usage import UsageError

FeatureLayer = Annotated[str | None, optional(metavar="NAME")]
UnitLength = Annotated[bool, tyro.conf.FlagCreatePairsOff]

BUILT_IN = ("autoencoder", "pca")
IMAGES_AT_ONCE = 64
"""Images that a network of the user's own encodes at a time: it may enlarge them"""


@dataclass(frozen=True)
class EncoderOptions:
    """Where embeddings come from, if they are not given."""

    encoder: Encoder = None
    """source of the embeddings: the paper's autoencoder, principal components of the pixels (pca),
    or your own function that returns a torch.nn.Module (see the docs on embeddings)"""
    encoder_weights: Annotated[Path | None, optional(metavar="FILE")] = None
    """weights of your own encoder: safetensors, or a state dict saved by torch.save"""
    feature_layer: FeatureLayer = None
    """layer of your own encoder whose output is taken, instead of that of the network"""
    unit_length: UnitLength = False
    """divide each row of your own encoder by its length"""

    def encoder_values(self, embeddings: Path | None) -> dict[str, Any]:
        """Settings of the encoder that the options, or the file `embeddings`, choose.

        Raises UsageError or ValueError for options that do not apply.
        """
        if embeddings is not None:
            for name in ("encoder", "encoder_weights", "feature_layer", "unit_length"):
                if getattr(self, name):
                    option = name.replace("_", "-")
                    raise UsageError(f"give --embeddings or --{option}, not both")
            return {"kind": "given", "path": str(embeddings)}
        values = chosen_encoder(
            self.encoder,
            weights=self.encoder_weights,
            feature_layer=self.feature_layer,
            unit_length=self.unit_length,
        )
        if values["kind"] == "module" and getattr(self, "encoder_length", None) is not None:
            raise UsageError("--encoder-length is for the autoencoder, not for your own encoder")
        return values


def chosen_encoder(
    encoder: str | None,
    *,
    weights: Path | None,
    feature_layer: str | None,
    unit_length: bool,
    weights_option: str = "--encoder-weights",
) -> dict[str, Any]:
    """The settings of `encoder`; its kind is None if it is not given.

    Raises UsageError for an unknown name, and ValueError for options of a network of the user's own
    with another encoder.
    """
    if encoder is not None and ":" in encoder:
        return {
            "kind": "module",
            "function": encoder,
            "weights": None if weights is None else str(weights),
            "feature_layer": feature_layer,
            "unit_length": unit_length,
            "batch_size": IMAGES_AT_ONCE,
        }
    if encoder not in (None, *BUILT_IN):
        raise UsageError(
            f"--encoder must be {', '.join(BUILT_IN)} or MODULE:FUNCTION, such as "
            f"my_encoders:small; got {encoder!r}"
        )
    given = {
        weights_option: weights is not None,
        "--feature-layer": feature_layer is not None,
        "--unit-length": unit_length,
    }
    for option, is_given in given.items():
        if is_given:
            raise UsageError(
                f"{option} is for --encoder MODULE:FUNCTION; it does not apply to "
                f"{encoder or 'the default encoder'}"
            )
    return {"kind": encoder}
