"""Two-phase training: lengths with units, phases, a sampler for any loop, and one built-in loop."""

from __future__ import annotations

from thinset.training.balanced_sampler import ClassBalancedSampler
from thinset.training.budget import Ledger
from thinset.training.duration import Duration
from thinset.training.epoch_sampler import TwoPhaseEpochSampler
from thinset.training.evaluate import Score, evaluate
from thinset.training.history import CurvePoint, History, PhaseTotals
from thinset.training.loop import fit
from thinset.training.metrics_log import JsonLines, Log
from thinset.training.orders import ClassBalanced, LossPruning, Order, RepeatedRandom, SampleWeights
from thinset.training.phases import Phase, TwoPhase
from thinset.training.pruning_sampler import LossPruningSampler
from thinset.training.randomness import generator_for
from thinset.training.rates import CosineRate, LinearRate, OneCycleRate, StepRate, WarmUpRate
from thinset.training.run import TrainingDivergedError
from thinset.training.sampler import TwoPhaseSampler
from thinset.training.schedule import NoTimeLeftError
from thinset.training.weights import load_weights, save_weights, weights_fingerprint

__all__ = [
    "ClassBalanced",
    "ClassBalancedSampler",
    "CosineRate",
    "CurvePoint",
    "Duration",
    "History",
    "JsonLines",
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
    "SampleWeights",
    "Score",
    "StepRate",
    "TrainingDivergedError",
    "TwoPhase",
    "TwoPhaseEpochSampler",
    "TwoPhaseSampler",
    "WarmUpRate",
    "evaluate",
    "fit",
    "generator_for",
    "load_weights",
    "save_weights",
    "weights_fingerprint",
]
