"""DuckDB's arg_max(row, value, c) of every column, in one query."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from topk.dealing import deal


def solve(problem):
    columns = np.ascontiguousarray(problem.X.T)
    n_rows = len(problem.X)
    names = [f"c{j}" for j in range(len(columns))]
    table = pa.table([np.arange(n_rows), *columns], names=["row_number", *names])
    with duckdb.connect(config={"threads": problem.n_threads}) as database:
        database.register("embeddings", table)

        def best_of(column, rows):
            rows = np.sort(rows)
            # Ties come in any order.
            return rows[np.argsort(-column[rows], kind="stable")].tolist()

        def best_candidates(c):
            best = ", ".join(f"arg_max(row_number, {name}, {c})" for name in names)
            found = database.execute(f"SELECT {best} FROM embeddings").fetchone()
            return [best_of(column, rows) for column, rows in zip(columns, found, strict=True)]

        return deal(best_candidates, n_rows, problem.k)
