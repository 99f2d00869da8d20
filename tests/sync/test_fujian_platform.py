"""The Fujian type and its platform: the life of a token, and the simulator in a process of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from haocha.domain.workdays import SHANGHAI
from haocha.sync.dialect import Expired, Item, Outcome, Theirs, Unavailable, digest
from haocha.sync.fujian import SAVE, SUPPLEMENT, Fujian
from haocha.sync.mapping import Faults, local
from haocha.sync.soap import Refused, element, gb2312
from haocha.sync.wire import client_of
from tests.sync.answering import Answering, answer
from tests.sync.fujian_cases import CASE, CODE, KEY, NOW, dialect, item, now_item, peer
from tests.sync.provinces import Running, province
from tests.sync.reporting import Reporting, cases
from tests.sync.test_fujian import case

JSON = "application/json"
TAKEN = case("200", "", "<evaluateUnid>U1</evaluateUnid>")


def token(name: str, life: int = 3600, refresh: str = "R1") -> bytes:
    """Write an answer of the token service, its numbers as texts."""
    members = f'"expires_in": "{life}", "refresh_token": "{refresh}", "re_expires_in": "{2 * life}"'
    return answer(f'{{"access_token": "{name}", {members}}}', kind=JSON)


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


def services(platform: Answering) -> list[str]:
    """Return what was asked for, without the path and the parameters."""
    return [asked.target.partition("?")[0].rpartition("/")[2] for asked in platform.asked]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Connect as the sender does."""
    async with httpx.AsyncClient(timeout=3) as client:
        yield client


async def test_calls_at_the_same_time_get_one_token(client: httpx.AsyncClient):
    """Eight calls that find no token ask for one."""
    async with Answering().open() as platform:
        platform.answers = [TAKEN] * 8
        to = dialect(platform.url)
        await asyncio.gather(*(to.send(client, SAVE, [item(number)], NOW) for number in range(8)))
    assert ["get-token", *["getSaveEvaluation"] * 8] == services(platform)
    sign = "8569afe0c55b7c441ade8ddd4b87bd49"  # MD5 of example-app-code1795147200000
    expected = f"/gateway/get-token?app_key={KEY}&timestamp=1795147200000&sign={sign}"
    assert platform.asked[0].target == expected


async def test_a_token_is_refreshed_before_it_expires(client: httpx.AsyncClient):
    """A minute before its end; by a new one where refreshing is refused."""
    async with Answering().open() as platform:
        clock = Clock()
        to = Fujian(peer(platform.url), clock)
        platform.answers = [TAKEN] * 4
        platform.token = token("T1")
        await to.send(client, SAVE, [item()], NOW)
        clock.now += timedelta(seconds=3539)
        platform.token = token("T2", refresh="R2")
        await to.send(client, SAVE, [item()], NOW)
        assert services(platform) == ["get-token", "getSaveEvaluation", "getSaveEvaluation"]
        clock.now += timedelta(seconds=1)
        await to.send(client, SAVE, [item()], NOW)
        assert b"Basic T2" in platform.asked[-1].body
        assert platform.asked[-2].target.startswith("/gateway/refresh-token?")
        assert platform.asked[-2].target.endswith("&refresh_token=R1")
        clock.now += timedelta(days=1)
        await to.send(client, SAVE, [item()], NOW)
    assert services(platform)[-2:] == ["get-token", "getSaveEvaluation"]


