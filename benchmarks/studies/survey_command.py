"""What the command lines and tables of surveys share."""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.results.student import mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def parser_of(
    description: str, folders: Sequence[str], print_tables: Callable[[list[Path]], None], *,
    n_seeds: int,
) -> argparse.ArgumentParser:  # fmt: skip
    """For `PROGRAM FOLDER ... -o OUT --seeds ...`; `PROGRAM table FILE ...` prints and exits."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if sys.argv[1:2] == ["table"]:
        files = [Path(name) for name in sys.argv[2:]]
        missing = [str(file) for file in files if not file.is_file()]
        if missing or not files:
            parser.error(f"table needs files written by -o; got {', '.join(missing) or 'none'}")
        print_tables(files)
        raise SystemExit
    for folder in folders:
        parser.add_argument(folder, type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(n_seeds)))
    return parser


def mean_with_interval(values: Sequence[float]) -> str:
    """With its sign and the 95 % Student interval."""
    low, high = mean_interval(list(values)) or (float("nan"), float("nan"))
    return f"{statistics.fmean(values):+.1f} ({low:+.1f} to {high:+.1f})"
