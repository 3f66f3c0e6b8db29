"""What all tables share: the metadata, and types that mean the same on both databases."""

import datetime as dt
from typing import Any

from sqlalchemy import JSON as PLAIN_JSON
from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Integer,
    MetaData,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware UTC moment on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """To UTC; naive for SQLite, which stores no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime reached the database")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """Back to aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


JSON = PLAIN_JSON().with_variant(JSONB(), "postgresql")
Time = UtcDateTime()
# SQLite autoincrements only INTEGER keys.
BigKey = BigInteger().with_variant(Integer(), "sqlite")
ROLES = "role IN ('from','sender','reply_to','to','cc','bcc')"
OUTCOMES = "outcome IN ('matched','possible','ambiguous','unmatched','ignored')"
LEDGER_STATES = (
    "state IN ('outside','listed','staged','unavailable','published','duplicate','excluded',"
    "'quarantined','vanished')"
)
