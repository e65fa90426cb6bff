"""The explorer of a selection in the page of a run or a comparison, beside the random baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.experiments.showing import Shown, ShowSettings, explore
from thinset.experiments.shown_samples import samples_of
from thinset.results import RANDOM
from thinset.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from thinset.experiments.cells import Cell
    from thinset.experiments.finished import Finished
    from thinset.report.explorer.inputs import Explore
    from thinset.results import Arm


def explored(
    finished: Finished[Any], selections: Sequence[tuple[Arm, Selection]]
) -> Explore | None:
    """What shows the first of these selections beside the second, when it is called.

    None without a selection, and where no embeddings were made.
    """
    if not selections:
        return None
    try:
        embeddings = finished.embeddings
    except FileNotFoundError:
        return None
    shown = [Shown.of(selection, str(arm)) for arm, selection in selections]
    settings = ShowSettings(embeddings=embeddings, against=shown[1] if len(shown) > 1 else None)
    return lambda: explore(shown[0], samples_of(finished.data), settings)


def explored_cells(finished: Finished[Any], cells: Sequence[Cell]) -> Explore | None:
    """The same for a grid: its first selected subset, beside a random one of the same size.

    Without a random one, the next arm stands beside it.
    """
    subsets = [cell for cell in cells if cell.arm.rule is not None and cell.size is not None]
    files: dict[Arm, Path] = {}
    for cell in subsets:
        file = finished.path / "selections" / f"{cell.selection_name}.npz"
        is_first = (cell.size, cell.seed) == (subsets[0].size, subsets[0].seed)
        if is_first and file.exists():
            files.setdefault(cell.arm, file)
    arms = [arm for arm in files if arm != RANDOM]
    if not arms:
        return None
    chosen = [arms[0], *([RANDOM] if RANDOM in files else arms[1:2])]
    return explored(finished, [(arm, Selection.load(files[arm])) for arm in chosen])
