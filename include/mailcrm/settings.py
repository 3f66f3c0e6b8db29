"""Settings, read once at the edge from `MAILCRM_*` environment variables."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mailcrm.errors import SettingsError

__all__ = ["Settings", "load_settings"]


class Settings(BaseSettings):
    """Everything that an operator can set; each is named in docs/operations.md."""

    model_config = SettingsConfigDict(env_prefix="MAILCRM_", frozen=True, extra="ignore")

    home: Annotated[Path, Field(description="Folder of everything that mailcrm writes.")] = Path(
        "var"
    )
    database_url: Annotated[
        SecretStr | None, Field(description="SQLAlchemy URL of the CRM database.")
    ] = None
    contacts_query: Annotated[
        str | None,
        Field(
            description="SELECT that yields contact_id, full_name, address, is_primary, company, "
            "domain from the CRM's own tables, instead of crm_contacts."
        ),
    ] = None
    files_url: Annotated[
        str | None,
        Field(
            description="Folder or object store of what all machines share (s3://, gs://, …), "
            "instead of `home`."
        ),
    ] = None
    login_key: Annotated[
        SecretStr | None,
        Field(
            min_length=32,
            description="Key of the digests that tell which login was rejected, the same on all "
            "machines; without it, a file of `home`.",
        ),
    ] = None
    connections_file: Annotated[
        Path | None,
        Field(description="JSON file of connections, read where no AIRFLOW_CONN_* is set."),
    ] = None
    notify_webhook: Annotated[
        SecretStr | None, Field(description="URL that is told when a direction breaks or heals.")
    ] = None
    notify_smtp_connection: Annotated[
        str | None,
        Field(description="Connection through which such notices go out by mail, too."),
    ] = None
    allowed_hosts: Annotated[
        str | None, Field(description="Hosts that may be entered on a web page, comma-separated.")
    ] = None
    connect_timeout_s: Annotated[float, Field(gt=0, description="Budget to connect.")] = 20.0
    greeting_timeout_s: Annotated[float, Field(gt=0, description="Budget for the greeting.")] = 60.0
    command_timeout_s: Annotated[
        float, Field(gt=0, description="Deadline of one IMAP command.")
    ] = 300.0
    verify_timeout_s: Annotated[float, Field(gt=0, description="Deadline of one verification.")] = (
        180.0
    )
    imap_without: Annotated[
        str | None,
        Field(description="IMAP extensions not to use though offered, comma-separated."),
    ] = None
    fetch_chunk_bytes: Annotated[
        int, Field(gt=0, description="Bytes of one FETCH, unless one message is larger.")
    ] = 8 * 1024 * 1024
    fetch_whole_bytes: Annotated[
        int, Field(ge=0, description="Larger messages are read without their attachments.")
    ] = 48 * 1024
    fetch_chunk_messages: Annotated[int, Field(gt=0, description="Messages of one FETCH.")] = 250
    slice_messages: Annotated[int, Field(gt=0, description="Messages of one fetch task.")] = 5000
    slice_bytes: Annotated[
        int, Field(gt=0, description="Bytes of one fetch task, unless one message is larger.")
    ] = 512 * 1024 * 1024
    message_cap_bytes: Annotated[
        int, Field(gt=0, description="A larger message is read up to here and marked partial.")
    ] = 50 * 1024 * 1024
    quarantine_hold_share: Annotated[
        float, Field(ge=0, le=1, description="Larger shares of quarantined messages hold.")
    ] = 0.05
    quarantine_hold_min: Annotated[
        int, Field(ge=1, description="Fewer quarantined messages than this never hold.")
    ] = 3
    failed_send_share: Annotated[
        float, Field(ge=0, le=1, description="A larger share of failed sends is a warning.")
    ] = 0.1
    watch_gap_s: Annotated[
        float, Field(gt=0, description="At most one event of new mail per mailbox in this time.")
    ] = 60.0
    watch_renew_s: Annotated[
        float, Field(gt=0, le=1680, description="IDLE is renewed, and other folders looked at.")
    ] = 540.0
    watch_poll_s: Annotated[
        float, Field(gt=0, description="Servers without IDLE are asked this often.")
    ] = 60.0
    watch_logins: Annotated[
        int, Field(ge=1, description="Watchers of one process that log in at the same moment.")
    ] = 16
    triggerer_capacity: Annotated[
        int, Field(ge=1, description="Triggers that all triggerers take together.")
    ] = 1000
    reports_kept: Annotated[
        int, Field(ge=0, description="Run reports kept for each mailbox; 0 writes none.")
    ] = 50

    @field_validator("notify_webhook", "notify_smtp_connection", "allowed_hosts")
    @classmethod
    def _leave_empty_unset(cls, value: SecretStr | str | None) -> SecretStr | str | None:
        """Deployments pass on what is not set as an empty text."""
        return value or None

    @field_validator("files_url")
    @classmethod
    def _refuse_secret(cls, url: str | None) -> str | None:
        """Where a file lies is shown to people, so its URL must hold no password."""
        if url is not None and "@" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("must hold no user or password: stores read those from elsewhere")
        return url or None

    def database(self) -> str:
        """The database's URL as a plain string; SQLite under `home` by default."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.home / 'mailcrm.db').absolute()}"


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a variable does not parse; names the variable, not its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "MAILCRM_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(where=name, problem=first["msg"]) from None
