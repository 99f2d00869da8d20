"""Members: their secrets can be derived again; what they reported is found by day, without looking through the log."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from haocha.domain.workdays import SHANGHAI
from haocha.store import events, log, members
from haocha.store.members import Member
from tests.sync import reports

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


async def test_secret_is_a_function_of_keys_name_and_serial(pool, keys):
    """Nothing secret is stored; a new serial is a new secret."""
    first = await members.enrol(pool, "yunxiu", "990100000000", NOW)
    assert first == Member("yunxiu", "9901", 1)
    assert await members.enrol(pool, "yunxiu", "9901", NOW) is None
    second = await members.enrol(pool, "yunxiu", "9901", NOW, again=True)
    assert members.secret_of(keys, first) == members.secret_of(keys, Member("yunxiu", "9901", 1))
    assert members.secret_of(keys, first) != members.secret_of(keys, second)
    assert members.secret_of(keys, first) != members.secret_of(keys, first._replace(name="other"))


async def test_revoked_member_is_none(pool):
    """Until it is enrolled again."""
    await members.enrol(pool, "yunxiu", "9901", NOW)
    assert await members.revoke(pool, "yunxiu", NOW)
    assert not await members.revoke(pool, "yunxiu", NOW)
    assert await members.get(pool, "yunxiu") is None
    assert await members.enrol(pool, "yunxiu", "9901", NOW, again=True) == await members.get(pool, "yunxiu")


@pytest.mark.parametrize(
    ("area", "inside"), [("990102000000", True), ("", True), ("990200000000", False), ("99", False)]
)
def test_area_is_what_codes_begin_with(area, inside):
    """What has no area lies anywhere."""
    assert Member("yunxiu", "9901", 1).has(area) is inside


async def report(pool, *facts, client="yunxiu"):
    """Put facts into the log as the intake does."""
    groups = []
    for fact in facts:
        at = fact.assess_time.astimezone(SHANGHAI)
        own = msgspec.structs.replace(fact, client=client, key_kind=members.KEY_KIND, assess_time=at)
        groups.append(log.Group((log.NewEvent(reports.stream_of(fact), 1, *events.encode(own)),)))
    assert {verdict.verdict for verdict in await log.append(pool, groups)} == {"ok"}


async def test_reported_ratings_are_listed_by_day_and_page(pool):
    """By the day of assessTime in Shanghai, first ratings and 追评 of this member, in the order they came."""
    night = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)  # 2 March, 00:30 in Shanghai
    facts = [reports.rating(assess_time=night, day=date(2026, 3, 5)) for _ in range(3)]
    more = reports.supplement(facts[0], assess_time=night)
    other = reports.contest(facts[0], assess_time=night)
    early = reports.rating(assess_time=night.replace(hour=15))
    await report(pool, *facts, other, early, more)
    await report(pool, reports.rating(assess_time=night), client="shuangxi")
    first = await members.reported(pool, "yunxiu", date(2026, 3, 2), 0, 2)
    rest = await members.reported(pool, "yunxiu", date(2026, 3, 2), first[-1].position, 2)
    listed = [(one.fact.project_no, one.fact.assess_number) for one in (*first, *rest)]
    assert listed == [*((fact.project_no, 1) for fact in facts), (facts[0].project_no, 2)]
    assert await members.reported(pool, "yunxiu", date(2026, 3, 3), 0) == []


async def test_listing_reads_no_more_than_the_day(pool):
    """However long the log is, the index of what members reported is what is asked."""
    await report(pool, *(reports.rating() for _ in range(50)))
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch("EXPLAIN " + members.SQL["reported"], "yunxiu", "2026-03-02", 0, 10)
    assert "events_reported" in "\n".join(row[0] for row in plan)
