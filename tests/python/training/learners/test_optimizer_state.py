from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim import (
    ASGD,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)

from thinset.training import load_optimizer, optimizer_tensors
from thinset.training.loop.checkpoint import read_tensors, write_tensors


class Unusual(torch.optim.Optimizer):
    """State of every kind that an optimizer may hold; the first step depends on all of it."""

    def __init__(self, parameters) -> None:
        super().__init__(parameters, {"lr": 0.1, "betas": (0.9, [0.5, None]), "limit": math.inf})

    def step(self) -> None:
        for group in self.param_groups:
            for number, parameter in enumerate(group["params"]):
                state = self.state[parameter]
                if not state:
                    state.update(
                        n=0, mean=0.1, mode="slow", done=False, missing=None, worst=-math.inf,
                        history=[], pair=(1, torch.arange(3)), by_row={0: torch.ones(2), "a.b": 1},
                        exact=parameter.detach().double() / 3, flags=torch.tensor([True, False]),
                    )  # fmt: skip
                state["n"] += 1
                state["mean"] = state["mean"] / 3 + number
                state["history"].append(parameter.detach().mean())
                state["exact"] /= 3
                self.state["all"] = {"n": state["n"], "mean": torch.tensor(state["mean"])}
                parameter.data -= group["lr"] * (state["exact"] + state["mean"]).float()


def adam_with_a_tensor_rate(parameters) -> Adam:
    return Adam(parameters, lr=torch.tensor(0.01))


def sgd_in_groups(parameters) -> SGD:
    first, *others = parameters
    groups = [{"params": [first], "weight_decay": 0.1}, {"params": others, "lr": 0.2}]
    return SGD(groups, lr=0.1, momentum=0.8)


OPTIMIZERS = {
    "SGD": lambda parameters: SGD(parameters, lr=0.1),
    "SGD with momentum": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "Nesterov": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9, nesterov=True),
    "SGD in groups": sgd_in_groups,
    "Adam": lambda parameters: Adam(parameters, betas=(0.5, 0.999)),
    "Adam with amsgrad": lambda parameters: Adam(parameters, amsgrad=True),
    "Adam with a tensor as rate": adam_with_a_tensor_rate,
    "AdamW": lambda parameters: AdamW(parameters, weight_decay=0.1),
    "RMSprop": lambda parameters: RMSprop(parameters, momentum=0.5, centered=True),
    "unusual": Unusual,
    **{kind.__name__: kind for kind in (ASGD, Adadelta, Adafactor, Adagrad, Adamax, NAdam, RAdam)},
    "Rprop": Rprop,
}


def network(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(dtype)


def take_steps(model: nn.Module, optimizer: torch.optim.Optimizer, n_steps: int) -> None:
    inputs = torch.linspace(-1, 1, 15).view(5, 3).to(next(model.parameters()).dtype)
    for _ in range(n_steps):
        optimizer.zero_grad()
        model(inputs).square().sum().backward()
        optimizer.step()


def stored(optimizer: torch.optim.Optimizer, path: Path) -> dict[str, torch.Tensor]:
    """The state after a way through a file."""
    write_tensors(path, optimizer_tensors(optimizer), {})
    return read_tensors(path)[0]


def assert_same(found: object, expected: object) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, torch.Tensor):
        assert (found.dtype, found.device) == (expected.dtype, expected.device)
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for part, value in zip(found, expected, strict=True):
            assert_same(part, value)
    else:
        assert found == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n_steps", [0, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_any_optimizer_comes_back_exactly(
    tmp_path: Path, name: str, n_steps: int, dtype: torch.dtype
) -> None:
    model, resumed = network(dtype), network(dtype)
    optimizer = OPTIMIZERS[name](model.parameters())
    take_steps(model, optimizer, n_steps)
    resumed.load_state_dict(model.state_dict())
    other = OPTIMIZERS[name](resumed.parameters())
    load_optimizer(other, stored(optimizer, tmp_path / "state"), tmp_path / "state")
    assert_same(other.state_dict(), optimizer.state_dict())
    take_steps(model, optimizer, 3)
    take_steps(resumed, other, 3)
    assert_same(other.state_dict(), optimizer.state_dict())
    assert_same(dict(resumed.state_dict()), dict(model.state_dict()))


