"""The simulated platform of a Fujian-type province: a gateway with tokens, and SOAP operations behind it.

`GET /get-token` and `/refresh-token` → `access_token`; `POST /webservice/getSaveEvaluation` and its sisters → a SOAP
envelope with one line of escaped XML: `<Case><code>200</code><data><evaluateUnid>…`.
"""

import argparse
import base64
import hashlib
import json
import re
import secrets
import time
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from simulator import WORDS, Answer, Province, Record, Request, json_answer, main

SHANGHAI = ZoneInfo("Asia/Shanghai")
AHEAD = timedelta(minutes=20)  # how far ahead of the platform's clock an assessTime may be
CLOCK = 600.0  # seconds by which the timestamp of a token's sign may be off
REFRESHED = 2  # lives of a token, in which it can be refreshed
ROWS = 200  # of one call of 补报, of one page of the list
SHOWN = 100  # characters of a text that the list shows

REQUIRED = {
    "EXE_ID": 50,
    "itemCode": 50,
    "businessCode": 50,
    "businessName": 200,
    "proStatus": 1,
    "projectName": 200,
    "nodeName": 200,
    "regionCode": 6,
    "acceptDate": 19,
    "userProp": 1,
    "userName": 200,
    "userPageType": 3,
    "certKey": 50,
    "contactMobile": 50,
    "serviceTime": 19,
    "evaluateType": 1,
    "pf": 1,
    "type": 1,
    "customFields": 100,
}
RATED = {"alternate": 1, "assessTime": 19}
OPTIONAL = {
    "resultDate": 19,
    "handleUserName": 200,
    "handleUserPageType": 3,
    "handleUserPageCode": 50,
    "sysNo": 50,
    "appraisald": 200,
    "appraisaldnum": 2,
    "writingevalua": 500,
    "backUrl": 200,
    "pf5urltype": 1,
}
CODES = {
    "proStatus": "1 2 3",
    "userProp": "1 2 3 4 5 6 9",
    "userPageType": "111 114 118 414 511 516 001 821 999",
    "handleUserPageType": "111 114 118 414 511 516 001 821 999",
    "evaluateType": "1 2",
    "pf": "1 2 3 4 5 6 7",
    "type": "1 2 3",
    "alternate": "1 2 3 4 5",
}
TIMES = ("acceptDate", "resultDate", "serviceTime", "assessTime")

Members = dict[str, str]


class Wrong(Exception):
    """A refusal in the platform's words."""


class Blame(Exception):
    """A call that is none: answered by a fault envelope."""


class Call(NamedTuple):
    """A call after token, key and cipher were found right: the rows of its document."""

    operation: str
    rows: list[Members]


