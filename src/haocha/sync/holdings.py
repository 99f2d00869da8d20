"""What the other side holds of a day: told by a platform that can, or read from a file that it exported.

A file is CSV with a heading (UTF-8 or GBK) or NDJSON, with the members of `Exported` by their national names; it is
read line by line, however long it is. Of other kinds than ratings and 追评, lines are passed over.
"""

import asyncio
import csv
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import asyncpg
import msgspec
from msgspec import Meta

from haocha.domain.codes import CHANNELS
from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.store import sql
from haocha.sync.dialect import Dialect, Expired, Theirs, Unavailable, digest
from haocha.sync.wire import client_of

SQL: Final = sql.load(Path(__file__).parent / "reconcile.sql").named("query")
PAGE: Final = 1_000
MOST: Final = 10_000_000
"""Ratings of one day: no platform has more, and a list without an end would fill the disk."""
CALLS: Final = 8
"""Calls at most, with tokens and their renewal, before a list goes on."""
MOST_FAULTS: Final = 20
RATED: Final = frozenset({"rating", "supplement"})

Told = AsyncIterator[Sequence[Theirs]]


class Unreadable(Exception):
    """The file is not what can be compared; the message lists its faults by line."""


class Exported(msgspec.Struct, frozen=True, rename="camel"):
    """One record of an export, in our codes."""

    project_no: Annotated[str, Meta(min_length=1)]
    satisfaction: Annotated[int, Meta(ge=1, le=5)]
    pf: str
    assess_time: datetime
    service_number: Annotated[int, Meta(ge=1)] = 1
    assess_number: Literal[1, 2] = 1
    eval_detail: tuple[str, ...] = ()
    area_code: str = ""
    writing_evaluation: str = ""


async def listed(dialect: Dialect, day: date) -> Told:
    """Ask a platform that tells what it holds; raises `Unavailable` and errors of the network."""
    page: list[Theirs] = []
    count = 0
    async with client_of(dialect.peer) as client:
        told = dialect.listing(client, day)
        try:
            while (theirs := await _next(told, dialect.peer)) is not None:
                count += 1
                if count > MOST:
                    raise Unavailable(f"{dialect.name} lists more than {MOST} ratings of {day}")
                page.append(theirs)
                if len(page) == PAGE:
                    yield page
                    page = []
        except Expired:
            raise Unavailable(f"{dialect.name} refused the token") from None
    yield page


async def _next(told: AsyncIterator[Theirs], peer: Peer) -> Theirs | None:
    """Return the next of what a platform tells; a call that comes drop by drop ends like any other."""
    async with asyncio.timeout(CALLS * peer.timeout):
        return await anext(told, None)


async def matched(
    connection: asyncpg.Connection | asyncpg.Pool, peer: str, records: Iterable[Exported], prefix: str = ""
) -> Told:
    """Tell exported records; `prefix` is what the platform puts before case numbers that we know without it."""
    rest = iter(records)
    while page := list(islice(rest, PAGE)):
        keys = [key_of(one.project_no, one.service_number, one.assess_number) for one in page]
        known = {row["key"] for row in await connection.fetch(SQL["known"], peer, keys)} if prefix else set(keys)
        yield [
            _theirs(one, one.project_no if key in known else one.project_no.removeprefix(prefix))
            for one, key in zip(page, keys, strict=True)
        ]


def key_of(project_no: str, service_number: int, assess_number: int) -> str:
    """Return the natural key of a rating or 追评, as in the outbox."""
    return f"{'rating' if assess_number == 1 else 'supplement'}|{project_no}|{service_number}"


def read(path: Path, day: date) -> Iterator[Exported]:
    """Read an export, and of it the records of `day`; raises `Unreadable` at the end where lines are faulty."""
    faults: list[str] = []
    for number, members in _lines(path):
        try:
            record = _record(members)
        except (msgspec.ValidationError, ValueError) as error:
            faults.append(f"{path}: line {number}: {error}")
            if len(faults) == MOST_FAULTS:
                break
            continue
        if record is not None and record.assess_time.date() == day:
            yield record
    if faults:
        raise Unreadable("\n".join(faults))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each line and its members."""
    match path.suffix.lower():
        case ".csv":
            yield from _rows(path)
        case ".ndjson" | ".jsonl":
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield number, _decoded(path, number, line)
        case _:
            raise Unreadable(f"{path}: give a file that ends in .csv or .ndjson.")


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding=_encoding(path), newline="") as file:
        reader = csv.DictReader(file)
        needed = {"projectNo", "satisfaction", "pf", "assessTime"}
        if missing := sorted(needed - set(reader.fieldnames or ())):
            raise Unreadable(f"{path}: the first line must name the columns; {', '.join(missing)} is not there.")
        for row in reader:
            yield reader.line_num, {name: cell.strip() for name, cell in row.items() if name and cell and cell.strip()}


def _encoding(path: Path) -> str:
    """Tell UTF-8 from GBK by reading the file once through."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"


def _decoded(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Unreadable(f"{path}: line {number}: {error}") from None


def _record(members: dict[str, Any]) -> Exported | None:
    """Read one record, None where it is of another kind; raises ValueError."""
    if members.get("kind", "rating") not in RATED:
        return None
    if isinstance(codes := members.get("evalDetail"), str):
        members["evalDetail"] = [code.strip() for code in codes.replace("，", ",").split(",") if code.strip()]
    moment = datetime.fromisoformat(str(members.get("assessTime", "")))
    moment = moment.replace(tzinfo=SHANGHAI) if moment.tzinfo is None else moment.astimezone(SHANGHAI)
    record = msgspec.convert(members | {"assessTime": moment}, Exported, strict=False)
    if record.pf not in CHANNELS:
        raise ValueError("pf must be 1 to 7")
    return record


def _theirs(record: Exported, project_no: str) -> Theirs:
    values = {
        "projectNo": project_no,
        "serviceNumber": record.service_number,
        "assessNumber": record.assess_number,
        "satisfaction": record.satisfaction,
        "pf": record.pf,
        "evalDetail": record.eval_detail,
        "assessTime": record.assess_time,
        "writingEvaluation": record.writing_evaluation,
    }
    area = record.area_code
    return Theirs(
        project_no,
        record.service_number,
        record.assess_number,
        area,
        record.pf,
        record.satisfaction,
        digest(values),
    )
