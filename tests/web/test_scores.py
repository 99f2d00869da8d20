"""`/v1/scores/…` over HTTP: figures, filters, order, pages, as-of, and every fault at once."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from haocha.domain.rating import Rating
from haocha.engine import projector
from haocha.settings import Settings
from haocha.store import aggregates
from haocha.store.readmodels import definitions
from tests.conftest import TEMPLATE
from tests.engine.test_projector import step_through
from tests.web.running import Site, faults, now, rating, running, service

TODAY = (datetime.now(UTC) + timedelta(hours=8)).date()


async def settle(site: Site) -> int:
    """Bring every read model to the head; return it."""
    await projector.prepare(site.pool)
    for name in definitions():
        await step_through(site.pool, name)
    return await projector.position(site.pool, *definitions())


@pytest.fixture(scope="module")
async def scored(cluster, keys, tmp_path_factory):
    """Serve a city whose windows were rated: A01 40 times well, A02 10 times of all levels, one rating elsewhere."""
    await cluster.run(f"CREATE DATABASE scored TEMPLATE {TEMPLATE} OWNER haocha_owner")
    settings = Settings(
        data=tmp_path_factory.mktemp("scored"),
        keys=keys,
        dsn=cluster.dsn("haocha_app", "scored"),
        owner_dsn=cluster.dsn("haocha_owner", "scored"),
    )
    async with running(settings) as site:
        site.key_header = await site.key()
        well = [rating(satisfaction=5 - i % 2, staffNo="7", deptCode="TAX") for i in range(40)]
        mixed = [rating(satisfaction=1 + i % 5, windowNo="A02", taskCode="T-100", pf=str(1 + i % 2)) for i in range(10)]
        other = [rating(satisfaction=3, hallCode="H02"), rating(satisfaction=4, hallCode=None, windowNo="Z-9", pf="7")]
        served = [service(projectNo=one["projectNo"]) for one in well[:30]] + [service() for _ in range(20)]
        await post(site, "ratings", well + mixed + other)
        await post(site, "services", served)
        again = rating(projectNo=well[0]["projectNo"], satisfaction=1, evalDetail=["115"])
        await post(site, "ratings", [rating(projectNo=well[1]["projectNo"], assessNumber=2, satisfaction=2), again])
        excluded = (
            await site.client.get("/v1/ratings?window=H01/A02&satisfaction=1", headers=site.key_header)
        ).status_code
        assert excluded == 503  # nothing was built yet
        await settle(site)
        listed = await site.client.get("/v1/ratings?window=H01/A02&satisfaction=1&limit=1", headers=site.key_header)
        await exclude(site, UUID(listed.json()["items"][0]["ratingId"]))
        await settle(site)
        yield site


async def post(site, what, items):
    """Post items and demand that each was taken, or kept as a contest."""
    answer = await site.client.post(f"/v1/{what}/batch", json={what: items}, headers=site.key_header)
    assert {result["status"] for result in answer.json()["results"]} <= {201, 409}, answer.text


async def exclude(site, rating_id):
    """Exclude a rating (不予采纳), as a reviewer will."""
    await aggregates.execute(
        site.context.batcher,
        site.pool,
        Rating,
        rating_id,
        lambda rating: rating.exclude(by="reviewer", reason="mistaken", at=now()),
    )


async def scores(site, kind, **parameters):
    """Return the answer's members."""
    answer = await site.client.get(f"/v1/scores/{kind}", params=parameters, headers=site.key_header)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def by_key(site, kind, **parameters):
    """Return items by their keys."""
    return {item["key"]: item for item in (await scores(site, kind, **parameters))["items"]}


async def test_item_holds_the_counts_and_every_rate_follows_from_them(scored):
    """Counts, excluded, 追评, contested, rates with four decimals, the interval, participation, and the name."""
    item = (await by_key(scored, "windows"))["H01/A02"]
    assert item == {
        "key": "H01/A02",
        "name": "二号窗口",
        "counts": {"1": 1, "2": 2, "3": 2, "4": 2, "5": 2},
        "ratings": 9,
        "excluded": 1,
        "supplements": 0,
        "contested": 0,
        "positiveRate": 0.6667,
        "negativeRate": 0.3333,
        "averageScore": 6.4444,
        "weightsVersion": "default-10",
        "interval": [0.3542, 0.8794],
        "rankable": False,
        "participationRate": None,
        "services": 0,
        "unmatched": 10,
    }
    first = (await by_key(scored, "windows"))["H01/A01"]
    assert (first["ratings"], first["supplements"], first["contested"]) == (40, 1, 1)
    assert (first["services"], first["participationRate"], first["unmatched"]) == (50, 0.6, 10)
    assert (first["positiveRate"], first["negativeRate"], first["rankable"]) == (1.0, 0.0, True)
    assert first["interval"] == [0.9124, 1.0]


