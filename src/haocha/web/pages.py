"""What all pages share: the template environment, static files, security headers, and error pages for browsers.

Pages are rendered with jinja2 directly, not through the framework's template support: fragments for server-sent
events and error pages need the same environment where there is no request handler.
"""

from datetime import date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from markupsafe import Markup

from haocha.domain.workdays import SHANGHAI
from haocha.web import charts

FOLDER: Final = Path(__file__).parent
TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
LARGEST_FORM: Final = 64 * 1024  # bytes of a form that anybody may send: reading millions of fields takes seconds
WEEKDAYS: Final = "一二三四五六日"
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
PERSONAL: Final = HEADERS | {"Cache-Control": "no-store"}
ERRORS: Final = {
    400: ("请求无法读懂", "网址或表单里有不能识别的内容。请返回上一页，改正后再试。"),
    403: ("没有查看的权限", "您的账号不能打开这一页。如果工作需要，请联系系统管理员。"),
    404: ("没有这个页面", "网址可能抄错了一个字，或者页面已经移走。"),
    405: ("不能这样访问这个网址", "请从首页重新进入。"),
    429: ("请求太多", "请稍等片刻再试。"),
    500: ("系统出错了", "错误已经记录，不影响已经收到的评价。请稍后再试。"),
    503: ("暂时无法提供服务", "系统正在恢复，已经收到的评价不会丢失。请稍后再试。"),
}
SEAL: Final = Markup(
    '<svg class="seal" viewBox="0 0 32 32" aria-hidden="true" focusable="false">'
    '<rect class="seal-ground" x="1" y="1" width="30" height="30" rx="3"/>'
    '<rect class="seal-rim" x="3.5" y="3.5" width="25" height="25" rx="1.5"/>'
    '<text class="seal-sign" x="16" y="23" text-anchor="middle">评</text></svg>'
)


class Asset(msgspec.Struct, frozen=True):
    """A static file, read once."""

    body: bytes
    media_type: str
    version: str


@cache
def assets() -> dict[str, Asset]:
    """Read all static files; a name that is not here does not exist."""
    return {
        path.name: Asset(body := path.read_bytes(), TYPES[path.suffix], sha256(body).hexdigest()[:12])
        for path in sorted((FOLDER / "static").iterdir())
        if path.suffix in TYPES
    }


@cache
def environment() -> Environment:
    """Make the template environment: escaping on, an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "bar": charts.bar,
        "date_line": date_line,
        "hours": hours,
        "level_strip": charts.level_strip,
        "number": number,
        "percent": charts.percent,
        "seal": lambda: SEAL,
        "static": lambda name: f"/static/{name}?v={assets()[name].version}",
        "clock": clock,
        "trend": charts.trend,
        "wall": False,
        "whisker": charts.whisker,
    }
    return made


def number(value: int | None) -> str:
    """Print a count with thousands separated, a dash where there is none."""
    return "—" if value is None else f"{value:,}"


def clock(moment: datetime, today: date | None = None) -> str:
    """Print a moment in Shanghai; the time alone where it is today's."""
    local = moment.astimezone(SHANGHAI)
    return f"{local:%H:%M}" if local.date() == today else f"{local.month}月{local.day}日 {local:%H:%M}"


def hours(moment: datetime) -> str:
    """Print the time of day in Shanghai."""
    return f"{moment.astimezone(SHANGHAI):%H:%M:%S}"


def date_line(moment: datetime) -> str:
    """Print the date and the day of the week in Shanghai."""
    local = moment.astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日 星期{WEEKDAYS[local.weekday()]}"


def render(template: str, /, **members: Any) -> str:
    """Render a template or a fragment."""
    return environment().get_template(template).render(**members)


def page(template: str, /, *, status: int = 200, personal: bool = True, **members: Any) -> Response[str]:
    """Answer with a whole page; a `personal` one is kept by no cache, the others are asked for anew each time."""
    return Response(
        render(template, **members),
        status_code=status,
        media_type="text/html; charset=utf-8",
        headers=PERSONAL if personal else HEADERS | {"Cache-Control": "no-cache"},
    )


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Tell a browser's request for a page from a machine's for JSON."""
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def error_page(status: int, *, detail: str = "", headers: dict[str, str] | None = None) -> Response[str]:
    """Answer a browser's failed request with a page that says what to do; `detail` replaces the usual sentence."""
    title, usual = ERRORS.get(status, ERRORS[400 if status in range(400, 500) else 500])
    response = page("error.html", status=status, title=title, detail=detail or usual, code=status)
    response.headers.update(headers or {})
    return response


def same_site(address: str) -> str:
    """Give `address` if it is a path on this site, else the front page: no log-in sends anybody elsewhere."""
    good = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if good and address.isprintable() else "/"


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def static_file(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Send a static file; addressed with its version it never changes, without it it is asked for anew each time."""
    asset = assets().get(name)
    if asset is None:
        raise NotFoundException
    tag = f'"{asset.version}"'
    known = request.query_params.get("v") == asset.version
    headers = HEADERS | {
        "Cache-Control": "public, max-age=31536000, immutable" if known else "no-cache",
        "ETag": tag,
    }
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, media_type=asset.media_type, headers=headers)
    return Response(asset.body, media_type=f"{asset.media_type}; charset=utf-8", headers=headers)


routes = [static_file]
