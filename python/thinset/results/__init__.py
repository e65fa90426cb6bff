"""Records of trainings, and their honest comparison; torch is not needed."""

from thinset.results.hardware import describe_hardware, describe_versions
from thinset.results.plan import Plan
from thinset.results.ranking import REFERENCE, summarise_search
from thinset.results.records import (
    CurvePoint,
    FinalScore,
    PhaseRecord,
    RunRecord,
    load_records,
    save_records,
)
from thinset.results.summaries import ArmSummary, PairedDifference, summarise

__all__ = [
    "REFERENCE",
    "ArmSummary",
    "CurvePoint",
    "FinalScore",
    "PairedDifference",
    "PhaseRecord",
    "Plan",
    "RunRecord",
    "describe_hardware",
    "describe_versions",
    "load_records",
    "save_records",
    "summarise",
    "summarise_search",
]
