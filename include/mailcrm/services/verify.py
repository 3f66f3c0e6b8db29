"""`verify`: reading and sending are verified apart, side by side, with one login each at most."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from mailcrm.errors import (
    CredentialError,
    ImapCredentialError,
    MailcrmError,
    ServerRefusedError,
    ServerUnreachableError,
    SettingsError,
    SmtpCredentialError,
    ThrottledError,
)
from mailcrm.records import Credential, Direction, Mailbox, VerifyResult, VerifyState
from mailcrm.services.sessions import keep_results
from mailcrm.services.wiring import Services

__all__ = ["direction_to_json", "raise_unless_ok", "raise_unless_usable", "run_verify", "to_json"]

_CREDENTIAL_ERRORS = {Direction.IMAP: ImapCredentialError, Direction.SMTP: SmtpCredentialError}
# A passing problem is tried again within a minute; whoever names more asks us to wait.
_THROTTLED_FROM_S = 61.0


def run_verify(
    services: Services, mailbox_id: str, directions: Iterable[Direction]
) -> dict[Direction, VerifyResult]:
    """Verify the directions at the same time, and keep what was found as their health.

    A direction whose credential is missing is misconfigured; the other goes on.

    Args:
        services: Registry, credentials and servers are used.
        mailbox_id: A registered mailbox, active or paused.
        directions: At least one.

    Returns:
        One result per direction asked for, in the order of `Direction`.

    Raises:
        UnknownMailboxError: no such mailbox. Never for what a server answers.
    """
    mailbox = services.registry.read_mailbox(mailbox_id)
    asked = [direction for direction in Direction if direction in set(directions)]
    results: dict[Direction, VerifyResult] = {}
    credentials: dict[Direction, Credential] = {}
    for direction in asked:
        # Here and not in the threads: Airflow's connections are read by one thread only.
        try:
            credentials[direction] = services.credentials.read_credential(mailbox_id, direction)
        except CredentialError as error:
            results[direction] = _without_credential(mailbox, direction, error)
    results.update(_probe(services, mailbox, credentials))
    found = {direction: results[direction] for direction in asked}
    keep_results(services, mailbox_id, found)
    return found


def _probe(
    services: Services, mailbox: Mailbox, credentials: Mapping[Direction, Credential]
) -> dict[Direction, VerifyResult]:
    probes = {
        Direction.IMAP: services.servers.probe_imap,
        Direction.SMTP: services.servers.probe_smtp,
    }
    with ThreadPoolExecutor(len(Direction), thread_name_prefix="mailcrm-verify") as pool:
        running = {
            direction: pool.submit(probes[direction], mailbox, credential)
            for direction, credential in credentials.items()
        }
        return {direction: future.result() for direction, future in running.items()}


def _without_credential(
    mailbox: Mailbox, direction: Direction, error: CredentialError
) -> VerifyResult:
    endpoint = mailbox.endpoint(direction)
    return VerifyResult(
        direction=direction,
        state=VerifyState.MISCONFIGURED,
        stage="credential",
        host=endpoint.host,
        port=endpoint.port,
        encryption=endpoint.encryption,
        advice=str(error.fields["reason"]),
    )


def raise_unless_ok(mailbox_id: str, result: VerifyResult) -> None:
    """Turn a verification that failed into the error whose class says whether to retry.

    Raises:
        ImapCredentialError, SmtpCredentialError: no credential, or the server rejected it.
        ServerUnreachableError, ThrottledError: heals by itself.
        ServerRefusedError: refused for another reason than the login.
        SettingsError: a field of the mailbox is wrong.
    """
    if result.state is not VerifyState.OK:
        raise _error_of(mailbox_id, result)


def raise_unless_usable(mailbox_id: str, result: VerifyResult) -> None:
    """As `raise_unless_ok`, but a folder that is missing harms only itself.

    The login went through, so the other folders are read; the run names the missing one at its
    end. Raises as `raise_unless_ok` does.
    """
    if result.stage != "folders" or result.state is VerifyState.UNREACHABLE:
        raise_unless_ok(mailbox_id, result)


def _error_of(mailbox_id: str, result: VerifyResult) -> MailcrmError:
    protocol = result.direction.value
    detail = _explain(result)
    is_login = result.stage in ("credential", "authenticate")
    if result.stage == "credential" or (result.state is VerifyState.REFUSED and is_login):
        kind = _CREDENTIAL_ERRORS[result.direction]
        return kind(mailbox_id=mailbox_id, reason=detail, code=result.code)
    if result.state is VerifyState.REFUSED:
        return ServerRefusedError(
            protocol=protocol, host=result.host, command=result.stage, detail=detail
        )
    if result.state is VerifyState.MISCONFIGURED:
        return SettingsError(where=f"mailbox {mailbox_id}: {protocol}", problem=detail)
    wait_s = result.retry_after_s
    if result.server_text and wait_s is not None and wait_s >= _THROTTLED_FROM_S:
        return ThrottledError(
            protocol=protocol, host=result.host, retry_after_s=wait_s, detail=detail
        )
    return ServerUnreachableError(
        protocol=protocol, host=result.host, port=result.port, detail=detail
    )


def _explain(result: VerifyResult) -> str:
    """The server's words, quoted as such, and our advice."""
    said = f'the server said "{result.server_text}"' if result.server_text else ""
    return ". ".join(part for part in (said, result.advice) if part) or f"at {result.stage}"


def to_json(mailbox_id: str, results: Mapping[Direction, VerifyResult]) -> dict[str, object]:
    """What `verify --json` prints; a direction that was not asked for is None."""
    document: dict[str, object] = {"mailbox": mailbox_id}
    for direction in Direction:
        result = results.get(direction)
        document[direction.value] = None if result is None else direction_to_json(result)
    document["round_trip"] = None
    return document


def direction_to_json(result: VerifyResult) -> dict[str, object]:
    """One direction of `verify --json`: exactly the stable keys."""
    return {
        "state": result.state.value,
        "stage": result.stage,
        "host": result.host,
        "port": result.port,
        "encryption": result.encryption.value,
        "code": result.code,
        "server_text": result.server_text,
        "advice": result.advice,
    }
