"""Records of trainings and their comparison, without torch."""

from thinset.results.arm import BALANCED, FULL, LOSS_PRUNING, RANDOM, Arm
from thinset.results.hardware import describe_hardware, describe_versions
from thinset.results.metrics import METRICS, Metric, described
from thinset.results.plan import Plan
from thinset.results.ranking import REFERENCE, summarise_ranking
from thinset.results.records import (
    CurvePoint,
    FastPhase,
    PhaseRecord,
    RunRecord,
    Score,
    load_records,
    save_records,
)
from thinset.results.selection_rule import SelectionRule
from thinset.results.summaries import ArmSummary, PairedDifference, summarise

__all__ = [
    "BALANCED",
    "FULL",
    "LOSS_PRUNING",
    "METRICS",
    "RANDOM",
    "REFERENCE",
    "Arm",
    "ArmSummary",
    "CurvePoint",
    "FastPhase",
    "Metric",
    "PairedDifference",
    "PhaseRecord",
    "Plan",
    "RunRecord",
    "Score",
    "SelectionRule",
    "describe_hardware",
    "describe_versions",
    "described",
    "load_records",
    "save_records",
    "summarise",
    "summarise_ranking",
]
