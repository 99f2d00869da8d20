"""What a Shandong-type platform answers, from literal answers: yes, no in three ways, nothing."""

import httpx
import msgspec
import pytest

from haocha.sync.dialect import Outcome, Unavailable
from haocha.sync.shandong_answers import outcome, read


def body(answer: object, status: int = 200) -> httpx.Response:
    """Return an answer with this content: text as it is, anything else as JSON."""
    content = answer.encode() if isinstance(answer, str) else msgspec.json.encode(answer)
    return httpx.Response(status, content=content)


def new(desc: str, success: object, message: str = "") -> dict:
    """Return an answer of the newer form."""
    return {"C-Response-Desc": desc, "C-Response-Body": {"success": success, "message": message}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (new("success", "true", "操作成功"), Outcome("accepted", words="操作成功")),
        (new("success", success=True), Outcome("accepted")),
        ({"code": "0", "success": "true"}, Outcome("accepted", "0")),
        (new("success", "false", "办件编号格式不正确"), Outcome("invalid", words="办件编号格式不正确")),
        (new("办件编号格式不正确", "false"), Outcome("invalid", words="办件编号格式不正确")),
        (new("参数错误", "false", "手机号为空"), Outcome("invalid", words="参数错误；手机号为空")),
        ({"C-Response-Desc": "参数错误"}, Outcome("invalid", words="参数错误")),
        ({"code": "1", "success": "false", "message": "参数错误"}, Outcome("invalid", "1", "参数错误")),
        ({"code": "500", "success": "true", "message": "参数错误"}, Outcome("invalid", "500", "参数错误")),
        (new("success", "false", "没有对应的服务数据"), Outcome("noService", words="没有对应的服务数据")),
        (
            new("已存在该条服务信息，请勿重复提交！", "false"),
            Outcome("duplicate", words="已存在该条服务信息，请勿重复提交！"),
        ),
        (
            new("success", "false", "本次服务已存在评价，请勿重复评价！"),
            Outcome("duplicate", words="本次服务已存在评价，请勿重复评价！"),
        ),
        (
            {"code": "1", "success": "false", "msg": "评价数据不可重复"},
            Outcome("duplicate", "1", "评价数据不可重复"),
        ),
    ],
)
def test_answers_are_classified(answer, expected):
    """Yes is what says so twice or in the older form; no is what it is refused for."""
    assert outcome(read(body(answer))) == expected


@pytest.mark.parametrize(
    "answer",
    [
        body("<html>系统维护</html>"),
        body("<html>502</html>", 502),
        body(new("success", "true"), 503),
        body(""),
        body("null"),
        body("[]"),
        body({"C-Response-Desc": "success"}),
        body({"C-Response-Desc": "success", "C-Response-Body": None}),
        body({"C-Response-Desc": "success", "C-Response-Body": {}}),
        httpx.Response(200, content="系统".encode("gbk")),
        body(new("签名验证失败", "false")),
        body(new("success", "false", "系统繁忙，请稍后再试")),
        body({"code": "1", "success": "false", "message": "appMark未授权"}),
    ],
)
def test_what_is_no_answer_to_a_record_is_tried_again(answer):
    """A page, half an answer, a refusal of the envelope: no record is dead for it."""
    with pytest.raises(Unavailable):
        outcome(read(answer))


def test_list_that_is_none_lists_nothing():
    """What is said of the whole call counts."""
    told = {"C-Response-Desc": "success", "C-Response-Body": {"success": "true", "serviceList": 5}}
    assert read(body(told)).listed == ()
