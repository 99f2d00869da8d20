"""Complaints and findings are sources of tickets like any other."""

import hashlib
from datetime import date

import pytest

from haocha.domain import ids
from haocha.domain.complaint import ComplaintReceived, complaint_id
from haocha.domain.inspection import FindingRecorded, finding_id
from haocha.domain.ticket_events import Actor
from tests.world import ASSESSED

SUBJECT = ids.subject_id(ids.uuid5(ids.UUID(int=0), "finding"))


async def complain(world, source_id, **members):
    """Let a complaint come in; return its stream."""
    known = {
        "kind": "hotline",
        "source_id": source_id,
        "received_at": ASSESSED,
        "day": date(2025, 6, 3),
        "linked": True,
        "client": "12345",
        "key_kind": "hotline",
    } | members
    digest = hashlib.sha256(repr(known).encode()).hexdigest()
    stream = complaint_id(world.namespace, known["key_kind"], known["client"], source_id)
    await world.append((stream, ComplaintReceived(**known, digest=digest)))
    return stream


async def find(world, number, **members):
    """Let an inspector's finding come in; return its stream."""
    stream = finding_id(world.namespace, number)
    known = {
        "finding_no": number,
        "standard": "A1",
        "tree_version": "1",
        "found_on": date(2025, 6, 3),
        "received_at": ASSESSED,
        "linked": True,
        "by": Actor("li", "", "inspector"),
        "subject": SUBJECT,
        "texts": {},
        "digest": number,
    } | members
    await world.append((stream, FindingRecorded(**known)))
    return stream


async def test_complaint_opens_a_ticket_that_says_how_it_came(world):
    """Its number leads back to the complaint; the unit is the department it is about."""
    await world.register("org", "dept-7")
    stream = await complain(world, "1", dept="dept-7", hall="H1", named=True)
    await world.react()
    [ticket] = await world.tickets()
    assert ticket.id == ids.ticket_id(world.namespace, "complaint", str(stream))
    assert (ticket.source, ticket.unit, ticket.case_id) == ("complaint", "dept-7", None)
    assert (ticket.snapshot.kind, ticket.snapshot.satisfaction, ticket.snapshot.hall) == ("hotline", 0, "H1")


async def test_complaint_joins_the_open_ticket_of_its_case(world):
    """Who rated badly and calls the hotline, too, has one ticket."""
    await world.rate("case")
    await world.react()
    stream = await complain(world, "1", project_no="case")
    await world.react()
    [ticket] = await world.tickets()
    assert ticket.parts[1:] == [("complaint", str(stream))]


async def test_later_bad_rating_joins_the_ticket_of_a_complaint(world):
    """It works both ways."""
    await complain(world, "1", project_no="case")
    await world.react()
    rating = await world.rate("case")
    await world.react()
    [ticket] = await world.tickets()
    assert (ticket.source, ticket.joined) == ("complaint", [str(rating)])


async def test_two_complaints_of_one_case_in_one_batch_are_one_ticket(world):
    """The second finds what the first has opened."""
    await complain(world, "1", project_no="case")
    second = await complain(world, "2", project_no="case")
    await world.react()
    [ticket] = await world.tickets()
    assert ticket.joined == [str(second)]


@pytest.mark.parametrize(("level", "tickets"), [(0, 1), (1, 1), (2, 1), (3, 0), (5, 0)])
async def test_praise_opens_no_ticket(world, level, tickets):
    """A 综合点评 of level 3 and better is kept; nothing is to be put right."""
    await complain(world, "1", kind="comment", satisfaction=level)
    await world.react()
    assert len(await world.tickets()) == tickets


async def test_each_finding_is_a_ticket_for_whom_the_inspector_named(world):
    """Else for the place's department; the standard it fails stands on the ticket."""
    await world.register("org", "dept-7")
    await world.register("org", "dept-8")
    await find(world, "1", dept="dept-7", unit="dept-8")
    await find(world, "2", dept="dept-7")
    await find(world, "3", unit="nobody")
    await world.react()
    tickets = await world.tickets()
    assert [(ticket.source, ticket.unit) for ticket in tickets] == [
        ("inspection", "dept-8"),
        ("inspection", "dept-7"),
        ("inspection", ""),
    ]
    assert {ticket.snapshot.standard for ticket in tickets} == {"A1"}


async def test_reacting_again_opens_nothing_more(world):
    """The id of the ticket is a function of its source, and joining holds its cause."""
    await complain(world, "1", project_no="case")
    await complain(world, "2", project_no="case")
    await world.react()
    await world.pool.execute("UPDATE engine.checkpoints SET position = 0 WHERE name = 'handler:open_ticket'")
    await world.react()
    [ticket] = await world.tickets()
    assert len(ticket.joined) == 1


async def test_complaint_about_a_person_is_related_to_a_bad_rating_of_him(world):
    """The same person and matter, whichever way it came: both tickets say so."""
    await world.rate("case-1", satisfaction=1, staff="dept-7/1", matter="m")
    await world.react()
    await complain(world, "1", staff="dept-7/1", matter="m")
    await world.react()
    [rated, complained] = await world.tickets()
    assert complained.related == {rated.id}
    assert rated.related == {complained.id}
