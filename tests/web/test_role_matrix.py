"""Every role on every route, for a ticket of one's own unit and of another's: denied unless this table lists it.

Each line: method, route, who may (承办 H, 督办 S, 复核 R, 回访 A, 查评 I, 领导 L, 审计 U, 管理员 M), and for what:
`own`, a ticket within one's reach only: for another unit's everybody is denied; `all`, no single unit is asked for, and
a list shows nothing of another unit; `key`, machines with a key only; `public`, whoever comes.
A route that is not here, and a line whose route is gone, fail.
"""

import itertools
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import NamedTuple
from uuid import uuid4

import httpx
import pytest

from haocha.domain import ticket_events as events
from haocha.domain.rating import TextReference
from haocha.store import aggregates, evidence, log
from haocha.web.app import create_app
from tests import people
from tests.world import World

LETTERS = {
    "H": "handler", "S": "supervisor", "R": "reviewer", "A": "agent",
    "I": "inspector", "L": "leader", "U": "auditor", "M": "admin",
}  # fmt: skip

TABLE = """
GET  /                                                        HSRAILUM  all
GET  /board/events                                            HSRAILUM  all
GET  /login                                                   -         public
POST /login                                                   -         public
POST /logout                                                  -         public
GET  /receipts                                                -         public
GET  /receipts/{code:str}                                     -         public
GET  /v/{token:str}                                           -         public
POST /v/{token:str}                                           -         public
GET  /static/{name:str}                                       -         public
GET  /schema                                                  -         public
GET  /schema/openapi.json                                     -         public
GET  /schema/{path:str}                                       -         public
GET  /healthz                                                 -         public
GET  /readyz                                                  -         public
GET  /v1/log                                                  -         public
GET  /v1/receipts/{code:str}                                  -         public

GET  /metrics                                                 -         key
POST /v1/ratings                                              -         key
POST /v1/ratings/batch                                        -         key
GET  /v1/ratings                                              -         key
GET  /v1/ratings/{rating_id:uuid}                             -         key
POST /v1/services                                             -         key
POST /v1/services/batch                                       -         key
GET  /v1/scores/{kind:str}                                    -         key
GET  /v1/events                                               -         key
POST /v1/sync/items                                           -         key
GET  /v1/sync/ratings                                         -         key
POST /v1/sync/{peer:str}/orders                               -         key
GET  /v1/sync/orders                                          -         key
GET  /v1/indicators                                           -         public
GET  /v1/sync/status                                          SLUM      all
GET  /v1/sync/outbox                                          SLUM      all
GET  /v1/sync/reconciliations                                 SLUM      all
GET  /v1/registry/{kind:str}                                  -         key
GET  /v1/registry/{kind:str}/{key:path}                       -         key

GET  /account                                                 HSRAILUM  all
POST /account/password                                        HSRAILUM  all
POST /account/token                                           HSRAILUM  all
POST /account/token/revoke                                    HSRAILUM  all
GET  /admin/accounts                                          M         all
POST /admin/accounts                                          M         all
GET  /admin/accounts/new                                      M         all
GET  /admin/accounts/{number:int}                             M         all
POST /admin/accounts/{number:int}                             M         all
POST /admin/accounts/{number:int}/reset-password              M         all
POST /admin/accounts/{number:int}/{act:str}                   M         all

GET  /v1/tickets                                              HSRAILU   all
GET  /v1/tickets/stats                                        HSRAILU   all
GET  /v1/tickets/{ticket_id:uuid}                             HSRAILU   own
GET  /v1/tickets/{ticket_id:uuid}/events                      HSRAILU   own
GET  /v1/tickets/{ticket_id:uuid}/evidence/{digest:str}       HSRAILU   own
POST /v1/tickets/{ticket_id:uuid}/accept                      H         own
POST /v1/tickets/{ticket_id:uuid}/appeal                      H         own
POST /v1/tickets/{ticket_id:uuid}/approve                     SR        own
POST /v1/tickets/{ticket_id:uuid}/contact                     A         own
POST /v1/tickets/{ticket_id:uuid}/decide-appeal               R         own
POST /v1/tickets/{ticket_id:uuid}/decide-extension            S         own
POST /v1/tickets/{ticket_id:uuid}/disclose                    A         own
POST /v1/tickets/{ticket_id:uuid}/dispatch                    S         own
POST /v1/tickets/{ticket_id:uuid}/fix                         H         own
POST /v1/tickets/{ticket_id:uuid}/look-back                   SAI       own
POST /v1/tickets/{ticket_id:uuid}/merge                       S         own
POST /v1/tickets/{ticket_id:uuid}/reinstate                   SR        own
POST /v1/tickets/{ticket_id:uuid}/remind                      S         own
POST /v1/tickets/{ticket_id:uuid}/reopen                      S         own
POST /v1/tickets/{ticket_id:uuid}/request-extension           H         own
POST /v1/tickets/{ticket_id:uuid}/return                      SR        own
POST /v1/tickets/{ticket_id:uuid}/review                      H         own
POST /v1/tickets/{ticket_id:uuid}/transfer                    HS        own
POST /v1/tickets/{ticket_id:uuid}/verify                      A         own
POST /v1/evidence                                             HSRAI     all
POST /v1/complaints                                           SAI       all
GET  /v1/disclosures                                          U         all
GET  /v1/policies                                             HSRAILUM  all
GET  /v1/policies/{version:str}                               HSRAILUM  all
POST /v1/policies                                             M         all
GET  /v1/calendar                                             HSRAILUM  all
POST /v1/calendar                                             M         all

GET  /desk                                                    HSRAILUM  all
GET  /desk/events                                             HSRAILU   all
POST /desk/bulk                                               HS        all
POST /desk/views                                              HSRAILU   all
GET  /desk/sources                                            SAI       all
GET  /desk/sources/complaint                                  SAI       all
POST /desk/sources/complaint                                  SAI       all
GET  /desk/sources/finding                                    SI        all
POST /desk/sources/finding                                    SI        all
GET  /desk/sources/import                                     SI        all
POST /desk/sources/import                                     SI        all
GET  /desk/sources/import/template.xlsx                       SI        all
GET  /desk/overview                                           SLU       all
GET  /desk/ledger                                             HSRILU    all
GET  /desk/ledger.xlsx                                        HSRILU    all
GET  /desk/circulars                                          HSLU      all
GET  /desk/circulars/{kind:str}/{first:str}                   HSLU      all
GET  /desk/circulars/{kind:str}/{first:str}/circular.xlsx     HSLU      all
GET  /desk/disclosures                                        U         all
GET  /desk/sync                                               SLUM      all
GET  /desk/sync/parts                                         SLUM      all
POST /desk/sync/retry                                         SM        all
GET  /desk/sync/differences                                   SLUM      all
POST /desk/sync/differences                                   SM        all
GET  /desk/inbox                                              HSRAILUM  all
GET  /desk/inbox/count                                        HSRAILUM  all
POST /desk/inbox/read                                         HSRAILUM  all
GET  /desk/inbox/{number:int}                                 HSRAILUM  all
GET  /tickets/{ticket_id:uuid}                                HSRAILU   own
GET  /tickets/{ticket_id:uuid}/news                           HSRAILU   own
GET  /tickets/{ticket_id:uuid}/print                          HSRAILU   own
POST /tickets/{ticket_id:uuid}/{command:str}                  S         own
GET  /tickets/{ticket_id:uuid}/identity                       HA        own
POST /tickets/{ticket_id:uuid}/identity                       A         own
GET  /admin/policies                                          M         all
POST /admin/policies                                          M         all
POST /admin/policies/review                                   M         all
POST /admin/policies/withdraw                                 M         all
GET  /admin/policies/{version:str}                            M         all
GET  /admin/policies/{version:str}/toml                       M         all
GET  /admin/calendar                                          M         all
POST /admin/calendar                                          M         all
POST /admin/calendar/review                                   M         all
GET  /admin/calendar/toml                                     M         all
"""
REASON = {"reason": "理由"}
BODIES = {
    "accept": {},
    "appeal": {"ground": "mistaken", **REASON},
    "approve": {},
    "contact": {"reached": True},
    "decide-appeal": {"upheld": True, **REASON},
    "decide-extension": {"granted": True},
    "disclose": {"reason": "call"},
    "dispatch": {"unit": "TAX"},
    "look-back": {"result": "holds"},
    "merge": {"into": "x"},
    "reinstate": REASON,
    "remind": {},
    "reopen": REASON,
    "request-extension": REASON,
    "return": REASON,
    "review": {"verdict": "partly", "ground": "delay", "disposition": "fix", "finding": "情况部分属实"},
    "transfer": {"unit": "HR", **REASON},
    "verify": {"result": "satisfied"},
}
"""What each command of the API is sent with: a body that nothing is wrong with."""
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


