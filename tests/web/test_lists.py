"""`GET /v1/ratings` over HTTP: filters, pages, what an item says and what it must not say."""

import pytest

from haocha.settings import Settings
from tests.conftest import TEMPLATE
from tests.web.running import faults, rating, running
from tests.web.test_scores import TODAY, post, settle


@pytest.fixture(scope="module")
async def listed(cluster, keys, tmp_path_factory):
    """Serve a city with 30 ratings of all kinds."""
    await cluster.run(f"CREATE DATABASE listed TEMPLATE {TEMPLATE} OWNER haocha_owner")
    settings = Settings(
        data=tmp_path_factory.mktemp("listed"),
        keys=keys,
        dsn=cluster.dsn("haocha_app", "listed"),
        owner_dsn=cluster.dsn("haocha_owner", "listed"),
    )
    async with running(settings) as site:
        site.key_header = await site.key()
        good = [rating(satisfaction=5, projectNo=f"G-{i}") for i in range(20)]
        bad = [
            rating(
                satisfaction=1,
                windowNo="A02",
                projectNo=f"B-{i}",
                writingEvaluation="窗口没有人，我叫张三。",
                userName="张三",
                mobile="13800000000",
                evalDetail=["115", "113"],
            )
            for i in range(5)
        ]
        unlinked = [rating(satisfaction=2, windowNo="Z-9", pf="6", staffNo="99", deptCode="TAX", projectNo="U-1")]
        await post(site, "ratings", good + bad + unlinked)
        contest = rating(projectNo="G-1", satisfaction=2, evalDetail=["213"])
        supplement = rating(projectNo="G-2", satisfaction=2, assessNumber=2, evalDetail=["213"])
        await post(site, "ratings", [contest, supplement])
        await settle(site)
        yield site


async def page(site, **parameters):
    """Return the answer's members."""
    answer = await site.client.get("/v1/ratings", params=parameters, headers=site.key_header)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def cases(site, **parameters):
    """Return kind and case of what a filter leaves, newest first."""
    return [(item["kind"], item["projectNo"]) for item in (await page(site, **parameters))["items"]]


async def test_newest_first_and_pages_complete(listed):
    """Following nextCursor gives every row once, in falling positions."""
    items, parameters = [], {"limit": 7}
    while True:
        answer = await page(listed, **parameters)
        items += answer["items"]
        if answer["nextCursor"] is None:
            break
        assert len(answer["items"]) == 7
        parameters["cursor"] = answer["nextCursor"]
    positions = [item["position"] for item in items]
    assert positions == sorted(set(positions), reverse=True)
    assert len(items) == 28
    assert answer["position"] >= positions[0]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"satisfaction": "1"}, 5),
        ({"satisfaction": "1,2"}, 8),
        ({"linked": "false"}, 1),
        ({"linked": "true", "satisfaction": "2"}, 2),
        ({"contested": "true"}, 2),
        ({"contested": "false"}, 26),
        ({"excluded": "true"}, 0),
        ({"window": "H01/A02"}, 5),
        ({"staff": "TAX/99"}, 1),
        ({"hall": "H01", "satisfaction": "2"}, 3),
        ({"dept": "HR"}, 5),
        ({"area": "370102"}, 28),
        ({"area": "370103000000"}, 0),
        ({"pf": "6"}, 1),
        ({"flag": "reasonMissing"}, 1),
        ({"projectNo": "G-1"}, 2),
        ({"from": str(TODAY), "to": str(TODAY)}, 28),
        ({"to": "2020-01-01"}, 0),
    ],
)
async def test_filters_leave_what_they_name(listed, filters, count):
    """Each alone and together."""
    assert len((await page(listed, **filters))["items"]) == count


async def test_contest_and_supplement_stand_beside_their_firsts(listed):
    """A contest marks its first; a 追评 is a row of its own kind."""
    assert await cases(listed, contested="true") == [("contest", "G-1"), ("rating", "G-1")]
    assert await cases(listed, projectNo="G-2") == [("supplement", "G-2"), ("rating", "G-2")]
    contest = (await page(listed, contested="true", limit=1))["items"][0]
    first = (await page(listed, projectNo="G-1"))["items"][1]
    assert contest["first"] == first["ratingId"]


async def test_item_has_the_national_names_and_nothing_personal(listed):
    """Codes under their own names; no text, no identity."""
    item = (await page(listed, projectNo="B-4"))["items"][0]
    assert {name: item[name] for name in ("satisfaction", "pf", "evalDetail", "hallCode", "windowNo", "deptCode")} == {
        "satisfaction": 1,
        "pf": "4",
        "evalDetail": ["113", "115"],
        "hallCode": "H01",
        "windowNo": "A02",
        "deptCode": "HR",
    }
    answer = await listed.client.get("/v1/ratings?limit=1000", headers=listed.key_header)
    assert not any(personal in answer.text for personal in ("张三", "13800000000", "没有人"))
    single = await listed.read(listed.key_header, item["ratingId"])
    assert single["projectNo"] == "B-4"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("linked=maybe&satisfaction=6", {("/linked", "form"), ("/satisfaction", "form")}),
        ("from=2026-1-1&limit=0&sort=x", {("/from", "form"), ("/limit", "form"), ("/sort", "unknown")}),
        ("cursor=bm9wZQ&after=x", {("/cursor", "form"), ("/after", "form")}),
        ("window=%00", {("/window", "form")}),
    ],
)
async def test_every_fault_is_told_at_once(listed, query, expected):
    """422 with pointer and code."""
    answer = await listed.client.get(f"/v1/ratings?{query}", headers=listed.key_header)
    assert (answer.status_code, faults(answer)) == (422, expected)


async def test_list_needs_the_scope(listed):
    """A key that may write does not read."""
    key = await listed.key(scopes=["ratings:write"])
    assert (await listed.client.get("/v1/ratings", headers=key)).status_code == 403
