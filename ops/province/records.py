"""What a simulated province holds: one SQLite file that survives any kill.

A commit reaches the disk before anybody hears of it (WAL, synchronous=FULL), so what was acknowledged is there
afterwards. It is a module because tests compare what it holds with what haocha says it sent.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    key        TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    day        TEXT NOT NULL, -- of assessTime; empty where there is none
    data       TEXT NOT NULL, -- the Record as JSON
    arrived_at TEXT NOT NULL, -- when it came first
    times      INTEGER NOT NULL -- how often it came
);
CREATE INDEX IF NOT EXISTS records_by_day ON records (kind, day, key);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING"
REPEAT = "UPDATE records SET times = times + 1 WHERE key = ?"
OVERWRITE = "UPDATE records SET kind = ?, day = ?, data = ? WHERE key = ?"
NOTE = "INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
ROUNDS = {"service": 0, "rating": 1, "supplement": 2}


class Record(msgspec.Struct, rename="camel", frozen=True):
    """One thing that the province took, in haocha's codes: satisfaction 5 is best, `pf` 6 phone and 7 SMS.

    `kind` is service, rating, supplement, contested, decision or ticket. `assessTime` and `serviceTime` are
    yyyy-MM-dd HH:mm:ss in Shanghai. `id` is set where the key is not the case's: tickets, decisions, contests.
    `extra` is what else a dialect wants to keep, as it came.
    """

    kind: str
    project_no: str = ""
    service_number: int = 1
    assess_number: int = 1
    satisfaction: int = 0
    pf: str = ""
    eval_detail: list[str] = []
    assess_time: str = ""
    writing_evaluation: str = ""
    area_code: str = ""
    service_time: str = ""
    id: str = ""
    extra: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """Return `projectNo|serviceNumber|assessNumber` (0 for a service record), else kind and id."""
        if self.id:
            return f"{self.kind}|{self.id}"
        return f"{self.project_no}|{self.service_number}|{ROUNDS.get(self.kind, self.assess_number)}"


class Held(msgspec.Struct, frozen=True):
    """A record, when it came first (UTC, RFC 3339) and how often."""

    record: Record
    arrived_at: str
    times: int

    def line(self) -> dict[str, Any]:
        """Return it as the control route shows it."""
        return msgspec.to_builtins(self.record) | {"arrivedAt": self.arrived_at, "times": self.times}


def _columns(record: Record) -> tuple[str, str, str, str]:
    """Return key, kind, day and data."""
    return record.key, record.kind, record.assess_time[:10], msgspec.json.encode(record).decode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Store:
    """The records of one province in `folder`/records.sqlite."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "records.sqlite", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block did, to the disk; an exception takes it back."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def put(self, record: Record, *, replace: bool = False) -> bool:
        """Keep `record` and return True; False where its key is known: then it is counted, and with `replace` kept."""
        if self._db.execute(INSERT, (*_columns(record), _now())).rowcount:
            return True
        self._db.execute(REPEAT, (record.key,))
        if replace:
            self.overwrite(record)
        return False

    def overwrite(self, record: Record) -> None:
        """Keep `record` in the place of the one with its key."""
        key, *columns = _columns(record)
        self._db.execute(OVERWRITE, (*columns, key))

    def get(self, key: str) -> Record | None:
        """Return what is held under `key`."""
        row = self._db.execute("SELECT data FROM records WHERE key = ?", (key,)).fetchone()
        return msgspec.json.decode(row[0], type=Record) if row else None

    def has(self, key: str) -> bool:
        """Tell whether something is held under `key`."""
        return self._db.execute("SELECT 1 FROM records WHERE key = ?", (key,)).fetchone() is not None

    def delete(self, key: str) -> bool:
        """Lose the record: what a reconciliation has to find."""
        return self._db.execute("DELETE FROM records WHERE key = ?", (key,)).rowcount == 1

    def held(self) -> Iterator[Held]:
        """Return everything, in the order in which it came."""
        for data, at, times in self._db.execute("SELECT data, arrived_at, times FROM records ORDER BY rowid"):
            yield Held(msgspec.json.decode(data, type=Record), at, times)

    def of_day(self, kind: str, day: str, *, after: str = "", limit: int = 1_000_000) -> list[Record]:
        """Return what is held of a Shanghai day (yyyy-MM-dd), by key, from behind the key `after`."""
        query = "SELECT data FROM records WHERE kind = ? AND day = ? AND key > ? ORDER BY key LIMIT ?"
        rows = self._db.execute(query, (kind, day, after, limit))
        return [msgspec.json.decode(data, type=Record) for (data,) in rows]

    def counts(self) -> dict[str, int]:
        """Return how many of each kind are held."""
        return dict(self._db.execute("SELECT kind, count(*) FROM records GROUP BY kind ORDER BY kind").fetchall())

    def repeats(self) -> int:
        """Return how many came again after they were held."""
        return int(self._db.execute("SELECT coalesce(sum(times - 1), 0) FROM records").fetchone()[0])

    def note(self, name: str, value: str) -> None:
        """Keep a value of the province's own beside its records."""
        self._db.execute(NOTE, (name, value))

    def noted(self, name: str) -> str:
        """Return the value kept under `name`, or an empty string."""
        row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def close(self) -> None:
        """Close the file."""
        self._db.close()
