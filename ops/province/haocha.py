"""The simulated instance of haocha above: signed NDJSON up, a receipt for each line, a listing for reconciliation.

`POST /v1/sync/items` → one receipt per line: accepted, known, retry, invalid. What is about a rating is taken
after the rating, and under `--strict` a rating after the record of its service. What it checks, it checks with its own
eyes: it imports nothing of haocha. `--member` and `--key` are what its `sync enrol` would have printed.
"""

import argparse
import base64
import hashlib
import hmac
import time
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from simulator import WORDS, Answer, Faults, Province, Record, Request, Store, json_answer, main

SHANGHAI = ZoneInfo("Asia/Shanghai")
LATE = 300  # seconds
MOST_ITEMS = 500
PAGE = 1_000
NONCE = 12
LONGEST = {"projectNo": 150, "window": 200, "staff": 200, "matter": 200, "dept": 200, "hall": 200, "digest": 64}
TOPICS = {
    "service": {"service.recorded:v1"},
    "rating": {"rating.submitted:v1"},
    "supplement": {"rating.supplemented:v1"},
    "contested": {"rating.contested:v1"},
    "decision": {"rating.linked:v1", "rating.excluded:v1", "rating.reinstated:v1"},
}


class Line(msgspec.Struct, rename="camel"):
    """One item as it came."""

    kind: str
    stream: UUID
    version: int
    topic: str = ""
    event: dict[str, Any] = {}
    rated: dict[str, Any] = {}
    step: dict[str, Any] = {}
    sealed: str = ""


