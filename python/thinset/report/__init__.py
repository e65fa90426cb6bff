"""Records of runs, their honest comparison, plots and a page that shows them."""

from thinset.report.hardware import describe_hardware, describe_versions
from thinset.report.plan import Plan
from thinset.report.plan_page import write_plan_report
from thinset.report.records import (
    CurvePoint,
    FinalScore,
    PhaseRecord,
    RunRecord,
    load_records,
    save_records,
)
from thinset.report.run_inputs import ReportInputs, Reproductions
from thinset.report.run_page import write_report
from thinset.report.search import REFERENCE, summarise_search
from thinset.report.search_page import SearchInputs, write_search_report
from thinset.report.study_page import PublishedFigure, StudyInputs, write_study_report
from thinset.report.summary import ArmSummary, PairedDifference, summarise

__all__ = [
    "REFERENCE",
    "ArmSummary",
    "CurvePoint",
    "FinalScore",
    "PairedDifference",
    "PhaseRecord",
    "Plan",
    "PublishedFigure",
    "ReportInputs",
    "Reproductions",
    "RunRecord",
    "SearchInputs",
    "StudyInputs",
    "describe_hardware",
    "describe_versions",
    "load_records",
    "save_records",
    "summarise",
    "summarise_search",
    "write_plan_report",
    "write_report",
    "write_search_report",
    "write_study_report",
]