class Fujian(Province):
    """The simulated platform of a Fujian-type province: tokens, and SOAP with SM4 inside."""

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add the keys of the one client, the life of its tokens, and how it writes cipher texts."""
        parser.add_argument("--app-key", default="example-app-key", help="app_key (default: example-app-key)")
        parser.add_argument("--app-code", default="example-app-code", help="app_code (default: example-app-code)")
        parser.add_argument(
            "--token-life", type=float, default=3600.0, help="seconds that a token lives (default: 3600)"
        )
        parser.add_argument(
            "--encoding", choices=("base64", "hex"), default="base64", help="of xmlStr (default: base64)"
        )

    def handle(self, request: Request) -> Answer | None:
        """Give out a token, or do what is asked for with one."""
        folder, _, name = request.path.strip("/").rpartition("/")
        if request.method == "GET" and name in {"get-token", "refresh-token"} and not folder:
            return self._give_token(name, request.parameters())
        if request.method != "POST" or folder != "webservice" or name not in OPERATIONS:
            return None
        try:
            call = self._read(name, request)
        except Blame as blame:
            return fault(str(blame))
        if call is None:
            refused = json_answer({"error": "access_token_invalid", "error_description": "令牌无效或已过期"}, 400)
            return refused._replace(headers=(("x-error-code", "access_token_invalid"),))
        return envelope(name, OPERATIONS[name](self, call))

    def expire(self) -> None:
        """Revoke every token, those for refreshing too."""
        self.store.note("tokens", "{}")

    def _give_token(self, service: str, asked: Members) -> Answer:
        """Check the sign and answer a token and one to refresh it with."""
        now = time.time()
        stamp = asked.get("timestamp", "")
        sign = md5(self.options.app_code + stamp).hex()
        known: dict[str, float] = json.loads(self.store.noted("tokens") or "{}")
        if asked.get("app_key") != self.options.app_key or asked.get("sign", "").lower() != sign:
            return json_answer({"error": "sign_invalid"}, 400)
        if not stamp.isdecimal() or abs(int(stamp) / 1000 - now) > CLOCK:
            return json_answer({"error": "timestamp_invalid"}, 400)
        if service == "refresh-token" and known.get(f"refresh {asked.get('refresh_token')}", 0) < now:
            return json_answer({"error": "refresh_token_invalid"}, 400)
        life = self.options.token_life
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        known = {token: until for token, until in known.items() if until > now}
        known |= {access: now + life, f"refresh {refresh}": now + REFRESHED * life}
        self.store.note("tokens", json.dumps(known))
        return json_answer(
            {
                "access_token": access,
                "expires_in": f"{life:g}",
                "refresh_token": refresh,
                "re_expires_in": f"{REFRESHED * life:g}",
            }
        )

    def _read(self, operation: str, request: Request) -> Call | None:
        """Open the envelope and decipher what is in it; None where the token is not taken."""
        outer = document(request.body.decode(errors="replace"))
        said = {node.tag.rpartition("}")[2]: node.text or "" for node in outer.iter()}
        known: dict[str, float] = json.loads(self.store.noted("tokens") or "{}")
        kind, _, token = said.get("Authorization", "").partition(" ")
        if kind != "Basic" or known.get(token, 0) < time.time():
            return None
        if operation not in said:
            raise Blame(f"报文中没有操作 {operation}")
        if said.get("appKey") != self.options.app_key:
            raise Blame("appKey 不正确")
        try:
            cipher = said.get("xmlStr", "").encode()
            raw = bytes.fromhex(cipher.decode()) if self.options.encoding == "hex" else base64.b64decode(cipher)
            inner = decipher(md5(self.options.app_code), raw)
            if not re.match(rb'<\?xml version="1\.0" encoding="GB2312"\?>', inner):
                raise Blame("XML 声明不正确")
            root = document(inner.decode("gb2312"))
        except ValueError:
            raise Blame("xmlStr 解密失败") from None
        cases = root.findall("Case") if root.tag == "Cases" and operation == "getEvaluationSupplement" else [root]
        if not 0 < len(cases) <= ROWS or any(case.tag != "Case" for case in cases):
            raise Blame(f"报文应为一条 Case，补报不超过 {ROWS} 条")
        return Call(operation, [{member.tag: member.text or "" for member in case} for case in cases])

    def _save(self, call: Call) -> str:
        """Take one rating, or several of 补报, each with an answer of its own."""
        answers = [self._taken(row) for row in call.rows]
        return answers[0] if len(answers) == 1 else case("200", data="".join(answers))

    def _taken(self, row: Members) -> str:
        """Keep a rating, or say why not."""
        try:
            check(row, REQUIRED | RATED)
            record = read(row)
            self._keep(record)
        except Wrong as wrong:
            return case("500", str(wrong))
        return case("200", "保存成功", tag("evaluateUnid", unid(record)))

    def _keep(self, record: Record) -> None:
        if self.faults.refuses(record.key):
            raise Wrong(WORDS)
        if record.kind == "supplement" and not self.store.has(f"{record.project_no}|{record.service_number}|1"):
            raise Wrong("未找到首次评价，不能追加评价")
        if not self.store.put(record):
            raise Wrong("该办件的评价数据已存在，请勿重复提交！")

    def _address(self, call: Call) -> str:
        """Answer where the case can be rated."""
        try:
            check(call.rows[0], REQUIRED)
        except Wrong as wrong:
            return case("500", str(wrong))
        page = hashlib.sha256(call.rows[0]["EXE_ID"].encode()).hexdigest()[:32]
        return case("200", data=tag("url", f"http://127.0.0.1/evaluate/index?unid={page}"))

    def _list(self, call: Call) -> str:
        """Answer a page of what is held of a day, long texts cut short."""
        asked = call.rows[0]
        day, page, size = asked["startTime"][:10], int(asked["pageNo"]), min(int(asked["pageSize"]), ROWS)
        held = [record for kind in ("rating", "supplement") for record in self.store.of_day(kind, day)]
        rows = "".join(tag("Case", shown(record, SHOWN)) for record in held[(page - 1) * size : page * size])
        return case("200", data=tag("total", str(len(held))) + rows)

    def _detail(self, call: Call) -> str:
        """Answer one rating with all its text."""
        asked = call.rows[0].get("evaluateUnid")
        found = next((held.record for held in self.store.held() if unid(held.record) == asked), None)
        return case("500", "评价数据不存在") if found is None else case("200", data=tag("Case", shown(found)))


OPERATIONS = {
    "getSaveEvaluation": Fujian._save,  # noqa: SLF001 (its own)
    "getEvaluationSupplement": Fujian._save,  # noqa: SLF001
    "getSaveEvaluationUrl": Fujian._address,  # noqa: SLF001
    "getEvaluationList": Fujian._list,  # noqa: SLF001
    "getEvaluationDetail": Fujian._detail,  # noqa: SLF001
}


def md5(text: str) -> bytes:
    """Return the digest that keys and signs are made of."""
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def decipher(key: bytes, raw: bytes) -> bytes:
    """Decrypt SM4 in ECB with the padding of PKCS #7; raises ValueError."""
    decryptor, unpadder = Cipher(algorithms.SM4(key), modes.ECB()).decryptor(), PKCS7(128).unpadder()  # noqa: S305
    return unpadder.update(decryptor.update(raw) + decryptor.finalize()) + unpadder.finalize()


