"""Stage 3: bytes to a message record. Never raises, never loses a message.

The way of a message: `fields` splits the header block, `structure` walks the MIME parts on
offsets, `body` chooses and decodes the text, `addresses`, `dates` and `ids` read the structured
fields, `words` the encoded ones, `kinds` and `bounces` say what kind of message it is, `quotes`
separates new text from history. `message` puts it together; `text` is the gateway of every string.
"""

from mailcrm.parse.message import list_parts, parse_message
from mailcrm.parse.transfer import measure_lines
from mailcrm.parse.truth import compare_truth
from mailcrm.parse.version import PARSER_VERSION

__all__ = ["PARSER_VERSION", "compare_truth", "list_parts", "measure_lines", "parse_message"]
