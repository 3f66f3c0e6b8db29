"""Who writes in the demo, and what: a fictional maker of scales and its customers, as data.

Every name, address and text was written for this project. Domains end in `.example` (RFC 2606).
"""

from dataclasses import dataclass

__all__ = [
    "COLLEAGUES",
    "CONTACTS",
    "MAILBOX_ADDRESS",
    "PRODUCTS",
    "THREADS",
    "DemoContact",
    "Thread",
]

MAILBOX_ADDRESS = "sales@acme-scales.example"
MAILBOX_NAME = "Acme Scales Sales"


@dataclass(frozen=True, slots=True)
class DemoContact:
    """One row of the contacts file; `writes_as` is the name in the customer's own mails."""

    contact_id: str
    full_name: str
    primary_email: str
    company: str
    domain: str
    other_emails: tuple[str, ...] = ()
    writes_as: str | None = None

    @property
    def sender_name(self) -> str:
        """The display name of this person's mails."""
        return self.writes_as or self.full_name


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation: turns alternate, the customer writes first.

    Texts may use {first}, {product}, {number}, {price} and {day}.
    """

    subject: str
    turns: tuple[str, ...]


COLLEAGUES = ("Nora Lindqvist", "Tomasz Wolny", "Dilan Aksoy")

CONTACTS = (
    DemoContact(
        "C-001", "Maren Holt", "maren.holt@holt-foods.example", "Holt Foods", "holt-foods.example"
    ),
    DemoContact(
        "C-002",
        "Jean-Luc Marchetti",
        "jl.marchetti@boulangerie-marchetti.example",
        "Boulangerie Marchetti",
        "boulangerie-marchetti.example",
    ),
    DemoContact(
        "C-003",
        "Sofía Peña",
        "sofia.pena@laboratorio-sur.example",
        "Laboratorio Sur",
        "laboratorio-sur.example",
        ("sofia.pena.lab@postbox.example",),
    ),
    DemoContact(
        "C-004", "Bjørn Åsgård", "bjorn@fjordfisk.example", "Fjordfisk", "fjordfisk.example"
    ),
    DemoContact(
        "C-005",
        "Yuki Tanaka",
        "tanaka@kyoto-tea.example",
        "Kyoto Tea",
        "kyoto-tea.example",
        writes_as="田中 由紀",
    ),
    DemoContact(
        "C-006",
        "Grace Okafor",
        "grace.okafor@lagosmetals.example",
        "Lagos Metals",
        "lagosmetals.example",
        ("g.okafor@postbox.example",),
    ),
    DemoContact(
        "C-007",
        "Petr Novák",
        "novak@sklarna-novak.example",
        "Sklárna Novák",
        "sklarna-novak.example",
    ),
    DemoContact(
        "C-008",
        "Emily Carter",
        "emily.carter@carter-grain.example",
        "Carter Grain",
        "carter-grain.example",
    ),
    DemoContact(
        "C-009",
        "Rajesh Iyer",
        "rajesh.iyer@spice-route.example",
        "Spice Route",
        "spice-route.example",
    ),
    DemoContact(
        "C-010",
        "Anneliese Brückner",
        "a.brueckner@apotheke-am-markt.example",
        "Apotheke am Markt",
        "apotheke-am-markt.example",
    ),
    DemoContact(
        "C-011",
        "Lukas Brückner",
        "l.brueckner@apotheke-am-markt.example",
        "Apotheke am Markt",
        "apotheke-am-markt.example",
    ),
    DemoContact(
        "C-012",
        "Chiara Rossi",
        "chiara.rossi@caffe-rossi.example",
        "Caffè Rossi",
        "caffe-rossi.example",
    ),
    DemoContact(
        "C-013",
        "Daniel Weber",
        "office@weber-logistics.example",
        "Weber Logistics",
        "weber-logistics.example",
    ),
    DemoContact(
        "C-014",
        "Ines Weber",
        "ines.weber@weber-logistics.example",
        "Weber Logistics",
        "weber-logistics.example",
        ("office@weber-logistics.example",),
    ),
    DemoContact(
        "C-015",
        "Omar Haddad",
        "omar@haddad-olives.example",
        "Haddad Olives",
        "haddad-olives.example",
    ),
    DemoContact(
        "C-016", "Hannah Schultz", "hannah.schultz@nordlab.example", "Nordlab", "nordlab.example"
    ),
    DemoContact(
        "C-017",
        "Mateusz Kowalczyk",
        "m.kowalczyk@piekarnia-mk.example",
        "Piekarnia MK",
        "piekarnia-mk.example",
    ),
    DemoContact(
        "C-018", "Aoife Byrne", "aoife@byrne-dairy.example", "Byrne Dairy", "byrne-dairy.example"
    ),
    DemoContact(
        "C-019",
        "Victor Almeida",
        "victor.almeida@cafe-almeida.example",
        "Café Almeida",
        "cafe-almeida.example",
    ),
    DemoContact(
        "C-020",
        "Leila Farrokh",
        "leila@saffron-house.example",
        "Saffron House",
        "saffron-house.example",
    ),
    DemoContact(
        "C-021",
        "Samuel Osei",
        "s.osei@goldcoast-cocoa.example",
        "Gold Coast Cocoa",
        "goldcoast-cocoa.example",
    ),
    DemoContact(
        "C-022",
        "Ingrid Dahl",
        "ingrid.dahl@dahl-bakeri.example",
        "Dahl Bakeri",
        "dahl-bakeri.example",
    ),
    DemoContact(
        "C-023",
        "Tom Whitaker",
        "tom.whitaker@whitaker-farms.example",
        "Whitaker Farms",
        "whitaker-farms.example",
    ),
    DemoContact(
        "C-024",
        "Zeynep Kaya",
        "zeynep@kaya-textiles.example",
        "Kaya Textiles",
        "kaya-textiles.example",
    ),
)

PRODUCTS = (
    "bench scale B-30",
    "floor scale F-600",
    "crane scale K-5",
    "counting scale Z-12",
    "laboratory balance L-220",
    "checkweigher W-9",
    "pallet truck scale P-2",
)

THREADS = (
    Thread(
        "Quotation for a {product}",
        (
            "Hello,\n\nwe are looking for a {product}. Could you send me a quotation, with "
            "delivery to our own door?\n\nBest regards\n{first}",
            "Dear {first},\n\nthank you for asking. The {product} is {price} EUR, delivery "
            "included, about two weeks after your order. Our quotation has the number Q-{number}."
            "\n\nKind regards",
            "Thank you, that was quick. Does the price include calibration?\n\n{first}",
            "Dear {first},\n\nyes: the first calibration is included, with its certificate.\n\n"
            "Kind regards",
            "Perfect. Please take this mail as our order for Q-{number}.\n\n{first}",
        ),
    ),
    Thread(
        "Order {number}: when will it arrive?",
        (
            "Good morning,\n\nour order {number} ({product}) was due this week. Do you know "
            "when it will arrive?\n\n{first}",
            "Dear {first},\n\nI am sorry for the wait. The {product} left our works today and "
            "should be with you on {day}.\n\nKind regards",
            "That is fine. Please tell the driver to use the gate at the back.\n\n{first}",
        ),
    ),
    Thread(
        "Display of our {product} stays dark",
        (
            "Hello,\n\nsince this morning the display of our {product} (serial number "
            "AS-{number}) stays dark. We tried another socket. What can we do?\n\n{first}",
            "Dear {first},\n\nplease hold the zero key for ten seconds while you plug it in. If "
            "it stays dark, we will send you a new power supply today.\n\nKind regards",
            "No change, I am afraid.\n\n{first}",
            "Dear {first},\n\nthe power supply is on its way, parcel {number}. It costs you "
            "nothing.\n\nKind regards",
            "It works again. Many thanks!\n\n{first}",
            "Glad to hear it. Have a good week.\n\nKind regards",
        ),
    ),
    Thread(
        "Invoice {number}",
        (
            "Hello,\n\ninvoice {number} names our old address. Could you correct it? The amount "
            "of {price} EUR is right.\n\n{first}",
            "Dear {first},\n\nthe corrected invoice is on its way by post and keeps its number "
            "{number}.\n\nKind regards",
        ),
    ),
    Thread(
        "Calibration on {day}",
        (
            "Good afternoon,\n\nour {product} needs its yearly calibration. Would {day} suit "
            "you?\n\n{first}",
            "Dear {first},\n\n{day} at nine is fine. Please have the scale empty and warm.\n\n"
            "Kind regards",
            "Nine it is. Ask for me at the front desk.\n\n{first}",
            "Noted, thank you.\n\nKind regards",
        ),
    ),
)
