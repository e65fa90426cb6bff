"""The explorer of a selection in the pages of runs, comparisons and plans."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from thinset.experiments.prepare.subsets import distinct_rows, select_rows, typical_distance
from thinset.experiments.showing import Shown, ShowSettings, explore
from thinset.experiments.shown_samples import samples_of
from thinset.results import RANDOM
from thinset.results.arm_words import plain_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thinset.experiments.cells import Cell
    from thinset.experiments.finished import Finished
    from thinset.report.explorer import ExplorerInputs
    from thinset.report.explorer.inputs import Explore
    from thinset.results import Arm, Plan
    from thinset.results.plan import Choice


def explored(
    finished: Finished[Any], chosen: tuple[Arm, Sequence[str]], other: tuple[Arm, Sequence[str]]
) -> Explore:
    """What shows one selection beside another: arms, and the names that their files may have.

    Files are read when it is called: a page that is written before the work is done has no
    explorer, and not all files. Raises FileNotFoundError then, where one is missing.
    """

    def prepared() -> tuple[ExplorerInputs, Mapping[str, str]]:
        shown, against = (
            Shown.of(finished.selection(*names), plain_name(arm)) for arm, names in (chosen, other)
        )
        settings = ShowSettings(embeddings=finished.embeddings, against=against)
        return explore(shown, samples_of(finished.data), settings)

    return prepared


def explored_cells(finished: Finished[Any], cells: Sequence[Cell]) -> Explore | None:
    """The same for a grid: its first subset by embeddings, beside a random one of the same size.

    Without a random one, the next arm stands beside it. None where there are no two subsets, or
    where no arm needed embeddings.
    """
    subsets = [cell for cell in cells if cell.arm.rule is not None and cell.size is not None]
    names: dict[Arm, list[str]] = {}
    for cell in subsets:
        file = finished.path / "selections" / f"{cell.selection_name}.npz"
        is_first = (cell.size, cell.seed) == (subsets[0].size, subsets[0].seed)
        if is_first and file.exists():
            names.setdefault(cell.arm, [cell.selection_name])
    arms = sorted(names, key=lambda arm: (not arm.needs_embeddings, arm == RANDOM))  # stable
    if len(arms) < 2 or not arms[0].needs_embeddings:
        return None
    first, second = arms[0], RANDOM if RANDOM in names else arms[1]
    return explored(finished, (first, names[first]), (second, names[second]))


def explored_choice(finished: Finished[Any], plan: Plan) -> tuple[Choice, Explore] | None:
    """What shows the samples that a plan keeps, and the choice that they belong to.

    That is the recommended choice or, where it keeps everything, another one that does not, best a
    selected subset. Rows are chosen here, as training does. None if the plan made no embeddings of
    everything.
    """
    choices = sorted(plan.choices, key=lambda one: (one is not plan.choice, one.arm.rule is None))
    choice = next((one for one in choices if _keeps_a_part(one.arm)), None)
    if choice is None or not finished.embeddings_file.exists():
        return None
    arm, name, data = choice.arm, plain_name(choice.arm), finished.data

    def prepared() -> tuple[ExplorerInputs, Mapping[str, str]]:
        embeddings = finished.embeddings
        settings = ShowSettings(embeddings=embeddings)
        if arm.distinct is not None:
            shown = Shown(name, distinct_rows(embeddings, arm.distinct), len(data))
            distance = arm.distinct * typical_distance(embeddings)
            settings = dataclasses.replace(settings, stack_distance=distance)
        else:
            shown = selected(arm)
            if arm != RANDOM:
                settings = dataclasses.replace(settings, against=selected(RANDOM))
        return explore(shown, samples_of(data), settings)

    def selected(arm: Arm) -> Shown:
        assert arm.rule is not None
        assert choice.subset is not None
        seed, size = finished.settings.seed, choice.subset.size
        selection = select_rows(finished.embeddings, data, arm.rule, size, seed=seed)
        return Shown.of(selection, plain_name(arm))

    return choice, prepared


def _keeps_a_part(arm: Arm) -> bool:
    return arm.rule is not None or arm.distinct is not None
