"""The Shandong dialect: what it writes, what it reads out of literal answers, and the simulated platform's own mind."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import msgspec
import pytest

from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.sync import shandong_answers
from haocha.sync.cipher import PrivateKey
from haocha.sync.dialect import Item, Outcome, Unavailable, dialect_of
from tests.sync.provinces import province

NOW = datetime.now(UTC)
SERVED = (NOW - timedelta(minutes=30)).replace(microsecond=0)
AT = (NOW - timedelta(minutes=20)).replace(microsecond=0)
TASK = "11990100MB00000001400012345678A"
PUBLIC = PrivateKey(1).public()  # of a key that everybody knows

PLACE = {
    "areaCode": "990182000000",
    "deptCode": "11990100000000001A",
    "deptName": "虚市场监管局",
    "taskCode": TASK,
    "taskName": "个体工商户设立登记",
    "staffName": "甲某",
}
IDENTITY = {
    "userName": "虚拟人",
    "userPageType": "111",
    "certKey": "99010019000101001X",
    "mobile": "19900000001",
}
CASE = {
    "projectNo": "99000001",
    "serviceNumber": 2,
    "serviceTime": SERVED,
    "serviceName": "窗口受理",
    "proStatus": "2",
    "projectType": "1",
    "proChannel": "2",
    "promiseTime": "1",
    "promiseDay": 5,
    "promiseType": "1",
    "taskType": "01",
    "acceptDate": "2026-11-19T09:00:00+08:00",
    "userProp": "1",
    **PLACE,
}
SERVICE = CASE | IDENTITY
RATING = CASE | {
    "assessNumber": 1,
    "satisfaction": 2,
    "pf": "2",
    "evalDetail": ("208", "213"),
    "writingEvaluation": "材料清单不全，让我跑了两趟",
    "assessTime": AT,
}
NAMED = RATING | IDENTITY | {"isAnonymity": "2"}


def wire(moment: datetime) -> str:
    """Write a time as the platform does."""
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def peer(url: str = "http://127.0.0.1:9", *, adjust: float = 0, districts=None, secrets=None, **options) -> Peer:
    """Return a peer of this type; `adjust` is minutes."""
    return Peer(
        name="province",
        dialect="shandong",
        url=url,
        adjust=timedelta(minutes=adjust),
        districts=districts or {},
        options={"app_mark": "haocha"} | options,
        secrets={"app_word": "a-word-for-tests", "public_key": PUBLIC} if secrets is None else secrets,
    )


def item(kind: str, values: dict, /, **changed) -> Item:
    """Return an item with some values of its own; None takes one away."""
    known = {name: value for name, value in (values | changed).items() if value is not None}
    return Item(1, kind, f"{kind}|{known['projectNo']}", uuid4(), 1, None, NOW, known, 0)


def service(**changed) -> Item:
    """Return a service record."""
    return item("service", SERVICE, **changed)


def rating(values: dict = NAMED, /, **changed) -> Item:
    """Return a first rating."""
    return item("rating", values, **changed)


def supplement(**changed) -> Item:
    """Return a 追评."""
    return item("supplement", NAMED | {"assessNumber": 2}, **changed)


def written(one: Item, **members) -> dict[str, str]:
    """Return the record that goes into the array."""
    dialect = dialect_of(peer(**members))
    return dialect._written(dialect.operation(one), one.values)


def checked(one: Item, **members) -> Outcome | None:
    """Return what is known of an item before it is sent."""
    return dialect_of(peer(**members)).check(one, NOW)


# --- mapping


def test_service_record_is_written_by_the_platforms_names():
    """Every member that is known, with the case's prefix, the composed orgcode and one certificate."""
    assert written(service()) == {
        "areaCode": "990182000000",
        "deptCode": "11990100000000001A",
        "orgcode": "990182000000_11990100000000001A",
        "orgName": "虚市场监管局",
        "deptName": "虚市场监管局",
        "proDepart": "虚市场监管局",
        "taskType": "01",
        "taskCode": TASK,
        "taskName": "个体工商户设立登记",
        "projectNo": "3799000001",
        "projectType": "1",
        "proManager": "甲某",
        "mobile": "19900000001",
        "userName": "虚拟人",
        "userProp": "1",
        "userPageType": "111",
        "serviceName": "窗口受理",
        "serviceTime": wire(SERVED),
        "acceptDate": "2026-11-19 09:00:00",
        "promiseDay": "5",
        "promiseType": "1",
        "proChannel": "2",
        "promiseTime": "1",
        "dataSource": "165",
        "proStatus": "2",
        "serviceNumber": "2",
        "certKey": "99010019000101001X",
    }


