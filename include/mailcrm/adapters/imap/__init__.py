"""Reading mail over IMAP: the only package that knows imapclient and imaplib.

`dial` connects, `wire` bounds and counts bytes, `protocol` sends commands and reads responses,
`connection` greets, encrypts and logs in, `folders` lists and opens, `reader` is the port.
"""

from mailcrm.adapters.imap.connection import ImapConnection, connect_imap
from mailcrm.adapters.imap.reader import ImapReader, open_imap
from mailcrm.adapters.imap.words import Reply

__all__ = ["ImapConnection", "ImapReader", "Reply", "connect_imap", "open_imap"]
