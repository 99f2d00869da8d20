"""Citizens' names in free texts: what the vault knows of those whom a ticket is about is covered wherever it is shown.

Names are read once for all lines of a page, and stay in the texts that they are taken out of: no log, no address.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from haocha.domain.ticket_events import Joined, Opened
from haocha.store import sql
from haocha.store.log import Recorded
from haocha.web.context import Context

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
SHORTEST: Final = 2
MASK: Final = "＊＊＊"
GAP: Final = r"[\s·•]*"
"""What may stand between the characters of a name, as in 张 三."""


async def of_subjects(context: Context, subjects: Iterable[UUID | None]) -> dict[UUID, set[str]]:
    """Return the names of those who are still known."""
    asked = [subject for subject in subjects if subject is not None]
    rows = await context.pool.fetch(SQL["of_subjects"], asked) if asked else []
    return {row["subject"]: {_name(context, row)} for row in rows}


async def of_tickets(context: Context, tickets: Sequence[UUID]) -> dict[UUID, set[str]]:
    """Return the names of those whom tickets are about, by ticket."""
    found: dict[UUID, set[str]] = {}
    for row in await context.pool.fetch(SQL["of_tickets"], tickets) if tickets else []:
        found.setdefault(row["ticket"], set()).add(_name(context, row))
    return found


async def of_stream(context: Context, stream: Sequence[Recorded]) -> set[str]:
    """Return the names of those whom a ticket is about, in whatever part of its stream they came."""
    snapshots = (one.event.snapshot for one in stream if isinstance(one.event, Opened | Joined))
    known = await of_subjects(context, {snapshot.subject for snapshot in snapshots})
    return set().union(*known.values())


def without(text: str, names: Iterable[str]) -> str:
    """Cover every occurrence of the names in a text, in whatever width and case, the longest first."""
    plain = {re.sub(GAP, "", unicodedata.normalize("NFKC", name)) for name in names}
    forms = [
        GAP.join(_either(character) for character in name)
        for name in sorted(plain, key=len, reverse=True)
        if len(name) >= SHORTEST
    ]
    return re.sub("|".join(forms), MASK, text, flags=re.IGNORECASE) if forms else text


def all_without(texts: Mapping[UUID, str], names: Iterable[str]) -> dict[UUID, str]:
    """Cover the names in each of the texts."""
    known = list(names)
    return {number: without(text, known) for number, text in texts.items()}


def _either(character: str) -> str:
    """Match a character in half or full width."""
    wide = chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character
    return f"[{re.escape(character)}{wide}]" if wide != character else re.escape(character)


def _name(context: Context, row: Any) -> str:
    return context.vault.open(row["subject"], row["sealed"], row["key_no"]).get("userName", "")
