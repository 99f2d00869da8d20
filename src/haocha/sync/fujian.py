"""Fujian type: one SOAP operation for service and rating together, SM4 over the XML, a token that expires.

Options of the peer, beside its url (that of the gateway, `…/api-gateway/gateway`):

    service   path of the operations behind the url (webservice)
    system    sysNo, the number that the platform gave to this system; left out where empty
    network   type: 1 互联网, 2 政务信息网, 3 政务外网公共区 ("1")
    encoding  of the cipher text: "base64" (default) or "hex"
    back_url  where the platform's own page leads when the rating is done
    spelling  members that a deployment spells otherwise, as { EXE_ID = "projectNo", sysNo = "sysNO" }

Secrets: app_key (公钥) and app_code (私钥), neither of which is a key of a key pair.

The interface knows no service number: `customFields`, whose three parts are the rating device, a running number and the
area, carries it as the running number. Its clients may carry an assessTime 20 minutes ahead of the platform's clock, so
that much is sent as it is; nothing is shifted.
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.sync import soap
from haocha.sync.dialect import Dialect, Item, Outcome, Theirs, Unavailable, Verdict, digest
from haocha.sync.gateway import GOOD, Gateway
from haocha.sync.mapping import Fault, Faults, Field, Mapping, Unmappable, Values, coded, first, local, moment

SAVE, SUPPLEMENT, ADDRESS = "getSaveEvaluation", "getEvaluationSupplement", "getSaveEvaluationUrl"
LIST, DETAIL = "getEvaluationList", "getEvaluationDetail"

FRESH = timedelta(days=1)
"""How long after it was received a rating goes by itself; later it is 补报."""
MOST = 200  # rows of one 补报
USUAL = 50  # rows taken up together: the fresh ones among them go one by one, and all are settled at the end
PAGE = 200  # rows of one page of the list
AHEAD = timedelta(minutes=20)

DONE = "3"
VERDICTS: tuple[tuple[str, Verdict], ...] = (
    ("请勿重复|已存在|不可重复|重复评价|重复提交", "duplicate"),
    ("(没有对应的|未找到|没有|无)(首次评价|服务数据)|(首次评价|服务数据)不存在", "noService"),
    ("系统繁忙|系统异常|稍后再试|服务不可用|(连接|请求|访问)超时", "unavailable"),
)
"""What the words of a refusal say; all other words: invalid. No table of its codes is published."""

SATISFACTION = {level: level for level in "12345"}  # 5 非常满意 … 1 非常不满意, as here
CHANNELS = {pf: pf for pf in "1234567"}
USER_PROPS = {code: code for code in "1234569"}
CERTIFICATES = {code: code for code in ["111", "114", "118", "414", "511", "516", "001", "821", "999"]}
STATUSES = {code: code for code in "123"}
ROUNDS = {"1": "1", "2": "2"}


def _spelling(option: dict[str, Any]) -> dict[str, str]:
    """Check an option; raises ValueError for members that do not exist, and for names that XML cannot have."""
    known = {field.wire for field in (*RATING.fields, *PAGE_ADDRESS.fields)}
    for name, theirs in option.items():
        if name not in known or not re.fullmatch("[A-Za-z_][A-Za-z0-9_.-]*", str(theirs)):
            raise ValueError(f"option spelling: {name} = {theirs!r} is not the name of a member and another for it")
    return option


def _custom_fields(values: Values) -> str:
    device = str(values.get("deviceNo") or values.get("windowNo") or "").replace(",", "，")
    return f"{device},{values.get('serviceNumber', 1)},{values.get('region', '')}"


CASE = (
    Field("EXE_ID", "projectNo", required=True, longest=50),
    Field("itemCode", first("proTaskCode", "taskCode", "taskHandleItem"), required=True, longest=50),
    Field("businessCode", first("taskCode", "taskHandleItem"), required=True, longest=50),
    Field("businessName", "taskName", required=True, longest=200),
    Field("proStatus", "proStatus", required=True, form=coded(STATUSES)),
    Field("projectName", "projectName", required=True, longest=200),
    Field("nodeName", "serviceName", required=True, longest=200),
    Field("regionCode", "region", required=True, longest=6),
    Field("acceptDate", "acceptDate", required=True, form=moment),
    Field("resultDate", "resultDate", form=moment),  # required where proStatus is 3
    Field("userProp", "userProp", required=True, form=coded(USER_PROPS)),
    Field("userName", "userName", required=True, longest=200),
    Field("userPageType", "userPageType", required=True, form=coded(CERTIFICATES)),
    Field("certKey", first("certKey", "certkeyGOV"), required=True, longest=50),
    Field("contactMobile", "mobile", required=True, longest=50),
    Field("handleUserName", "handleUserName", longest=200),
    Field("handleUserPageType", "handleUserPageType", form=coded(CERTIFICATES)),
    Field("handleUserPageCode", "handleUserPageCode", longest=50),
    Field("serviceTime", "serviceTime", required=True, form=local),
    Field("evaluateType", "assessNumber", required=True, form=coded(ROUNDS)),
    Field("pf", "pf", required=True, form=coded(CHANNELS)),
    Field("type", "network", required=True),
    Field("sysNo", "system", longest=50),
    Field("customFields", _custom_fields, longest=100),
)
RATING = Mapping(
    (
        *CASE,
        Field("alternate", "satisfaction", required=True, form=coded(SATISFACTION)),
        Field("assessTime", "assessTime", required=True, form=local),
        Field("appraisald", "evalDetail", form=",".join),
        Field("appraisaldnum", lambda values: len(values.get("evalDetail", ())) or None),
        Field("writingevalua", "writingEvaluation", longest=500),
    )
)
PAGE_ADDRESS = Mapping((*CASE, Field("backUrl", "backUrl"), Field("pf5urltype", "pf5UrlType")))


class Fujian(Dialect):
    """A platform of this type."""

    name = "fujian"
    version = "2026.1"
    kinds = frozenset({"rating", "supplement"})
    listable = True
    usual = USUAL

    def __init__(self, peer: Peer, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Read the peer's options and secrets."""
        super().__init__(peer)
        self._gateway = Gateway(peer, clock)
        self._clock = clock
        self._spelling = _spelling(peer.option("spelling", {}))
        self._constants = {"network": peer.option("network", "1"), "system": peer.option("system", "")}
        self._back_url = peer.option("back_url", "")
        if self._constants["network"] not in {"1", "2", "3"}:
            raise ValueError(f"option network must be 1, 2 or 3, not {peer.options['network']!r}")

    def operation(self, item: Item) -> str:
        """Name the operation: what was received more than a day ago is 补报."""
        return SUPPLEMENT if self._clock() - item.values["receivedAt"] > FRESH else SAVE

    def limit(self, operation: str) -> int:
        """Return how many rows one call may hold."""
        return min(self.peer.batch or MOST, MOST) if operation == SUPPLEMENT else 1

    def check(self, item: Item, now: datetime) -> Outcome | None:
        """Say what is missing, who is, and what its rules for clocks would refuse."""
        values = item.values
        if values.get("isAnonymity") == "1":
            return Outcome("notReportable", words="该平台的评价必须带评价人信息，没有匿名评价的形式")
        if values["assessTime"] > now + AHEAD:
            return Outcome("invalid", words="assessTime 超前平台时间 20 分钟以上")
        try:
            self._case(item)
        except Faults as faults:
            return Outcome("invalid", words=str(faults))
        return None

    async def send(
        self,
        client: httpx.AsyncClient,
        operation: str,
        items: Sequence[Item],
        now: datetime,  # noqa: ARG002 (of the signatures of others)
    ) -> list[Outcome]:
        """Send ratings in one call; of several rows each is answered by itself, or the call is refused as a whole."""
        cases = [self._case(item) for item in items]
        try:
            answer = await self._gateway.call(client, operation, _written(cases))
        except soap.Refused as refused:
            return [Outcome("invalid", refused.code, refused.words)] if len(items) == 1 else []
        if len(items) == 1:
            outcomes = [_outcome(_row(answer))]
        elif len(rows := answer.findall("data/Case")) == len(items):
            outcomes = [_outcome(row) for row in rows]
        elif (whole := _outcome(answer)).verdict == "unavailable" and whole.code != GOOD:
            raise Unavailable(f"{operation} answered {whole.code or 'without a code'}")
        else:
            return []
        return [
            outcome._replace(adjusted=self._is_early(item.values))
            for outcome, item in zip(outcomes, items, strict=True)
        ]

    async def renew(self, client: httpx.AsyncClient) -> None:
        """Get a new token, unless another call has by now."""
        await self._gateway.tokens.current(client)

    async def listing(self, client: httpx.AsyncClient, day: date) -> AsyncIterator[Theirs]:
        """Tell the ratings it holds of a day, page by page; a text that the list cuts short is asked for by itself."""
        page = told = 0
        while True:
            page += 1
            asked = {"startTime": f"{day} 00:00:00", "endTime": f"{day} 23:59:59", "pageNo": str(page)}
            answer = await self._gateway.ask(client, LIST, _written([asked | {"pageSize": str(PAGE)}]))
            rows = answer.findall("data/Case")
            for row in rows:
                if len(self._text(row)) < _number(row, "writingnum"):
                    unid = {"evaluateUnid": soap.text_of(row, "evaluateUnid")}
                    yield self._theirs(_row(await self._gateway.ask(client, DETAIL, _written([unid]))))
                else:
                    yield self._theirs(row)
            told += len(rows)
            if not rows or told >= _number(answer, "data/total"):
                return

    async def page_address(self, client: httpx.AsyncClient, values: Values) -> str:
        """Return the address of the platform's own page on which this case can be rated.

        Raises `Faults` where the case lacks what the platform asks for, and `Unavailable` with the code of a refusal.
        """
        known = {"backUrl": self._back_url, "pf5UrlType": "1", "assessNumber": 1, "serviceTime": self._clock()}
        case = self._members(PAGE_ADDRESS, known | values)
        answer = await self._gateway.ask(client, ADDRESS, _written([case]))
        if not (address := soap.text_of(answer, "data/url")):
            raise Unavailable(f"{ADDRESS} answered without an address")
        return address

    def _case(self, item: Item) -> dict[str, str]:
        """Write a rating; raises `Faults` with everything that is missing or wrong."""
        values = item.values
        if self._is_early(values):
            values = values | {"assessTime": values["serviceTime"]}
        return self._members(RATING, values)

    def _is_early(self, values: Values) -> bool:
        """Tell whether the assessTime lies before the serviceTime by no more than may be mended."""
        early = values["serviceTime"] - values["assessTime"] if values.get("serviceTime") else timedelta(0)
        return timedelta(0) < early <= self.peer.adjust

    def _members(self, mapping: Mapping, values: Values) -> dict[str, str]:
        """Write `values` by a mapping, in this deployment's spelling."""
        values = values | self._constants | {"region": self._region(values)}
        faults: list[Fault] = []
        members: dict[str, str] = {}
        try:
            members = mapping.write(values)
        except Faults as found:
            faults += found.faults
        if str(values.get("proStatus")) == DONE and not values.get("resultDate"):
            faults.append(Fault("resultDate", "已办结时为必填项"))
        if values.get("serviceTime") and values.get("assessTime") and values["assessTime"] < values["serviceTime"]:
            faults.append(Fault("assessTime", "早于服务时间 serviceTime"))
        for name, text in members.items():
            try:
                soap.writable(text)
            except Unmappable as why:
                faults.append(Fault(name, str(why)))
        if faults:
            raise Faults(faults)
        return {self._spelling.get(name, name): text for name, text in members.items()}

    def _region(self, values: Values) -> str:
        """Return the six digits of the area, as the platform calls it."""
        return self.peer.there(values.get("areaCode", ""))[:6]

    def _text(self, row: ET.Element) -> str:
        return row.findtext(self._spelling.get("writingevalua", "writingevalua")) or ""

    def _theirs(self, row: ET.Element) -> Theirs:
        """Read a row of the list."""
        told = {name: soap.text_of(row, self._spelling.get(name, name)) for name in TOLD}
        try:
            values: Values = {
                "projectNo": told["EXE_ID"],
                "serviceNumber": int(told["customFields"].rsplit(",", 2)[-2]),
                "assessNumber": int(told["evaluateType"]),
                "satisfaction": int(told["alternate"]),
                "pf": told["pf"],
                "evalDetail": tuple(code for code in re.split("[,，]", told["appraisald"]) if code),
                "assessTime": datetime.fromisoformat(told["assessTime"]).replace(tzinfo=SHANGHAI),
                "writingEvaluation": self._text(row),
            }
        except (ValueError, IndexError):
            raise Unavailable(f"{LIST} answered with a row that lacks a member or has one in another form") from None
        return Theirs(
            values["projectNo"],
            values["serviceNumber"],
            values["assessNumber"],
            told["regionCode"].ljust(12, "0"),
            values["pf"],
            values["satisfaction"],
            digest(values),
        )


