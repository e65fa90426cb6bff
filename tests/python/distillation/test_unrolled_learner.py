"""Distillation through unrolled trainings: what is learned, scored, stored and refused."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from thinset.data import DatasetWriter, import_dataset, open_dataset
from thinset.data.batches import Batch
from thinset.distillation import unrolled_learner
from thinset.distillation.distill import distill
from thinset.distillation.initial_weights import StartingNetworks
from thinset.distillation.methods import dd, dm
from thinset.distillation.networks import NetworkKind
from thinset.distillation.synthetic_set import SyntheticSet
from thinset.distillation.unrolled_learner import UnrolledLearner
from thinset.training import TrainingDivergedError

NETWORK = "smooth_networks:perceptron"
QUICK = {
    "network": NETWORK, "batch_size": 256, "learning_rate": 0.1, "n_halvings": 1, "step_size": 0.3,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Networks this small lose time to threads that wait for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return import_dataset("digits", tmp_path_factory.mktemp("digits") / "digits")


def distilled(data, out, length="20st", *, images=1, n_images=None, settings=None, **kw):
    return distill(
        data,
        out,
        settings=dd.Settings(**{**QUICK, **(settings or {})}),
        images_per_class=None if n_images else images,
        n_images=n_images,
        length=length,
        device="cpu",
        **{"evaluations": 1, "init": "real", **kw},
    )


def standardised_network(dataset, seed: int):
    params = dataset.manifest.provenance.params
    kind = NetworkKind(NETWORK, 1.0, (8, 8, 1), 10, params["mean"], params["deviation"])
    return kind.new(torch.Generator().manual_seed(seed))


def accuracy_after(network, images, targets, steps, test) -> float:
    """Test accuracy of a network that torch's own optimizer trains: (rows, step size) by step."""
    for (start, stop), size in steps:
        optimizer = torch.optim.SGD(network.parameters(), lr=size)
        optimizer.zero_grad()
        F.cross_entropy(network(images[start:stop]), targets[start:stop]).backward()
        optimizer.step()
    with torch.no_grad():
        found = network(as_images(test)).argmax(dim=1)
    return float((found == torch.tensor(np.array(test.labels))).double().mean())


def as_images(data, rows=slice(None)) -> torch.Tensor:
    images = np.array(data.images[rows])
    scale = 255 if images.dtype == np.uint8 else 1
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / scale


def replayed(dataset, test, seed: int = 0) -> float:
    """The accuracy of the stored steps, from the stored weights if there are any."""
    network = standardised_network(dataset, seed)
    if "initial_weights" in dataset.manifest.arrays:
        values = torch.from_numpy(dataset.array("initial_weights").copy())
        torch.nn.utils.vector_to_parameters(values, network.parameters())
    targets = dataset.labels if dataset.soft_labels is None else dataset.soft_labels
    steps = [(step.rows, step.step_size) for step in dataset.manifest.schedule.steps]
    return accuracy_after(
        network, as_images(dataset), torch.from_numpy(np.array(targets)), steps, test
    )


def learner_for(images, *, n_steps=1, n_epochs=2, step_size=0.3, settings=None, labels=None):
    """A learner of images of two classes, 4 x 4, for perceptrons."""
    labels = torch.arange(len(images)) % 2 if labels is None else labels
    options = {"mean": (0.5,), "deviation": (0.3,)}
    settings = dd.Settings(network=NETWORK, batch_size=8, **(settings or {}))
    synthetic = SyntheticSet(
        images,
        labels,
        n_classes=2,
        n_steps=n_steps,
        n_epochs=n_epochs,
        step_size=step_size,
        **options,
    )
    kind = NetworkKind(NETWORK, 1.0, (4, 4, 1), 2, **options)
    return UnrolledLearner(
        synthetic, kind, settings, seed=0, device="cpu", precision="auto"
    ), synthetic


def noise(n: int = 2) -> torch.Tensor:
    return torch.randn((n, 1, 4, 4), generator=torch.Generator().manual_seed(0))


def batch_of(n: int = 8, **changes) -> Batch:
    images = torch.rand((n, 1, 4, 4), generator=torch.Generator().manual_seed(1))
    return Batch(images, torch.arange(n) % 2, torch.arange(n), None)._replace(**changes)


# ---- what is learned


