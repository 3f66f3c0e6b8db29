"""Notices by mail, through a connection in the form of Airflow's SMTP provider."""

import email.message
import email.policy
import email.utils
import logging
from email.headerregistry import Address
from typing import Final

from mailcrm.adapters.tls import is_loopback
from mailcrm.errors import SettingsError
from mailcrm.ports import Clock, Connections, MailServers
from mailcrm.records import (
    Backfill,
    ConnectionFields,
    Credential,
    Delivery,
    Direction,
    Encryption,
    Endpoint,
    Mailbox,
    Notice,
    NoticeEvent,
    Ownership,
    TlsPolicy,
    VerifyState,
)

__all__ = ["MailChannel", "read_route"]

logger = logging.getLogger(__name__)
# Its rejected logins are kept under this id, like those of a mailbox.
_ROUTE_ID: Final = "notices"
_PORTS: Final = {Encryption.TLS: 465, Encryption.STARTTLS: 587, Encryption.NONE: 25}
_STATES: Final = {
    NoticeEvent.BROKE: "is broken",
    NoticeEvent.RECOVERED: "works again",
    NoticeEvent.FAILED_SENDS: "failed for some recipients",
}
_DIRECTIONS: Final = {Direction.IMAP: "Reading", Direction.SMTP: "Sending"}


class MailChannel:
    """Sends each notice as one small message; implements a part of `ports.Notifier`."""

    def __init__(
        self, connection_id: str, connections: Connections, servers: MailServers, clock: Clock
    ) -> None:
        """The connection is read anew for each notice, so that it may be rotated."""
        self._connection_id = connection_id
        self._connections = connections
        self._servers = servers
        self._clock = clock

    def send(self, notice: Notice) -> Delivery:
        """Sent where it went out, or may have: then it is not sent again. Never raises."""
        try:
            fields = self._connections.read_connection(self._connection_id)
            if fields is None:
                raise SettingsError(where=self._connection_id, problem="no such connection")
            route, credential = read_route(self._connection_id, fields)
        except SettingsError as error:
            logger.warning("credentials.notice_unfit notice=%d error=%s", notice.notice_id, error)
            return Delivery.NO_WAY
        content = _compose(notice, route.address, self._clock.now().timestamp())
        result = self._servers.send_message(route, credential, content, notice.recipient)
        is_sent = result.state is VerifyState.OK or (
            result.stage == "content" and result.state is VerifyState.UNREACHABLE
        )
        if not is_sent:
            logger.warning(
                "credentials.notice_not_sent notice=%d state=%s stage=%s",
                notice.notice_id,
                result.state.value,
                result.stage,
            )
        return Delivery.SENT if is_sent else Delivery.FAILED


def read_route(connection_id: str, fields: ConnectionFields) -> tuple[Mailbox, Credential | None]:
    """The server and sender of a connection, as a mailbox that only sends; None: no login.

    TLS from the first byte, unless extra.disable_ssl is true: then STARTTLS; with
    extra.disable_tls as well none, for a server on this machine only.

    Raises:
        SettingsError: it has no host or no sender, or would send in plain text.
    Source: apache-airflow-providers-smtp, "SMTP connection".
    """
    encryption = Encryption.TLS
    if _is_true(fields.extra.get("disable_ssl")):
        is_plain = _is_true(fields.extra.get("disable_tls"))
        encryption = Encryption.NONE if is_plain else Encryption.STARTTLS
    sender = str(fields.extra.get("from_email") or fields.login)
    if not fields.host or "@" not in sender:
        problem = "needs a host, and an address in extra.from_email"
        raise SettingsError(where=f"connection {connection_id}", problem=problem)
    if encryption is Encryption.NONE and not is_loopback(fields.host):
        problem = "extra.disable_tls is for servers on this machine only"
        raise SettingsError(where=f"connection {connection_id}", problem=problem)
    endpoint = Endpoint(fields.host, fields.port or _PORTS[encryption], encryption)
    ca_file = fields.extra.get("ca_file")
    route = Mailbox(
        id=_ROUTE_ID,
        address=sender,
        display_name="mailcrm",
        imap=endpoint,
        smtp=endpoint,
        folders=(),
        backfill=Backfill(),
        schedule=None,
        ownership=Ownership.PERSONAL,
        tls=TlsPolicy(ca_file=str(ca_file) if ca_file else None),
    )
    return route, Credential(fields.login, fields.password) if fields.login else None


def _is_true(value: object) -> bool:
    return value is True or str(value).lower() in ("true", "1", "yes", "on")


def _compose(notice: Notice, sender: str, moment: float) -> bytes:
    """A fixed form; the reason is our own advice, on one line."""
    what = _DIRECTIONS[notice.direction]
    is_broken = notice.event is NoticeEvent.BROKE
    state = _STATES[notice.event]
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = _address(sender, "mailcrm")
    message["To"] = _address(notice.recipient)
    message["Subject"] = f"mailcrm: {what.lower()} of mailbox {notice.mailbox_id} {state}"
    message["Date"] = email.utils.formatdate(moment)
    message["Message-ID"] = email.utils.make_msgid("mailcrm-notice", sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    steps = f"Then: mailcrm verify {notice.mailbox_id}\n" if is_broken else ""
    message.set_content(
        f"{what} of mailbox {notice.mailbox_id} {state} since {notice.since:%Y-%m-%d %H:%M} UTC.\n"
        f"{notice.reason}\n{steps}"
    )
    return message.as_bytes()


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)
