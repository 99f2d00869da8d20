"""docs/integrators.md: every example runs and prints what the guide says; its tables are those of the program."""

import ast
import asyncio
import os
import re
import shlex
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec
import pytest

from haocha.commands.keys import create
from haocha.domain import ticket_events
from haocha.domain.codes import CHANNELS, CURRENT_INDICATORS, INDICATORS, LEVELS
from haocha.domain.complaint import KINDS
from haocha.domain.ticket_levels import Deed
from haocha.domain.ticket_state import LADDER, STATUSES
from haocha.domain.workdays import SHANGHAI
from haocha.engine import worker
from haocha.settings import Settings
from haocha.store import keys as store
from haocha.store.instance import Instance
from haocha.sync import dialect, lines, ticket_items
from haocha.web import answers, app, context, feed, submit, tickets, wire
from haocha.web.forms import ComplaintIn, RatingIn, ServiceIn
from haocha.web.order_forms import FORMS
from haocha.web.rating_intake import UNDIGESTED
from haocha.web.ticket_filters import DUES, QUEUE_NAMES, SORTS
from haocha.web.words import OUTCOMES
from tests.conftest import TEMPLATE
from tests.web.running import faults, now, rating, running

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "integrators.md").read_text(encoding="utf-8")
SOURCES = ROOT / "src" / "haocha" / "web"
PAGES = {
    "account.py", "accounts.py", "board.py", "calendar_pages.py", "desk_bulk.py", "exports.py", "login.py", "pages.py",
    "policy_pages.py", "receipt_page.py", "sync_page.py",
}  # fmt: skip
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUNNERS = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
DIFFERS = "…"
PATIENCE = 60
CHOICES = {
    tuple("1234567"): '`"1"`–`"7"`',
    ("", "1", "2"): '`"1"` or `"2"`',
    (1, 2): "`1` or `2`",
    tuple(sorted(KINDS)): " ".join(f"`{kind}`" for kind in KINDS),
}
WAYS = ("a window pad", "a hotline after the call", "a web portal", "a batch", "a service record")
DAY = timedelta(days=1)


class Example(NamedTuple):
    """A program of the guide: the `haocha keys create` line it needs, and what it prints."""

    title: str
    language: str
    program: str
    key: str
    prints: str


def examples() -> list[Example]:
    """Return all programs of the guide in order; each is followed by what it prints."""
    found: list[Example] = []
    key, waiting = "", None
    for fence in FENCE.finditer(GUIDE):
        language, body = fence.groups()
        if language == "console":
            key = body.removeprefix("$ ").strip()
        elif language == "text":
            assert waiting is not None, body
            found.append(waiting._replace(prints=body))
            waiting = None
        else:
            assert waiting is None, f"nothing is said of what this prints: {waiting}"
            title = GUIDE.rindex("\n## ", 0, fence.start()) + len("\n## ")
            heading = GUIDE[title : GUIDE.index("\n", title)]
            waiting = Example(f"{heading}, {language} {len(found)}", language, body, key, "")
    assert waiting is None
    return found


