"""What holds for the learners of all generators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import torch

from thinset.data.batches import Batch
from thinset.models.generators import Decoder, Discriminator, Encoder, FlowGenerator
from thinset.training import (
    ClassBalanced,
    History,
    Phase,
    TrainingDivergedError,
    generator_for,
    train,
)
from thinset.training.learners.adversarial import AdversarialLearner
from thinset.training.learners.flow_matching import FlowLearner
from thinset.training.learners.variational import VariationalLearner
from thinset.training.loop.stored_run import StoredRun

if TYPE_CHECKING:
    from pathlib import Path

    from thinset.training.learners.generative import GenerativeLearner

SHAPE, N_CLASSES = (4, 4, 1), 3


class Images(NamedTuple):
    images: np.ndarray
    labels: np.ndarray | None
    soft_labels: np.ndarray | None = None


def make_images(n: int = 40, seed: int = 0) -> Images:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, *SHAPE), dtype=np.uint8)
    return Images(images, np.arange(n) % N_CLASSES)


def gan(seed: int = 0, *, discriminator: dict[str, Any] | None = None, **options: Any):
    weights = generator_for(seed, "weights")
    generator = Decoder(SHAPE, N_CLASSES, latent_size=4, prior="uniform", generator=weights)
    other = Discriminator(SHAPE, N_CLASSES, generator=weights, **(discriminator or {}))
    return AdversarialLearner(generator, other, seed=seed, device="cpu", **options)


def wasserstein(seed: int = 0, **options: Any):
    without = {"batch_norm": False, "spectral_norm": True}
    options = {"loss": "wasserstein", "penalty": 10.0, "n_discriminator": 3, **options}
    return gan(seed, discriminator=without, **options)


def matching(seed: int = 0, **options: Any):
    return gan(seed, loss="hinge", matches_features=True, amsgrad=True, **options)


def vae(seed: int = 0, **options: Any):
    weights = generator_for(seed, "weights")
    sizes = {"latent_size": 4, "generator": weights}
    decoder, encoder = Decoder(SHAPE, N_CLASSES, **sizes), Encoder(SHAPE, N_CLASSES, **sizes)
    return VariationalLearner(decoder, encoder, seed=seed, device="cpu", **options)


def flow(seed: int = 0, **options: Any):
    weights = generator_for(seed, "weights")
    network = FlowGenerator(SHAPE, N_CLASSES, widths=(8, 8), n_steps=1, generator=weights)
    return FlowLearner(network, seed=seed, device="cpu", **options)


LEARNERS = [gan, vae, flow]
VARIANTS = [*LEARNERS, wasserstein, matching]


class Stopped(BaseException):
    """Stands for a kill: nothing that catches errors catches it."""


def trained(
    learner: GenerativeLearner,
    length: str = "6st",
    *,
    stop_at: int | None = None,
    data: Images | None = None,
    **options: Any,
) -> History:
    take_step = learner.step

    def step(batch, *, learning_rate, n_before):
        if n_before == stop_at:
            raise Stopped
        return take_step(batch, learning_rate=learning_rate, n_before=n_before)

    learner.step = step  # type: ignore[method-assign]
    data = make_images() if data is None else data
    settings = {"learning_rate": 1e-3, "batch_size": 8, "evaluations": 3, "test_data": data}
    return train(learner, [Phase("all", data, length)], **{**settings, **options})


def curve(history: History) -> list[tuple[Any, ...]]:
    return [(point.step, point.train_loss, point.scores) for point in history.curve]


def assert_equal_tensors(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def differ(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], part: str) -> bool:
    names = [name for name in one if name.startswith(part)]
    assert names
    return any(not torch.equal(one[name], other[name]) for name in names)


@pytest.mark.parametrize(
    ("checkpoint_seconds", "stops"),
    [(0.0, (3,)), (1e9, (3, 5))],
    ids=["each step", "evaluations"],
)
@pytest.mark.parametrize(
    ("make", "ema_decay"),
    [(gan, None), (gan, 0.9), (wasserstein, 0.9), (matching, None), (vae, 0.9), (flow, 0.9)],
)
def test_a_resumed_training_equals_an_uninterrupted_one(
    tmp_path: Path,
    make,
    ema_decay: float | None,
    checkpoint_seconds: float,
    stops: tuple[int, ...],
) -> None:
    whole = make(ema_decay=ema_decay)
    expected = curve(trained(whole))
    for stop_at in stops:
        options = {
            "checkpoint_path": tmp_path / f"{stop_at}.safetensors",
            "checkpoint_seconds": checkpoint_seconds,
        }
        with pytest.raises(Stopped):
            trained(make(ema_decay=ema_decay), stop_at=stop_at, **options)
        torch.manual_seed(stop_at)
        resumed = make(ema_decay=ema_decay)
        history = trained(resumed, resume=True, **options)
        assert curve(history) == expected
        assert_equal_tensors(dict(resumed.tensors()), dict(whole.tensors()))


@pytest.mark.parametrize("make", VARIANTS)
def test_scores_do_not_change_what_is_learned(make) -> None:
    few, many, none = make(ema_decay=0.9), make(ema_decay=0.9), make(ema_decay=0.9)
    trained(few, evaluations=1)
    trained(many, evaluations=6)
    trained(none, test_data=None)
    # The sums are of the losses since the last evaluation.
    for other in (many, none):
        assert_equal_tensors(few.weights(), other.weights())
        one, two = few.tensors(), other.tensors()
        assert not differ(one, two, "optimizers/")
        assert torch.equal(one["noise"], two["noise"])


@pytest.mark.parametrize("make", LEARNERS)
def test_a_seed_decides_the_training(make) -> None:
    first, again, other = make(), make(), make(seed=1)
    for learner in (first, again, other):
        trained(learner, "3st")
    assert_equal_tensors(first.tensors(), again.tensors())
    assert differ(first.tensors(), other.tensors(), "networks/generator")


@pytest.mark.parametrize("make", LEARNERS)
def test_noise_comes_from_the_seed_of_the_learner(make) -> None:
    """Weights and order equal, noise not."""
    one, other = make(), make()
    other._noise = generator_for(1, "noise")
    for learner in (one, other):
        trained(learner, "3st")
    assert differ(one.tensors(), other.tensors(), "networks/generator")


@pytest.mark.parametrize("make", LEARNERS)
def test_averaged_weights_are_scored_kept_and_left(make) -> None:
    plain, averaged = make(ema_decay=None), make(ema_decay=0.9)
    trained(plain)
    trained(averaged)
    weights = averaged.weights()
    for part, average in averaged._averages.items():
        network = averaged._networks[part]
        assert not network.training
        for name, value in network.state_dict().items():
            assert torch.equal(value, average.state[name])
            assert torch.equal(value, weights[f"{part}/{name}"])
    assert set(averaged._averages) == set(averaged._networks) - {"discriminator"}
    # Training itself is the same.
    assert not differ(plain.tensors(), averaged.tensors(), "optimizers/")
    assert differ(plain.weights(), weights, "generator/")


@pytest.mark.parametrize("make", LEARNERS)
def test_the_average_follows_its_rule(make) -> None:
    seen = []
    learner = make(ema_decay=0.9)
    generator = learner._networks["generator"]
    expected = {name: value.detach().clone() for name, value in generator.named_parameters()}
    average = learner._averages["generator"]
    update = average.update

    def noted(step):
        decay = min(0.9, (1 + step) / (10 + step))
        for name, value in generator.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * value.detach()
        seen.append(step)
        update(step)

    average.update = noted
    trained(learner, "4st")
    assert seen == [0, 1, 2, 3]
    for name, value in expected.items():
        assert torch.allclose(average.state[name], value, atol=1e-6), name


@pytest.mark.parametrize("make", LEARNERS)
def test_the_default_generator_is_left_alone(make) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trained(make(), "2st")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("make", LEARNERS)
def test_divergence_is_named_and_keeps_the_last_checkpoint(tmp_path: Path, make) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(TrainingDivergedError, match=r"after step \d|is (nan|inf) after"):
        trained(make(), "30st", learning_rate=1e30, checkpoint_path=path, checkpoint_seconds=0.0)
    if path.exists():
        stored = StoredRun.read(path)
        for name, value in stored.learner.items():
            if name.startswith(("networks", "average")) and value.is_floating_point():
                assert value.isfinite().all(), name


def test_a_training_that_diverges_late_keeps_the_last_good_state(tmp_path: Path) -> None:
    path, learner = tmp_path / "checkpoint", vae()
    options = {"checkpoint_path": path, "checkpoint_seconds": 0.0, "evaluations": 1}
    with pytest.raises(Stopped):
        trained(vae(), "6st", stop_at=3, **options)
    good = path.read_bytes()
    take_step = learner.step

    def step(batch, *, learning_rate, n_before):
        losses = take_step(batch, learning_rate=learning_rate, n_before=n_before)
        learner._networks["generator"].layers[0].weight.data[0, 0] = float("nan")
        return losses

    learner.step = step
    message = r"training diverged: generator/layers.0.weight is not finite after step 4; use a"
    with pytest.raises(TrainingDivergedError, match=message):
        trained(learner, "6st", resume=True, **options)
    assert path.read_bytes() == good
    history = trained(vae(), "6st", resume=True, **options)
    assert history.steps == 6


@pytest.mark.parametrize("make", VARIANTS)
def test_losses_are_means_since_the_last_evaluation(make) -> None:
    fine, coarse = trained(make(), "6st", evaluations=6), trained(make(), "6st", evaluations=2)
    names = fine.curve[-1].scores.keys() & {
        "loss", "reconstruction", "divergence", "discriminator_loss", "generator_loss"
    }  # fmt: skip
    for name in names:
        for half in (0, 1):
            values = [
                point.scores[name]
                for point in fine.curve[3 * half : 3 * half + 3]
                if name in point.scores
            ]
            assert coarse.curve[half].scores[name] == pytest.approx(np.mean(values), rel=1e-5)
    first = "discriminator_loss" if "discriminator_loss" in names else "loss"
    assert all(p.scores[first] == pytest.approx(p.train_loss) for p in fine.curve)


def test_diversity_is_one_for_the_data_and_zero_for_a_constant() -> None:
    data = make_images()
    by_class = {
        number: torch.from_numpy(data.images[data.labels == number][:16])
        .permute(0, 3, 1, 2)
        .float()
        .div(255)
        for number in range(N_CLASSES)
    }

    class Copies(FlowGenerator):
        scale = 1.0

        def forward(self, latents, labels):
            images = by_class[int(labels[0])][: len(labels)]
            return images.mean(dim=0) + self.scale * (images - images.mean(dim=0))

    generator = Copies(SHAPE, N_CLASSES, widths=(8, 8))
    learner = FlowLearner(generator, device="cpu", ema_decay=None)
    for scale in (1.0, 0.25, 0.0):
        generator.scale = scale
        assert learner.score(data)["diversity"] == pytest.approx(scale, abs=1e-5)


def test_diversity_leaves_out_classes_that_the_data_do_not_show() -> None:
    images = make_images(12)
    labels = images.labels.copy()
    labels[labels == 2] = 0
    labels[0] = 2  # a single one
    drawn = set()

    class Noted(FlowGenerator):
        def forward(self, latents, labels):
            drawn.update(labels.tolist())
            return super().forward(latents, labels)

    generator = Noted(SHAPE, 5, widths=(8, 8), n_steps=1)
    learner = FlowLearner(generator, device="cpu")
    assert learner.score(Images(images.images, labels))["diversity"] > 0
    assert drawn == {0, 1}
    assert "diversity" not in learner.score(Images(images.images, None))
    assert "diversity" not in learner.score(Images(np.zeros_like(images.images), labels))


@pytest.mark.parametrize("make", LEARNERS)
def test_an_observer_sees_the_kept_weights_in_evaluation_mode(make) -> None:
    seen = []

    def observe(generator):
        assert not generator.training
        assert not torch.is_grad_enabled()
        seen.append({name: value.clone() for name, value in generator.state_dict().items()})
        return {"seen": len(seen)}

    learner = make(ema_decay=0.5, observe=observe)
    history = trained(learner, "4st", evaluations=2)
    assert [point.scores["seen"] for point in history.curve] == [1, 2]
    assert_equal_tensors(seen[-1], learner._networks["generator"].state_dict())
    assert differ(seen[0], seen[1], "")


@pytest.mark.parametrize("make", LEARNERS)
def test_soft_labels_train_as_the_classes_they_stand_for(make) -> None:
    data = make_images()
    soft = np.eye(N_CLASSES, dtype=np.float32)[data.labels]
    hard, other = make(), make()
    trained(hard, "3st")
    trained(other, "3st", data=data._replace(soft_labels=soft))
    assert_equal_tensors(hard.tensors(), other.tensors())


def test_samples_with_weights_are_refused() -> None:
    images, labels = torch.zeros(2, 1, 4, 4), torch.tensor([0, 1])
    batch = Batch(images, labels, torch.arange(2), torch.tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match="trained on samples without weights; use another order"):
        gan().step(batch, learning_rate=0.1, n_before=0)


def test_an_order_without_weights_is_followed() -> None:
    data = make_images()
    history = train(
        vae(),
        [Phase("balanced", data, "2st", order=ClassBalanced())],
        learning_rate=1e-3,
        batch_size=6,
    )
    assert history.steps == 2


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (gan, lambda: gan(loss="hinge"), "loss is 'non_saturating' there and 'hinge' here"),
        (vae, lambda: vae(beta=2.0), "beta is 1.0 there and 2.0 here"),
        (flow, lambda: flow(ema_decay=0.5), "ema_decay is 0.999 there and 0.5 here"),
        (gan, lambda: gan(seed=1), "seed is 0 there and 1 here"),
        (gan, vae, "of a run with other settings"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path, one, other, message) -> None:
    path = tmp_path / "checkpoint"
    trained(one(), "2st", checkpoint_path=path)
    with pytest.raises(ValueError, match=message):
        trained(other(), "2st", checkpoint_path=path, resume=True)


@pytest.mark.parametrize("make", [gan, vae, flow])
def test_bfloat16_trains_to_finite_float32_weights(make) -> None:
    learner = make(precision="bfloat16")
    history = trained(learner, "2st")
    assert all(np.isfinite(list(point.scores.values())).all() for point in history.curve)
    weights = [value for value in learner.weights().values() if value.is_floating_point()]
    assert {value.dtype for value in weights} == {torch.float32}
