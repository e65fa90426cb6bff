"""Facility location: a few rows that are close to all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from thinset.selection.arguments import shown
from thinset.selection.method import Method

_SMALLEST_BANDWIDTH, _LARGEST_BANDWIDTH = 1e-120, 1e120


@dataclass(frozen=True, eq=False)
class FacilityLocationOptions:
    """Options of `facility_location`.

    kernel: "distance" minimises the summed distance of all rows to their nearest chosen row.
        "gaussian" and "cosine" maximise the coverage: the summed similarity of all rows to the most
        similar chosen row. The Gaussian similarity is exp(-d**2 / (2 * bandwidth**2)) with the
        Euclidean distance d, with metric="cosine" that between the rows' directions. The cosine
        similarity is 1 minus the cosine distance, whatever the metric: it chooses the rows of
        kernel="distance" with metric="cosine".
    bandwidth: of the Gaussian similarity. By default the median distance between 256 rows spread
        evenly over the matrix, equal rows left out; `Selection.params` holds it.
    max_swaps: after the greedy choice, make at most this many exchanges (>= 0; with per_class, in
        each class) of a chosen row for another row that lower the cost or raise the coverage, as
        FasterPAM does for k-medoids. `params` then holds their number (`n_swaps`) and what they
        gained (`gained_by_swaps`).
    """

    kernel: Literal["distance", "gaussian", "cosine"] = "distance"
    bandwidth: float | None = None
    max_swaps: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for a bandwidth that the core would refuse."""
        if self.bandwidth is None:
            return
        if self.kernel != "gaussian":
            raise ValueError(
                f"bandwidth applies only to kernel 'gaussian', got bandwidth {self.bandwidth:g} "
                f"for kernel {shown(self.kernel)}"
            )
        if not _SMALLEST_BANDWIDTH <= self.bandwidth <= _LARGEST_BANDWIDTH:
            raise ValueError(
                f"bandwidth must be in [{_SMALLEST_BANDWIDTH:g}, {_LARGEST_BANDWIDTH:g}], got "
                f"{self.bandwidth:g}"
            )


FACILITY_LOCATION = Method(
    "facility_location",
    "smallest summed distance of all rows to their nearest chosen row, greedily, or largest summed "
    "similarity; gains are the improvements of that sum",
    FacilityLocationOptions,
)