class Line(NamedTuple):
    """One line of the table."""

    method: str
    path: str
    who: frozenset[str]
    whom: str


def read(line: str) -> Line:
    """Read one line of the table."""
    method, path, who, whom = line.split()
    return Line(method, path, frozenset(LETTERS[letter] for letter in who.replace("-", "")), whom)


LINES = [read(line) for line in TABLE.splitlines() if line.strip()]


class Cast(NamedTuple):
    """Somebody of each role with the ticket in reach, and one without; the ticket, and what addresses need."""

    site: object
    people: dict[tuple[str, str], dict[str, str]]
    ticket: str
    version: int
    digest: str
    number: int


@pytest.fixture(scope="module")
async def cast(site):
    """Let the tax office have a ticket that nothing can be done to any more: no command changes it."""
    world = await World(site.pool, site.context.install).begin()
    kept = await evidence.keep(site.pool, PNG, by="test", at=datetime.now(UTC))
    file = events.Evidence(digest=kept.digest, media_type=kept.media_type, size=kept.size)
    project_no = f"matrix-{uuid4()}"
    await world.rate(project_no, dept="TAX", hall="H01", window="H01/A01", staff="TAX/7", area="370102000000")
    await world.react("open_ticket")
    (ticket,) = [one for one in await world.tickets() if one.snapshot.project_no == project_no]
    words = TextReference(uuid4(), 1, "0" * 32)
    for event, members in (
        (events.FixSubmitted, {"round": 0, "measures": words, "responsible": "", "evidence": (file,)}),
        (events.Merged, {"into": ticket.id, "into_number": ticket.number}),
        (events.Closed, {"outcome": "merged", "follows": 3}),
    ):
        ticket.trigger_event(event, at=datetime.now(UTC), **members)
    await log.append(site.pool, [log.Group(aggregates.new_events(ticket))])
    await world.fold()
    made = {
        (role, reach): (await people.make(site.pool, role, **place(role, unit))).headers
        for role, (reach, unit) in itertools.product(LETTERS.values(), (("own", "TAX"), ("other", "HR")))
    }
    number = await site.pool.fetchval("SELECT max(id) FROM access.accounts") + 1
    await people.make(site.pool, "leader")
    return Cast(site, made, str(ticket.id), ticket.version, kept.digest, number)