async def test_top_level_says_what_the_figures_are(scored):
    """Position, days, weights with their version, the minimum for a rank."""
    answer = await scores(scored, "windows", **{"from": str(TODAY), "to": str(TODAY)})
    assert {name: answer[name] for name in ("asOf", "from", "to", "weightsVersion", "rankMinimum", "nextCursor")} == {
        "asOf": None,
        "from": str(TODAY),
        "to": str(TODAY),
        "weightsVersion": "default-10",
        "rankMinimum": 30,
        "nextCursor": None,
    }
    assert answer["position"] == await settle(scored)
    assert answer["weights"] == {"1": 2.0, "2": 4.0, "3": 6.0, "4": 8.0, "5": 10.0}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("windows", {"H01/A01": 40, "H01/A02": 9, "H02/A01": 1, "Z-9": 1}),
        ("staff", {"TAX/7": 40}),
        ("matters", {"T-100": 9}),
        ("departments", {"TAX": 41, "HR": 9}),
        ("halls", {"H01": 49, "H02": 1}),
        ("areas", {"370102000000": 49, "370103000000": 1}),
        ("channels", {"4": 41, "1": 5, "2": 4, "7": 1}),
    ],
)
async def test_every_kind_counts_every_rating_under_its_key(scored, kind, expected):
    """Unlinked ratings are included under the key they were sent with; an unknown subject has no row."""
    assert {key: item["ratings"] for key, item in (await by_key(scored, kind)).items()} == expected


@pytest.mark.parametrize(
    ("kind", "filters", "expected"),
    [
        ("windows", {"hall": "H01"}, {"H01/A01", "H01/A02"}),
        ("windows", {"dept": "TAX"}, {"H01/A01", "H02/A01"}),
        ("windows", {"hall": "H01", "dept": "HR"}, {"H01/A02"}),
        ("windows", {"area": "370103"}, {"H02/A01"}),
        ("windows", {"area": "370100000000"}, {"H01/A01", "H01/A02", "H02/A01"}),
        ("windows", {"pf": "7"}, {"Z-9"}),
        ("staff", {"hall": "H02"}, set()),
        ("matters", {"dept": "HR"}, {"T-100"}),
        ("areas", {"area": "370103000000"}, {"370103000000"}),
        ("channels", {"pf": "1"}, {"1"}),
        ("windows", {"to": "2020-01-01"}, set()),
    ],
)
async def test_filters_leave_only_what_they_name(scored, kind, filters, expected):
    """Each kind by what it can be filtered by; an area code means the area and all below it."""
    assert {key for key, item in (await by_key(scored, kind, **filters)).items() if item["ratings"]} == expected


async def test_participation_by_channel_is_out_of_all_services(scored):
    """A service that nobody rated has no channel: it counts in the rate of each."""
    assert {
        key: (item["services"], item["participationRate"]) for key, item in (await by_key(scored, "channels")).items()
    } == {"4": (50, 0.6), "1": (50, 0.0), "2": (50, 0.0), "7": (50, 0.0)}
    assert (await by_key(scored, "windows", pf="4"))["H01/A01"]["participationRate"] == 0.6


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("interval", lambda item: item["interval"][0]),
        ("ratings", lambda item: item["ratings"]),
        ("negativeRate", lambda item: item["negativeRate"]),
        ("averageScore", lambda item: item["averageScore"]),
    ],
)
@pytest.mark.parametrize("sign", ["", "-"])
async def test_sorts_by_the_figure_and_ties_by_key(scored, sort, value, sign):
    """In both directions; the key breaks ties upwards in both."""
    items = (await scores(scored, "windows", sort=sign + sort))["items"]
    order = -1 if sign else 1
    assert items == sorted(items, key=lambda item: (order * value(item), item["key"]))


async def test_usual_order_is_the_lower_bound_downwards(scored):
    """What nobody can doubt stands first: many good ratings before one good rating."""
    assert [item["key"] for item in (await scores(scored, "windows"))["items"]] == [
        "H01/A01",
        "H01/A02",
        "H02/A01",
        "Z-9",
    ]