def test_lbfgs_comes_back_exactly(tmp_path: Path) -> None:
    models = [network(), network()]
    optimizers = [torch.optim.LBFGS(model.parameters(), max_iter=3) for model in models]
    inputs = torch.linspace(-1, 1, 15).view(5, 3)

    def take_step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = model(inputs).square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)

    take_step(models[0], optimizers[0])
    models[1].load_state_dict(models[0].state_dict())
    load_optimizer(optimizers[1], stored(optimizers[0], tmp_path / "state"), tmp_path / "state")
    assert_same(optimizers[1].state_dict(), optimizers[0].state_dict())
    for model, optimizer in zip(models, optimizers, strict=True):
        take_step(model, optimizer)
    assert_same(dict(models[1].state_dict()), dict(models[0].state_dict()))


def test_state_has_the_memory_format_of_its_parameter(tmp_path: Path) -> None:
    models = [nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last) for _ in range(2)]
    optimizers = [SGD(model.parameters(), lr=0.1, momentum=0.9) for model in models]
    models[0](torch.ones(1, 3, 5, 5)).sum().backward()
    optimizers[0].step()
    load_optimizer(optimizers[1], stored(optimizers[0], tmp_path / "state"), tmp_path / "state")
    momentum = optimizers[1].state[models[1].weight]["momentum_buffer"]
    assert momentum.stride() == models[1].weight.stride()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Adam(network().parameters()), "of the optimizer SGD, this one is Adam"),
        (
            SGD(nn.Linear(3, 4).parameters(), lr=0.1),
            r"numbers of parameters by group must be \[2\], there they are \[4\]",
        ),
        (
            SGD([{"params": [p]} for p in network().parameters()], lr=0.1),
            r"must be \[1, 1, 1, 1\], there they are \[4\]",
        ),
        (
            SGD(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5)).parameters(), lr=0.1),
            r"parameter 2 must have shape \(5, 4\), there it has \(2, 4\)",
        ),
    ],
)
def test_the_state_of_another_optimizer_is_refused(
    tmp_path: Path, other: torch.optim.Optimizer, message: str
) -> None:
    path = tmp_path / "run.safetensors"
    tensors = stored(SGD(network().parameters(), lr=0.1), path)
    with pytest.raises(ValueError, match=rf"run\.safetensors .*{message}"):
        load_optimizer(other, tensors, path)


def as_tensor(text: str) -> torch.Tensor:
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"optimizer": "SGD"}',
        '{"optimizer": "SGD", "shapes": 3, "state": {}}',
        '{"optimizer": "SGD", "shapes": [[[2]]], "state": {}}',
        '{"optimizer": "SGD", "shapes": [[[2]]], "state": {"dict": [["state", 3]]}}',
        '{"optimizer": "SGD", "shapes": [[[2]]], "state": {"tensor": "gone"}}',
    ],
)
def test_damaged_state_is_refused(text: str) -> None:
    optimizer = SGD([nn.Parameter(torch.zeros(2))], lr=0.1)
    with pytest.raises(ValueError, match=r"^run is damaged: "):
        load_optimizer(optimizer, {"structure": as_tensor(text)}, Path("run"))


def test_tensors_without_the_rest_are_refused() -> None:
    optimizer = SGD([nn.Parameter(torch.zeros(2))], lr=0.1)
    with pytest.raises(ValueError, match="run holds no complete optimizer state: 'structure' is"):
        load_optimizer(optimizer, {"0": torch.zeros(2)}, Path("run"))


def test_state_that_cannot_be_saved_is_named() -> None:
    optimizer = SGD([nn.Parameter(torch.zeros(2))], lr=0.1)
    optimizer.param_groups[0]["schedule"] = {3}
    with pytest.raises(TypeError, match=r"param_groups\.0\.schedule must be .* got set"):
        optimizer_tensors(optimizer)
