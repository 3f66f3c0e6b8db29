"""Separating what is new in a text from quoted history and signature.

Works line by line, forward only. What is dropped here stays in `body_text`. Conventions: RFC 3676
§4.3 (signature), §4.5 (quotes), and the headings that common clients put before what they quote.
"""

import re

_LINE_CAP = 300
_HEADING = re.compile(
    r"(?i)\A[ \t>*_]{0,9}-{2,20}[ \t]{0,9}(?:original message|original appointment|reply message"
    r"|urspr[üu]ngliche nachricht|original-nachricht|message d'origine|message original"
    r"|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht"
    r"|ursprungligt meddelande|oprindelig meddelelse|wiadomo[śs][ćc] oryginalna"
    r"|исходное сообщение|original email)[ \t]{0,9}-{2,20}[ \t*]{0,9}\Z"
)
_LABEL = re.compile(
    r"(?i)\A[ \t]{0,4}\*{0,2}(from|sent|to|cc|subject|date|von|gesendet|datum|an|betreff|de"
    r"|envoy[ée]|à|objet|enviado|para|asunto|da|inviato|a|oggetto|van|verzonden|aan|onderwerp|od|wys[łl]ano|do"
    r"|temat|от|отправлено|кому|тема)[ \t]{0,2}:\*{0,2}(?:[ \t]|\Z)"
)
_WROTE = re.compile(
    r"(?i)\b(?:wrote|writes|schrieb|schreibt|a [ée]crit|[ée]crit|escribi[óo]|ha scritto|scrisse"
    r"|schreef|escreveu|skrev|napisa[łl]\(?a?\)?|pisze|kirjoitti|пишет"
    r"|написала?)\b[^:]{0,60}:[ \t]{0,9}\Z"
)
_OPENING = re.compile(
    r"(?i)\A[ \t*]{0,4}(?:on|am|le|el|il|op|em|den|w dniu|dnia|at|in article|quoting"
    r"|\d{1,4}[-./: ])"
)
_FOOTER = re.compile(r"\A[_-]{20,}[ \t]{0,9}\Z")
_FOOTER_WORDS = re.compile(r"(?i)mailing[- ]list|unsubscribe|https?://|listinfo|@[\w.-]{1,80}")
_MOBILE = re.compile(
    r"(?i)\A[ \t]{0,4}(?:sent (?:from|via) (?:my|the|yahoo|outlook|mail|proton|samsung|a )"
    r"|get outlook for|von meinem .{1,30} gesendet|envoy[ée] (?:de|depuis) mon|enviado desde mi"
    r"|inviato da(?:l mio)? )"
)
_BARE_DASHES_TAIL = 15


def split_new_text(text: str) -> str:
    """The text without quoted history and signature.

    Where nothing else remains (a bare forward, a signature alone) the whole text is returned.
    """
    lines = text.split("\n")
    kept: list[str] = []
    index, total = 0, len(lines)
    while index < total:
        line = lines[index]
        if line[:1] in ("-", "_", "*") and _ends(lines, index):
            break
        if line.startswith((">", " >")):
            _drop_attribution(kept)
            index = _skip_quoted(lines, index)
            continue
        if _starts_history(lines, index):
            _drop_opening(kept)
            break
        kept.append(line)
        index += 1
    return _without_mobile(kept) or text.strip()


def _ends(lines: list[str], index: int) -> bool:
    """Whether signature or a list's footer begins here, so that nothing new follows."""
    line = lines[index]
    if line == "-- ":
        return True
    rest = len(lines) - index
    if line == "--":
        return rest <= _BARE_DASHES_TAIL
    if len(line) > _LINE_CAP:
        return False
    if _HEADING.match(line):
        return True
    if _FOOTER.match(line):
        after = lines[index + 1 : index + 4]
        if _labels(lines, index + 1) >= 3:
            return True
        return rest <= 10 and any(_FOOTER_WORDS.search(one[:_LINE_CAP]) for one in after)
    return _labels(lines, index) >= 3


def _starts_history(lines: list[str], index: int) -> bool:
    """Whether unmarked history begins here: a block of header lines, or `On ... wrote:`."""
    line = lines[index].rstrip()
    if len(line) > _LINE_CAP or ":" not in line:
        return False
    if line[-1] != ":":
        return _LABEL.match(line) is not None and _labels(lines, index) >= 3
    if not _WROTE.search(line) or _next_is_quoted(lines, index + 1):
        return False
    return _OPENING.match(line) is not None or _has_opening(lines, index)


def _has_opening(lines: list[str], index: int) -> bool:
    before = lines[max(0, index - 2) : index]
    return any(len(one) <= _LINE_CAP and _OPENING.match(one) is not None for one in before[::-1])


def _labels(lines: list[str], index: int) -> int:
    """How many header-like lines follow each other from here (blank lines do not count)."""
    count = 0
    seen: set[str] = set()
    for line in lines[index : index + 7]:
        if not line.strip():
            if count:
                continue
            return 0
        match = _LABEL.match(line[:_LINE_CAP])
        if match is None:
            break
        seen.add(match[1].lower())
        count += 1
    return len(seen)


def _next_is_quoted(lines: list[str], index: int) -> bool:
    for line in lines[index : index + 3]:
        if line.strip():
            return line.startswith((">", " >"))
    return False


def _skip_quoted(lines: list[str], index: int) -> int:
    total = len(lines)
    while index < total and lines[index].startswith((">", " >")):
        index += 1
    return index


def _drop_attribution(kept: list[str]) -> None:
    """Take away the `X wrote:` before a quote, also where it was wrapped over lines."""
    last = len(kept) - 1
    while last >= 0 and last >= len(kept) - 3 and not kept[last].strip():
        last -= 1
    if last < 0 or len(kept[last]) > _LINE_CAP or not kept[last].rstrip().endswith(":"):
        return
    line = kept[last]
    if _OPENING.match(line) and (_WROTE.search(line) or "@" in line):
        del kept[last:]
        return
    if _WROTE.search(line) or "@" in line:
        del kept[last:]
        _drop_opening(kept)


def _drop_opening(kept: list[str]) -> None:
    """Take away the first lines of a wrapped attribution."""
    for back in (1, 2):
        if len(kept) < back or not kept[-back].strip() or len(kept[-back]) > _LINE_CAP:
            return
        if _OPENING.match(kept[-back]) and any(sign.isdigit() for sign in kept[-back]):
            del kept[-back:]
            return


def _without_mobile(kept: list[str]) -> str:
    text = "\n".join(kept).strip()
    head, _, last = text.rpartition("\n")
    if len(last) <= _LINE_CAP and _MOBILE.match(last):
        return head.strip()
    return text
