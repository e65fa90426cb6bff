"""Slopes, table and plots of growth curves."""

from __future__ import annotations

import math

import numpy as np

_AXES = {"n_rows": "N", "k": "k"}


def slope(at, values):
    """The least-squares slope of log(values) over log(at): values grow like at**slope."""
    if len(at) < 2 or min(values) <= 0:
        return math.nan
    return float(np.polyfit(np.log(at), np.log(values), 1)[0])


def mebibytes(n_bytes):
    return "-" if n_bytes is None else f"{n_bytes / 2**20:,.2f} MiB"


def table_lines(curves):
    lines = []
    for curve in curves:
        lines.append(
            f"\n{curve['method']} against {_AXES[curve['axis']]}, D = {curve['n_columns']} "
            f"{curve['dtype']}: seconds grow like {_AXES[curve['axis']]}"
            f"^{curve['slope_of_seconds']:.2f}"
        )
        lines.append(f"{'N':>12}{'k':>10}{'seconds':>12}{'peak extra':>16}{'predicted':>16}")
        columns = ("n_rows", "k", "seconds", "peak_extra_bytes", "predicted_bytes")
        for n_rows, k, seconds, peak, predicted in zip(
            *(curve[column] for column in columns), strict=True
        ):
            lines.append(
                f"{n_rows:>12,}{k:>10,}{seconds:>12.4f}{mebibytes(peak):>16}"
                f"{mebibytes(predicted):>16}"
            )
    return lines


def plot(curves, path):
    """Time above, extra memory below (dashed: predicted); along N on the left, along k right."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import NullFormatter

    figure, axes = plt.subplots(2, 2, figsize=(10, 7), constrained_layout=True, sharex="col")
    for column, (axis, name) in enumerate(_AXES.items()):
        time_axes, memory_axes = axes[0][column], axes[1][column]
        for curve in curves:
            if curve["axis"] != axis:
                continue
            label = f"{curve['method']}: slope {curve['slope_of_seconds']:.2f}"
            (line,) = time_axes.plot(curve["at"], curve["seconds"], "o-", label=label)
            memory = [max(1, n_bytes) / 2**20 for n_bytes in curve["peak_extra_bytes"]]
            memory_axes.plot(curve["at"], memory, "o-", color=line.get_color())
            if None not in curve["predicted_bytes"]:
                predicted = [n_bytes / 2**20 for n_bytes in curve["predicted_bytes"]]
                memory_axes.plot(curve["at"], predicted, "--", color=line.get_color())
        for panel in (time_axes, memory_axes):
            panel.set_xscale("log")
            panel.set_yscale("log")
            # Labels between the decades would overlap.
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.grid(alpha=0.3)
        if time_axes.lines:
            time_axes.legend()
        time_axes.set_ylabel("seconds")
        memory_axes.set_ylabel("extra memory, MiB")
        memory_axes.set_xlabel(name)
    figure.savefig(path, dpi=120)
    plt.close(figure)
