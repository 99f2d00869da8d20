"""What a Shandong-type platform wants of a record: members, lengths, code tables, times. Its words are the refusals.

Written from the interface and not from haocha's mapping, so that one can be wrong without the other.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
SKEW = timedelta(minutes=10)  # how far ahead of the platform's clock an assessTime may be
PREFIX = "37"

REQUIRED = {
    "service": "areaCode orgcode orgName taskCode taskName projectNo proStatus projectType mobile userName userProp "
    "userPageType serviceName serviceTime dataSource",
    "online": "projectNo pf satisfaction serviceNumber assessTime assessNumber certKey userName dataSource",
    "offline": "projectNo pf satisfaction serviceNumber assessTime",
}
OTHERS = {
    "service": "deptCode deptName proDepart taskType taskHandleItem proTaskCode proTaskName subMatter proProjectNo "
    "projectName proManager certKey certkeyGOV creditType creditNum handleUserName handleUserPageType "
    "handleUserPageCode serviceNumber acceptDate resultDate promiseDay promiseType anticipateDay anticipateType "
    "proChannel promiseTime",
    "online": "deptCode taskCode taskHandleItem taskName subMatter proStatus proDepart userProp userPageType "
    "handleUserName handleUserPageType handleUserPageCode evalDetail writingEvaluation vcode promisetime acceptDate",
    "offline": "taskType name evalDetail writingEvaluation",
}
EXACTLY = {"areaCode": 12, "taskCode": 31, "taskHandleItem": 33}
LONGEST = {"deptCode": 18, "orgcode": 31, "projectNo": 52, "mobile": 20, "evalDetail": 200}
LONGEST |= {"writingEvaluation": 500, "projectName": 500}
USUAL = 200
CODES = {
    "taskType": "01 05 07 08 09 10 20 99",
    "userProp": "1 2 3 4 5 6 9",
    "userPageType": "001 111 114 118 414 511 516 821 999",
    "handleUserPageType": "001 111 114 118 414 511 516 821 999",
    "promiseType": "0 1 2 3",
    "anticipateType": "0 1 2 3",
    "proChannel": "1 2",
    "promiseTime": "1 2 9",
    "promisetime": "1 2 9",
    "pf": "1 2 3 4 5 6 7",
    "satisfaction": "1 2 3 4 5",
    "assessNumber": "1 2",
    "dataSource": "165",
}
NUMBERS = {"serviceNumber", "proStatus", "promiseDay", "anticipateDay"}
TIMES = {"serviceTime", "assessTime", "acceptDate", "resultDate"}
INDICATORS = {"1": 15, "2": 14, "3": 14, "4": 13, "5": 17}  # how many each level has, retired ones included


def faults(operation: str, data: dict[str, str], self_built: str) -> Iterator[str]:
    """Say what is wrong with a record of this operation (a key of `REQUIRED`), as the platform would."""
    required = REQUIRED[operation].split()
    yield from (f"{name}不能为空" for name in required if not data.get(name))
    if operation == "service" and not (data.get("certKey") or data.get("certkeyGOV")):
        yield "证件号码不能为空"
    for name, value in data.items():
        if name not in required and name not in OTHERS[operation].split():
            yield f"未知参数{name}"
        elif not _fits(name, value):
            yield f"{name}格式或代码不正确"
    if not data.get("projectNo", "").startswith(PREFIX):
        yield f"办件编号应以{PREFIX}开头"
    if self_built and self_built in data.get("taskCode", ""):
        yield "自建事项不予接收"
    if not data.get("taskHandleItem", data.get("taskCode", "")).startswith(data.get("taskCode", "")):
        yield "业务办理项与实施清单不一致"
    if operation == "service":
        if data.get("orgcode") != f"{data.get('areaCode')}_{data.get('deptCode')}":
            yield "orgcode不正确"
    else:
        yield from _rating(data)


def _fits(name: str, value: str) -> bool:
    if name in CODES:
        return value in CODES[name].split()
    if name in TIMES:
        return time(value) is not None
    if name in EXACTLY:
        return len(value) == EXACTLY[name]
    return len(value) <= LONGEST.get(name, USUAL) and (name not in NUMBERS or value.isdecimal())


def _rating(data: dict[str, str]) -> Iterator[str]:
    level, at = data.get("satisfaction", ""), time(data.get("assessTime", ""))
    for code in filter(None, data.get("evalDetail", "").split(",")):
        if code[:1] != level or not code[1:].isdecimal() or not 1 <= int(code[1:]) <= INDICATORS.get(level, 0):
            yield "评价详情与满意度不一致"
    if level in {"1", "2"} and not (data.get("evalDetail") or data.get("writingEvaluation")):
        yield "差评必须勾选详情或填写文字评价"
    if at and at > datetime.now(SHANGHAI) + SKEW:
        yield "评价时间不能晚于当前时间"


def time(text: str) -> datetime | None:
    """Read yyyy-MM-dd HH:mm:ss; None where it is not that."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        return None
