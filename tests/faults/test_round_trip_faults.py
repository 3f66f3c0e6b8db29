"""A process that dies around the one message that is ever sent: at most one arrives."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from faults.steps import Crash
from mailcrm.adapters.secrets import EnvironmentCredentials, connection_variable
from mailcrm.records import Direction, RoundTripState
from mailcrm.services.round_trip import run_round_trip
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox
from servers.smtp_sink import SmtpSink


class Dying:
    """The real servers, behind which the process dies before or after a message is sent."""

    def __init__(self, servers: Any, when: str) -> None:
        self._servers, self._when = servers, when

    def __getattr__(self, name: str) -> Any:
        return getattr(self._servers, name)

    def send_message(self, *args: Any, **named: Any) -> Any:
        if self._when == "before":
            raise Crash
        self._servers.send_message(*args, **named)
        raise Crash


@pytest.fixture
def services(tmp_path: Path, database_url: str, smtp_sink: SmtpSink) -> Iterator[Services]:
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url))
    upgrade_database(settings)
    login = {"conn_type": "smtp", "login": smtp_sink.username, "password": smtp_sink.password}
    variables = {connection_variable("sales", one): json.dumps(login) for one in Direction}
    mailbox = make_mailbox(smtp_port=smtp_sink.port, address=smtp_sink.username)
    with open_services(settings, EnvironmentCredentials(variables)) as found:
        found.registry.write_mailbox(mailbox, found.clock.now())
        yield found


@pytest.mark.row("R102")
@pytest.mark.parametrize(("when", "sent"), [("before", 0), ("after", 1)])
def test_round_trip_that_dies_around_its_message_sends_at_most_one(
    services: Services, smtp_sink: SmtpSink, when: str, sent: int
) -> None:
    dying = dataclasses.replace(services, servers=Dying(services.servers, when))
    with pytest.raises(Crash):
        run_round_trip(dying, "sales", "request 1", wait_s=0)
    for _ in range(3):
        trip = run_round_trip(services, "sales", "request 1", wait_s=0)
        assert trip.state is RoundTripState.NOT_CONFIRMED
    assert len(smtp_sink.messages) == sent
