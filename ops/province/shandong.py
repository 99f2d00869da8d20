"""The simulated platform of a Shandong-type province: two operations under SM2, records in arrays.

`POST /project/submit` takes service records and online ratings, `POST /offline/submit` offline ratings; both want

    {"txnBodyCom": {"sign", "time", "appMark", "params": {"evaluate": ["<cipher of a JSON array>"]}}, "txnCommCom": {}}

with the header C-Tenancy-Id. Its keys and the application's word lie in the data folder, in files of their owner alone:
`platform.pub` and `app.word` are what a peer is given, and `reader.key` where it is to read serviceList.
"""

import argparse
import hashlib
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from faults import WORDS, Faults
from records import Record, Store
from shandong_rules import PREFIX, SHANGHAI, faults
from simulator import Answer, Province, Request, json_answer, main
from sm2 import Key, Unreadable, write

WINDOW = timedelta(minutes=10)  # how far off the time of a call may be
SUBMIT, OFFLINE = "/project/submit", "/offline/submit"
TWICE = {
    "service": "已存在该条服务信息，请勿重复提交！",
    "online": "评价数据不可重复",
    "offline": "本次服务已存在评价，请勿重复评价！",
}


class Refused(Exception):
    """A whole call is refused, in the platform's words."""


class Judged(NamedTuple):
    """One record of a call, and the words of its refusal, if it is refused."""

    record: Record
    words: str


