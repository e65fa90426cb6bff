from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from thinset.data import open_dataset
from thinset.data.provenance import DistilledBy
from thinset.distillation.through_gan.evaluation_networks import EvaluationNetworks
from thinset.distillation.through_gan.latent_search import latent_search
from thinset.distillation.through_gan.settings import LatentSettings
from thinset.losses.input_gradients import gradient_difference, gradient_magnitude
from thinset.models.generators import Decoder, FlowGenerator
from thinset.training import TrainingDivergedError, generator_for

SMALL = LatentSettings(network="smooth_networks:perceptron", length="8st", learning_rate=0.05)


def search(generator, data, name="out", settings=SMALL, **options):
    options = {"images_per_class": 2, "device": "cpu", "seed": 3, "evaluations": 4, **options}
    return latent_search(generator, data, data.path.with_name(name), settings=settings, **options)


def latents_of(dataset):
    return torch.from_numpy(dataset.array("latents").copy())


def drawn(generator, dataset):
    with torch.no_grad():
        labels = torch.from_numpy(np.array(dataset.labels))
        return generator(latents_of(dataset), labels)


def test_the_folder_holds_images_latents_and_their_course(generator, data):
    seen, logged = [], []
    made = search(
        generator, data, model="0" * 64,
        observe=lambda shown, step: seen.append((step, shown.pixels().shape, shown.n_steps)),
        log=lambda figures, step: logged.append((step, figures)),
    )  # fmt: skip
    assert made.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert (made.images.dtype, made.image_shape, made.class_names) == (
        np.uint8, (8, 8, 1), ("cat", "dog", "emu"),
    )  # fmt: skip
    assert latents_of(made).shape == (6, 6)
    expected = drawn(generator, made).permute(0, 2, 3, 1).mul(255).round()
    np.testing.assert_array_equal(made.images, expected.numpy())
    provenance = made.manifest.provenance
    assert isinstance(provenance, DistilledBy)
    assert (provenance.by, provenance.model, provenance.seed) == ("latent", "0" * 64, 3)
    assert provenance.params["settings"]["length"] == "8st"
    trajectory = provenance.params["trajectory"]
    assert [point["step"] for point in trajectory] == [0, 2, 4, 6, 8]
    assert trajectory[-1]["norm"] == pytest.approx(float(latents_of(made).norm(dim=1).mean()))
    assert [step for step, *_ in seen] == [2, 4, 6, 8]
    assert seen[0][1:] == ((6, 1, 8, 8), 1)
    for (step, figures), point in zip(logged, trajectory[1:], strict=True):
        assert step == point["step"]
        assert (figures["norm"], figures["train_loss"]) == (point["norm"], point["loss"])
        assert not [name for name in figures if name.startswith("test_")]


def test_without_steps_the_latents_stay_and_are_the_same_for_every_search(generator, data):
    control = search(generator, data, "control", dataclasses.replace(SMALL, length="0st"))
    start = generator.latents(6, generator_for(3, "latents"))
    assert torch.equal(latents_of(control), start)
    on_sphere = dataclasses.replace(SMALL, length="0st", constraint="sphere", alpha=0.0)
    assert torch.equal(latents_of(search(generator, data, "sphere", on_sphere)), start)
    first = control.manifest.provenance.params["trajectory"]
    assert first == [{"step": 0, "norm": pytest.approx(float(start.norm(dim=1).mean()))}]
    moved = search(generator, data)
    assert moved.manifest.provenance.params["trajectory"][0] == first[0]
    assert not torch.equal(latents_of(moved), start)


