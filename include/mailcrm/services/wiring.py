"""The one place that builds real adapters; everything else sees ports."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Engine

from mailcrm.adapters.clock import SystemClock
from mailcrm.adapters.crm_database.approvals import ApprovalTables
from mailcrm.adapters.crm_database.chores import ChoreTables
from mailcrm.adapters.crm_database.contacts import ContactTables
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.adapters.crm_database.failed_sends import FailedSendTables
from mailcrm.adapters.crm_database.health import LoginTables, NoticeTables
from mailcrm.adapters.crm_database.held_messages import HoldTables
from mailcrm.adapters.crm_database.ledger import LedgerTables
from mailcrm.adapters.crm_database.migrate import open_database, upgrade
from mailcrm.adapters.crm_database.overview import OverviewTables
from mailcrm.adapters.crm_database.publish import PublishTables
from mailcrm.adapters.crm_database.registry import RegistryTables
from mailcrm.adapters.crm_database.upkeep import AnswerTables, RoundTripTables
from mailcrm.adapters.expectations import GxGate
from mailcrm.adapters.files import LocalFiles
from mailcrm.adapters.login_guard import GuardedMailServers, LoginKey
from mailcrm.adapters.mail_servers import RealMailServers
from mailcrm.adapters.notify import RealNotifier
from mailcrm.adapters.notify_mail import MailChannel
from mailcrm.adapters.secrets import LocalCredentials
from mailcrm.adapters.side_process import SideProcess
from mailcrm.adapters.staging import StagingTables
from mailcrm.ports import (
    Approvals,
    Chores,
    Clock,
    Connections,
    Contacts,
    CredentialStore,
    Files,
    Gate,
    Holds,
    Ledger,
    MailServers,
    Notifier,
    Overview,
    Publisher,
    Registry,
    Staging,
    Upkeep,
)
from mailcrm.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a service may use."""

    settings: Settings
    clock: Clock
    registry: Registry
    ledger: Ledger
    staging: Staging
    contacts: Contacts
    publisher: Publisher
    gate: Gate
    overview: Overview
    holds: Holds
    approvals: Approvals
    chores: Chores
    servers: MailServers
    credentials: CredentialStore
    files: Files
    upkeep: Upkeep
    start_helper: Callable[[str], SideProcess] | None = None


@contextlib.contextmanager
def open_services(
    settings: Settings | None = None, credentials: CredentialStore | None = None
) -> Iterator[Services]:
    """Build the services over the configured database, and close it afterwards.

    Args:
        settings: Default: the environment's.
        credentials: Default: the `AIRFLOW_CONN_*` variables, then the connections file.

    Raises:
        SettingsError: a setting does not parse.
        DatabaseError, StoreBusyError: the tables are missing or of another version; or away.
    """
    settings = settings or load_settings()
    with open_database(settings.database()) as engine:
        yield _with_notifier(_build_services(engine, settings, credentials))


def _build_services(
    engine: Engine, settings: Settings, credentials: CredentialStore | None
) -> Services:
    clock = SystemClock()
    upkeep = make_upkeep(engine, settings)
    key = make_login_key(settings)
    return Services(
        settings=settings,
        clock=clock,
        registry=RegistryTables(engine),
        ledger=LedgerTables(engine),
        staging=StagingTables(engine),
        contacts=ContactTables(engine, settings.contacts_query),
        publisher=PublishTables(engine),
        gate=GxGate(engine, settings),
        overview=OverviewTables(engine),
        holds=HoldTables(engine),
        approvals=ApprovalTables(engine),
        chores=ChoreTables(engine),
        servers=GuardedMailServers(RealMailServers(settings), upkeep.logins, key, clock),
        credentials=credentials or LocalCredentials(settings.connections_file),
        files=LocalFiles(settings.home, settings.files_url),
        upkeep=upkeep,
        # A helper reads credentials and settings as we do: from the environment.
        start_helper=SideProcess if credentials is None else None,
    )


def make_login_key(settings: Settings) -> LoginKey:
    """The key of the logins' digests; several machines need the same one, by MAILCRM_LOGIN_KEY."""
    chosen = settings.login_key
    return LoginKey(settings.home, None if chosen is None else chosen.get_secret_value())


def make_upkeep(engine: Engine, settings: Settings) -> Upkeep:
    """The ports that keep connections healthy, over the CRM database."""
    webhook = settings.notify_webhook
    return Upkeep(
        logins=LoginTables(engine),
        notices=NoticeTables(engine),
        failed_sends=FailedSendTables(engine),
        notifier=RealNotifier(None if webhook is None else webhook.get_secret_value()),
        trips=RoundTripTables(engine),
        answers=AnswerTables(engine),
    )


def _with_notifier(services: Services) -> Services:
    upkeep = dataclasses.replace(services.upkeep, notifier=make_notifier(services))
    return dataclasses.replace(services, upkeep=upkeep)


def make_notifier(services: Services) -> Notifier:
    """Who tells people, by webhook and by mail where these are set."""
    settings, store = services.settings, services.credentials
    webhook = settings.notify_webhook
    mail = None
    if settings.notify_smtp_connection:
        local = LocalCredentials(settings.connections_file)
        connections = store if isinstance(store, Connections) else local
        name = settings.notify_smtp_connection
        mail = MailChannel(name, connections, services.servers, services.clock)
    return RealNotifier(None if webhook is None else webhook.get_secret_value(), mail)


def upgrade_database(settings: Settings | None = None) -> str:
    """Create or migrate the tables; the revision they are at then.

    Raises:
        DatabaseError, StoreBusyError: see `open_services`.
    """
    engine = make_engine((settings or load_settings()).database())
    try:
        return upgrade(engine)[1]
    finally:
        engine.dispose()
