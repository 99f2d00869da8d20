"""City → province, an instance each: the province's figures are the city's."""

from datetime import timedelta
from uuid import UUID

import pytest

from haocha.domain import ids
from haocha.domain.rating import Rating
from haocha.domain.workdays import SHANGHAI
from haocha.registry import importing, rows
from haocha.registry.files import Line, Table
from haocha.store import aggregates
from tests.sync.pair import two_levels
from tests.sync.reports import now

PERSON = {"userName": "测试人甲", "certKey": "990101199001010000", "mobile": "19900000000", "isAnonymity": "2"}


@pytest.fixture
async def both(cluster, tmp_path, keys):
    """Run a city and the province above it."""
    async with two_levels(cluster, tmp_path, keys) as levels:
        yield levels


async def post(city, key, **members):
    """Post a rating of window A01 to the city; return the answer's members."""
    at = now() - timedelta(minutes=5)
    body = {
        "satisfaction": 5,
        "pf": "4",
        "assessTime": f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
        "hallCode": "H1",
        "windowNo": "A01",
    } | members
    answer = await city.site.client.post("/v1/ratings", json=body, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code in {200, 201, 409}, answer.text
    return answer.json()


async def exclude(level, rating_id, decide="exclude"):
    """Exclude or reinstate a rating of an instance."""

    def command(rating):
        getattr(rating, decide)(by="reviewer", reason="mistaken", at=now())

    await aggregates.execute(level.context.batcher, level.pool, Rating, rating_id, command)


async def test_scores_above_equal_those_below(both):
    """All that counts, and all that is decided later, by every subject and day."""
    city, province = both
    _, pad = await city.site.key("ratings:write", kind="keypad", name="窗口")
    _, web = await city.site.key("ratings:write", kind="integration", name="网上")
    posted = []
    for number in range(60):
        old = f"{(now() - timedelta(days=number % 4)).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
        window = ("A01", "A02", "Z99")[number % 3]
        more = PERSON | {"writingEvaluation": "等了太久"} if number % 7 == 0 else {}
        members = {"satisfaction": number % 5 + 1, "pf": str(number % 7 + 1), "windowNo": window, "assessTime": old}
        posted.append(UUID((await post(city, pad, projectNo=f"U{number:04}", **members, **more))["ratingId"]))
    for number in range(0, 30, 3):
        await post(city, pad, projectNo=f"U{number:04}", assessNumber=2, satisfaction=4, windowNo="Z99")
    for number in range(0, 20, 4):
        await post(city, web, projectNo=f"U{number:04}", satisfaction=1, windowNo="Z99")
    await post(city, pad, sourceId="own-1", satisfaction=2, evalDetail=["213"])
    for number in (1, 5, 8, 12):
        await exclude(city, posted[number])
    await exclude(city, posted[5], "reinstate")
    await city.reported()
    cells = {"kind": "window", "hallCode": "H1", "windowNo": "Z99", "name": "新窗口", "deptCode": "ZRZY"}
    table = Table(tuple(rows.COLUMNS), [Line(2, cells | {"validFrom": "2025-01-01"})])
    await importing.run(city.pool, rows.parse(table), apply=True, by="test", at=now())
    await city.reported()
    await exclude(city, posted[12], "reinstate")
    await exclude(city, ids.rating_id(city.context.install.namespace, "U0003", 1, 2))
    await city.reported()
    await province.settle()
    expected = await city.figures()
    assert expected == await province.figures()
    assert await city.pool.fetchval("SELECT count(*) FROM log.events WHERE topic = 'rating.linked:v1'") > 20
    assert len(expected) > 50


async def test_ratings_above_open_tickets_of_their_own(both):
    """A bad rating is a ticket on both levels; a good one on none."""
    city, province = both
    _, pad = await city.site.key("ratings:write", kind="keypad", name="窗口")
    for number, level in enumerate((1, 2, 3, 5)):
        await post(city, pad, projectNo=f"U{number}", satisfaction=level)
    await city.reported()
    await province.settle()
    opened = "SELECT state -> 'snapshot' ->> 'projectNo' FROM log.events WHERE topic = 'ticket.opened:v1' ORDER BY 1"
    assert [row[0] for row in await city.pool.fetch(opened)] == ["U0", "U1"]
    assert [row[0] for row in await province.pool.fetch(opened)] == ["U0", "U1"]


async def test_identity_arrives_in_the_vault_only(both):
    """The province can read who rated; no event, outbox row or answer can tell."""
    city, province = both
    _, pad = await city.site.key("ratings:write", kind="integration", name="网上")
    await post(city, pad, projectNo="U7", satisfaction=1, writingEvaluation="等了太久", **PERSON)
    await city.reported()
    stream = ids.rating_id(province.context.install.namespace, "U7", 1)
    rating = await aggregates.get(province.pool, Rating, stream)
    identity = await province.context.vault.identity(province.pool, rating.fact.subject)
    assert identity == {name: value for name, value in PERSON.items() if name != "isAnonymity"}
    texts = await province.pool.fetch("SELECT body FROM private.texts")
    assert [row["body"] for row in texts] == ["等了太久"]
    for level in both:
        told = await level.pool.fetch("SELECT state::text FROM log.events UNION ALL SELECT o::text FROM sync.outbox o")
        for value in (*identity.values(), "等了太久"):
            assert not any(value in row[0] for row in told)
