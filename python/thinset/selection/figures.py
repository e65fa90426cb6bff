"""Figures that measure the quality of a subset, computed on first access."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar


class Figures(Mapping[str, float]):
    """Figures of a subset by name, each computed on first access, then kept.

    A loaded selection has the figures that were known when it was saved. A pickled or deeply copied
    one has those that were known at that time. The embeddings are not part of either.
    `Selection.objective_from` and `Selection.certificates_from` compute the others.
    """

    names: ClassVar[tuple[str, ...]] = ()
    """All figures; figures of pairs are not defined for a subset of one row."""
    names_of_pairs: ClassVar[frozenset[str]] = frozenset()
    names_of_medoids: ClassVar[frozenset[str]] = frozenset()
    """Figures that take quadratic time: listed for facility_location, others name them."""
    computed_by: ClassVar[str] = ""

    def __init__(
        self,
        known: Mapping[str, float],
        compute: Callable[[str], float] | None,
        *,
        has_pairs: bool = True,
        method: str = "",
    ) -> None:
        self._known = dict(known)
        self._compute = compute
        self._has_pairs = has_pairs
        self._method = method

    def __getitem__(self, name: str) -> float:
        if name not in self.names:
            raise KeyError(f"{name}: there are {', '.join(self.names)}")
        if name not in self._known:
            if self._compute is None and name in self.names_of_medoids:
                raise ValueError(
                    f"{name} was not computed before the selection was saved or copied; "
                    f"{self.computed_by}(embeddings) computes it for facility_location, a selection"
                    " that has just been made computes it for every method"
                )
            if self._compute is None:
                raise ValueError(
                    f"{name} was not computed before the selection was saved or copied; "
                    f"selection.{self.computed_by}(embeddings) computes it"
                )
            self._known[name] = self._computed(name, self._compute)
        return self._known[name]

    def _computed(self, name: str, compute: Callable[[str], float]) -> float:
        return compute(name)

    def __reduce__(self) -> tuple[type[Figures], tuple[dict[str, float], None]]:
        return type(self), (self._known, None)

    def __iter__(self) -> Iterator[str]:
        at_hand = (
            {*self.defined(self._has_pairs, self._method), *self._known}
            if self._compute is not None
            else self._known
        )
        return (name for name in self.names if name in at_hand)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return any(name == at_hand for at_hand in self)

    @classmethod
    def defined(cls, has_pairs: bool, method: str) -> list[str]:
        """The figures that a subset chosen by `method` has: `has_pairs` if it has two rows."""
        return [
            name
            for name in cls.names
            if (has_pairs or name not in cls.names_of_pairs)
            and (method == "facility_location" or name not in cls.names_of_medoids)
        ]

    @property
    def known(self) -> dict[str, float]:
        """The figures computed so far."""
        return dict(self._known)

    def remember(self, name: str, value: float) -> None:
        """Keep a figure that was computed elsewhere."""
        self._known[name] = value


class ObjectiveFigures(Figures):
    """Figures of a subset by name, each computed on first access, then kept.

    sum_of_pairwise_distances: over unordered pairs of the subset (Eq. 3), for 2 rows or more.
    smallest_pairwise_distance: between any two rows of the subset, for 2 rows or more.
    covering_radius: the largest distance of any row to its nearest row of the subset.
    sum_of_nearest_distances: over all rows, each to its nearest row of the subset.
    """

    names = (
        "sum_of_pairwise_distances",
        "smallest_pairwise_distance",
        "covering_radius",
        "sum_of_nearest_distances",
    )
    names_of_pairs = frozenset(names[:2])
    computed_by = "objective_from"


class Certificates(Figures):
    """How far a subset may be from the best k rows, by name, computed on demand and then kept.

    The bounds hold for every choice of k rows among all rows, whichever method made this one. They
    also hold within classes and with rows already chosen, although the best rows may not be allowed
    there. They are proved, not estimated, and account for rounding. The proof does not need the
    best rows.

    upper_bound_of_sum_of_pairwise_distances: no k rows have a larger sum; for 2 rows or more.
    share_of_best_possible_sum: the subset's sum is at least this share of the largest possible.
    upper_bound_of_smallest_pairwise_distance: no k rows are all further apart; for 2 rows or more.
    share_of_best_possible_smallest_distance: likewise, at least.
    lower_bound_of_covering_radius: no k rows cover all rows with a smaller radius.
    covering_radius_over_best_possible: the subset's radius is at most this many times the smallest
        possible; infinite if nothing could be proved.
    lower_bound_of_sum_of_nearest_distances: no k rows have a smaller sum (k-medoids).
    sum_of_nearest_distances_over_best_possible: likewise, at most this many times the smallest.
        These two are listed for facility_location; after another method, access them by name.

    The bound of the sum of pairwise distances costs a few times as many distances as k rows have
    pairs. If the subset is much worse than a max_sum selection of k rows, it also costs such a
    selection. The bounds of the smallest distance and the radius cost a max_min selection of k and
    of 1.5 k rows; the former also measures a few times N k distances. The bound of the sum of
    nearest distances costs about as much as a facility_location selection.
    """

    names = (
        "upper_bound_of_sum_of_pairwise_distances",
        "share_of_best_possible_sum",
        "upper_bound_of_smallest_pairwise_distance",
        "share_of_best_possible_smallest_distance",
        "lower_bound_of_covering_radius",
        "covering_radius_over_best_possible",
        "lower_bound_of_sum_of_nearest_distances",
        "sum_of_nearest_distances_over_best_possible",
    )
    names_of_pairs = frozenset(names[:4])
    names_of_medoids = frozenset(
        {
            "lower_bound_of_sum_of_nearest_distances",
            "sum_of_nearest_distances_over_best_possible",
        }
    )
    computed_by = "certificates_from"

    def __init__(
        self,
        known: Mapping[str, float],
        compute: Callable[[str], float] | None,
        objective: ObjectiveFigures | None = None,
        *,
        has_pairs: bool = True,
        method: str = "",
    ) -> None:
        """compute: computes a bound; `objective` has the figures of the subset."""
        super().__init__(known, compute, has_pairs=has_pairs, method=method)
        self._objective = objective if objective is not None else ObjectiveFigures({}, None)

    def _computed(self, name: str, compute: Callable[[str], float]) -> float:
        if name not in RATIOS:
            return compute(name)
        figure, bound = RATIOS[name]
        return ratio(self._objective[figure], self[bound])


# Ratio -> the figure of the subset and the bound that it is divided by.
RATIOS = {
    "share_of_best_possible_sum": (
        "sum_of_pairwise_distances",
        "upper_bound_of_sum_of_pairwise_distances",
    ),
    "share_of_best_possible_smallest_distance": (
        "smallest_pairwise_distance",
        "upper_bound_of_smallest_pairwise_distance",
    ),
    "covering_radius_over_best_possible": ("covering_radius", "lower_bound_of_covering_radius"),
    "sum_of_nearest_distances_over_best_possible": (
        "sum_of_nearest_distances",
        "lower_bound_of_sum_of_nearest_distances",
    ),
}


def ratio(figure: float, bound: float) -> float:
    """Infinity over infinity proves nothing: 0. Zero over zero is optimal: 1."""
    if bound == float("inf"):
        return 0.0
    if bound == 0.0:
        return 1.0 if figure <= 0.0 else float("inf")
    return figure / bound
