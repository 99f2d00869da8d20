"""Stage visits and loops are what the streams say, whatever batches they were folded in."""

import itertools
import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.ticket_state import STAGES, status_after
from haocha.domain.workdays import SHANGHAI
from haocha.engine.tables import SETTINGS, create, fold
from haocha.store import log
from haocha.store.readmodels import definitions
from tests.projections.lives import BEGAN, append, lives, opened

LADDER = ("", "remind", "yellow", "red", "circular", "talk")


async def folded(pool, table, bounds):
    """Fold from nothing between `bounds` and return the rows; nothing stays."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await create(connection, definitions()[table], "next")
            await connection.execute(SETTINGS["next"])
            for after, upto in itertools.pairwise(bounds):
                await fold(connection, definitions()[table], after, upto)
            rows = await connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3")  # noqa: S608 (a name of ours)
            return [dict(row) for row in rows]
        finally:
            await transaction.rollback()


def streams(told):
    """Return the events by ticket."""
    by_ticket = defaultdict(list)
    for event in told:
        by_ticket[event.originator_id].append(event)
    return by_ticket


def visits_of(stream):  # noqa: C901 (a walk: one case after the other)
    """Walk one stream and return its visits: stage → list of visits as dictionaries."""
    dues, unit, rounds = {}, "", 1
    current, found = {}, defaultdict(list)

    def begin(track, stage, event):
        if stage and (track not in current or current[track]["stage"] != stage):
            end(track, event)
            current[track] = {"stage": stage, "round": rounds, "began": _word(event), "worked": 0} | {
                "entered_at": event.at,
                "ended": None,
                "said": None,
            }
            found[stage].append(current[track])
        elif not stage:
            end(track, event)

    def end(track, event):
        if visit := current.pop(track, None):
            visit["left_at"], visit["ended"] = event.at, visit["said"] or _word(event)

    for event in stream:
        for visit in current.values():
            _hear(visit, event)
        status = status_after(event)
        rounds += isinstance(event, events.Reopened)
        if status is not None:
            begin("status", "" if status == "closed" else STAGES[status], event)
            begin("closing", "" if status == "closed" else "closing", event)
        if isinstance(event, events.Closed) and "look_back" in event.dues:
            begin("look_back", "look_back", event)
        if isinstance(event, events.LookedBack | events.Reopened) or getattr(event, "verdict", "") == "excluded":
            begin("look_back", "", event)
        if "contact" in event.dues and not found["contact"] and not any(map(_over, stream[: event.originator_version])):
            begin("contact", "contact", event)
        elif _over(event):
            begin("contact", "", event)
        dues |= event.dues
        unit = getattr(event, "unit", unit) if status is not None and hasattr(event, "unit") else unit
        for visit in current.values():
            visit["due_at"], visit["unit"] = dues.get(visit["stage"]), unit
    return found


def _over(event):
    """Say whether nobody here has to contact the citizen any more."""
    match event:
        case events.Contacted():
            return event.purpose == "review" and event.reached
        case events.Opened():
            return bool(event.below)
        case _:
            return isinstance(event, events.Closed | levels.Reported)


def _word(event):
    """Name what was done, here or, where the ticket went along with a report, below."""
    if isinstance(event, levels.Reported) and event.status and event.event != "reopened":
        return event.event
    return event.TOPIC.partition(":")[0].partition(".")[2]


def _hear(visit, event):
    """Let a visit that lasts take an event in: what it worked, and what will have ended it."""
    visit["worked"] = max(visit["worked"], event.worked)
    match visit["stage"], _word(event):
        case "review", "reviewed":
            said = event.disposition
        case "appeal", "appeal_decided":
            said = _appeal(event)
        case "appeal", "overruled" if getattr(event, "dismisses", False):
            said = "dismissed"
        case ("verification", "verified") | (_, "looked_back"):
            said = event.result
        case _, "closed":
            said = event.outcome
        case _:
            return
    visit["said"] = visit["said"] or said


def _appeal(event):
    """Say how an appeal was decided, here or below."""
    if isinstance(event, events.AppealDecided):
        return "upheld" if event.upheld else "dismissed"
    return event.result


@pytest.mark.parametrize("seed", range(8))
async def test_visits_are_what_the_streams_say(pool, seed):
    """Stages, rounds, deadlines, units and working time, folded at once, one by one or anyhow."""
    chance = random.Random(seed)
    told = lives(chance)
    head = await append(pool, told)
    at_once = await folded(pool, "stages", [0, head])
    some = sorted(chance.sample(range(1, head), 5))
    assert at_once == await folded(pool, "stages", list(range(head + 1)))
    assert at_once == await folded(pool, "stages", [0, *some, head])
    expected = {}
    for ticket, stream in streams(told).items():
        for stage, visits in visits_of(stream).items():
            for number, visit in enumerate(visits, start=1):
                expected[ticket, stage, number] = visit
    assert {(row["ticket"], row["stage"], row["visit"]) for row in at_once} == set(expected)
    for row in at_once:
        visit = expected[row["ticket"], row["stage"], row["visit"]]
        assert [visit[name] for name in ("round", "began", "entered_at", "unit", "due_at")] == [
            row[name] for name in ("round", "began", "entered_at", "unit", "due_at")
        ]
        assert (visit.get("left_at"), visit["ended"] or "") == (row["left_at"], row["ended"])
        if row["stage"] not in {"closing", "contact", "look_back"}:
            assert row["worked"] == (visit["worked"] if row["left_at"] else None)


async def test_whole_loop_worked_is_the_sum_of_its_stages(pool):
    """The row of the closing adds up the visits of the stages between its ends, per loop."""
    head = await append(pool, lives(random.Random(42), steps=160))
    rows = await folded(pool, "stages", [0, head])
    loops = [row for row in rows if row["stage"] == "closing" and row["left_at"]]
    assert len(loops) > 3
    for loop in loops:
        inside = [
            row["worked"]
            for row in rows
            if row["ticket"] == loop["ticket"]
            and row["stage"] not in {"closing", "contact", "look_back"}
            and loop["entered_at"] <= row["entered_at"] < loop["left_at"]
        ]
        assert loop["worked"] == sum(inside)


@pytest.mark.parametrize("seed", range(8))
async def test_loops_are_what_the_streams_say(pool, seed):
    """Counts, verdicts, hand-ins, deadlines and outcome, folded at once, one by one or anyhow."""
    chance = random.Random(seed)
    told = lives(chance)
    head = await append(pool, told)
    at_once = await folded(pool, "loops", [0, head])
    some = sorted(chance.sample(range(1, head), 5))
    assert at_once == await folded(pool, "loops", list(range(head + 1)))
    assert at_once == await folded(pool, "loops", [0, *some, head])
    by_ticket = streams(told)
    assert len(at_once) == len(by_ticket)
    for row in at_once:
        expected = loop_of(by_ticket[row["ticket"]])
        assert expected == {name: row[name] for name in expected}


def loop_of(stream):  # noqa: C901 (a walk: one case per kind of event)
    """Walk one stream and return what came of it."""
    first, dues, kinds = stream[0], {}, Counter(map(_word, stream))
    row = {"handed_at": None, "first_at": None, "late": False, "outcome": "", "closed_at": None, "escalated": ""}
    row |= {"digest": "", "ground": "", "reopened": 0, "reinstated": 0, "result": "", "satisfied": 0, "upheld": 0}
    row["dismissed"] = 0
    informed = False
    for event in stream:
        status = status_after(event)
        if status is not None:
            stage = "closed" if status == "closed" else STAGES[status]
            row["outcome"], row["closed_at"] = ("", None) if stage != "closed" else (event.outcome, event.at)
        word = _word(event)
        match word:
            case "fix_submitted":
                row["digest"] = event.measures.digest
            case "reviewed":
                row["ground"] = event.ground
            case "returned" | "reopened":
                row["handed_at"] = None
            case "verified":
                row["result"] = event.result
                row["satisfied"] += event.result == "satisfied"
            case "appeal_decided":
                row[_appeal(event)] += 1
            case "overruled":
                row["dismissed"] += getattr(event, "dismisses", False)
            case "escalated":
                row["escalated"] = max(row["escalated"], event.level, key=LADDER.index)
            case _:
                pass
        if word == "fix_submitted" or (word == "reviewed" and event.disposition == "explain"):
            row["handed_at"], row["first_at"] = event.at, row["first_at"] or event.at
            due = dues.get("fix", dues.get("review"))
            row["late"] = row["late"] or (due is not None and event.at > due)
        if isinstance(event, events.Reopened):
            row["reinstated" if event.why == "reinstated" else "reopened"] += 1
        informed = informed or word in {"verification_sent", "verified"}
        informed = informed or (word == "contacted" and event.reached)
        dues |= event.dues
    row["due_at"] = dues.get(stage)
    row |= {"stage": stage, "informed": informed, "fix_due_at": dues.get("fix"), "number": first.number}
    row |= {"reminded": kinds["reminded"], "appealed": kinds["appeal_lodged"], "named": first.snapshot.named}
    row["closed"] = row["closed_at"].astimezone(SHANGHAI).date() if row["closed_at"] else None
    return row | {"opened": first.at.astimezone(SHANGHAI).date(), "indicators": list(first.snapshot.eval_detail)}


async def test_clock_is_immune_to_edits(pool):
    """A fix that came late stays late, also when its deadline is moved afterwards."""
    ticket = opened(log_id := lives(random.Random(0), 1, 0)[0].originator_id, 0, random.Random(0))
    late = BEGAN + timedelta(hours=40)

    def event(version, kind, at, **members):
        return kind(originator_id=log_id, originator_version=version, at=at, **members)

    told = [
        ticket,
        event(2, events.Dispatched, BEGAN, unit="dept-7"),
        event(3, events.Accepted, BEGAN),
        event(
            4,
            events.Reviewed,
            BEGAN,
            verdict="partly",
            ground="delay",
            difficulty="simple",
            disposition="fix",
            finding=ticket.snapshot.texts["writingEvaluation"],
        ),
        event(
            5,
            events.FixSubmitted,
            late,
            round=0,
            measures=ticket.snapshot.texts["writingEvaluation"],
            responsible="li",
            evidence=(),
            worked=700,
        ),
        event(6, events.DueChanged, late, calendar_version="CN-2", dues={"fix": late + timedelta(days=9)}),
    ]
    await append(pool, told)
    (fix,) = [row for row in await folded(pool, "stages", [0, 6]) if row["stage"] == "fix"]
    assert (fix["on_time"], fix["worked"], fix["due_at"]) == (False, 700, BEGAN + timedelta(hours=30))
    (loop,) = await folded(pool, "loops", [0, 6])
    assert (loop["late"], loop["first_at"]) == (True, late)
    assert isinstance(loop["handed_at"], datetime)
    assert await log.head(pool) == 6
