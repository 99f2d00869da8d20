"""Documents of rules: every fault with its place, and nothing lost on the way through a file."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from haocha import policies
from haocha.domain import calendar_document, policy_document
from haocha.domain.documents import SAID, Faulty
from haocha.domain.policy import DEFAULT, LookBack, Policy
from haocha.domain.workdays import Limit
from haocha.store.rulebook import national_calendar

NATIONAL = calendar_document.of(national_calendar("CN-1", datetime(2026, 1, 1, tzinfo=UTC)))


def document(**members):
    """Return the default policy as it is read from a file, with some members otherwise."""
    read = policy_document.read(policy_document.write(policy_document.Document(DEFAULT)))
    read["policy"] |= members
    return read


def staged(stage, limit, **members):
    """Return the default policy with another limit of a stage."""
    value = document()
    value["policy"]["stages"][stage] |= {"limit": limit} | members
    return value


def faults(check, value):
    """Return the faults of a document as pointers and codes."""
    with pytest.raises(Faulty) as caught:
        check(value)
    assert {fault.code for fault in caught.value.faults} <= set(SAID)
    assert len(str(caught.value).splitlines()) == len(caught.value.faults)
    return {(fault.pointer, fault.code) for fault in caught.value.faults}


@pytest.mark.parametrize(
    "policy",
    [DEFAULT, *(policy_document.check(policy_document.read(policies.text(n))).policy for n in policies.TITLES)],
)
def test_policy_survives_its_file(policy):
    """Written and read again it is the same."""
    published = policy_document.Document(policy, "jinan", area="3701", dept="tax")
    assert policy_document.check(policy_document.read(policy_document.write(published, "heading"))) == published


def test_limit_in_minutes_survives_its_file():
    """By the clock, in place of days."""
    value = staged("contact", {"days": 0, "minutes": 60})
    taken = policy_document.check(value)
    assert taken.policy.stages["contact"].limit == Limit(0, minutes=60)
    assert policy_document.check(policy_document.read(policy_document.write(taken))) == taken


def test_policy_survives_json():
    """A request says the same as a file."""
    body = msgspec.json.decode(msgspec.json.encode({"policy": DEFAULT}))
    assert policy_document.check(body) == policy_document.Document(DEFAULT)


def test_all_faults_are_named_at_once():
    """Whoever mends a policy of forty members sees everything that is wrong with it."""
    value = document(
        rounds=50,
        warnings=[80, 20, 100],
        unitMayTransfer="no",
        hours=[{"start": "12:00:00", "end": "09:00:00"}, {"start": "08:00:00", "end": "10:00:00"}],
        ladder=[
            {"level": "red", "overdue": {"days": 3}},
            {"level": "yellow", "overdue": {"days": 1}},
        ],
        extension={"times": 1, "limit": {"days": 5}, "stages": ["closing"]},
        lookBack={"percent": 101, "after": {"days": 900}},
    )
    del value["policy"]["contact"]
    stages = value["policy"]["stages"]
    stages["fix"] |= {"limit": {"days": 5}, "simple": {"days": 6}, "difficult": {"days": 4}}
    stages["review"] = {"limit": {"days": "3"}}
    stages["fox"] = {"limit": {"days": 1}}
    stages["contact"] = {"limit": {"days": 1}}
    stages["approval"] = {"limit": {"days": 1}, "start": "opened"}
    del stages["dispatch"]
    value |= {"area": "37x", "colour": 3}
    assert faults(policy_document.check, value) == {
        ("/colour", "unknown"),
        ("/area", "form"),
        ("/area", "unscoped"),
        ("/policy/contact", "missing"),
        ("/policy/rounds", "range"),
        ("/policy/warnings/1", "order"),
        ("/policy/warnings/2", "range"),
        ("/policy/unitMayTransfer", "form"),
        ("/policy/hours/0/end", "order"),
        ("/policy/hours/1/start", "order"),
        ("/policy/ladder/1/level", "order"),
        ("/policy/ladder/1/overdue/days", "order"),
        ("/policy/extension/stages/0", "no_limit"),
        ("/policy/lookBack/percent", "range"),
        ("/policy/lookBack/after/days", "range"),
        ("/policy/stages/dispatch", "missing"),
        ("/policy/stages/fix/simple/days", "order"),
        ("/policy/stages/fix/difficult/days", "order"),
        ("/policy/stages/review/limit/days", "form"),
        ("/policy/stages/fox", "unknown"),
        ("/policy/stages/contact/start", "start"),
        ("/policy/stages/approval/start", "start"),
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, {("/policy", "missing")}),
        ({"policy": 3}, {("/policy", "form")}),
        (document() | {"name": "Jinan"}, {("/name", "form"), ("/area", "scope")}),
        (document() | {"name": "jinan"}, {("/area", "scope")}),
        (document() | {"dept": "tax"}, {("/dept", "unscoped")}),
        (document(hours=[]), {("/policy/hours", "form")}),
        (document(contact="nobody"), {("/policy/contact", "form")}),
        (
            document(hours=[{"start": "09:00", "end": 12}]),
            {("/policy/hours/0/start", "form"), ("/policy/hours/0/end", "form")},
        ),
        (document(warnings="80"), {("/policy/warnings", "form")}),
        (document(stages=[]), {("/policy/stages", "form")}),
        (staged("contact", {"days": 1, "minutes": 60}), {("/policy/stages/contact/limit/days", "range")}),
        (staged("contact", {"days": 0, "minutes": 0}), {("/policy/stages/contact/limit/minutes", "range")}),
        (staged("contact", {"days": 0, "minutes": "x"}), {("/policy/stages/contact/limit/minutes", "form")}),
        (
            staged("fix", {"days": 0, "minutes": 9}, difficult={"days": 0, "minutes": 8}),
            {("/policy/stages/fix/difficult/minutes", "order")},
        ),
        (
            document(
                ladder=[
                    {"level": level, "overdue": {"days": 0, "minutes": 9 - n}}
                    for n, level in enumerate(["red", "talk"])
                ]
            ),
            {("/policy/ladder/1/overdue/minutes", "order")},
        ),
        (document(rounds=True), {("/policy/rounds", "form")}),
    ],
)
def test_fault_has_its_place(value, expected):
    """A fault is named where it is, and brings no others."""
    assert faults(policy_document.check, value) == expected


def test_what_is_no_toml_is_said_with_its_line():
    """An editor finds the place."""
    with pytest.raises(Faulty, match="line 2"):
        policy_document.read('name = "default"\nrounds 3')


def test_changes_are_members_one_speaks_of():
    """A limit is one member, not its number of days."""
    after = msgspec.structs.replace(DEFAULT, rounds=2, look_back=LookBack(20, DEFAULT.look_back.after))
    after = msgspec.structs.replace(after, stages=DEFAULT.stages | {"closing": DEFAULT.stages["fix"]})
    assert [tuple(change) for change in policy_document.changes(DEFAULT, after)] == [
        ("rounds", "1", "2"),
        ("lookBack.percent", "10", "20"),
        ("stages.closing.limit", "", '{ days = 5, unit = "working" }'),
        ("stages.closing.start", "", '"opened"'),
        ("stages.closing.difficult", "", '{ days = 15, unit = "working" }'),
    ]
    assert policy_document.changes(DEFAULT, DEFAULT) == []


@pytest.mark.parametrize("name", policies.TITLES)
def test_every_value_of_a_preset_says_where_it_comes_from(name):
    """Read in a source, or assumed: nothing pretends to be a rule that it is not."""
    lines = policies.text(name).splitlines()
    values = [line for line in lines if "= " in line and not line.startswith(("#", "name")) and not line.endswith("[")]
    assert len(values) >= 25
    assert all(" # " in line for line in values)
    assert any("来源 S1" in line for line in values)


@pytest.mark.parametrize(
    ("name", "fix", "contact"),
    [
        ("shanghai", Limit(5), Limit(0)),
        ("zhejiang", Limit(15, "natural"), Limit(1, "natural")),
        ("beijing", Limit(7, "natural"), Limit(0)),
        ("dezhou", Limit(5), Limit(0)),
        ("sichuan", Limit(15), Limit(1)),
    ],
)
def test_presets_have_the_limits_of_their_places(name, fix, contact):
    """What the places' rules say of the fix and of the contact."""
    policy: Policy = policy_document.check(policy_document.read(policies.text(name))).policy
    assert (policy.stages["fix"].limit, policy.stages["contact"].limit) == (fix, contact)