def test_named_rating_is_written_in_the_online_form():
    """Who rates by phone or browser and says who they are goes by the form that has their certificate."""
    assert written(rating()) == {
        "projectNo": "3799000001",
        "serviceNumber": "2",
        "assessNumber": "1",
        "satisfaction": "2",
        "pf": "2",
        "evalDetail": "208,213",
        "writingEvaluation": "材料清单不全，让我跑了两趟",
        "assessTime": wire(AT),
        "deptCode": "11990100000000001A",
        "proDepart": "虚市场监管局",
        "taskCode": TASK,
        "taskName": "个体工商户设立登记",
        "proStatus": "2",
        "certKey": "99010019000101001X",
        "userName": "虚拟人",
        "userProp": "1",
        "userPageType": "111",
        "promisetime": "1",
        "acceptDate": "2026-11-19 09:00:00",
        "dataSource": "165",
    }


OFFLINE = {
    "projectNo": "3799000001",
    "serviceNumber": "2",
    "satisfaction": "2",
    "pf": "4",
    "evalDetail": "208,213",
    "writingEvaluation": "材料清单不全，让我跑了两趟",
    "assessTime": wire(AT),
    "taskType": "01",
}


def test_rating_of_a_hall_is_written_in_the_short_form():
    """A pad's rating goes by the short form, with the name where it is known."""
    assert written(rating(pf="4")) == OFFLINE | {"name": "虚拟人"}


@pytest.mark.parametrize("values", [RATING, NAMED | {"isAnonymity": "1"}], ids=["unknown", "anonymous"])
def test_rating_without_a_name_is_written_in_the_short_form(values):
    """Anonymous, or nobody knows who: the short form, and nothing in it says who."""
    assert written(rating(values)) == OFFLINE | {"pf": "2"}


@pytest.mark.parametrize("number", ["99000001", "3799000001"])
def test_prefix_of_the_case_number_is_written_once(number):
    """Some systems bring the platform's prefix along; both are the same case there."""
    assert written(service(projectNo=number))["projectNo"] == "3799000001"
    assert written(rating(projectNo=number))["projectNo"] == "3799000001"
    assert written(rating(projectNo=number), project_prefix="")["projectNo"] == number


def test_merged_districts_go_by_their_new_code():
    """The longest beginning counts, and orgcode follows."""
    found = written(service(), districts={"9901": "9902", "990182": "990112"})
    assert found["areaCode"] == "990112000000"
    assert found["orgcode"] == "990112000000_11990100000000001A"


@pytest.mark.parametrize("item_code", [None, TASK + "07"])
def test_task_code_of_33_digits_is_split(item_code):
    """A 业务办理项 given as the task code is both, as the platform has it."""
    found = written(service(taskCode=TASK + "07", taskHandleItem=item_code))
    assert (found["taskCode"], found["taskHandleItem"]) == (TASK, TASK + "07")


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"proChannel": "1"}, "certKey"),
        ({"proChannel": "1", "certkeyGOV": "99"}, "certKey"),
        ({"certkeyGOV": "99"}, "certkeyGOV"),
        ({"certkeyGOV": "99", "certKey": None}, "certkeyGOV"),
        ({"certkeyGOV": "99", "certKey": None, "proChannel": "1"}, "certkeyGOV"),
    ],
)
def test_certificate_goes_by_one_name(changed, name):
    """Online applicants have a certKey, offline ones a certkeyGOV; never both."""
    assert {"certKey", "certkeyGOV"} & set(written(service(**changed))) == {name}


def test_kinds_of_matters_that_the_platform_does_not_tell_apart_are_99():
    """Only seven kinds have a code of their own there."""
    assert written(service(taskType="20"))["taskType"] == "20"
    assert written(service(taskType="03"))["taskType"] == "99"


def test_count_may_stand_in_the_case_status():
    """Where a platform knows its clients' habit, proStatus says which service of the case it was."""
    found = written(service(), count_in="proStatus")
    assert found["proStatus"] == "2"
    assert "serviceNumber" not in found


# --- what need not be sent


def test_missing_members_are_named_all_at_once():
    """A service record without what the platform requires is not sent; its members are named as they are there."""
    found = checked(service(mobile=None, projectType="", deptCode=None, certKey=None))
    assert found.verdict == "invalid"
    assert all(f"{name} 缺少必填项" in found.words for name in ("mobile", "projectType", "orgcode", "certkeyGOV"))


