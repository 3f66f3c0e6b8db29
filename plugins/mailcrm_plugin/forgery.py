"""Against forged requests: what changes something must come from one of our own pages.

Airflow's session cookie is sent along by any page of the same site, and carries no token; so each
of our pages carries one, bound to its reader, and the request's origin is looked at besides.
"""

from urllib.parse import urlsplit

from airflow.configuration import conf
from fastapi import HTTPException, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from mailcrm_plugin.access import CurrentPerson, Person

__all__ = ["FIELD", "HEADER", "check_origin", "make_token"]

FIELD = "forgery_token"
HEADER = "x-mailcrm-token"
MAX_AGE_S = 24 * 3600
_SAFE = frozenset({"GET", "HEAD"})
_REFUSAL = "This page is out of date, or the request came from elsewhere. Load it again."


def make_token(person: Person) -> str:
    """The token of this person's pages; good for a day."""
    return _serializer().dumps(person.user_id)


async def check_origin(request: Request, person: CurrentPerson) -> None:
    """A dependency of every route: refuses changes that none of our pages asked for.

    Raises:
        HTTPException: 403.
    """
    if request.method in _SAFE:
        return
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403, _REFUSAL)
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc not in _own_hosts(request):
        raise HTTPException(403, _REFUSAL)
    given = request.headers.get(HEADER) or (await request.form()).get(FIELD)
    try:
        owner = _serializer().loads(str(given or ""), max_age=MAX_AGE_S)
    except BadSignature:
        raise HTTPException(403, _REFUSAL) from None
    if owner != person.user_id:
        raise HTTPException(403, _REFUSAL)


def _own_hosts(request: Request) -> frozenset[str]:
    """The host that was asked, and the one under which Airflow says that it is reached."""
    base = urlsplit(conf.get("api", "base_url", fallback="") or "").netloc
    return frozenset({request.headers.get("host", ""), base} - {""})


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(conf.get_mandatory_value("api", "secret_key"), "mailcrm.forgery")
