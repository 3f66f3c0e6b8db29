"""What it means that a connection never came to an answer: by symptom, not by words."""

from dataclasses import dataclass

from mailcrm.credentials.answers import RetryPlan
from mailcrm.credentials.hosts import is_loopback
from mailcrm.records import Direction, Encryption, Endpoint, VerifyState

__all__ = ["Diagnosis", "classify_symptom"]

_AWAY = VerifyState.UNREACHABLE
_WRONG = VerifyState.MISCONFIGURED
_NEVER = RetryPlan.NEVER
_SOON = RetryPlan.SOON
_LATER = RetryPlan.LATER

_TLS_PORTS = {Direction.IMAP: 993, Direction.SMTP: 465}
_PLAIN_PORTS = {Direction.IMAP: 143, Direction.SMTP: 587}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """State, plan and the advice of one symptom; `retry_after_s` is None unless waiting helps."""

    state: VerifyState
    retry: RetryPlan
    advice: str

    @property
    def retry_after_s(self) -> float | None:
        """Seconds until the next try."""
        return self.retry.wait_s


_NO_STARTTLS_HERE = (
    "{host} does not offer STARTTLS on port {port}, so no password was sent: set {d}.encryption to "
    "none, which a server on this machine may have, or switch TLS on in the server."
)

# {d} is the direction, {host} and {port} the endpoint.
_SYMPTOMS: dict[str, tuple[VerifyState, RetryPlan, str]] = {
    "name_unknown": (
        _WRONG,
        _LATER,
        "No server is named {host}: correct {d}.host.",
    ),
    "name_server_failed": (
        _AWAY,
        _SOON,
        "The name {host} could not be looked up just now: check this machine's DNS, then {d}.host.",
    ),
    "name_timeout": (
        _AWAY,
        _SOON,
        "The look-up of {host} took too long: check this machine's DNS, then {d}.host.",
    ),
    "refused": (
        _AWAY,
        _SOON,
        "Nothing listens on {host} port {port}: correct {d}.port, or start the server.",
    ),
    "timeout": (
        _AWAY,
        _SOON,
        "{host} port {port} does not answer: check {d}.host and {d}.port, and whether a firewall "
        "lets this machine out to that port.",
    ),
    "no_route": (
        _AWAY,
        _SOON,
        "There is no way to {host} from this machine: check its network, then {d}.host.",
    ),
    "broken": (
        _AWAY,
        _SOON,
        "The connection to {host} broke: it is tried again; if it stays so, check {d}.port and "
        "{d}.encryption.",
    ),
    "closed": (
        _AWAY,
        _SOON,
        "{host} closed the connection without a word: check {d}.port and {d}.encryption, and "
        "whether the server lets this machine in.",
    ),
    "slow": (
        _AWAY,
        _LATER,
        "{host} answers too slowly and is tried again later: if it stays so, check {d}.host.",
    ),
    "not_loopback": (
        _WRONG,
        _NEVER,
        "Encryption none is for servers on this machine only: set {d}.encryption to tls or "
        "starttls.",
    ),
    "host_not_allowed": (
        _WRONG,
        _NEVER,
        "{host} on port {port} may not be connected to from here: take the mail server and the "
        "port that your provider's page names, or have an operator allow the host.",
    ),
    "starttls_missing": (
        _WRONG,
        _NEVER,
        "{host} does not offer STARTTLS on port {port}, so no password was sent: set {d}.port to "
        "{tls_port} and {d}.encryption to tls.",
    ),
    "starttls_refused": (
        _AWAY,
        _LATER,
        "{host} offers STARTTLS but refused it, so no password was sent: set {d}.port to "
        "{tls_port} and {d}.encryption to tls, or have the server mended.",
    ),
    "injected": (
        _WRONG,
        _NEVER,
        "Bytes arrived around STARTTLS that must not be there, so no password was sent: someone "
        "may be tampering with the network; set {d}.port to {tls_port} and {d}.encryption to tls.",
    ),
    "preauth": (
        _WRONG,
        _NEVER,
        "The server claims to be logged in before encryption, so no password was sent: set "
        "{d}.port to {tls_port} and {d}.encryption to tls.",
    ),
    "certificate_expired": (
        _WRONG,
        _LATER,
        "The server's certificate has expired: have it renewed; no field of the mailbox is wrong.",
    ),
    "certificate_not_yet_valid": (
        _WRONG,
        _LATER,
        "The server's certificate is not valid yet: check this machine's clock, then the "
        "server's certificate.",
    ),
    "certificate_self_signed": (
        _WRONG,
        _NEVER,
        "The server's certificate is signed by itself: if it is yours, store the certificate in a "
        "file and name it in tls.ca_file.",
    ),
    "certificate_unknown_ca": (
        _WRONG,
        _NEVER,
        "The server's certificate comes from an authority this machine does not know: name its CA "
        "file in tls.ca_file.",
    ),
    "certificate_wrong_host": (
        _WRONG,
        _NEVER,
        "The server's certificate is not for {host}: set {d}.host to the name in the certificate.",
    ),
    "certificate_invalid": (
        _WRONG,
        _NEVER,
        "The server's certificate does not stand up to verification: have the server's TLS "
        "mended, or correct {d}.host.",
    ),
    "pin_mismatch": (
        _WRONG,
        _NEVER,
        "The server shows another certificate than the pinned one: if it was renewed on purpose, "
        "update tls.pin_sha256.",
    ),
    "tls_too_old": (
        _WRONG,
        _NEVER,
        "The server speaks only TLS older than 1.2: have it updated; no field can allow that.",
    ),
    "tls_failed": (
        _WRONG,
        _LATER,
        "The TLS handshake with {host} failed: check {d}.port and {d}.encryption.",
    ),
    "protocol": (
        _WRONG,
        _NEVER,
        "What answers on {host} port {port} does not speak {D}: check {d}.host and {d}.port.",
    ),
    "http_server": (
        _WRONG,
        _NEVER,
        "A web server (or a login page of this network) answers on {host} port {port}: check "
        "{d}.host and {d}.port.",
    ),
    "ssh_server": (
        _WRONG,
        _NEVER,
        "An SSH server answers on {host} port {port}: check {d}.port.",
    ),
    "pop3_server": (
        _WRONG,
        _NEVER,
        "A POP3 server answers on {host} port {port}: check {d}.host and {d}.port.",
    ),
    "imap_server": (
        _WRONG,
        _NEVER,
        "An IMAP server answers on {host} port {port}: {d}.host and {d}.port must name the SMTP "
        "server.",
    ),
    "smtp_server": (
        _WRONG,
        _NEVER,
        "An SMTP server answers on {host} port {port}: {d}.host and {d}.port must name the IMAP "
        "server.",
    ),
    "no_login": (
        _WRONG,
        _NEVER,
        "{host} offers no login that fits on port {port}: check {d}.port and {d}.encryption (for "
        "sending: 587 with starttls, or 465 with tls), then auth.",
    ),
    "tokens_only": (
        _WRONG,
        _NEVER,
        "{host} takes no passwords, only OAuth tokens: set auth: xoauth2 and store a token in the "
        "connection {connection}.",
    ),
    "username_unfit": (
        _WRONG,
        _NEVER,
        "The login in the connection {connection} holds a character that cannot be sent: remove "
        "line ends and control characters.",
    ),
    "password_unfit": (
        _WRONG,
        _NEVER,
        "The password in the connection {connection} has characters that this server cannot take: "
        "choose one of plain letters, digits and signs.",
    ),
    "address_unfit": (
        _WRONG,
        _NEVER,
        "The mailbox's address cannot be sent to this server: correct address.",
    ),
}


