"""Device and number format that training runs in."""

from __future__ import annotations

import torch

from thinset.files.shown import shown

PRECISIONS = ("auto", "float32", "bfloat16")


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn "auto" into CUDA where there is one and the CPU elsewhere; others are taken as named.

    Raises ValueError for an unknown name, and for CUDA if this torch or this machine has none.
    """
    has_cuda = torch.cuda.is_available()
    if device == "auto":
        return torch.device("cuda" if has_cuda else "cpu")
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device must be auto, cpu, cuda or another device of torch, got {shown(device)}"
        ) from error
    if resolved.type == "cuda" and not has_cuda:
        reason = "no GPU was found" if torch.version.cuda else "this torch is built without CUDA"
        raise ValueError(f"device must be auto or cpu here, got {device}: {reason}")
    return resolved


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Turn "auto" into bfloat16 where the device computes in it natively, else into float32.

    Raises ValueError for a name that is none of PRECISIONS.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "auto":
        return torch.bfloat16 if _computes_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def autocast(dtype: torch.dtype, device: torch.device) -> torch.autocast:
    """Return a context in which layers compute in `dtype`; weights and losses stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16)


def _computes_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Without such instructions the CPU emulates bfloat16, slower than float32. torch has no public
    # way to ask; where this private one is gone the answer is no.
    detect = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and detect is not None and bool(detect())
