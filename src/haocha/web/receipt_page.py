"""`/receipts` and `/receipts/{code}`: the citizen looks whether the rating is in, unchanged, and what became of it."""

from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.response import Redirect

from haocha.domain.codes import LEVELS
from haocha.web import pages, receipts
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
}
TICKETS: Final = {
    "awaiting_dispatch": "已开立工单，正在确定由哪个单位办理。",
    "awaiting_acceptance": "已开立工单，等待承办单位签收。",
    "reviewing": "承办单位已签收，正在核实。",
    "appealing": "承办单位提出了申诉，由其他单位复核。",
    "fixing": "情况已核实，正在整改。",
    "approving": "整改已完成，等待审核。",
    "verifying": "整改已审核，将有人回访，听您的意见。",
    "closed": "工单已办结。",
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
    ticket = TICKETS.get(found.ticket, "已开立工单。") if found.ticket else ""
    return pages.page("receipt.html", receipt=found, levels=LEVELS, state=STATES[found.state], ticket=ticket)


routes = [receipt_form, receipt_page]