def classify_symptom(
    direction: Direction, endpoint: Endpoint, symptom: str, mailbox_id: str = "<id>"
) -> Diagnosis:
    """Turn a broken connection into a state and a sentence that says which field to change.

    Args:
        direction: Which half of the mailbox.
        endpoint: Its host, port and encryption as registered.
        symptom: A word of `ServerUnreachableError.symptom` or `UnsafeConnectionError.symptom`;
            unknown words count as broken. silent and plaintext_port are told by the encryption.
        mailbox_id: For the name of the connection.
    """
    if symptom == "plaintext_port":
        return Diagnosis(_WRONG, _NEVER, _explain_plaintext(direction, endpoint))
    if symptom == "silent":
        return _explain_silence(direction, endpoint)
    state, retry, advice = _SYMPTOMS.get(symptom, _SYMPTOMS["broken"])
    if symptom == "starttls_missing" and is_loopback(endpoint.host):
        advice = _NO_STARTTLS_HERE
    text = advice.format(
        d=direction.value,
        D=direction.value.upper(),
        host=endpoint.host,
        port=endpoint.port,
        tls_port=_TLS_PORTS[direction],
        connection=f"mailbox_{mailbox_id}_{direction.value}",
    )
    return Diagnosis(state, retry, text)


def _explain_plaintext(direction: Direction, endpoint: Endpoint) -> str:
    name, tls_port = direction.value, _TLS_PORTS[direction]
    if is_loopback(endpoint.host):
        return (
            f"Port {endpoint.port} speaks plain text first: set {name}.encryption to starttls "
            "where the server offers it, else to none, which a server on this machine may have."
        )
    return (
        f"Port {endpoint.port} speaks plain text first: set {name}.encryption to starttls, or "
        f"{name}.port to {tls_port} for tls."
    )


def _explain_silence(direction: Direction, endpoint: Endpoint) -> Diagnosis:
    name, plain_port = direction.value, _PLAIN_PORTS[direction]
    if endpoint.encryption is Encryption.TLS:
        advice = (
            f"{endpoint.host} accepted the connection but no TLS: set {name}.encryption to "
            f"starttls, or {name}.port to {_TLS_PORTS[direction]}."
        )
        return Diagnosis(_AWAY, _SOON, advice)
    advice = (
        f"{endpoint.host} port {endpoint.port} stays silent, as a port does that expects TLS at "
        f"once: set {name}.encryption to tls, or {name}.port to {plain_port} for starttls."
    )
    state = _WRONG if endpoint.port == _TLS_PORTS[direction] else _AWAY
    return Diagnosis(state, _NEVER if state is _WRONG else _SOON, advice)
