"""What the columns of the embeddings hold: are they finite, their ranges and their means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from thinset.selection.on_device.rows import Rows

_ROWS_PER_SUM = 1024
_LARGEST_MEASURABLE = 1e120
SMALLEST_MEASURABLE = 1e-120


def check_finite(rows: Rows) -> None:
    """Raise ValueError that names the first row and column holding NaN or infinity."""
    finite = [torch.isfinite(rows.read(begin, end)).all() for begin, end in rows.blocks()]
    good = torch.stack(finite).tolist()
    for (begin, end), is_good in zip(rows.blocks(), good, strict=True):
        if not is_good:
            _refuse_first(rows, begin, end)


def _refuse_first(rows: Rows, begin: int, end: int) -> None:
    block = rows.read(begin, end)
    row, column = (int(i) for i in (~torch.isfinite(block)).nonzero()[0])
    value = float(block[row, column])
    raise ValueError(
        f"embeddings must be finite: row {rows.original(begin + row)}, column {column} is {value}"
    )


def _ranges(rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    ranges = [torch.aminmax(rows.read(begin, end), dim=0) for begin, end in rows.blocks()]
    smallest = torch.stack([block.min for block in ranges]).amin(0)
    return smallest, torch.stack([block.max for block in ranges]).amax(0)


def check_largest_value(rows: Rows) -> None:
    """Raise ValueError that names the first column whose squares could overflow when added."""
    ranges = torch.stack(_ranges(rows), dim=1).double()
    beyond = (ranges.abs() > _LARGEST_MEASURABLE).nonzero()
    if len(beyond):
        column, end = beyond[0].tolist()
        value = float(ranges[column, end])
        power = min(300, math.ceil(math.log10(abs(value))))
        raise ValueError(
            f"distances need values within +-{_LARGEST_MEASURABLE:g}: column {column} holds "
            f"{value:g}; multiply the embeddings by 1e-{power}"
        )


def check_span(rows: Rows, label: int | None = None) -> None:
    """Raise ValueError where the rows differ, but by so little that squares of that vanish.

    label: that of the class the rows belong to, if they are one.
    """
    smallest, largest = _ranges(rows)
    spans = largest.double() - smallest.double()
    widest = float(spans.max())
    if widest == 0.0 or widest >= SMALLEST_MEASURABLE:
        return
    column = int((spans == widest).nonzero()[0])
    raise ValueError(
        f"distances need a column whose values differ by {SMALLEST_MEASURABLE:g} or more, or "
        f"float64 cannot hold their squares: the rows"
        f"{'' if label is None else f' of class {label}'} differ by at most {widest:g}, in column "
        f"{column}; multiply the embeddings by {power_of_ten_over(widest)} (leave out columns with "
        "one value in every row first)"
    )


def power_of_ten_over(value: float) -> str:
    """The power of ten that brings `value` to 1 or above, as far as there is one: "1e170"."""
    return f"1e{min(300, math.ceil(-math.log10(value)))}"


def constant_columns(rows: Rows) -> torch.Tensor:
    """Bool (D,) on the device: columns with one value in every row."""
    smallest, largest = _ranges(rows)
    return smallest == largest


def column_means(rows: Rows) -> torch.Tensor:
    """Float64 (D,): rows are added in sums of 1,024, and these are added in order.

    Many sums run side by side: step r adds the r-th row of each.
    """
    n = len(rows)
    total = torch.zeros(rows.n_columns, dtype=torch.float64, device=rows.device)
    stride = _ROWS_PER_SUM * rows.pairs_per_block
    for start in range(0, n, stride):
        end = min(start + stride, n)
        n_sums = -(-(end - start) // _ROWS_PER_SUM)
        sums = total.new_zeros((n_sums, rows.n_columns))
        for r in range(start, min(start + _ROWS_PER_SUM, end)):
            part = rows.read(r, end, _ROWS_PER_SUM)
            sums[: len(part)].add_(part)
        for block_sum in sums:
            total.add_(block_sum)
    return total / torch.full_like(total, n)
