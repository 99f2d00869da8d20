"""The Zhejiang dialect: what it writes, what it reads out of literal answers, and the simulated platform's own mind."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.sync.dialect import Item, Outcome, Unavailable, dialect_of
from haocha.sync.zhejiang import AHEAD, NO_CHANNEL, ONE_SERVICE, classify
from tests.sync.provinces import province

NOW = datetime.now(UTC).replace(microsecond=0)
AT = NOW - timedelta(minutes=20)
RATING = {
    "projectNo": "99330001",
    "serviceNumber": 1,
    "assessNumber": 1,
    "satisfaction": 2,
    "pf": "7",
    "evalDetail": ("208", "213"),
    "writingEvaluation": "材料清单不全 & 让我跑了两趟",
    "assessTime": AT,
    "areaCode": "990100000000",
    "deptCode": "11990100000000001A",
    "deptName": "虚市场监管局",
    "staffName": "甲某",
    "taskCode": "11990100000000001A4000120001000",
    "taskName": "个体工商户设立登记",
    "proStatus": "3",
    "promiseTime": "1",
    "acceptDate": "2026-11-19T09:00:00+08:00",
    "userName": "虚拟人",
    "userProp": "6",
    "certKey": "99010019000101001X",
}
FORM = {
    "areaCode": "990100000000",
    "deptCode": "11990100000000001A",
    "taskCode": "11990100000000001A4000120001000",
    "taskName": "个体工商户设立登记",
    "projectNo": "99330001",
    "proStatus": "3",
    "proDepartCode": "11990100000000001A",
    "proDepart": "虚市场监管局",
    "proManager": "甲某",
    "pf": "6",
    "certkeyGOV": "99010019000101001X",
    "userName": "虚拟人",
    "userProp": "2",
    "satisfaction": "2",
    "evalDetail": "208,213",
    "writingEvaluation": "材料清单不全 & 让我跑了两趟",
    "assessTime": f"{AT.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
    "assessNumber": "1",
    "promiseTime": "2",
    "acceptDate": "2026-11-19 09:00:00",
    "dataSource": "133",
}


def peer(url: str = "http://127.0.0.1:9", **members) -> Peer:
    """Return a peer of this type."""
    return Peer(name="province", dialect="zhejiang", url=url, **members)


def item(**values) -> Item:
    """Return a rating, or the 追评 where assessNumber is 2, with some values of its own; None takes one away."""
    known = {name: value for name, value in (RATING | values).items() if value is not None}
    kind = "supplement" if known["assessNumber"] == 2 else "rating"
    key = f"{kind}|{known['projectNo']}|{known['serviceNumber']}"
    return Item(1, kind, key, uuid4(), 1, None, NOW, known, 0)


async def sent(url: str, one: Item, **members) -> Outcome:
    """Send an item to a platform and return its outcome."""
    dialect = dialect_of(peer(url, **members))
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        (outcome,) = await dialect.send(client, dialect.operation(one), [one], NOW)
    return outcome


@pytest.fixture
async def platform(tmp_path):
    """Run the simulated platform."""
    async with province("zhejiang", tmp_path) as running:
        yield running


async def test_form_that_arrives_is_the_platforms(platform):
    """Names, codes and times are the platform's; dept and staff names stand in for what the service record lacks."""
    assert await sent(platform.url, item()) == Outcome("accepted", "1", "成功")
    (held,) = await platform.records()
    assert held["extra"] == FORM


async def test_what_arrives_is_the_rating_that_was_given(platform):
    """Read back into our codes by the platform's own tables it is the same rating."""
    assert (await sent(platform.url, item())).verdict == "accepted"
    (held,) = await platform.records(kind="rating")
    expected = {name: RATING[name] for name in ("projectNo", "serviceNumber", "assessNumber", "satisfaction", "pf")}
    expected |= {name: RATING[name] for name in ("writingEvaluation", "areaCode")}
    assert held | expected == held
    assert (held["evalDetail"], held["assessTime"]) == (["208", "213"], FORM["assessTime"])


async def test_options_and_merged_districts_are_written(platform):
    """What is called dataSource and appStatus there is the city's to set; a merged district goes by its new code."""
    options = {"data_source": "133", "app_status": "1"}
    assert (await sent(platform.url, item(), options=options, districts={"9901": "9977"})).verdict == "accepted"
    (held,) = await platform.records()
    assert held["areaCode"] == "997700000000"
    assert held["extra"] == FORM | {"areaCode": "997700000000", "appStatus": "1"}


async def test_repeat_is_a_duplicate_and_as_good(platform):
    """What was sent again after a lost answer is held once."""
    assert (await sent(platform.url, item())).verdict == "accepted"
    expected = Outcome("duplicate", "0", "本次服务已存在评价，请勿重复评价！")
    assert await sent(platform.url, item()) == expected
    assert [held["times"] for held in await platform.records()] == [2]


async def test_supplement_needs_its_rating(platform):
    """A 追评 whose rating the platform does not hold is told apart from one that says something wrong."""
    second = item(assessNumber=2, satisfaction=4)
    assert (await sent(platform.url, second)).verdict == "noService"
    await sent(platform.url, item())
    assert (await sent(platform.url, second)).verdict == "accepted"
    assert [held["kind"] for held in await platform.records()] == ["rating", "supplement"]


async def test_rating_without_identity_is_taken(platform):
    """An anonymous citizen counts like any other."""
    anonymous = item(userName=None, certKey=None, userProp=None, evalDetail=(), writingEvaluation=None)
    assert (await sent(platform.url, anonymous)).verdict == "accepted"
    (held,) = await platform.records()
    assert not {"userName", "certkeyGOV", "userProp", "evalDetail", "writingEvaluation"} & held["extra"].keys()


