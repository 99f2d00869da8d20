"""Shandong type (山东省好差评): service record, online and offline rating, everything under SM2.

A call carries an array of records, enciphered as a whole with the platform's public key. `sign` is no signature: it is
time, appMark and appWord, one after the other, enciphered likewise. The platform says no in three ways, one of which
begins with the word success. Addresses differ from place to place, hence the options.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import httpx
import msgspec

from haocha.peers import Peer
from haocha.sync import shandong_answers as answers
from haocha.sync.cipher import Form, Order, PrivateKey, PublicKey, Undecipherable
from haocha.sync.dialect import Dialect, Item, Kind, Outcome, Unavailable
from haocha.sync.mapping import Faults, Field, Mapping, Unmappable, Values, coded, compact, csv, first, local, moment
from haocha.sync.shandong_answers import Said

Operation: TypeAlias = Literal["service", "online", "offline"]
"""办件服务, 线上评价, 线下评价."""

# --- What is written. `required` is the platform's ★. Prefixes, districts and split codes are seen to before.


def _of_length(length: int) -> Callable[[str], str]:
    def form(code: str) -> str:
        if len(code) != length:
            raise Unmappable(f"应为 {length} 位编码")
        return code

    return form


def _matter_kind(code: str) -> str:
    return code if code in MATTER_KINDS else "99"


def _same(*codes: str) -> Callable[[Any], str]:
    return coded({code: code for code in codes})


MATTER_KINDS = frozenset({"01", "05", "07", "08", "09", "10", "20"})
"""许可 给付 确认 奖励 裁决 其他权力 公共服务; all other kinds of matters are 99."""
APPLICANTS = _same("1", "2", "3", "4", "5", "6", "9")
CERTIFICATES = _same("111", "114", "118", "414", "511", "516", "001", "821", "999")
CHANNELS = _same("1", "2", "3", "4", "5", "6", "7")
CASE_STATUS = _same("1", "2", "3")

CASE = (
    Field("areaCode", "areaCode", required=True, form=_of_length(12)),
    Field("deptCode", "deptCode", longest=18),
    Field("orgcode", "orgcode", required=True),
    Field("orgName", first("orgName", "deptName", "proDepart"), required=True),
    Field("deptName", "deptName"),
    Field("proDepart", first("proDepart", "deptName")),
    Field("taskType", "taskType", form=_matter_kind),
    Field("taskCode", "taskCode", required=True, form=_of_length(31)),
    Field("taskHandleItem", "taskHandleItem", form=_of_length(33)),
    Field("proTaskCode", "proTaskCode"),
    Field("taskName", "taskName", required=True),
    Field("proTaskName", "proTaskName"),
    Field("subMatter", "subMatter"),
    Field("projectNo", "projectNo", required=True),
    Field("proProjectNo", "proProjectNo"),
    Field("projectName", "projectName"),
    Field("projectType", "projectType", required=True),
    Field("proManager", first("proManager", "staffName")),
    Field("mobile", "mobile", required=True),
    Field("userName", "userName", required=True),
    Field("userProp", "userProp", required=True, form=APPLICANTS),
    Field("userPageType", "userPageType", required=True, form=CERTIFICATES),
    Field("creditType", "creditType"),
    Field("creditNum", "creditNum"),
    Field("handleUserName", "handleUserName"),
    Field("handleUserPageType", "handleUserPageType", form=CERTIFICATES),
    Field("handleUserPageCode", "handleUserPageCode"),
    Field("serviceName", "serviceName", required=True),
    Field("serviceTime", "serviceTime", required=True, form=local),
    Field("acceptDate", "acceptDate", form=moment),
    Field("resultDate", "resultDate", form=moment),
    Field("promiseDay", "promiseDay"),
    Field("promiseType", "promiseType", form=_same("0", "1", "2", "3")),
    Field("anticipateDay", "anticipateDay"),
    Field("anticipateType", "anticipateType", form=_same("0", "1", "2", "3")),
    Field("proChannel", "proChannel", form=_same("1", "2")),
    Field("promiseTime", "promiseTime", form=_same("1", "2", "9")),
    Field("dataSource", "dataSource", required=True),
)
"""A service record, but for the two members that follow."""

COUNT = {
    "serviceNumber": (
        Field("proStatus", "proStatus", required=True, form=CASE_STATUS),
        Field("serviceNumber", "serviceNumber", required=True),
    ),
    "proStatus": (Field("proStatus", "serviceNumber", required=True),),
}
"""Where a service record says which service of its case it is: deployed clients put the count into proStatus."""

CERTIFICATE = {
    "online": (Field("certKey", first("certKey", "certkeyGOV"), required=True),),
    "offline": (Field("certkeyGOV", first("certkeyGOV", "certKey"), required=True),),
}
"""The applicant's number goes by another name where he applied online (网上办理)."""