def place(role: str, unit: str) -> dict[str, str]:
    """Say where somebody stands who sees this unit and no other: handlers in it, the others over it."""
    return {"unit": unit} if role == "handler" else {"node": f"dept:{unit}"}


def test_table_names_every_route_and_no_other():
    """A new route is denied to everybody until somebody has thought about whom it is for."""
    app = create_app(SimpleNamespace())._app
    routes = {
        (method, route.path)
        for route in app.routes
        for handler in route.route_handlers
        for method in handler.http_methods
        if method not in {"OPTIONS", "HEAD"}
    }
    named = {(line.method, line.path) for line in LINES}
    assert sorted(routes - named) == []
    assert sorted(named - routes) == []
    assert len(named) == len(LINES)


async def ask(cast: Cast, line: Line, headers: dict[str, str], role: str = "") -> tuple[int, str, str]:
    """Ask for a route as somebody; return the status, where it leads, and what it shows (of a stream nothing)."""
    command = line.path.rpartition("/")[2]
    members = {
        "ticket_id": cast.ticket,
        "rating_id": cast.ticket,
        "digest": cast.digest,
        "number": str(cast.number),
        "act": "unlock",
        "command": "remind",
        "version": "default-1",
        "kind": "org" if "registry" in line.path else "daily" if "circulars" in line.path else "windows",
        "first": "2025-06-02",
        "key": "TAX",
        "peer": "province",
        "name": "style.css",
        "code": "0000-0000-0000-0000",
        "token": "x",
        "path": "openapi.json",
    }
    address = re.sub(r"\{(\w+):\w+\}", lambda match: members[match[1]], line.path)
    more: dict[str, object] = {}
    if line.method == "POST" and line.path.startswith("/v1/"):
        fix = {"measures": "已整改", "responsible": "TAX/7", "evidence": [{"digest": cast.digest}]}
        more = {"json": fix if command == "fix" else BODIES.get(command, {})}
        headers = headers | {"If-Match": f'"{cast.version}"'}
    elif line.method == "POST":
        bulk = "accept" if role == "handler" else "remind"
        more = {"data": {"version": str(cast.version), "reason": "call", "command": bulk}}
    async with cast.site.client.stream(line.method, address, headers=headers, **more) as answer:
        stream = answer.headers.get("content-type", "").startswith("text/event-stream")
        text = "" if stream else (await answer.aread()).decode(errors="replace")
        return answer.status_code, answer.headers.get("location", ""), text


