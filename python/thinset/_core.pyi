"""Native core of thinset: selection, gathering and .npy files."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, final, overload

import numpy as np
from numpy.typing import NDArray

_Progress: TypeAlias = Callable[[int, int], None] | None
# One array, or several whose rows run through in their order.
_Embeddings: TypeAlias = NDArray[Any] | Sequence[NDArray[Any]]

__version__: str

class FormatError(ValueError):
    """A file is truncated, damaged or of an unknown format."""

@final
class Random:
    def __init__(self, seed: int) -> None: ...
    def below(self, bound: int) -> int: ...
    def uniform(self) -> float: ...

@final
class SelectionResult:
    # The native module makes them; calling the class raises TypeError.
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def indices(self) -> NDArray[np.int64]: ...
    @property
    def gains(self) -> NDArray[np.float64]: ...
    @property
    def constant_columns(self) -> NDArray[np.int64]: ...
    @property
    def swaps(self) -> NDArray[np.float64]: ...
    @property
    def spent(self) -> float: ...
    @property
    def bandwidth(self) -> float: ...

# What top_k_lists returns: the number of rows of the part; (D, L) rows, numbered through all parts,
# and (D, L) activations, the best first; (2, D) lowest and highest values.
_TopKLists: TypeAlias = tuple[int, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]

@final
class TopKCoordinator:
    def __init__(
        self,
        n_rows: int,
        n_columns: int,
        n_samples: int,
        *,
        mode: str = "max",
        refill: bool = True,
        drop_constant: bool = False,
        initial_subset: NDArray[np.int64] | None = None,
        max_depth: int | None = None,
    ) -> None: ...
    # While is_done is false: deal lists of all parts, of the current depth and without `taken`.
    @property
    def is_done(self) -> bool: ...
    @property
    def depth(self) -> int: ...
    @property
    def taken(self) -> NDArray[np.int64]: ...
    def deal(self, lists: Sequence[_TopKLists]) -> None: ...
    @property
    def indices(self) -> NDArray[np.int64]: ...
    @property
    def gains(self) -> NDArray[np.float64]: ...
    @property
    def constant_columns(self) -> NDArray[np.int64]: ...

# What a coordinator sends to all parts, and what each of them answers: (step, integers, values) and
# (integers, values), in 1-D arrays; the steps are in cpp/include/thinset/kmeans_parts.hpp.
_KMeansMessage: TypeAlias = tuple[str, NDArray[np.int64], NDArray[np.float64]]
_KMeansAnswer: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]

@final
class KMeansCoordinator:
    def __init__(
        self,
        n_rows: int,
        n_samples: int,
        *,
        n_iterations: int = 10,
        seeding: str = "kmeans++",
        seed: int = 0,
    ) -> None: ...
    # While is_done is false: take the answers of all parts to the message, in the order of their
    # rows. A new part is brought to the state of a lost one by the same messages in the same order.
    @property
    def is_done(self) -> bool: ...
    @property
    def message(self) -> _KMeansMessage: ...
    def take(self, answers: Sequence[_KMeansAnswer]) -> None: ...
    @property
    def n_done(self) -> int: ...
    @property
    def indices(self) -> NDArray[np.int64]: ...
    @property
    def gains(self) -> NDArray[np.float64]: ...

@final
class KMeansPart:
    def __init__(
        self,
        embeddings: _Embeddings,
        *,
        first_row: int = 0,
        n_threads: int = 0,
        progress: _Progress = None,
        bfloat16: bool = False,
    ) -> None: ...
    @property
    def n_rows(self) -> int: ...
    def answer(self, message: _KMeansMessage) -> _KMeansAnswer: ...

def exchange_paths(first: bytes, second: bytes) -> bool: ...
def open_npy(path: str | bytes) -> NDArray[Any]: ...
def select(
    embeddings: _Embeddings,
    n_samples: int,
    *,
    method: str,
    metric: str = "euclidean",
    labels: NDArray[np.int64] | None = None,
    per_class: str | None = None,
    initial_subset: NDArray[np.int64] | None = None,
    seed: int = 0,
    n_threads: int = 0,
    max_memory: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
    **kwargs: Any,
) -> SelectionResult: ...
def top_k_lists(
    embeddings: _Embeddings,
    depth: int,
    *,
    first_row: int = 0,
    mode: str = "max",
    taken: NDArray[np.int64] | None = None,
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> _TopKLists: ...
def match_near_duplicates(
    embeddings: _Embeddings,
    against: _Embeddings,
    distance: float,
    *,
    metric: str = "euclidean",
    rows: NDArray[np.int64] | None = None,
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> NDArray[np.int64]: ...
def check_selection(
    embeddings: _Embeddings,
    n_samples: int,
    *,
    method: str,
    metric: str = "euclidean",
    labels: NDArray[np.int64] | None = None,
    per_class: str | None = None,
    initial_subset: NDArray[np.int64] | None = None,
    bfloat16: bool = False,
    **kwargs: Any,
) -> None: ...
def shape_of(embeddings: _Embeddings, *, bfloat16: bool = False) -> tuple[int, int]: ...
def samples_of_fraction(fraction: float, n_rows: int) -> int: ...
def estimate(
    n_rows: int,
    n_columns: int,
    dtype: str,
    n_samples: int,
    *,
    method: str,
    metric: str = "euclidean",
    labels: NDArray[np.int64] | None = None,
    per_class: str | None = None,
    n_threads: int = 0,
    **kwargs: bool | float | str | None,
) -> tuple[int, int, float, float, float]: ...
def estimate_figures(
    n_rows: int,
    n_columns: int,
    dtype: str,
    n_samples: int,
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
) -> dict[str, tuple[float, float, float]]: ...
def instruction_set() -> str: ...
def available_instruction_sets() -> list[str]: ...
def use_instruction_set(name: str) -> None: ...
def available_processors() -> int: ...
def sum_of_pairwise_distances(
    embeddings: _Embeddings,
    indices: NDArray[np.int64],
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> float: ...
def smallest_pairwise_distance(
    embeddings: _Embeddings,
    indices: NDArray[np.int64],
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> float: ...
def covering_radius(
    embeddings: _Embeddings,
    indices: NDArray[np.int64],
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> float: ...
def sum_of_nearest_distances(
    embeddings: NDArray[Any],
    indices: NDArray[np.int64],
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> float: ...
def upper_bound_of_sum_of_pairwise_distances(
    embeddings: _Embeddings,
    indices: NDArray[np.int64],
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> float: ...
def upper_bound_of_smallest_pairwise_distance(
    embeddings: _Embeddings,
    indices: NDArray[np.int64],
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> float: ...
def lower_bound_of_covering_radius(
    embeddings: _Embeddings,
    indices: NDArray[np.int64],
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> float: ...
def lower_bound_of_sum_of_nearest_distances(
    embeddings: _Embeddings,
    indices: NDArray[np.int64],
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> float: ...
def group_near_duplicates(
    embeddings: _Embeddings,
    distance: float,
    *,
    metric: str = "euclidean",
    rows: NDArray[np.int64] | None = None,
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> NDArray[np.int64]: ...
def nearest(
    queries: _Embeddings,
    reference: _Embeddings,
    k: int,
    *,
    skipped: NDArray[np.int64] | None = None,
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
def count_in_balls(
    centres: _Embeddings,
    radii: NDArray[np.float64],
    points: _Embeddings,
    *,
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
@overload
def gather(
    source: str | bytes,
    indices: NDArray[np.int64],
    destination: str | bytes,
    *,
    n_threads: int = 0,
    progress: _Progress = None,
) -> None: ...
@overload
def gather(
    source: NDArray[Any],
    indices: NDArray[np.int64],
    destination: str | bytes,
    *,
    n_threads: int = 0,
    progress: _Progress = None,
) -> None: ...

# What machines that hold a part of the rows each say to one another. Rows are those of the part, in
# the order of the whole; points are rows widened to float64.
def column_range(
    embeddings: _Embeddings,
    *,
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def check_column_range(
    low: NDArray[np.float64], high: NDArray[np.float64], *, metric: str = "euclidean"
) -> None: ...
def exact_column_sums(
    embeddings: _Embeddings,
    *,
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> NDArray[np.int64]: ...
def exact_mean(sums: NDArray[np.int64], n_rows: int) -> NDArray[np.float64]: ...
def furthest_from_mean(
    points: _Embeddings,
    sums: NDArray[np.int64],
    n_rows: int,
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> int: ...
def ranks(
    points: _Embeddings,
    point: NDArray[np.float64],
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    bfloat16: bool = False,
) -> NDArray[np.float64]: ...

@final
class MaxMinPart:
    def __init__(
        self,
        embeddings: _Embeddings,
        n_samples: int,
        *,
        metric: str = "euclidean",
        n_threads: int = 0,
        progress: _Progress = None,
        bfloat16: bool = False,
    ) -> None: ...
    def pick(self, points: NDArray[np.float64], rows: NDArray[np.int64]) -> None: ...
    def best(
        self, n_rows: int = 1
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]: ...

@final
class MaxSumPart:
    def __init__(
        self,
        embeddings: _Embeddings,
        n_samples: int,
        *,
        metric: str = "euclidean",
        n_threads: int = 0,
        progress: _Progress = None,
        bfloat16: bool = False,
    ) -> None: ...
    def pick(self, points: NDArray[np.float64], rows: NDArray[np.int64]) -> None: ...
    def best(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]: ...
