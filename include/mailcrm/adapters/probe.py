"""What both probes share: the stage reached so far, and results made from it."""

import dataclasses
import re

from mailcrm.adapters.dial import socket_symptom
from mailcrm.credentials import REJECTIONS, classify_answer, classify_symptom
from mailcrm.errors import (
    ServerRefusedError,
    ServerUnreachableError,
    SettingsError,
    ThrottledError,
    UnsafeConnectionError,
)
from mailcrm.ports import StageCallback
from mailcrm.records import (
    Credential,
    Direction,
    Encryption,
    Mailbox,
    VerifyResult,
    VerifyState,
)
from mailcrm.records.text import escape_text, hide_secrets

__all__ = ["Probe"]

# How the IMAP session reports a BYE: the verb that met it, and the server's words.
_FAREWELL = re.compile(r"(?:LOGIN|AUTHENTICATE|LIST|ID|EXAMINE): (.+)")


class Probe:
    """One verification under way. `stage` is the last stage that began."""

    def __init__(
        self,
        mailbox: Mailbox,
        credential: Credential,
        direction: Direction,
        on_stage: StageCallback | None = None,
    ) -> None:
        """Start before the look-up of the host; `on_stage` hears of each stage."""
        self.mailbox = mailbox
        self.direction = direction
        self.endpoint = mailbox.endpoint(direction)
        self.stage = "resolve"
        self._credential = credential
        self._on_stage = on_stage

    def enter(self, stage: str) -> None:
        """Note that a stage begins."""
        self.stage = stage
        if self._on_stage is not None:
            self._on_stage(stage)

    def ok(self, code: str | None = None, text: str | None = None) -> VerifyResult:
        """Everything was accepted."""
        return self._result(VerifyState.OK, code=code, text=text)

    def warned(self, result: VerifyResult, text: str | None) -> VerifyResult:
        """An ok result with what the server wants people to read (RFC 9051 §7.1, ALERT)."""
        if not text or result.state is not VerifyState.OK:
            return result
        return dataclasses.replace(result, code="ALERT", server_text=self._show(text))

    def refused(self, code: str | None, text: str) -> VerifyResult:
        """The server answered, and the answer is no."""
        answer = classify_answer(self.direction, self.stage, code, text, self.mailbox.id)
        return self._result(
            answer.state,
            code=answer.code,
            text=text,
            advice=answer.advice,
            retry_after_s=answer.retry_after_s,
            is_rejected=self.stage == "authenticate"
            and answer.kind in REJECTIONS
            and answer.retry_after_s is None,
        )

    def broken(
        self, symptom: str, code: str | None = None, text: str | None = None
    ) -> VerifyResult:
        """The conversation never came to an answer, or may not go on."""
        diagnosis = classify_symptom(self.direction, self.endpoint, symptom, self.mailbox.id)
        return self._result(
            diagnosis.state,
            code=code,
            text=text,
            advice=diagnosis.advice,
            retry_after_s=diagnosis.retry_after_s,
        )

    def failed(self, error: Exception) -> VerifyResult:
        """Whatever an adapter raised, as a result; the error's own text is not shown."""
        if isinstance(error, ServerUnreachableError | UnsafeConnectionError):
            farewell = _FAREWELL.match(str(error.fields["detail"]))
            if farewell is not None and error.fields["symptom"] == "closed":
                return self.refused("BYE", farewell.group(1))
            return self.broken(self._by_stage(error.fields["symptom"]))
        if isinstance(error, SettingsError):
            advice = f"{escape_text(error.fields['problem'])}: correct {error.fields['where']}."
            return self._result(VerifyState.MISCONFIGURED, advice=advice)
        if isinstance(error, OSError):
            return self.broken(self._by_stage(socket_symptom(error)))
        if isinstance(error, ThrottledError | ServerRefusedError):
            status, _, words = str(error.fields["detail"]).partition(" ")
            return self.refused(status, words)
        return self.broken("protocol" if self.stage == "greeting" else "broken")

    def folder_missing(self, name: str) -> VerifyResult:
        """A configured folder is not on the server, or cannot be opened."""
        advice = (
            f"The folder {escape_text(name)} is not on the server: correct it in folders, or use "
            "an attribute such as \\Sent."
        )
        return self._result(VerifyState.MISCONFIGURED, code="NONEXISTENT", advice=advice)

    def _by_stage(self, symptom: str) -> str:
        """Silence tells of a wrong port only while the first word is awaited."""
        first_word_at = "tls" if self.endpoint.encryption is Encryption.TLS else "greeting"
        if symptom in ("silent", "timeout") and self.stage not in ("resolve", "connect"):
            return "silent" if self.stage == first_word_at else "slow"
        return symptom

    def _result(
        self,
        state: VerifyState,
        code: str | None = None,
        text: str | None = None,
        advice: str | None = None,
        retry_after_s: float | None = None,
        is_rejected: bool = False,
    ) -> VerifyResult:
        return VerifyResult(
            direction=self.direction,
            state=state,
            stage=self.stage,
            host=self.endpoint.host,
            port=self.endpoint.port,
            encryption=self.endpoint.encryption,
            code=code,
            server_text=self._show(text),
            advice=advice,
            retry_after_s=retry_after_s,
            is_credential_rejected=is_rejected,
        )

    def _show(self, text: str | None) -> str | None:
        if not text:
            return None
        secret = self._credential
        return escape_text(hide_secrets(text, secret.username, secret.password))