def is_denied(line: Line, status: int, location: str) -> bool:
    """Tell a refusal of the person: to the log-in, 401, 403; of a ticket also that there is none."""
    if line.whom == "public":
        return status == 401
    to_log_in = status == 303 and location.startswith("/login")
    return to_log_in or status in {401, 403} or (status == 404 and line.whom == "own")


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.method} {line.path}")
async def test_route_is_denied_unless_listed(cast, line):
    """Each role, with the ticket in reach and out of it, nobody at all, and a machine without scopes."""
    let_in = set()
    for (role, reach), headers in cast.people.items():
        if line.path.startswith("/account/token"):
            headers = (await people.make(cast.site.pool, role, **place(role, "TAX"))).headers  # noqa: PLW2901 (spent)
        status, location, text = await ask(cast, line, headers, role)
        assert status < 500, (role, reach, status)
        if not is_denied(line, status, location):
            let_in.add((role, reach))
        assert reach == "own" or cast.ticket not in text, role
    reaches = {"own": {"own"}, "all": {"own", "other"}, "key": set(), "public": {"own", "other"}}[line.whom]
    listed = LETTERS.values() if line.whom == "public" else line.who
    assert let_in == set(itertools.product(listed, reaches))
    status, location, _ = await ask(cast, line, {})
    assert is_denied(line, status, location) == (line.whom != "public")
    key = await cast.site.key(scopes=[])
    status, location, _ = await ask(cast, line, key)
    assert is_denied(line, status, location) == (line.whom != "public")


async def test_list_shows_the_ticket_to_those_who_have_it_in_reach(cast):
    """So what the others are not shown is there to be shown."""
    answer = await cast.site.client.get("/v1/tickets", headers=cast.people["leader", "own"])
    assert cast.ticket in {item["ticketId"] for item in answer.json()["items"]}


async def test_ticket_is_as_it_was(cast):
    """None of all that was asked changed it."""
    answer = await cast.site.client.get(f"/v1/tickets/{cast.ticket}", headers=cast.people["leader", "own"])
    assert (answer.status_code, answer.json()["version"]) == (httpx.codes.OK, cast.version)
