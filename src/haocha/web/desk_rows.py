"""A line of a queue: a ticket's row with what this queue is about in the column of times, and its marks."""

from datetime import datetime
from typing import Final

import msgspec

from haocha.domain.workdays import Calendar
from haocha.web import words
from haocha.web.lights import Light, light
from haocha.web.ticket_rows import Row

TIMES: Final = {"contact": "联系时限", "look_back": "回头看日期", "closed": "办结"}
"""What the column of times is called in queues that are not about the status's deadline."""
APPEALS: Final = {"lodged": "申诉中", "upheld": "申诉成立", "dismissed": "申诉不成立"}
BAD_RULINGS: Final = {"unsatisfied", "upheld"}
EXTENSIONS: Final = {"requested": "申请延期", "granted": "已延期", "refused": "延期未批"}


class Mark(msgspec.Struct, frozen=True):
    """One mark of a ticket; `kind` is '', warn or bad."""

    text: str
    kind: str = ""


class Line(msgspec.Struct, frozen=True):
    """What a queue shows of a ticket; `light` is None where a date alone is shown."""

    row: Row
    at: datetime | None
    light: Light | None
    marks: list[Mark]


def line(row: Row, queue: str, now: datetime, calendar: Calendar) -> Line:
    """Return a ticket's line in a queue."""
    if row.status == "closed":
        at, shown = (row.look_back if queue == "look_back" else row.closed), None
    elif queue == "contact":
        at, shown = row.contact_due, light(row.contact_due, now, calendar)
    else:
        at, shown = row.due, row.light
    return Line(row, at, shown, marks(row))


def marks(row: Row) -> list[Mark]:
    """Return what is worth seeing of a ticket at a glance, the gravest first."""
    escalated = Mark(words.LADDER.get(row.escalated, ""), "warn" if row.escalated in {"remind", "yellow"} else "bad")
    asked = Mark(EXTENSIONS.get(row.extension, ""), "warn" if row.extension == "requested" else "")
    ruled = Mark(f"上级认定{words.RULINGS.get(row.above, '')}", "warn" if row.above in BAD_RULINGS else "")
    told = (
        (row.escalated, escalated),
        (row.above, ruled),
        (row.province, Mark("省级")),
        (row.below, Mark(f"{row.below} 办理")),
        (row.spent, Mark("轮次用完", "bad")),
        (row.rounds, Mark(f"重开 {row.rounds}", "warn")),
        (row.appeal, Mark(APPEALS.get(row.appeal, ""))),
        (row.extension, asked),
        (row.reminded, Mark(f"催办 {row.reminded}")),
        (row.contested, Mark("争议")),
        (row.supplemented, Mark("追评")),
        (row.named, Mark("实名")),
        (row.contacts, Mark(f"联系 {row.contacts} 次{'' if row.reached else '未通'}")),
        (row.related, Mark(f"关联 {row.related}")),
    )
    return [mark for holds, mark in told if holds]
