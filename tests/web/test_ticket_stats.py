"""`/v1/tickets/stats`: the loop's rates are what the lives of the tickets say, each with its n."""

from datetime import timedelta

import pytest

from tests import people
from tests.loops import MONDAY, Life, tell
from tests.web.handling import Loop


@pytest.fixture
async def key(lone_site):
    """Return a key that may read tickets and nothing else."""
    return await lone_site.key(scopes=["tickets:read"])


async def stats(site, headers, **parameters):
    """Return the answer."""
    answer = await site.client.get("/v1/tickets/stats", params=parameters, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def share(numerator, denominator):
    """Return a rate as the API says it."""
    rate = round(numerator / denominator, 4) if denominator else None
    return {"numerator": numerator, "denominator": denominator, "rate": rate}


async def some_lives(pool):
    """Tell seven tickets of the tax office and one of another; return the last position."""
    late = Life().accepted().contacted(reached=False).reviewed().fixed(30).approved(31).verified(32).closed(32)
    return await tell(
        pool,
        Life().done(7),
        late,
        Life().accepted().reviewed(disposition="explain", ground="policy").approved().verified(8, "informed")
        .closed(8, "explained"),
        Life().accepted().appealed(upheld=True),
        Life().accepted().appealed(upheld=False).reviewed(5).fixed(6).approved(7).verified(8, "unsatisfied").reopened(8)
        .fixed(9).approved(10).verified(11).closed(11),
        Life(named=False).accepted().reviewed().fixed().approved().closed(200, "unreachable"),
        Life().escalated(25, "red"),
        Life(unit="HR", dept="HR", window="H01/A02", source="complaint", satisfaction=0),
    )  # fmt: skip


async def test_rates_are_counted_over_what_was_upheld(lone_site, key):
    """Numerators and denominators of every rate, over tickets of every kind."""
    position = await some_lives(lone_site.pool)
    answer = await stats(lone_site, key, unit="TAX", **{"from": "2025-06-02", "to": "2025-06-02"})
    total = answer["total"]
    assert (answer["position"], answer["basis"]) == (position, "opened")
    assert {name: total[name] for name in ("tickets", "fixed", "explained", "excluded", "unreachable", "open")} == {
        "tickets": 7, "fixed": 3, "explained": 1, "excluded": 1, "unreachable": 1, "open": 1,
    }  # fmt: skip
    assert {name: total[name] for name in FIGURES} == FIGURES


FIGURES = {
    "rectification": share(4, 6),
    "onTimeRectification": share(4, 6),
    "namedReply": share(4, 5),
    "namedRectification": share(4, 5),
    "namedVerification": share(4, 5),
    "satisfaction": share(3, 4),
    "reopening": share(1, 6),
    "appeal": share(2, 7),
    "appealUpheld": share(1, 2),
}


async def test_time_per_stage_is_in_working_hours(lone_site, key):
    """Median and nine tenths of the visits that ended, with their number, and how many were on time."""
    await tell(lone_site.pool, *(Life().accepted(hours).reviewed(hours + 1) for hours in (1, 2, 3, 4, 12)))
    stages = (await stats(lone_site, key))["total"]["stages"]
    assert (stages["acceptance"]["n"], stages["acceptance"]["medianHours"], stages["acceptance"]["p90Hours"]) == (
        5, 3.0, 8.8,
    )  # fmt: skip
    assert stages["acceptance"]["onTime"] == share(4, 5)
    assert (stages["review"]["n"], stages["review"]["medianHours"]) == (5, 1.0)
    assert (stages["fix"]["n"], stages["fix"]["onTime"]) == (0, share(0, 5))


@pytest.mark.parametrize(
    ("by", "subjects"),
    [
        ("unit", {"TAX": "税务局", "HR": "人社局"}),
        ("window", {"H01/A01": "一号窗口", "H01/A02": "二号窗口"}),
        ("hall", {"H01": "市民中心"}),
        ("staff", {"TAX/7": "甲"}),
        ("area", {"370102000000": None}),
        ("ground", {"": None, "delay": "办理超时", "policy": "政策限制"}),
        ("source", {"rating": "差评", "complaint": "投诉意见"}),
        ("policy", {"default-1": None}),
        ("day", {"2025-06-02": None}),
        ("week", {"2025-06-02": None}),
        ("month", {"2025-06": None}),
    ],
)
async def test_figures_are_told_by_every_subject(lone_site, key, by, subjects):
    """Each subject has its own figures, with the name people know it by."""
    await some_lives(lone_site.pool)
    answer = await stats(lone_site, key, by=by)
    assert {item["key"]: item["name"] for item in answer["items"]} == subjects
    assert sum(item["tickets"] for item in answer["items"]) == 8 == answer["total"]["tickets"]


async def test_period_is_of_the_opening_or_of_the_closing(lone_site, key):
    """A ticket opened on Monday and closed on Tuesday is Monday's by opening and Tuesday's by closing."""
    await tell(lone_site.pool, Life().done(30), Life(at=MONDAY + timedelta(days=1)))
    opened = await stats(lone_site, key, by="day")
    closed = await stats(lone_site, key, by="day", basis="closed")
    assert [(item["key"], item["tickets"]) for item in opened["items"]] == [("2025-06-02", 1), ("2025-06-03", 1)]
    assert [(item["key"], item["tickets"]) for item in closed["items"]] == [("2025-06-03", 1)]
    assert closed["items"][0]["stages"]["closing"]["n"] == 1


async def test_subjects_come_in_pages(lone_site, key):
    """Pages follow each other by key."""
    await tell(lone_site.pool, *(Life(staff=f"TAX/{number}") for number in range(5)))
    keys, cursor = [], None
    while True:
        answer = await stats(lone_site, key, by="staff", limit=2, **({"cursor": cursor} if cursor else {}))
        keys += [item["key"] for item in answer["items"]]
        if (cursor := answer["nextCursor"]) is None:
            break
    assert keys == [f"TAX/{number}" for number in range(5)]


async def test_people_count_what_they_may_see(lone_site):
    """A handler counts his unit's tickets, a supervisor of an area that area's."""
    await some_lives(lone_site.pool)
    handler = await people.make(lone_site.pool, "handler", "HR")
    supervisor = await people.make(lone_site.pool, "supervisor", node="area:370103")
    leader = await people.make(lone_site.pool, "leader")
    seen = [(await stats(lone_site, login.headers))["total"]["tickets"] for login in (handler, supervisor, leader)]
    assert seen == [1, 0, 8]


async def test_nothing_is_a_rate_of_nothing(lone_site, key):
    """Without tickets every rate is null over nought."""
    await tell(lone_site.pool)
    total = (await stats(lone_site, key, by="unit"))["total"]
    assert total["rectification"] == share(0, 0)
    assert (total["tickets"], total["stages"]) == (0, {})


async def test_wrong_parameters_are_told_together(lone_site, key):
    """Unknown names and words are refused."""
    answer = await lone_site.client.get("/v1/tickets/stats", params={"by": "moon", "basis": "x", "y": "1"}, headers=key)
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"/by", "/basis", "/y"}


async def test_loop_in_peoples_hands_is_counted(lone_site, key):
    """What people did through the API is a loop with every stage, closed as fixed, verified and satisfied."""
    loop = await Loop.begin(lone_site)
    await loop.open(isAnonymity="2", userName="张三", mobile="13812345678")
    await loop.until("closed")
    await loop.world.fold()
    total = (await stats(lone_site, key, unit="TAX"))["total"]
    assert (total["tickets"], total["fixed"], total["open"]) == (1, 1, 0)
    for figure in ("rectification", "onTimeRectification", "namedVerification", "satisfaction"):
        assert (figure, total[figure]) == (figure, share(1, 1))
    stages = {"acceptance", "review", "fix", "approval", "verification", "closing"}
    assert {stage: total["stages"][stage]["n"] for stage in stages} == dict.fromkeys(stages, 1)
    assert total["stages"]["contact"]["onTime"]["numerator"] == 0