ONLINE = Mapping(
    (
        Field("projectNo", "projectNo", required=True),
        Field("serviceNumber", "serviceNumber", required=True),
        Field("assessNumber", "assessNumber", required=True),
        Field("satisfaction", "satisfaction", required=True),
        Field("pf", "pf", required=True, form=CHANNELS),
        Field("evalDetail", "evalDetail", form=csv),
        Field("writingEvaluation", "writingEvaluation"),
        Field("assessTime", "assessTime", required=True, form=local),
        Field("deptCode", "deptCode", longest=18),
        Field("proDepart", first("proDepart", "deptName")),
        Field("taskCode", "taskCode", form=_of_length(31)),
        Field("taskHandleItem", "taskHandleItem", form=_of_length(33)),
        Field("taskName", "taskName"),
        Field("subMatter", "subMatter"),
        Field("proStatus", "proStatus", form=CASE_STATUS),
        Field("certKey", "certKey", required=True),
        Field("userName", "userName", required=True),
        Field("userProp", "userProp", form=APPLICANTS),
        Field("userPageType", "userPageType", form=CERTIFICATES),
        Field("handleUserName", "handleUserName"),
        Field("handleUserPageType", "handleUserPageType", form=CERTIFICATES),
        Field("handleUserPageCode", "handleUserPageCode"),
        Field("promisetime", "promiseTime", form=_same("1", "2", "9")),  # spelled so here, and only here
        Field("acceptDate", "acceptDate", form=moment),
        Field("dataSource", "dataSource", required=True),
    )
)
"""线上评价, and every 追评: no other form has an assessNumber. A `vcode` is the platform's own pages' affair."""

OFFLINE = Mapping(
    (
        Field("projectNo", "projectNo", required=True),
        Field("serviceNumber", "serviceNumber", required=True),
        Field("satisfaction", "satisfaction", required=True),
        Field("pf", "pf", required=True, form=CHANNELS),
        Field("evalDetail", "evalDetail", form=csv),
        Field("writingEvaluation", "writingEvaluation"),
        Field("assessTime", "assessTime", required=True, form=local),
        Field("taskType", "taskType", form=_matter_kind),
        Field("name", "name"),
    )
)
"""线下评价, the short form: halls, and whoever is anonymous."""

PREFIX = "37"
HALL_DEVICES = frozenset({"4", "5"})

SELF_BUILT = "自建事项（事项编码含 {marker}）不上报"
NO_CASE = "无办件的评价在该平台没有对应的接口"
NO_ROUND = "线下评价的报文没有评价次数，实名信息不全的追评无法上报"
TOO_EARLY = "评价时间早于服务时间 {lag}，平台拒收（该平台允许的调整：{allowed}）"

OPTIONS = frozenset(
    {"app_mark", "tenancy", "service_path", "online_path", "offline_path", "cipher_order", "cipher_04"}
    | {"project_prefix", "data_source", "count_in", "self_built"}
)