@pytest.mark.parametrize(
    "changed",
    [
        {"taskCode": "123"},
        {"userProp": "8"},
        {"userPageType": "31"},
        {"proStatus": "收件"},
        {"acceptDate": "yesterday"},
    ],
)
def test_values_without_a_form_are_named(changed):
    """A code that the platform does not have is not sent and not guessed."""
    (name,) = changed
    found = checked(service(**changed))
    assert found.verdict == "invalid"
    assert found.words.startswith(f"{name} ")


def test_what_is_complete_is_sent():
    """Nothing is said of what can be sent."""
    assert checked(service()) is None
    assert checked(rating()) is None
    assert checked(rating(RATING)) is None
    assert checked(supplement()) is None


@pytest.mark.parametrize("one", [service, rating])
def test_self_built_matters_are_not_reported(one):
    """自建事项 are known by the zeros in their code; a peer may take them, too."""
    found = one(taskCode="11990100MB0000000100000000678A")
    assert checked(found).verdict == "notReportable"
    assert checked(one(taskCode=TASK.replace("MB", "00")), self_built="") is None


def test_rating_without_a_case_is_not_reported():
    """No operation takes it."""
    assert checked(rating(noCase=True)).verdict == "notReportable"
    assert not dialect_of(peer()).no_case


def test_anonymous_supplement_is_not_reported():
    """The short form has no number of the rating: sent by it, a 追评 would pass for a first rating."""
    assert checked(supplement(isAnonymity="1")).verdict == "notReportable"
    assert dialect_of(peer()).operation(supplement(pf="4")) == "online"


def test_rating_before_its_service_is_refused_in_our_words():
    """The platform refuses it, so it is not sent, and nothing is shifted."""
    early = rating(assessTime=SERVED - timedelta(minutes=2, seconds=5))
    found = checked(early, adjust=2)
    assert found.verdict == "invalid"
    assert "2 分 5 秒" in found.words
    assert checked(rating(assessTime=SERVED)) is None


def test_rating_a_little_before_its_service_is_raised_where_the_peer_permits():
    """Up to the permitted adjustment the time of the service is sent."""
    early = rating(assessTime=SERVED - timedelta(minutes=2))
    assert checked(early, adjust=2) is None
    assert written(early, adjust=2)["assessTime"] == wire(SERVED)


def test_parts_of_a_second_are_no_difference():
    """The wire has whole seconds: a rating in the second of its service is not early."""
    assert checked(rating(assessTime=SERVED, serviceTime=SERVED + timedelta(milliseconds=900))) is None


# --- answers


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
    assert shandong_answers.outcome(shandong_answers.read(body(answer))) == expected


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
        shandong_answers.outcome(shandong_answers.read(answer))


# --- options


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"app_mark": ""}, "app_mark"),
        ({"tenency": "99"}, "tenency"),
        ({"cipher_order": "C3C2C1"}, "cipher_order"),
        ({"cipher_04": "no"}, "cipher_04"),
        ({"count_in": "projectNo"}, "count_in"),
        ({"secrets": {"public_key": PUBLIC}}, "app_word"),
        ({"secrets": {"app_word": "x"}}, "public_key"),
        ({"secrets": {"app_word": "x", "public_key": "04ff"}}, "public key"),
        ({"secrets": {"app_word": "x", "public_key": PUBLIC, "private_key": "?"}}, "private key"),
    ],
)
def test_wrong_options_are_named(members, why):
    """What cannot work is said when the settings are read."""
    with pytest.raises(ValueError, match=why):
        dialect_of(peer(**members))


# --- the simulated platform


def of(running, **options) -> Peer:
    """Return a peer that points at a running simulator, with the secrets it wrote down."""
    names = {"app_word": "app.word", "public_key": "platform.pub", "private_key": "reader.key"}
    secrets = {name: (running.folder / file).read_text().strip() for name, file in names.items()}
    return peer(running.url, **({"secrets": secrets} | options))


async def sent(known: Peer, *items: Item) -> list[Outcome]:
    """Send items of one operation in one call."""
    dialect = dialect_of(known)
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        return await dialect.send(client, dialect.operation(items[0]), items, datetime.now(UTC))


async def delivered(known: Peer, *items: Item) -> list[Outcome]:
    """Send items; a call refused as a whole is made again in halves."""
    if outcomes := await sent(known, *items):
        return outcomes
    middle = len(items) // 2
    return await delivered(known, *items[:middle]) + await delivered(known, *items[middle:])


def verdicts(outcomes: list[Outcome]) -> list[str]:
    """Return the verdicts alone."""
    return [one.verdict for one in outcomes]


