from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from thinset.data.batches import DeviceBatches, ShuffledPasses, ordered_batches  # noqa: E402

if TYPE_CHECKING:
    from thinset.data import Dataset

N_SAMPLES = 23  # of the fixtures
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def stream(dataset: Any, batch_size: int = 4, seed: int = 0, **options: Any) -> DeviceBatches:
    return DeviceBatches(
        dataset,
        batch_size=batch_size,
        generator=torch.Generator().manual_seed(seed),
        **({"device": "cpu"} | options),
    )


def rows(images: torch.Tensor) -> list[int]:
    """The rows that a batch consists of: the fixture writes them into the first pixel."""
    return images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("batch_size", [1, 4, N_SAMPLES, 2 * N_SAMPLES + 5])
def test_every_sample_once_per_epoch_across_borders(dataset: Dataset, batch_size: int) -> None:
    batches = stream(dataset, batch_size)
    n_batches = 3 * N_SAMPLES
    drawn: list[int] = []
    for _ in range(n_batches):
        images, labels, indices, _ = next(batches)
        assert indices.tolist() == rows(images)
        assert len(images) == batch_size
        assert labels.tolist() == [row % 3 for row in rows(images)]
        drawn += rows(images)
    assert batches.samples_drawn == n_batches * batch_size
    epochs = np.array(drawn).reshape(-1, N_SAMPLES)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(range(N_SAMPLES), (len(epochs), 1)))
    assert (epochs[0] != epochs[1]).any()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("channels_last", [True, False])
def test_images_are_nchw_with_the_pixels_of_the_dataset(
    dataset: Dataset, device: str, resident: bool, channels_last: bool
) -> None:
    batches = stream(dataset, device=device, resident=resident, channels_last=channels_last)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for _ in range(12):
        images, labels, *_ = next(batches)
        assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
        assert images.device.type == labels.device.type == device
        assert images.is_contiguous(memory_format=layout)
        expected = dataset.images[rows(images)].transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(images.cpu().numpy(), expected)


def test_the_order_depends_on_the_generator_alone(dataset: Dataset) -> None:
    first, again, mapped, other = (
        [rows(next(batches)[0]) for _ in range(12)]
        for batches in (
            stream(dataset),
            stream(dataset, resident=True),
            stream(dataset, resident=False),
            stream(dataset, seed=1),
        )
    )
    assert first == again == mapped
    assert first != other


@pytest.mark.parametrize("n_before", [0, 1, 5, 6, 23])
def test_resuming_goes_on_with_the_same_order(dataset: Dataset, n_before: int) -> None:
    batches = stream(dataset)
    for _ in range(n_before):
        next(batches)
    state = batches.state_dict()
    expected = [rows(next(batches)[0]) for _ in range(20)]

    resumed = stream(dataset, seed=99)
    resumed.load_state_dict(state)
    assert resumed.samples_drawn == 4 * n_before
    assert [rows(next(resumed)[0]) for _ in range(20)] == expected


def test_a_batch_can_be_a_whole_pass(dataset: Dataset) -> None:
    class Parts(ShuffledPasses):
        number = -1

        def begin(self, progress: float) -> None:
            self.number += 1

        def draw(self, generator: torch.Generator) -> tuple[torch.Tensor, None]:
            return torch.arange(self.number, 2 * self.number + 1), None

    batches = stream(dataset, batch_size=None, passes=Parts(len(dataset)))
    expected = [list(range(number, 2 * number + 1)) for number in range(5)]
    assert [next(batches).indices.tolist() for _ in range(5)] == expected
    assert batches.samples_drawn == 15


def test_a_state_is_not_changed_by_going_on(dataset: Dataset) -> None:
    batches = stream(dataset)
    state = batches.state_dict()
    kept = state["generator_state"].clone()
    for _ in range(20):
        next(batches)
    assert torch.equal(state["generator_state"], kept)
    assert (state["n_before"], state["position"]) == (0, 0)


def test_a_state_of_another_dataset_is_refused(dataset: Dataset) -> None:
    state = stream(dataset).state_dict()
    smaller = SimpleNamespace(images=dataset.images[:5], labels=dataset.labels[:5])
    with pytest.raises(ValueError, match="of 23 samples, this one has 5"):
        stream(smaller).load_state_dict(state)


def test_float_images_and_no_labels(images: np.ndarray) -> None:
    floats = SimpleNamespace(images=images.astype(np.float32) / 255, labels=None)
    batch, labels, *_ = next(stream(floats))
    assert batch.dtype == torch.float32
    assert labels.tolist() == [-1] * 4


