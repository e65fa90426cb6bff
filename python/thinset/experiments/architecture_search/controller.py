"""The controller of a search: an LSTM that draws architectures and learns from their rewards."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from thinset.experiments.architecture_search.decisions import (
    OPTIONS,
    allowed_options,
    architecture_of,
    next_decision,
)
from thinset.models.initialisation import default_generator_kept
from thinset.training import (
    load_optimizer,
    named_tensors,
    optimizer_tensors,
    prefixed,
    restore_tensors,
    unprefixed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from thinset.models.architecture import Architecture

_LARGEST_WEIGHT = 0.1
_TEMPERATURE = 5.0
_LARGEST_LOGIT = 2.5


class Sample(NamedTuple):
    """An architecture, the logarithm of its probability, and the entropy of all its decisions."""

    architecture: Architecture
    log_probability: torch.Tensor
    entropy: torch.Tensor


class Controller(nn.Module):
    """An LSTM that takes one decision at a time and is given the option that was chosen.

    Pham et al., "Efficient Neural Architecture Search via Parameter Sharing", 2018, sections 2.1
    and 3.2: weights are uniform in +-0.1, and logits are 2.5 tanh(logit / 5), so that no option
    becomes impossible. Options that would make the architecture too large have probability 0; see
    allowed_options. The controller is on the CPU, where steps this small are quickest.
    """

    def __init__(self, *, n_hidden: int = 64, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.n_hidden = n_hidden
        with default_generator_kept(generator):
            self.start = nn.Parameter(torch.empty(n_hidden))
            self.cell = nn.LSTMCell(n_hidden, n_hidden)
            self.chosen = nn.ParameterDict(
                {name: torch.empty(len(options), n_hidden) for name, options in OPTIONS.items()}
            )
            self.heads = nn.ModuleDict(
                {name: nn.Linear(n_hidden, len(options)) for name, options in OPTIONS.items()}
            )
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -_LARGEST_WEIGHT, _LARGEST_WEIGHT, generator=generator)

    def sample(self, generator: torch.Generator) -> Sample:
        """Draw an architecture; gradients reach the weights through the other two values."""
        return self._decide(
            lambda log_probabilities: int(
                torch.multinomial(log_probabilities.detach().exp(), 1, generator=generator)
            )
        )

    @torch.no_grad()
    def likeliest(self) -> Architecture:
        """The architecture of the likeliest option in each decision."""
        return self._decide(lambda log_probabilities: int(log_probabilities.argmax())).architecture

    def _decide(self, choose: Callable[[torch.Tensor], int]) -> Sample:
        chosen: list[int] = []
        entered: torch.Tensor = self.start
        state = (torch.zeros(self.n_hidden), torch.zeros(self.n_hidden))
        log_probability, entropy = torch.zeros(()), torch.zeros(())
        while (decision := next_decision(chosen)) is not None:
            state = self.cell(entered, state)
            logits = _LARGEST_LOGIT * torch.tanh(self.heads[decision](state[0]) / _TEMPERATURE)
            forbidden = ~torch.tensor(allowed_options(tuple(chosen)))
            log_probabilities = logits.masked_fill(forbidden, -torch.inf).log_softmax(0)
            option = choose(log_probabilities)
            log_probability = log_probability + log_probabilities[option]
            # 0 log 0 is 0, but its gradient would be NaN.
            terms = log_probabilities.exp() * log_probabilities.masked_fill(forbidden, 0.0)
            entropy = entropy - terms.sum()
            chosen.append(option)
            entered = self.chosen[decision][option]
        return Sample(architecture_of(chosen), log_probability, entropy)


class Reinforce:
    """Policy gradient of a controller, with a moving baseline and an entropy bonus.

    Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
    Learning", 1992. Adam descends on -(reward - baseline) log p - entropy_weight * entropy. The
    baseline is the moving average of the rewards with `baseline_decay`, from the first on.
    """

    def __init__(
        self,
        controller: Controller,
        *,
        learning_rate: float,
        entropy_weight: float,
        baseline_decay: float,
    ) -> None:
        self._controller = controller
        self._entropy_weight = entropy_weight
        self._baseline_decay = baseline_decay
        self._optimizer = torch.optim.Adam(controller.parameters(), lr=learning_rate)
        self._baseline = torch.full((), torch.nan, dtype=torch.float64)

    def update(
        self, reward_of: Callable[[Architecture], float], generator: torch.Generator
    ) -> float:
        """Draw an architecture, learn from its reward, and return the reward."""
        sample = self._controller.sample(generator)
        reward = reward_of(sample.architecture)
        if self._baseline.isnan():
            self._baseline.fill_(reward)
        self._baseline.lerp_(torch.tensor(reward, dtype=torch.float64), 1 - self._baseline_decay)
        advantage = reward - float(self._baseline)
        loss = -advantage * sample.log_probability - self._entropy_weight * sample.entropy
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return reward

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that later updates depend on, by name."""
        return {
            "baseline": self._baseline,
            **prefixed("controller", named_tensors(self._controller)),
            **prefixed("controller_optimizer", optimizer_tensors(self._optimizer)),
        }

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned; ValueError, naming `path`, for another controller."""
        restore_tensors(self._controller, unprefixed("controller", tensors), path)
        load_optimizer(self._optimizer, unprefixed("controller_optimizer", tensors), path)
        self._baseline.copy_(tensors["baseline"])
