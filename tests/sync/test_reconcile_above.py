"""Reconciliation with a real haocha above: what it lists of us is what we hold, and what it lost or rewrote shows."""

from datetime import datetime, time, timedelta

from haocha.domain.workdays import SHANGHAI
from haocha.store import differences
from haocha.sync import holdings, reconcile
from haocha.sync.dialect import dialect_of
from tests.sync.pair import two_levels
from tests.sync.reports import now

NOON = datetime.combine(now().astimezone(SHANGHAI).date() - timedelta(days=1), time(12), SHANGHAI)


async def compare(city, day) -> reconcile.Result:
    """Reconcile a day of the city with its province."""
    [peer] = city.settings.peers
    reads = await reconcile.reader(city.pool, city.settings)
    told = holdings.listed(dialect_of(peer), day)
    return await reconcile.run(city.pool, reads, peer.name, day, told, taken_at=now() + timedelta(seconds=1))


async def test_what_the_instance_above_lists_is_what_we_hold(cluster, keys, tmp_path):
    """Levels, channels, texts, 追评, contests, ratings without a case; a text that is gone above is an alteration."""
    async with two_levels(cluster, tmp_path, keys) as (city, province):
        _, key = await city.site.key("ratings:write", kind="keypad")
        _, other = await city.site.key("ratings:write", kind="integration", name="网上")
        items = [
            {
                "projectNo": f"U{number:04}",
                "satisfaction": number % 5 + 1,
                "pf": str(number % 7 + 1),
                "assessTime": (NOON + timedelta(seconds=number)).isoformat(),
                "hallCode": "H1",
                "windowNo": "A01",
            }
            | ({"writingEvaluation": "等了  太久\n<b>第二行</b> & 其他\t"} if number % 3 == 0 else {})
            for number in range(35)
        ]
        items += [item | {"assessNumber": 2, "satisfaction": 3} for item in items[:5]]
        items.append({name: value for name, value in items[0].items() if name != "projectNo"} | {"sourceId": "own-1"})
        for posted, by in ((items, key), ([items[1] | {"satisfaction": 1}], other)):
            answer = await city.site.client.post(
                "/v1/ratings/batch", json={"ratings": posted}, headers={"Authorization": f"Bearer {by}"}
            )
            assert {result["status"] for result in answer.json()["results"]} <= {201, 409}, answer.text
        await city.reported()
        result = await compare(city, NOON.date())
        assert (result.ours, result.theirs, result.late, result.differences) == (41, 41, 0, 0)
        assert (await compare(city, NOON.date() - timedelta(days=1))).ours == 0
        gone = await province.pool.fetchval("DELETE FROM private.texts RETURNING id")
        assert gone is not None
        altered = await compare(city, NOON.date())
        assert (altered.altered, altered.differences) == (15, 15)
        found = await differences.of_day(city.pool, "province", NOON.date())
        assert {one.project_no for one in found} >= {f"U{number:04}" for number in range(0, 35, 3)}
