"""Contact files: what is taken, and one line with the line number for whatever is not."""

from pathlib import Path

import pytest

from mailcrm.adapters.contacts_file import read_contacts_file
from mailcrm.errors import SettingsError
from mailcrm.records import Contact, ContactAddress

HEADER = "contact_id,full_name,primary_email,other_emails,company,domain\n"


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "contacts.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_contacts_file_complete_reads_every_field(tmp_path: Path) -> None:
    row = (
        'C1,"Müller, Ada",Ada@Acme.example, a@x.example ; b@x.example;,'
        '"Acme ""North""",ACME.example'
    )
    (contact,) = read_contacts_file(write(tmp_path, HEADER + row + "\n"))
    assert contact == Contact(
        contact_id="C1",
        full_name="Müller, Ada",
        company='Acme "North"',
        domain="acme.example",
        addresses=(
            ContactAddress("Ada@acme.example", is_primary=True),
            ContactAddress("a@x.example", is_primary=False),
            ContactAddress("b@x.example", is_primary=False),
        ),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_contacts_file_with_bom_or_crlf_is_read(tmp_path: Path, encoding: str, ending: str) -> None:
    text = (HEADER + "C1,Zoë,z@x.example,,,\n\nC2,李,,,,\n").replace("\n", ending)
    contacts = read_contacts_file(write(tmp_path, text.encode(encoding)))
    assert [(c.contact_id, c.full_name, len(c.addresses)) for c in contacts] == [
        ("C1", "Zoë", 1),
        ("C2", "李", 0),
    ]


def test_contacts_file_with_columns_in_another_order_is_read(tmp_path: Path) -> None:
    text = "Primary_Email, full_name ,contact_id\na@x.example,Ann,7\n"
    (contact,) = read_contacts_file(write(tmp_path, text))
    assert (contact.contact_id, contact.full_name) == ("7", "Ann")
    assert (contact.company, contact.domain) == ("", "")


def test_address_given_twice_is_kept_once_as_primary(tmp_path: Path) -> None:
    text = HEADER + "C1,Ann,a@x.example,A@X.example;b@x.example,,\n"
    (contact,) = read_contacts_file(write(tmp_path, text))
    assert [a.address for a in contact.addresses] == ["a@x.example", "b@x.example"]


def test_unusual_address_that_mail_systems_deliver_is_taken(tmp_path: Path) -> None:
    text = HEADER + "C1,Ann,a..b.@docomo.example,o'neil+x@intranet.local,,\n"
    (contact,) = read_contacts_file(write(tmp_path, text))
    assert len(contact.addresses) == 2


GOOD = "C1,Ann,a@x.example,,,\n"
WRONG: list[tuple[str, str | bytes, str]] = [
    ("header only", HEADER, "line 1: there is a header, but no contact below it"),
    ("empty", "", "line 1: the header lacks contact_id, full_name, primary_email"),
    ("no header", GOOD, "line 1: the header lacks"),
    ("semicolons", HEADER.replace(",", ";"), "line 1: columns must be separated by commas"),
    ("unknown column", HEADER.strip() + ",phone\n", "line 1: unknown columns 'phone'"),
    ("column twice", HEADER.strip() + ",domain\n", "line 1: a column is there twice"),
    ("no id", HEADER + GOOD + " ,Bob,b@x.example,,,\n", "line 3: contact_id is missing"),
    ("id twice", HEADER + GOOD + "\n" + GOOD, "line 4: contact_id is there twice, first in line 2"),
    ("bad primary", HEADER + "C1,Ann,ann,,,\n", "line 2: primary_email is not an address"),
    ("two in primary", HEADER + 'C1,Ann,"a@x.example;b@x.example",,,\n', "several addresses"),
    ("bad other", HEADER + "C1,Ann,,a@x.example;@y,,\n", "line 2: other_emails is not an address"),
    ("bad domain", HEADER + "C1,Ann,,,,x y\n", "line 2: domain is not a host name"),
    ("domain with at", HEADER + "C1,Ann,,,,@x.example\n", "line 2: domain must be a domain"),
    ("too many", HEADER + GOOD + "C2,Bob,,,Acme, Inc.,x.example\n", "line 3: has more fields (7)"),
    ("too few", HEADER + "C1,Ann\n", "line 2: has fewer fields (2)"),
    ("open quote", HEADER + 'C1,"Ann,a@x.example,,,\n', "is no valid CSV"),
    ("stray quote", HEADER + 'C1,"A"nn,a@x.example,,,\n', "line 2: is no valid CSV"),
    (
        "nul",
        HEADER + "C1,A\0nn,a@x.example,,,\n",
        "line 2: full_name holds a line break or control",
    ),
    ("line break", HEADER + 'C1,"A\nnn",a@x.example,,,\n', "line 2: full_name holds a line break"),
    ("after a break", HEADER + 'C1,A,,"a@x.example;\n",,\n', "line 2: other_emails holds"),
    ("long name", HEADER + f"C1,{'x' * 1001},,,,\n", "line 2: full_name is longer than 1000"),
    ("huge field", HEADER + f"C1,{'x' * 200_000},,,,\n", "line 2: is no valid CSV"),
    ("latin 1", (HEADER + GOOD + "C2,Zoë,,,,\n").encode("latin-1"), "line 3: is not UTF-8"),
    ("utf 16", (HEADER + GOOD).encode("utf-16"), "line 1: is not UTF-8"),
]


@pytest.mark.parametrize(
    ("content", "expected"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_contacts_file_wrong_gives_one_line_with_its_number(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read_contacts_file(write(tmp_path, content))
    message = str(caught.value)
    assert message.startswith("contacts.csv: line ")
    assert expected in message
    assert "\n" not in message


def test_contacts_file_missing_or_folder_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        read_contacts_file(tmp_path / "nothing.csv")
    with pytest.raises(SettingsError, match="is a folder"):
        read_contacts_file(tmp_path)