def test_unknown_preset_is_no_file():
    """A name is one of a list, never a path."""
    with pytest.raises(KeyError):
        policies.text("../rulebook")


def test_calendar_survives_its_file_and_its_table():
    """Written and read again it is the same, as TOML and as rows."""
    assert calendar_document.check(policy_document.read(calendar_document.write(NATIONAL, "heading"))) == NATIONAL
    rows = [
        (n, dict(zip(calendar_document.COLUMNS, row, strict=True)))
        for n, row in enumerate(calendar_document.rows(NATIONAL), 2)
    ]
    assert calendar_document.check(calendar_document.from_rows(rows)) == NATIONAL


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"holidays": [], "makeUpDays": []}, {("/knownUntil", "missing")}),
        (
            {
                "knownUntil": "2026-12-31",
                "holidays": ["2026-01-01", "2026-01-01"],
                "makeUpDays": ["2026-01-01", "2026-01-04"],
            },
            {("/holidays/1", "twice"), ("/makeUpDays/0", "twice"), ("/makeUpDays/0", "weekend")},
        ),
        (
            {"knownUntil": 2026, "holidays": ["1 May"], "makeUpDays": []},
            {("/knownUntil", "form"), ("/holidays/0", "form")},
        ),
        ([], {("", "form")}),
    ],
)
def test_calendar_with_faults_is_not_taken(value, expected):
    """A make-up day is a weekend day, and no day is both."""
    assert faults(calendar_document.check, value) == expected


