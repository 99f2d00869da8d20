"""`/receipts` and `/receipts/{code}`: the citizen looks whether the rating is in, unchanged, and what became of it."""

from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.response import Redirect

from haocha.domain.codes import LEVELS
from haocha.web import citizen, pages, receipts
from haocha.web.auth import address_of
from haocha.web.context import Context

LONGEST: Final = 64
MISTYPED: Final = "这个回执号抄写有误：最后一位校验字符对不上。请对照原件逐位核对，注意 8 和 B、2 和 Z、5 和 S。"
UNKNOWN: Final = "没有这张回执。请核对是否抄错，或者是否在别的地区评价的。"
STATES: Final = {
    "counted": "已计入得分",
    "supplement": "追加评价，与首次评价并列展示，不改动首次评价的得分",
    "contested": "与同一次办件的另一份评价内容不同，两份都已保留，等待核实，暂不计入得分",
    "excluded": "经核实不予采纳，不计入得分，但记录永远保留",
    "complaint": "已登记",
}


@get("/receipts", include_in_schema=False)
async def receipt_form(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show the form to type a code into; a typed code goes on to its page."""
    code = request.query_params.get("code", "").strip()[:LONGEST]
    if code:
        return Redirect(f"/receipts/{quote(code, safe='')}", status_code=303, headers=pages.PERSONAL)
    return pages.page("receipts.html", error="", code="")


@get("/receipts/{code:str}", include_in_schema=False)
async def receipt_page(request: Request[Any, Any, Any], code: FromPath[str]) -> Response[str]:
    """Tell what the receipt stands for, or what is wrong with the code that was typed."""
    context: Context = request.app.state.context
    context.public_limits.check(address_of(request))
    typed = code[:LONGEST]
    try:
        found = await receipts.look_up(context, typed)
    except receipts.Mistyped:
        return pages.page("receipts.html", status=404, error=MISTYPED, code=typed)
    if found is None:
        return pages.page("receipts.html", status=404, error=UNKNOWN, code=typed)
    told = found.progress
    members: dict[str, Any] = {"progress": told}
    if told is not None:
        members |= {
            "steps": [(step.at, citizen.line(step)) for step in told.steps],
            "now_line": citizen.NOW[told.status],
            "until": citizen.until(told, context.now()),
            "outcome": citizen.OUTCOMES.get(told.outcome or "", ""),
            "excluded_for": citizen.EXCLUSIONS.get(told.excluded_for or "", ""),
            "merger": citizen.merger(told),
        }
    return pages.page("receipt.html", receipt=found, levels=LEVELS, state=_state(found), **members)


def _state(found: receipts.Found) -> str:
    """Say where the rating stands, and why where it was not accepted."""
    reason = citizen.EXCLUSIONS.get(found.excluded_for or "")
    return f"{STATES[found.state]}（理由：{reason}）" if reason else STATES[found.state]


routes = [receipt_form, receipt_page]