async def test_what_is_sent_arrives(tmp_path):
    """Service record, online rating, offline rating and 追评 arrive with level, texts and times as they were."""
    async with province("shandong", tmp_path) as running:
        known = of(running)
        other = {"projectNo": "99000002", "pf": "4", "satisfaction": 5, "evalDetail": ("510",)}
        assert (
            await sent(known, service(), service(projectNo="99000002")) == [Outcome("accepted", words="操作成功")] * 2
        )
        assert verdicts(await sent(known, rating())) == ["accepted"]
        assert verdicts(await sent(known, rating(RATING, **other, writingEvaluation=None))) == ["accepted"]
        assert verdicts(await sent(known, supplement(satisfaction=4, evalDetail=()))) == ["accepted"]
        services = await running.records(kind="service")
        ratings = await running.records(kind="rating")
        (added,) = await running.records(kind="supplement")
    assert [(one["projectNo"], one["serviceNumber"]) for one in services] == [("99000001", 2), ("99000002", 2)]
    assert ratings[0]["satisfaction"] == 2
    assert ratings[0]["evalDetail"] == ["208", "213"]
    assert ratings[0]["writingEvaluation"] == "材料清单不全，让我跑了两趟"
    assert ratings[0]["assessTime"] == wire(AT)
    assert ratings[0]["extra"]["certKey"] == "99010019000101001X"
    assert (ratings[1]["satisfaction"], ratings[1]["pf"], ratings[1]["evalDetail"]) == (5, "4", ["510"])
    assert "name" not in ratings[1]["extra"]
    assert (added["assessNumber"], added["satisfaction"]) == (2, 4)


async def test_platform_keeps_the_order(tmp_path):
    """A rating before its service record, a 追评 before its first: not there; a repeat: a duplicate."""
    async with province("shandong", tmp_path) as running:
        known = of(running)
        assert verdicts(await sent(known, rating())) == ["noService"]
        assert verdicts(await sent(known, service())) == ["accepted"]
        assert verdicts(await sent(known, service())) == ["duplicate"]
        assert verdicts(await sent(known, supplement())) == ["noService"]
        assert verdicts(await sent(known, rating())) == ["accepted"]
        assert verdicts(await sent(known, rating(assessTime=AT + timedelta(minutes=1)))) == ["duplicate"]
        assert verdicts(await sent(known, rating(RATING))) == ["duplicate"]
        assert verdicts(await sent(known, supplement())) == ["accepted"]
        assert (await running.counts())["rating"] == 1


async def test_time_that_was_raised_is_marked(tmp_path):
    """The platform takes the raised time; the outcome says that it was raised, and the others that theirs were not."""
    async with province("shandong", tmp_path) as running:
        known = of(running, adjust=5)
        cases = [str(99000001 + number) for number in range(2)]
        await sent(known, *(service(projectNo=case) for case in cases))
        early = rating(projectNo=cases[0], assessTime=SERVED - timedelta(minutes=3))
        outcomes = await sent(known, early, rating(projectNo=cases[1]))
        assert [one.adjusted for one in outcomes] == [True, False]
        assert [one["assessTime"] for one in await running.records(kind="rating")] == [wire(SERVED), wire(AT)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"writingEvaluation": None, "evalDetail": ()}, "差评必须勾选详情"),
        ({"evalDetail": ("510",)}, "评价详情与满意度不一致"),
        ({"assessTime": NOW + timedelta(minutes=30)}, "不能晚于当前时间"),
        ({"writingEvaluation": "长" * 501}, "writingEvaluation格式"),
    ],
)
async def test_platforms_rules_are_the_platforms_words(tmp_path, changed, words):
    """What only the platform refuses is refused in its words."""
    async with province("shandong", tmp_path) as running:
        known = of(running)
        await sent(known, service())
        (found,) = await sent(known, rating(**changed))
        assert found.verdict == "invalid"
        assert words in found.words


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tenancy": "990000000000"}, "租户不存在"),
        ({"tenancy": ""}, "租户不存在"),
        ({"app_mark": "another"}, "未授权"),
        ({"cipher_order": "C1C2C3"}, "解密失败"),
        ({"cipher_04": False}, "解密失败"),
        ({"secrets": {"app_word": "a-word-for-tests", "public_key": PUBLIC}}, "解密失败"),
    ],
)
async def test_wrong_envelope_harms_no_record(tmp_path, wrong, words):
    """Another tenancy, name, key or order of the cipher: the call is tried again, no record is refused for it."""
    async with province("shandong", tmp_path) as running:
        with pytest.raises(Unavailable, match=words):
            await sent(of(running, **wrong), service(), service(projectNo="99000002"))
        assert "service" not in await running.counts()


