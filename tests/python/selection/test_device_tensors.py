"""`thinset.select` with a tensor that does not lie in host memory."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from thinset.selection import matrix_input

torch = pytest.importorskip("torch")

METHODS = list(thinset.methods())


@pytest.fixture(params=["cpu", "cuda"])
def device(request, monkeypatch):
    """A CUDA device where there is one, and the host made to look like another device."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    monkeypatch.setattr(matrix_input, "_lies_on_host", lambda tensor: False)
    return request.param


@pytest.fixture(scope="module")
def X():
    generator = np.random.default_rng(7)
    return generator.standard_normal((400, 24)).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_selection_is_that_of_the_host(X, device, method, dtype, monkeypatch):
    tensor = torch.from_numpy(X).to(dtype)
    there = thinset.select(tensor.to(device), 0.1, method, n_threads=2)
    monkeypatch.undo()
    here = thinset.select(tensor, 0.1, method, n_threads=1)
    assert there.indices.tobytes() == here.indices.tobytes()
    assert there.gains.tobytes() == here.gains.tobytes()
    assert there.params == here.params
    assert there.n_total == here.n_total
    assert dict(there.objective) == dict(here.objective)


def test_labels_and_initial_rows_may_lie_there_too(X, device):
    labels = np.arange(400) % 7
    tensor = torch.from_numpy(X).to(device).requires_grad_()
    there = thinset.select(
        tensor,
        40,
        "max_min",
        labels=torch.from_numpy(labels).to(device),
        per_class=True,
        initial_subset=torch.tensor([5, 3], device=device),
    )
    here = thinset.select(X, 40, "max_min", labels=labels, per_class=True, initial_subset=[5, 3])
    assert there.indices.tolist() == here.indices.tolist()


def test_constant_columns_are_reported(X, device):
    X = X.copy()
    X[:, [3, 5]] = 0.5
    tensor = torch.from_numpy(X).to(device)
    with pytest.warns(thinset.ConstantColumnsWarning, match=r"2 embedding elements .*columns 3, 5"):
        selection = thinset.select(tensor, 48)
    assert selection.constant_columns == (3, 5)
    assert thinset.select(tensor, 48, drop_constant=True).constant_columns == (3, 5)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), ()])
def test_other_shapes_are_refused(device, shape):
    with pytest.raises(ValueError, match=r"2-D array \(rows, elements\), got shape \("):
        thinset.select(torch.ones(shape, device=device), 1)


def test_a_tensor_without_values_is_refused():
    with pytest.raises(ValueError, match="'meta' have a shape and no values"):
        thinset.select(torch.ones(5, 3, device="meta"), 2)


def test_shards_may_be_on_different_devices(X, device):
    tensor = torch.from_numpy(X)
    there = thinset.select([tensor[:100].to(device), X[100:]], 40, "max_min")
    assert there.indices.tolist() == thinset.select(X, 40, "max_min").indices.tolist()


def test_an_estimate_counts_the_copy(X, device, monkeypatch):
    tensor = torch.from_numpy(X).half()
    there = thinset.estimate(tensor.to(device), 40, "max_min")
    monkeypatch.undo()
    here = thinset.estimate(tensor, 40, "max_min")
    assert there.memory_bytes - here.memory_bytes == 400 * 24 * 2
    assert there.memory_bound - here.memory_bound == 400 * 24 * 2


def test_near_duplicates_are_found_there_too(X, device):
    rows = np.concatenate([X, X[:7]])
    groups = thinset.deduplicate(torch.from_numpy(rows).to(device), 0.0).groups
    assert groups[400:].tolist() == list(range(7))


def test_the_copy_counts_for_max_memory(X, device):
    tensor = torch.from_numpy(X).to(device)
    need = thinset.estimate(tensor, 40, "max_min").memory_bound
    thinset.select(tensor, 40, "max_min", max_memory=need)
    with pytest.raises(ValueError, match="max_memory"):
        thinset.select(tensor, 40, "max_min", max_memory=need - 400 * 24 * 4)
    with pytest.raises(ValueError, match="more than the 38,400 bytes of the tensor's copy"):
        thinset.select(tensor, 40, "max_min", max_memory=38_400)
