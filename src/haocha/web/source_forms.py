"""`/desk/sources/complaint` and `/desk/sources/finding`: what somebody tells in person, and what an inspector sees."""

import secrets
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.response import Redirect

from haocha.domain.account import Account
from haocha.domain.registry import Registry
from haocha.domain.workdays import SHANGHAI
from haocha.inspections import importing, tree
from haocha.inspections.columns import FINDINGS
from haocha.inspections.photos import MOST, Nowhere
from haocha.registry.files import Line, Table
from haocha.store import evidence as store
from haocha.store.aggregates import Contended
from haocha.web import evidence, pages, source_faults, submit
from haocha.web.complaint_intake import COMPLAINT
from haocha.web.complaints import entering
from haocha.web.context import Context
from haocha.web.people import check_form, requires_account
from haocha.web.problems import Problem
from haocha.web.sources_page import MAY_INSPECT, PATH
from haocha.web.work import MAY_OPEN, work_page

SUGGESTED: Final = 500  # halls and departments that a form proposes
LARGEST_FORM: Final = MOST * evidence.LARGEST_BODY
COMPLAINT_FIELDS: Final = (
    *("kind", "text", "hallCode", "windowNo", "deptCode", "staffNo", "taskName", "projectNo"),
    *("satisfaction", "occurredTime", "userName", "mobile", "isAnonymity"),
)
FINDING_FIELDS: Final = tuple(column.name for column in FINDINGS if column.name not in {"findingNo", "photos"})


@get(f"{PATH}/complaint", guards=[requires_account(*MAY_OPEN[PATH], page=True)], include_in_schema=False)
async def complaint_form(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the form of a complaint."""
    return await _complaint(request, {"sourceId": secrets.token_hex(8)})


@post(
    f"{PATH}/complaint",
    guards=[requires_account(*MAY_OPEN[PATH], page=True)],
    status_code=200,
    include_in_schema=False,
)
async def enter_complaint(request: Request[Any, Any, Any]) -> Response[Any]:
    """Take a complaint as `POST /v1/complaints` does; the same form sent twice is one."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    data = await request.form()
    check_form(request, str(data.get("csrf", "")))
    typed = {name: _typed(data, name) for name in (*COMPLAINT_FIELDS, "sourceId")}
    sent: dict[str, Any] = {name: value for name, value in typed.items() if value}
    if typed["satisfaction"].isdecimal():
        sent["satisfaction"] = int(typed["satisfaction"])
    if "T" in typed["occurredTime"]:  # what a browser's field for a time sends
        sent["occurredTime"] = f"{typed['occurredTime'].replace('T', ' ')[:16]}:00"
    try:
        outcome = await submit.one(context, entering(account), COMPLAINT, msgspec.json.encode(sent), None)
    except Problem as problem:
        errors = {fault.pointer.removeprefix("/"): fault.message for fault in problem.faults}
        return await _complaint(request, typed, errors=errors, refused=problem.detail, status=problem.status)
    address = f"{PATH}?done=complaint&receipt={outcome.members['receipt']}"
    return Redirect(address, status_code=303, headers=pages.PERSONAL)


async def _complaint(
    request: Request[Any, Any, Any],
    typed: dict[str, str],
    *,
    errors: dict[str, str] | None = None,
    refused: str = "",
    status: int = 200,
) -> Response[str]:
    context: Context = request.app.state.context
    return await work_page(
        request,
        "sources_complaint.html",
        active=PATH,
        status=status,
        typed=dict.fromkeys(COMPLAINT_FIELDS, "") | typed,
        errors=dict.fromkeys(("", *COMPLAINT_FIELDS), "") | (errors or {}),
        refused=refused,
        halls=_known(context.registry, "hall"),
        departments=_known(context.registry, "org"),
    )


@get(f"{PATH}/finding", guards=[requires_account(*MAY_INSPECT, page=True)], include_in_schema=False)
async def finding_form(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the form of a finding, with a number of its own and today's date."""
    context: Context = request.app.state.context
    today = context.now().astimezone(SHANGHAI).date()
    return await _finding(request, {"findingNo": f"{today:%Y%m%d}-{secrets.token_hex(4)}", "foundDate": str(today)})


@post(
    f"{PATH}/finding",
    guards=[requires_account(*MAY_INSPECT, page=True)],
    status_code=200,
    include_in_schema=False,
    request_max_body_size=LARGEST_FORM,
)
async def enter_finding(request: Request[Any, Any, Any]) -> Response[Any]:
    """Take a finding with its photos, as a table of one row; photos that are good are kept whatever becomes of it."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    data = await request.form()
    check_form(request, str(data.get("csrf", "")))
    typed = {name: _typed(data, name) for name in (*FINDING_FIELDS, "findingNo")}
    photos, errors = await _photos(context, account, data)
    cells = {name: value for name, value in typed.items() if value}
    if photos:
        cells["photos"] = ";".join(photos)
    table = Table(tuple(column.name for column in FINDINGS), [Line(2, cells)])
    desk = importing.Desk(context.pool, context.install, context.settings.keys, context.registry)
    try:
        apply, at = not errors, context.now()
        plan = await importing.run(desk, table, Nowhere(), by=account.actor, at=at, apply=apply)
    except Contended:
        return await _finding(request, typed, photos=photos, errors={"": "请再提交一次。"}, status=409)
    errors = {fault.column: source_faults.said(fault) for fault in reversed(plan.faults)} | errors
    if errors:
        return await _finding(request, typed, photos=photos, errors=errors, status=422)
    return Redirect(f"{PATH}?done=finding", status_code=303, headers=pages.PERSONAL)


async def _photos(context: Context, account: Account, data: Any) -> tuple[list[str], dict[str, str]]:
    """Keep the files that came, and return the digests of all that belong to the form, with what is wrong with one."""
    digests = [digest for digest in map(str, data.getall("digest", [])) if await store.described(context.pool, digest)]
    errors: dict[str, str] = {}
    for upload in data.getall("photo", []):
        if isinstance(upload, UploadFile) and upload.filename:
            try:
                digests.append((await evidence.keep(context, account, await upload.read())).digest)
            except Problem as problem:
                errors["photos"] = f"{upload.filename}：{problem.detail}"
    return list(dict.fromkeys(digests)), errors


async def _finding(
    request: Request[Any, Any, Any],
    typed: dict[str, str],
    *,
    photos: list[str] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response[str]:
    context: Context = request.app.state.context
    standards = await tree.load(context.pool, context.install)
    return await work_page(
        request,
        "sources_finding.html",
        active=PATH,
        status=status,
        typed=dict.fromkeys(FINDING_FIELDS, "") | typed,
        photos=photos or [],
        errors=dict.fromkeys(("", "findingNo", "photos", *FINDING_FIELDS), "") | (errors or {}),
        refused=bool(errors),
        standards=[(code, " › ".join(standards.path(code))) for code in standards.nodes],
        version=standards.version,
        most=MOST,
        halls=_known(context.registry, "hall"),
        departments=_known(context.registry, "org"),
    )


def _typed(data: Any, name: str) -> str:
    return str(data.get(name, "")).replace("\r\n", "\n").strip()


def _known(registry: Registry, kind: str) -> list[tuple[str, str]]:
    """Return the first codes of a kind with their names, to choose from."""
    if registry.count(kind) > SUGGESTED:
        return []
    return [(key, registry.name(kind, key) or key) for key in registry.keys(kind)]


routes = [complaint_form, enter_complaint, finding_form, enter_finding]
