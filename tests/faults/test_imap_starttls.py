"""What the IMAP adapter believes before the connection is encrypted: nothing."""

import ssl

import pytest
import trustme

from faults.imap_sessions import CREDENTIAL, try_login
from mailcrm.adapters.imap import open_imap
from mailcrm.errors import (
    ServerUnreachableError,
    UnsafeConnectionError,
)
from mailcrm.records import (
    Encryption,
    SearchCriteria,
    TlsPolicy,
)
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox
from servers.scripted_imap import run_scripted_imap


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's context and the CA file that vouches for it."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return context, str(path)


STARTTLS = b"* CAPABILITY IMAP4rev1 STARTTLS\r\n%T OK done\r\n"


def test_starttls_forgets_what_was_said_in_plain_text(
    authority: tuple[ssl.SSLContext, str],
) -> None:
    answers = {
        "CAPABILITY": [STARTTLS, b"* CAPABILITY IMAP4rev1\r\n%T OK done\r\n"],
        "STARTTLS": b'* LIST () "/" Evil\r\n* SEARCH 666\r\n* CAPABILITY ID\r\n%T OK go\r\n',
        "LIST": b"%T OK nothing\r\n",
        "UID SEARCH": b"* SEARCH 1\r\n%T OK done\r\n",
    }
    context, ca_file = authority
    with run_scripted_imap(answers, context=context) as server:
        mailbox = make_mailbox(
            imap_port=server.port,
            imap_encryption=Encryption.STARTTLS,
            tls=TlsPolicy(ca_file=ca_file),
        )
        with open_imap(mailbox, CREDENTIAL, Settings()) as reader:
            assert list(reader.list_folders()) == []
            reader.examine("INBOX")
            assert list(reader.search_uids(SearchCriteria(None, None))) == [1]
    assert "ID" not in server.verbs()


@pytest.mark.parametrize(
    ("capabilities", "answer", "symptom"),
    [
        (b"* CAPABILITY IMAP4rev1\r\n%T OK x\r\n", b"%T OK x\r\n", "starttls_missing"),
        (STARTTLS, b"%T NO not now\r\n", "starttls_refused"),
        (STARTTLS, b"%T BAD what\r\n", "starttls_refused"),
        (STARTTLS, b"%T OK go\r\n* OK [CAPABILITY IMAP4rev1] more\r\n", "injected"),
    ],
)
def test_starttls_that_cannot_be_trusted_sends_no_secret(
    capabilities: bytes, answer: bytes, symptom: str
) -> None:
    with (
        run_scripted_imap({"CAPABILITY": capabilities, "STARTTLS": answer}) as server,
        pytest.raises((UnsafeConnectionError, ServerUnreachableError)) as caught,
    ):
        try_login(server, imap_encryption=Encryption.STARTTLS)
    assert caught.value.fields["symptom"] == symptom
    assert "LOGIN" not in server.verbs()