@pytest.mark.parametrize(
    "sort",
    [sign + name for name in ("interval", "ratings", "negativeRate", "averageScore", "key") for sign in ("", "-")],
)
@pytest.mark.parametrize("limit", [1, 3])
async def test_pages_are_complete_and_without_repeats(scored, sort, limit):
    """Following nextCursor gives exactly the whole list, ties and subjects without ratings included."""
    whole = (await scores(scored, "windows", sort=sort))["items"]
    paged, parameters = [], {"sort": sort, "limit": limit}
    while True:
        answer = await scores(scored, "windows", **parameters)
        paged += answer["items"]
        if answer["nextCursor"] is None:
            break
        parameters["cursor"] = answer["nextCursor"]
    assert whole == paged


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("matters?hall=H01", {("/hall", "unknown")}),
        ("halls?dept=D1", {("/dept", "unknown")}),
        ("channels?window=1", {("/window", "unknown")}),
        ("windows?from=2026-02-30&to=x", {("/from", "form"), ("/to", "form")}),
        ("windows?from=2026-02-02&to=2026-02-01", {("/to", "order")}),
        (
            "windows?area=37x&pf=8&limit=0&sort=best",
            {("/area", "form"), ("/pf", "form"), ("/limit", "form"), ("/sort", "form")},
        ),
        ("windows?limit=1001&cursor=AAAA&after=-1", {("/limit", "form"), ("/cursor", "form"), ("/after", "form")}),
        ("windows?asOf=yesterday", {("/asOf", "form")}),
        ("windows?asOf=999999999", {("/asOf", "form")}),
        ("windows?pf=1&pf=2", {("/pf", "repeated")}),
        ("doors", {("/kind", "form")}),
    ],
)
async def test_every_fault_is_told_at_once(scored, path, expected):
    """422 with pointer and code; filters a kind does not have are faults."""
    answer = await scored.client.get(f"/v1/scores/{path}", headers=scored.key_header)
    assert (answer.status_code, faults(answer)) == (422, expected)


async def test_cursor_of_another_order_is_refused(scored):
    """A cursor belongs to its sort."""
    cursor = (await scores(scored, "windows", sort="ratings", limit=1))["nextCursor"]
    answer = await scored.client.get(f"/v1/scores/windows?sort=key&cursor={cursor}", headers=scored.key_header)
    assert (answer.status_code, faults(answer)) == (422, {("/cursor", "form")})


async def test_scores_need_the_scope(scored):
    """A key without scores:read is refused, as is none."""
    key = await scored.key(scopes=["ratings:write"])
    assert (await scored.client.get("/v1/scores/staff", headers=key)).status_code == 403
    assert (await scored.client.get("/v1/scores/staff")).status_code == 401


async def test_after_waits_for_the_position(lone_site):
    """A rating just acknowledged is in the figures that are asked for after its position."""
    site = lone_site
    site.key_header = await site.key()
    working = asyncio.create_task(projector.run(site.pool, site.context.tail))
    for number in itertools.count(1):
        position = (await site.rate(site.key_header)).json()["position"]
        answer = await scores(site, "windows", after=position)
        assert answer["position"] >= position
        assert sum(item["ratings"] for item in answer["items"]) == number
        if number == 5:
            break
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_as_of_gives_what_was_known_then(lone_site, superuser_dsn):
    """As of a day, a time and a position: late links, exclusions and ratings do not change what was known."""
    site = lone_site
    site.key_header = await site.key()
    await projector.prepare(site.pool)
    ids = [(await site.rate(site.key_header, satisfaction=level)).json()["ratingId"] for level in (5, 4, 3, 2, 1)]
    await exclude(site, UUID(ids[4]))
    await exclude(site, UUID(ids[3]))
    first, excluded = [row["position"] for row in await site.events(ids[0])], await site.events(ids[4])
    superuser, base = await asyncpg.connect(superuser_dsn), now()
    # The third day before: the registry; two ratings the day before yesterday; the others and an exclusion yesterday.
    for upto, days in ((10_000, 0), (excluded[1]["position"], 1), (first[0] + 1, 2), (first[0] - 1, 3)):
        for table, column in (("events", "position"), ("commits", "upto")):
            await superuser.execute(
                f"UPDATE log.{table} SET recorded_at = $2::timestamptz + make_interval(secs => {column} * 0.001)"  # noqa: S608
                f" WHERE {column} <= $1",
                upto,
                base - timedelta(days=days, hours=1),
            )
    await superuser.execute("UPDATE log.commits SET recorded_at = now() - interval '9 days' WHERE upto = 0")
    await superuser.close()
    await settle(site)
    times = dict(await site.pool.fetch("SELECT position, recorded_at FROM log.events"))

    async def counts(**parameters):
        items = (await scores(site, "windows", **parameters))["items"]
        return [(item["ratings"], item["excluded"]) for item in items]

    def day(position):
        return str((times[position] + timedelta(hours=8)).date())

    exclusion = excluded[1]["position"]
    assert await counts() == [(3, 2)]
    assert await counts(asOf=day(exclusion)) == [(4, 1)]
    assert await counts(asOf=day(first[0])) == [(2, 0)]
    assert await counts(asOf=day(first[0] - 1)) == []
    for position in range(first[0], exclusion + 1):
        rated = position - first[0] + 1
        expected = (4, 1) if position == exclusion else (rated, 0)
        assert await counts(asOf=position) == [expected]
        assert await counts(asOf=times[position].isoformat()) == [expected]
    inside = await scores(site, "windows", asOf=exclusion - 1)
    assert (inside["position"], inside["items"][0]["participationRate"], inside["items"][0]["services"]) == (
        exclusion - 1,
        None,
        None,
    )
    assert await counts(asOf=exclusion, **{"from": str(TODAY + timedelta(days=1))}) == []
