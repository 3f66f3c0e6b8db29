"""Which rows are fit to publish, and whether the batch is: rules as data, and what follows."""

from mailcrm.check.drift import decide_drift, decide_failed_sends
from mailcrm.check.row_rules import ROW_RULES, check_row
from mailcrm.check.rule import SIGHTED, RowFault, Rule
from mailcrm.check.subjects import COUNTS, SCOPES, SUBJECTS
from mailcrm.check.suite import SUITE, decide_gate
from mailcrm.check.version import CHECKS_VERSION

__all__ = [
    "CHECKS_VERSION",
    "COUNTS",
    "ROW_RULES",
    "SCOPES",
    "SIGHTED",
    "SUBJECTS",
    "SUITE",
    "RowFault",
    "Rule",
    "check_row",
    "decide_drift",
    "decide_failed_sends",
    "decide_gate",
]
