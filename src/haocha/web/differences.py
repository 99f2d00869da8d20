"""`/desk/sync/differences` 对账差异: the records on which a platform and we differ, by day, and sending again.

The page `/desk/sync` shows the days themselves (`part`, templates/parts/differences.html).
"""

from datetime import date, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from haocha.domain import codes
from haocha.domain.account import Account
from haocha.domain.workdays import SHANGHAI
from haocha.store import differences
from haocha.store.differences import FOUND, STATES, UNSETTLED, Wanted
from haocha.web import differences_words, pages, people, sync_stand, sync_words
from haocha.web.context import Context
from haocha.web.parameters import Parameters, cursor
from haocha.web.problems import Problem
from haocha.web.work import MAY_OPEN, work_page

SYNC: Final = "/desk/sync"
HERE: Final = "/desk/sync/differences"
OWN: Final = ("peer", "day", "found", "state", "cursor", "done")
ROWS: Final = 50
SHOWN: Final = timedelta(days=14)

guard = people.requires_account(*MAY_OPEN[SYNC], page=True)
logger = structlog.get_logger(__name__)


class After(msgspec.Struct, frozen=True):
    """Where a page ended."""

    id: int


class Resent(msgspec.Struct, frozen=True):
    """What the form sends: one difference by its id, or without it all that a peer lacks of a day."""

    csrf: str = ""
    peer: str = ""
    day: str = ""
    id: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    back: str = ""


class Asked(msgspec.Struct, frozen=True):
    """Which differences are asked for."""

    peer: str
    day: date
    found: differences.Found | None = None
    state: differences.State | None = None

    def query(self, **changes: str | int | None) -> str:
        """Give the query string that reads as this, with changes; None takes a member away."""
        given = {"peer": self.peer, "day": self.day, "found": self.found, "state": self.state} | changes
        return urlencode({name: value for name, value in given.items() if value is not None})


async def part(request: Request[Any, Any, Any], peer: str) -> dict[str, Any]:
    """Return what templates/parts/differences.html shows: the last days of a peer as they were reconciled."""
    context: Context = request.app.state.context
    today = context.now().astimezone(SHANGHAI).date()
    wanted = Wanted(peer, today - SHOWN, today, sync_stand.area_of(request.state.account))
    days = await differences.days(context.pool, wanted, SHOWN.days)
    return {"reconciled": days, "differs": differences_words, "channels": codes.CHANNELS}


@get(HERE, guards=[guard], include_in_schema=False)
async def differences_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the differences of a day."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    parameters = Parameters(request, OWN)
    asked = _asked(parameters)
    after: After | None = parameters.cursor(After)
    done = parameters.position("done")
    parameters.check()
    area = sync_stand.area_of(account)
    states = UNSETTLED if asked.state is None else (asked.state,)
    found = await differences.of_day(
        context.pool,
        asked.peer,
        asked.day,
        found=asked.found,
        states=states,
        area=area,
        after=after.id if after else 0,
        limit=ROWS + 1,
    )
    days = await differences.days(context.pool, Wanted(asked.peer, asked.day, asked.day, area), 1)
    following = asked.query(cursor=cursor(After(found[ROWS - 1].id))) if len(found) > ROWS else ""
    return await work_page(
        request,
        "differences.html",
        active=SYNC,
        asked=asked,
        day=days[0] if days else None,
        rows=found[:ROWS],
        first=after is None,
        following=following,
        resends=account.role in sync_stand.MAY_RESEND,
        done=None if done is None else f"已有 {done:,} 条重新排队报送，下次对账时核实。",
        differs=differences_words,
        says=sync_words,
        channels=codes.CHANNELS,
    )


@post(HERE, guards=[people.requires_account(*sync_stand.MAY_RESEND, page=True)], include_in_schema=False)
async def resend(request: Request[Any, Any, Any], data: URLEncodedBody[Resent]) -> Response[Any]:
    """Report one record again, or all that a platform lacks of a day, as far as the account sees them."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    people.check_form(request, data.csrf)
    day = _day(data.day)
    if not data.peer or day is None:
        raise Problem(400, "nothing_chosen", "还没有选择要重新报送的记录。请返回上一页再选。")
    done = await differences.resend(
        context.pool,
        ids=[data.id] if data.id else None,
        of=(data.peer, day),
        by=account.username,
        now=context.now(),
        area=sync_stand.area_of(account),
    )
    logger.info("differences_resent", account=account.username, peer=data.peer, count=done)
    query = _kept(data.back) | {"peer": data.peer, "day": data.day, "done": str(done)}
    return Redirect(f"{HERE}?{urlencode(query)}", status_code=303, headers=pages.PERSONAL)


def _kept(query: str) -> dict[str, str]:
    """Return what of a list's address is kept; whatever else a form says is not followed."""
    known = (said.partition("=") for said in query.split("&"))
    return {name: value for name, _, value in known if name in {"found", "state"} and value.isalnum()}


def _asked(parameters: Parameters) -> Asked:
    """Read which differences are asked for; a day and a peer are needed."""
    peer, day = parameters.text("peer"), parameters.day("day")
    if not peer:
        parameters.wrong("peer", "应为平台名称")
    if day is None and parameters.raw("day") is None:
        parameters.wrong("day", "应为 yyyy-MM-dd 形式的日期")
    return Asked(
        peer=peer or "",
        day=day or date.min,
        found=parameters.choice("found", FOUND),  # type: ignore[arg-type]
        state=parameters.choice("state", STATES),  # type: ignore[arg-type]
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


routes = [differences_page, resend]
