"""The only source of TLS contexts, and what a failed handshake means.

Certificate and host name are always verified; there is no switch that turns it off. A registry
entry may add trust (`tls.ca_file`) or narrow it (`tls.pin_sha256`), never drop it.
"""

import hashlib
import socket
import ssl
from pathlib import Path
from typing import Final

from mailcrm.credentials import is_loopback
from mailcrm.errors import SettingsError
from mailcrm.records import TlsPolicy

__all__ = ["check_pin", "is_loopback", "make_tls_context", "peer_is_loopback", "tls_symptom"]

_PIN_MISMATCH: Final = "PIN_MISMATCH"
# OpenSSL's verify codes (x509_vfy.h) that a person can tell apart.
_VERIFY_SYMPTOMS: Final = {
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    18: "certificate_self_signed",
    19: "certificate_unknown_ca",
    20: "certificate_unknown_ca",
    21: "certificate_unknown_ca",
    62: "certificate_wrong_host",
    64: "certificate_wrong_host",
}
_REASON_SYMPTOMS: Final = {
    "WRONG_VERSION_NUMBER": "plaintext_port",
    "PACKET_LENGTH_TOO_LONG": "plaintext_port",
    "RECORD_LAYER_FAILURE": "plaintext_port",
    "HTTP_REQUEST": "plaintext_port",
    "UNKNOWN_PROTOCOL": "plaintext_port",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls_too_old",
    "UNSUPPORTED_PROTOCOL": "tls_too_old",
    "NO_PROTOCOLS_AVAILABLE": "tls_too_old",
    "UNEXPECTED_EOF_WHILE_READING": "closed",
}


def make_tls_context(policy: TlsPolicy) -> ssl.SSLContext:
    """Build a client context that verifies the chain and the host name, TLS 1.2 or newer.

    The key log (SSLKEYLOGFILE) stays off, unlike in `ssl.create_default_context`.

    Args:
        policy: `ca_file` is trusted beside the system's store. `pin_sha256` is not a matter of
            the context: call `check_pin` after the handshake.

    Raises:
        SettingsError: the CA file is missing or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if policy.ca_file is not None:
        if not Path(policy.ca_file).is_file():
            raise SettingsError(where="tls.ca_file", problem=f"no file {policy.ca_file}")
        try:
            context.load_verify_locations(cafile=policy.ca_file)
        except (ssl.SSLError, OSError):
            problem = f"{policy.ca_file} holds no PEM certificate"
            raise SettingsError(where="tls.ca_file", problem=problem) from None
    return context


def check_pin(sock: ssl.SSLSocket, policy: TlsPolicy) -> None:
    """Compare the server's certificate with the mailbox's pin, if it has one.

    Call it after the handshake and before any credential is sent.

    Args:
        sock: The connected TLS socket, chain and host name already verified.
        policy: `pin_sha256` is the SHA-256 of the DER certificate: 64 hex digits, colons allowed.

    Raises:
        ssl.SSLError: another certificate; `tls_symptom` calls it pin_mismatch.
    """
    if policy.pin_sha256 is None:
        return
    certificate = sock.getpeercert(binary_form=True) or b""
    if hashlib.sha256(certificate).hexdigest() != policy.pin_sha256.replace(":", "").lower():
        raise ssl.SSLError(1, f"{_PIN_MISMATCH}: the server's certificate is not the pinned one")


def tls_symptom(error: Exception) -> str:
    """Name what went wrong in a handshake.

    Returns:
        One of certificate_expired, certificate_not_yet_valid, certificate_self_signed,
        certificate_unknown_ca, certificate_wrong_host, certificate_invalid, pin_mismatch,
        plaintext_port (the server does not speak TLS there), tls_too_old, silent (it never
        answered), closed (it hung up), tls_failed (anything else).
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_SYMPTOMS.get(error.verify_code, "certificate_invalid")
    if isinstance(error, TimeoutError):
        return "silent"
    if isinstance(error, ssl.SSLError):
        if _PIN_MISMATCH in str(error):
            return "pin_mismatch"
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return "closed"
        return _REASON_SYMPTOMS.get(getattr(error, "reason", None) or "", "tls_failed")
    return "closed" if isinstance(error, OSError) else "tls_failed"


def peer_is_loopback(sock: socket.socket) -> bool:
    """Whether a connected socket's other end is this machine."""
    try:
        return is_loopback(str(sock.getpeername()[0]).split("%")[0])
    except (OSError, IndexError):
        return False