@pytest.mark.parametrize(
    "refusal",
    [
        answer("", 400, JSON, "x-error-code: access_token_invalid"),
        answer('{"message": "error: access_token_invalid"}', kind=JSON),
        answer("<soap:Fault>access_token_invalid</soap:Fault>", 500),
    ],
)
async def test_a_refused_token_is_renewed_once(client: httpx.AsyncClient, refusal: bytes):
    """By header or anywhere in the answer; of two refused calls only the first that renews asks for a token."""
    async with Answering().open() as platform:
        platform.answers = [refusal, refusal]
        to = dialect(platform.url)
        refused = await asyncio.gather(
            *(to.send(client, SAVE, [item(number)], NOW) for number in (1, 2)), return_exceptions=True
        )
        assert [Expired, Expired] == [type(error) for error in refused]
        platform.token = token("T2")
        await asyncio.gather(to.renew(client), to.renew(client))
        platform.answers = [TAKEN]
        await to.send(client, SAVE, [item()], NOW)
    assert services(platform).count("get-token") == 2
    assert b"Basic T2" in platform.asked[-1].body


@pytest.mark.parametrize(
    "refusal",
    [answer('{"error": "sign_invalid"}', 400, JSON), answer("<html>", kind="text/html"), answer("{}", kind=JSON)],
)
async def test_no_token_is_no_reason_to_say_secrets(client: httpx.AsyncClient, refusal: bytes):
    """It is tried again later; the error names the service and nothing of what it was asked with."""
    async with Answering().open() as platform:
        platform.token = refusal
        with pytest.raises(Unavailable, match=r"^get-token answered (HTTP 400|without a token)$"):
            await dialect(platform.url).send(client, SAVE, [item()], NOW)


async def test_calls_at_the_same_time_share_a_refusal(client: httpx.AsyncClient):
    """A token service that gives none is not asked by every waiting call in turn; later ones ask again."""
    async with Answering().open() as platform:
        platform.token = answer("", 503)
        to = dialect(platform.url)
        calls = (to.send(client, SAVE, [item(number)], NOW) for number in range(8))
        assert {Unavailable} == {type(error) for error in await asyncio.gather(*calls, return_exceptions=True)}
        assert services(platform) == ["get-token"]
        platform.token, platform.answers = token("T2"), [TAKEN]
        await to.send(client, SAVE, [item()], NOW)


async def send(to: Fujian, client: httpx.AsyncClient, *items: Item) -> list[Outcome]:
    """Send as the sender does: one renewal where the token has expired."""
    now = datetime.now(UTC)
    assert [to.check(one, now) for one in items] == [None] * len(items)
    operation = to.operation(items[0])
    try:
        return await to.send(client, operation, items, now)
    except Expired:
        await to.renew(client)
        return await to.send(client, operation, items, now)


def shown(one: Item) -> dict[str, Any]:
    """Return what the platform must hold of a rating."""
    names = "projectNo serviceNumber assessNumber satisfaction pf writingEvaluation"
    values = {name: one.values[name] for name in names.split()}
    return values | {"evalDetail": list(one.values["evalDetail"]), "assessTime": local(one.values["assessTime"])}


def live(running: Running, **more: Any) -> Fujian:
    """Make the dialect with the clock of the world."""
    return Fujian(peer(running.url, **more))


@pytest.mark.parametrize("encoding", ["base64", "hex"])
async def test_records_arrive_as_they_were_sent(tmp_path, client: httpx.AsyncClient, encoding: str):
    """Every level and channel, rare characters, a 追评; and what is refused, in the platform's words."""
    async with province("fujian", tmp_path, "--encoding", encoding) as running:
        to = live(running, options={"encoding": encoding})
        items = [now_item(n, satisfaction=n % 5 + 1, pf=str(n % 7 + 1)) for n in range(12)]
        items.append(
            now_item(20, writingEvaluation="喆㛃𠮷 ―・—·\r\n<![CDATA[x]]>&amp;😀", userName="云𬬻喆", evalDetail=())
        )
        items.append(now_item(20, assessNumber=2, satisfaction=2, assessTime=datetime.now(UTC).replace(microsecond=0)))
        for one in items:
            [outcome] = await send(to, client, one)
            assert (outcome.verdict, len(outcome.receipt)) == ("accepted", 32)
        held = await running.records()
        assert [shown(one) for one in items] == [{name: record[name] for name in shown(items[0])} for record in held]
        assert held[12]["extra"]["userName"] == "云𬬻喆"
        again, orphan = await send(to, client, items[3]), await send(to, client, now_item(30, assessNumber=2))
        assert [outcome.verdict for outcome in (*again, *orphan)] == ["duplicate", "noService"]


