"""`GET /v1/ratings`: the ledger of ratings, 追评 and contests, newest first, by what they can be filtered by."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.params import QueryParameter

from haocha.web import newest
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.newest import Below
from haocha.web.parameters import After, Area, Cursor, Dept, From, Hall, Limit, Parameters, Pf, To

KINDS = {1: "rating", 2: "supplement", 3: "contest"}
LEVELS = ("1", "2", "3", "4", "5")
FLAGS = ("reasonMissing", "unknownIndicator", "clock", "noCase")
USUAL, MOST = 50, 1_000
ALLOWED = (
    "linked", "contested", "excluded", "satisfaction", "from", "to", "projectNo", "window", "staff", "hall", "dept",
    "area", "pf", "flag", "limit", "cursor", "after",
)  # fmt: skip

_truth = {"enum": ["true", "false"]}
_key = {"pattern": "^[!-~]{1,50}$"}
Linked = Annotated[str | None, QueryParameter(name="linked", schema_extra=_truth, description="是否已与注册信息关联")]
Contested = Annotated[str | None, QueryParameter(name="contested", schema_extra=_truth, description="是否有争议")]
Excluded = Annotated[str | None, QueryParameter(name="excluded", schema_extra=_truth, description="是否不予采纳")]
Satisfaction = Annotated[
    str | None,
    QueryParameter(
        name="satisfaction",
        schema_extra={"pattern": "^[1-5](,[1-5])?$"},
        description="满意度；可用逗号列出几个，如 1,2",
    ),
]
ProjectNo = Annotated[str | None, QueryParameter(name="projectNo", schema_extra=_key, description="办件编号")]
Window = Annotated[str | None, QueryParameter(name="window", schema_extra=_key, description="大厅代码/窗口号")]
Staff = Annotated[str | None, QueryParameter(name="staff", schema_extra=_key, description="部门代码/工号")]
Flagged = Annotated[str | None, QueryParameter(name="flag", schema_extra={"enum": list(FLAGS)}, description="标记")]


class Fact(msgspec.Struct, frozen=True, rename="camel"):
    """What the list shows of a rating's own words: no texts, no identity."""

    project_no: str
    assess_time: str
    received_at: str
    service_number: int = 1
    assess_number: int = 1
    eval_detail: tuple[str, ...] = ()
    first: str | None = None


@get("/v1/ratings", guards=[requires("ratings:read")], tags=["ratings"], operation_id="listRatings")
async def list_ratings(
    request: Request[Any, Any, Any],
    _linked: Linked = None,
    _contested: Contested = None,
    _excluded: Excluded = None,
    _satisfaction: Satisfaction = None,
    _from: From = None,
    _to: To = None,
    _project_no: ProjectNo = None,
    _window: Window = None,
    _staff: Staff = None,
    _hall: Hall = None,
    _dept: Dept = None,
    _area: Area = None,
    _pf: Pf = None,
    _flag: Flagged = None,
    _limit: Limit = None,
    _cursor: Cursor = None,
    _after: After = None,
) -> Response[bytes]:
    """List ratings, the newest first (评价列表)."""
    context: Context = request.app.state.context
    parameters = Parameters(request, ALLOWED)
    arguments, limit, after = read(parameters)
    parameters.check()
    return await newest.page(context.pool, "ledger", "ratings", arguments, limit=limit, after=after, item=item)


def read(parameters: Parameters) -> tuple[list[object], int, int | None]:
    """Return what the query `ratings` takes but its last, the limit, and the position to wait for."""
    below: Below | None = parameters.cursor(Below)
    since, until = parameters.days()
    arguments: list[object] = [
        below.position if below else None,
        parameters.flag("linked"),
        parameters.flag("contested"),
        levels(parameters),
        since,
        until,
        parameters.text("projectNo"),
        parameters.text("window"),
        parameters.text("staff"),
        parameters.text("hall"),
        parameters.text("dept"),
        parameters.area(),
        parameters.channel(),
        parameters.text("flag"),
        parameters.flag("excluded"),
    ]
    return arguments, parameters.limit(USUAL, MOST), parameters.position("after")


def levels(parameters: Parameters) -> list[int] | None:
    """Return the levels asked for, one or several."""
    value = parameters.raw("satisfaction")
    if value is None:
        return None
    named = value.split(",")
    if any(level not in LEVELS for level in named):
        parameters.wrong("satisfaction", "应为 1 到 5，几个之间用英文逗号")
        return None
    return [int(level) for level in named]


def item(row: Any) -> dict[str, Any]:
    """Return one rating under the national names; a code is as resolved, else as sent."""
    fact = msgspec.json.decode(row["state"], type=Fact)
    hall, _, window = row["window"].rpartition("/")
    dept, _, staff = row["staff"].rpartition("/")
    return {
        "ratingId": row["ratingId"],
        "position": row["position"],
        "kind": KINDS[row["kind"]],
        "projectNo": fact.project_no,
        "serviceNumber": fact.service_number,
        "assessNumber": fact.assess_number,
        "satisfaction": row["satisfaction"],
        "pf": row["pf"],
        "evalDetail": fact.eval_detail,
        "assessTime": fact.assess_time,
        "receivedAt": fact.received_at,
        "day": row["day"],
        "areaCode": row["area"],
        "deptCode": row["dept"] or dept,
        "hallCode": row["hall"] or hall,
        "windowNo": window,
        "staffNo": staff,
        "taskCode": row["matter"],
        "linked": row["linked"],
        "contested": row["contested"],
        "excluded": row["excluded"],
        "flags": row["flags"] or [],
        "first": fact.first,
    }


routes = [list_ratings]
