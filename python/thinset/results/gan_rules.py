"""What an arm says about distillation through a generative adversarial network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from thinset.results.selection_rule import as_text

if TYPE_CHECKING:
    from thinset.results.arm_options import ArmOptions

Side: TypeAlias = Literal["generator", "discriminator", "both"]
Constraint: TypeAlias = Literal["free", "l2", "sphere"]


@dataclass(frozen=True)
class TermRule:
    """A term that is added to the losses of the networks; see thinset.distillation.through_gan.

    weight: its factor, the lambda of Eqs. 4.4 and 4.5. on: whose loss it is added to. only: instead
    of the adversarial loss.
    """

    weight: float = 1.0
    on: Side = "generator"
    only: bool = False

    @classmethod
    def take(cls, options: ArmOptions) -> TermRule:
        """The term in the options of an arm; ValueError, quoting the arm, for a wrong value."""
        weight = _number(options, "weight", 1.0)
        if weight < 0:
            raise ValueError(f"arm {options.text!r}: weight must be at least 0, got {weight:g}")
        return cls(
            weight,
            options.take("on", "generator", get_args(Side)),
            options.take("only", False, (True,)),
        )

    @property
    def words(self) -> list[str]:
        """The options in the text of an arm."""
        words = [f"weight={as_text(self.weight)}"]
        if self.on != "generator":
            words.append(f"on={self.on}")
        return [*words, "only"] if self.only else words


@dataclass(frozen=True)
class LatentRule:
    """A search for latents; see thinset.distillation.through_gan.

    alpha, beta: factors of the two terms of Eq. 4.6. constraint: what keeps latents near those that
    the generator was trained on. n_steps: of the search; 0 leaves the latents as they were drawn,
    None takes the length in the settings.
    """

    alpha: float = 1.0
    beta: float = 0.0
    constraint: Constraint = "free"
    n_steps: int | None = None

    @classmethod
    def take(cls, options: ArmOptions) -> LatentRule:
        """The search in the options of an arm; ValueError, quoting the arm, for a wrong value."""
        alpha, beta = _number(options, "alpha", 1.0), _number(options, "beta", 0.0)
        if alpha < 0:
            raise ValueError(f"arm {options.text!r}: alpha must be at least 0, got {alpha:g}")
        constraint = options.take("constraint", "free", get_args(Constraint))
        n_steps = options.values.pop("steps", None)
        if n_steps is not None and (type(n_steps) is not int or n_steps < 0):
            raise ValueError(
                f"arm {options.text!r}: steps must be a whole number of at least 0, got {n_steps}"
            )
        return cls(alpha, beta, constraint, n_steps)

    @property
    def words(self) -> list[str]:
        """The options in the text of an arm."""
        words = []
        if (self.alpha, self.beta) != (1.0, 0.0):
            words += [f"alpha={as_text(self.alpha)}", f"beta={as_text(self.beta)}"]
        if self.constraint != "free":
            words.append(f"constraint={self.constraint}")
        return words if self.n_steps is None else [*words, f"steps={self.n_steps}"]


def _number(options: ArmOptions, name: str, default: float) -> float:
    value: Any = options.values.pop(name, default)
    if value is True:
        raise ValueError(f"arm {options.text!r}: {name} needs a value, such as {name}=0.1")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"arm {options.text!r}: {name} must be a finite number, got {value}")
    return float(value)
