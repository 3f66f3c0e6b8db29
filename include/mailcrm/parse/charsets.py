"""Bytes to text: which charsets are decoded, under which codec, and what happens otherwise.

Only names in the table are decoded. UTF-7 and Python's transforms (idna, unicode_escape, ...) are
not in it: they turn harmless bytes into markup or lone surrogates. Names follow the WHATWG
Encoding Standard where browsers and mail differ from IANA (latin-1 is windows-1252 in practice).
"""

import re

from charset_normalizer import from_bytes

_SAMPLE_BYTES = 4_096
_FEW = 8
_FAMILIES: dict[str, str] = {
    "ascii": "ascii us-ascii usascii ansi_x3.4-1968 iso646-us iso-ir-6 us 7bit none default "
    "unknown unknown-8bit x-unknown 8bit",
    "utf-8": "utf-8 utf8 utf_8 unicode-1-1-utf-8 x-utf-8 utf-8-sig utf8mb4 unicode-2-0-utf-8",
    "utf-16": "utf-16 utf16 ucs-2 unicode iso-10646-ucs-2",
    "utf-16-le": "utf-16le utf-16-le",
    "utf-16-be": "utf-16be utf-16-be",
    "utf-32": "utf-32 ucs-4",
    "cp1252": "iso-8859-1 iso8859-1 iso_8859-1 iso88591 8859-1 latin1 latin-1 l1 cp1252 "
    "windows-1252 win-1252 1252 x-cp1252 ansi iso-ir-100 cp819 ibm819 x-ansi iso-8859-1:1987",
    "gb18030": "gb2312 gbk gb18030 gb_2312-80 cp936 ms936 windows-936 x-gbk euc-cn hz-gb-2312x "
    "chinese gb2312_charset",
    "hz": "hz hz-gb-2312",
    "big5hkscs": "big5 big5-hkscs big5hkscs cn-big5 x-x-big5 cp950 x-big5",
    "cp949": "euc-kr euc_kr euckr ks_c_5601-1987 ks_c_5601 ksc5601 ksc_5601 cp949 windows-949 "
    "korean 5601 ks_c_5601-1989 iso-ir-149",
    "iso2022_kr": "iso-2022-kr",
    "euc_jp": "euc-jp eucjp euc_jp x-euc-jp x-euc",
    "cp932": "shift_jis shift-jis sjis x-sjis cp932 windows-31j ms932 ms_kanji x-ms-cp932",
    "iso2022_jp": "iso-2022-jp iso2022-jp iso-2022-jp-ms csiso2022jp cp50220 cp50221 jis",
    "iso2022_jp_1": "iso-2022-jp-1",
    "iso2022_jp_2": "iso-2022-jp-2",
    "iso2022_jp_3": "iso-2022-jp-3 iso-2022-jp-2004",
    "cp874": "tis-620 cp874 windows-874 iso-8859-11",
    "koi8-r": "koi8-r koi8_r koi8 koi8r cskoi8r koi",
    "koi8-u": "koi8-u koi8u",
    "cp1254": "iso-8859-9 latin5 latin-5 cp1254 windows-1254 iso8859-9",
    "cp1258": "cp1258 windows-1258 viet",
    "johab": "johab",
    "kz1048": "kz-1048",
    "ptcp154": "ptcp154",
    "hp_roman8": "hp-roman8 roman8",
    "mac_roman": "macintosh mac x-mac-roman macroman mac-roman x-macroman",
    "mac_cyrillic": "x-mac-cyrillic mac-cyrillic",
    "mac_greek": "x-mac-greek",
    "mac_turkish": "x-mac-turkish",
    "mac_latin2": "x-mac-ce x-mac-centraleurroman",
}
_NUMBERED = {
    **{f"iso-8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"iso8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"iso_8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"windows-{n}": f"cp{n}" for n in (1250, 1251, 1253, 1255, 1256, 1257)},
    **{f"cp{n}": f"cp{n}" for n in (1250, 1251, 1253, 1255, 1256, 1257)},
    **{f"win-{n}": f"cp{n}" for n in (1250, 1251, 1253, 1255, 1256, 1257)},
    **{f"cp{n}": f"cp{n}" for n in (437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863)},
    **{f"cp{n}": f"cp{n}" for n in (864, 865, 866, 869, 1125)},
    **{f"ibm{n}": f"cp{n}" for n in (437, 850, 852, 855, 857, 860, 862, 863, 865, 866, 869)},
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "latin2": "iso8859-2",
    "latin-2": "iso8859-2",
    "latin9": "iso8859-15",
    "latin-9": "iso8859-15",
    "l9": "iso8859-15",
    "ibm00858": "cp858",
}
_CODECS: dict[str, str] = {
    **{name: codec for codec, names in _FAMILIES.items() for name in names.split()},
    **_NUMBERED,
}
_RETRY = {
    "iso2022_jp": ("iso2022_jp_ext", "iso2022_jp_3"),
    "cp1252": ("latin-1",),
    "euc_jp": ("euc_jisx0213",),
    "cp932": ("shift_jisx0213",),
    "big5hkscs": ("cp950",),
}
_JUNK = re.compile(r"[\s\"'<>;,]+")


def find_codec(charset: str) -> str | None:
    """The codec of a declared charset, None where it is unknown or not safe to decode."""
    name = charset.lower()
    codec = _CODECS.get(name)
    if codec is None:
        name = _JUNK.sub("", name)[:60].partition("*")[0]
        codec = _CODECS.get(name) or _CODECS.get(name.replace("_", "-"))
    return codec


def decode_bytes(data: bytes, charset: str) -> tuple[str, str | None]:
    """Decode text of a declared charset; never raises.

    Args:
        data: The bytes, transfer encoding already undone.
        charset: The declared name, "" where none was.

    Returns:
        The text, and the defect's name: None, charset_unknown (not in the table), charset_wrong
        (declared, but the bytes are not of it) or charset_missing (8-bit, none declared).
    """
    codec = find_codec(charset) if charset else "ascii"
    if codec is None:
        return (_decode_undeclared(data), "charset_unknown")
    if codec in ("ascii", "utf-8", "cp1252") and data.isascii():
        return (data.decode("ascii"), None)
    for attempt in (codec, *_RETRY.get(codec, ())):
        try:
            return (data.decode(attempt), None)
        except (UnicodeError, ValueError):
            continue
    if codec == "ascii":
        return (_decode_undeclared(data), "charset_missing")
    if codec != "utf-8":
        try:
            return (data.decode("utf-8"), "charset_wrong")
        except UnicodeDecodeError:
            return (data.decode(codec, "replace"), "charset_wrong")
    return (_decode_not_utf8(data), "charset_wrong")


def decode_undeclared(data: bytes, hint: str = "") -> str:
    """Decode 8-bit bytes whose charset nobody named, trying `hint` after UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    codec = find_codec(hint) if hint else None
    if codec not in (None, "ascii", "utf-8"):
        try:
            return data.decode(codec or "")
        except (UnicodeError, ValueError):
            pass
    return _guess(data)


def _decode_undeclared(data: bytes) -> str:
    if data.isascii():
        if b"\x1b$" in data or b"\x1b(" in data:
            return data.decode("iso2022_jp", "replace")
        return data.decode("ascii")
    return decode_undeclared(data)


def _decode_not_utf8(data: bytes) -> str:
    """Declared UTF-8, but it is not: a damaged character here and there, or another charset."""
    text = data.decode("utf-8", "replace")
    high = len(data) - len(data.translate(None, _HIGH))
    if text.count("\ufffd") * 4 <= high:
        return text
    return _guess(data)


_HIGH = bytes(range(128, 256))


def _guess(data: bytes) -> str:
    """Western where 8-bit bytes are rare, else what charset-normalizer makes of a sample.

    The library takes milliseconds for each candidate, so it sees a bounded sample only where
    8-bit bytes are the bulk of the text (Cyrillic, Greek, East Asian).
    """
    sample = data[:_SAMPLE_BYTES]
    high = len(sample) - len(sample.translate(None, _HIGH))
    if high >= _FEW and high * 3 >= len(sample):
        best = from_bytes(sample, steps=2, chunk_size=512).best()
        codec = find_codec(best.encoding) if best else None
        if codec not in (None, "ascii"):
            return data.decode(codec or "", "replace")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")