def test_faults_of_a_table_name_the_row():
    """As a spreadsheet counts."""
    rows = [
        (2, {"date": "2026-10-01", "kind": "休"}),
        (3, {"date": "1 May", "kind": "off"}),
        (4, {"day": "2026-10-02", "kind": "班"}),
    ]
    assert faults(calendar_document.from_rows, rows) == {
        ("/3/date", "form"),
        ("/3/kind", "form"),
        ("/4/date", "form"),
        ("/4/day", "unknown"),
    }


def test_extending_keeps_what_was_edited():
    """Only days beyond those that were known are added."""
    edited = calendar_document.Document(date(2025, 12, 31), (date(2025, 5, 6),), (date(2025, 5, 10),))
    longer = calendar_document.extended(edited, NATIONAL)
    assert longer.known_until == date(2026, 12, 31)
    assert [day for day in longer.holidays if day.year == 2025] == [date(2025, 5, 6)]
    assert longer.make_up_days[1:] == tuple(day for day in NATIONAL.make_up_days if day.year == 2026)
    assert calendar_document.extended(NATIONAL, edited) == NATIONAL


def test_changes_of_a_calendar_are_days():
    """What was added and what was taken away."""
    after = calendar_document.Document(
        date(2027, 12, 31), (*NATIONAL.holidays[1:], date(2027, 1, 1)), NATIONAL.make_up_days
    )
    changes = calendar_document.changes(NATIONAL, after)
    assert changes.holidays == ((date(2027, 1, 1),), NATIONAL.holidays[:1])
    assert changes.known_until == (date(2026, 12, 31), date(2027, 12, 31))
    assert changes
    assert not calendar_document.changes(NATIONAL, NATIONAL)
