"""Names the tests that were skipped for want of a server, and fails the session where none may be.

A test that needs a program skips with a reason that begins with `not installed: NAME`. With
`CI=true` or `MAILCRM_REQUIRE_SERVERS=1` such a skip makes the session's exit status non-zero.
"""

import os
from collections import Counter

import pytest

PREFIX = "not installed: "


def pytest_configure(config: pytest.Config) -> None:
    """Register the watcher once, in the process that reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(MissingServers(), "mailcrm-missing-servers")


class MissingServers:
    """Counts skips by the program that was missing."""

    def __init__(self) -> None:
        self.missing: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test's skip."""
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a whole module's skip."""
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or not isinstance(report.longrepr, tuple):
            return
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith(PREFIX):
            self.missing[reason.removeprefix(PREFIX)] += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail where servers are required."""
        if self.missing and servers_are_required() and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what was missing, just above the totals."""
        if not self.missing:
            return
        terminalreporter.section("tests that did not run: a server is not installed")
        for name, count in sorted(self.missing.items()):
            terminalreporter.line(f"{name}: {count} skipped")
        if servers_are_required():
            terminalreporter.line("servers are required here, so this run fails", red=True)


def servers_are_required() -> bool:
    """Whether a missing server is a failure."""
    return (
        os.environ.get("CI", "").lower() == "true"
        or os.environ.get("MAILCRM_REQUIRE_SERVERS") == "1"
    )