async def test_platform_refuses_what_the_dialect_would_not_send(platform):
    """Were the mapping wrong, the platform would say so: codes, lengths, required members, times."""
    async with httpx.AsyncClient(base_url=platform.url, timeout=30, trust_env=False) as client:
        for wrong, words in {
            ("pf", "8"): "pf代码不正确",
            ("writingEvaluation", "长" * 501): "writingEvaluation超过最大长度500",
            ("taskCode", ""): "taskCode不能为空",
            ("assessTime", f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d %H:%M:%S}"): "评价时间不能晚于当前时间",
            ("assessTime", "20261120094107"): "assessTime格式不正确",
            ("serviceNumber", "1"): "未知参数serviceNumber",
        }.items():
            answer = await client.post("/report", data=FORM | dict([wrong]))
            assert answer.json() == {"result": "0", "resultmsg": words}
        assert (await client.post("/report", json=FORM)).json() == {"result": "0", "resultmsg": "请求格式不正确"}
        assert (await client.get("/report")).status_code == 404
    assert await platform.records() == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"result":"1","resultmsg":"成功"}', Outcome("accepted", "1", "成功")),
        ('{"result":1}', Outcome("accepted", "1", "")),
        ('{"result":"0","resultmsg":"已存在，请勿重复评价！"}', Outcome("duplicate", "0", "已存在，请勿重复评价！")),
        ('{"result":"0","resultmsg":"评价数据不可重复"}', Outcome("duplicate", "0", "评价数据不可重复")),
        ('{"result":"0","resultmsg":"没有对应的服务数据"}', Outcome("noService", "0", "没有对应的服务数据")),
        ('{"result":"0","resultmsg":"系统繁忙，请稍后再试"}', Outcome("unavailable", "0", "系统繁忙，请稍后再试")),
        ('{"result":"0","resultmsg":"taskCode不能为空"}', Outcome("invalid", "0", "taskCode不能为空")),
        ('{"result":false,"resultmsg":null}', Outcome("invalid", "False", "")),
    ],
)  # fmt: skip
def test_answer_is_read(answer, expected):
    """`result` says whether it was taken, its words why not; silence is no success."""
    assert classify(httpx.Response(200, text=answer), "1") == expected


def test_what_success_is_called_may_be_set():
    """Another deployment says true; then 1 is none."""
    assert classify(httpx.Response(200, text='{"result":true,"resultmsg":""}'), "true").verdict == "accepted"
    assert classify(httpx.Response(200, text='{"result":"1","resultmsg":""}'), "true").verdict == "invalid"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, "<html><body>系统繁忙</body></html>"),
        (502, "<html>Bad Gateway</html>"),
        (500, '{"result":"0","resultmsg":"空指针"}'),
        (404, '{"status":404,"error":"Not Found"}'),
        (200, '{"result":'),
        (200, ""),
    ],
)
def test_what_is_no_answer_is_tried_again(status, answer):
    """Neither an error page with status 200 nor a refusal with status 500 is what the platform thinks of a rating."""
    with pytest.raises(Unavailable, match=f"HTTP {status}"):
        classify(httpx.Response(status, text=answer), "1")


def test_answer_in_another_encoding_is_tried_again():
    """JSON is UTF-8: what of another encoding says yes or no is anybody's guess."""
    with pytest.raises(Unavailable, match="HTTP 200"):
        classify(httpx.Response(200, content='{"result":"0","resultmsg":"参数错误"}'.encode("gbk")), "1")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"pf": "6"}, Outcome("notReportable", words=NO_CHANNEL)),
        ({"serviceNumber": 2}, Outcome("notReportable", words=ONE_SERVICE)),
        ({"assessTime": NOW + timedelta(minutes=10)}, None),
        ({"assessTime": NOW + timedelta(minutes=11)}, Outcome("invalid", words=AHEAD)),
        ({"taskCode": None, "deptName": None}, Outcome("invalid", words="taskCode 缺少必填项；proDepart 缺少必填项")),
        ({"promiseTime": "9"}, Outcome("invalid", words="promiseTime 没有对应的代码（9）")),
        ({"acceptDate": "昨天"}, Outcome("invalid", words="acceptDate 不是时间")),
        ({"taskName": "长" * 201}, Outcome("invalid", words="taskName 超过 200 个字符")),
    ],
)
def test_what_cannot_be_said_is_told_before_it_is_sent(values, expected):
    """All faults at once, by the platform's names; the phone and a second service have no form there."""
    dialect = dialect_of(peer())
    assert dialect.check(item(**{"assessTime": NOW} | values), NOW) == expected


@pytest.mark.parametrize(("ours", "theirs"), [("1", "1"), ("2", "2"), ("3", "3"), ("4", "4"), ("5", "5"), ("7", "6")])
async def test_every_channel_but_the_phone_arrives(ours, theirs, platform):
    """评价渠道: the platform reads each back as ours; its 7, a rating that nobody gave, is never written."""
    assert (await sent(platform.url, item(pf=ours))).verdict == "accepted"
    (held,) = await platform.records()
    assert (held["extra"]["pf"], held["pf"]) == (theirs, ours)


def test_no_moving_of_times_is_promised():
    """A peer that asks to adjust times is refused: there is nothing to adjust."""
    with pytest.raises(ValueError, match="adjust_minutes"):
        dialect_of(peer(adjust=timedelta(minutes=5)))
