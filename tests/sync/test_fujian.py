"""The Fujian type: what is written, how answers are understood."""

import base64
import hashlib
import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from haocha.sync import soap
from haocha.sync.cipher import sm4_decrypt
from haocha.sync.dialect import Item, Outcome, Unavailable
from haocha.sync.fujian import SAVE, SUPPLEMENT, Fujian
from tests.sync.answering import Answering, answer
from tests.sync.fujian_cases import CASE, CODE, KEY, NOW, dialect, item


async def sent(to: Fujian, platform: Answering, *items: Item) -> ET.Element:
    """Send items and return the XML that the platform deciphers."""
    platform.answers.append(case("200", "", "<evaluateUnid>U</evaluateUnid>"))
    async with httpx.AsyncClient() as client:
        await to.send(client, to.operation(items[0]), items, NOW)
    envelope = ET.fromstring(platform.asked[-1].body)  # noqa: S314 (ours)
    assert envelope.findtext(".//appKey") == KEY
    assert envelope.findtext(".//Authorization") == "Basic T1"
    cipher = envelope.findtext(".//xmlStr")
    raw = bytes.fromhex(cipher) if to.peer.options.get("encoding") == "hex" else base64.b64decode(cipher)
    inner = sm4_decrypt(hashlib.md5(CODE.encode(), usedforsecurity=False).digest(), raw).decode("gb2312")
    assert inner.startswith('<?xml version="1.0" encoding="GB2312"?>')
    return ET.fromstring(inner)  # noqa: S314 (ours)


def case(code: str, words: str = "", data: str = "") -> bytes:
    """Write an answer as the platform does: escaped XML in one line, inside an envelope."""
    inner = f"<Case><code>{code}</code><msg>{words}</msg><data>{data}</data></Case>"
    escaped = inner.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return answer(
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f"<ns2:getSaveEvaluationResponse xmlns:ns2='urn:x'><return>{escaped}</return></ns2:getSaveEvaluationResponse>"
        "</soap:Body></soap:Envelope>"
    )


def fault(code: str, words: str) -> bytes:
    """Write a fault envelope."""
    return answer(
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>'
        f"<faultcode>soap:{code}</faultcode><faultstring>{words}</faultstring></soap:Fault></soap:Body></soap:Envelope>",
        500,
    )


async def test_a_rating_is_written_with_its_case():
    """Every member by the platform's name, in its code, in one `Case`."""
    async with Answering().open() as platform:
        root = await sent(dialect(platform.url), platform, item())
    assert root.tag == "Case"
    assert {member.tag: member.text for member in root} == {
        "EXE_ID": "990100-2026-0007",
        "itemCode": "990111000000000000000000000001X",
        "businessCode": "990111000000000000000000000001X",
        "businessName": "户口迁移",
        "proStatus": "3",
        "projectName": "云岫的户口迁移",
        "nodeName": "办结",
        "regionCode": "990101",
        "acceptDate": "2026-11-18 09:00:00",
        "resultDate": "2026-11-20 09:50:00",
        "userProp": "1",
        "userName": "云小满",
        "userPageType": "111",
        "certKey": "990101190001010017",
        "contactMobile": "19900000017",
        "serviceTime": "2026-11-20 09:55:00",
        "evaluateType": "1",
        "pf": "4",
        "type": "1",
        "customFields": "P，7,2,990101",
        "alternate": "1",
        "assessTime": "2026-11-20 10:05:07",
        "appraisald": "110,115",
        "appraisaldnum": "2",
        "writingevalua": "等了 <两> 个小时 & 没人理",
    }


async def test_a_deployment_may_differ():
    """Hex, another network and path, its own spelling, a system number, merged districts."""
    options = {
        "encoding": "hex",
        "network": "3",
        "service": "a/b/",
        "system": "S1",
        "spelling": {"EXE_ID": "projectNo"},
    }
    async with Answering().open() as platform:
        to = dialect(platform.url, options=options, districts={"990101": "990188"})
        root = await sent(to, platform, item(handleUserName="岚谷雨", handleUserPageType="414"))
    assert platform.asked[-1].target == "/gateway/a/b/getSaveEvaluation?wsdl"
    assert {
        "projectNo": "990100-2026-0007",
        "type": "3",
        "sysNo": "S1",
        "regionCode": "990188",
        "handleUserName": "岚谷雨",
    }.items() <= {member.tag: member.text for member in root}.items()