def test_distilled_images_beat_real_ones_from_the_same_weights(digits, tmp_path) -> None:
    train, test = digits["train"], digits["test"]
    differences = []
    for seed in range(3):
        dataset = distilled(
            train,
            tmp_path / str(seed),
            "60st",
            seed=seed,
            settings={"initial_weights": "fixed"},
        )
        rows = np.concatenate(
            [
                np.random.default_rng(seed).permutation(np.flatnonzero(train.labels == number))[:1]
                for number in range(10)
            ]
        )
        # The real images get the best of these step sizes, by test accuracy: in their favour.
        best = 0.0
        for size in (0.03, 0.1, 0.3, 1.0, 3.0):
            network = standardised_network(dataset, 0)
            values = torch.from_numpy(dataset.array("initial_weights").copy())
            torch.nn.utils.vector_to_parameters(values, network.parameters())
            steps = [((0, 10), size)] * len(dataset.manifest.schedule.steps)
            images = as_images(train, np.sort(rows))
            targets = torch.from_numpy(np.array(train.labels[np.sort(rows)]))
            best = max(best, accuracy_after(network, images, targets, steps, test))
        differences.append(replayed(dataset, test) - best)
    mean, deviation = np.mean(differences), np.std(differences, ddof=1)
    # The lower end of the interval of 95 % of Student's t with 2 degrees of freedom.
    assert mean - 4.303 * deviation / len(differences) ** 0.5 > 0.2


def test_random_weights_are_distilled_for_as_well(digits, tmp_path) -> None:
    train, test = digits["train"], digits["test"]
    dataset = distilled(train, tmp_path / "random", "100st", images=2)
    schedule = dataset.manifest.schedule
    assert [step.rows for step in schedule.steps] == [(0, 10), (10, 20)] * 3
    accuracies = [replayed(dataset, test, seed) for seed in range(10)]
    assert np.mean(accuracies) > 0.6
    assert dataset.manifest.provenance.model is None
    assert "initial_weights" not in dataset.manifest.arrays


@pytest.mark.parametrize(("n_images", "least_change"), [(None, 0.0), (7, 0.1)])
def test_soft_labels_are_probabilities_that_were_learned(
    digits, tmp_path, n_images, least_change: float
) -> None:
    dataset = distilled(
        digits["train"],
        tmp_path / "soft",
        "60st",
        n_images=n_images,
        settings={"initial_weights": "fixed", "learns_labels": True},
    )
    values = np.array(dataset.soft_labels)
    assert values.shape == (n_images or 10, 10)
    assert (values >= 0).all()
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-5)
    one_hot = np.eye(10)[np.array(dataset.labels)]
    assert np.abs(values - one_hot).max() > least_change
    # Fewer images than classes still teach all classes.
    assert replayed(dataset, digits["test"]) > 0.75


def test_several_networks_give_the_mean_of_their_gradients() -> None:
    moved = []
    for n_networks in (1, 3):
        learner, synthetic = learner_for(noise(), settings={"n_networks": n_networks})
        losses = learner.step(batch_of(), learning_rate=0.01, n_before=0)
        moved.append((losses, synthetic.images.grad.clone()))
    assert not torch.allclose(moved[0][1], moved[1][1])
    single, synthetic = learner_for(noise())
    gradients, losses = [], []
    for _ in range(3):
        losses.append(single.step(batch_of(), learning_rate=0.0, n_before=0))
        gradients.append(synthetic.images.grad.clone())
    torch.testing.assert_close(moved[1][1], torch.stack(gradients).mean(dim=0))
    torch.testing.assert_close(moved[1][0], torch.stack(losses).mean(dim=0))


