"""Separating what is new in a text from quoted history and signature."""


def split_new_text(text: str) -> str:
    """The text without quoted lines and signature; the whole text where nothing remains."""
    lines: list[str] = []
    for line in text.split("\n"):
        if line in ("-- ", "--"):
            break
        if not line.startswith(">"):
            lines.append(line)
    return "\n".join(lines).strip() or text
