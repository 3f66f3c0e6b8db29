"""Who is asking, and what they may do: the one module that knows Airflow's login.

Roles are not ours: each is a permission that Airflow's auth manager grants or refuses, so that
they mean the same with every auth manager (docs/pages.md).
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.resource_details import (
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request

from mailcrm.errors import UnknownMailboxError
from mailcrm.records.registry import RegistryEntry
from mailcrm_plugin.state import services

__all__ = [
    "Admin",
    "Analyst",
    "CurrentPerson",
    "Operator",
    "Person",
    "Requires",
    "Role",
    "Viewer",
    "current_person",
    "judged_mailboxes",
]


class Role(IntEnum):
    """What a person may do with a mailbox; each includes those below it."""

    NOBODY = 0
    VIEWER = 1
    ANALYST = 2
    OPERATOR = 3
    ADMIN = 4


@dataclass(frozen=True, slots=True)
class Person:
    """Who sent the request; `token` is their own Airflow token, for calls on their behalf."""

    user_id: str
    name: str
    user: Any = field(repr=False)
    token: str = field(repr=False)

    def role_on(self, mailbox_id: str, owner_team: str | None = None) -> Role:
        """Their role on one mailbox; NOBODY where they must not know of it."""
        return _role(self.user, f"mailbox__{mailbox_id}", f"mailbox_{mailbox_id}_imap", owner_team)

    def role(self) -> Role:
        """Their role apart from any mailbox."""
        return _role(self.user, None, None, None)

    def sees(self, mailbox_id: str, role: Role = Role.VIEWER) -> bool:
        """Whether they have at least this role on a mailbox, by its id."""
        return self.role_on(mailbox_id, owner_team(mailbox_id)) >= role

    def sees_entry(self, entry: RegistryEntry, role: Role = Role.VIEWER) -> bool:
        """The same by its entry, right or wrong: for lists of many, without asking for each."""
        return self.role_on(entry.mailbox_id, entry.owner_team) >= role

    def check(self, mailbox_id: str, role: Role = Role.VIEWER) -> None:
        """Refuse unless they have the role on a mailbox.

        Raises:
            UnknownMailboxError: they must not know of it, or there is none.
            HTTPException: 403, they see it but may not do this.
        """
        held = self.role_on(mailbox_id, owner_team(mailbox_id))
        if held is Role.NOBODY:
            raise UnknownMailboxError(mailbox_id=mailbox_id)
        if held < role:
            raise HTTPException(403, _refusal(role))


def current_person(request: Request, user: Annotated[Any, Depends(get_user)]) -> Person:
    """The person who is logged in to Airflow; 401 where nobody is."""
    header = request.headers.get("authorization", "")
    scheme, _, bearer = header.partition(" ")
    token = bearer if scheme.lower() == "bearer" else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
    return Person(str(user.get_id()), str(user.get_name()), user, token)


CurrentPerson = Annotated[Person, Depends(current_person)]


@dataclass(frozen=True, slots=True)
class Requires:
    """A dependency: the person, who must have the role.

    On the mailbox of the path's `mailbox_id` where it has one; else in general, or (to look) on
    any mailbox, whereupon the route shows theirs only.
    """

    role: Role

    def __call__(self, request: Request, person: CurrentPerson) -> Person:
        """Let the person through; 403 or 404 where they may not."""
        mailbox_id = request.path_params.get("mailbox_id")
        if mailbox_id is not None:
            person.check(mailbox_id, self.role)
        elif person.role() < self.role and not _has_somewhere(person, self.role):
            raise HTTPException(403, _refusal(self.role))
        return person


Viewer = Annotated[Person, Depends(Requires(Role.VIEWER))]
Analyst = Annotated[Person, Depends(Requires(Role.ANALYST))]
Operator = Annotated[Person, Depends(Requires(Role.OPERATOR))]
Admin = Annotated[Person, Depends(Requires(Role.ADMIN))]


def owner_team(mailbox_id: str) -> str | None:
    """The team that owns a mailbox, or owned it until it was removed; None where none does."""
    entry = services().registry.find_entry(mailbox_id)
    return None if entry is None else entry.owner_team


def judged_mailboxes(
    person: Person, mailbox_id: str | None = None, role: Role = Role.ANALYST
) -> list[str]:
    """The mailboxes that they may judge, or have another role on, by id; only the one asked for.

    Raises:
        UnknownMailboxError, HTTPException: that one is not theirs.
    """
    if mailbox_id:
        person.check(mailbox_id, role)
        return [mailbox_id]
    entries = services().registry.list_entries()
    return [entry.mailbox_id for entry in entries if person.sees_entry(entry, role)]


def _has_somewhere(person: Person, role: Role) -> bool:
    if role > Role.ANALYST:  # the routes for these name a mailbox, or make one
        return False
    return any(person.sees_entry(entry, role) for entry in services().registry.list_entries())


def _refusal(role: Role) -> str:
    return f"This needs the role {role.name.lower()} on the mailbox; ask an Airflow administrator."


def _role(user: Any, dag_id: str | None, conn_id: str | None, team: str | None) -> Role:
    manager = get_auth_manager()
    team = team if conf.getboolean("core", "multi_team") else None
    dag = DagDetails(id=dag_id, team_name=team)
    connection = ConnectionDetails(conn_id=conn_id, team_name=team)

    def on_dag(method: Any, entity: DagAccessEntity) -> bool:
        allowed = manager.is_authorized_dag(
            method=method, access_entity=entity, details=dag, user=user
        )
        return bool(allowed)

    if not on_dag("GET", DagAccessEntity.RUN):
        return Role.NOBODY
    if not on_dag("PUT", DagAccessEntity.HITL_DETAIL):
        return Role.VIEWER
    may_edit = manager.is_authorized_connection(method="PUT", details=connection, user=user)
    if not (may_edit and on_dag("POST", DagAccessEntity.RUN)):
        return Role.ANALYST
    may_delete = manager.is_authorized_connection(method="DELETE", details=connection, user=user)
    return Role.ADMIN if may_delete and _is_named_admin(user) else Role.OPERATOR


def _is_named_admin(user: Any) -> bool:
    """Both auth managers that come with Airflow let operators delete connections: so by name.

    Where an auth manager names no roles, the permission is all there is to go by.
    """
    if hasattr(user, "role"):
        return str(user.role).lower() == "admin"
    if hasattr(user, "roles"):
        return any(str(getattr(role, "name", role)).lower() == "admin" for role in user.roles)
    return True
