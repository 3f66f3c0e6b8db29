"""Builds what evaluations use: files and a clock, and nothing else of the product."""

from dataclasses import dataclass

from mailcrm.adapters.clock import SystemClock
from mailcrm.adapters.evaluation_files import LocalEvaluationFiles
from mailcrm.ports import Clock
from mailcrm.ports.evaluation import EvaluationFiles

__all__ = ["EvaluationTools", "open_evaluation"]


@dataclass(frozen=True, slots=True)
class EvaluationTools:
    """Everything that an evaluation may use."""

    files: EvaluationFiles
    clock: Clock


def open_evaluation() -> EvaluationTools:
    """Over the local disk; opens nothing by itself."""
    return EvaluationTools(LocalEvaluationFiles(), SystemClock())
