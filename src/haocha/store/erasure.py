"""Erasing a person (依法删除): identities and texts go, the events stay, and what was erased is itself an event.

A person is found by the vault's blind index. The index knows one number per identity, the certificate, else the phone;
a search by phone therefore opens every identity, and so does a thorough one by certificate.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain.identity import IdentityErased, identity_id
from haocha.store import events, log, sql
from haocha.store.aggregates import ATTEMPTS, Contended
from haocha.store.vault import PERSON_MEMBERS, Vault

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
SLICE: Final = 200  # subjects in one transaction
PAGE: Final = 5_000
NOBODY: Final = UUID(int=0)

Advance = Callable[[int, int], None]  # done so far, all there is


class KeyMissing(Exception):
    """An identity was sealed under a key that this instance does not hold; put it back into keys.json and run again."""


class _Raced(Exception):
    """Somebody was shown one of the identities meanwhile: everything of this slice anew."""


class Found(NamedTuple):
    """What there is of a person."""

    subjects: tuple[UUID, ...]
    texts: int


class Erased(NamedTuple):
    """What is gone."""

    identities: int
    texts: int


async def find(
    pool: asyncpg.Pool,
    vault: Vault,
    *,
    certificate: str = "",
    mobile: str = "",
    thorough: bool = False,
    advance: Advance = lambda _done, _all: None,
) -> Found:
    """Find all identities of a person, and count the texts that belong to them; raises `KeyMissing`."""
    persons = {
        index
        for member, value in (("certKey", certificate), ("mobile", mobile))
        if (index := vault.person({member: value}))
    }
    subjects = {row["subject"] for row in await pool.fetch(SQL["by_person"], list(persons))}
    if mobile or thorough:
        subjects |= await _opened(pool, vault, persons, advance)
    ordered = tuple(sorted(subjects))
    return Found(ordered, await pool.fetchval(SQL["texts"], ordered))


async def _opened(pool: asyncpg.Pool, vault: Vault, persons: set[bytes], advance: Advance) -> set[UUID]:
    """Open every identity and return those in which any number is one of the person's."""
    found: set[UUID] = set()
    after, done, all_of_them = NOBODY, 0, await pool.fetchval(SQL["rows"])
    while rows := await pool.fetch(SQL["page"], after, PAGE):
        for subject, sealed, number in rows:
            try:
                identity = vault.open(subject, sealed, number)
            except KeyError:
                raise KeyMissing(f"Identities are sealed under vault key {number}, which is missing.") from None
            numbers = {vault.person({member: identity[member]}) for member in PERSON_MEMBERS if identity.get(member)}
            if not persons.isdisjoint(numbers):
                found.add(subject)
        after, done = rows[-1]["subject"], done + len(rows)
        advance(done, max(done, all_of_them))
    return found


async def erase(
    pool: asyncpg.Pool,
    subjects: Sequence[UUID],
    *,
    by: str,
    at: datetime,
    advance: Advance = lambda _done, _all: None,
) -> Erased:
    """Erase identities and texts of `subjects`, a slice in a transaction with its events; twice is once.

    Raises `Contended` where somebody kept looking at the same identities meanwhile.
    """
    identities = texts = done = 0
    for start in range(0, len(subjects), SLICE):
        part = subjects[start : start + SLICE]
        erased = await _erase(pool, part, by=by, at=at)
        identities, texts, done = identities + erased.identities, texts + erased.texts, done + len(part)
        advance(done, len(subjects))
    return Erased(identities, texts)


async def _erase(pool: asyncpg.Pool, subjects: Sequence[UUID], *, by: str, at: datetime) -> Erased:
    for _ in range(ATTEMPTS):
        async with pool.acquire() as connection:
            try:
                async with connection.transaction():
                    gone = await _delete(connection, subjects)
                    await _tell(connection, gone, by=by, at=at)
            except _Raced:
                continue
        return Erased(sum(one.identities for one in gone.values()), sum(one.texts for one in gone.values()))
    raise Contended


async def _delete(connection: asyncpg.Connection, subjects: Sequence[UUID]) -> dict[UUID, Erased]:
    """Delete the rows and return, of each subject that had any, how many."""
    sealed = {row["subject"] for row in await connection.fetch(SQL["erase_identities"], subjects)}
    written = {row["subject"]: row["texts"] for row in await connection.fetch(SQL["erase_texts"], subjects)}
    return {one: Erased(int(one in sealed), written.get(one, 0)) for one in subjects if one in sealed or one in written}


async def _tell(connection: asyncpg.Connection, gone: dict[UUID, Erased], *, by: str, at: datetime) -> None:
    """Append that they are gone."""
    if not gone:
        return
    rows = await connection.fetch(SQL["versions"], [identity_id(subject) for subject in gone])
    versions = {row["originator_id"]: row["version"] for row in rows}
    groups = []
    for subject, erased in gone.items():
        stream = identity_id(subject)
        event = IdentityErased(subject=subject, identities=erased.identities, texts=erased.texts, by=by, at=at)
        groups.append(log.Group((log.NewEvent(stream, versions.get(stream, 0) + 1, *events.encode(event)),)))
    if any(verdict.verdict != "ok" for verdict in await log.append(connection, groups)):
        raise _Raced
