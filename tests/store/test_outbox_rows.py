"""Lists of reports read no more of the outbox than they show, however long it is."""

from datetime import UTC, datetime, timedelta

from haocha.store import outbox_rows
from tests.outboxes import entry, put, settle


async def test_receipts_of_an_area_are_looked_for_among_the_last(pool, monkeypatch):
    """An area that reported nothing lately does not have all reports read at every look at the page."""
    now = datetime.now(UTC)
    areas = {1: "990201000000", 2: "990101000000", 3: "990101000000"}
    await put(pool, *(entry(position, area=area) for position, area in areas.items()))
    for position in areas:
        await settle(pool, [position], "accepted", now + timedelta(seconds=position))
    monkeypatch.setattr(outbox_rows, "MOST_TAKEN", 2)
    assert [row.position for row in await outbox_rows.receipts(pool, "up", None, 6)] == [3, 2]
    assert [row.position for row in await outbox_rows.receipts(pool, "up", "9901", 1)] == [3]
    assert await outbox_rows.receipts(pool, "up", "9902", 6) == []
