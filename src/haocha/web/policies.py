"""`/v1/policies` and `/v1/calendar`: the rules of the loop, every version readable, published by administrators."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter

from haocha import policies
from haocha.domain.account import Account
from haocha.domain.policy import PolicyPublished, Rulebook
from haocha.domain.publishing import PolicyPlan
from haocha.web import publishing
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.people import requires_account
from haocha.web.problems import not_found
from haocha.web.submit import media_type

READERS: Final = requires("tickets:read", people=())
DryRun = Annotated[
    Literal["true", "false"] | None, QueryParameter(name="dryRun", description="true：只看会有什么变化，不发布")
]


@get("/v1/policies", guards=[READERS], tags=["rules"], operation_id="listPolicies")
async def list_policies(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List every version of every policy, the newest first, and the presets (办理规则)."""
    current = await publishing.rules(request.app.state.context)
    return _json(
        {
            "position": current.head,
            "items": [described(position, one, current) for position, one in reversed(current.policies)],
            "presets": [{"name": name, "title": title} for name, title in policies.TITLES.items()],
        }
    )


@get("/v1/policies/{version:str}", guards=[READERS], tags=["rules"], operation_id="getPolicy")
async def get_policy(request: Request[Any, Any, Any], version: FromPath[str]) -> Response[bytes]:
    """Return one version with all its members (一个版本的全部规定)."""
    current = await publishing.rules(request.app.state.context)
    position, published = find(current, version)
    return _json(described(position, published, current) | {"policy": published.policy})


@post("/v1/policies", guards=[requires_account("admin")], tags=["rules"], operation_id="publishPolicy")
async def post_policy(request: Request[Any, Any, Any], dry_run: DryRun = None) -> Response[bytes]:
    """Publish the next version of a policy from JSON or TOML, or withdraw a name (发布办理规则).

    What holds already is answered 200 and changes nothing; so is a dry run.
    """
    context: Context = request.app.state.context
    account: Account = request.state.account
    value = publishing.read(await request.body(), media_type(request.headers.get("content-type")))
    current = await publishing.rules(context)
    planned = publishing.plan(context, account, current, publishing.order(value))
    return await _published(context, planned, dry_run=dry_run == "true")


@get("/v1/calendar", guards=[READERS], tags=["rules"], operation_id="getCalendar")
async def get_calendar(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the calendar that holds: days off, make-up days, and until when they are known (工作日历)."""
    current = await publishing.rules(request.app.state.context)
    position, published = current.calendars[-1]
    return _json({"position": position} | msgspec.to_builtins(published))


@post("/v1/calendar", guards=[requires_account("admin")], tags=["rules"], operation_id="publishCalendar")
async def post_calendar(request: Request[Any, Any, Any], dry_run: DryRun = None) -> Response[bytes]:
    """Publish the calendar with all its days, from JSON or TOML (发布工作日历).

    Deadlines that rested on days nobody knew are reckoned anew.
    """
    context: Context = request.app.state.context
    account: Account = request.state.account
    value = publishing.read(await request.body(), media_type(request.headers.get("content-type")))
    document = publishing.calendar(value)
    planned = publishing.calendar_plan(context, account, await publishing.rules(context), document)
    return await _published(context, planned, dry_run=dry_run == "true")


def find(current: Rulebook, version: str) -> tuple[int, PolicyPublished]:
    """Return a version with its position; raises `404`."""
    for position, published in current.policies:
        if published.version == version:
            return position, published
    raise not_found("这个版本的办理规则")


def described(position: int, published: PolicyPublished, current: Rulebook) -> dict[str, Any]:
    """Return what a list says of a version."""
    return {
        "version": published.version,
        "name": published.name,
        "area": published.area,
        "dept": published.dept,
        "withdrawn": published.withdrawn,
        "inForce": published in current.in_force(current.head),
        "at": published.at,
        "by": published.by,
        "position": position,
    }


async def _published(context: Context, planned: Any, *, dry_run: bool) -> Response[bytes]:
    """Publish what was planned, unless it is only to be shown, and say what changes."""
    if planned is None:
        return _json({"version": None, "position": None, "before": None, "changes": []})
    position = None if dry_run else await publishing.publish(context, planned)
    members = {
        "version": planned.published.version,
        "position": position,
        "before": planned.before.version,
        "changes": _changes(planned),
    }
    return _json(members, status=200 if dry_run else 201)


def _changes(planned: Any) -> list[dict[str, Any]]:
    if isinstance(planned, PolicyPlan):
        return [change._asdict() for change in planned.changes]
    changes = planned.changes
    changed = [{"path": "knownUntil", "before": changes.known_until[0], "after": changes.known_until[1]}]
    for path, (added, removed) in (("holidays", changes.holidays), ("makeUpDays", changes.make_up_days)):
        changed += [{"path": path, "before": None, "after": day} for day in added]
        changed += [{"path": path, "before": day, "after": None} for day in removed]
    return [change for change in changed if change["before"] != change["after"]]


def _json(value: Any, *, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


routes = [list_policies, get_policy, post_policy, get_calendar, post_calendar]
