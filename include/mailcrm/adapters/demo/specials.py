"""The odd mail of the demo: one of each kind that a real mailbox holds sooner or later."""

import datetime as dt
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.utils import format_datetime

from mailcrm.adapters.demo.company import MAILBOX_ADDRESS, MAILBOX_NAME
from mailcrm.adapters.demo.messages import DemoMessage, Letter, compose

__all__ = ["build_specials"]

US = (MAILBOX_NAME, MAILBOX_ADDRESS)
BOUNCE = """\
From: Mail Delivery System <mailer-daemon@mx.acme-scales.example>
To: {mailbox}
Subject: Undelivered mail returned to sender
Date: {date}
Message-ID: <bounce-1@mx.acme-scales.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="bounce"

--bounce
Content-Type: text/plain; charset=us-ascii

Your message could not be delivered to orders@closed-shop.example: no such user.

--bounce
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.acme-scales.example

Final-Recipient: rfc822; orders@closed-shop.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--bounce
Content-Type: text/rfc822-headers

From: {mailbox}
To: orders@closed-shop.example
Subject: Your order
Message-ID: <lost-1@acme-scales.example>

--bounce--
"""
Builder = Callable[[dt.datetime], EmailMessage]


def build_specials(anchor: dt.date) -> list[DemoMessage]:
    """One message of each odd kind, in INBOX, a few hours apart before `anchor`.

    The message that we copied to ourselves lies in INBOX and in Sent, byte for byte the same.
    """
    found = list(_in_inbox(anchor))
    copied_at = _moment(anchor, 17)
    raw = _copy_to_ourselves(copied_at).as_bytes()
    found += [DemoMessage("INBOX", copied_at, raw), DemoMessage("Sent", copied_at, raw, True)]
    for number, build in ((18, _bounce), (19, _broken)):
        moment = _moment(anchor, number)
        found.append(DemoMessage("INBOX", moment, build(moment)))
    return found


def _in_inbox(anchor: dt.date) -> Iterator[DemoMessage]:
    builders: tuple[Builder, ...] = (
        _second_address,
        _shared_address,
        _newsletter,
        _auto_reply,
        _list_post,
        _html_only,
        _with_attachment,
        _japanese,
        _stranger,
        _unknown_colleague,
        _without_message_id,
    )
    for number, build in enumerate(builders):
        moment = _moment(anchor, number)
        yield DemoMessage("INBOX", moment, build(moment).as_bytes())


def _moment(anchor: dt.date, number: int) -> dt.datetime:
    start = dt.datetime.combine(anchor, dt.time(8, 30), tzinfo=dt.UTC) - dt.timedelta(days=4)
    return start + dt.timedelta(hours=4 * number)


def _letter(sender: tuple[str, str], subject: str, text: str, name: str, at: dt.datetime) -> Letter:
    domain = sender[1].partition("@")[2]
    return Letter(sender, US, subject, text, f"<{name}@{domain}>", at)


def _second_address(at: dt.datetime) -> EmailMessage:
    sender = ("Grace Okafor", "g.okafor@postbox.example")
    text = "Hello,\n\nI am travelling, so I write from my private address. Is our quotation ready?"
    return compose(_letter(sender, "Writing from my other address", text, "second", at))


def _shared_address(at: dt.datetime) -> EmailMessage:
    sender = ("Weber Logistics", "office@weber-logistics.example")
    text = "Good morning,\n\nplease send the price list to this address; we both read it."
    return compose(_letter(sender, "Price list", text, "shared", at))


def _newsletter(at: dt.datetime) -> EmailMessage:
    sender = ("Weighing Weekly", "news@weighing-weekly.example")
    text = "This week: five ways to keep a balance level.\n\nUnsubscribe with one click."
    return compose(
        _letter(sender, "Weighing Weekly, issue 118", text, "issue-118", at),
        List_Unsubscribe="<https://weighing-weekly.example/unsubscribe?reader=118>",
        List_Unsubscribe_Post="List-Unsubscribe=One-Click",
        Precedence="bulk",
    )


def _bounce(at: dt.datetime) -> bytes:
    """A delivery failure as RFC 3464 has it: text, status, and the headers that came back."""
    text = BOUNCE.format(mailbox=MAILBOX_ADDRESS, date=format_datetime(at))
    return text.replace("\n", "\r\n").encode("ascii")


def _auto_reply(at: dt.datetime) -> EmailMessage:
    sender = ("Emily Carter", "emily.carter@carter-grain.example")
    text = "I am out of the office until Monday and will answer then."
    return compose(
        _letter(sender, "Out of office: Quotation", text, "away", at),
        Auto_Submitted="auto-replied",
        X_Auto_Response_Suppress="All",
    )


