"""docs/dialects.md: its invented province works, with faults, and its table of values is what items hold."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import uuid4

import httpx
import msgspec
import pytest

import haocha.sync
from haocha.domain.workdays import SHANGHAI
from haocha.peers import load
from haocha.store import registry as registries
from haocha.store.outbox import Row
from haocha.store.vault import Vault
from haocha.sync import contents
from haocha.sync.contents import Reader
from haocha.sync.dialect import Dialect, Expired, Item, Outcome, Unavailable, Verdict, dialect_of, digest
from haocha.web.forms import ServiceIn
from haocha.web.service_intake import IDENTITY
from tests.sync.provinces import province
from tests.sync.reporting import Reporting, cases, now, peer
from tests.web.running import running

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8")
FILE = re.compile(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WORD = "mountain"


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    """Write the guide's files into a folder and let haocha find the dialect in it."""
    folder = tmp_path / "guide"
    for name, content in FILE.findall(GUIDE):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    monkeypatch.setattr(haocha.sync, "__path__", [*haocha.sync.__path__, str(folder / "src/haocha/sync")])
    return folder


@pytest.fixture
async def yunxiu(files, tmp_path):
    """Run the guide's platform."""
    async with province(files / "ops/province/yunxiu.py", tmp_path, "--word", WORD) as running:
        yield running


@pytest.fixture
def reporting(pool, install, keys, yunxiu) -> Reporting:
    """Return a log that is reported to the guide's platform."""
    to = peer("yunxiu", yunxiu.url, secrets={"word": WORD}, concurrency=2, batch=7, timeout=2.0)
    return Reporting(pool, install, keys, to)


