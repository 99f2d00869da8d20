"""The frame of the workbench (工作台): one layout for all its pages, and which of them a role may open.

`MAY_OPEN` is the one table of pages and roles: the navigation shows by it what there is to go to, and a page's own
guard takes its roles from it (`requires_account(*work.MAY_OPEN["/desk/ledger"], page=True)`), so that nobody is shown
a way that is then refused.
"""

from typing import Any, Final

import msgspec
from litestar import Request, Response

from haocha.domain.account import ROLES, Account, AccountRole
from haocha.store import notices
from haocha.web import pages, sessions, words
from haocha.web.context import Context
from haocha.web.scopes import scope_of

MAY_OPEN: Final[dict[str, tuple[AccountRole, ...]]] = {
    "/desk": ("handler", "supervisor", "reviewer", "agent", "inspector", "leader", "auditor"),
    "/desk/overview": ("supervisor", "leader", "auditor"),
    "/desk/ledger": ("handler", "supervisor", "reviewer", "inspector", "leader", "auditor"),
    "/desk/circulars": ("handler", "supervisor", "leader", "auditor"),
    "/desk/sources": ("supervisor", "agent", "inspector"),
    "/desk/sync": ("supervisor", "leader", "auditor", "admin"),
    "/desk/disclosures": ("auditor",),
    "/desk/inbox": ROLES,
    "/": ROLES,
    "/admin/accounts": ("admin",),
    "/admin/policies": ("admin",),
    "/admin/calendar": ("admin",),
    "/account": ROLES,
}
NAMES: Final = {
    "/desk": "工作台",
    "/desk/overview": "督办看板",
    "/desk/ledger": "问题台账",
    "/desk/circulars": "通报",
    "/desk/sources": "查评与投诉",
    "/desk/sync": "省平台对接",
    "/desk/disclosures": "查阅记录",
    "/desk/inbox": "消息",
    "/": "大屏",
    "/admin/accounts": "管理",
}
HOMES: Final[dict[AccountRole, str]] = {
    "leader": "/desk/overview",
    "auditor": "/desk/overview",
    "admin": "/admin/accounts",
}
"""Where the roles begin that have nothing to do to tickets."""


class Entry(msgspec.Struct, frozen=True):
    """One way of the navigation; `count` is what waits there."""

    address: str
    name: str
    active: bool
    count: int = 0


def entries(role: AccountRole, active: str, unread: int) -> list[Entry]:
    """Return the ways that a role may go, in their order; `active` is the address of the page itself."""
    return [
        Entry(
            "/desk?queue=open" if address == "/desk" and role in HOMES else address,
            "工单" if address == "/desk" and role in HOMES else name,
            address == active,
            unread if address == "/desk/inbox" else 0,
        )
        for address, name in NAMES.items()
        if role in MAY_OPEN[address]
    ]


async def work_page(
    request: Request[Any, Any, Any], template: str, *, active: str, status: int = 200, **members: Any
) -> Response[str]:
    """Answer with a page of the workbench for the account that asks; `active` is the way it belongs to (`NAMES`).

    Every template gets `account`, `words` (web/words.py), `csrf` for its forms (a hidden field `csrf`), and `now`.
    """
    context: Context = request.app.state.context
    account: Account = request.state.account
    session = request.cookies.get(sessions.SESSION)
    unread = await notices.unread(context.pool, account, scope_of(context, account))
    return pages.page(
        template,
        status=status,
        account=account,
        csrf=sessions.csrf_token(context, session) if session else "",
        entries=entries(account.role, active, unread),
        belongs=(context.registry.name("org", account.unit) or account.unit) if account.unit else "",
        here=active,
        words=words,
        now=context.now(),
        **members,
    )
