"""`/desk/sources/import`: a table of findings is checked with every fault, looked at, then taken.

What was checked comes back with the confirmation as text, its photos by their digests, and is checked again: so nothing
waits on the server for somebody who went home, and a file is chosen only once.
"""

import asyncio
import csv
import io
from pathlib import Path
from typing import Any, Final, NamedTuple

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.response import Redirect

from haocha.domain.account import Account
from haocha.inspections import importing, template, tree
from haocha.inspections.columns import FINDINGS, Fault
from haocha.inspections.importing import Plan
from haocha.inspections.photos import Nowhere, Photos, Unreadable, Zip
from haocha.registry import apart
from haocha.registry.files import Table
from haocha.registry.files import Unreadable as NoTable
from haocha.store.aggregates import Contended
from haocha.web import pages, source_faults
from haocha.web.context import Context
from haocha.web.people import check_form, requires_account
from haocha.web.problems import Problem
from haocha.web.sources_page import MAY_INSPECT, PATH
from haocha.web.work import work_page

HERE: Final = f"{PATH}/import"
MOST_ROWS: Final = 2_000
LARGEST_TABLE: Final = 5 * 1024 * 1024
LARGEST_FORM: Final = 100 * 1024 * 1024
LARGEST_UNPACKED: Final = 2 * LARGEST_FORM  # photos are compressed already
SHOWN: Final = 200  # faults and findings that the page lists
SUFFIXES: Final = frozenset({".xlsx", ".csv"})
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NO_FILE: Final = "请选择要导入的表格（.xlsx 或 .csv）。"
NO_TABLE: Final = "这个文件读不出来：请用模板另存为 .xlsx 或 UTF-8、GBK 的 .csv。"
NO_ZIP: Final = "照片压缩包读不出来：请用 .zip 格式，不超过 5,000 个文件，解压后不超过 200 MB。"
TOO_LARGE: Final = "表格超过 5 MB 或 2,000 行，请拆成几个文件，或请管理员在服务器上导入。"
AGAIN: Final = "别人正在导入同样的内容，请再提交一次。"


class Refused(Exception):
    """The upload cannot be looked at; the argument says why."""


class Line(NamedTuple):
    """A fault as the page lists it."""

    row: int
    column: str
    said: str


@get(HERE, guards=[requires_account(*MAY_INSPECT, page=True)], include_in_schema=False)
async def import_form(request: Request[Any, Any, Any]) -> Response[str]:
    """Show what to upload."""
    return await _page(request)


@get(f"{HERE}/template.xlsx", guards=[requires_account(*MAY_INSPECT, page=True)], include_in_schema=False)
async def download_template(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Send the template, with the tree in force on its last sheet."""
    context: Context = request.app.state.context
    body = io.BytesIO()
    template.write(body, await tree.load(context.pool, context.install))
    name = "filename=\"findings.xlsx\"; filename*=UTF-8''%E6%9F%A5%E8%AF%84%E9%97%AE%E9%A2%98.xlsx"
    headers = pages.PERSONAL | {"Content-Disposition": f"attachment; {name}"}
    return Response(body.getvalue(), media_type=XLSX, headers=headers)


@post(
    HERE,
    guards=[requires_account(*MAY_INSPECT, page=True)],
    status_code=200,
    include_in_schema=False,
    request_max_body_size=LARGEST_FORM,
)
async def take(request: Request[Any, Any, Any]) -> Response[Any]:
    """Check an upload and show what it would bring; take what was confirmed."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    data = await request.form()
    check_form(request, str(data.get("csrf", "")))
    confirmed = str(data.get("checked", ""))
    try:
        table, photos = (await _read(confirmed.encode(), ".csv"), Nowhere()) if confirmed else await _uploaded(data)
        desk = importing.Desk(context.pool, context.install, context.settings.keys, context.registry)
        at = context.now()
        plan = await importing.run(desk, table, photos, by=account.actor, at=at, apply=bool(confirmed))
        if confirmed and not plan.faults:
            return Redirect(f"{PATH}?done=import&n={len(plan.new)}", status_code=303, headers=pages.PERSONAL)
        await importing.keep_photos(context.pool, plan, photos, by=account.username, at=at)
    except Refused as refused:
        return await _page(request, error=str(refused), status=422)
    except Contended:
        raise Problem(409, "contended", AGAIN) from None
    return await _page(request, plan=plan, status=422 if plan.faults else 200)


async def _uploaded(data: Any) -> tuple[Table, Photos]:
    """Read the table and the photos that came; raises `Refused`."""
    upload, pictures = data.get("file"), data.get("photos")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise Refused(NO_FILE)
    body, suffix = await upload.read(), Path(upload.filename).suffix.lower()
    if len(body) > LARGEST_TABLE:
        raise Refused(TOO_LARGE)
    if suffix not in SUFFIXES:
        raise Refused(NO_TABLE)
    table = await _read(body, suffix)
    if not isinstance(pictures, UploadFile) or not pictures.filename:
        return table, Nowhere()
    try:
        return table, Zip(io.BytesIO(await pictures.read()), LARGEST_UNPACKED)
    except Unreadable:
        raise Refused(NO_ZIP) from None


async def _read(body: bytes, suffix: str) -> Table:
    """Read a table apart from what serves everybody; raises `Refused`."""
    try:
        table = await asyncio.to_thread(apart.read, body, suffix)
    except NoTable:
        raise Refused(NO_TABLE) from None
    if len(table.lines) > MOST_ROWS:
        raise Refused(TOO_LARGE)
    return table


def _checked(plan: Plan) -> str:
    """Write what a plan brings as text, its photos by their digests."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in FINDINGS])
    for ready in plan.new:
        cells = ready.row.cells | {"photos": ";".join(picture.digest for picture in ready.evidence)}
        writer.writerow([cells.get(column.name, "") for column in FINDINGS])
    return text.getvalue()


async def _page(
    request: Request[Any, Any, Any], *, plan: Plan | None = None, error: str = "", status: int = 200
) -> Response[str]:
    context: Context = request.app.state.context
    faults: list[Fault] = plan.faults if plan else []
    return await work_page(
        request,
        "sources_import.html",
        active=PATH,
        status=status,
        error=error,
        plan=plan,
        checked=_checked(plan) if plan and plan.new else "",
        faults=[Line(fault.row, source_faults.heading(fault), source_faults.said(fault)) for fault in faults[:SHOWN]],
        shown=SHOWN,
        columns=FINDINGS,
        version=(await tree.load(context.pool, context.install)).version,
    )


routes = [import_form, download_template, take]
