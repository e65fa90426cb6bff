"""What the problems of choosing rows of a matrix have in common."""

from __future__ import annotations

from embedding_data import DEFAULT_SIZE, PAPER_SIZE, embeddings


class SelectionProblem:
    """`X`, an (N, D) float32 matrix in memory, row by row, and `k`, the rows to choose.

    `n_threads` threads are everybody's.
    """

    # A clock cannot tell shorter rounds apart: a selection among few rows is repeated.
    shortest_round = 0.01

    @staticmethod
    def sizes(*, full):
        return [PAPER_SIZE if full else DEFAULT_SIZE]

    def __init__(self, size, *, data, n_threads):
        self.X = embeddings(data, size.n_rows, size.n_columns)
        self.k = size.k
        self.n_threads = n_threads
        n_rows, n_columns = self.X.shape
        self.description = f"{self.k:,} of {n_rows:,} x {n_columns} float32, {data}"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def before_round(self):
        """Nothing has to be put back between two rounds."""