def table(heading: str) -> list[list[str]]:
    """Return the rows of the first table after `heading`."""
    lines = GUIDE[GUIDE.index(heading) :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def named(cell: str) -> list[str]:
    """Return the words a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(scope="module")
async def site(cluster, keys, tmp_path_factory):
    """Serve a database of the guide's own, with the worker beside it."""
    await cluster.run(f"CREATE DATABASE guide TEMPLATE {TEMPLATE} OWNER haocha_owner")
    settings = Settings(
        data=tmp_path_factory.mktemp("guide"),
        keys=keys,
        dsn=cluster.dsn("haocha_app", "guide"),
        owner_dsn=cluster.dsn("haocha_owner", "guide"),
    )
    async with running(settings) as site:
        header = await site.key()
        working = asyncio.create_task(worker.run(Instance(settings, settings.dsn, settings.owner_dsn), site.pool))
        async with asyncio.timeout(PATIENCE):
            while (await site.client.get("/v1/scores/windows", headers=header)).status_code != 200:
                await asyncio.sleep(0.1)
        yield site
        working.cancel()
        await asyncio.wait([working])


async def key_of(site, command: str) -> str:
    """Create the key that a `haocha keys create …` line asks for, as the command reads it."""
    program, group, name, *arguments = shlex.split(command)
    assert (program, group, name) == ("haocha", "keys", "create")
    asked = create.make_context("create", arguments).params
    header = await site.key(
        asked["kind"], asked["scopes"], name=asked["name"], hall=asked["hall"], window_no=asked["window"]
    )
    return header["Authorization"].removeprefix("Bearer ")


async def run(site, folder: Path, example: Example) -> str:
    """Run a program of the guide in `folder` on address and key alone; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        *RUNNERS[example.language],
        example.program,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "BASE_URL": site.url, "KEY": await key_of(site, example.key)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        printed, complained = await process.communicate()
    assert (process.returncode, complained.decode()) == (0, "")
    return printed.decode()


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.title)
async def test_example_prints_what_the_guide_says(site, tmp_path, example):
    """Each program runs as it stands."""
    if example.language == "bash" and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    printed = await run(site, tmp_path, example)
    expected = ".+?".join(re.escape(part) for part in example.prints.split(DIFFERS))
    assert re.fullmatch(expected, printed, re.DOTALL), printed


def test_every_way_in_has_examples_in_both_languages():
    """Pad, hotline, portal, batch, service record and scores: with curl and with Python."""
    told = {(example.title.partition(",")[0], example.language) for example in examples()}
    wanted = {(f"Example: {name}", language) for name in WAYS for language in RUNNERS}
    assert wanted | {("Receipts and scores", language) for language in RUNNERS} <= told
    assert ("Example: NDJSON", "bash") in told


def form(schema: dict) -> str:
    """Return the form of a field as the guide writes it, from its JSON schema."""
    variants = [variant for variant in schema.get("anyOf", [schema]) if variant.get("type") != "null"]
    variant = next((one for one in variants if one.get("type") == "array"), variants[0])
    if "enum" in variant:
        return CHOICES[tuple(variant["enum"])]
    if variant["type"] == "array":
        return f"array of codes ≤ {variant['items']['maxLength']}, or codes separated by commas"
    if variant["type"] == "integer":
        return f"integer {variant['minimum']}–{variant['maximum']}"
    if variant["pattern"] == "^([0-9]{12})?$":
        return "12 digits"
    return f"text ≤ {variant['maxLength']}" if "maxLength" in variant else "text"


@pytest.mark.parametrize("struct", [RatingIn, ServiceIn, ComplaintIn], ids=lambda struct: struct.__name__)
def test_table_of_fields_is_the_form(struct):
    """Every field stands in the table once, with its star and its form; no other does."""
    told: dict[str, tuple[str, bool]] = {}
    for cell, said, _ in table(f"<!-- fields: {struct.__name__} -->"):
        for name in named(cell):
            assert name not in told
            told[name] = (said.partition(", default")[0], "★" in cell)
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    assert fields.keys() == told.keys()
    starred = {name for name, field in fields.items() if field.required} | (
        set() if struct is ComplaintIn else {"projectNo"}
    )
    assert starred == {name for name, (_, star) in told.items() if star}
    assert told.pop("ext")[0] == f"any JSON ≤ {wire.EXT_BYTES // 1024} kB, ≤ {wire.EXT_DEPTH} deep"
    [schema], parts = msgspec.json.schema_components([struct])
    properties = parts[schema["$ref"].rpartition("/")[2]]["properties"]
    for name, (said, _) in told.items():
        expected = "time" if name in wire.TIMES else form(properties[name])
        assert expected == said, name


def test_defaults_and_limits_are_those_of_the_program():
    """Sizes of bodies and batches, and what a repeat may have otherwise."""
    assert f"at most {submit.LARGEST_RECORD // 1024} kB" in GUIDE
    assert f"up to {submit.MOST_ITEMS:,} items, {submit.LARGEST_BATCH_BODY // 1024**2} MB" in GUIDE
    assert f"take {context.PUBLIC_PER_MINUTE} requests a minute" in GUIDE
    [repeat] = [row for row in table("**The key of a rating**") if "`200`" in row[1]]
    assert UNDIGESTED | {"sentAt", "ext"} <= set(named(repeat[1]))


def test_table_of_scopes_and_kinds_is_that_of_the_keys():
    """Each kind with whether it can ask, each scope."""
    assert {name: name in store.ASKING_KINDS for name in store.KINDS} == {
        named(cell)[0]: asks == "yes" for cell, _, asks in table("- `--kind` says")
    }
    assert list(store.SCOPES) == [named(cell)[0] for cell, _ in table("- `--scope` says")]


def test_levels_channels_and_indicators_are_the_national_ones():
    """The indicators in use by level, the names of channels and levels."""
    told = {}
    for level, listed in table("## Levels, indicators"):
        number, name = level.split(" ")
        assert LEVELS[int(number)] == name
        told |= {code: (int(number), text) for code, _, text in (one.partition(" ") for one in listed.split(", "))}
    assert told == {code: INDICATORS[code] for code in CURRENT_INDICATORS}
    assert ", ".join(f"{code} {name}" for code, name in CHANNELS.items()) in GUIDE
    assert ", ".join(f"{level} {LEVELS[level]}" for level in (5, 4, 3, 2, 1)) in GUIDE


def test_table_of_parameters_of_the_feed_is_that_of_the_feed():
    """Each parameter, and the bounds."""
    assert list(feed.ALLOWED) == [named(cell)[0] for cell, _ in table("<!-- parameters: events -->")]
    assert f"1–{feed.MOST:,}, default {feed.USUAL:,}" in GUIDE
    assert f"at most {feed.LONGEST_WAIT}, to wait" in GUIDE
    assert f"looks through {feed.MOST_SCANNED:,} positions" in GUIDE


def test_table_of_parameters_of_tickets_is_that_of_the_list():
    """Each filter, and the words that those of few words take."""
    rows = table("<!-- parameters: tickets -->")
    assert sorted(tickets.ALLOWED) == sorted(name for cell, _ in rows for name in named(cell))
    told = {named(cell)[0]: set(named(said)) for cell, said in rows}
    assert set(QUEUE_NAMES) == told["queue"]
    assert set(STATUSES) == told["status"]
    assert set(ticket_events.SOURCES) == told["source"]
    assert set(OUTCOMES) == told["outcome"]
    assert set(DUES) == told["due"]
    assert set(LADDER) == told["escalated"]
    assert set(SORTS) == told["sort"]


@pytest.mark.parametrize("struct", [lines.Line, ticket_items.Step, lines.Receipt, lines.Held])
def test_lines_between_instances_are_those_of_the_program(struct):
    """Every member of an item, a receipt and a listed rating, and no other; ★ is required of an item."""
    cells = [cell for cell, *_ in table(f"<!-- fields: {struct.__name__} -->")]
    fields = msgspec.structs.fields(struct)
    assert [name for cell in cells for name in named(cell)] == [field.encode_name for field in fields]
    required = {name for cell in cells for name in re.findall(r"`(\w+)` ★", cell)}
    starred = {field.encode_name for field in fields if field.required}
    assert struct in {lines.Receipt, lines.Held} or required == starred


def test_items_from_above_are_those_of_the_program():
    """Every type with every member, and no other; ★ is required."""
    rows = {named(kind)[0]: said for kind, said in table("<!-- fields: orders -->")}
    assert rows.keys() == FORMS.keys()
    for kind, said in rows.items():
        told = [re.match(r"`(\w+)`( ★)?", part).groups() for part in said.split(" · ")]
        fields = [field for field in msgspec.structs.fields(FORMS[kind]) if field.name != "type"]
        assert {name for name, _ in told} == {field.encode_name for field in fields}
        assert {name for name, star in told if star} == {field.encode_name for field in fields if field.required}


def test_statuses_and_kinds_of_lines_are_told():
    """Each word that may stand there."""
    kinds, statuses = (table(f"<!-- fields: {name} -->")[0][1] for name in ("Line", "Receipt"))
    assert named(kinds) == list(dialect.KINDS)
    assert named(statuses) == list(get_args(lines.Receipt.__annotations__["status"]))
    assert named(table("<!-- fields: Step -->")[0][1]) == list(get_args(Deed))


def test_flags_are_those_of_the_schema():
    """Each flag an answer can hold."""
    assert set(answers.FLAGS["items"]["enum"]) == {named(cell)[0] for cell, _ in table("| flag | meaning |")}


def given(*callers: str) -> list[ast.expr]:
    """Return what stands where `callers` take a code, anywhere in the sources of the API."""
    return [
        node.args[1]
        for path in sorted(SOURCES.glob("*.py"))
        if path.name not in PAGES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in callers and len(node.args) > 1
    ]


def codes(*callers: str) -> set[str]:
    """Return the codes that are written out."""
    return {node.value for node in given(*callers) if isinstance(node, ast.Constant)}


def reckoned(*callers: str) -> set[str]:
    """Return the expressions that stand in place of a code."""
    return {ast.unparse(node) for node in given(*callers) if not isinstance(node, ast.Constant)}


def forms_told() -> set[str]:
    """Return the codes that `wire` gives a member by what its decoder says."""
    tree = ast.parse((SOURCES / "wire.py").read_text(encoding="utf-8"))
    [function] = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_code"]
    return {node.value.value for node in ast.walk(function) if isinstance(node, ast.Return)}


def test_every_code_of_a_problem_is_told():
    """The codes in the sources, and no others, with the status each comes with; those of a ticket's rules apart."""
    rows = table("<!-- codes: problems -->")
    assert reckoned("Problem") == {
        "EvidenceTooLarge.code", "STATUS_CODES.get(status, 'refused')", "first.code", "refusal.code", "refused.code",
    }  # fmt: skip
    rules = {named(code)[0] for code, _ in table("<!-- refusals -->")}
    known = codes("Problem") - rules | set(app.STATUS_CODES.values())
    known |= {"already_rated", "already_received", "poisoned", "refused"}
    assert known == {named(code)[0] for _, code, _ in rows}
    told = {(status, named(code)[0]) for status, code, _ in rows}
    assert {(str(status), code) for status, code in app.STATUS_CODES.items()} <= told


def test_every_code_of_a_fault_is_told():
    """The codes that `errors` can hold, but those that are a problem's own."""
    told = {named(code)[0] for code, _ in table("<!-- codes: faults -->")}
    reckoned_codes = {"code", "self.code", "_code(str(error))", "problem.code", "wrong.code"}
    assert reckoned("Fault", "fault", "_fault") == reckoned_codes
    assert codes("Fault", "fault", "_fault") | forms_told() == told


async def test_offline_queue_outlasts_a_full_server(site, tmp_path, monkeypatch):
    """The pad of the guide is told 503 and when to come again; it does, and nothing is lost or doubled."""
    [pad] = [example for example in examples() if "queue.ndjson" in example.program]
    header = {"Authorization": f"Bearer {await key_of(site, pad.key)}"}
    limit = site.context.batcher._limit
    monkeypatch.setattr(site.context.batcher, "_limit", 0)
    refused = await site.client.post("/v1/ratings", json=rating(windowNo=None, hallCode=None), headers=header)
    assert (refused.status_code, refused.headers["retry-after"], refused.json()["code"]) == (503, "1", "unavailable")
    again = pad._replace(program=pad.program.replace("YX-2026-", "YX-FULL-"))
    running_pad = asyncio.create_task(run(site, tmp_path, again))
    queue = tmp_path / "queue.ndjson"
    async with asyncio.timeout(PATIENCE):
        while not queue.exists() or queue.read_bytes().count(b"YX-FULL") < again.program.count("YX-FULL"):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    assert not running_pad.done()
    monkeypatch.setattr(site.context.batcher, "_limit", limit)
    assert pad.prints == await running_pad
    assert queue.read_bytes() == b""
    assert (tmp_path / "aside.ndjson").read_bytes().count(b"YX-FULL-000105") == 1


@pytest.mark.parametrize(
    ("assessed", "also", "counted", "flags"),
    [
        (-3, {"sent": -3}, 0, []),
        (-7, {"sent": 0}, -7, []),
        (-2, {}, -2, []),
        (+2, {}, 0, ["clock"]),
        (-2, {"served": -1}, 0, ["clock"]),
    ],
    ids=["three days slow", "a week in a queue", "clock not told", "in the future", "before its service"],
)
async def test_day_is_decided_as_the_guide_says(site, assessed, also, counted, flags):
    """The device's clock is corrected, what cannot be right is flagged and counts to today; all in days from now."""
    at = now()
    times = {name: (at + days * DAY).isoformat() for name, days in also.items()}
    headers = await site.key() | ({"X-Device-Time": times["sent"]} if "sent" in times else {})
    body = rating(assessTime=(at + assessed * DAY).isoformat(), serviceTime=times.get("served"))
    answer = await site.client.post("/v1/ratings", json=body, headers=headers)
    assert (201, flags) == (answer.status_code, answer.json()["flags"])
    shown = await site.read(headers, answer.json()["ratingId"])
    assert (at + counted * DAY).astimezone(SHANGHAI).date().isoformat() == shown["day"]


async def test_second_opinion_is_kept_and_answered_as_the_guide_says(site):
    """Repeat, contest, contest again, and the same content from another client."""
    mine, other, body = await site.key(), await site.key(), rating(satisfaction=4)
    first = (await site.client.post("/v1/ratings", json=body, headers=mine)).json()
    later = body | {"assessTime": (now() + timedelta(seconds=5)).isoformat(), "deviceSeq": 9, "ext": {"again": True}}
    repeat = await site.client.post("/v1/ratings", json=later, headers=mine)
    assert (200, first | {"duplicate": True}) == (repeat.status_code, repeat.json())
    changed = body | {"satisfaction": 3, "deviceNo": "D-9"}
    contests = [(await site.client.post("/v1/ratings", json=changed, headers=mine)).json() for _ in range(2)]
    assert {"already_rated"} == {contest["code"] for contest in contests}
    assert contests[0]["receipt"] == contests[1]["receipt"] != first["receipt"]
    assert contests[0]["differs"] == ["deviceNo", "satisfaction"]
    theirs = await site.client.post("/v1/ratings", json=body, headers=other)
    assert (theirs.status_code, "differs" in theirs.json()) == (409, False)


async def test_bound_key_and_empty_lines_in_a_batch(site):
    """A record for another hall is 422 `key_bound` of its own; alone it is 403; empty lines are not counted."""
    key = await site.key("keypad", ["ratings:write"], hall="H01")
    own, elsewhere = rating(hallCode=None), rating(hallCode="H02")
    lines = b"\n\n".join([msgspec.json.encode(own), msgspec.json.encode(elsewhere), b""])
    headers = key | {"Content-Type": "application/x-ndjson"}
    answer = await site.client.post("/v1/ratings/batch", content=lines, headers=headers)
    results = [msgspec.json.decode(line) for line in answer.content.splitlines()]
    assert [(result["index"], result["status"]) for result in results] == [(0, 201), (1, 422)]
    assert results[1]["errors"][0]["code"] == "key_bound"
    alone = await site.client.post("/v1/ratings", json=elsewhere, headers=key)
    assert (403, {("/hallCode", "key_bound")}) == (alone.status_code, faults(alone))


async def test_request_id_is_the_callers_or_ours(site):
    """A sensible id comes back, another is replaced."""
    for asked in ("pad-7-0001", "x" * (app.LONGEST_REQUEST_ID + 1)):
        answer = await site.client.get("/v1/log", headers={"X-Request-Id": asked})
        assert (len(asked) <= app.LONGEST_REQUEST_ID) == (answer.headers["x-request-id"] == asked)
    assert f"at most {app.LONGEST_REQUEST_ID})" in GUIDE


@pytest.mark.parametrize(
    ("also", "status", "told"),
    [
        ({"sentAt": "yesterday"}, 422, {("/sentAt", "form")}),
        ({"sendAt": "2025-03-03 09:00:00"}, 422, {("/sendAt", "unknown_field")}),
        ({"ratings": [{}] * (submit.MOST_ITEMS + 1)}, 413, {("", "too_large")}),
    ],
    ids=["no time", "another member", "too many"],
)
async def test_batch_as_a_whole_is_refused_as_the_guide_says(site, also, status, told):
    """What is not an item's own fault takes nothing."""
    before = await site.count()
    answer = await site.client.post("/v1/ratings/batch", json={"ratings": [rating()]} | also, headers=await site.key())
    assert (status, told) == (answer.status_code, faults(answer))
    assert before == await site.count()


async def test_bar_is_no_separator(site):
    """Codes of some pads' kit are one unknown code: taken and flagged."""
    answer = await site.rate(await site.key("pad"), satisfaction=2, evalDetail="213|209")
    assert (answer.status_code, answer.json()["flags"]) == (201, ["unknownIndicator"])
