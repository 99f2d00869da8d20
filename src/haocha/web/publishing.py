"""What the API and the pages of rules share: reading what is sent, planning what it leads to, and publishing it."""

from typing import Any, Final, NamedTuple

import msgspec

from haocha import policies
from haocha.domain import calendar_document, policy_document, publishing
from haocha.domain.account import Account
from haocha.domain.documents import Faulty
from haocha.domain.errors import Refusal
from haocha.domain.policy import PolicyPublished, Rulebook
from haocha.domain.publishing import CalendarPlan, PolicyPlan
from haocha.store import rulebook
from haocha.store.log import QueueFull, Unavailable
from haocha.web import rule_words
from haocha.web.context import Context
from haocha.web.problems import Fault, Problem, invalid, unavailable
from haocha.web.scopes import territory_of

LARGEST: Final = 64 * 1024
TOML: Final = frozenset({"application/toml", "text/toml", "text/x-toml"})


class Order(NamedTuple):
    """What was sent: a document to publish, or a name to withdraw."""

    document: policy_document.Document | None
    withdraw: str = ""


async def rules(context: Context) -> Rulebook:
    """Return the rules in force, the first ones published where no worker has begun yet."""
    current = await context.rules.current()
    if current.policies and current.calendars:
        return current
    await rulebook.seed(context.pool, context.install, context.now())
    return await context.rules.current()


def read(body: bytes, media_type: str) -> Any:
    """Decode TOML or JSON; raises `Problem` 400, 413, 415 or 422."""
    if len(body) > LARGEST:
        raise Problem(413, "too_large", "内容超过上限（64 kB）。")
    try:
        if media_type == "application/json":
            return msgspec.json.decode(body)
        if media_type in TOML:
            return policy_document.read(body.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "malformed", "请求正文无法读取：不是合法的 JSON，或者不是 UTF-8。") from None
    except Faulty as faulty:
        raise invalid(rule_words.faults(faulty)) from None
    raise Problem(415, "unsupported_media_type", "请使用 application/json 或 application/toml。")


def order(value: Any) -> Order:
    """Turn what was sent into an order; raises `422` with every fault."""
    if not isinstance(value, dict):
        raise invalid([Fault("", "form", "应为一个对象。")])
    if "withdrawn" in value:
        if value.keys() != {"name", "withdrawn"} or value["withdrawn"] is not True:
            raise invalid([Fault("/withdrawn", "form", "撤销时只写 name 和 withdrawn = true。")])
        return Order(None, str(value["name"]))
    if "preset" in value:
        value = _preset(value)
    try:
        return Order(policy_document.check(value))
    except Faulty as faulty:
        raise invalid(rule_words.faults(faulty)) from None


def _preset(value: dict[str, Any]) -> dict[str, Any]:
    name = value["preset"]
    if not isinstance(name, str) or name not in policies.TITLES:
        raise invalid([Fault("/preset", "form", f"预设有：{'、'.join(policies.TITLES)}。")])
    if "policy" in value:
        raise invalid([Fault("/policy", "unknown", "preset 和 policy 只能写一个。")])
    given = {member: said for member, said in value.items() if member != "preset"}
    return policy_document.read(policies.text(name)) | given


def plan(context: Context, account: Account, current: Rulebook, sent: Order) -> PolicyPlan | None:
    """Plan what was ordered; None where it holds already. Raises `Problem` 403, 404, 409."""
    try:
        if sent.document is None:
            planned = publishing.withdrawal(current, sent.withdraw, by=account.username, at=context.now())
        else:
            planned = publishing.policy(current, sent.document, by=account.username, at=context.now())
    except publishing.NothingNew:
        return None
    except publishing.NotInForce as refusal:
        raise Problem(404, refusal.code, rule_words.REFUSALS[refusal.code]) from None
    except Refusal as refusal:
        raise Problem(409, refusal.code, rule_words.REFUSALS[refusal.code]) from None
    for version in (planned.published, planned.before):
        if version.name == planned.published.name and not may_publish(context, account, version.area, version.dept):
            raise Problem(403, "not_yours", rule_words.REFUSALS["not_yours"])
    return planned


def may_publish(context: Context, account: Account, area: str = "", dept: str = "") -> bool:
    """Tell whether an administrator makes rules for that area or department: only for what he oversees."""
    units, prefix = territory_of(context, account)
    return units is None or (bool(prefix) and area.startswith(prefix)) or dept in units


def instead(current: Rulebook, published: PolicyPublished) -> str:
    """Return the version that would hold in the place of one that is withdrawn."""
    others = current._replace(policies=tuple(one for one in current.policies if one[1].name != published.name))
    return others.policy_at(current.head, published.area, published.dept).version


def calendar(value: Any) -> calendar_document.Document:
    """Check a calendar; raises `422` with every fault."""
    try:
        return calendar_document.check(value)
    except Faulty as faulty:
        raise invalid(rule_words.faults(faulty)) from None


def calendar_plan(
    context: Context, account: Account, current: Rulebook, document: calendar_document.Document
) -> CalendarPlan | None:
    """Plan a version of the calendar, which holds for everybody; None where it says the same. Raises `403`."""
    if not may_publish(context, account):
        raise Problem(403, "not_yours", rule_words.REFUSALS["not_yours"])
    try:
        return publishing.calendar(current, document, by=account.username, at=context.now())
    except publishing.NothingNew:
        return None


async def publish(context: Context, planned: PolicyPlan | CalendarPlan) -> int:
    """Publish and return the position; raises `409` where somebody else did at the same moment."""
    try:
        verdict = await context.batcher.append(rulebook.group(context.install, planned.published, planned.number))
    except (QueueFull, Unavailable):
        raise unavailable() from None
    if verdict.verdict != "ok":
        raise Problem(409, "contended", "刚刚有人发布了新的版本，请刷新后再试。")
    return verdict.position