async def test_a_backlog_arrives_in_few_calls(tmp_path, client: httpx.AsyncClient):
    """200 rows a call; what is wrong with one of them harms no other."""
    old = (datetime.now(UTC) - timedelta(days=3)).replace(microsecond=0)
    times = {"receivedAt": old, "assessTime": old, "serviceTime": old - timedelta(minutes=5)}
    items = [now_item(number, **times) for number in range(200)]
    async with province("fujian", tmp_path) as running:
        to = live(running)
        assert to.operation(items[0]) == SUPPLEMENT
        await to.send(client, SUPPLEMENT, items[7:8], NOW)
        outcomes = await to.send(client, SUPPLEMENT, items, NOW)
        assert tally(outcomes) == {"accepted": 199, "duplicate": 1}
        await running.faults(refuse=0.3)
        repeated = tally(await to.send(client, SUPPLEMENT, items, NOW))
        assert repeated["invalid"] + repeated["duplicate"] == 200
        assert 0 < repeated["invalid"] < 120
        counts = await running.counts()
        assert (counts["rating"], counts["requests"]) == (200, 4)


def tally(outcomes: list[Outcome]) -> dict[str, int]:
    """Count verdicts."""
    verdicts = [outcome.verdict for outcome in outcomes]
    return {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("timeout", httpx.ReadTimeout),
        ("error", Unavailable),
        ("html", Unavailable),
        ("cut", httpx.RemoteProtocolError),
    ],
)
async def test_faults_on_the_way_lose_and_double_nothing(tmp_path, name: str, expected: type[Exception]):
    """Whatever became of the first call, its repetition leaves one record."""
    async with province("fujian", tmp_path) as running, httpx.AsyncClient(timeout=0.5) as client:
        to = live(running)
        await to.renew(client)
        await running.faults(**{name: 1})
        with pytest.raises(expected):
            await to.send(client, SAVE, [now_item()], NOW)
        await running.faults(**{name: 0})
        [outcome] = await send(to, client, now_item())
        assert outcome.verdict in {"accepted", "duplicate"}
        assert (await running.counts())["rating"] == 1


async def test_a_token_revoked_on_the_way_is_replaced(tmp_path, client: httpx.AsyncClient):
    """The platform throws away its tokens in the middle; a short life is refreshed in time."""
    async with province("fujian", tmp_path, "--token-life", 30) as running:
        to = live(running)
        await send(to, client, now_item(1))
        await running.faults(expire=1)
        with pytest.raises(Expired):
            await to.send(client, SAVE, [now_item(2)], NOW)
        await running.faults(expire=0)
        assert [outcome.verdict for outcome in await send(to, client, now_item(2))] == ["accepted"]
        await running.restart()
        later = Fujian(peer(running.url), lambda: datetime.now(UTC) + timedelta(seconds=40))
        later._gateway.tokens._token = to._gateway.tokens._token
        assert [outcome.verdict for outcome in await send(later, client, now_item(3))] == ["accepted"]
        asked = (running.folder / "requests.log").read_text()
        assert (asked.count("/get-token?"), asked.count("/refresh-token?")) == (2, 1)


async def test_wrong_keys_are_told_apart(tmp_path, client: httpx.AsyncClient):
    """A wrong app_code gets no token; a wrong encoding is the platform's fault envelope, a dead letter for one."""
    async with province("fujian", tmp_path) as running:
        wrong = live(running, secrets={"app_key": KEY, "app_code": "another"})
        with pytest.raises(Unavailable, match="get-token answered HTTP 400"):
            await wrong.send(client, SAVE, [now_item()], NOW)
        [outcome] = await live(running, options={"encoding": "hex"}).send(client, SAVE, [now_item()], NOW)
        assert Outcome("invalid", "Client", "xmlStr 解密失败") == outcome


