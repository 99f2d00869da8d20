"""`/v1/registry`: departments, halls, windows, staff, matters and devices with their histories, from memory.

Staff have names here, so everything needs the scope `registry:read`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery, QueryParameter

from haocha.domain.entries import Period
from haocha.domain.registry import Registry
from haocha.web import wire
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.problems import Fault, invalid, not_found

Kind = Literal["org", "hall", "window", "staff", "matter", "device"]
MEMBERS = frozenset({"at", "q", "limit", "cursor"})


class PeriodOut(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    """What held from `validFrom` until `validTo`; parents by their keys."""

    valid_from: datetime
    valid_to: datetime | None = None
    name: str = ""
    area_code: str = ""
    parent: str = ""
    hall: str = ""
    window: str = ""
    dept: str = ""


class EntryOut(PeriodOut, frozen=True, kw_only=True):
    """An entry as it was at the time asked for."""

    key: str


class Page(msgspec.Struct, rename="camel", frozen=True):
    """Entries in the order of their keys."""

    position: int
    items: list[EntryOut]
    next_cursor: str | None


class History(msgspec.Struct, rename="camel", frozen=True):
    """All periods of an entry, the oldest first."""

    position: int
    kind: Kind
    key: str
    history: list[PeriodOut]


@get("/v1/registry/{kind:str}", guards=[requires("registry:read")], tags=["registry"], operation_id="listRegistry")
async def list_entries(  # noqa: PLR0917 (Litestar passes them by name)
    request: Request[Any, Any, Any],
    kind: FromPath[Kind],
    at: FromQuery[str | None] = None,
    q: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
    cursor: FromQuery[str] = "",
) -> Response[bytes]:
    """List the entries of a kind that are valid at a time, by default now; `q` is a part of key or name (注册信息)."""
    context: Context = request.app.state.context
    faults = [
        Fault(f"/{name}", "unknown", f"没有 {name} 这个参数。") for name in request.query_params if name not in MEMBERS
    ]
    moment = context.now() if at is None else wire.moment(at)
    if moment is None:
        faults.append(Fault("/at", "form", f"at {wire.TIME_FORM}。"))
    if moment is None or faults:
        raise invalid(faults)
    items: list[EntryOut] = []
    for key, period in _valid(context.registry, kind, moment, cursor, q or ""):
        if len(items) == limit:
            return _answer(Page(context.registry.position, items, items[-1].key))
        items.append(EntryOut(key=key, **_members(period)))
    return _answer(Page(context.registry.position, items, None))


@get(
    "/v1/registry/{kind:str}/{key:path}",
    guards=[requires("registry:read")],
    tags=["registry"],
    operation_id="getRegistryEntry",
)
async def get_entry(request: Request[Any, Any, Any], kind: FromPath[Kind], key: FromPath[str]) -> Response[bytes]:
    """Return one entry with its history; windows are hallCode/windowNo, staff deptCode/staffNo (注册历史)."""
    context: Context = request.app.state.context
    key = key.removeprefix("/")
    periods = context.registry.periods(kind, key)
    if not periods:
        raise not_found("这条注册信息")
    return _answer(History(context.registry.position, kind, key, [PeriodOut(**_members(period)) for period in periods]))


def _valid(registry: Registry, kind: str, at: datetime, after: str, part: str) -> Any:
    for key in registry.keys(kind, after):
        period = registry.valid(kind, key, at)
        if period is not None and (part in key or part in period.facts.name):
            yield key, period


def _members(period: Period) -> dict[str, Any]:
    return {"valid_from": period.start, "valid_to": period.end, **period.facts._asdict()}


def _answer(value: Page | History) -> Response[bytes]:
    return Response(msgspec.json.encode(value), media_type="application/json")


routes = [list_entries, get_entry]