TOLD = ["EXE_ID", "customFields", "evaluateType", "alternate", "pf", "appraisald", "assessTime", "regionCode"]


def _written(cases: Sequence[dict[str, str]]) -> bytes:
    """Write one case as the root `Case`, several as rows of `Cases`."""
    rows = [soap.element("Case", case) for case in cases]
    return soap.gb2312(rows[0] if len(rows) == 1 else soap.element("Cases", "".join(rows)))


def _row(answer: ET.Element) -> ET.Element:
    """Return what an answer to one row says of it: in `data/Case` or itself."""
    found = answer.find("data/Case")
    return answer if found is None else found


def _number(node: ET.Element, path: str) -> int:
    number = soap.text_of(node, path)
    return int(number) if number.isdecimal() else 0


def _outcome(row: ET.Element) -> Outcome:
    """Classify the answer to one rating."""
    code = soap.text_of(row, "code")
    words = soap.text_of(row, "msg", "message", "desc")
    receipt = soap.text_of(row, "data/evaluateUnid", "evaluateUnid")
    if code == GOOD and receipt:
        return Outcome("accepted", code, words, receipt)
    if code in {"", GOOD}:
        return Outcome("unavailable", code, words or "the platform gave no evaluateUnid")
    said: Verdict = next((verdict for pattern, verdict in VERDICTS if re.search(pattern, words)), "invalid")
    return Outcome(said, code, words, receipt)


DIALECT = Fujian
