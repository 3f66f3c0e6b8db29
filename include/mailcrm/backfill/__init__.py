"""Stage 2: what to ask the server for.

A run plans from the server's full uid listing of its window minus the ledger; UIDNEXT, dates and
HIGHESTMODSEQ only save work. Pure: values in, values out.
"""

from mailcrm.backfill.approvals import approval_reasons, uncovered_days
from mailcrm.backfill.coverage import Interval, merge_intervals
from mailcrm.backfill.doubts import (
    find_hidden_mail,
    is_mass_vanishing,
    plan_doubted,
    plan_missing,
)
from mailcrm.backfill.folders import resolve_folders
from mailcrm.backfill.listing import ListingPlan, plan_absent, plan_listing, plan_unknown
from mailcrm.backfill.slices import plan_chunks, plan_slices, plan_whole_bytes
from mailcrm.backfill.windows import plan_search, plan_window, utc_midnight

__all__ = [
    "Interval",
    "ListingPlan",
    "approval_reasons",
    "find_hidden_mail",
    "is_mass_vanishing",
    "merge_intervals",
    "plan_absent",
    "plan_chunks",
    "plan_doubted",
    "plan_listing",
    "plan_missing",
    "plan_search",
    "plan_slices",
    "plan_unknown",
    "plan_whole_bytes",
    "plan_window",
    "resolve_folders",
    "uncovered_days",
    "utc_midnight",
]
