"""`POST /desk/views`: a person saves the queue he looks at under a name, renames and deletes it, or begins with it."""

from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from haocha.domain.account import Account
from haocha.store import saved_views
from haocha.web import pages, people
from haocha.web.context import Context
from haocha.web.ticket_filters import Filters
from haocha.web.work import MAY_OPEN

DONE: Final = {
    "saved": "视图已保存。",
    "renamed": "视图已改名。",
    "deleted": "视图已删除。",
    "starts": "以后打开工作台，先看到这个视图。",
    "unstarted": "以后打开工作台，先看到第一个有工单的队列。",
}
WRONG: Final = {
    "name": f"视图的名称要有 1 到 {saved_views.LONGEST_NAME} 个字。",
    "taken": "已有同名的视图，请换一个名称。",
    "most": f"最多保存 {saved_views.MOST} 个视图；请先删去不用的。",
    "gone": "没有这个视图，可能已在别处删除或改名。",
}


class Form(msgspec.Struct, frozen=True):
    """What the forms of the views send: `view` is the one that is there, `back` what is looked at."""

    csrf: str = ""
    back: str = ""
    act: Literal["save", "rename", "delete", "start", "unstart"] = "save"
    view: str = ""
    name: str = ""


@post("/desk/views", guards=[people.requires_account(*MAY_OPEN["/desk"], page=True)], include_in_schema=False)
async def change_views(request: Request[Any, Any, Any], data: URLEncodedBody[Form]) -> Response[Any]:
    """Do what one of the forms asks and go back to the queue, which says what was done."""
    people.check_form(request, data.csrf)
    context: Context = request.app.state.context
    account: Account = request.state.account
    said = await _act(context, account, data)
    address = f"/desk?{looked_at(data.back).query(said=said)}"
    return Redirect(address, status_code=303, headers=pages.PERSONAL)


def looked_at(query: str) -> Filters:
    """Read the query string of a list that a form was sent from; what is not a list's is left out."""
    filters, _ = Filters.parse(dict(parse_qsl(query)))
    return filters


async def _act(context: Context, account: Account, form: Form) -> str:
    """Do it; return the word of what was done (`DONE`) or of what was wrong (`WRONG`)."""
    pool, name, who = context.pool, " ".join(form.name.split()), account.username
    if form.act in {"save", "rename"} and not (0 < len(name) <= saved_views.LONGEST_NAME and name.isprintable()):
        return "name"
    match form.act:
        case "save":
            query = looked_at(form.back).query()
            return "saved" if await saved_views.save(pool, who, name, query, context.now()) else "most"
        case "rename":
            try:
                return "renamed" if await saved_views.rename(pool, who, form.view, name) else "gone"
            except saved_views.NameTaken:
                return "taken"
        case "delete":
            return "deleted" if await saved_views.delete(pool, who, form.view) else "gone"
        case "start" | "unstart":
            found = await saved_views.start_with(pool, who, form.view if form.act == "start" else "")
            return {"start": "starts", "unstart": "unstarted"}[form.act] if found else "gone"


routes = [change_views]
