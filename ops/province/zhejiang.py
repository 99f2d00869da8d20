"""The simulated platform of a Zhejiang-type province: one form POST per rating, no token, no cipher.

`POST /report` as application/x-www-form-urlencoded → `{"result": "1", "resultmsg": "成功"}`; every refusal is result 0
with its words. There are no service records: what is known of the case comes with the rating, and a case has one first
rating and one 追评.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from simulator import WORDS, Answer, Province, Record, Request, json_answer, main

SHANGHAI = ZoneInfo("Asia/Shanghai")
SKEW = timedelta(minutes=10)  # how far ahead of the platform's clock an assessTime may be
REQUIRED = (
    "areaCode",
    "deptCode",
    "taskCode",
    "taskName",
    "projectNo",
    "proStatus",
    "proDepart",
    "pf",
    "satisfaction",
    "assessTime",
    "assessNumber",
    "dataSource",
)
LONGEST = {
    "areaCode": 12,
    "areaName": 50,
    "deptCode": 18,
    "taskCode": 50,
    "taskName": 200,
    "subMatter": 200,
    "projectNo": 50,
    "proDepartCode": 18,
    "proDepart": 100,
    "proManager": 50,
    "certkeyGOV": 50,
    "userName": 100,
    "evalDetail": 200,
    "writingEvaluation": 500,
    "acceptDate": 19,
}
CODES = {
    "pf": "1 2 3 4 5 6 7",
    "userProp": "1 2",
    "satisfaction": "1 2 3 4 5",
    "assessNumber": "1 2",
    "proStatus": "1 2 3",
    "promiseTime": "1 2",
    "dataSource": "133",
}
OTHERS = {"appStatus", "assessTime"}  # what has neither a limit nor a table
CHANNELS = {"6": "7", "7": "default"}  # in haocha's codes: its 6 is SMS, its 7 what nobody said


class Refused(Exception):
    """The platform does not take it; the message is its own."""


class Zhejiang(Province):
    """The simulated platform of a Zhejiang-type province: POST /report, a form per rating."""

    def handle(self, request: Request) -> Answer | None:
        """Take a rating or a 追评; every answer is HTTP 200."""
        if (request.method, request.path) != ("POST", "/report"):
            return None
        try:
            self._take(request)
        except Refused as refused:
            return json_answer({"result": "0", "resultmsg": str(refused)})
        return json_answer({"result": "1", "resultmsg": "成功"})

    def _take(self, request: Request) -> None:
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise Refused("请求格式不正确")
        form = request.form()
        check_members(form)
        check_time(form)
        record = read(form)
        if self.faults.refuses(record.key):
            raise Refused(WORDS)
        if record.kind == "supplement" and not self.store.has(f"{record.project_no}|1|1"):
            raise Refused("没有对应的首次评价，不能追加评价")
        if not self.store.put(record):
            raise Refused("本次服务已存在评价，请勿重复评价！")


def check_members(form: dict[str, str]) -> None:
    """Refuse what is missing, unknown, too long or not in its table."""
    for name in REQUIRED:
        if not form.get(name):
            raise Refused(f"{name}不能为空")
    for name, value in form.items():
        if name not in {*LONGEST, *CODES, *OTHERS}:
            raise Refused(f"未知参数{name}")
        if name in CODES and value not in CODES[name].split():
            raise Refused(f"{name}代码不正确")
        if len(value) > LONGEST.get(name, len(value)):
            raise Refused(f"{name}超过最大长度{LONGEST[name]}")


def check_time(form: dict[str, str]) -> None:
    """Refuse a rating of the future."""
    try:
        at = datetime.strptime(form["assessTime"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        raise Refused("assessTime格式不正确") from None
    if at > datetime.now(SHANGHAI) + SKEW:
        raise Refused("评价时间不能晚于当前时间")


def read(form: dict[str, str]) -> Record:
    """Read a form that is right."""
    return Record(
        kind="supplement" if form["assessNumber"] == "2" else "rating",
        project_no=form["projectNo"],
        assess_number=int(form["assessNumber"]),
        satisfaction=int(form["satisfaction"]),
        pf=CHANNELS.get(form["pf"], form["pf"]),
        eval_detail=[code for code in form.get("evalDetail", "").split(",") if code],
        assess_time=form["assessTime"],
        writing_evaluation=form.get("writingEvaluation", ""),
        area_code=form["areaCode"],
        extra=form,
    )


if __name__ == "__main__":
    main(Zhejiang)