@pytest.mark.parametrize("n_steps", [1, 2])
def test_both_ways_of_computing_learn_the_same(n_steps: int) -> None:
    learned = []
    for checkpointed in (False, True):
        learner, _ = learner_for(noise(4), n_steps=n_steps, settings={"checkpointed": checkpointed})
        for number in range(3):
            learner.step(batch_of(), learning_rate=0.1, n_before=number)
        learned.append([value.clone() for value in learner.weights().values()])
    for one, other in zip(*learned, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_long_gradients_are_scaled_down() -> None:
    gradients = []
    for limit in (None, 1e-3):
        learner, synthetic = learner_for(noise(), settings={"max_gradient_norm": limit})
        learner.step(batch_of(), learning_rate=0.01, n_before=0)
        parts = [value.grad.flatten() for value in synthetic.parameters()]
        gradients.append(torch.cat(parts))
    whole, limited = gradients
    assert float(whole.norm()) > 2e-3
    torch.testing.assert_close(limited, whole * (1e-3 / whole.norm()), rtol=1e-3, atol=1e-9)


# ---- what is scored and stored


def test_scores_are_replayed_accuracies_and_change_nothing(digits, tmp_path) -> None:
    scores = {}

    def log(figures, step) -> None:
        scores[step] = figures["validation_accuracy"]

    options = {"settings": {"initial_weights": "fixed"}, "evaluations": 2}
    dataset = distilled(
        digits["train"], tmp_path / "one", validation_data=digits["test"], log=log, **options
    )
    assert scores.keys() == {10, 20}
    assert scores[20] == pytest.approx(replayed(dataset, digits["test"]), abs=1e-3)
    unscored = distilled(digits["train"], tmp_path / "other", **options)
    np.testing.assert_array_equal(unscored.images, dataset.images)


def test_the_folder_holds_the_weights_that_replay_starts_from(digits, tmp_path) -> None:
    settings = {"initial_weights": "fixed", "n_fixed_layers": 1}
    dataset = distilled(digits["train"], tmp_path / "out", "2st", seed=5, settings=settings)
    provenance = dataset.manifest.provenance
    kind = NetworkKind(
        NETWORK,
        1.0,
        (8, 8, 1),
        10,
        tuple(provenance.params["mean"]),
        tuple(provenance.params["deviation"]),
    )
    networks = StartingNetworks(kind, digits["train"], source="fixed", n_fixed_layers=1, seed=5)
    stored = dataset.array("initial_weights")
    np.testing.assert_array_equal(stored, networks.array())
    assert stored.dtype == np.float32
    assert provenance.model == networks.digest == hashlib.sha256(stored.tobytes()).hexdigest()
    assert provenance.params["initial_weights"] == {"kind": "fixed", "n_fixed_layers": 1}
    assert provenance.params["settings"]["network"] == NETWORK


def test_pretraining_takes_place_once(digits, tmp_path, monkeypatch) -> None:
    calls = []
    prepare = StartingNetworks.prepare
    monkeypatch.setattr(
        StartingNetworks, "prepare", lambda self, device: (calls.append(1), prepare(self, device))
    )
    settings = {"initial_weights": "pretrained", "pretraining": "2ep"}
    options = {"settings": settings, "checkpoint_path": tmp_path / "checkpoint.safetensors"}
    whole = distilled(digits["train"], tmp_path / "whole", "4st", settings=settings)
    distilled(digits["train"], tmp_path / "part", "4st", **options)
    assert len(calls) == 2
    monkeypatch.setattr(
        "thinset.distillation.initial_weights.fit",
        lambda *args, **kwargs: pytest.fail("weights of the checkpoint were trained again"),
    )
    resumed = distilled(digits["train"], tmp_path / "resumed", "4st", resume=True, **options)
    np.testing.assert_array_equal(resumed.array("initial_weights"), whole.array("initial_weights"))


# ---- what is refused


def test_batch_statistics_are_refused_or_frozen(digits, tmp_path) -> None:
    settings = {"network": "smooth_networks:normalised"}
    message = r"layer '0' \(BatchNorm2d\) uses the statistics of each batch.*freeze_statistics"
    with pytest.raises(ValueError, match=message):
        distilled(digits["train"], tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()
    settings["freeze_statistics"] = True
    dataset = distilled(
        digits["train"], tmp_path / "out", settings=settings, validation_data=digits["test"]
    )
    assert len(dataset) == 10


def test_the_best_images_are_kept_where_they_are_asked_for(digits, tmp_path, monkeypatch) -> None:
    seen = {}
    scores = {2: 0.2, 4: 0.6, 6: 0.6, 8: 0.3}

    def score(learner, data):
        return {"accuracy": scores[2 * len(seen) + 2]}

    def observe(synthetic, step):
        seen[step] = {name: value.clone() for name, value in synthetic.state_dict().items()}

    monkeypatch.setattr(UnrolledLearner, "score", score)
    options = {"length": "8st", "evaluations": 4, "validation_data": digits["test"]}
    dataset = distilled(digits["train"], tmp_path / "out", keep="best", observe=observe, **options)
    assert sorted(seen) == [2, 4, 6, 8]
    params = dataset.manifest.provenance.params
    assert params["kept"] == {"metric": "accuracy", "score": 0.6, "step": 4}
    best, last = (
        (seen[step]["images"] * params["deviation"][0] + params["mean"][0]).permute(0, 2, 3, 1)
        for step in (4, 8)
    )
    np.testing.assert_allclose(dataset.images, best.numpy(), atol=1e-6)
    assert not np.allclose(dataset.images, last.numpy(), atol=1e-3)
    sizes = [step.step_size for step in dataset.schedule.steps]
    np.testing.assert_allclose(sizes, F.softplus(seen[4]["_raw_step_sizes"]).numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dd.Settings(), 'keep "best" needs validation_data'),
        (dm.Settings(n_scored=0), 'keep "best" needs scores of the images, but n_scored is 0'),
    ],
)
def test_the_best_images_need_scores(digits, tmp_path, settings, message) -> None:
    validation = None if settings.method == "dd" else digits["test"]
    with pytest.raises(ValueError, match=message):
        distill(
            digits["train"],
            tmp_path / "out",
            settings=settings,
            keep="best",
            validation_data=validation,
        )


