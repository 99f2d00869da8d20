"""The control routes `/-/…` of a simulated province: for tests, for the demonstration, for the curious."""

from collections.abc import Callable
from typing import Any

import msgspec
from faults import Faults
from messages import Answer, Request, json_answer
from records import Record, Store

USAGE = "Here are: GET /-/records, GET /-/counts, GET /-/faults, POST /-/faults, POST /-/tamper."
TAMPER = 'Tell what to do: {"delete": KEY}, {"alter": KEY, MEMBER: VALUE, …} or {"add": {MEMBER: VALUE, …}}.'


class Control:
    """Shows what is held, sets the faults, and changes records behind everybody's back."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store, self._faults = store, faults
        self.requests = 0
        self._routes: dict[tuple[str, str], Callable[[bytes], Answer]] = {
            ("GET", "/-/records"): self._show_records,
            ("GET", "/-/counts"): self._show_counts,
            ("GET", "/-/faults"): self._show_faults,
            ("POST", "/-/faults"): self._set_faults,
            ("POST", "/-/tamper"): self._tamper,
        }

    def handle(self, request: Request) -> Answer:
        """Answer; 400 and 404 say what to send instead."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            return json_answer({"error": USAGE}, 404)
        try:
            return route(request.body)
        except (ValueError, msgspec.MsgspecError) as wrong:
            return json_answer({"error": str(wrong)}, 400)

    def _show_records(self, _: bytes) -> Answer:
        lines = msgspec.json.Encoder().encode_lines([held.line() for held in self._store.held()])
        return Answer(lines, kind="application/x-ndjson")

    def _show_counts(self, _: bytes) -> Answer:
        return json_answer(self._store.counts() | {"requests": self.requests, "repeats": self._store.repeats()})

    def _show_faults(self, _: bytes) -> Answer:
        return json_answer(self._faults.report())

    def _set_faults(self, body: bytes) -> Answer:
        self._faults.set(msgspec.json.decode(body, type=dict[str, float]))
        return json_answer(self._faults.report())

    def _tamper(self, body: bytes) -> Answer:
        with self._store.transaction():
            return json_answer({"key": self._changed(msgspec.json.decode(body, type=dict[str, Any]))})

    def _changed(self, change: dict[str, Any]) -> str:
        """Make the change and return the record's key."""
        match change:
            case {"add": dict(members)}:
                record = msgspec.convert(members, Record)
                self._store.put(record, replace=True)
                return record.key
            case {"delete": str(key)}:
                known = self._store.delete(key)
            case {"alter": str(key), **members}:
                known = self._altered(key, members)
            case _:
                raise ValueError(TAMPER)
        if not known:
            raise ValueError(f"There is no record {key!r}.")
        return key

    def _altered(self, key: str, members: dict[str, Any]) -> bool:
        if (record := self._store.get(key)) is None:
            return False
        altered = msgspec.convert(msgspec.to_builtins(record) | members, Record)
        if altered.key != key:
            raise ValueError("The members of the key cannot be altered: delete the record and add another.")
        self._store.overwrite(altered)
        return True
