"""Certificates for test servers: one authority, and leaves that are right or wrong in one way."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

__all__ = ["TestAuthority", "certificate_pin", "self_signed_context"]


@dataclass(frozen=True, slots=True)
class TestAuthority:
    """A certificate authority of its own, with its certificate as a file."""

    __test__ = False

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)

    @property
    def ca_file(self) -> str:
        """PEM file of the authority's certificate."""
        path = self.folder / "ca.pem"
        if not path.exists():
            self.authority.cert_pem.write_to_path(path)
        return str(path)

    def server_context(
        self,
        *names: str,
        days: tuple[int, int] = (-1, 30),
        newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    ) -> ssl.SSLContext:
        """A server's context.

        Args:
            names: Host names or addresses of the certificate; default loopback.
            days: Validity from and to, in days from now; the past is allowed.
            newest: Highest TLS version that the server speaks.
        """
        now = dt.datetime.now(dt.UTC)
        leaf = self.authority.issue_cert(
            *(names or ("127.0.0.1", "localhost")),
            not_before=now + dt.timedelta(days=days[0]),
            not_after=now + dt.timedelta(days=days[1]),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        if newest is not ssl.TLSVersion.MAXIMUM_SUPPORTED:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
        return context


def self_signed_context(folder: Path) -> ssl.SSLContext:
    """A server whose certificate nobody vouches for but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=30)).add_extension(names, False)
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def certificate_pin(host: str, port: int) -> str:
    """SHA-256 of the certificate that a server shows, hex."""
    import hashlib

    pem = ssl.get_server_certificate((host, port))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
