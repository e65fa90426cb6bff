"""A learner of two networks and two optimizers, driven by the loop that knows neither."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from thinset.training import (
    Goal,
    History,
    JsonLines,
    Learner,
    LossPruning,
    Phase,
    TrainingDivergedError,
    TwoPhase,
    copy_tensors,
    generator_for,
    load_optimizer,
    named_tensors,
    optimizer_tensors,
    prefixed,
    restore_tensors,
    train,
    unprefixed,
)
from thinset.training.loop.checkpoint import read_tensors

if TYPE_CHECKING:
    from pathlib import Path

_NOISE = 4


class AdversarialPair:
    """A generator and a discriminator of 8 x 8 images, each with an Adam of its own."""

    def __init__(self, *, beta: float = 0.5, seed: int = 0, stop_at: int | None = None) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            generator = nn.Sequential(
                nn.Linear(_NOISE, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 64)
            )
            discriminator = nn.Sequential(
                nn.Flatten(),
                nn.Linear(64, 16),
                nn.LeakyReLU(0.2),
                nn.Dropout(0.3),
                nn.Linear(16, 1),
            )
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), betas=(beta, 0.999), amsgrad=True)
            for name, network in self.networks.items()
        }
        self.device = torch.device("cpu")
        self.n_steps = 0
        self._beta = beta
        self._stop_at = stop_at
        self._noise = generator_for(seed, "noise")
        self._loss_sum = torch.zeros(())

    def start(self) -> None:
        for network in self.networks.values():
            network.train()

    def step(self, batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        if n_before == self._stop_at:
            raise KeyboardInterrupt
        self.n_steps += 1
        for name, factor in (("generator", 1.0), ("discriminator", 2.0)):
            self.optimizers[name].param_groups[0]["lr"] = factor * learning_rate
        discriminator = self.networks["discriminator"]
        real = batch.images.float() / 255
        fake = self._images(len(real), self._noise)
        losses = _losses(discriminator(real), 1.0) + _losses(discriminator(fake.detach()), 0.0)
        self._descend("discriminator", losses)
        self._descend("generator", _losses(discriminator(fake), 1.0))
        self._loss_sum += losses.detach().mean()
        return losses.detach()

    def take_loss_sum(self) -> float:
        loss_sum = float(self._loss_sum)
        self._loss_sum.zero_()
        return loss_sum

    @torch.no_grad()
    def score(self, data) -> dict[str, float]:
        self.networks["generator"].eval()
        made = self._images(200, generator_for(0, "scoring"))
        self.networks["generator"].train()
        real = torch.from_numpy(data.images).permute(0, 3, 1, 2).float() / 255
        return {"distance": float((made.mean(0) - real.mean(0)).norm())}

    def goal(self, scores) -> Goal:
        return Goal("distance", higher_is_better=False)

    def weights(self) -> dict[str, torch.Tensor]:
        return {
            name: value
            for part, network in self.networks.items()
            for name, value in prefixed(part, named_tensors(network)).items()
        }

    def tensors(self) -> dict[str, torch.Tensor]:
        tensors = {**self.weights(), "noise": self._noise.get_state(), "loss_sum": self._loss_sum}
        for name, optimizer in self.optimizers.items():
            tensors.update(prefixed(f"{name} optimizer", optimizer_tensors(optimizer)))
        return tensors

    def load(self, tensors, path: Path) -> None:
        for name, network in self.networks.items():
            restore_tensors(network, unprefixed(name, tensors), path)
            state = unprefixed(f"{name} optimizer", tensors)
            load_optimizer(self.optimizers[name], state, path)
        self._noise.set_state(tensors["noise"])
        self._loss_sum.copy_(tensors["loss_sum"])

    def describe(self) -> dict[str, object]:
        return {"beta": self._beta}

    def finish(self, weights) -> None:
        for name, network in self.networks.items():
            if weights is not None:
                copy_tensors(network, unprefixed(name, weights))
            network.eval()

    def _images(self, n_images: int, generator: torch.Generator) -> torch.Tensor:
        noise = torch.randn(n_images, _NOISE, generator=generator)
        return self.networks["generator"](noise).view(-1, 1, 8, 8)

    def _descend(self, name: str, losses: torch.Tensor) -> None:
        self.networks[name].zero_grad()
        losses.mean().backward()
        self.optimizers[name].step()


def _losses(logits: torch.Tensor, target: float) -> torch.Tensor:
    targets = torch.full_like(logits, target)
    return binary_cross_entropy_with_logits(logits, targets, reduction="none")[:, 0]


def train_pair(digits, *, learner: Learner | None = None, **options) -> tuple[Learner, History]:
    learner = learner or AdversarialPair()
    phases = options.pop("phases", None) or TwoPhase(digits.train, digits.subset, 0.5, "12st")
    settings = {
        "learning_rate": 0.01,
        "test_data": digits.test,
        "validation_data": digits.subset,
        "batch_size": 32,
        "evaluations": 4,
        "checkpoint_seconds": 0.0,
        **options,
    }
    return learner, train(learner, phases, **settings)


def assert_same_state(found: Learner, expected: Learner) -> None:
    tensors = found.tensors()
    assert tensors.keys() == expected.tensors().keys()
    for name, value in expected.tensors().items():
        assert torch.equal(tensors[name], value), name


def without_seconds(history: History) -> dict[str, object]:
    content = history.to_dict()
    for part in (content, *content["curve"], *content["phases"]):
        for name in [name for name in part if "seconds" in name]:
            del part[name]
    return content


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("stop_at", [1, 4, 6, 7, 11])
def test_a_resumed_pair_equals_an_uninterrupted_one(
    digits, tmp_path: Path, stop_at: int, keep: str
) -> None:
    options = {"checkpoint_path": tmp_path / "run", "keep": keep}
    expected, history = train_pair(digits, checkpoint_path=tmp_path / "whole", keep=keep)
    with pytest.raises(KeyboardInterrupt):
        train_pair(digits, learner=AdversarialPair(stop_at=stop_at), **options)
    resumed, resumed_history = train_pair(digits, resume=True, **options)
    assert resumed.n_steps == 12 - stop_at
    assert_same_state(resumed, expected)
    assert without_seconds(resumed_history) == without_seconds(history)


def test_a_pair_resumes_where_its_losses_decide_what_it_is_shown(digits, tmp_path: Path) -> None:
    few = type(digits.train)(digits.train.images[:70], digits.train.labels[:70])
    options = {"phases": TwoPhase(few, few, 0.5, "24st", fast_order=LossPruning())}
    expected, _ = train_pair(digits, checkpoint_path=tmp_path / "whole", **options)
    everything, _ = train_pair(digits, phases=TwoPhase(few, few, 0.5, "24st"))
    assert any(
        not torch.equal(value, everything.tensors()[name])
        for name, value in expected.tensors().items()
    )
    with pytest.raises(KeyboardInterrupt):
        options["checkpoint_path"] = tmp_path / "part"
        train_pair(digits, learner=AdversarialPair(stop_at=8), **options)
    resumed, _ = train_pair(digits, resume=True, **options)
    assert_same_state(resumed, expected)


def test_each_kind_of_state_of_the_pair_matters(digits, tmp_path: Path) -> None:
    """The comparison above would notice if any part of the state stayed behind."""
    expected, _ = train_pair(digits, checkpoint_path=tmp_path / "whole")
    parts = ("generator/", "generator optimizer/state", "discriminator optimizer/state", "noise")
    for part in parts:
        path = tmp_path / part.replace("/", "-")
        with pytest.raises(KeyboardInterrupt):
            train_pair(digits, learner=AdversarialPair(stop_at=7), checkpoint_path=path)
        resumed = AdversarialPair()
        load, fresh = resumed.load, resumed.tensors()

        def forget(tensors, path, *, load=load, fresh=fresh, part=part) -> None:
            kept = {name: value for name, value in tensors.items() if not name.startswith(part)}
            lost = {
                name: fresh.get(name, torch.zeros_like(value)).clone()
                for name, value in tensors.items()
                if name.startswith(part)
            }
            load({**kept, **lost}, path)

        resumed.load = forget
        train_pair(digits, learner=resumed, checkpoint_path=path, resume=True)
        with pytest.raises(AssertionError):
            assert_same_state(resumed, expected)


def test_a_metric_of_the_learner_s_own_is_reported_everywhere(digits, tmp_path: Path) -> None:
    path = tmp_path / "run"
    learner, history = train_pair(
        digits, checkpoint_path=path, log=JsonLines(tmp_path / "log.jsonl"), keep="best"
    )
    assert len(history.curve) == 4
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    _, content = read_tensors(path)
    for point, line, stored in zip(history.curve, lines, content["history"]["curve"], strict=True):
        assert point.scores.keys() == point.validation_scores.keys() == {"distance"}
        assert line["test_distance"] == stored["scores"]["distance"] == point.scores["distance"]
        assert line["validation_distance"] == point.validation_scores["distance"]
        assert (point.test_loss, point.test_accuracy) == (None, None)
        assert not {"test_loss", "test_accuracy", "validation_loss"} & line.keys()
    assert history.best.metric == "distance"
    assert learner.score(digits.subset) == {"distance": history.best.score}
    assert learner.score(digits.test) == history.final.scores


def test_the_pair_comes_closer_to_the_data(digits) -> None:
    _, history = train_pair(digits, phases=[Phase("all", digits.train, "150st")])
    first, *_, last = (point.scores["distance"] for point in history.curve)
    assert last < 0.75 * first


@pytest.mark.parametrize(
    ("learner", "options", "message"),
    [
        (AdversarialPair(beta=0.9), {}, "learner beta is 0.5 there and 0.9 here"),
        (AdversarialPair(), {"seed": 3}, "seed is 0 there and 3 here"),
        (AdversarialPair(), {"keep": "best"}, "keep is 'last' there and 'best' here"),
        (AdversarialPair(), {"validation_data": None}, "validation_data is '.*' there and None"),
    ],
)
def test_other_settings_of_a_learner_are_refused(
    digits, tmp_path: Path, learner: Learner, options: dict[str, object], message: str
) -> None:
    train_pair(digits, checkpoint_path=tmp_path / "run")
    with pytest.raises(ValueError, match=message):
        train_pair(
            digits, learner=learner, checkpoint_path=tmp_path / "run", resume=True, **options
        )


def test_networks_of_other_shapes_are_refused(digits, tmp_path: Path) -> None:
    train_pair(digits, checkpoint_path=tmp_path / "run")
    other = AdversarialPair()
    other.networks["discriminator"] = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    with pytest.raises(ValueError, match=r"run is of another model: tensor '1.weight' must have"):
        train_pair(digits, learner=other, checkpoint_path=tmp_path / "run", resume=True)


def test_a_score_that_is_not_finite_ends_the_training(digits) -> None:
    learner = AdversarialPair()
    learner.score = lambda _: {"distance": float("inf")}
    with pytest.raises(TrainingDivergedError, match="the test distance is inf after step 3"):
        train_pair(digits, learner=learner, validation_data=None)


def test_a_goal_without_a_score_is_refused(digits) -> None:
    learner = AdversarialPair()
    learner.goal = lambda _: Goal("fid", higher_is_better=False)
    with pytest.raises(ValueError, match="one of its scores distance, got 'fid'"):
        train_pair(digits, learner=learner, keep="best")