def _list_post(at: dt.datetime) -> EmailMessage:
    """A customer's post, its sender rewritten by the list as lists do for DMARC."""
    sender = ("Hannah Schultz via Metrology Forum", "forum@lists.metrology.example")
    text = "Has anybody compared the L-220 with its predecessor?\n\nHannah"
    return compose(
        _letter(sender, "[metrology] L-220 or L-210?", text, "forum-77", at),
        Reply_To="Hannah Schultz <hannah.schultz@nordlab.example>",
        List_Id="Metrology Forum <forum.lists.metrology.example>",
        List_Post="<mailto:forum@lists.metrology.example>",
        Precedence="list",
    )


def _html_only(at: dt.datetime) -> EmailMessage:
    sender = ("Chiara Rossi", "chiara.rossi@caffe-rossi.example")
    message = compose(_letter(sender, "Foto del display", "", "html", at))
    message.set_content(
        "<html><body><p>Buongiorno,</p><p>il display mostra <b>E&nbsp;03</b>. "
        "Perch&eacute;?</p><p>Chiara</p></body></html>\n",
        subtype="html",
    )
    return message


def _with_attachment(at: dt.datetime) -> EmailMessage:
    sender = ("Anneliese Brückner", "a.brueckner@apotheke-am-markt.example")
    text = "Guten Tag,\n\nanbei das Prüfprotokoll.\n\nFreundliche Grüße\nAnneliese Brückner"
    message = compose(_letter(sender, "Prüfprotokoll", text, "attachment", at))
    message.add_attachment(
        "Masse;Anzeige\r\n100 g;100,02 g\r\n200 g;200,05 g\r\n".encode("utf-8-sig"),
        maintype="text",
        subtype="csv",
        filename="Prüfprotokoll März.csv",
    )
    message.set_boundary("=_demo_attachment")
    return message


def _japanese(at: dt.datetime) -> EmailMessage:
    sender = ("田中 由紀", "tanaka@kyoto-tea.example")
    text = "お世話になっております。\n見積書をお送りいただけますか。\n田中"
    message = compose(_letter(sender, "見積のお願い", text, "mitsumori", at))
    message.set_content(text + "\n", charset="iso-2022-jp")
    return message


def _stranger(at: dt.datetime) -> EmailMessage:
    sender = ("Frieda Lang", "frieda.lang@postbox.example")
    text = "Hello,\n\ndo you also sell to private people? I need a kitchen scale."
    return compose(_letter(sender, "A kitchen scale", text, "stranger", at))


def _unknown_colleague(at: dt.datetime) -> EmailMessage:
    """Nobody whom the CRM knows, but at a company that it does."""
    sender = ("Karl Neumann", "karl.neumann@nordlab.example")
    text = "Hello,\n\nI took over purchasing at Nordlab. Could you send me our last offer?"
    return compose(_letter(sender, "New contact at Nordlab", text, "colleague", at))


def _without_message_id(at: dt.datetime) -> EmailMessage:
    sender = ("Omar Haddad", "omar@haddad-olives.example")
    text = "The scanner sent this without a proper mail program. Our order is attached as text."
    message = compose(_letter(sender, "Scan from the office", text, "unused", at))
    del message["Message-ID"]
    return message


def _copy_to_ourselves(at: dt.datetime) -> EmailMessage:
    letter = Letter(
        US,
        ("Aoife Byrne", "aoife@byrne-dairy.example"),
        "Our visit next week",
        "Dear Aoife,\n\nwe will be with you on Tuesday at ten.\n\nNora Lindqvist",
        "<visit@acme-scales.example>",
        at,
    )
    return compose(letter, Cc=f"{MAILBOX_NAME} <{MAILBOX_ADDRESS}>")


def _broken(at: dt.datetime) -> bytes:
    """What a faulty gateway makes of a mail: no sender, no date, raw bytes, no end."""
    return (
        b"To: undisclosed recipients: ;\r\n"
        b"Subject: =?utf-9?q?Fax_=ZZ_from_" + at.strftime("%d.%m.").encode() + b"\xe4?=\r\n"
        b"Date: yesterday, half past nine\r\n"
        b"Content-Type: multipart/mixed; boundary=never-closed\r\n\r\n"
        b"--never-closed\r\nContent-Type: text/plain; charset=klingon\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n@@@not base64\xff\xfe\r\n"
    )
