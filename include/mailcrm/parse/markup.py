"""Text from HTML, by inscriptis on lxml, bounded in input."""

import re

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from lxml.etree import LxmlError

HTML_CAP = 300_000
_CONFIG = ParserConfig(css=CSS_PROFILES["strict"])
_TAG = re.compile(r"<[^<>]*+>")


def parse_html(markup: str) -> str:
    """The text of an HTML body; never raises."""
    try:
        return get_text(markup[:HTML_CAP], _CONFIG)
    except (LxmlError, ValueError, RecursionError, AssertionError, KeyError, IndexError):
        return _TAG.sub(" ", markup[:HTML_CAP])