def test_the_loss_is_that_of_the_equation(generator, data):
    """One step of a search for one latent of each class, computed by hand."""
    pretrained = dataclasses.replace(SMALL, start="pretrained", alpha=0.5, beta=0.25, length="1st")
    losses = []
    made = search(
        generator, data, settings=pretrained, images_per_class=1, evaluations=1,
        log=lambda figures, step: losses.append(figures["train_loss"]),
    )  # fmt: skip
    networks = EvaluationNetworks(pretrained, data, seed=3)
    networks.prepare("cpu")
    network = networks.network(torch.device("cpu"))
    z = generator.latents(3, generator_for(3, "latents")).requires_grad_()
    labels = torch.arange(3)
    # The real images that the first step drew are the only unknown: one of each class.
    images = torch.from_numpy(np.array(data.images)).permute(0, 3, 1, 2) / 255
    parts = generator(z, labels)
    magnitudes = gradient_magnitude(network, parts, labels)
    differences = torch.stack([
        gradient_difference(network, parts, images[number::3][row].expand(3, -1, -1, -1), labels)
        for number in range(3) for row in range(15)
    ]).view(3, 15, 3)  # fmt: skip
    candidates = [
        (0.5 * (differences[0, a, 0] + differences[1, b, 1] + differences[2, c, 2]) +
         0.25 * magnitudes.sum()) / 3
        for a in range(15) for b in range(15) for c in range(15)
    ]  # fmt: skip
    values = torch.stack([candidate.detach() for candidate in candidates])
    chosen = int((values - losses[0]).abs().argmin())
    assert float(values[chosen]) == pytest.approx(losses[0], rel=1e-5)
    (gradient,) = torch.autograd.grad(candidates[chosen], z)
    moved = latents_of(made) - z.detach()
    # The first step of Adam is the sign of the gradient.
    torch.testing.assert_close(moved, -0.05 * gradient.sign(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("beta", "grows"), [(1.0, False), (-1.0, True)])
def test_the_sign_of_beta_shrinks_or_enlarges_gradients(generator, data, beta, grows):
    settings = dataclasses.replace(
        SMALL, alpha=0.0, beta=beta, length="30st", start="pretrained", learning_rate=0.02
    )
    losses = []
    search(
        generator, data, settings=settings,
        log=lambda figures, step: losses.append(figures["train_loss"]),
    )  # fmt: skip
    assert losses[-1] < losses[0]
    assert (losses[0] < 0) == grows


def test_alpha_brings_gradients_closer(generator, data):
    settings = dataclasses.replace(SMALL, length="60st", start="pretrained")
    losses = []
    search(
        generator, data, settings=settings,
        log=lambda figures, step: losses.append(figures["train_loss"]),
    )  # fmt: skip
    assert losses[-1] < losses[0]


def test_constraints_hold_the_length_of_latents(generator, data):
    away = dataclasses.replace(
        SMALL, alpha=0.0, beta=-1.0, length="40st", start="pretrained", learning_rate=0.2
    )
    lengths = {}
    for constraint in ("free", "l2", "sphere"):
        settings = dataclasses.replace(away, constraint=constraint, penalty=1.0)
        made = search(generator, data, constraint, settings)
        lengths[constraint] = latents_of(made).norm(dim=1)
    assert lengths["l2"].mean() < lengths["free"].mean()
    torch.testing.assert_close(lengths["sphere"], torch.full((6,), 6**0.5))


def test_the_sphere_has_the_length_of_random_latents(data):
    uniform = Decoder((8, 8, 1), 3, latent_size=6, prior="uniform")
    made = search(uniform, data, settings=dataclasses.replace(SMALL, constraint="sphere"))
    torch.testing.assert_close(latents_of(made).norm(dim=1), torch.full((6,), 2**0.5))
    many = uniform.latents(4000, torch.Generator().manual_seed(0))
    assert float(many.norm(dim=1).square().mean().sqrt()) == pytest.approx(2**0.5, rel=0.02)


def test_results_do_not_depend_on_how_many_are_computed_at_once(generator, data):
    made = [
        latents_of(search(generator, data, f"b{size}", dataclasses.replace(SMALL, batch_size=size)))
        for size in (2, 100)
    ]
    torch.testing.assert_close(made[0], made[1], rtol=1e-4, atol=1e-4)


def test_the_generator_of_the_caller_stays_as_it_is(generator, data):
    generator.train()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    search(generator, data)
    assert generator.training
    assert all(weight.requires_grad for weight in generator.parameters())
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


def test_a_search_starts_from_chosen_real_images(generator, data):
    rows = np.array([3, 4, 5, 30, 31, 32])
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    images = torch.from_numpy(data.images[rows].transpose(0, 3, 1, 2) / 255.0).float()

    def distances(made):
        return (drawn(generator, made) - images).square().flatten(1).mean(dim=1)

    nearest = search(
        generator, data, "nearest", dataclasses.replace(SMALL, length="0st", pool=16),
        initial_rows=rows, chosen_by="topk",
    )  # fmt: skip
    assert nearest.manifest.provenance.params["init"] == "topk"
    # Each start is the closest of 16, and no two of a class are the same.
    noise = generator_for(3, "latents")
    for number in range(3):
        pool = generator.latents(16, noise)
        with torch.no_grad():
            shown = generator(pool, torch.full((16,), number))
        for row in (number, number + 3):
            best = int((shown - images[row]).square().flatten(1).sum(dim=1).argmin())
            used = latents_of(nearest)[row]
            assert torch.equal(used, pool[best]) or row >= 3
    assert len(latents_of(nearest).unique(dim=0)) == 6
    assert labels.tolist() == nearest.labels.tolist()
    logged = []
    encoded = search(
        generator, data, "encoded",
        dataclasses.replace(SMALL, length="0st", pool=16, encoding="40st"), initial_rows=rows,
        log=lambda figures, step: logged.append(figures),
    )  # fmt: skip
    assert (distances(encoded) < distances(nearest)).all()
    assert logged[-1]["distance"] < logged[0]["distance"]
    assert "train_loss" not in logged[0]
    both = search(
        generator, data, "both",
        dataclasses.replace(SMALL, length="4st", pool=16, encoding="4st"), initial_rows=rows,
    )  # fmt: skip
    course = both.manifest.provenance.params["trajectory"][1:]
    assert [point["step"] for point in course] == [2, 4, 6, 8]
    assert [sorted(point) for point in course] == [
        ["distance", "norm", "step"], ["distance", "norm", "step"],
        ["loss", "norm", "step"], ["loss", "norm", "step"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"start": "fresh"},
        {"start": "pretrained", "constraint": "sphere"},
        {"start": "fresh", "encoding": "4st", "pool": 8},
    ],
)
def test_stopped_and_resumed_equals_uninterrupted_bit_for_bit(generator, data, tmp_path, changes):
    settings = dataclasses.replace(SMALL, **changes)
    init = "real" if settings.n_encoding else "noise"
    whole = search(generator, data, "whole", settings, init=init, evaluations=8)

    def stop(figures, step):
        if step in (3, 6) and step not in seen:
            seen.append(step)
            raise InterruptedError

    seen: list[int] = []
    options = {
        "init": init, "evaluations": 8, "checkpoint_path": tmp_path / "c.safetensors",
        "resume": True, "log": stop,
    }  # fmt: skip
    for _ in range(2):
        with pytest.raises(InterruptedError):
            search(generator, data, "stopped", settings, **options)
        assert not (tmp_path / "stopped").exists()
    resumed = search(generator, data, "stopped", settings, **options)
    assert seen == [3, 6]
    assert resumed.fingerprint == whole.fingerprint
    assert json.dumps(resumed.manifest.provenance.params) == json.dumps(
        whole.manifest.provenance.params
    )


