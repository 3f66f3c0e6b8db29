"""Random histories of a mailbox, with crashes, against a model that is a set."""

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from faults.model import MailboxMachine

EVIDENCE = os.environ.get("MAILCRM_EVIDENCE") == "1"
SEEDS = range(1, 101) if EVIDENCE else range(1, 9)
SEQUENCES = 50 if EVIDENCE else 27
STEPS = 40 if EVIDENCE else 20


@pytest.mark.row("R001", "R002", "R003", "R004", "R033", "R034", "R035", "R041", "R088")
@pytest.mark.parametrize("start", SEEDS)
def test_any_history_of_a_mailbox_ends_with_each_message_once(
    start: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("count", SEQUENCES)
    record_property("seed", start)
    machine = type("MailboxMachine", (MailboxMachine,), {})
    run_state_machine_as_test(
        seed(start)(machine),
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
