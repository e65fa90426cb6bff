"""The core as the oracle of what runs elsewhere: answers to compare byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from thinset import _core

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    ),
]
on_every_device = pytest.mark.parametrize("device", DEVICES)


def array_of(tensor):
    """The argument that the core takes for a tensor, and whether it holds bfloat16."""
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16), True
    return tensor.numpy(), False


def answer(select, *arguments, **request):
    """Values and types of a selection, or the text of its refusal."""
    try:
        return [(array.dtype, array.tobytes()) for array in select(*arguments, **request)]
    except ValueError as error:
        return str(error)


def core_answer(tensor, k, **request):
    """What the core answers for the values of a host tensor."""
    array, is_bfloat16 = array_of(tensor)
    return answer(_core.select, array, k, bfloat16=is_bfloat16, n_threads=1, **request)