async def test_wrong_word_and_old_time_are_refused(tmp_path):
    """The sign opens to time, appMark and appWord, and the time is now."""
    async with province("shandong", tmp_path, "--app-word", "another-word") as running:
        known = of(running)
        wrong = of(running, secrets=known.secrets | {"app_word": "a-word-for-tests"})
        with pytest.raises(Unavailable, match="签名验证失败"):
            await sent(wrong, service())
        dialect = dialect_of(known)
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(Unavailable, match="时间戳"):
                await dialect.send(client, "service", [service()], datetime.now(UTC) - timedelta(hours=1))


async def test_other_forms_of_the_cipher(tmp_path):
    """The older order of the parts, without the mark."""
    async with province("shandong", tmp_path, "--cipher-order", "C1C2C3", "--no-04") as running:
        known = of(running, cipher_order="C1C2C3", cipher_04=False)
        assert verdicts(await sent(known, service())) == ["accepted"]


async def test_older_answers_and_the_count_in_the_status(tmp_path):
    """A platform that answers code and success, and wants the count where deployed clients put it."""
    async with province("shandong", tmp_path, "--older", "--count-in", "proStatus") as running:
        known = of(running, count_in="proStatus")
        assert verdicts(await sent(known, service())) == ["accepted"]
        assert verdicts(await sent(known, service())) == ["duplicate"]
        assert verdicts(await sent(known, rating())) == ["accepted"]


@pytest.mark.parametrize("arrays", ["whole", "each", "listed"])
async def test_one_bad_record_harms_no_other(tmp_path, arrays):
    """Of ten service records two are refused: halving, or the platform's list, finds them; the others are there."""
    async with province("shandong", tmp_path, "--arrays", arrays) as running:
        cases = [str(99000001 + number) for number in range(10)]
        items = [service(projectNo=case) for case in cases]
        items[3] = service(projectNo=cases[3], userName="长" * 201)
        items[7] = service(projectNo=cases[7], serviceName="长" * 201)
        found = await delivered(of(running), *items)
        good = [number for number in range(10) if number not in {3, 7}]
        kept = {one["projectNo"] for one in await running.records(kind="service")}
    assert [number for number in range(10) if found[number].verdict == "invalid"] == [3, 7]
    assert "userName" in found[3].words
    assert "serviceName" in found[7].words
    assert all(found[number].verdict in {"accepted", "duplicate"} for number in good)
    assert kept == {cases[number] for number in good}
    if arrays == "listed":
        assert all(found[number].receipt for number in good)


async def test_list_that_is_not_for_us_is_not_needed(tmp_path):
    """Without the key to serviceList the guilty record is found by halving."""
    async with province("shandong", tmp_path, "--arrays", "listed") as running:
        known = of(running)
        blind = of(running, secrets={name: known.secrets[name] for name in ("app_word", "public_key")})
        items = [service(), service(projectNo="99000002", userName="长" * 201)]
        assert await sent(blind, *items) == []
        assert verdicts(await delivered(blind, *items)) == ["duplicate", "invalid"]


async def test_troubles_of_the_platform_are_unavailable(tmp_path):
    """A page instead of an answer, an error, a line cut after the work was done: nothing is believed."""
    async with province("shandong", tmp_path) as running:
        known = of(running)
        for trouble, error in (("html", Unavailable), ("error", Unavailable), ("cut", httpx.HTTPError)):
            await running.faults(**{trouble: 1.0})
            with pytest.raises(error):
                await sent(known, service())
            await running.faults(**{trouble: 0.0})
        assert verdicts(await sent(known, service())) == ["duplicate"]  # the cut came after the commit


async def test_refusal_of_a_single_record_stays(tmp_path):
    """What the platform refuses for reasons of its own is invalid, again and again, and keeps nobody else."""
    async with province("shandong", tmp_path) as running:
        await running.faults(refuse=0.4)
        items = [service(projectNo=str(99000001 + number)) for number in range(10)]
        first = verdicts(await delivered(of(running), *items))
        again = verdicts(await delivered(of(running), *items))
    assert {"accepted", "invalid"} == set(first)
    assert [found == "invalid" for found in again] == [found == "invalid" for found in first]


async def test_platform_keeps_its_key_over_a_restart(tmp_path):
    """Records and keys survive a kill: what was acknowledged is a duplicate afterwards."""
    async with province("shandong", tmp_path) as running:
        known = of(running)
        await sent(known, service())
        await running.kill()
        await running.restart()
        assert verdicts(await sent(known, service())) == ["duplicate"]
        assert (running.folder / "platform.key").stat().st_mode & 0o077 == 0
