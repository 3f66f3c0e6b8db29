"""Watching for new mail: many connections in one event loop, no thread for any of them.

`dialing` connects, `wire` bounds bytes, `conversation` sends commands and reads answers,
`session` is the port, `store` asks the CRM database beside the loop.
"""

from mailcrm.adapters.watch.dialing import Dialer
from mailcrm.adapters.watch.servers import WatchMailServers
from mailcrm.adapters.watch.store import WatchStore

__all__ = ["Dialer", "WatchMailServers", "WatchStore"]