class Shandong(Dialect):
    """One platform of this type.

    Options: app_mark; tenancy (of the header), service_path, online_path, offline_path, cipher_order, cipher_04,
    project_prefix, data_source, count_in (a key of `COUNT`), self_built (what a task code that is not reported has in
    it; "" reports all). Secrets: app_word, public_key (the platform's) and, where it lists what became of each record,
    private_key (ours).
    """

    name: ClassVar[str] = "shandong"
    version: ClassVar[str] = "2026.1"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"service", "rating", "supplement"})
    usual: ClassVar[int] = 10

    def __init__(self, peer: Peer) -> None:
        """Read options and keys."""
        super().__init__(peer)
        if unknown := sorted(set(peer.options) - OPTIONS):
            raise ValueError(f"options {', '.join(unknown)} are not known to the dialect shandong")
        self._app_mark = peer.option("app_mark", "")
        if not self._app_mark:
            raise ValueError("option app_mark is missing: the name by which the platform knows this system")
        tenancy = peer.option("tenancy", "370000000000")
        self._headers = {"Content-Type": "application/json;charset=UTF-8"}
        self._headers |= {"C-Tenancy-Id": tenancy} if tenancy else {}
        self._address = {
            "service": peer.url + peer.option("service_path", "/project/submit"),
            "online": peer.url + peer.option("online_path", "/project/submit"),
            "offline": peer.url + peer.option("offline_path", "/offline/submit"),
        }
        order = peer.option("cipher_order", "C1C3C2")
        if order not in get_args(Order):
            raise ValueError(f"option cipher_order must be C1C3C2 or C1C2C3, not {order}")
        self._form = Form(order, marked=peer.option("cipher_04", default=True))
        self._prefix = peer.option("project_prefix", PREFIX)
        self._data_source = peer.option("data_source", "165")
        self._self_built = peer.option("self_built", "00000000")
        count_in = peer.option("count_in", "serviceNumber")
        if count_in not in COUNT:
            raise ValueError(f"option count_in must be one of {', '.join(COUNT)}, not {count_in}")
        self._service = {way: Mapping((*CASE, *COUNT[count_in], *number)) for way, number in CERTIFICATE.items()}
        self._app_word = peer.secret("app_word")
        try:
            self._key = PublicKey(peer.secret("public_key"))
        except ImportError as error:
            raise ValueError(str(error)) from error
        self._own = PrivateKey.read(peer.secrets["private_key"]) if "private_key" in peer.secrets else None

    def operation(self, item: Item) -> Operation:
        """Tell the forms apart: the online one needs to know who rates, and a 追评 has no other."""
        values = item.values
        if item.kind == "service":
            return "service"
        named = values.get("isAnonymity") != "1" and values.get("certKey") and values.get("userName")
        return "online" if named and (item.kind == "supplement" or values["pf"] not in HALL_DEVICES) else "offline"

    def limit(self, operation: str) -> int:
        """Return how many records an array holds; no limit is known, one in a call is what deployed clients send."""
        del operation
        return self.peer.batch or self.usual

    def check(self, item: Item, now: datetime) -> Outcome | None:
        """Find what has no form, what lacks a member and what the platform's rule of time refuses."""
        del now
        if item.values.get("noCase"):
            return Outcome("notReportable", words=NO_CASE)
        if self._self_built and self._self_built in item.values.get("taskCode", ""):
            return Outcome("notReportable", words=SELF_BUILT.format(marker=self._self_built))
        operation = self.operation(item)
        if item.kind == "supplement" and operation == "offline":
            return Outcome("notReportable", words=NO_ROUND)
        if (lag := _lag(item.values)) > self.peer.adjust:
            return Outcome("invalid", words=TOO_EARLY.format(lag=_spoken(lag), allowed=_spoken(self.peer.adjust)))
        try:
            self._written(operation, item.values)
        except Faults as faults:
            return Outcome("invalid", words=str(faults))
        return None

    def _written(self, operation: str, values: Values) -> dict[str, str]:
        """Write one record; raises `Faults`."""
        area = self._area(values.get("areaCode", ""))
        task, handle_item = _task(values.get("taskCode", ""), values.get("taskHandleItem", ""))
        named = values.get("isAnonymity") != "1"
        known = values | {
            "projectNo": self._case_number(values["projectNo"]),
            "areaCode": area,
            "orgcode": f"{area}_{values['deptCode']}" if values.get("deptCode") else "",
            "taskCode": task,
            "taskHandleItem": handle_item,
            "dataSource": self._data_source,
            "name": values.get("userName", "") if named else "",
        }
        if _lag(values):
            known["assessTime"] = values["serviceTime"]
        match operation:
            case "service":
                online = values.get("proChannel") == "1" or not values.get("certkeyGOV")
                return self._service["online" if online and values.get("certKey") else "offline"].write(known)
            case "online":
                return ONLINE.write(known)
            case _:
                return OFFLINE.write(known)

    @classmethod
    def numbers(cls, peer: Peer, project_no: str) -> tuple[str, ...]:
        """Return a case's number without the prefix and with it: some of our systems have it already."""
        bare = project_no.removeprefix(peer.option("project_prefix", PREFIX))
        return (bare, project_no) if bare != project_no else (project_no,)

    def _case_number(self, number: str) -> str:
        """Return a projectNo as the platform knows it: some systems bring its prefix along, most do not."""
        return number if number.startswith(self._prefix) else self._prefix + number

    def _area(self, code: str) -> str:
        """Return an areaCode with its 12 digits, under the name that a merged district has there."""
        return code and self.peer.there(code).ljust(12, "0")

    async def send(
        self, client: httpx.AsyncClient, operation: str, items: Sequence[Item], now: datetime
    ) -> list[Outcome]:
        """Send an array of records."""
        records = [self._written(operation, item.values) for item in items]
        time = compact(now)
        body = {
            "txnBodyCom": {
                "sign": self._sealed(f"{time}{self._app_mark}{self._app_word}".encode()),
                "time": time,
                "appMark": self._app_mark,
                "params": {"evaluate": [self._sealed(msgspec.json.encode(records))]},
            },
            "txnCommCom": {},
        }
        answer = await client.post(self._address[operation], content=msgspec.json.encode(body), headers=self._headers)
        return [
            outcome._replace(adjusted=bool(_lag(item.values)))
            for outcome, item in zip(self._outcomes(records, answers.read(answer)), items, strict=False)
        ]

    def _sealed(self, message: bytes) -> str:
        return self._key.encrypt(message, self._form).hex()

    def _outcomes(self, records: Sequence[dict[str, str]], said: Said) -> list[Outcome]:
        """Classify the answer for each record, or not at all where one of them may have spoilt the others."""
        if single := self._listed(records, said.listed):
            return [answers.outcome(one) for one in single]
        if said.taken or len(records) == 1:
            return [answers.outcome(said)] * len(records)
        if answers.NOT_THE_ITEMS.search(said.words):
            raise Unavailable(said.words)
        return []

    def _listed(self, records: Sequence[dict[str, str]], ciphers: tuple[str, ...]) -> list[Said]:
        """Return what the platform says of each record, nothing where it does not say it of all or not to us."""
        found: dict[tuple[str, str], Said] = {}
        if self._own is None:
            return []
        try:
            for cipher in ciphers[: len(records)]:  # deciphering takes its time
                told = msgspec.json.decode(self._own.decrypt(bytes.fromhex(cipher), self._form))
                for one in told if isinstance(told, list) else [told]:
                    found[str(one["projectNo"]), str(one["serviceNumber"])] = answers.plain(one)
            return [
                found[record["projectNo"], record.get("serviceNumber") or record["proStatus"]] for record in records
            ]
        except (Undecipherable, msgspec.MsgspecError, ValueError, TypeError, KeyError):
            return []


def _task(code: str, handle_item: str) -> tuple[str, str]:
    """Return task code (31) and 业务办理项 (33): the latter is sometimes given as the former, and begins with it."""
    return (code[:31], handle_item or code) if len(code) == 33 else (code, handle_item)  # noqa: PLR2004


def _lag(values: Values) -> timedelta:
    """Return by how many whole seconds, as the wire has them, a rating lies before its service; usually none."""
    assessed: datetime | None = values.get("assessTime")
    served: datetime | None = values.get("serviceTime")
    if assessed is None or served is None:
        return timedelta(0)
    return max(timedelta(0), served.replace(microsecond=0) - assessed.replace(microsecond=0))


def _spoken(time: timedelta) -> str:
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    return f"{minutes} 分 {seconds} 秒" if seconds else f"{minutes} 分钟"


DIALECT = Shandong