def test_more_steps_than_memory_are_refused_before_the_start(digits, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(unrolled_learner, "available_memory", lambda device: 3_000_000)
    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(
        ValueError, match=r"T = 300000 inner steps need about .* but only 0\.003 GB"
    ):
        distilled(
            digits["train"],
            tmp_path / "out",
            settings={"n_epochs": 300_000},
            checkpoint_path=checkpoint,
        )
    assert not checkpoint.exists()


def test_a_step_that_diverges_is_named() -> None:
    learner, synthetic = learner_for(noise(4), n_steps=2, n_epochs=2)
    with torch.no_grad():
        synthetic._raw_step_sizes[2] = float("nan")
    images = synthetic.images.clone()
    with pytest.raises(
        TrainingDivergedError,
        match=r"diverged at step 8: .*inner step 3 of 4, of size nan.*step_size or",
    ):
        learner.step(batch_of(), learning_rate=0.1, n_before=7)
    assert torch.equal(synthetic.images, images)


def test_a_step_size_that_runs_away_is_named() -> None:
    learner, synthetic = learner_for(noise())
    with torch.no_grad():
        synthetic._raw_step_sizes[1] = 1500.0
    with pytest.raises(
        TrainingDivergedError, match="diverged at step 3: step size 2 of 2 is 1500;.*at most 1000"
    ):
        learner.step(batch_of(), learning_rate=0.0, n_before=2)


def test_the_last_good_checkpoint_is_kept(digits, tmp_path, monkeypatch) -> None:
    step = UnrolledLearner.step

    def diverging(self, batch, *, learning_rate, n_before):
        if n_before == 15:
            with torch.no_grad():
                self._synthetic._raw_step_sizes[0] = 1e30
        return step(self, batch, learning_rate=learning_rate, n_before=n_before)

    monkeypatch.setattr(UnrolledLearner, "step", diverging)
    checkpoint = tmp_path / "checkpoint.safetensors"
    options = {"checkpoint_path": checkpoint, "evaluations": 2}
    with pytest.raises(TrainingDivergedError, match="diverged at step 16: step size 1 of 3 is"):
        distilled(digits["train"], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(UnrolledLearner, "step", step)
    resumed = distilled(digits["train"], tmp_path / "out", resume=True, **options)
    whole = distilled(digits["train"], tmp_path / "whole", evaluations=2)
    np.testing.assert_array_equal(resumed.images, whole.images)


def test_settings_and_batches_that_do_not_fit_are_refused(digits, tmp_path) -> None:
    with pytest.raises(ValueError, match="must be float32 for dd and soft.*got 'bfloat16'"):
        distilled(digits["train"], tmp_path / "out", precision="bfloat16")
    with pytest.raises(ValueError, match="n_fixed_layers must be from 0 to 2.*got 3"):
        distilled(
            digits["train"],
            tmp_path / "out",
            settings={"initial_weights": "fixed", "n_fixed_layers": 3},
        )
    with pytest.raises(ValueError, match="n_steps must divide the number of images, 10; got 3"):
        distilled(digits["train"], tmp_path / "out", settings={"n_steps": 3})
    learner, _ = learner_for(noise())
    with pytest.raises(ValueError, match="samples without weights"):
        learner.step(batch_of(weights=torch.ones(8)), learning_rate=0.1, n_before=0)


def test_a_checkpoint_of_other_settings_is_refused_but_not_for_its_memory(digits, tmp_path) -> None:
    options = {"checkpoint_path": tmp_path / "checkpoint.safetensors"}
    distilled(digits["train"], tmp_path / "one", "2st", **options)
    with pytest.raises(ValueError, match="of a run with other settings: learner settings"):
        distilled(
            digits["train"],
            tmp_path / "two",
            "2st",
            settings={"n_networks": 2},
            resume=True,
            **options,
        )
    resumed = distilled(
        digits["train"],
        tmp_path / "two",
        "2st",
        settings={"checkpointed": True},
        resume=True,
        **options,
    )
    np.testing.assert_array_equal(resumed.images, open_dataset(tmp_path / "one").images)


def test_float_images_are_distilled_as_well(tmp_path) -> None:
    images = np.random.default_rng(0).random((20, 4, 4, 1), np.float32)
    with DatasetWriter(
        tmp_path / "floats", name="f", image_shape=(4, 4, 1), image_dtype="float32", n_samples=20
    ) as writer:
        writer.append(images, np.arange(20) % 2)
    dataset = distilled(
        open_dataset(tmp_path / "floats"), tmp_path / "out", "2st", settings={"batch_size": 8}
    )
    assert dataset.images.shape == (2, 4, 4, 1)
