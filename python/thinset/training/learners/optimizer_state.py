"""The complete state of any torch optimizer as plain tensors, and back."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_STRUCTURE = "structure"
_ENTRIES = {"optimizer", "shapes", "state"}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return `optimizer.state_dict()`, state and parameter groups, as tensors by name.

    Tensors keep their dtype and values. Everything else (numbers, texts, None, booleans, lists,
    tuples, dicts) is JSON in the uint8 tensor "structure", beside the optimizer's class and the
    shapes of its parameters. Raises TypeError for a value of any other type.
    """
    tensors: dict[str, torch.Tensor] = {}
    content = {
        "optimizer": type(optimizer).__qualname__,
        "shapes": _shapes(optimizer),
        "state": _encoded(optimizer.state_dict(), "", tensors),
    }
    text = json.dumps(content, allow_nan=False).encode()
    return {_STRUCTURE: torch.frombuffer(bytearray(text), dtype=torch.uint8), **tensors}


def load_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor], path: Path
) -> None:
    """Give `optimizer` the state that `optimizer_tensors` returned, bit for bit.

    Hyper-parameters of the parameter groups are replaced as well. Raises ValueError, naming the
    file `path`, where the state is damaged, of another class of optimizer, or of parameters of
    other numbers or shapes.
    """
    content = _content(tensors, path)
    here = type(optimizer).__qualname__
    if content["optimizer"] != here:
        raise ValueError(
            f"{path} holds the state of the optimizer {content['optimizer']}, this one is {here}"
        )
    _require_same_shapes(_shapes(optimizer), content["shapes"], path)
    try:
        _restore(optimizer, _decoded(content["state"], tensors))
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged: its {here} state cannot be loaded: {error}"
        ) from error


def _restore(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    for group, stored in zip(optimizer.param_groups, state["param_groups"], strict=True):
        for key, value in stored.items():
            if isinstance(value, torch.Tensor) and isinstance(group.get(key), torch.Tensor):
                stored[key] = value.to(group[key].device)
    optimizer.load_state_dict(state)
    loaded = optimizer.state_dict()["state"]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    # torch casts floating-point state to the parameter's dtype and takes texts for sequences.
    for number, values in state["state"].items():
        if isinstance(number, int):  # other keys are state of the whole optimizer, kept as it is
            parameter = parameters[number]
            optimizer.state[parameter] = _placed(values, loaded[number], parameter)


def _shapes(optimizer: torch.optim.Optimizer) -> list[list[list[int]]]:
    """The shape of each parameter, by group."""
    return [[list(p.shape) for p in group["params"]] for group in optimizer.param_groups]


def _content(tensors: Mapping[str, torch.Tensor], path: Path) -> dict[str, Any]:
    if _STRUCTURE not in tensors:
        raise ValueError(f"{path} holds no complete optimizer state: {_STRUCTURE!r} is missing")
    try:
        content = json.loads(tensors[_STRUCTURE].numpy().tobytes())
    except (RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: its optimizer state is not JSON: {error}") from error
    if not isinstance(content, dict) or content.keys() != _ENTRIES:
        raise ValueError(f"{path} is damaged: its optimizer state lacks {sorted(_ENTRIES)}")
    return content


def _require_same_shapes(here: list[list[list[int]]], stored: Any, path: Path) -> None:
    if here == stored:
        return
    if not isinstance(stored, list) or not all(isinstance(group, list) for group in stored):
        raise ValueError(f"{path} is damaged: its optimizer state has no shapes of parameters")
    counts, stored_counts = [len(group) for group in here], [len(group) for group in stored]
    if counts != stored_counts:
        raise ValueError(
            f"{path} is of another optimizer: the numbers of parameters by group must be {counts}, "
            f"there they are {stored_counts}"
        )
    pairs = [
        pair for groups in zip(here, stored, strict=True) for pair in zip(*groups, strict=True)
    ]
    number = next(n for n, (shape, stored_shape) in enumerate(pairs) if shape != stored_shape)
    shape, stored_shape = pairs[number]
    raise ValueError(
        f"{path} is of another optimizer: parameter {number} must have shape {tuple(shape)}, "
        f"there it has {tuple(stored_shape)}"
    )


def _encoded(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """`value` as JSON; tensors in it go to `tensors` and are referred to by name."""
    if isinstance(value, torch.Tensor):
        while name in tensors:  # keys with points in them may give one name twice
            name += "'"
        tensors[name] = value
        return {"tensor": name}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(float(value))}
    if isinstance(value, list):
        return [_encoded(part, f"{name}.{n}", tensors) for n, part in enumerate(value)]
    if isinstance(value, tuple):
        return {"tuple": [_encoded(part, f"{name}.{n}", tensors) for n, part in enumerate(value)]}
    if isinstance(value, dict):
        # Pairs, since keys may be integers.
        pairs = [
            [_encoded(key, name, tensors), _encoded(part, f"{name}.{key}".lstrip("."), tensors)]
            for key, part in value.items()
        ]
        return {"dict": pairs}
    raise TypeError(
        f"the optimizer's {name} must be a tensor, number, text, None, list, tuple or dict to be "
        f"saved, got {type(value).__name__}"
    )


def _decoded(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_decoded(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content].clone()
    if kind == "float":
        return float(content)
    if kind == "tuple":
        return tuple(_decoded(part, tensors) for part in content)
    return {_decoded(key, tensors): _decoded(part, tensors) for key, part in value["dict"]}


def _placed(stored: Any, loaded: Any, parameter: torch.Tensor) -> Any:
    """`stored` with its tensors on the devices that torch chose for them in `loaded`."""
    if isinstance(stored, torch.Tensor):
        device = loaded.device
        if stored.shape != parameter.shape:
            return stored.to(device)
        # In the parameter's memory format, on which torch's fused updates depend.
        return torch.empty_like(parameter, dtype=stored.dtype, device=device).copy_(stored)
    if isinstance(stored, dict):
        return {key: _placed(part, loaded[key], parameter) for key, part in stored.items()}
    if isinstance(stored, list | tuple):
        return type(stored)(
            _placed(part, there, parameter) for part, there in zip(stored, loaded, strict=True)
        )
    return stored
