"""Records of runs, their honest comparison, plots and a page that shows them."""

from thinset.report.hardware import describe_hardware, describe_versions
from thinset.report.inputs import ReportInputs, Reproductions
from thinset.report.page import write_report
from thinset.report.records import (
    CurvePoint,
    FinalScore,
    PhaseRecord,
    RunRecord,
    load_records,
    save_records,
)
from thinset.report.summary import ArmSummary, PairedDifference, summarise

__all__ = [
    "ArmSummary",
    "CurvePoint",
    "FinalScore",
    "PairedDifference",
    "PhaseRecord",
    "ReportInputs",
    "Reproductions",
    "RunRecord",
    "describe_hardware",
    "describe_versions",
    "load_records",
    "save_records",
    "summarise",
    "write_report",
]
