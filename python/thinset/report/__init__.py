"""Pages that show what was trained: HTML, plots and the records beside them."""

from thinset.report.audit_page import AuditedSet, AuditInputs, write_audit_report
from thinset.report.augmentation_inputs import (
    JUDGED,
    AugmentationInputs,
    PublishedTable,
    ShownGenerator,
    SizeResults,
)
from thinset.report.augmentation_page import write_augmentation_report
from thinset.report.cells import NextStep, Progress
from thinset.report.document import require_report_extra
from thinset.report.plan_page import write_plan_report
from thinset.report.probe_page import write_probe_report
from thinset.report.ranking_page import RankingInputs, write_ranking_report
from thinset.report.run_inputs import Reconstructions, ReportInputs
from thinset.report.run_page import write_report
from thinset.report.study_page import PublishedFigure, ShownSet, StudyInputs, write_study_report

__all__ = [
    "JUDGED",
    "AuditInputs",
    "AuditedSet",
    "AugmentationInputs",
    "NextStep",
    "Progress",
    "PublishedFigure",
    "PublishedTable",
    "RankingInputs",
    "Reconstructions",
    "ReportInputs",
    "ShownGenerator",
    "ShownSet",
    "SizeResults",
    "StudyInputs",
    "require_report_extra",
    "write_audit_report",
    "write_augmentation_report",
    "write_plan_report",
    "write_probe_report",
    "write_ranking_report",
    "write_report",
    "write_study_report",
]
