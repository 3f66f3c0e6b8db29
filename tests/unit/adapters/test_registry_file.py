"""Registry files: what is taken, and one clear line for whatever is not."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailcrm.adapters.registry_entry import mailbox_from_entry, mailbox_to_entry
from mailcrm.adapters.registry_file import read_mailbox_file
from mailcrm.errors import SettingsError
from mailcrm.records import AuthKind, Encryption, Ownership

SECRET = "hunter2-canary"
SHARED = {
    "owner_team": "Sales",
    "record_target": "contacts",
    "display_name_of": "team",
    "rotation_owner": "it@acme.example",
    "failed_send_monitor": "it@acme.example",
}
FULL = """\
id: sales                      # [a-z][a-z0-9_]{0,39}; the DAG is mailbox__sales
address: sales@acme.example
display_name: Acme Sales
imap: {host: imap.acme.example, port: 993, encryption: tls}
smtp: {host: smtp.acme.example, port: 587, encryption: starttls}
folders: [INBOX, "\\\\Sent"]
backfill: {since: 2026-11-15}
schedule: "*/15 * * * *"
ownership: shared
own_addresses: [billing@acme.example]
shared:
  owner_team: Sales
  record_target: contacts
  display_name_of: team
  rotation_owner: it@acme.example
  failed_send_monitor: it@acme.example
