"""From what is configured to folders that the server has."""

from collections.abc import Iterable, Sequence

from mailcrm.records import FolderEntry

# Where a server marks no folder with the attribute: names that providers and clients use for it.
FOLDER_NAMES: dict[str, tuple[str, ...]] = {
    "\\sent": (
        "sent",
        "sent items",
        "sent messages",
        "sent mail",
        "inbox.sent",
        "inbox/sent",
        "[gmail]/sent mail",
        "[google mail]/sent mail",
        "gesendet",
        "gesendete elemente",
        "gesendete objekte",
        "objets envoyés",
        "messages envoyés",
        "envoyés",
        "elementos enviados",
        "enviados",
        "posta inviata",
        "verzonden items",
        "отправленные",
        "已发送",
        "已发送邮件",
        "送信済みアイテム",
    ),
    "\\drafts": ("drafts", "draft", "entwürfe", "brouillons", "borradores", "草稿箱"),
    "\\junk": ("junk", "spam", "junk e-mail", "bulk mail", "indésirables"),
    "\\trash": ("trash", "deleted items", "deleted messages", "papierkorb", "corbeille"),
    "\\archive": ("archive", "archives", "archiv"),
    "\\all": ("[gmail]/all mail", "all mail"),
}


def resolve_folders(
    configured: Iterable[str], entries: Sequence[FolderEntry]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    r"""Find the configured folders in the server's list.

    Args:
        configured: Folder names, or special-use attributes such as `\Sent`.
        entries: The server's folders.

    Returns:
        Names as the server writes them, in the configured order, each once; and what was not
        found. INBOX is found in any spelling, an attribute by its flag, else by known names.

    Source: RFC 9051 §5.1 (INBOX), RFC 6154 (special use).
    """
    found: dict[str, None] = {}
    missing: list[str] = []
    selectable = [entry for entry in entries if entry.selectable]
    for wanted in configured:
        name = _find(wanted, selectable)
        if name is None:
            missing.append(wanted)
        else:
            found[name] = None
    return tuple(found), tuple(missing)


def _find(wanted: str, entries: Sequence[FolderEntry]) -> str | None:
    by_name = {entry.name: entry.name for entry in entries}
    if wanted in by_name:
        return wanted
    folded = wanted.lower()
    if folded == "inbox":
        return next((name for name in by_name if name.lower() == "inbox"), None)
    if not folded.startswith("\\"):
        return None
    flagged = [entry.name for entry in entries if folded in entry.attributes]
    if flagged:
        return flagged[0]
    by_folded = {name.lower(): name for name in reversed(list(by_name))}
    names = FOLDER_NAMES.get(folded, ())
    return next((by_folded[name] for name in names if name in by_folded), None)
