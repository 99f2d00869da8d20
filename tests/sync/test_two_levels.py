"""City and province, both haocha: ratings go up and count the same, tickets come down, their outcome goes up again."""

from datetime import datetime, timedelta

import pytest

from haocha.domain.ticket_events import Reminded, Reopened
from haocha.domain.ticket_levels import Reported
from haocha.domain.workdays import SHANGHAI
from tests.conftest import TEMPLATE
from tests.sync.levels import city_below_province, until

LEVELS = (5, 5, 4, 3, 5, 2, 1, 5, 4, 5)
BAD = "CITY-6"
REVIEW = {"verdict": "substantiated", "ground": "attitude", "disposition": "fix", "finding": "情况属实。"}
FIX = {"measures": "已培训并向评价人道歉。", "responsible": "SCJG/7"}
CREW = {"handler": "SCJG", "supervisor": "", "agent": ""}


@pytest.fixture
async def levels(cluster, tmp_path):
    """Run both on clones of the template."""
    names = ("operated_above", "operated_below")
    for name in names:
        await cluster.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER haocha_owner")
    above, below = [(cluster.dsn("haocha_app", name), cluster.dsn("haocha_owner", name)) for name in names]
    async with city_below_province(tmp_path, above, below) as running:
        yield running
    for name in names:
        await cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


async def rate(city, key, number, satisfaction):
    """Post a service record and its rating in the city."""
    at = datetime.now(SHANGHAI) - timedelta(seconds=5)
    case = {"projectNo": f"CITY-{number}", "hallCode": "H1", "windowNo": "A01", "deptCode": "SCJG"}
    record = case | {"serviceTime": f"{at:%Y-%m-%d %H:%M:%S}", "taskName": "企业设立登记"}
    assert (await city.client.post("/v1/services", json=record, headers=key)).status_code == 201
    rating = case | {"satisfaction": satisfaction, "pf": "1", "staffNo": "7", "assessTime": record["serviceTime"]}
    rating |= {"userName": "虚构甲", "mobile": "19900000001", "isAnonymity": "2"}
    if satisfaction <= 2:
        rating |= {"evalDetail": [{1: "115", 2: "214"}[satisfaction]], "writingEvaluation": "等了很久没有人理。"}
    answer = await city.client.post("/v1/ratings", json=rating, headers=key)
    assert answer.status_code == 201, answer.text


async def scores(level, key, kind):
    """Read what a level shows of each subject, but for names, which each registry has for itself."""
    answer = await level.client.get(f"/v1/scores/{kind}", headers=key)
    assert answer.status_code == 200, answer.text
    return {item["key"]: {**item, "name": None} for item in answer.json()["items"]}


async def work(city, project_no):
    """Bring a ticket through the city's hands to the citizen's verdict."""
    crew = {role: await city.account(role, unit) for role, unit in CREW.items()}
    steps = {
        "awaiting_acceptance": ("handler", "accept", {}),
        "reviewing": ("handler", "review", REVIEW),
        "fixing": ("handler", "fix", FIX | {"evidence": await city.evidence(crew["handler"])}),
        "approving": ("supervisor", "approve", {}),
        "verifying": ("agent", "verify", {"result": "satisfied", "satisfaction": 5}),
    }
    while (ticket := await city.ticket(project_no)).is_open:
        who, command, body = steps[ticket.status]
        await city.give(crew[who], ticket.id, command, **body)


def closed(level, project_no):
    """Return what says whether the ticket of a case is closed there, and reads it."""

    async def look():
        ticket = await level.ticket(project_no)
        return ticket if ticket and not ticket.is_open else None

    return look


async def test_city_and_province(levels):
    """Up, down, up, down and up again, over HTTP."""
    province, city = levels
    writer = await city.key("ratings:write", "services:write")
    reader, reader_above = [await level.key("scores:read") for level in (city, province)]
    supervisor = await province.account("supervisor")

    # Ratings go up, and count there as they count here.
    for number, level in enumerate(LEVELS):
        await rate(city, writer, number, level)
    for kind in ("areas", "windows", "channels", "staff"):

        async def same(kind=kind):
            below, above = await scores(city, reader, kind), await scores(province, reader_above, kind)
            return sum(item["ratings"] for item in below.values()) == len(LEVELS) and below == above

        await until(same)

    # The province's ticket of the same rating travels down and joins the city's.
    async def joined():
        ticket = await city.ticket(BAD)
        return ticket and any(source == "province" for source, _ in ticket.parts)

    await until(joined)
    assert ((await city.ticket(BAD)).source, (await province.ticket(BAD)).source) == ("rating", "rating")

    # It is worked on in the city; its outcome closes the province's.
    await work(city, BAD)
    above = await until(closed(province, BAD))
    assert (above.outcome, above.below, above.unit) == ("fixed", "city", "SCJG")
    (fixed,) = [one for one in await province.events(BAD, Reported) if one.event == "fix_submitted"]
    assert fixed.evidence[0].url.startswith(f"https://below.example/tickets/{(await city.ticket(BAD)).id}/evidence/")
    measures = await province.pool.fetchval("SELECT body FROM private.texts WHERE id = $1", fixed.measures.id)
    assert measures == FIX["measures"]

    # The province is not content: its verdict reopens the city's, and it urges.
    await province.give(supervisor, above.id, "reopen", reason="回访反映问题仍在。")
    await province.give(supervisor, above.id, "remind", note="请本周内办结。")
    await until(lambda: city.events(BAD, Reminded))
    ticket = await city.ticket(BAD)
    assert (ticket.status, ticket.rounds, ticket.verdict) == ("fixing", 1, "substantiated")
    assert [one.why for one in await city.events(BAD, Reopened)] == ["overruled"]

    # It is worked on again, and ends in both.
    await work(city, BAD)
    assert (await until(closed(province, BAD))).outcome == "fixed"


async def test_complaint_of_the_province_is_worked_in_the_city(levels):
    """A ticket for something that the city never saw: who complained comes down sealed, what was done goes up."""
    province, city = levels
    hotline = await province.key("complaints:write")
    complaint = {
        "kind": "hotline",
        "sourceId": "12345-1",
        "text": "窗口无人值守。",
        "projectNo": "ABOVE-1",
        "areaCode": "990101000000",
        "deptCode": "SCJG",
        "userName": "虚构乙",
        "mobile": "19900000002",
    }
    answer = await province.client.post("/v1/complaints", json=complaint, headers=hotline)
    assert answer.status_code == 201, answer.text
    ticket = await until(lambda: city.ticket("ABOVE-1"))
    assert (ticket.source, ticket.unit, ticket.snapshot.flags) == ("province", "SCJG", ("fromProvince",))
    said = await city.pool.fetchval("SELECT body FROM private.texts WHERE id = $1", ticket.snapshot.texts["text"].id)
    assert said == "窗口无人值守。"
    assert await city.pool.fetchval("SELECT count(*) FROM private.vault WHERE subject = $1", ticket.snapshot.subject)
    await work(city, "ABOVE-1")
    assert (await until(closed(province, "ABOVE-1"))).outcome == "fixed"
    for level in levels:
        states = [row["state"] for row in await level.pool.fetch("SELECT state::text FROM log.events")]
        assert not [state for state in states if "虚构乙" in state or "19900000002" in state]
