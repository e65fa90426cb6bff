"""Two-phase training: lengths with units, phases, samplers for any loop, and a built-in loop."""

from __future__ import annotations

from thinset.duration import Duration
from thinset.training.learners.evaluate import evaluate
from thinset.training.learners.fit import fit
from thinset.training.learners.learner import (
    FollowingLearner,
    Goal,
    Learner,
    ReplayingLearner,
)
from thinset.training.learners.optimizer_state import load_optimizer, optimizer_tensors
from thinset.training.learners.supervised import SupervisedLearner
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.loop.history import Best, Evaluation, History, PhaseTotals
from thinset.training.loop.ledger import Ledger
from thinset.training.loop.metrics_log import JsonLines, Log
from thinset.training.loop.rates import CosineRate, LinearRate, OneCycleRate, StepRate, WarmUpRate
from thinset.training.loop.run import TrainingDivergedError
from thinset.training.loop.schedule import NoTimeLeftError
from thinset.training.loop.train import train
from thinset.training.phases import Phase, Replay, StepSizesUnusedWarning, TwoPhase
from thinset.training.randomness import generator_for
from thinset.training.samplers.class_balanced import ClassBalancedSampler
from thinset.training.samplers.effective_number import EffectiveNumber, effective_number_weights
from thinset.training.samplers.loss_pruning import LossPruningSampler
from thinset.training.samplers.orders import (
    ClassBalanced,
    LossPruning,
    Order,
    RepeatedRandom,
    SampleWeights,
)
from thinset.training.samplers.two_phase import TwoPhaseSampler
from thinset.training.samplers.two_phase_epoch import TwoPhaseEpochSampler
from thinset.training.weights import (
    copy_tensors,
    load_weights,
    named_tensors,
    restore_tensors,
    save_weights,
    weights_fingerprint,
)

__all__ = [
    "Best",
    "ClassBalanced",
    "ClassBalancedSampler",
    "CosineRate",
    "Duration",
    "EffectiveNumber",
    "Evaluation",
    "FollowingLearner",
    "Goal",
    "History",
    "JsonLines",
    "Learner",
    "Ledger",
    "LinearRate",
    "Log",
    "LossPruning",
    "LossPruningSampler",
    "NoTimeLeftError",
    "OneCycleRate",
    "Order",
    "Phase",
    "PhaseTotals",
    "RepeatedRandom",
    "Replay",
    "ReplayingLearner",
    "SampleWeights",
    "StepRate",
    "StepSizesUnusedWarning",
    "SupervisedLearner",
    "TrainingDivergedError",
    "TwoPhase",
    "TwoPhaseEpochSampler",
    "TwoPhaseSampler",
    "WarmUpRate",
    "copy_tensors",
    "effective_number_weights",
    "evaluate",
    "fit",
    "generator_for",
    "load_optimizer",
    "load_weights",
    "named_tensors",
    "optimizer_tensors",
    "prefixed",
    "restore_tensors",
    "save_weights",
    "train",
    "unprefixed",
    "weights_fingerprint",
]