def test_batches_do_not_alias_the_dataset(dataset: Dataset) -> None:
    for resident in (True, False):
        batches = stream(dataset, N_SAMPLES, resident=resident)
        next(batches)[0].zero_()
        assert sorted(rows(next(batches)[0])) == list(range(N_SAMPLES))


@pytest.mark.parametrize("batch_size", [1, 4, N_SAMPLES, 100])
@pytest.mark.parametrize("device", DEVICES)
def test_ordered_batches_give_everything_once_in_order(
    dataset: Dataset, batch_size: int, device: str
) -> None:
    batches = list(ordered_batches(dataset, device=device, batch_size=batch_size))
    sizes = [len(images) for images, _ in batches]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert sum(sizes) == N_SAMPLES
    images = torch.cat([images for images, _ in batches]).cpu().numpy()
    np.testing.assert_array_equal(images, dataset.images.transpose(0, 3, 1, 2))
    labels = torch.cat([labels for _, labels in batches]).cpu().numpy()
    np.testing.assert_array_equal(labels, dataset.labels)


SOFT = np.random.default_rng(2).dirichlet(np.ones(5), N_SAMPLES).astype(np.float32)


def with_soft_labels(dataset: Dataset, labels: Any) -> SimpleNamespace:
    return SimpleNamespace(images=np.array(dataset.images), labels=labels, soft_labels=SOFT)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("has_labels", [True, False])
def test_soft_labels_are_the_labels_of_a_batch(
    dataset: Dataset, device: str, resident: bool, has_labels: bool
) -> None:
    soft = with_soft_labels(dataset, dataset.labels if has_labels else None)
    batches, hard = stream(soft, device=device, resident=resident), stream(dataset)
    for _ in range(12):
        images, labels, indices, _ = next(batches)
        assert labels.dtype == torch.float32
        assert labels.device.type == device
        np.testing.assert_array_equal(labels.cpu().numpy(), SOFT[rows(images)])
        assert indices.tolist() == next(hard).indices.tolist()


def test_ordered_batches_give_soft_labels_only_instead_of_labels(dataset: Dataset) -> None:
    for labels, expected in ((dataset.labels, dataset.labels), (None, SOFT)):
        soft = with_soft_labels(dataset, labels)
        given = [y for _, y in ordered_batches(soft, device="cpu", batch_size=10)]
        np.testing.assert_array_equal(torch.cat(given).numpy(), expected)


@pytest.mark.parametrize("unfit", [SOFT[1:], SOFT[:, 0], SOFT.astype(np.float64)])
def test_soft_labels_that_do_not_fit_are_refused(dataset: Dataset, unfit: np.ndarray) -> None:
    soft = with_soft_labels(dataset, dataset.labels)
    soft.soft_labels = unfit
    with pytest.raises(ValueError, match=r"soft_labels must be float32 of shape \(23, C\), got"):
        stream(soft)
    with pytest.raises(ValueError, match=r"soft_labels must be float32 of shape \(23, C\), got"):
        ordered_batches(soft, device="cpu", batch_size=4)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", ">i4", "bool"])
def test_labels_of_any_integers_become_int64(dtype: str) -> None:
    images = np.zeros((4, 2, 2, 1), np.uint8)
    rows = SimpleNamespace(images=images, labels=np.array([0, 1, 1, 0], dtype))
    ((_, labels),) = ordered_batches(rows, device="cpu", batch_size=4)
    assert labels.dtype == torch.int64
    assert labels.tolist() == [0, 1, 1, 0]


def test_arrays_that_torch_cannot_take_are_refused_at_once() -> None:
    images = np.zeros((4, 2, 2, 1), np.float32)
    with pytest.raises(ValueError, match=r"labels must be integers, got float64; numpy.unique"):
        stream(SimpleNamespace(images=images, labels=np.zeros(4)))
    with pytest.raises(ValueError, match=r"byte order of this machine, got >f4; pass images.as"):
        stream(SimpleNamespace(images=images.astype(">f4"), labels=None))


def test_arguments_are_checked_at_once(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        stream(dataset, 0)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got -1"):
        ordered_batches(dataset, device="cpu", batch_size=-1)
    for size in (2.5, True, "4"):
        with pytest.raises(ValueError, match=f"batch_size must be a whole number, got {size!r}"):
            stream(dataset, size)
    with pytest.raises(ValueError, match="images must have shape"):
        stream(SimpleNamespace(images=dataset.images[0], labels=None))
    with pytest.raises(ValueError, match="with N >= 1"):
        stream(SimpleNamespace(images=dataset.images[:0], labels=None))
    with pytest.raises(ValueError, match=r"labels must have shape \(23,\), got \(22,\)"):
        stream(SimpleNamespace(images=dataset.images, labels=dataset.labels[1:]))