@pytest.mark.parametrize("text", ["喆㛃𠮷—·―・「囍」\n😀\ttab\r\nend", " 前后有空格 "])
async def test_no_character_is_lost(text: str):
    """What GB2312 cannot hold goes as a character reference, and comes out as it went in."""
    async with Answering().open() as platform:
        root = await sent(dialect(platform.url), platform, item(writingEvaluation=text, userName="云喆"))
    assert (text, "云喆") == (root.findtext("writingevalua"), root.findtext("userName"))


async def test_several_rows_go_as_one_document():
    """补报 has a `Case` for each rating, in their order."""
    old = NOW - timedelta(days=3)
    rows = [item(number, projectNo=f"99-{number}", receivedAt=old) for number in (1, 2, 3)]
    async with Answering().open() as platform:
        root = await sent(dialect(platform.url), platform, *rows)
        assert platform.asked[-1].target.endswith("/getEvaluationSupplement?wsdl")
    assert root.tag == "Cases"
    assert [row.findtext("EXE_ID") for row in root] == ["99-1", "99-2", "99-3"]


def test_backlog_goes_by_its_own_operation():
    """What was received more than a day ago is 补报, up to 200 rows a call; what is fresh goes by itself."""
    to = dialect()
    assert to.operation(item(receivedAt=NOW - timedelta(hours=23))) == SAVE
    assert to.operation(item(receivedAt=NOW - timedelta(hours=25))) == SUPPLEMENT
    assert (to.limit(SAVE), to.limit(SUPPLEMENT)) == (1, 200)
    assert (dialect(batch=50).limit(SUPPLEMENT), dialect(batch=5000).limit(SUPPLEMENT)) == (50, 200)


def test_everything_that_is_missing_is_named():
    """A dead letter says by the platform's names what to mend, all at once, and never a value."""
    required = "EXE_ID itemCode businessCode businessName proStatus projectName nodeName regionCode acceptDate userProp"
    required += " userName userPageType certKey contactMobile serviceTime evaluateType pf alternate"
    to, bare = dialect(), item()._replace(values={"assessTime": NOW, "receivedAt": NOW})
    verdict = to.check(bare, NOW)
    assert verdict.verdict == "invalid"
    assert required.split() == re.findall(r"(\w+) 缺少必填项", verdict.words)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"resultDate": ""}, "resultDate 已办结时为必填项"),
        ({"userPageType": "31"}, "userPageType 没有对应的代码（31）"),
        ({"acceptDate": "昨天"}, "acceptDate 不是时间"),
        ({"writingEvaluation": "好\ufffe"}, "writingevalua 含有 XML 不能表示的字符 U+FFFE"),
        ({"projectNo": "9" * 51}, "EXE_ID 超过 50 个字符"),
        ({"assessTime": CASE["serviceTime"] - timedelta(seconds=1)}, "assessTime 早于服务时间 serviceTime"),
        ({"assessTime": NOW + timedelta(minutes=20, seconds=1)}, "assessTime 超前平台时间 20 分钟以上"),
    ],
)
def test_what_the_platform_would_refuse_is_not_sent(values: dict[str, Any], words: str):
    """Codes, forms, lengths and the rules for clocks are checked here, in one sentence each."""
    assert Outcome("invalid", words=words) == dialect().check(item(**values), NOW)


def test_an_anonymous_rating_has_no_form_there():
    """The interface demands a person."""
    assert dialect().check(item(isAnonymity="1"), NOW).verdict == "notReportable"
    assert dialect().check(item(isAnonymity="2"), NOW) is None


async def test_a_clock_that_is_ahead_is_reported_as_it_was():
    """Twenty minutes are permitted to every client; nothing is shifted."""
    ahead = NOW + timedelta(minutes=20)
    async with Answering().open() as platform:
        to = dialect(platform.url)
        assert to.check(item(assessTime=ahead), NOW) is None
        root = await sent(to, platform, item(assessTime=ahead))
    assert root.findtext("assessTime") == "2026-11-20 12:20:00"


