"""Zhejiang type (浙江): one form POST per rating, without token or cipher.

The form has no service record: what is known of the case goes with its rating. It has no number of the service either,
so of one case the platform holds one first rating and one 追评. It has no code for the phone; its own channel 7,
系统默认评价, is never sent: a rating that nobody gave is none.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

import httpx
import msgspec

from haocha.peers import Peer
from haocha.sync.dialect import Dialect, Item, Kind, Outcome, Unavailable
from haocha.sync.mapping import Faults, Field, Mapping, Values, coded, constant, csv, first, local, moment

CHANNELS = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "5", "7": "6"}
"""评价渠道: our 7 SMS is their 6; for our 6, the phone, they have none."""
APPLICANTS = {"1": "1", "2": "2", "3": "2", "4": "2", "5": "2", "6": "2", "9": "2"}
"""申请人类型: theirs are 1 person (个人) and 2 legal person (法人)."""
CASE_KINDS = {"1": "2", "2": "1"}
"""办件类型: their 1 is 承诺件, their 2 即办件; ours are the other way round."""

NO_CHANNEL = "该平台的评价渠道没有“电话”的代码，不上报"
ONE_SERVICE = "该平台的接口没有服务次数，一个办件只收第一次服务的评价，不上报"
AHEAD = "评价时间晚于当前时间"
SKEW = timedelta(minutes=10)
"""How far a rating may lie ahead of our clock: further ahead the platform refuses it."""

DUPLICATE = ("请勿重复", "不可重复", "已存在")
NO_SERVICE = ("没有对应的",)
BUSY = ("系统繁忙", "系统异常", "稍后再试")
"""What the words of a refusal contain; any other refusal is for what the rating says."""
HEADERS = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


REPORT = (
    Field("areaCode", "areaCode", required=True, longest=12),
    Field("areaName", "areaName", longest=50),
    Field("deptCode", "deptCode", required=True, longest=18),
    Field("taskCode", "taskCode", required=True, longest=50),
    Field("taskName", "taskName", required=True, longest=200),
    Field("subMatter", "subMatter", longest=200),
    Field("projectNo", "projectNo", required=True, longest=50),
    Field("proStatus", "proStatus", required=True, form=coded({"1": "1", "2": "2", "3": "3"})),
    Field("proDepartCode", "deptCode", longest=18),
    Field("proDepart", first("proDepart", "orgName", "deptName"), required=True, longest=100),
    Field("proManager", first("proManager", "staffName"), longest=50),
    Field("pf", "pf", required=True, form=coded(CHANNELS)),
    Field("certkeyGOV", first("certkeyGOV", "certKey"), longest=50),
    Field("userName", "userName", longest=100),
    Field("userProp", "userProp", form=coded(APPLICANTS)),
    Field("satisfaction", "satisfaction", required=True),
    Field("evalDetail", "evalDetail", form=csv, longest=200),
    Field("writingEvaluation", "writingEvaluation", longest=500),
    Field("assessTime", "assessTime", required=True, form=local),
    Field("assessNumber", "assessNumber", required=True, form=coded({"1": "1", "2": "2"})),
    Field("promiseTime", "promiseTime", form=coded(CASE_KINDS)),
    Field("acceptDate", "acceptDate", form=moment),
)
"""报送评价. taskHandleItem is left out: the platform wants none yet (目前不传)."""


class Zhejiang(Dialect):
    """One platform of this type.

    Options: `data_source` (default "133"), `app_status` (sent as appStatus where it is set), `success` (default "1":
    the `result` that says a rating was taken).
    """

    name: ClassVar[str] = "zhejiang"
    version: ClassVar[str] = "2026.1"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"rating", "supplement"})

    def __init__(self, peer: Peer) -> None:
        """Read the options."""
        super().__init__(peer)
        if peer.adjust:
            raise ValueError("adjust_minutes has no meaning here: this interface sends no serviceTime")
        self._url = f"{peer.url}/report"
        self._success = peer.option("success", "1")
        self._report = Mapping(
            (
                *REPORT,
                Field("dataSource", constant(peer.option("data_source", "133")), required=True, longest=3),
                Field("appStatus", constant(peer.option("app_status", ""))),
            )
        )

    def _written(self, values: Values) -> dict[str, str]:
        """Write the form, merged districts by their new codes; raises `Faults`."""
        return self._report.write(values | {"areaCode": self.peer.there(values.get("areaCode", ""))})

    def operation(self, item: Item) -> str:
        """Name the only operation."""
        del item
        return "report"

    def limit(self, operation: str) -> int:
        """Return 1: the form holds one rating."""
        del operation
        return 1

    def check(self, item: Item, now: datetime) -> Outcome | None:
        """Say what has no form here, and what the platform would refuse."""
        values = item.values
        if values["pf"] == "6":
            return Outcome("notReportable", words=NO_CHANNEL)
        if values["serviceNumber"] != 1:
            return Outcome("notReportable", words=ONE_SERVICE)
        if values["assessTime"] > now + SKEW:
            return Outcome("invalid", words=AHEAD)
        try:
            self._written(values)
        except Faults as faults:
            return Outcome("invalid", words=str(faults))
        return None

    async def send(
        self, client: httpx.AsyncClient, operation: str, items: Sequence[Item], now: datetime
    ) -> list[Outcome]:
        """Send one rating as a form; the receipt is none, the platform gives none."""
        del operation, now
        (item,) = items
        form = urlencode(self._written(item.values)).encode()
        answer = await client.post(self._url, content=form, headers=HEADERS)
        return [classify(answer, self._success)]


class _Said(msgspec.Struct):
    """An answer of the platform."""

    result: str | int | bool
    resultmsg: Any = ""


def classify(answer: httpx.Response, success: str) -> Outcome:
    """Read an answer; raises `Unavailable` where it is none of the platform's own, or of a platform in trouble."""
    try:
        said = None if answer.is_server_error else msgspec.json.decode(answer.content, type=_Said)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = None
    if said is None:
        raise Unavailable(f"HTTP {answer.status_code}, {answer.headers.get('content-type', '')}")
    code, words = str(said.result), str(said.resultmsg or "")
    if any(part in words for part in BUSY):
        return Outcome("unavailable", code, words)
    if answer.is_success and code.lower() == success.lower():
        return Outcome("accepted", code, words)
    if any(part in words for part in DUPLICATE):
        return Outcome("duplicate", code, words)
    if any(part in words for part in NO_SERVICE):
        return Outcome("noService", code, words)
    return Outcome("invalid", code, words)


DIALECT = Zhejiang
