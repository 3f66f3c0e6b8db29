"""What kind of message it is: person, list, bulk, auto_reply or bounce."""

from mailcrm.parse.fields import HeaderBlock


def classify_kind(header: HeaderBlock) -> str:
    """Person, list, bulk or auto_reply by the header alone (RFC 3834, RFC 2919, RFC 2369)."""
    values = header.values
    auto = header.text("auto-submitted").lower()
    if auto.startswith("auto-replied") or "x-autoreply" in values or "x-autorespond" in values:
        return "auto_reply"
    precedence = header.text("precedence").strip().lower()
    if precedence == "auto_reply":
        return "auto_reply"
    if "list-id" in values or "list-post" in values or precedence == "list":
        return "list"
    if precedence in ("bulk", "junk") or "feedback-id" in values or "list-unsubscribe" in values:
        return "bulk"
    if auto.startswith("auto-generated"):
        return "bulk"
    return "person"
