"""The result of a selection: indices in selection order, and how good they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.overlap import Inputs
from thinset.selection.arguments import as_metric
from thinset.selection.columnar_input import has_columns
from thinset.selection.estimate import FiguresEstimate, estimate_figures
from thinset.selection.figures import Certificates, ObjectiveFigures
from thinset.selection.matrix_input import as_matrix
from thinset.selection.measuring import Subset
from thinset.selection.selection_file import (
    FORMAT,
    VERSION,
    check_saved,
    digest_of,
    short_integer,
)
from thinset.threads import as_threads

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from thinset.selection.reporting import Progress


class Selection:
    """Rows chosen from an embedding matrix.

    Attributes:
        indices: int64 (k,), in selection order, distinct, each in [0, n_total).
        gains: float64 (k,), what each row added when it was chosen, in a measure that depends on
            the method.
        n_total: the number of rows chosen from.
        method: how they were chosen, by name.
        params: all settings of the selection, JSON-able.
        constant_columns: embedding elements with one value in every row (reported by topk).
        ids: the user's names of the rows, in selection order; None if `select` got none.
        spent: the summed costs of the rows; None without costs.
        inputs: the files that the rows were chosen from, over which nothing may be written.
        objective: figures of the subset, computed on demand (see ObjectiveFigures).
        certificates: bounds on how far they are from the best possible, computed on demand (see
            Certificates).

    A loaded selection has the figures that were known when it was saved; `objective_from` and
    `certificates_from` compute the others from the embeddings.
    """

    def __init__(
        self,
        indices: NDArray[np.int64],
        gains: NDArray[np.float64],
        n_total: int,
        method: str,
        params: Mapping[str, Any],
        *,
        constant_columns: tuple[int, ...] = (),
        figures: Callable[[], tuple[ObjectiveFigures, Certificates]] | None = None,
        ids: NDArray[Any] | None = None,
        spent: float | None = None,
        inputs: Inputs | None = None,
    ) -> None:
        self.indices = indices
        self.gains = gains
        self.n_total = n_total
        self.method = method
        self.params = dict(params)
        self.constant_columns = constant_columns
        self.ids = ids
        self.spent = spent
        self.inputs = inputs if inputs is not None else Inputs()
        # Made on first access: that takes as long as a small selection.
        self._make_figures = figures
        self._figures: tuple[ObjectiveFigures, Certificates] | None = None

    @property
    def objective(self) -> ObjectiveFigures:
        return self._both_figures()[0]

    @property
    def certificates(self) -> Certificates:
        return self._both_figures()[1]

    def _both_figures(self) -> tuple[ObjectiveFigures, Certificates]:
        if self._figures is None:
            none_known = ObjectiveFigures({}, None), Certificates({}, None)
            self._figures = none_known if self._make_figures is None else self._make_figures()
        return self._figures

    def __getstate__(self) -> dict[str, Any]:
        # Copies have the figures known now, and no embeddings.
        return {**self.__dict__, "_figures": self._both_figures(), "_make_figures": None}

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        asked = self.params.get("n_samples", len(self))
        short = "" if asked == len(self) else f", {asked:,} asked for"
        return f"Selection({self.method}: {len(self):,} of {self.n_total:,} rows{short})"

    def mask(self) -> NDArray[np.bool_]:
        """Boolean (n_total,), true at the chosen rows, without the selection order."""
        mask = np.zeros(self.n_total, dtype=np.bool_)
        mask[self.indices] = True
        return mask

    def objective_from(
        self, embeddings: object, *, n_threads: int | None = None, progress: Progress = None
    ) -> ObjectiveFigures:
        """Compute all figures of `objective`, and keep them: `save` then writes them.

        Args:
            embeddings: those that the rows were chosen from, as for `select`. Known figures are not
                computed again.
            progress: True shows a bar; a callable receives (done, total).

        Raises ValueError if the embeddings do not have the selection's rows and columns, and
        KeyboardInterrupt within 0.2 s of Ctrl-C; figures computed by then are kept.
        """
        self._subset_of(embeddings, n_threads).compute_objective(self.objective, progress)
        return self.objective

    def certificates_from(
        self, embeddings: object, *, n_threads: int | None = None, progress: Progress = None
    ) -> Certificates:
        """Compute all bounds of `certificates`, and keep them, as `objective_from` does.

        The figures of `objective` that the bounds are compared with are computed and kept as well.
        """
        subset = self._subset_of(embeddings, n_threads)
        subset.compute_certificates(self.certificates, self.objective, progress)
        return self.certificates

    def estimate_figures(self, *, n_threads: int | None = None) -> FiguresEstimate:
        """Predict how long `objective_from` and `certificates_from` take for this selection."""
        if not {"n_columns", "dtype"} <= self.params.keys():
            raise ValueError(
                "this selection's file does not say which embeddings it was made from; "
                "thinset.selection.estimate_figures(embeddings, n_samples) predicts the time"
            )
        return estimate_figures(
            (self.n_total, self.params["n_columns"]),
            len(self),
            dtype=self.params["dtype"],
            metric=self.params.get("metric", "euclidean"),
            n_threads=n_threads,
            method=self.method,
        )

    def _subset_of(self, embeddings: object, n_threads: int | None) -> Subset:
        matrix = as_matrix(
            embeddings, self.params.get("column") if has_columns(embeddings) else None
        )
        n_rows, n_columns = matrix.shape
        # Early files do not record the number of columns.
        expected = (self.n_total, self.params.get("n_columns", n_columns))
        if (n_rows, n_columns) != expected:
            raise ValueError(
                f"embeddings must be those that the selection was made from, of shape {expected}; "
                f"got shape {(n_rows, n_columns)}"
            )
        metric = as_metric(self.params.get("metric", "euclidean"))
        return Subset(matrix, self.indices, metric, as_threads(n_threads), self.method)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a .npz file (arrays and JSON text, no pickle), atomically.

        The file has the given name, to which nothing is added; the commands take a file for a
        selection if its name ends in .npz. Raises ValueError if it would overwrite a file that the
        rows were chosen from, and for a name that ends in .npy, which is another format.
        """
        import io
        import json
        import os

        from thinset.files.atomic import atomic_file

        self.inputs.require_apart(path)
        if os.fsdecode(path).endswith(".npy"):
            raise ValueError(
                f"a selection is saved as .npz, got {os.fsdecode(path)}; "
                "numpy.save(path, selection.indices) writes row numbers alone"
            )
        description: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "n_total": self.n_total,
            "method": self.method,
            "params": self.params,
            "constant_columns": list(self.constant_columns),
            "objective": self.objective.known,
            "certificates": self.certificates.known,
        }
        # Only where they are: files without them stay as earlier versions wrote them.
        named = {} if self.ids is None else {"ids": self.ids}
        if named:
            description["has_ids"] = True
        if self.spent is not None:
            description["spent"] = self.spent
        arrays = [self.indices, self.gains, *named.values()]
        description["sha256"] = digest_of(arrays, description)
        # In memory first: on a full disk, a half-written archive cannot be closed.
        content = io.BytesIO()
        stored: dict[str, Any] = {"indices": self.indices, "gains": self.gains, **named}
        stored["description"] = np.array(json.dumps(description))
        np.savez(content, **stored)
        with atomic_file(path) as partial:
            partial.write_bytes(content.getbuffer())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Selection:
        """Read what `save` wrote.

        Raises OSError if the file cannot be read, and ValueError, naming it, if it is not a saved
        selection, is damaged or has changed since it was written.
        """
        import json

        from thinset.selection.npz_file import read_npz

        try:
            indices, gains, text = read_npz(path, "indices", "gains", "description")
            description = json.loads(str(text), parse_int=short_integer)
            ids = None
            if isinstance(description, dict) and description.get("has_ids"):
                (ids,) = read_npz(path, "ids")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{str(path)!r} is not a saved selection: {error}") from error
        check_saved(path, indices, gains, ids, description)
        return cls(
            indices,
            gains,
            description["n_total"],
            description["method"],
            description["params"],
            constant_columns=tuple(description["constant_columns"]),
            figures=lambda: (
                ObjectiveFigures(description["objective"], None),
                # Early files of this version have none.
                Certificates(description.get("certificates", {}), None),
            ),
            ids=ids,
            spent=description.get("spent"),
        )