def described(where: str) -> set[str]:
    """Return the values that the guide's table says are in `where`: R, S or (S)."""
    lines = GUIDE[GUIDE.index("<!-- values -->") :].split("\n\n")[0].splitlines()[3:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {name for cells in rows if where in cells[2].split() for name in re.findall(r"`(\w+)`", cells[0])}


async def test_table_names_what_items_hold(settings, install, keys):
    """A service record, a rating of it, and a rating without: with every member that intake knows."""
    at = f"{now().astimezone(SHANGHAI) - timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
    numbers = {"serviceNumber": 1, "promiseDay": 3, "anticipateDay": 20, "serviceTime": at, "acceptDate": at}
    place = {"areaCode": "370102000000", "deptCode": "TAX", "hallCode": "H01", "windowNo": "A01", "staffNo": "7"}
    matter = {"taskCode": "T-100", "taskHandleItem": "T-100-1", "ext": {"queue": "9"}, "isAnonymity": "2"}
    person = dict.fromkeys((*IDENTITY, "userProp"), "1")
    members = [field.encode_name for field in msgspec.structs.fields(ServiceIn)]
    service = dict.fromkeys(members, "1") | numbers | {"resultDate": at} | place | matter | person
    rated = {
        "satisfaction": 2,
        "pf": "4",
        "assessTime": at,
        "evalDetail": ["208"],
        "writingEvaluation": "慢",
        "deviceSeq": 4,
    }
    rating = rated | place | matter | dict.fromkeys(("deptName", "taskName", "deviceNo"), "1") | {"serviceTime": at}
    rating |= dict.fromkeys(("userName", "userPageType", "certKey", "mobile", "userProp"), "1")
    async with running(settings) as site:
        key = await site.key()
        del service["isAnonymity"]
        for path, body in {"services": service, "ratings": rating | {"projectNo": "1"}}.items():
            answer = await site.client.post(f"/v1/{path}", json=body, headers=key)
            assert answer.status_code == 201, answer.text
        answer = await site.client.post("/v1/ratings", json=rating | {"projectNo": "2"}, headers=key)
        assert answer.status_code == 201, answer.text
        found = await site.pool.fetch("SELECT * FROM log.events WHERE topic ~ '^(service|rating)' ORDER BY position")
        rows = [
            Row(row["position"], "", "", "", row["originator_id"], 1, row["recorded_at"], 0, row["recorded_at"])
            for row in found
        ]
        reader = Reader(install.namespace, Vault(keys), await registries.load(site.pool))
        served, both, alone = await contents.load(site.pool, reader, rows)
    assert set(served.values) == described("S")
    assert set(alone.values) == described("R")
    assert set(both.values) == described("R") | described("(S)")


async def test_everything_arrives_in_spite_of_all_faults(reporting, yunxiu):
    """Service records, ratings and 追评, each once, in order; tokens come and go."""
    await yunxiu.faults(error=0.05, html=0.05, cut=0.05, timeout=0.02, slow=0.02, expire=0.2)
    reporting.sender._chance = lambda: 0.0
    await reporting.append(*cases(reporting.install, reporting.vault, range(60), now=now()))
    await reporting.derive()
    async with reporting.sending():
        assert await reporting.until(lambda states: set(states) == {"accepted"}) == {"accepted": 123}
    held = await yunxiu.records()
    assert len({(record["kind"], record["projectNo"]) for record in held}) == len(held) == 123
    assert (await yunxiu.faults())["expire"]["happened"] > 0
    for row in await reporting.rows():
        number, receipt = {"service": 0, "rating": 1, "supplement": 2}[row["kind"]], row["receipt"]
        assert receipt == ("" if row["duplicate"] else f"YX-{row['lane']}|1|{number}")
    for record in held:
        if record["kind"] != "service":
            assert record["extra"]["level"] == str(6 - record["satisfaction"])


async def test_what_they_list_is_what_we_hold(reporting, yunxiu):
    """The digests of their list, translated back, are those of our items; a change there shows."""
    await reporting.append(*cases(reporting.install, reporting.vault, range(20), now=now()))
    await reporting.derive()
    async with reporting.sending():
        await reporting.until(lambda states: set(states) == {"accepted"})
    rows = [Row(*(row[name] for name in Row._fields)) for row in await reporting.rows() if row["kind"] != "service"]
    ours = {digest(item.values) for item in await contents.load(reporting.pool, reporting.reader, rows)}
    assert await listed(reporting) == ours
    await yunxiu.tamper(delete=(await yunxiu.records(kind="rating"))[0]["projectNo"] + "|1|1")
    assert len(ours - await listed(reporting)) == 1


async def listed(reporting: Reporting) -> set[str]:
    """Return the digests of what the platform lists of the last two days."""
    dialect = dialect_of(reporting.peer)
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        await dialect.renew(client)
        today = now().astimezone(SHANGHAI).date()
        days = (today - timedelta(days=1), today)
        return {theirs.digest for day in days async for theirs in dialect.listing(client, day)}


async def test_rating_before_its_service_is_raised_as_permitted(files, yunxiu, monkeypatch):
    """By as much as sync.toml says, and marked; beyond that it is not sent."""
    monkeypatch.setenv("YUNXIU_WORD", WORD)
    (read,), faults = load(files / "sync.toml")
    assert faults == []
    dialect = dialect_of(msgspec.structs.replace(read, url=yunxiu.url))
    at = now().replace(microsecond=0)
    ready, late = rated(at, timedelta(minutes=3)), rated(at, timedelta(minutes=4))
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        await dialect.renew(client)
        values = {name: value for name, value in ready.values.items() if name != "assessTime"} | {"taskCode": "T-1"}
        served = ready._replace(kind="service", values=values)
        assert await dialect.send(client, "services", [served], at) == [Outcome("accepted", "0", "", "YX-9901|1|0")]
        assert dialect.check(ready, at) is None
        outcome = Outcome("accepted", "0", "", "YX-9901|1|1", adjusted=True)
        assert await dialect.send(client, "ratings", [ready], at) == [outcome]
    assert dialect.check(late, at) == Outcome("invalid", words="评价时间早于服务时间")
    (held,) = await yunxiu.records(kind="rating")
    assert held["assessTime"] == f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def rated(served: datetime, early: timedelta) -> Item:
    """Return a rating that its device dates before the service."""
    values = {"projectNo": "9901", "serviceNumber": 1, "assessNumber": 1, "satisfaction": 2, "pf": "4"}
    values |= {"areaCode": "990100000000", "serviceTime": served, "assessTime": served - early}
    return Item(1, "rating", "rating|9901|1", uuid4(), 1, None, served, values, 0)


async def test_array_refused_as_a_whole_is_sent_in_halves(yunxiu):
    """Nothing is said of single records then; one that stands alone is told what they said."""
    dialect = dialect_of(peer("yunxiu", yunxiu.url, secrets={"word": "valley"}))
    one = rated(now(), timedelta(0))
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        with pytest.raises(Unavailable, match="口令错误"):
            await dialect.renew(client)
        dialect = dialect_of(peer("yunxiu", yunxiu.url, secrets={"word": WORD}))
        with pytest.raises(Expired):
            await dialect.send(client, "ratings", [one], now())
        await dialect.renew(client)
        assert await dialect.send(client, "ratings", [one] * 101, now()) == []
        (outcome,) = await dialect.send(client, "ratings", [one], now())
    assert outcome == Outcome("noService", "12", "没有对应的服务数据")


def test_tables_of_verdicts_and_members_are_the_programs():
    """Every verdict is explained, and every member that a dialect may give."""
    named = set(re.findall(r"^\| (?:raise )?`(\w+)`", GUIDE[GUIDE.index("## What an answer means") :], re.MULTILINE))
    assert named == {*get_args(Verdict), "Expired", "Unavailable"}
    section = GUIDE[GUIDE.index("## The dialect") : GUIDE.index("## What an answer means")]
    members = {
        name for cell in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)", cell)
    }
    declared = {name for name in (*vars(Dialect), *Dialect.__annotations__) if not name.startswith("_")}
    assert members == declared | {"__init__"}