def test_a_checkpoint_of_another_generator_is_refused(generator, data, tmp_path):
    checkpoint = {"checkpoint_path": tmp_path / "c.safetensors", "resume": True}
    search(generator, data, "first", **checkpoint)
    with torch.no_grad():
        next(generator.parameters()).add_(1)
    with pytest.raises(ValueError, match="generator"):
        search(generator, data, "second", **checkpoint)


def test_a_divergence_is_named_and_keeps_the_last_checkpoint(generator, data, tmp_path):
    class Failing(Decoder):
        n_calls = 0

        def forward(self, latents, labels):
            Failing.n_calls += 1
            images = super().forward(latents, labels)
            return images * float("nan") if Failing.n_calls > 5 else images

    failing = Failing((8, 8, 1), 3, latent_size=6)
    with pytest.raises(TrainingDivergedError, match="the training loss is nan after step 6"):
        search(failing, data, checkpoint_path=tmp_path / "c.safetensors", resume=True)
    assert (tmp_path / "c.safetensors").exists()
    assert not (tmp_path / "out").exists()


def test_generators_that_do_not_fit_are_refused(generator, data, tmp_path):
    for wrong, message in (
        (Decoder((12, 8, 1), 3), r"images of shape \(12, 8, 1\), but those of d have \(8, 8, 1\)"),
        (Decoder((8, 8, 1), 4), "draws 4 classes, but d has 3"),
        (FlowGenerator((8, 8, 1), 3, widths=(8, 8)), "latents are vectors, such as sngan or"),
    ):
        with pytest.raises(ValueError, match=message):
            search(wrong, data)
    for options, message in (
        ({"images_per_class": 0}, "images_per_class must be at least 1, got 0"),
        ({"images_per_class": 16, "init": "real"}, "has 15 samples, but 16 images of it are to"),
        ({"initial_rows": np.arange(5)}, "must hold 2 rows of class 2, got 1"),
    ):
        with pytest.raises(ValueError, match=message):
            search(generator, data, **options)
    with pytest.raises(ValueError, match="pool must be at least the 2 images of each class"):
        search(generator, data, settings=dataclasses.replace(SMALL, pool=1), init="real")
    with pytest.raises(ValueError, match="encoding needs real images to start from"):
        search(generator, data, settings=dataclasses.replace(SMALL, encoding="3st"))
    search(generator, data)
    with pytest.raises(FileExistsError, match="already exists"):
        search(generator, data)
    assert len(search(generator, data, overwrite=True)) == 6
    with pytest.raises(ValueError, match="would replace its own source"):
        search(generator, data, "data", overwrite=True)
    assert len(open_dataset(data.path)) == 45