class Haocha(Province):
    """The simulated instance of haocha above: POST /v1/sync/items, GET /v1/sync/ratings."""

    def __init__(self, store: Store, faults: Faults, options: argparse.Namespace) -> None:
        super().__init__(store, faults, options)
        self._secret = options.key.encode()
        self._cipher = AESGCM(hmac.digest(self._secret, b"haocha:sync-identity", "sha256"))
        self._decoder = msgspec.json.Decoder(Line)

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add who may report."""
        parser.add_argument("--member", default="city", help="name of the member (default: city)")
        parser.add_argument("--key", default="a secret of two instances", help="its secret")
        parser.add_argument("--strict", action="store_true", help="refuse a rating before the record of its service")
        parser.add_argument("--area", default="99", help="what its areaCodes begin with (default: 99)")

    def handle(self, request: Request) -> Answer | None:
        """Answer what is signed."""
        if request.path not in {"/v1/sync/items", "/v1/sync/ratings"}:
            return None
        if not self._signed(request):
            return problem(401, "not_signed", "签名无效")
        if request.path == "/v1/sync/ratings":
            return self._listing(request)
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = zlib.decompress(body, wbits=31)
        lines = [line for line in body.split(b"\n") if line]
        if len(lines) > MOST_ITEMS:
            return problem(413, "too_large", f"每批 {MOST_ITEMS} 条")
        return ndjson([self._receipt(line) for line in lines])

    def _signed(self, request: Request) -> bool:
        at = request.headers.get("x-haocha-time", "")
        signed = f"{at}\n{request.method}\n{request.target}\n{hashlib.sha256(request.body).hexdigest()}"
        expected = hmac.digest(self._secret, signed.encode(), "sha256").hex()
        genuine = hmac.compare_digest(expected, request.headers.get("x-haocha-signature", ""))
        fresh = at.isdecimal() and abs(time.time() - int(at)) <= LATE
        return genuine and fresh and request.headers.get("x-haocha-peer") == self.options.member

    def _receipt(self, raw: bytes) -> dict[str, Any]:
        """Take one line."""
        try:
            line = self._decoder.decode(raw)
            record = self._record(line)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError, InvalidTag) as error:
            return invalid("malformed", f"这一条无法读取（{type(error).__name__}）")
        wrong = list(self._faults_of(line, record))
        if wrong:
            return invalid("form", "；".join(wrong))
        if self.faults.refuses(record.key):
            return invalid("refused", WORDS)
        needed = self._needs(line, record)
        if needed and not self.store.has(needed):
            code = "service_missing" if line.kind == "rating" else "rating_missing"
            return {"status": "retry", "code": code, "message": "尚未上报所依据的记录"}
        if line.kind == "service" and (held := self.store.get(record.key)) and held.extra != record.extra:
            self.store.put(record, replace=True)
            return {"status": "accepted", "position": 1}
        return {"status": "accepted" if self.store.put(record) else "known", "position": 1}

    def _record(self, line: Line) -> Record:
        """Read a line as what is compared afterwards."""
        if line.kind in {"decision", "ticket"}:
            about = line.rated or line.step
            return Record(
                kind=line.kind,
                project_no=about.get("projectNo", ""),
                id=f"{line.stream}|{line.version}",
                extra={"topic": line.topic, **line.rated, **line.step},
            )
        event, texts = line.event, self._unsealed(line)
        common = {"kind": line.kind, "project_no": event["projectNo"], "service_number": event.get("serviceNumber", 1)}
        if line.kind == "service":
            at = local(event["serviceTime"])
            return Record(**common, service_time=at, area_code=event.get("area", ""), extra={"digest": event["digest"]})
        return Record(
            **common,
            assess_number=event.get("assessNumber", 1),
            satisfaction=event["satisfaction"],
            pf=event["pf"],
            eval_detail=event.get("evalDetail", []),
            assess_time=local(event["assessTime"]),
            writing_evaluation=texts.get("writingEvaluation", ""),
            area_code=event.get("area", ""),
            id=str(line.stream) if line.kind == "contested" else "",
            extra={"digest": event["digest"], "day": event["day"], "flags": event.get("flags", [])},
        )

    def _unsealed(self, line: Line) -> dict[str, str]:
        if not line.sealed:
            return {}
        sealed = base64.b64decode(line.sealed, validate=True)
        return msgspec.json.decode(self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], line.stream.bytes))

    def _faults_of(self, line: Line, record: Record) -> Iterator[str]:
        if line.kind == "ticket":
            return
        if line.topic not in TOPICS.get(line.kind, ()):
            yield "topic 不符"
        for name, longest in LONGEST.items():
            if len(line.event.get(name, "")) > longest:
                yield f"{name} 过长"
        if line.kind in {"rating", "supplement", "contested"}:
            if record.satisfaction not in range(1, 6) or record.pf not in set("1234567"):
                yield "satisfaction 或 pf 不正确"
            if line.kind != "contested" and record.assess_number != {"rating": 1, "supplement": 2}[line.kind]:
                yield "assessNumber 不正确"
        if record.area_code and not record.area_code.startswith(self.options.area):
            yield "区划不在范围之内"

    def _needs(self, line: Line, record: Record) -> str:
        """Return the key of what must be there before."""
        case = f"{record.project_no}|{record.service_number}"
        match line.kind:
            case "service":
                return ""
            case "rating":
                waits = self.options.strict and "noCase" not in record.extra["flags"]
                return f"{case}|0" if waits else ""
            case "decision":
                return f"{record.project_no}|{line.rated.get('serviceNumber', 1)}|1"
            case "ticket":
                number = line.step.get("serviceNumber", 1)
                return f"{record.project_no}|{number}|1" if record.project_no else ""
            case _:
                return f"{case}|1"

    def _listing(self, request: Request) -> Answer:
        """List a day's ratings and 追评 in one order; a position is the place in it."""
        asked = request.parameters()
        records = [record for kind in ("rating", "supplement") for record in self.store.of_day(kind, asked["day"])]
        after = int(asked.get("after") or 0)
        page = enumerate(records[after : after + PAGE], after + 1)
        return ndjson([listed(position, record) for position, record in page])


def listed(position: int, record: Record) -> dict[str, Any]:
    """Return a record as the listing shows it."""
    parts = (
        record.project_no,
        str(record.service_number),
        str(record.assess_number),
        str(record.satisfaction),
        record.pf,
        ",".join(sorted(record.eval_detail)),
        record.assess_time,
        record.writing_evaluation,
    )
    return {
        "position": position,
        "projectNo": record.project_no,
        "serviceNumber": record.service_number,
        "assessNumber": record.assess_number,
        "areaCode": record.area_code,
        "pf": record.pf,
        "satisfaction": record.satisfaction,
        "assessTime": record.assess_time.replace(" ", "T") + "+08:00",
        "digest": hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32],
    }


def local(text: str) -> str:
    """Return an RFC 3339 time as Shanghai's clocks show it."""
    return f"{datetime.fromisoformat(text).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def invalid(code: str, words: str) -> dict[str, Any]:
    """Return the receipt of a line that is refused."""
    return {"status": "invalid", "code": code, "errors": [{"pointer": "", "code": code, "message": words}]}


def problem(status: int, code: str, words: str) -> Answer:
    """Return an answer to a whole call that is refused."""
    return json_answer({"status": status, "code": code, "detail": words}, status)


def ndjson(lines: list[dict[str, Any]]) -> Answer:
    """Return lines as an answer."""
    return Answer(msgspec.json.Encoder().encode_lines(lines), kind="application/x-ndjson")


if __name__ == "__main__":
    main(Haocha)
