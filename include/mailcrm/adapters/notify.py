"""Tells people: always by a line in the log, and by a webhook and by mail where they are set."""

import json
import logging
import urllib.request
from typing import Final
from urllib.error import URLError
from urllib.parse import urlsplit

from mailcrm.adapters.notify_mail import MailChannel
from mailcrm.records import Delivery, Notice

__all__ = ["RealNotifier"]

logger = logging.getLogger(__name__)
_TIMEOUT_S: Final = 10.0


class RealNotifier:
    """See `mailcrm.ports.Notifier`."""

    def __init__(self, webhook: str | None, mail: MailChannel | None = None) -> None:
        """`webhook` is an http(s) URL that takes a JSON object by POST; it may hold a secret."""
        self._webhook = webhook
        self._mail = mail

    def send(self, notice: Notice) -> Delivery:
        """See `Notifier`; with neither webhook nor mail the log is enough.

        It went out where one of them took it: nobody shall be told twice.
        """
        logger.warning(
            "credentials.direction_%s mailbox=%s direction=%s",
            notice.event.value,
            notice.mailbox_id,
            notice.direction.value,
        )
        tried = []
        if self._webhook is not None:
            is_sent = _post(self._webhook, notice)
            tried.append(Delivery.SENT if is_sent else Delivery.FAILED)
        if self._mail is not None:
            tried.append(self._mail.send(notice))
        if not tried or Delivery.SENT in tried:
            return Delivery.SENT
        return Delivery.FAILED if Delivery.FAILED in tried else Delivery.NO_WAY


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        """The notice goes where the operator said, or nowhere."""


def _post(url: str, notice: Notice) -> bool:
    document = {
        "event": notice.event.value,
        "mailbox": notice.mailbox_id,
        "direction": notice.direction.value,
        "since": notice.since.isoformat(),
        "reason": notice.reason,
        "recipient": notice.recipient,
        "text": f"mailcrm: {notice.direction.value} of mailbox {notice.mailbox_id} "
        f"{notice.event.value.replace('_', ' ')}: {notice.reason}",
    }
    if urlsplit(url).scheme not in ("http", "https"):
        logger.warning("credentials.webhook_unfit notice=%d", notice.notice_id)
        return False
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        url,
        data=json.dumps(document).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "mailcrm"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_TIMEOUT_S):
            return True
    except (URLError, OSError, ValueError) as error:
        # Without its text, which may hold the URL.
        kind = type(error).__name__
        logger.warning("credentials.webhook_failed notice=%d error=%s", notice.notice_id, kind)
        return False
