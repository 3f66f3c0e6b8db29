"""One validation by Great Expectations, over a connection that we already have."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import StaticPool

from mailcrm.adapters.expectations.loading import load_library, start_import
from mailcrm.check import Rule

__all__ = ["validate"]

_TABLE = "mailcrm_gate_facts"
_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


def validate(engine: Engine, query: str, rules: Sequence[Rule]) -> Mapping[str, Any]:
    """Validate the rows of a query in the database.

    Args:
        engine: The CRM database; one of its connections is lent, its URL is not shown.
        query: A SELECT whose columns the rules' expectations name.
        rules: What to expect of it.

    Returns:
        The library's result of each rule, by rule name; none holds a value of any text column.
    """
    start_import()  # the database counts meanwhile
    with _own_engine(engine) as own:
        _keep_counts(own, query)
        return _validate_counts(own, rules)


def _validate_counts(engine: Engine, rules: Sequence[Rule]) -> Mapping[str, Any]:
    gx = load_library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = gx.ExpectationSuite(
        name="publish_gate", expectations=[_expectation(gx, rule) for rule in rules]
    )
    with _source(context, engine) as source:
        asset = source.add_query_asset("staged_batch", query=f"SELECT * FROM {_TABLE}")
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        outcome = batch.validate(suite, result_format=_RESULT_FORMAT)
    return {result.expectation_config.meta["rule"]: result for result in outcome.results}


def _expectation(gx: Any, rule: Rule) -> Any:
    arguments = dict(rule.kwargs) or {"column": rule.name, "min_value": 0, "max_value": 0}
    return getattr(gx.expectations, rule.expectation)(**arguments, meta={"rule": rule.name})


@contextlib.contextmanager
def _own_engine(engine: Engine) -> Iterator[Engine]:
    """An engine of one connection, taken out of the pool and closed at the end.

    The library adds listeners and functions to the engine that it gets, keeps a connection open
    until it is collected, and would want the URL with its password.
    """
    taken = engine.connect()
    connection = taken.connection.dbapi_connection
    taken.detach()
    own = create_engine(
        f"{engine.dialect.name}+{engine.dialect.driver}://",
        creator=lambda: connection,
        poolclass=StaticPool,
    )
    try:
        yield own
    finally:
        own.dispose()


def _keep_counts(engine: Engine, query: str) -> None:
    """Keep the query's one row in a temporary table, because the library asks for it again and
    again; the table goes with its connection.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Compiling the query takes longer than running it.
            connection.execute(text("SET LOCAL jit = off"))
        connection.execute(text(f"CREATE TEMPORARY TABLE {_TABLE} AS {query}"))


@contextlib.contextmanager
def _source(context: Any, engine: Engine) -> Iterator[Any]:
    """A SQL source on `engine`; the library itself takes addresses only."""
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (
        SqlAlchemyExecutionEngine,
    )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advises another class for the placeholder's address
        source = context.data_sources.add_sql("crm", connection_string="sqlite://")
    source._engine = engine
    source._cached_connection_string = source.connection_string
    source._execution_engine = SqlAlchemyExecutionEngine(engine=engine, create_temp_table=False)
    source._cached_execution_engine_kwargs = source.dict(
        exclude=source._get_exec_engine_excludes(),
        config_provider=source._config_provider,
        exclude_unset=False,
    )
    try:
        yield source
    finally:
        source._execution_engine.close()