def document(text: str) -> ET.Element:
    """Read XML; a document type is refused, whatever it says."""
    if "<!DOCTYPE" in text:
        raise Blame("不接受文档类型声明")
    try:
        return ET.fromstring(re.sub(r"^<\?xml[^>]*\?>", "", text))  # noqa: S314 (see above)
    except ET.ParseError:
        raise Blame("XML 格式不正确") from None


def check(row: Members, required: dict[str, int]) -> None:
    """Raise `Wrong` with the first thing that is wrong with a row."""
    longest = required | OPTIONAL
    missing = [name for name in required if not row.get(name)]
    if row.get("proStatus") == "3" and not row.get("resultDate"):
        missing.append("resultDate")
    if missing:
        raise Wrong(f"{missing[0]}不能为空")
    for name, value in row.items():
        if name not in longest:
            raise Wrong(f"未知字段{name}")
        if len(value) > longest[name]:
            raise Wrong(f"{name}超过最大长度{longest[name]}")
        if name in CODES and value not in CODES[name].split():
            raise Wrong(f"{name}代码不正确")
    if not re.fullmatch("[^,]*,[0-9]{1,3},[0-9]{6}", row["customFields"]):
        raise Wrong("customFields格式不正确")
    if int(row.get("appraisaldnum") or 0) != len(tags(row)):
        raise Wrong("appraisaldnum与评价详情数不一致")
    check_times({name: moment(name, row[name]) for name in TIMES if row.get(name)})


def check_times(times: dict[str, datetime]) -> None:
    """Raise `Wrong` where a rating was made before the service, or will be made."""
    assessed = times.get("assessTime", times["serviceTime"])
    if assessed < times["serviceTime"]:
        raise Wrong("评价时间不能早于服务时间")
    if assessed > datetime.now(SHANGHAI) + AHEAD:
        raise Wrong("评价时间不能晚于当前时间")


def moment(name: str, text: str) -> datetime:
    """Read a time in the one form that is allowed."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        raise Wrong(f"{name}格式不正确") from None


def tags(row: Members) -> list[str]:
    """Return the codes of what the citizen ticked."""
    return [code for code in row.get("appraisald", "").split(",") if code]


def read(row: Members) -> Record:
    """Read a row that is right."""
    return Record(
        kind="supplement" if row["evaluateType"] == "2" else "rating",
        project_no=row["EXE_ID"],
        service_number=int(row["customFields"].split(",")[1]),
        assess_number=int(row["evaluateType"]),
        satisfaction=int(row["alternate"]),
        pf=row["pf"],
        eval_detail=tags(row),
        assess_time=row["assessTime"],
        service_time=row["serviceTime"],
        writing_evaluation=row.get("writingevalua", ""),
        area_code=row["regionCode"].ljust(12, "0"),
        extra=row,
    )


def shown(record: Record, longest: int | None = None) -> str:
    """Write a record as list and detail do, without who it was."""
    members = {
        "evaluateUnid": unid(record),
        "EXE_ID": record.project_no,
        "customFields": f",{record.service_number},{record.area_code[:6]}",
        "regionCode": record.area_code[:6],
        "evaluateType": str(record.assess_number),
        "alternate": str(record.satisfaction),
        "pf": record.pf,
        "appraisald": ",".join(record.eval_detail),
        "assessTime": record.assess_time,
        "writingevalua": record.writing_evaluation[:longest],
        "writingnum": str(len(record.writing_evaluation)),
    }
    return "".join(tag(name, escape(value, {"\r": "&#13;"})) for name, value in members.items())


def unid(record: Record) -> str:
    """Return the platform's own number of a rating."""
    return uuid5(NAMESPACE_URL, record.key).hex


def tag(name: str, content: str) -> str:
    """Write an element."""
    return f"<{name}>{content}</{name}>"


def case(code: str, words: str = "", data: str = "") -> str:
    """Write an answer."""
    return tag("Case", tag("code", code) + tag("msg", escape(words)) + tag("data", data))


def envelope(operation: str, inner: str) -> Answer:
    """Wrap an answer: one line of escaped XML."""
    said = escape(f'<?xml version="1.0" encoding="GB2312"?>{inner}')
    space = ' xmlns:web="http://webServiceInterface.cms.linewell.com"'
    return soap(f"<web:{operation}Response{space}><return>{said}</return></web:{operation}Response>")


def fault(words: str) -> Answer:
    """Wrap a fault that blames the caller."""
    said = tag("faultcode", "soap:Client") + tag("faultstring", escape(words))
    return soap(tag("soap:Fault", said), 500)


def soap(body: str, status: int = 200) -> Answer:
    """Wrap a body."""
    space = ' xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
    written = f"<soap:Envelope{space}><soap:Body>{body}</soap:Body></soap:Envelope>"
    return Answer(written.encode(), status, "text/xml; charset=utf-8")


if __name__ == "__main__":
    main(Fujian)