async def test_a_time_before_the_service_is_raised_only_where_that_is_permitted():
    """Raised to the service time, and marked; further than permitted it is refused."""
    early = CASE["serviceTime"] - timedelta(minutes=3)
    async with Answering().open() as platform:
        to = dialect(platform.url, adjust=timedelta(minutes=3))
        assert to.check(item(assessTime=early), NOW) is None
        assert to.check(item(assessTime=early - timedelta(seconds=1)), NOW).verdict == "invalid"
        platform.answers = [case("200", "", "<evaluateUnid>U1</evaluateUnid>")]
        async with httpx.AsyncClient() as client:
            assert [Outcome("accepted", "200", "", "U1", adjusted=True)] == await to.send(
                client, SAVE, [item(assessTime=early)], NOW
            )
        assert (await sent(to, platform, item(assessTime=early))).findtext("assessTime") == "2026-11-20 09:55:00"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoding": "utf-8"}, "option encoding must be base64 or hex"),
        ({"network": "4"}, "option network must be 1, 2 or 3"),
        ({"service": 7}, "option service must be str"),
        ({"spelling": {"EXEID": "projectNo"}}, "option spelling: EXEID = 'projectNo'"),
        ({"spelling": {"EXE_ID": "project No"}}, "option spelling: EXE_ID = 'project No'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str):
    """The operator reads which option and what it must be."""
    with pytest.raises(ValueError, match=words):
        dialect(options=options)


def test_missing_secrets_are_named():
    """Both are needed."""
    with pytest.raises(ValueError, match="secret app_code is missing"):
        dialect(secrets={"app_key": KEY})


HTML = "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        (case("200", "成功", "<evaluateUnid>U7</evaluateUnid>"), Outcome("accepted", "200", "成功", "U7")),
        (
            case("500", "该评价数据已存在，请勿重复提交！"),
            Outcome("duplicate", "500", "该评价数据已存在，请勿重复提交！"),
        ),
        (case("500", "未找到首次评价"), Outcome("noService", "500", "未找到首次评价")),
        (case("500", "系统繁忙，请稍后再试"), Outcome("unavailable", "500", "系统繁忙，请稍后再试")),
        (case("500", "没有对应的事项"), Outcome("invalid", "500", "没有对应的事项")),
        (case("500", "评价时间已超时限"), Outcome("invalid", "500", "评价时间已超时限")),
        (case("500", "userProp代码不正确"), Outcome("invalid", "500", "userProp代码不正确")),
        (case("200"), Outcome("unavailable", "200", "the platform gave no evaluateUnid")),
        (fault("Client", "xmlStr 解密失败"), Outcome("invalid", "Client", "xmlStr 解密失败")),
    ],
)
async def test_answers_are_understood(came: bytes, expected: Outcome):
    """Success needs its receipt; a refusal is known by its words."""
    async with Answering().open() as platform, httpx.AsyncClient() as client:
        platform.answers = [came]
        assert [expected] == await dialect(platform.url).send(client, SAVE, [item()], NOW)


@pytest.mark.parametrize(
    "came",
    [
        answer(HTML, kind="text/html"),
        answer(HTML, 502, "text/html"),
        answer("", 504),
        answer(case("200").partition(b"\r\n\r\n")[2][:200]),
        answer("<Case><code>200</code></Case>"),
        answer('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'),
        answer(b'<?xml version="1.0" encoding="GBK"?><a>\xff\xff</a>'),
        fault("Server", "java.lang.NullPointerException"),
    ],
)
async def test_what_is_no_answer_is_tried_again(came: bytes):
    """A page, an error, half a message, entities to expand, a fault of theirs: nothing was said about the rating."""
    async with Answering().open() as platform, httpx.AsyncClient() as client:
        platform.answers = [came]
        with pytest.raises(Unavailable):
            await dialect(platform.url).send(client, SAVE, [item()], NOW)


def test_answer_in_an_encoding_that_no_platform_has_is_none():
    """Of those that Python knows, some take for ever over a long text."""
    declared = '<?xml version="1.0" encoding="{}"?><a/>'
    assert "<a/>" in soap.decoded(httpx.Response(200, text=declared.format("GB2312")))
    with pytest.raises(Unavailable):
        soap.decoded(httpx.Response(200, text=declared.format("unicode_escape")))


async def test_rows_are_answered_one_by_one():
    """Each row has its own verdict; without as many answers as rows the call is to be repeated in halves."""
    rows = "<Case><code>200</code><data><evaluateUnid>U1</evaluateUnid></data></Case>"
    rows += "<Case><code>500</code><msg>重复提交</msg></Case>"
    async with Answering().open() as platform, httpx.AsyncClient() as client:
        to = dialect(platform.url)
        platform.answers = [
            case("200", "", rows),
            case("200", "成功"),
            case("500", "数据格式错误"),
            fault("Client", "太长"),
        ]
        outcomes = await to.send(client, SUPPLEMENT, [item(1), item(2)], NOW)
        assert [outcome.verdict for outcome in outcomes] == ["accepted", "duplicate"]
        for _ in range(3):
            assert await to.send(client, SUPPLEMENT, [item(1), item(2)], NOW) == []
        platform.answers = [case("500", "系统繁忙")]
        with pytest.raises(Unavailable, match="getEvaluationSupplement answered 500"):
            await to.send(client, SUPPLEMENT, [item(1), item(2)], NOW)
