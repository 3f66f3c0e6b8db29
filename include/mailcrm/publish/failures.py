"""What a failed delivery's status says."""

_POLICY = ("5.7.", "4.7.")
_QUOTA = ("5.2.2", "4.2.2", "5.2.3")


def classify_failure(status: str | None) -> str:
    """Sort an enhanced status code into hard, soft, policy or quota.

    None, and anything that is no such code, counts as hard: the recipient did not get the mail.

    Source: RFC 3463 §3; IANA's registry of enhanced status codes.
    """
    status = (status or "").strip()
    if status.startswith(_QUOTA):
        return "quota"
    if status.startswith(_POLICY):
        return "policy"
    return "soft" if status.startswith("4.") else "hard"