class Shandong(Province):
    """The simulated platform of a Shandong-type province: SM2 over calls that carry arrays of records."""

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add what differs between platforms of this type."""
        parser.add_argument("--app-mark", default="haocha", help="the application's name (default: haocha)")
        parser.add_argument("--app-word", default="a-word-for-tests", help="its word (default: a-word-for-tests)")
        parser.add_argument("--tenancy", default="370000000000", help="what C-Tenancy-Id must be")
        parser.add_argument("--cipher-order", choices=("C1C3C2", "C1C2C3"), default="C1C3C2")
        parser.add_argument("--no-04", action="store_true", help="points are not marked by a leading 04")
        parser.add_argument("--self-built", default="00000000", help="what no task code may have in it ('': none)")
        parser.add_argument("--count-in", choices=("serviceNumber", "proStatus"), default="serviceNumber")
        parser.add_argument(
            "--arrays",
            choices=("whole", "each", "listed"),
            default="whole",
            help="where one record is bad: nothing is kept, the others are kept, or serviceList answers for each",
        )
        parser.add_argument("--older", action="store_true", help='answer {"code", "success"}')

    def __init__(self, store: Store, faults: Faults, options: argparse.Namespace) -> None:
        super().__init__(store, faults, options)
        self._form = {"hash_last": options.cipher_order == "C1C2C3", "marked": not options.no_04}
        self._key, self._reader = Key(options.data / "platform.key"), Key(options.data / "reader.key")
        write(options.data / "platform.pub", self._key.public())
        write(options.data / "app.word", options.app_word)

    def handle(self, request: Request) -> Answer | None:
        """Take an array of records."""
        if request.method != "POST" or request.path not in {SUBMIT, OFFLINE}:
            return None
        try:
            records = self._opened(request)
        except Refused as refused:
            return self._answer(str(refused), desc=str(refused))
        judged: list[Judged] = []
        for data in records:
            judged.append(self._judged(_operation(request.path, data), data, judged))
        words = next((one.words for one in judged if one.words), "")
        if not words or self.options.arrays != "whole":
            for one in judged:
                if not one.words:
                    self.store.put(one.record)
        # Of a service record it says no in the outer member, of a rating in the inner one only.
        service = _operation(request.path, records[0]) == "service"
        listed = judged if self.options.arrays == "listed" else []
        return self._answer(words, desc=words if words and service else "success", listed=listed)

    def _opened(self, request: Request) -> list[dict[str, str]]:
        """Check tenancy, time, appMark, sign and cipher; return the records."""
        if request.headers.get("c-tenancy-id") != self.options.tenancy:
            raise Refused("租户不存在")
        try:
            body = msgspec.json.decode(request.body)["txnBodyCom"]
            sign, at, mark = body["sign"], body["time"], body["appMark"]
            (cipher,) = body["params"]["evaluate"]
            called = datetime.strptime(at, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
            raise Refused("报文格式不正确") from None
        if abs(datetime.now(SHANGHAI) - called) > WINDOW:
            raise Refused("时间戳已失效")
        if mark != self.options.app_mark:
            raise Refused("appMark未授权")
        try:
            said, payload = self._key.open(sign, **self._form), self._key.open(cipher, **self._form)
        except Unreadable:
            raise Refused("解密失败") from None
        if said != f"{at}{mark}{self.options.app_word}".encode():
            raise Refused("签名验证失败")
        try:
            records = msgspec.json.decode(payload, type=list[dict[str, str]])
        except msgspec.MsgspecError:
            raise Refused("报文格式不正确") from None
        if not records:
            raise Refused("报文格式不正确")
        return records

    def _judged(self, operation: str, data: dict[str, str], earlier: list[Judged]) -> Judged:
        """Judge one record, with what is held and what came before it in its call."""
        if words := next(faults(operation, data, self.options.self_built), ""):
            return Judged(Record(kind=operation, extra=data), words)
        record = self._read(operation, data)
        if self.faults.refuses(record.key):
            return Judged(record, WORDS)
        if operation != "service" and (words := self._too_soon(record)):
            return Judged(record, words)
        if self.store.has(record.key):
            self.store.put(record)  # which counts it
            return Judged(record, TWICE[operation])
        same_call = any(one.record.key == record.key for one in earlier if not one.words)
        return Judged(record, TWICE[operation] if same_call else "")

    def _too_soon(self, record: Record) -> str:
        """Say what a rating comes before: its service record, its service or the first rating."""
        service = self.store.get(f"{record.project_no}|{record.service_number}|0")
        if service is None:
            return "没有对应的服务数据"
        if record.kind == "supplement" and not self.store.has(f"{record.project_no}|{record.service_number}|1"):
            return "没有对应的首次评价"
        return "评价时间不能早于服务时间" if record.assess_time < service.service_time else ""

    def _read(self, operation: str, data: dict[str, str]) -> Record:
        """Read a record that is right."""
        number = int(data[self.options.count_in if operation == "service" else "serviceNumber"])
        if operation == "service":
            kind, assessed = "service", "1"
        else:
            assessed = data.get("assessNumber", "1")
            kind = "supplement" if assessed == "2" else "rating"
        return Record(
            kind=kind,
            project_no=data["projectNo"].removeprefix(PREFIX),
            service_number=number,
            assess_number=int(assessed),
            satisfaction=int(data.get("satisfaction", "0")),
            pf=data.get("pf", ""),
            eval_detail=[code for code in data.get("evalDetail", "").split(",") if code],
            assess_time=data.get("assessTime", ""),
            writing_evaluation=data.get("writingEvaluation", ""),
            area_code=data.get("areaCode", ""),
            service_time=data.get("serviceTime", ""),
            extra=data,
        )

    def _answer(self, words: str, desc: str, listed: "list[Judged] | tuple[()]" = ()) -> Answer:
        """Answer in the platform's form."""
        success, message = ("false", words) if words else ("true", "操作成功")
        if self.options.older:
            return json_answer({"code": "1" if words else "0", "success": success, "message": message})
        inner: dict[str, Any] = {"success": success, "message": message, "serviceList": []}
        if listed:
            told = msgspec.json.encode([self._told(one) for one in listed])
            inner["serviceList"] = [self._reader.seal(told, **self._form)]
        return json_answer({"C-Response-Desc": desc, "C-Response-Body": inner})

    def _told(self, one: Judged) -> dict[str, str]:
        """Return what serviceList says of a record."""
        data = one.record.extra
        number = data.get("serviceNumber") or data.get(self.options.count_in, "")
        told = {"projectNo": data.get("projectNo", ""), "serviceNumber": number}
        if one.words:
            return told | {"code": "1", "success": "false", "message": one.words}
        return told | {
            "code": "0",
            "success": "true",
            "message": "操作成功",
            "id": hashlib.sha256(one.record.key.encode()).hexdigest()[:16],
        }


def _operation(path: str, data: dict[str, str]) -> str:
    """Tell what a record is: service records and online ratings come to the same address."""
    if path == OFFLINE:
        return "offline"
    return "online" if "satisfaction" in data else "service"


if __name__ == "__main__":
    main(Shandong)