async def test_the_simulator_is_as_strict_as_a_platform(tmp_path, client: httpx.AsyncClient):
    """What the dialect would never send is refused by the first thing that is wrong with it."""
    late = local(datetime.now(UTC) + timedelta(minutes=21))
    wrong = {
        "userName不能为空": {"userName": ""},
        "resultDate不能为空": {"resultDate": ""},
        "未知字段serviceNumber": {"serviceNumber": "1"},
        "EXE_ID超过最大长度50": {"EXE_ID": "9" * 51},
        "userProp代码不正确": {"userProp": "8"},
        "customFields格式不正确": {"customFields": "P7"},
        "appraisaldnum与评价详情数不一致": {"appraisaldnum": "5"},
        "assessTime格式不正确": {"assessTime": "2026-11-20T10:00:00"},
        "评价时间不能早于服务时间": {"assessTime": "2026-01-01 00:00:00"},
        "评价时间不能晚于当前时间": {"assessTime": late},
    }
    async with province("fujian", tmp_path) as running:
        to = live(running)
        for words, members in wrong.items():
            document = gb2312(element("Case", to._case(now_item()) | members))
            answer = await to._gateway.call(client, SAVE, document)
            assert (answer.findtext("code"), answer.findtext("msg")) == ("500", words)
        many = gb2312(element("Cases", element("Case", to._case(now_item())) * 201))
        with pytest.raises(Refused):
            await to._gateway.call(client, SUPPLEMENT, many)
        assert await running.records() == []


async def test_the_listing_finds_what_is_held(tmp_path, client: httpx.AsyncClient):
    """Of one Shanghai day, over pages, long texts in full, with the digest of what we hold."""
    midnight = datetime(2026, 3, 2, tzinfo=SHANGHAI)
    times = [midnight, midnight + timedelta(hours=23, minutes=59, seconds=59), midnight - timedelta(seconds=1)]
    items = [
        now_item(number, assessTime=at, serviceTime=at - timedelta(hours=1), receivedAt=at)
        for number, at in enumerate([*times, *[midnight + timedelta(hours=9)] * 230])
    ]
    items[0].values["writingEvaluation"] = "长" * 300 + "\n 完 access_token_invalid "
    items[1].values.update(writingEvaluation="", evalDetail=())
    items.append(now_item(1, assessNumber=2, **{name: items[1].values[name] for name in ("assessTime", "serviceTime")}))
    async with province("fujian", tmp_path) as running:
        to = live(running)
        for start in (0, 117):
            assert tally(await to.send(client, SUPPLEMENT, items[start : start + 117], NOW)) == {"accepted": 117}
        del items[2]  # of the day before
        expected = {
            (one.values["projectNo"], one.values["assessNumber"]): Theirs(
                one.values["projectNo"],
                1,
                one.values["assessNumber"],
                "990101000000",
                "4",
                one.values["satisfaction"],
                digest(one.values),
            )
            for one in items
        }
        await running.faults(expire=0.3)
        found = [theirs async for theirs in to.listing(client, midnight.date())]
        assert expected == {(theirs.project_no, theirs.assess_number): theirs for theirs in found}
        assert len(found) == len(items)
        await running.faults(expire=0)
        await running.tamper(delete="99-5|1|1")
        await running.tamper(alter="99-6|1|1", satisfaction=5)
        changed = [theirs async for theirs in to.listing(client, midnight.date())]
        assert {"99-5", "99-6"} == {one.project_no for one in set(found) - set(changed)}


