"""Which rows are fit to publish, and whether the batch is: rules as data, and what follows."""

from mailcrm.check.row_rules import ROW_RULES, check_row
from mailcrm.check.rule import RowFault, Rule

__all__ = ["ROW_RULES", "RowFault", "Rule", "check_row"]
