"""`mailbox rotate`: another secret is verified first, and only then takes the old one's place."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailcrm.errors import CredentialError, SettingsError
from mailcrm.records import Credential, Direction, Mailbox, VerifyResult, VerifyState
from mailcrm.services.notices import send_notices
from mailcrm.services.wiring import Services

__all__ = ["Rotation", "run_rotate"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of a new secret, by direction.

    `stored` are the directions that use it from now on; `to_do` says what a person has to set
    where the store cannot be written. Both are empty where the secret was not accepted.
    """

    results: Mapping[Direction, VerifyResult]
    stored: frozenset[Direction]
    to_do: Mapping[Direction, str]

    @property
    def is_accepted(self) -> bool:
        """Whether every direction took the new secret."""
        return all(result.state is VerifyState.OK for result in self.results.values())


def run_rotate(
    services: Services,
    mailbox_id: str,
    directions: Iterable[Direction],
    secret: str,
    username: str | None = None,
) -> Rotation:
    """Verify a new secret, then store it where that is possible.

    Nothing is stored unless every direction accepts it: the old secret may still work for the
    other. A run under way keeps its session; its next login reads what is stored by then, and
    a run that ends for an old secret's sake is taken up by the next one.

    Args:
        services: Registry, credentials and servers are used.
        mailbox_id: A registered mailbox.
        directions: Those whose secret changes.
        secret: The new password or token.
        username: None keeps the login that is stored.

    Raises:
        UnknownMailboxError: no such mailbox.
        SettingsError: no login is known, or the store failed while it was written.
    """
    mailbox = services.registry.read_mailbox(mailbox_id)
    credentials = {
        direction: Credential(username or _stored_username(services, mailbox_id, direction), secret)
        for direction in directions
    }
    results = _probe(services, mailbox, credentials)
    rotation = Rotation(results, frozenset(), {})
    if rotation.is_accepted:
        rotation = _swap(services, mailbox_id, results, credentials)
    logger.info(
        "credentials.rotated mailbox=%s accepted=%s stored=%d",
        mailbox_id,
        rotation.is_accepted,
        len(rotation.stored),
    )
    return rotation


def _probe(
    services: Services, mailbox: Mailbox, credentials: Mapping[Direction, Credential]
) -> dict[Direction, VerifyResult]:
    probes = {
        Direction.IMAP: services.servers.probe_imap,
        Direction.SMTP: services.servers.probe_smtp,
    }
    return {d: probes[d](mailbox, credential) for d, credential in credentials.items()}


def _swap(
    services: Services,
    mailbox_id: str,
    results: Mapping[Direction, VerifyResult],
    credentials: Mapping[Direction, Credential],
) -> Rotation:
    stored: set[Direction] = set()
    to_do: dict[Direction, str] = {}
    store = services.credentials
    for direction, credential in credentials.items():
        if store.write_credential(mailbox_id, direction, credential):
            stored.add(direction)
            services.registry.write_health(mailbox_id, results[direction], services.clock.now())
        else:
            to_do[direction] = store.explain_change(mailbox_id, direction, credential.username)
    send_notices(services)
    return Rotation(results, frozenset(stored), to_do)


def _stored_username(services: Services, mailbox_id: str, direction: Direction) -> str:
    try:
        return services.credentials.read_credential(mailbox_id, direction).username
    except CredentialError:
        raise SettingsError(
            where=f"mailbox {mailbox_id}: {direction.value}",
            problem="no login is stored yet: name it with --username",
        ) from None
