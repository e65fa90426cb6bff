"""Native core of thinset: selection, gathering and .npy files."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, final, overload

import numpy as np
from numpy.typing import NDArray

_Progress: TypeAlias = Callable[[int, int], None] | None
# One array, or several whose rows run through in their order.
_Embeddings: TypeAlias = NDArray[Any] | Sequence[NDArray[Any]]

__version__: str

class FormatError(ValueError): ...

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
def match_near_duplicates(
    embeddings: _Embeddings,
    against: _Embeddings,
    distance: float,
    *,
    metric: str = "euclidean",
    n_threads: int = 0,
    progress: _Progress = None,
    bfloat16: bool = False,
) -> NDArray[np.int64]: ...
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
def group_near_duplicates(
    embeddings: _Embeddings,
    distance: float,
    *,
    metric: str = "euclidean",
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
