"""What instances below us do with tickets (工单进展): each step is reported to our ticket of the same case, once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from haocha.domain import ids
from haocha.domain.errors import Refusal
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_levels import Report
from haocha.store import aggregates, log, sql
from haocha.store.members import KEY_KIND, Member
from haocha.store.texts import Writings
from haocha.sync import ticket_items
from haocha.sync.lines import Receipt
from haocha.sync.ticket_items import Step as Told
from haocha.web import wire, words
from haocha.web.context import Context
from haocha.web.problems import Fault
from haocha.web.submit import POISONED
from haocha.web.sync_items import LONGEST_KEY, Step, form_faults, number_here, refusal

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
OPENING: Final = "handler:open_ticket"
PATIENCE: Final = timedelta(hours=1)
LONGEST_TEXT: Final = 2_000
LONGEST_LINK: Final = 500
MOST_FILES: Final = 50
NUL: Final = rb"\u0000"
RATED: Final = frozenset({"rating", "supplement", "contested"})

RATING_MISSING: Final = Receipt("retry", code="rating_missing", message="这里还没有这件工单所依据的评价：请先上报它。")
TICKET_MISSING: Final = Receipt("retry", code="ticket_missing", message="这里的工单还没有建立，请稍后再上报。")
NO_TICKET: Final = Receipt("invalid", code="no_ticket", message="这里没有与之对应的工单。")
CONTENDED: Final = Receipt("retry", code="changed", message="这件工单刚刚有了变化，请再次上报。")


async def apply(context: Context, member: Member, step: Step) -> Receipt:
    """Report one step to its ticket; return the receipt."""
    try:
        told, _ = _read(step, member, lambda _: None)
    except msgspec.ValidationError:
        return refusal(list(form_faults(step.line.step, Told, "step")))
    faults = list(_faults(told, step.texts))
    if faults:
        return refusal(faults)
    number = number_here(member, told.project_no, no_case=told.no_case) if told.project_no else ""
    for ticket_id in await ticket_items.candidates(context.pool, context.install.namespace, told, number):
        if await _is_theirs(context, member, ticket_id):
            return await _report(context, member, step, ticket_id)
    return await _awaited(context, told, number)


def _read(step: Step, member: Member, refer: Any) -> tuple[Told, Report]:
    return ticket_items.read(step.line.step, step.line.version, member.name, refer)


def _faults(told: Told, texts: dict[str, str]) -> Iterator[Fault]:
    """Find what a page could not show."""
    for name in ("number", "unit", "unit_name", "ground", "project_no"):
        if len(getattr(told, name)) > LONGEST_KEY:
            yield Fault(f"/step/{name}", "too_long", f"{name} 过长。")
    if told.at.tzinfo is None or not wire.EARLIEST < told.at.year < wire.LATEST:
        yield Fault("/step/at", "form", "at 不符合要求。")
    if NUL in msgspec.json.encode([told, texts]):
        yield POISONED
    if not 0 <= told.satisfaction <= 5:  # noqa: PLR2004 (levels)
        yield Fault("/step/satisfaction", "range", "satisfaction 不符合要求。")
    for index, file in enumerate(told.evidence):
        longest = max(map(len, (file.url, file.digest, file.media_type)))
        if index >= MOST_FILES or not _is_link(file.url) or longest > LONGEST_LINK:
            yield Fault(f"/step/evidence/{index}", "form", "凭证链接不符合要求。")
    if any(name not in ticket_items.TEXTS or len(text) > LONGEST_TEXT for name, text in texts.items()):
        yield Fault("/sealed", "form", "密封的文字不符合要求。")


def _is_link(url: str) -> bool:
    try:
        return not url or urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


async def _is_theirs(context: Context, member: Member, ticket_id: UUID) -> bool:
    """Tell whether a ticket is about a rating that the member reported, or about no member's and lies in its area."""
    try:
        ticket = await aggregates.get(context.pool, Ticket, ticket_id)
    except aggregates.Unknown:
        return False
    parts = [UUID(source_id) for source, source_id in ticket.parts if source in RATED]
    rated = [stream[0].event for stream in (await log.read_streams(context.pool, parts)).values()]
    if reporters := {fact.client for fact in rated if fact.key_kind == KEY_KIND}:
        return member.name in reporters
    return bool(ticket.snapshot.area and member.has(ticket.snapshot.area))


async def _report(context: Context, member: Member, step: Step, ticket_id: UUID) -> Receipt:
    rulebook, now = await context.rules.current(), context.now()
    cause = f"{member.name}|{step.line.stream}|{step.line.version}"
    known = False

    def decide(ticket: Ticket) -> list[log.Text]:
        nonlocal known
        writings, version = Writings(context.vault, ticket.id, ticket.snapshot.subject), ticket.version + 1

        def refer(name: str) -> TextReference | None:
            return writings.refer(version, name, step.texts[name]) if step.texts.get(name) else None

        _, report = _read(step, member, refer)
        terms = rulebook.of(ticket.policy_version, ticket.calendar_version)
        known = not ticket.report(report, terms=terms, at=max(now, ticket.modified_on), cause=cause)
        return [] if known else writings.texts

    try:
        _, position = await aggregates.execute(context.batcher, context.pool, Ticket, ticket_id, decide)
    except Refusal as refused:
        return Receipt("invalid", code=refused.code, message=words.REFUSALS.get(refused.code, "现在不能这样做。"))
    except aggregates.Contended:
        return CONTENDED
    return Receipt("known" if known else "accepted", position)


async def _awaited(context: Context, told: Told, number: str) -> Receipt:
    """Say whether a ticket is still to come."""
    if not number:
        return NO_TICKET
    namespace = context.install.namespace
    case = [ids.rating_id(namespace, number, told.service_number, turn) for turn in (1, 2)]
    row = await context.pool.fetchrow(SQL["awaited"], case, OPENING, context.now() - PATIENCE)
    if not row["rated"]:
        return RATING_MISSING
    return NO_TICKET if row["passed"] else TICKET_MISSING
