"""Settings that nobody stored yet, verified stage by stage while a page looks on."""

import functools
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mailcrm.records import Credential, Direction, Encryption, Endpoint, Mailbox, VerifyResult
from mailcrm.services.registry import parse_web_draft
from mailcrm.services.wiring import Services

__all__ = ["TrialStep", "stages_of", "try_settings"]

_TRIED = ("id", "address", "display_name", "imap", "smtp", "folders", "tls", "auth")
_DEFAULTS: Mapping[str, object] = {"id": "new_mailbox", "folders": ["INBOX"]}
# Stands in for a direction that is not asked for and not filled in yet; never connected to.
_NOWHERE: Mapping[str, object] = {"host": "localhost", "port": 1, "encryption": "none"}


@dataclass(frozen=True, slots=True)
class TrialStep:
    """One direction enters a stage; the last step of each brings its result instead."""

    direction: Direction
    stage: str
    result: VerifyResult | None = None


def stages_of(direction: Direction, endpoint: Endpoint) -> tuple[str, ...]:
    """The stages that a verification goes through, in their order."""
    last = "folders" if direction is Direction.IMAP else "identity"
    protect = {
        Encryption.TLS: ("tls", "greeting"),
        Encryption.STARTTLS: ("greeting", "tls"),
        Encryption.NONE: ("greeting",),
    }[endpoint.encryption]
    return ("resolve", "connect", *protect, "authenticate", last)


def try_settings(
    services: Services,
    draft: Mapping[str, object],
    credentials: Mapping[Direction, Credential],
    directions: Iterable[Direction] = tuple(Direction),
    *,
    web: bool = True,
    on_step: Callable[[TrialStep], None] = lambda step: None,
) -> dict[Direction, VerifyResult]:
    """Verify what somebody typed, both directions at once; nothing of it is stored.

    What a server rejected for good is remembered, and not tried again until that is lifted:
    neither here nor, once the mailbox is stored under the same id, by its runs.

    Args:
        services: Registry, files and servers are used.
        draft: The form of a registry file; fields that no server is asked about may be missing.
        credentials: One for each direction.
        directions: Those that are tried.
        web: Whether it was typed on a web page: only addresses outside this network and the ports
            of mail, unless MAILCRM_ALLOWED_HOSTS names the host. False for an operator.
        on_step: Called from two threads, in each direction's order; must not raise.

    Returns:
        One result for each direction asked for.

    Raises:
        SettingsError: a field is wrong; names it. Never for what a server answers.
    """
    asked = [direction for direction in Direction if direction in set(directions)]
    mailbox = _parse(services, draft, asked, web)
    with ThreadPoolExecutor(len(Direction), thread_name_prefix="mailcrm-try") as pool:
        run = functools.partial(_try_one, services, mailbox, credentials, on_step)
        return dict(zip(asked, pool.map(run, asked), strict=True))


def _parse(
    services: Services, draft: Mapping[str, object], asked: Iterable[Direction], web: bool
) -> Mailbox:
    entry = {**_DEFAULTS, **{name: draft[name] for name in _TRIED if draft.get(name)}}
    entry["ownership"] = "personal"
    for direction in set(Direction) - set(asked):
        entry.setdefault(direction.value, _NOWHERE)
    if web:
        return parse_web_draft(services, entry, asked)
    return services.files.parse_mailbox(entry, "settings")


def _try_one(
    services: Services,
    mailbox: Mailbox,
    credentials: Mapping[Direction, Credential],
    on_step: Callable[[TrialStep], None],
    direction: Direction,
) -> VerifyResult:
    servers = services.servers
    probe = servers.probe_imap if direction is Direction.IMAP else servers.probe_smtp
    result = probe(
        mailbox, credentials[direction], lambda stage: on_step(TrialStep(direction, stage))
    )
    on_step(TrialStep(direction, result.stage, result))
    return result
