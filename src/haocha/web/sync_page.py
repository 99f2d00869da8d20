"""`/desk/sync` 省平台对接: what goes up to each platform, how fast, what it would not take, and sending that again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from haocha.domain.account import Account
from haocha.domain.workdays import SHANGHAI
from haocha.store import outbox_again, outbox_rows
from haocha.sync.alarms import SILENT
from haocha.web import differences, pages, people, sync_list, sync_stand, sync_words
from haocha.web.context import Context
from haocha.web.newest import Below
from haocha.web.parameters import Parameters, cursor
from haocha.web.problems import Problem
from haocha.web.sync_stand import MAY_RESEND, Stand
from haocha.web.work import MAY_OPEN, work_page

HERE: Final = "/desk/sync"
ROWS: Final = 50
RECEIPTS: Final = 6
FIRST_STATE: Final = "dead"
TABS: Final = tuple(sync_words.STATES)
OWN: Final = (*sync_list.FILTERS, "cursor", "done")

guard = people.requires_account(*MAY_OPEN[HERE], page=True)
logger = structlog.get_logger(__name__)


class Resent(msgspec.Struct, frozen=True):
    """What the form sends: one dead letter by its position, or all of a reason; `back` is the list to return to.

    A reason is a code, and where there is none the words.
    """

    csrf: str = ""
    peer: str = ""
    position: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    code: str | None = None
    words: str = ""
    back: str = ""


class Tab(msgspec.Struct, frozen=True):
    """A list to look at: its name, how many are in it (None: not counted), and where it is."""

    name: str
    n: int | None
    address: str
    active: bool


@get(HERE, guards=[guard], include_in_schema=False)
async def sync_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show how reporting stands, and one list of reports."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    parameters = Parameters(request, OWN)
    area = sync_stand.area_of(account)
    stands = await sync_stand.stands(request, area)
    chosen = _chosen(parameters, stands)
    below: Below | None = parameters.cursor(Below)
    done = parameters.position("done")
    parameters.check()
    mark = below.position if below else None
    found = await outbox_rows.page(context.pool, chosen, area, mark, ROWS + 1) if stands else []
    following = cursor(Below(found[ROWS - 1].position)) if len(found) > ROWS else None
    return await work_page(
        request,
        "sync.html",
        active=HERE,
        chosen=chosen,
        rows=found[:ROWS],
        first=below is None,
        following=chosen.query(cursor=following) if following else "",
        reasons=await outbox_rows.reasons(context.pool, chosen.peer, area) if chosen.state == "dead" else [],
        resends=account.role in MAY_RESEND,
        done=None if done is None else f"已有 {done:,} 条重新排队，发送进程会按顺序再送。",
        levels={level: sync_words.LINES[level] if level != "0" else "没有等级" for level in sync_list.LEVELS},
        reachable=area != sync_stand.NOWHERE,
        **await differences.part(request, chosen.peer),
        **await _shown(request, account, chosen, stands),
    )


@get(f"{HERE}/parts", guards=[people.requires_account(*MAY_OPEN[HERE])], include_in_schema=False)
async def sync_parts(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Give the parts of the page that change by themselves, for a page that stays open."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    parameters = Parameters(request, OWN)
    stands = await sync_stand.stands(request, sync_stand.area_of(account))
    chosen = _chosen(parameters, stands)
    parameters.check()
    shown = await _shown(request, account, chosen, stands)
    return {
        name: pages.render(f"parts/sync_{name}.html", chosen=chosen, now=context.now(), **shown)
        for name in ("peers", "stand", "tabs")
    }


@post(f"{HERE}/retry", guards=[people.requires_account(*MAY_RESEND, page=True)], include_in_schema=False)
async def retry(request: Request[Any, Any, Any], data: URLEncodedBody[Resent]) -> Response[Any]:
    """Let one dead letter, or all of one reason that the account sees, be sent again."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    people.check_form(request, data.csrf)
    if not data.peer or not (data.position or data.code is not None):
        raise Problem(400, "nothing_chosen", "还没有选择要重发的记录。请返回上一页，从死信列表里选择。")
    done = await outbox_again.retry(
        context.pool,
        data.peer,
        context.now(),
        positions=[data.position] if data.position else None,
        code=None if data.position else data.code,
        words=None if data.position or data.code else data.words,
        area=sync_stand.area_of(account),
    )
    logger.info("sync_retried", account=account.username, peer=data.peer, count=done)
    query = dict(_kept(data.back)) | {"peer": data.peer, "done": str(done)}
    return Redirect(f"{HERE}?{urlencode(query)}", status_code=303, headers=pages.PERSONAL)


def _kept(query: str) -> Mapping[str, str]:
    """Return what of a list's address is kept; whatever else a form says is not followed."""
    known = (part.partition("=") for part in query.split("&"))
    return {name: value for name, _, value in known if name in {"state", "level", "kind"} and value.isalnum()}


def _chosen(parameters: Parameters, stands: list[Stand]) -> sync_list.Asked:
    """Return the list that is asked for, the dead letters where the address says nothing of a state."""
    chosen = sync_list.read(parameters, [stand.name for stand in stands])
    if chosen.state is None and not chosen.adjusted and chosen.project_no is None:
        return msgspec.structs.replace(chosen, state=FIRST_STATE)
    return chosen


async def _shown(
    request: Request[Any, Any, Any], account: Account, chosen: sync_list.Asked, stands: list[Stand]
) -> dict[str, Any]:
    """Return what the parts of the page show."""
    context: Context = request.app.state.context
    area = sync_stand.area_of(account)
    stand = next((one for one in stands if one.name == chosen.peer), None)
    hours: list[tuple[datetime, int]] = []
    receipts: list[outbox_rows.Row] = []
    if stand is not None:
        hours = await sync_stand.hours(request, stand.name, area)
        receipts = await outbox_rows.receipts(context.pool, stand.name, area, RECEIPTS)
    return {
        "stands": stands,
        "stand": stand,
        "hours_rows": [(f"{at.astimezone(SHANGHAI):%H}", n) for at, n in hours],
        "hours_taken": sum(n for _, n in hours),
        "hours_most": max((n for _, n in hours), default=0),
        "receipts": receipts,
        "tabs": _tabs(chosen, stand) if stand else [],
        "says": sync_words,
        "silent": SILENT,
    }


def _tabs(chosen: sync_list.Asked, stand: Stand) -> list[Tab]:
    """Return the lists of a peer; those that never have anything are left out."""
    plain = sync_list.Asked(peer=chosen.peer)
    tabs = [
        Tab(
            sync_words.STATES[state],
            n,
            plain.query(state=state),
            chosen.state == state and not chosen.adjusted,
        )
        for state in TABS
        if (n := stand.figures.n(state)) or state in {"dead", "noService", "accepted"} or chosen.state == state
    ]
    tabs.append(Tab("时间调整过", None, plain.query(adjusted="true"), bool(chosen.adjusted)))
    return tabs


routes = [sync_page, sync_parts, retry]
