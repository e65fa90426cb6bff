"""What gradient matching and distribution matching have in common."""

from __future__ import annotations

import dataclasses
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from thinset.data import Dataset, DatasetWriter, import_dataset, open_dataset
from thinset.data.batches import Batch, DeviceBatches
from thinset.distillation.distill import distill, require_distillable
from thinset.distillation.initial_images import initial_images
from thinset.distillation.methods import dd, dm, gm, method_named
from thinset.distillation.networks import NetworkKind
from thinset.distillation.short_training import ShortTraining
from thinset.distillation.synthetic_set import SyntheticSet
from thinset.files.decoding import decode, encode
from thinset.models.classifiers.standardised import channel_statistics
from thinset.training import TrainingDivergedError
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

METHODS = (gm, dm)
SMALL: dict[Any, Any] = {
    gm: gm.Settings(width=0.05, batch_size=6, n_inner=3, network_epochs=2, score_steps=3),
    dm: dm.Settings(width=0.05, batch_size=6, score_steps=3),
}
each_method = pytest.mark.parametrize("method", METHODS, ids=["gm", "dm"])


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small lose time to threads that wait for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def write(folder: Path, labels: Any, soft: Any = None, **options: Any) -> Dataset:
    shape = options.pop("shape", (8, 8, 1))
    images = np.random.default_rng(0).integers(0, 256, (len(labels), *shape), np.uint8)
    with DatasetWriter(
        folder, name="noise", image_shape=shape, image_dtype="uint8", n_samples=len(labels),
        **options,
    ) as writer:  # fmt: skip
        writer.append(images, np.asarray(labels, np.int64), soft)
    return open_dataset(folder)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Noise in three classes of 10, 15 and 5 images."""
    return write(tmp_path / "data", np.repeat([0, 1, 2], [10, 15, 5]))


def begin(
    method: Any,
    data: Dataset,
    settings: Any = None,
    n_images: int = 6,
    precision: str = "float32",
) -> Any:
    """A learner of images of noise and batches of the real ones."""
    mean, deviation = channel_statistics(data.images)
    height, width, channels = data.image_shape
    images = torch.randn(
        n_images, channels, height, width, generator=torch.Generator().manual_seed(0)
    )
    synthetic = SyntheticSet(
        images,
        torch.arange(n_images) % data.n_classes,
        n_classes=data.n_classes,
        mean=mean,
        deviation=deviation,
    )
    settings = method.resolved(settings or SMALL[method], data, n_images // data.n_classes)
    networks = NetworkKind(
        settings.network, settings.width, data.image_shape, data.n_classes, mean, deviation
    )
    learner = method.learner(
        synthetic, networks, settings, seed=1, device="cpu", precision=precision
    )
    order = method.order(settings, data)
    batches = DeviceBatches(
        data,
        device="cpu",
        batch_size=order.n_samples,
        generator=torch.Generator().manual_seed(2),
        passes=order.over(data),
        channels_last=True,
    )
    return learner, synthetic, batches


@each_method
def test_a_step_sees_as_many_real_images_of_every_class(method: Any, data: Dataset) -> None:
    learner, _, batches = begin(method, data)
    for number in range(3):
        batch = next(batches)
        assert np.bincount(batch.labels).tolist() == [6, 6, 6]
        assert learner.step(batch, learning_rate=0.1, n_before=number).shape == (18,)
    # No class has more than 15: with 256 of each, images would only be repeated.
    assert method.order(method.Settings(), data).n_samples == 45


@each_method
@pytest.mark.parametrize("augmentation", ["none", "color,translation,cutout,scale,rotate"])
def test_every_image_moves(method: Any, data: Dataset, augmentation: str) -> None:
    settings = dataclasses.replace(SMALL[method], augmentation=augmentation)
    learner, synthetic, batches = begin(method, data, settings)
    before = synthetic.images.detach().clone()
    learner.step(next(batches), learning_rate=0.1, n_before=0)
    moved = (synthetic.images.detach() - before).abs().amax(dim=(1, 2, 3))
    assert bool((moved > 0).all())
    assert bool(synthetic.images.isfinite().all())


@each_method
def test_other_batches_are_refused(method: Any, data: Dataset) -> None:
    learner, _, batches = begin(method, data)
    batch = next(batches)
    for other, message in (
        (batch._replace(labels=torch.zeros(18, dtype=torch.int64)), "as many images of each of 3"),
        (Batch(*(part[:-1] for part in batch[:3]), None), "as many images of each of 3"),
        (batch._replace(weights=torch.ones(18)), "labels, without weights"),
        (batch._replace(labels=torch.rand(18, 3)), "labels, without weights"),
    ):
        with pytest.raises(ValueError, match=message):
            learner.step(other, learning_rate=0.1, n_before=0)


@each_method
@pytest.mark.parametrize("n_before", [1, 3, 4])
def test_a_state_that_is_loaded_goes_on_bit_for_bit(
    method: Any, data: Dataset, tmp_path: Path, n_before: int
) -> None:
    learner, synthetic, batches = begin(method, data)
    for number in range(n_before):
        learner.step(next(batches), learning_rate=0.1, n_before=number)
    state = {name: tensor.clone() for name, tensor in learner.tensors().items()}
    rest = [next(batches) for _ in range(5)]
    other, other_set, _ = begin(method, data)
    other.step(rest[0], learning_rate=0.3, n_before=0)
    other.load(state, tmp_path)
    for number, batch in enumerate(rest):
        losses = [
            one.step(batch, learning_rate=0.1, n_before=n_before + number)
            for one in (learner, other)
        ]
        assert torch.equal(*losses)
        assert torch.equal(synthetic.images, other_set.images)
    assert learner.take_loss_sum() == other.take_loss_sum()
    wrong, _, _ = begin(method, data, n_images=9)
    with pytest.raises(ValueError, match="is of another model: tensor 'images'"):
        wrong.load(state, tmp_path / "checkpoint")


@each_method
def test_scores_repeat_and_change_nothing(method: Any, data: Dataset) -> None:
    learner, _, batches = begin(method, data)
    learner.step(next(batches), learning_rate=0.1, n_before=0)
    before = {name: tensor.clone() for name, tensor in learner.tensors().items()}
    torch.manual_seed(1)
    global_state = torch.get_rng_state()
    scores = learner.score(data)
    torch.manual_seed(2)
    assert learner.score(data) == scores
    assert set(scores) == {"loss", "accuracy"}
    torch.manual_seed(1)
    learner.score(data)
    assert torch.equal(torch.get_rng_state(), global_state)
    after = learner.tensors()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert learner.goal(scores).metric == "accuracy"
    quiet, _, _ = begin(method, data, dataclasses.replace(SMALL[method], n_scored=0))
    assert quiet.score(data) == {}


@each_method
@pytest.mark.parametrize(("shape", "network"), [((8, 8, 3), "vgg"), ((8, 8, 1), "resnet")])
def test_networks_with_batch_norm_are_refused(
    method: Any, tmp_path: Path, shape: tuple[int, int, int], network: str
) -> None:
    data = write(tmp_path / "data", [0, 1] * 5, shape=shape)
    with pytest.raises(
        ValueError, match=f"without batch norm.*BatchNorm2d.* of {network} uses the statistics"
    ):
        begin(method, data, dataclasses.replace(SMALL[method], network=network))


@each_method
def test_every_class_needs_an_image(method: Any, data: Dataset) -> None:
    with pytest.raises(ValueError, match="an image of each class; class 2 has none"):
        begin(method, data, n_images=2)


@each_method
def test_layers_may_compute_in_bfloat16(method: Any, data: Dataset) -> None:
    images, losses = {}, {}
    for precision in ("float32", "bfloat16"):
        learner, synthetic, batches = begin(method, data, precision=precision)
        losses[precision] = learner.step(next(batches), learning_rate=0.1, n_before=0).mean()
        images[precision] = synthetic.images.detach()
        assert synthetic.images.dtype == torch.float32
    assert not torch.equal(images["float32"], images["bfloat16"])
    assert float(losses["bfloat16"]) == pytest.approx(float(losses["float32"]), rel=0.1)


@each_method
def test_soft_labels_of_real_images_are_refused(method: Any, tmp_path: Path) -> None:
    data = write(tmp_path / "data", [0, 1] * 5, np.eye(2, dtype=np.float32)[[0, 1] * 5])
    with pytest.raises(ValueError, match="noise has soft labels; matching needs one class"):
        distill(data, tmp_path / "out", settings=SMALL[method])


@each_method
def test_settings_survive_a_file(method: Any) -> None:
    for settings in (method.Settings(), SMALL[method]):
        assert decode(encode(settings), method.Settings, "settings") == settings
    with pytest.raises(ValueError, match="augmentation must be auto, none or a strategy.*'shear'"):
        method.Settings(augmentation="shear")


def test_auto_is_what_was_published(data: Dataset, tmp_path: Path) -> None:
    colour = write(tmp_path / "colour", [0, 1] * 5, shape=(8, 8, 3))
    for n_each, n_inner, n_epochs in (
        (1, 1, 1),
        (9, 1, 1),
        (10, 10, 50),
        (25, 20, 25),
        (99, 50, 10),
    ):
        settings = gm.resolved(gm.Settings(), colour, n_each)
        assert (settings.n_inner, settings.network_epochs) == (n_inner, n_epochs)
        assert settings.length == f"{1000 * n_inner}st"
    given = gm.Settings(n_inner=4, network_epochs=0, length="7st", augmentation="none")
    assert gm.resolved(given, colour, 10) == given
    for method in METHODS:
        operations = method.resolved(method.Settings(), colour, 1).augmentation.split(",")
        assert "flip" in operations
        operations.remove("flip")
        # Mirrored digits are no digits.
        assert method.resolved(method.Settings(), data, 1).augmentation.split(",") == operations
    assert (dm.Settings().length, dm.Settings().learning_rate) == ("20000st", 1.0)


@each_method
def test_the_folder_states_what_was_done(method: Any, data: Dataset, tmp_path: Path) -> None:
    seen = []
    made = distill(
        data,
        tmp_path / "out",
        settings=SMALL[method],
        images_per_class=2,
        init="real",
        length="4st",
        validation_data=data,
        evaluations=2,
        observe=lambda synthetic, step: seen.append((step, float(synthetic.images.detach().sum()))),
        device="cpu",
    )
    assert made.labels is not None
    assert (made.labels.tolist(), made.image_shape) == ([0, 1, 2] * 2, (8, 8, 1))
    assert made.manifest.provenance.by == method.Settings().method
    params = made.manifest.provenance.params
    assert (params["length"], params["settings"]["augmentation"]) == (
        "4st", "color,translation,cutout,scale,rotate",
    )  # fmt: skip
    assert [step for step, _ in seen] == [2, 4]
    standardised = (made.images - params["mean"]) / params["deviation"]
    assert standardised.sum() == pytest.approx(seen[-1][1], abs=1e-2)


@each_method
def test_images_that_are_no_numbers_end_the_training(
    method: Any, data: Dataset, tmp_path: Path
) -> None:
    settings = dataclasses.replace(SMALL[method], learning_rate=1e38)
    with pytest.raises(TrainingDivergedError, match="is nan after step|is not finite after step"):
        distill(data, tmp_path / "out", settings=settings, length="20st", evaluations=20)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images_per_class": 0}, "images_per_class must be at least 1, got 0"),
        ({"images_per_class": 1.5}, "images_per_class must be a whole number, got 1.5"),
        ({"images_per_class": 10**30}, "images_per_class must be at most 1,000,000,000, got 1000"),
        ({"images_per_class": None, "n_images": "4"}, "n_images must be a whole number, got '4'"),
        ({"images_per_class": 10**8, "init": "real"}, "has 10 samples, but 100000000 images of it"),
        ({"images_per_class": 10**8}, "images_per_class must give no more images than noise has"),
        (
            {"images_per_class": None, "n_images": 10**9},
            "n_images must give no more images than noise has samples, 30; got 1,000,000,000",
        ),
        ({"images_per_class": 1, "n_images": 4}, "give images_per_class or n_images, and not both"),
        ({"images_per_class": None, "n_images": 2}, "at least 3, one for each class, unless"),
        (
            {"images_per_class": 6, "init": "real"},
            "noise: class 2 has 5 samples, but 6 images of it are to start from real ones",
        ),
    ],
)
def test_numbers_that_cannot_be_are_refused_at_once(
    data: Dataset, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        distill(data, tmp_path / "out", settings=SMALL[dm], **options)
    init = options.get("init", "noise")
    numbers = {name: value for name, value in options.items() if name != "init"}
    with pytest.raises(ValueError, match=message):
        require_distillable(
            data,
            settings=SMALL[dm],
            starts_from_real=init == "real",
            **{"images_per_class": 1, **numbers},
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("method", ["gm", "dm"])
def test_a_card_names_every_setting_and_its_default(method: str) -> None:
    folder = resources.files("thinset.distillation.methods")
    text = (folder / f"{method}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {method}: ")
    parts = ["What it does.", "Use.", "When to use it.", "Cost.", "Caveats.", "Source."]
    if method == "dm":
        parts.insert(-1, "Measured.")
    assert re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE) == parts
    assert f"thinset distill DATA --method {method} " in text
    assert "Not built: " in text
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE))
    fields = dataclasses.fields(method_named(method).Settings)
    assert {field.name for field in fields if field.name != "method"} == rows.keys()
    for field in fields:
        if isinstance(field.default, int | float):
            assert rows[field.name] == f"{field.default:g}", field.name


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Dataset]:
    folder = tmp_path_factory.mktemp("digits")
    import_dataset("digits", folder / "data")
    return open_dataset(folder / "data" / "train"), open_dataset(folder / "data" / "test")


LEARNED: dict[Any, tuple[Any, str]] = {
    gm: (
        gm.Settings(
            width=0.125, batch_size=16, n_inner=10, network_epochs=5, network_rate=0.05,
            augmentation="none",
        ),
        "10st",
    ),
    dm: (dm.Settings(width=0.125, batch_size=16, augmentation="none"), "20st"),
}  # fmt: skip


@each_method
def test_learned_digits_train_better_than_random_ones(
    method: Any, digits: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    """Paired: in each pair the same random real images, before and after; the same networks."""
    train, test = digits
    settings, length = LEARNED[method]
    mean, deviation = channel_statistics(train.images)
    networks = NetworkKind("convnet", 0.125, train.image_shape, 10, mean, deviation)

    def accuracy(images: torch.Tensor, labels: torch.Tensor, seed: int) -> float:
        synthetic = SyntheticSet(images, labels, n_classes=10, mean=mean, deviation=deviation)
        scores = ShortTraining(1, 40, learning_rate=0.1).scores(
            synthetic, networks, test, augmentation=None, seed=seed,
            device=torch.device("cpu"), dtype=torch.float32,
        )  # fmt: skip
        return scores["accuracy"]

    gains = []
    for seed in range(5):
        before, labels = initial_images(
            train,
            "real",
            images_per_class=1,
            n_images=None,
            rows=None,
            mean=mean,
            deviation=deviation,
            generator=generator_for(seed, "initial images"),
            may_miss_classes=False,
        )
        made = distill(
            train, tmp_path / str(seed), settings=settings, init="real", length=length, seed=seed,
            device="cpu", evaluations=1,
        )  # fmt: skip
        pixels = torch.from_numpy(np.array(made.images)).permute(0, 3, 1, 2)
        after = (pixels - mean[0]) / deviation[0]
        assert np.corrcoef(before.flatten(), after.flatten())[0, 1] > 0.5  # they started there
        gains.append(accuracy(after, labels, seed) - accuracy(before, labels, seed))
    # Student's t for 4 degrees of freedom, 95 %.
    half_width = 2.776 * np.std(gains, ddof=1) / np.sqrt(5)
    assert np.mean(gains) - half_width > 0, gains


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"settings": "dm"}, TypeError, "settings must be the Settings of a method.* got 'dm'"),
        ({"settings": dm.Settings}, TypeError, "settings must be the Settings of a method"),
        ({"data": "digits"}, TypeError, "data must be a thinset.data.Dataset, got str"),
        ({"validation_data": "x"}, TypeError, "validation_data must be a thinset.data.Dataset"),
        ({"seed": -1}, ValueError, r"seed must be a whole number from 0 to 2\*\*63 - 1, got -1"),
        ({"seed": 2**70}, ValueError, r"seed must be a whole number from 0 to 2\*\*63 - 1"),
        ({"initial_rows": np.arange(3)}, ValueError, 'initial_rows needs init="rows"'),
        ({"settings": dm.Settings(momentum=3)}, ValueError, "momentum must be a number from 0"),
        ({"settings": dm.Settings(n_scored="x")}, ValueError, "n_scored must be a whole number"),
        ({"settings": gm.Settings(n_inner=0)}, ValueError, "n_inner must be"),
        ({"settings": gm.Settings(network=3)}, ValueError, "network must be"),
        ({"settings": dd.Settings(learning_rate=-1)}, ValueError, "learning_rate must be a number"),
        ({"settings": dd.Settings(checkpointed="x")}, ValueError, "checkpointed must be"),
        ({"settings": dd.Settings(initial_weights="x")}, ValueError, "initial_weights must be"),
    ],
)
def test_arguments_of_wrong_types_are_refused_before_any_training(
    data: Dataset, tmp_path: Path, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        distill(**{"data": data, "out": tmp_path / "out", "settings": SMALL[dm], **options})
    assert not (tmp_path / "out").exists()


def test_settings_of_wrong_types_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="a length is a number with a unit.*got 5"):
        dd.Settings(length=5)
    with pytest.raises(ValueError, match="augmentation must be auto, none or a strategy; got 3"):
        gm.Settings(augmentation=3)
    with pytest.raises(ValueError, match="pretraining must be longer than 0st"):
        dd.Settings(pretraining="0st")
