"""The arithmetic that decides, in torch operations: float64, in the core's order of additions.

Every operation here is a kernel of its own, so no multiplication is fused with an addition. What
torch may add in an order of its choice (sum, matmul, cumsum of floats) is not used. A division by
a Python number is not used either: on CUDA it multiplies by the reciprocal, which rounds twice.
"""

from __future__ import annotations

import numpy as np
import torch

_N_LANES = 16

# A row of D terms takes up to this many float64 values more while its lanes are added.
LANE_VALUES = 3 * _N_LANES


def sum_of_terms(terms: torch.Tensor) -> torch.Tensor:
    """Add float64 terms (..., D) along the last axis, in the order of the core: (...,).

    Term j goes to lane j mod 16, each lane adds its terms in rising j, and the lanes are added in
    pairs (l, l + 8), then (l, l + 4), (l, l + 2), (l, l + 1).
    """
    lanes = terms.new_zeros((*terms.shape[:-1], _N_LANES))
    for start in range(0, terms.shape[-1], _N_LANES):
        part = terms[..., start : start + _N_LANES]
        lanes[..., : part.shape[-1]].add_(part)
    half = _N_LANES // 2
    while half:
        lanes = lanes[..., :half] + lanes[..., half:]
        half //= 2
    return lanes[..., 0]


def squared_distances(rows: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """The sum over j of (rows_j - points_j)^2, for any shapes that broadcast to (..., D).

    `points` is float64; rows of other dtypes are widened to it before the subtraction.
    """
    terms = torch.sub(rows, points)
    return sum_of_terms(terms.mul_(terms))


def dot_products(rows: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    """The sum over j of rows_j * point_j, for any shapes that broadcast; `point` is float64."""
    return sum_of_terms(torch.mul(rows, point))


def square_roots(values: torch.Tensor) -> torch.Tensor:
    """Correctly rounded square roots of float64 values.

    On the host torch.sqrt may be a vector library's, whose last bit can be wrong.
    """
    if values.device.type == "cpu":
        return torch.as_tensor(np.sqrt(values.numpy()), device="cpu")
    return values.sqrt()


def computes_exactly(device: torch.device) -> bool:
    """Whether the float64 operations used here round on this device as IEEE 754 has it.

    Tries them on some values. Raises what torch raises where the device has no float64.
    """
    generator = np.random.default_rng(0)
    x, y = generator.lognormal(0.0, 9.0, (2, 4096))
    on_host = np.stack([x - y, x * y, x + y, x / y, np.sqrt(x)])
    a, b = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
    there = torch.stack([a - b, a * b, a + b, a / b, square_roots(a)])
    return np.array_equal(there.cpu().numpy(), on_host)


def first_of_the_largest(values: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """The lowest position of the largest value among those allowed: int64 (1,), on the device.

    Takes float64 (n,) and bool (n,), at least one of them true. NaN counts as less than any number.
    torch.argmax does not say which of equal values it gives.
    """
    offered = torch.where(allowed & ~values.isnan(), values, -torch.inf)
    is_largest = allowed & (offered == offered.amax())
    positions = torch.arange(len(values), device=values.device)
    return torch.where(is_largest, positions, len(values)).amin(0, keepdim=True)
