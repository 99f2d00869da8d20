"""The import of findings: the table against the log, then each finding with its text and photos, once."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain import ids
from haocha.domain.inspection import FindingRecorded, Tree, finding_id
from haocha.domain.registry import Registry
from haocha.domain.ticket_events import Actor, Evidence
from haocha.domain.workdays import SHANGHAI
from haocha.inspections import photos, tree
from haocha.inspections.columns import FINDINGS, Fault, named, repeated
from haocha.inspections.findings import Row, read
from haocha.inspections.photos import Photos
from haocha.registry.files import Table
from haocha.settings import Keys
from haocha.store import events, evidence, log
from haocha.store.aggregates import ATTEMPTS, Contended
from haocha.store.install import Install
from haocha.store.texts import Writings
from haocha.store.vault import Vault

MOST_ROWS: Final = 20_000
GROUPS: Final = 500  # findings in one transaction

Advance = Callable[[int, int], None]  # done so far, all there is


class Desk(NamedTuple):
    """Where findings are taken in: the log, its keys, and the registry that names places."""

    pool: asyncpg.Pool
    install: Install
    keys: Keys
    registry: Registry


class Ready(NamedTuple):
    """A finding that the log does not hold yet."""

    row: Row
    digest: str
    evidence: tuple[Evidence, ...]


class Plan(NamedTuple):
    """What an import does; nothing where there are faults."""

    new: list[Ready]
    unchanged: int
    faults: list[Fault]


class _Pictures:
    """The files that rows name: looked up and examined once each, kept only when the import is written."""

    def __init__(self, source: Photos) -> None:
        self._source = source
        self._known: dict[str, Evidence | str] = {}
        self.by_digest: dict[str, str] = {}  # digest → the name under which the source has it

    async def find(self, pool: asyncpg.Pool, name: str) -> Evidence | str:
        """Return what a file is, or the code of what is wrong with it."""
        if name not in self._known:
            self._known[name] = await self._look(pool, name)
        return self._known[name]

    async def _look(self, pool: asyncpg.Pool, name: str) -> Evidence | str:
        body = self._source.body(name)
        if body is None:
            kept = await evidence.described(pool, name) if photos.DIGEST.fullmatch(name) else None
            return kept or "photo_missing"
        try:
            found = evidence.examine(body)
        except (evidence.EvidenceEmpty, evidence.EvidenceTooLarge, evidence.EvidenceType):
            return "photo_refused"
        self.by_digest[found.digest] = name
        return found

    async def keep(self, pool: asyncpg.Pool, digest: str, *, by: str, at: datetime) -> None:
        """Keep a file that came with this import."""
        name = self.by_digest.get(digest)
        body = self._source.body(name) if name is not None else None
        if body is not None:
            await evidence.keep(pool, body, by=by, at=at)


async def run(
    desk: Desk,
    table: Table,
    pictures: Photos,
    *,
    by: Actor,
    at: datetime,
    apply: bool,
    advance: Advance = lambda _done, _all: None,
) -> Plan:
    """Return what the table brings, and write it where `apply` is true and nothing is wrong.

    `advance` hears how many findings are through, and of how many. Raises `Contended` after several lost races.
    """
    standards = await tree.load(desk.pool, desk.install)
    files = _Pictures(pictures)
    rows, faults = _rows(desk, table, standards, at)
    for _ in range(ATTEMPTS):
        plan = await _plan(desk, rows, files, faults)
        if not apply or plan.faults or not plan.new:
            return plan
        if await _write(desk, plan.new, files, standards, by=by, at=at, advance=advance):
            return plan
    raise Contended


async def keep_photos(pool: asyncpg.Pool, plan: Plan, pictures: Photos, *, by: str, at: datetime) -> None:
    """Keep the photos of a plan that is not written yet, so that it can be confirmed without sending them again."""
    files = _Pictures(pictures)
    for ready in plan.new:
        for name in ready.row.photos:
            found = await files.find(pool, name)
            if isinstance(found, Evidence):
                await files.keep(pool, found.digest, by=by, at=at)


def _rows(desk: Desk, table: Table, standards: Tree, at: datetime) -> tuple[list[Row], list[Fault]]:
    lines, faults = named(table, FINDINGS)
    if faults:
        return [], faults
    if len(lines) > MOST_ROWS:
        return [], [Fault(1, "", "too_many_rows", f"{MOST_ROWS:,}")]
    rows = []
    faults = list(repeated(lines, "findingNo"))
    for line in lines:
        row, found = read(line, standards, desk.registry, at.astimezone(SHANGHAI).date())
        faults += found
        if row is not None:
            rows.append(row)
    return rows, faults


async def _plan(desk: Desk, rows: Sequence[Row], files: _Pictures, known_faults: list[Fault]) -> Plan:
    """Compare with what the log holds."""
    key, namespace = desk.keys.derive("digest"), desk.install.namespace
    new, unchanged, faults = [], 0, list(known_faults)
    for start in range(0, len(rows), GROUPS):
        part = rows[start : start + GROUPS]
        streams = await log.read_streams(desk.pool, [finding_id(namespace, row.cells["findingNo"]) for row in part])
        for row in part:
            looked = [(name, await files.find(desk.pool, name)) for name in row.photos]
            wrong = [Fault(row.number, "photos", found, name) for name, found in looked if isinstance(found, str)]
            pictures = tuple({found.digest: found for _, found in looked if isinstance(found, Evidence)}.values())
            digest = row.digest(key, [picture.digest for picture in pictures])
            held = streams.get(finding_id(namespace, row.cells["findingNo"]))
            if wrong:
                faults += wrong
            elif held is None:
                new.append(Ready(row, digest, pictures))
            elif held[0].event.digest == digest:
                unchanged += 1
            else:
                faults.append(Fault(row.number, "findingNo", "other_content"))
    return Plan([] if faults else new, unchanged, sorted(faults))


async def _write(
    desk: Desk,
    new: Sequence[Ready],
    files: _Pictures,
    standards: Tree,
    *,
    by: Actor,
    at: datetime,
    advance: Advance,
) -> bool:
    """Keep the photos, append the findings; false where somebody else was importing one of them."""
    vault, done, all_in = Vault(desk.keys), 0, True
    for start in range(0, len(new), GROUPS):
        part = new[start : start + GROUPS]
        for ready in part:
            for picture in ready.evidence:
                await files.keep(desk.pool, picture.digest, by=by.account, at=at)
        groups = [_group(desk, vault, ready, version=standards.version, by=by, at=at) for ready in part]
        verdicts = await log.append(desk.pool, groups)
        all_in = all_in and all(verdict.verdict == "ok" for verdict in verdicts)
        done += len(part)
        advance(done, len(new))
    return all_in


def _group(desk: Desk, vault: Vault, ready: Ready, *, version: str, by: Actor, at: datetime) -> log.Group:
    stream: UUID = finding_id(desk.install.namespace, ready.row.cells["findingNo"])
    resolved, cells = ready.row.resolved, ready.row.cells
    writings = Writings(vault, stream)
    name = cells.get("taskName", "")
    fact = FindingRecorded(
        finding_no=cells["findingNo"],
        standard=cells["standard"],
        tree_version=version,
        found_on=ready.row.found_on,
        received_at=at,
        window=resolved.window,
        staff=resolved.staff,
        matter=resolved.matter,
        dept=resolved.dept,
        hall=resolved.hall,
        area=resolved.area,
        linked=resolved.linked,
        registry_position=desk.registry.position,
        said={"taskName": name} if name else {},
        unit=cells.get("unitCode", ""),
        by=by,
        subject=ids.subject_id(stream),
        texts={"problem": writings.refer(1, "problem", cells["problem"])},
        evidence=ready.evidence,
        digest=ready.digest,
    )
    return log.Group((log.NewEvent(stream, 1, *events.encode(fact)),), texts=tuple(writings.texts))
