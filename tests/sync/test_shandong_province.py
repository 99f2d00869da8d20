"""The Shandong dialect against the simulated platform, which has a mind, rules and an SM2 of its own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from haocha.peers import Peer
from haocha.sync.dialect import Item, Outcome, Unavailable, dialect_of
from tests.sync.provinces import Running, province
from tests.sync.shandong_items import AT, NOW, PUBLIC, RATING, SERVED, peer, rating, service, supplement, wire


def of(running, **options) -> Peer:
    """Return a peer that points at a running simulator, with the secrets it wrote down."""
    names = {"app_word": "app.word", "public_key": "platform.pub", "private_key": "reader.key"}
    secrets = {name: (running.folder / file).read_text().strip() for name, file in names.items()}
    return peer(running.url, **({"secrets": secrets} | options))


@pytest.fixture(scope="module")
async def platform(tmp_path_factory) -> AsyncIterator[Running]:
    """Run one simulated platform for all tests that bring their own cases."""
    async with province("shandong", tmp_path_factory.mktemp("province")) as running:
        yield running


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


async def test_what_is_sent_arrives(platform):
    """Service record, online rating, offline rating and 追评 arrive with level, texts and times as they were."""
    known, cases = of(platform), ("99000001", "99000002")
    other = {"projectNo": cases[1], "pf": "4", "satisfaction": 5, "evalDetail": ("510",)}
    both = await sent(known, *(service(projectNo=case) for case in cases))
    assert both == [Outcome("accepted", words="操作成功")] * 2
    assert verdicts(await sent(known, rating())) == ["accepted"]
    assert verdicts(await sent(known, rating(RATING, **other, writingEvaluation=None))) == ["accepted"]
    assert verdicts(await sent(known, supplement(satisfaction=4, evalDetail=()))) == ["accepted"]
    (record,) = await platform.records(kind="service", projectNo=cases[0])
    (online,) = await platform.records(kind="rating", projectNo=cases[0])
    (offline,) = await platform.records(kind="rating", projectNo=cases[1])
    (added,) = await platform.records(kind="supplement", projectNo=cases[0])
    assert (record["serviceNumber"], record["serviceTime"], record["areaCode"]) == (2, wire(SERVED), "990182000000")
    assert (online["satisfaction"], online["evalDetail"]) == (2, ["208", "213"])
    assert online["writingEvaluation"] == "材料清单不全，让我跑了两趟"
    assert online["assessTime"] == wire(AT)
    assert online["extra"]["certKey"] == "99010019000101001X"
    assert (offline["satisfaction"], offline["pf"], offline["evalDetail"]) == (5, "4", ["510"])
    assert "name" not in offline["extra"]
    assert (added["assessNumber"], added["satisfaction"]) == (2, 4)


async def test_platform_keeps_the_order(platform):
    """A rating before its service record, a 追评 before its first: not there; a repeat: a duplicate."""
    known, case = of(platform), {"projectNo": "99100001"}
    assert verdicts(await sent(known, rating(**case))) == ["noService"]
    assert verdicts(await sent(known, service(**case))) == ["accepted"]
    assert verdicts(await sent(known, service(**case))) == ["duplicate"]
    assert verdicts(await sent(known, supplement(**case))) == ["noService"]
    assert verdicts(await sent(known, rating(**case))) == ["accepted"]
    assert verdicts(await sent(known, rating(**case, assessTime=AT + timedelta(minutes=1)))) == ["duplicate"]
    assert verdicts(await sent(known, rating(RATING, **case))) == ["duplicate"]
    assert verdicts(await sent(known, supplement(**case))) == ["accepted"]
    assert len(await platform.records(kind="rating", **case)) == 1


async def test_time_that_was_raised_is_marked(platform):
    """The platform takes the raised time; the outcome says that it was raised, and the others that theirs were not."""
    known, cases = of(platform, adjust=5), ("99200001", "99200002")
    await sent(known, *(service(projectNo=case) for case in cases))
    early = rating(projectNo=cases[0], assessTime=SERVED - timedelta(minutes=3))
    outcomes = await sent(known, early, rating(projectNo=cases[1]))
    kept = [one for case in cases for one in await platform.records(kind="rating", projectNo=case)]
    assert [one.adjusted for one in outcomes] == [True, False]
    assert [one["assessTime"] for one in kept] == [wire(SERVED), wire(AT)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"writingEvaluation": None, "evalDetail": ()}, "差评必须勾选详情"),
        ({"evalDetail": ("510",)}, "评价详情与满意度不一致"),
        ({"assessTime": NOW + timedelta(minutes=30)}, "不能晚于当前时间"),
        ({"writingEvaluation": "长" * 501}, "writingEvaluation格式"),
    ],
)
async def test_platforms_rules_are_the_platforms_words(platform, changed, words):
    """What only the platform refuses is refused in its words."""
    known, case = of(platform), {"projectNo": "99300001"}
    await sent(known, service(**case))
    (found,) = await sent(known, rating(**case, **changed))
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
        ({"secrets": {"app_word": "another-word"}}, "签名验证失败"),
    ],
)
async def test_wrong_envelope_harms_no_record(platform, wrong, words):
    """Another tenancy, name, word, key or order of the cipher: the call is tried again, no record is refused for it."""
    cases = ("99400001", "99400002")
    secrets = of(platform).secrets | wrong.get("secrets", {})
    with pytest.raises(Unavailable, match=words):
        await sent(of(platform, **wrong | {"secrets": secrets}), *(service(projectNo=case) for case in cases))
    assert [await platform.records(projectNo=case) for case in cases] == [[], []]


async def test_call_of_an_hour_ago_is_refused(platform):
    """The time of the envelope is now."""
    dialect = dialect_of(of(platform))
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


@pytest.mark.parametrize(
    ("trouble", "error"), [("html", Unavailable), ("error", Unavailable), ("cut", httpx.HTTPError)]
)
async def test_troubles_of_the_platform_are_no_answer(platform, trouble, error):
    """A page instead of an answer, an error, a line cut after the work was done: nothing is believed."""
    one = service(projectNo=f"99500001{trouble}")
    await platform.faults(**{trouble: 1.0})
    with pytest.raises(error):
        await sent(of(platform), one)
    await platform.faults(**{trouble: 0.0})
    assert verdicts(await sent(of(platform), one))[0] in {"accepted", "duplicate"}
    assert len(await platform.records(kind="service", projectNo=f"99500001{trouble}")) == 1


async def test_refusal_of_a_single_record_stays(platform):
    """What the platform refuses for reasons of its own is invalid, again and again, and keeps nobody else."""
    await platform.faults(refuse=0.4)
    items = [service(projectNo=str(99600001 + number)) for number in range(10)]
    first = verdicts(await delivered(of(platform), *items))
    again = verdicts(await delivered(of(platform), *items))
    await platform.faults(refuse=0.0)
    assert set(first) == {"accepted", "invalid"}
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