approval: {over_days: 30, over_messages: 5000, reviewed_sample: 20}
freshness: 6h
idle: true
tls: {pin_sha256: "AA:PIN"}
auth: xoauth2
trusted_authserv_ids: [mx.acme.example]
""".replace("PIN", ":".join(["0f"] * 31))


def minimal(**changes: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": "sales",
        "address": "sales@acme.example",
        "imap": {"host": "127.0.0.1", "port": 1143, "encryption": "none"},
        "smtp": {"host": "smtp.acme.example", "port": 465, "encryption": "tls"},
        "folders": ["INBOX"],
        "ownership": "personal",
    }
    entry.update(changes)
    return {name: value for name, value in entry.items() if value is not ...}


def server(**changes: Any) -> dict[str, Any]:
    return {"host": "mail.acme.example", "port": 993, "encryption": "tls", **changes}


def write(path: Path, content: str | bytes | dict[str, Any]) -> Path:
    if isinstance(content, dict):
        content = yaml.safe_dump(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_registry_file_complete_reads_every_field(tmp_path: Path) -> None:
    mailbox = read_mailbox_file(write(tmp_path / "sales.yaml", FULL))
    assert mailbox.id == "sales"
    assert mailbox.display_name == "Acme Sales"
    assert (mailbox.imap.port, mailbox.smtp.encryption) == (993, Encryption.STARTTLS)
    assert mailbox.folders == ("INBOX", "\\Sent")
    assert mailbox.backfill.since == dt.date(2026, 11, 15)
    assert mailbox.schedule == "*/15 * * * *"
    assert mailbox.ownership is Ownership.SHARED
    assert mailbox.shared is not None
    assert mailbox.shared.owner_team == "Sales"
    assert mailbox.approval.over_messages == 5000
    assert mailbox.freshness == dt.timedelta(hours=6)
    assert mailbox.idle
    assert mailbox.tls.pin_sha256 == "aa" + "0f" * 31
    assert mailbox.auth is AuthKind.XOAUTH2
    assert mailbox.trusted_authserv_ids == ("mx.acme.example",)


def test_registry_file_minimal_takes_the_documented_defaults(tmp_path: Path) -> None:
    mailbox = read_mailbox_file(write(tmp_path / "sales.yaml", minimal()))
    assert mailbox.display_name == "sales@acme.example"
    assert (mailbox.backfill.since, mailbox.backfill.days) == (None, 7)
    assert mailbox.schedule is None
    assert mailbox.own_addresses == ()
    assert mailbox.auth is AuthKind.PASSWORD


def test_registry_file_with_bom_and_relative_ca_file_is_read(tmp_path: Path) -> None:
    content = yaml.safe_dump(minimal(tls={"ca_file": "ca.pem"})).encode("utf-8-sig")
    mailbox = read_mailbox_file(write(tmp_path / "sales.yaml", content))
    assert mailbox.tls.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize("text", [FULL, yaml.safe_dump(minimal(backfill={"days": 3}))])
def test_entry_written_out_and_read_back_is_the_same_mailbox(tmp_path: Path, text: str) -> None:
    mailbox = read_mailbox_file(write(tmp_path / "sales.yaml", text))
    stored = json.loads(json.dumps(mailbox_to_entry(mailbox)))
    assert mailbox_from_entry(stored, "mailbox sales") == mailbox


def test_address_and_host_of_other_scripts_are_kept_as_a_labels(tmp_path: Path) -> None:
    entry = minimal(address="info@Bücher.example", imap=server(host="Bücher.example"))
    mailbox = read_mailbox_file(write(tmp_path / "sales.yaml", entry))
    assert mailbox.address == "info@xn--bcher-kva.example"
    assert mailbox.imap.host == "xn--bcher-kva.example"


WRONG_ENTRIES: list[tuple[str, dict[str, Any], str]] = [
    ("id missing", minimal(id=...), "id is missing"),
    ("id upper case", minimal(id="Sales"), "id must begin with a letter a-z"),
    ("id with dash", minimal(id="sales-eu"), "id must"),
    ("id with newline", minimal(id="sales\n"), "id must"),
    ("id too long", minimal(id="a" * 41), "id must"),
    ("id is a number", minimal(id=7), "id must be text"),
    ("address missing", minimal(address=...), "address is missing"),
    ("address without at", minimal(address="sales"), "address is not an address"),
    ("address with a name", minimal(address="S <s@acme.example>"), "must be a bare address"),
    ("address with blank", minimal(address="sa les@acme.example"), "address is not an address"),
    ("address of nowhere", minimal(address="sales@-acme-.example"), "no domain can be called"),
    ("two addresses", minimal(address="a@x.example,b@x.example"), "holds several addresses"),
    ("own address", minimal(own_addresses=["ok@x.example", "bad"]), "own_addresses[1] is not"),
    ("own addresses as text", minimal(own_addresses="a@x.example"), "own_addresses must be a list"),
    ("imap missing", minimal(imap=...), "imap is missing"),
    ("imap is text", minimal(imap="imap.acme.example:993"), "imap must be a section with host"),
    ("host is a url", minimal(imap=server(host="imaps://acme.example")), "imap.host must be"),
    ("host with port", minimal(smtp=server(host="acme.example:25")), "smtp.host must be"),
    ("host with user", minimal(imap=server(host=f"me:{SECRET}@acme.example")), "imap.host must"),
    ("host empty", minimal(imap=server(host="")), "imap.host is not a host name"),
    ("host with blank", minimal(imap=server(host="acme example")), "imap.host is not a host name"),
    ("port zero", minimal(imap=server(port=0)), "imap.port must be greater than or equal to 1"),
    ("port too high", minimal(imap=server(port=65536)), "imap.port must be less than or equal"),
    ("port as text", minimal(imap=server(port="993")), "imap.port must be a whole number"),
    ("port is true", minimal(imap=server(port=True)), "imap.port must be a whole number"),
    ("encryption ssl", minimal(imap=server(encryption="ssl")), "imap.encryption must be 'tls'"),
    ("encryption no", minimal(smtp=server(encryption=False)), "smtp.encryption must be"),
    ("no tls over the net", minimal(smtp=server(encryption="none")), "smtp.encryption none is for"),
    ("no tls to 0.0.0.0", minimal(imap=server(host="0.0.0.0", encryption="none")), "none is for"),  # noqa: S104
    ("folders missing", minimal(folders=...), "folders is missing"),
    ("folders empty", minimal(folders=[]), "folders must not be empty"),
    ("folders as text", minimal(folders="INBOX"), "folders must be a list"),
    ("folder empty", minimal(folders=["INBOX", ""]), "folders[1] must be a folder's name"),
    ("folder with newline", minimal(folders=["A\r\nB"]), "folders[0] must be a folder's name"),
    ("folder twice", minimal(folders=["INBOX", "INBOX"]), "folders names a folder twice"),
    ("unknown attribute", minimal(folders=["\\Snet"]), "folders[0] is no special-use attribute"),
    ("backfill is a date", minimal(backfill="2026-11-15"), "backfill must be a section"),
    ("backfill since", minimal(backfill={"since": "2026-02-30"}), "backfill.since is not a date"),
    ("backfill word", minimal(backfill={"since": "soon"}), "backfill.since must be a date"),
    ("backfill days", minimal(backfill={"days": 0}), "backfill.days must be greater"),
    ("backfill both", minimal(backfill={"days": 2, "since": "2026-01-01"}), "since or days, not"),
    ("schedule word", minimal(schedule="hourly"), "schedule must have the five fields"),
    ("schedule number", minimal(schedule="61 * * * *"), "schedule is no cron schedule"),
    ("schedule never", minimal(schedule="0 0 30 2 *"), "schedule is no cron schedule"),
    ("schedule six fields", minimal(schedule="0 * * * * *"), "schedule must have the five"),
    ("ownership missing", minimal(ownership=...), "ownership is missing"),
    ("ownership unknown", minimal(ownership="team"), "ownership must be 'personal' or 'shared'"),
    ("shared missing", minimal(ownership="shared"), "shared is required where ownership is"),
    ("shared too much", minimal(shared=SHARED), "shared belongs only to ownership: shared"),
    (
        "shared not complete",
        minimal(ownership="shared", shared={"owner_team": "Sales"}),
        "shared.rotation_owner is missing",
    ),
    (
        "record target",
        minimal(ownership="shared", shared={**SHARED, "record_target": "leads"}),
        "shared.record_target must be 'contacts' or 'tickets'",
    ),
    (
        "display name of",
        minimal(ownership="shared", shared={**SHARED, "display_name_of": "bot"}),
        "shared.display_name_of must be 'team' or 'person'",
    ),
    (
        "monitor",
        minimal(ownership="shared", shared={**SHARED, "failed_send_monitor": "the boss"}),
        "shared.failed_send_monitor is not an address",
    ),
    ("pin", minimal(tls={"pin_sha256": "abc"}), "tls.pin_sha256 must be the certificate's"),
    ("freshness", minimal(freshness="soon"), "freshness must be a time span"),
    ("idle", minimal(idle="maybe"), "idle must be true or false"),
    ("auth", minimal(auth="kerberos"), "auth must be 'password' or 'xoauth2'"),
    ("approval", minimal(approval={"over_days": -1}), "approval.over_days must be greater"),
    ("typing slip", minimal(folder=["INBOX"]), "folder is unknown; did you mean folders?"),
    ("slip inside", minimal(imap=server(prot=1)), "imap.prot is unknown; did you mean port?"),
    ("password", minimal(password=SECRET), "password does not belong in this file"),
    ("username inside", minimal(imap=server(username=SECRET)), "imap.username does not belong"),
    ("token", minimal(smtp=server(refresh_token=SECRET)), "smtp.refresh_token does not belong"),
    ("secret in a key", minimal(**{f"password={SECRET}": 1}), "holds a key that does not belong"),
    ("secret as a value", minimal(address=SECRET), "address is not an address"),
    ("secret as a port", minimal(imap=server(port=SECRET)), "imap.port must be a whole number"),
    ("secret as a choice", minimal(auth=SECRET), "auth must be"),
]


@pytest.mark.row("R197", "R200")
@pytest.mark.parametrize(
    ("entry", "expected"), [row[1:] for row in WRONG_ENTRIES], ids=[row[0] for row in WRONG_ENTRIES]
)
def test_registry_file_wrong_entry_gives_one_line_with_file_and_field(
    tmp_path: Path, entry: dict[str, Any], expected: str
) -> None:
    check_refused(write(tmp_path / "sales.yaml", entry), expected)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b]\n"
WRONG_TEXTS: list[tuple[str, str | bytes, str]] = [
    ("empty", "", "is empty"),
    ("only a comment", "# nothing\n", "is empty"),
    ("a list", "- id: sales\n", "must be one mailbox"),
    ("a word", "sales\n", "must be one mailbox"),
    ("bad indentation", "id: sales\n  address: x\n", "line 2: is no valid YAML"),
    ("tab", "id: sales\n\taddress: x\n", "line 2: is no valid YAML"),
    ("two documents", "id: sales\n---\nid: other\n", "is no valid YAML"),
    ("key twice", "id: sales\nid: other\n", "line 2: a key is there twice"),
    ("bomb", BOMB, "aliases (*name) are refused"),
    ("merge", "base: &b {id: x}\n<<: {id: y}\n", "merged"),
    ("python tag", "id: !!python/object/apply:os.system [id]\n", "is no valid YAML"),
    ("secret as a tag", f"password: !{SECRET}\n", "is no valid YAML"),
    ("secret as an alias", f"password: *{SECRET}\n", "aliases (*name) are refused"),
    ("secret unquoted", f"password: @{SECRET}\n", "is no valid YAML"),
    ("secret as a broken number", f"port: !!int {SECRET}\n", "a number that cannot be read"),
    ("date that is none", "since: !!timestamp 2026-13-45\n", "cannot be read"),
    ("one backslash", 'folders: ["\\Sent"]\n', "write a backslash twice"),
    ("latin 1", "id: sales\ndisplay_name: B\xfccher\n".encode("latin-1"), "line 2: is not UTF-8"),
    ("utf 16", "id: sales\n".encode("utf-16"), "is not UTF-8"),
    ("control character", "id: sal\x01es\n", "characters that YAML forbids"),
    ("deep", "[" * 20000, "is nested too deeply"),
    ("large", "# " + "x" * 70_000, "is larger than 64 kB"),
    ("list as a key", "[1, 2]: x\n", "no plain word"),
]


@pytest.mark.row("R200")
@pytest.mark.parametrize(
    ("text", "expected"), [row[1:] for row in WRONG_TEXTS], ids=[row[0] for row in WRONG_TEXTS]
)
def test_registry_file_that_is_no_entry_gives_one_line(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    check_refused(write(tmp_path / "sales.yaml", text), expected)


def test_registry_file_missing_or_folder_gives_one_line(tmp_path: Path) -> None:
    check_refused(tmp_path / "sales.yaml", "no such file")
    (tmp_path / "sales.yaml").mkdir()
    check_refused(tmp_path / "sales.yaml", "is a folder, not a file")


def test_registry_file_with_several_faults_names_them_all(tmp_path: Path) -> None:
    entry = minimal(id="Sales", ownership="shared", imap=server(port=0, encryption="ssl"))
    message = check_refused(write(tmp_path / "sales.yaml", entry), "id must")
    assert "imap.port must" in message
    assert "imap.encryption must" in message
    assert "shared is required" in message


def check_refused(path: Path, expected: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read_mailbox_file(path)
    message = str(caught.value)
    assert "sales.yaml" in message
    assert expected in message
    assert "\n" not in message
    assert SECRET not in message
    assert caught.value.__cause__ is None
    return message