async def test_the_platform_gives_the_address_of_its_page(tmp_path, client: httpx.AsyncClient):
    """For a case that is not rated yet; what it lacks is named."""
    unrated = {name: value for name, value in now_item().values.items() if name not in ("satisfaction", "assessTime")}
    async with province("fujian", tmp_path) as running:
        to = live(running, options={"back_url": "https://city.example/done"})
        assert (await to.page_address(client, unrated)).startswith("http://127.0.0.1/evaluate/index?unid=")
        with pytest.raises(Faults, match=r"^contactMobile 缺少必填项$"):
            await to.page_address(client, unrated | {"mobile": ""})
        assert await running.records() == []


async def test_the_sender_delivers_in_spite_of_all_faults(tmp_path, pool, install, keys):
    """Service records go with their ratings; of those received days ago many go in one call; tokens come and go."""
    async with province("fujian", tmp_path, "--token-life", 2) as running:
        reporting = Reporting(pool, install, keys, peer(running.url, concurrency=3, rate=1e6, timeout=1.0))
        reporting.sender._chance = lambda: 0.0
        await running.faults(error=0.04, html=0.04, cut=0.04, timeout=0.01, slow=0.02, expire=0.1)
        today, before = (datetime.now(UTC) - timedelta(days=days) for days in (0, 4))
        await reporting.append(*cases(install, reporting.vault, range(40), now=today))
        await reporting.append(*cases(install, reporting.vault, range(60, 180), now=before))
        await reporting.derive()
        async with reporting.sending():
            states = await reporting.until(lambda states: not {"waiting", "held"} & set(states))
        assert states == {"local": 160, "accepted": 168}
        rows = {(row["kind"], row["lane"]): row for row in await reporting.rows() if row["kind"] != "service"}
        held = await running.records()
        assert set(rows) == {(record["kind"], record["projectNo"]) for record in held}
        assert len(held) == 168
        assert all(record["satisfaction"] == rows[record["kind"], record["projectNo"]]["level"] for record in held)
        asked = (running.folder / "requests.log").read_text()
        assert 1 < asked.count("getEvaluationSupplement") < 40 < asked.count("/getSaveEvaluation?")


async def test_no_secret_and_no_person_is_in_a_log_or_an_error(tmp_path, caplog):
    """Everything is logged, the libraries' debugging too, and every fault happens."""
    for name in (None, "httpx", "httpcore", "aiohttp"):  # whatever level another test's configuration left them
        caplog.set_level(logging.DEBUG, logger=name)
    said: list[str] = []
    async with province("fujian", tmp_path) as running, client_of(peer(running.url, timeout=0.3)) as client:
        to = live(running)
        for name in ("none", "timeout", "error", "html", "cut", "expire", "refuse"):
            if name != "none":
                await running.faults(**{name: 1})
            for one in (now_item(1), now_item(2, assessNumber=2)):
                try:
                    said += [outcome.words for outcome in await to.send(client, SAVE, [one], NOW)]
                    said += [await to.page_address(client, one.values)]
                    await to.renew(client)
                except (Unavailable, Expired, httpx.HTTPError) as error:
                    said += [repr(error), str(error), repr(getattr(error, "_request", ""))]
            if name != "none":
                await running.faults(**{name: 0})
        said.append(repr(vars(to)))
        targets = [line.split()[-1] for line in (running.folder / "requests.log").read_text().splitlines()]
    signs = [target.partition("sign=")[2].partition("&")[0] for target in targets if "sign=" in target]
    assert "httpx" in {record.name for record in caplog.records}
    assert len(signs) > 1
    logged = [str(vars(record)) + record.getMessage() for record in caplog.records]
    person = [CASE[name] for name in ("userName", "certKey", "mobile", "writingEvaluation")]
    for secret in (KEY, CODE, to._gateway.tokens._token.access, "Basic ", *signs, *person):
        assert secret
        assert [text for text in logged if secret in text] == []
        assert [text for text in said if secret in text] == []
    assert [target for target in targets if any(value in target for value in (CODE, *person))] == []
