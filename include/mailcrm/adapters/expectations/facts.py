"""The suite's conditions as SQL: one query that counts, for each rule, the rows that break it.

The query yields one row of numbers, so that validating it reads no mail text, and one pass over
the batch serves all rules. Conditions come from `mailcrm.check`; this module fills in what
differs between SQLite and PostgreSQL.
"""

import datetime as dt
from collections.abc import Iterable

from mailcrm.check import COUNTS, ROW_RULES, SCOPES, SIGHTED, SUBJECTS, Rule
from mailcrm.records import Lease, Window

__all__ = ["Facts"]

_END_OF_TIME = dt.datetime.max.replace(tzinfo=dt.UTC)


class _PerColumn:
    """A placeholder with an argument, `{nul:m.subject}`: the column goes into a template."""

    def __init__(self, template: str) -> None:
        self._template = template

    def __format__(self, column: str) -> str:
        return self._template.replace("?", column)


class Facts:
    """Renders the queries for one batch on one dialect (sqlite or postgresql)."""

    def __init__(self, dialect: str, lease: Lease, window: Window) -> None:
        is_sqlite = dialect == "sqlite"
        self._words: dict[str, object] = {
            "batch": _text(lease.batch_id),
            "run": _text(lease.run_id),
            "mailbox": _text(lease.mailbox_id),
            "since": _moment(window.since, is_sqlite),
            "until": _moment(window.until or _END_OF_TIME, is_sqlite),
            "json_elements": "json_each" if is_sqlite else "jsonb_array_elements",
            "json_length": "json_array_length" if is_sqlite else "jsonb_array_length",
            # PostgreSQL cannot hold U+0000 at all.
            "nul": _PerColumn("INSTR(?, CHAR(0)) > 0" if is_sqlite else "FALSE"),
            "nul_json": _PerColumn("INSTR(?, '\\u0000') > 0" if is_sqlite else "FALSE"),
            # An upper bound of LENGTH that PostgreSQL knows without unpacking the text.
            "octets": _PerColumn("LENGTH(?)" if is_sqlite else "OCTET_LENGTH(?)"),
            # SQLite keeps moments as text; only this form compares as time.
            "not_utc": _PerColumn(
                "(LENGTH(?) <> 26 OR JULIANDAY(COALESCE(?, 0)) IS NULL)"
                if is_sqlite
                else "NOT ISFINITE(?)"
            ),
        }

    def count_query(self, rules: Iterable[Rule]) -> str:
        """SELECT of one row: `<subject>_rows`, and one column for each rule with a condition."""
        by_subject: dict[str, list[Rule]] = {subject: [] for subject in SUBJECTS}
        for rule in rules:
            if rule.condition:
                by_subject[rule.subject].append(rule)
        parts = [self._count(subject, mine) for subject, mine in by_subject.items()]
        return "SELECT * FROM " + " CROSS JOIN ".join(parts)

    def fault_query(self) -> str:
        """SELECT of generation_id, uid, and the first row rule that the message breaks."""
        cases = " ".join(
            f"WHEN {self.condition(rule)} THEN {_text(rule.name)}" for rule in ROW_RULES
        )
        source = self._fill(SUBJECTS["messages"])
        return (
            "SELECT generation_id, uid, rule FROM (SELECT m.generation_id, m.uid,"
            f" CASE {cases} END AS rule FROM {source}) AS f WHERE rule IS NOT NULL"
            " ORDER BY generation_id, uid"
        )

    def condition(self, rule: Rule) -> str:
        """A rule's condition on the rows it judges; a row rule judges what is to be published."""
        scope = SIGHTED if rule.severity == "row" else SCOPES.get(rule.subject)
        condition = f"({self._fill(rule.condition)})"
        return f"({self._fill(scope)} AND {condition})" if scope else condition

    def _count(self, subject: str, rules: list[Rule]) -> str:
        columns = [f"COUNT(*) AS {subject}_rows"]
        columns += [f"COUNT({what}) AS {name}" for name, what in COUNTS.get(subject, {}).items()]
        columns += [
            f"COUNT(CASE WHEN {self.condition(rule)} THEN 1 END) AS {rule.name}" for rule in rules
        ]
        return f"(SELECT {', '.join(columns)} FROM {self._fill(SUBJECTS[subject])}) AS {subject}"

    def _fill(self, sql: str) -> str:
        return sql.format_map(self._words)


def _text(value: str) -> str:
    """A literal; the colon is escaped, because SQLAlchemy reads `:name` as a parameter."""
    quoted = value.replace("'", "''").replace(":", "\\:")
    return f"'{quoted}'"


def _moment(value: dt.datetime, is_sqlite: bool) -> str:
    utc = value.astimezone(dt.UTC).replace(tzinfo=None)
    text = utc.isoformat(sep=" ", timespec="microseconds")
    return _text(text) if is_sqlite else f"TIMESTAMPTZ {_text(text + '+00')}"
