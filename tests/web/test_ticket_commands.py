"""`POST /v1/tickets/{id}/{command}`: the loop over HTTP, versions, guards, and what each refusal says."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest

from haocha.domain.ticket import Ticket
from haocha.store import aggregates, evidence, vault
from haocha.web import command_schema, orders, words
from tests.web.running import Site, faults
from tests.world import World

GUIDE = (Path(__file__).parents[2] / "docs" / "integrators.md").read_text(encoding="utf-8")
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
REVIEW = {
    "verdict": "substantiated",
    "ground": "attitude",
    "disposition": "fix",
    "finding": "窗口人员态度生硬，情况属实。",
}


class Loop:
    """One ticket of the site, and the people who work on it."""

    def __init__(self, site: Site, people: dict[str, dict[str, str]]) -> None:
        self.site = site
        self.people = people
        self.id = ""
        self.version = 0

    async def open(self, **changes: object) -> "Loop":
        """Let a bad rating of the tax window come in, and its ticket open."""
        key = await self.site.key()
        world = await World(self.site.pool, self.site.context.install).begin()
        await world.react("open_ticket")  # what other tests have left
        before = {ticket.id for ticket in await world.tickets()}
        members = {"satisfaction": 1, "evalDetail": ["115"], "deptCode": "TAX"} | changes
        answer = await self.site.rate(key, **members)
        assert answer.status_code == 201, answer.text
        await world.react("open_ticket")
        (ticket,) = [ticket for ticket in await world.tickets() if ticket.id not in before]
        self.id, self.version = str(ticket.id), ticket.version
        return self

    async def give(self, who: str, command: str, version: int | None = None, **body: object) -> httpx.Response:
        """Give a command as one of the people, over the version that was answered last."""
        seen = self.version if version is None else version
        headers = self.people[who] | {"If-Match": f'"{seen}"'}
        answer = await self.site.client.post(f"/v1/tickets/{self.id}/{command}", json=body, headers=headers)
        if answer.status_code == 200:
            self.version = answer.json()["version"]
        return answer

    async def done(self, who: str, command: str, **body: object) -> dict:
        """Give a command that is taken, and return what was answered."""
        answer = await self.give(who, command, **body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == f'"{self.version}"'
        return answer.json()

    async def photo(self) -> list[dict[str, str]]:
        """Keep a photo and return how a command refers to it."""
        kept = await evidence.keep(self.site.pool, PNG, by="test", at=datetime.now(UTC))
        return [{"digest": kept.digest, "caption": "整改后的窗口"}]

    async def until(self, status: str) -> "Loop":
        """Bring the ticket that far on the straight way."""
        for who, command, body in (
            ("handler", "accept", {}),
            ("handler", "review", REVIEW),
            ("handler", "fix", {"measures": "已培训并道歉。", "responsible": "7", "evidence": await self.photo()}),
            ("supervisor", "approve", {}),
            ("agent", "verify", {"result": "satisfied", "satisfaction": 5}),
        ):
            if (await self.done(who, command, **body))["status"] == status:
                return self
        raise AssertionError(status)

    async def ticket(self) -> Ticket:
        """Read the ticket from its stream."""
        return await aggregates.get(self.site.pool, Ticket, UUID(self.id))


@pytest.fixture
async def people(site: Site) -> dict[str, dict[str, str]]:
    """Make one person of each role; `rival` handles for another unit, `insider` supervises within the unit."""
    return {
        "handler": await site.account("handler", "TAX"),
        "rival": await site.account("handler", "HR"),
        "supervisor": await site.account("supervisor", "GOV"),
        "insider": await site.account("supervisor", "TAX"),
        "reviewer": await site.account("reviewer", "GOV"),
        "partial": await site.account("reviewer", "TAX"),
        "agent": await site.account("agent", "12345"),
        "leader": await site.account("leader", "GOV"),
        "elsewhere": await site.account("supervisor", "GOV", node="area:9999"),
    }


@pytest.fixture
async def loop(site: Site, people: dict[str, dict[str, str]]) -> Loop:
    """Open a ticket."""
    return await Loop(site, people).open()


async def test_whole_life_over_http(loop):
    """Accepted, contacted, reviewed, fixed, approved, verified: closed as fixed, nothing else closes it."""
    await loop.done("handler", "accept")
    await loop.done("agent", "contact", reached=True, note="已电话核实")
    await loop.done("handler", "review", **REVIEW)
    await loop.done("handler", "fix", measures="已整改", responsible="7", evidence=await loop.photo())
    approved = await loop.done("supervisor", "approve", note="同意")
    assert approved["status"] == "verifying"
    closed = await loop.done("agent", "verify", result="satisfied", satisfaction=4, comment="谢谢")
    assert (closed["status"], closed["outcome"]) == ("closed", "fixed")
    assert closed["position"] > approved["position"]


async def test_texts_are_kept_apart_from_the_events(loop):
    """What people write lies among the texts, never in an event."""
    await loop.until("fixing")
    states = [row["state"] for row in await loop.site.events(loop.id)]
    assert not any(REVIEW["finding"] in state for state in states)
    finding = (await aggregates.log.read_stream(loop.site.pool, UUID(loop.id)))[-1].event.finding
    assert await vault.bodies(loop.site.pool, [finding.id]) == {finding.id: REVIEW["finding"]}


async def test_command_needs_the_version_that_was_seen(loop):
    """Without `If-Match` it is 428; over an old version 412 with what happened since."""
    path, headers = f"/v1/tickets/{loop.id}/accept", loop.people["handler"]
    missing = await loop.site.client.post(path, json={}, headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (428, "version_required")
    await loop.done("handler", "accept")
    late = await loop.give("supervisor", "remind", version=1)
    assert late.status_code == 412
    assert late.json()["version"] == 2
    assert [event["event"] for event in late.json()["events"]] == ["accepted"]
    assert (await loop.ticket()).version == 2


async def test_second_of_two_at_once_is_told(loop):
    """Two people act over the same version: exactly one is taken, the other sees what happened."""
    answers = await asyncio.gather(*(loop.give(who, "accept") for who in ("handler", "handler")))
    assert sorted(answer.status_code for answer in answers) == [200, 412]


@pytest.mark.parametrize(
    ("who", "command", "status", "code"),
    [
        ("rival", "accept", 403, "not_yours"),
        ("supervisor", "accept", 403, "not_yours"),
        ("elsewhere", "remind", 403, "not_yours"),
        ("leader", "remind", 403, "not_yours"),
        ("leader", "review", 403, "not_yours"),
        ("rival", "appeal", 403, "not_yours"),
        ("elsewhere", "reopen", 403, "not_yours"),
        ("handler", "fix", 409, "wrong_status"),
        ("supervisor", "approve", 409, "wrong_status"),
        ("supervisor", "reopen", 422, "invalid"),
        ("handler", "review", 422, "invalid"),
    ],
)
async def test_what_is_not_to_be_done_says_why(loop, who, command, status, code):
    """Another's task is 403 whatever the form, a guard 409 under its code, a form 422."""
    answer = await loop.give(who, command)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"]
    assert (await loop.ticket()).version == 1


async def test_form_names_every_fault(loop):
    """All faults of a form come at once, each with its field."""
    await loop.done("handler", "accept")
    answer = await loop.give("handler", "review", verdict="maybe", ground="x", finding=" ", nonsense=1)
    assert faults(answer) == {
        ("/verdict", "form"),
        ("/ground", "form"),
        ("/finding", "missing"),
        ("/disposition", "missing"),
        ("/nonsense", "unknown_field"),
    }


async def test_fix_without_evidence_is_refused(loop):
    """The guard names the rule, and a file that was never uploaded is named too."""
    await loop.until("fixing")
    bare = await loop.give("handler", "fix", measures="已整改", responsible="7")
    assert (bare.status_code, bare.json()["code"]) == (409, "evidence_missing")
    lost = await loop.give("handler", "fix", measures="已整改", responsible="7", evidence=[{"digest": "0" * 64}])
    assert faults(lost) == {("/evidence/0/digest", "unknown_evidence")}


async def test_unit_does_not_approve_its_own_fix(loop):
    """A supervisor of the handling unit is refused by the guard of independence."""
    await loop.until("approving")
    answer = await loop.give("insider", "approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_independent")


async def test_upheld_appeal_excludes_the_rating_and_reinstating_counts_it_again(loop):
    """The scores restate both ways, and the ticket is reviewed anew."""
    await loop.done("handler", "accept")
    await loop.done("handler", "appeal", ground="mistaken", reason="评价人点错了窗口")
    partial = await loop.give("partial", "decide-appeal", upheld=True, reason="同意")
    assert (partial.status_code, partial.json()["code"]) == (409, "not_independent")
    closed = await loop.done("reviewer", "decide-appeal", upheld=True, reason="情况属实")
    assert (closed["status"], closed["outcome"]) == ("closed", "excluded")
    world = World(loop.site.pool, loop.site.context.install)
    await world.react("exclude_rating")
    rating = await world.rating(UUID((await loop.ticket()).source_id))
    assert rating.excluded
    assert [event.reason for event in await _ratings_events(loop, rating.id)] == ["mistaken"]
    again = await loop.done("reviewer", "reinstate", reason="复核有误")
    assert (again["status"], again["outcome"]) == ("reviewing", None)
    await world.react("exclude_rating")
    assert not (await world.rating(rating.id)).excluded


async def _ratings_events(loop, rating_id):
    return [recorded.event for recorded in (await aggregates.log.read_stream(loop.site.pool, rating_id))[1:]]


async def test_dispatch_needs_a_unit_that_exists(site, people):
    """A ticket without a unit is dispatched by a supervisor, to a unit that somebody knows."""
    loop = await Loop(site, people).open(hallCode=None, windowNo=None, deptCode="NOBODY")
    assert (await loop.ticket()).status == "awaiting_dispatch"
    wrong = await loop.give("supervisor", "dispatch", unit="NOWHERE")
    assert faults(wrong) == {("/unit", "unknown_unit")}
    assert (await loop.done("supervisor", "dispatch", unit="TAX", note="请办理"))["status"] == "awaiting_acceptance"
    assert (await loop.done("handler", "accept"))["status"] == "reviewing"


async def test_merging_needs_a_related_ticket(site, people):
    """Two bad ratings of one person on one matter are related, and one may be merged into the other."""
    first = await Loop(site, people).open(staffNo="7", taskCode="T-100")
    second = await Loop(site, people).open(staffNo="7", taskCode="T-100")
    first.version = (await first.ticket()).version
    assert (await first.ticket()).related == {(await second.ticket()).id}
    stranger = await Loop(site, people).open(staffNo="7", taskCode="T-200")
    refused = await second.give("supervisor", "merge", into=(await stranger.ticket()).number)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_related")
    merged = await second.done("supervisor", "merge", into=(await first.ticket()).number)
    assert (merged["status"], merged["outcome"]) == ("closed", "merged")


async def test_key_cannot_act(loop):
    """Machines' keys give no commands, and strangers none."""
    headers = await loop.site.key() | {"If-Match": '"1"'}
    assert (await loop.site.client.post(f"/v1/tickets/{loop.id}/accept", headers=headers)).status_code == 403
    assert (await loop.site.client.post(f"/v1/tickets/{loop.id}/accept")).status_code == 401


async def test_unknown_ticket_is_not_found(loop):
    """A ticket that is none is 404, also where the id is a rating's."""
    loop.id = (await loop.ticket()).source_id
    assert (await loop.give("handler", "accept", version=1)).status_code == 404


@pytest.mark.parametrize("command", orders.ORDERS)
def test_examples_of_the_schema_are_of_their_form(command):
    """What the document shows is taken."""
    order, wrong = orders.read(command, command_schema.EXAMPLES[command])
    assert isinstance(order, orders.ORDERS[command])
    assert wrong == []


async def test_schema_has_the_commands(site):
    """Each with its form, and the version that goes along."""
    document = (await site.client.get("/schema")).json()
    for command in orders.ORDERS:
        operation = document["paths"][f"/v1/tickets/{{ticket_id}}/{command}"]["post"]
        assert {"If-Match"} <= {parameter["name"] for parameter in operation["parameters"]}
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert document["components"]["schemas"][name]["additionalProperties"] is False
        assert {"200", "403", "409", "412", "422", "428"} <= operation["responses"].keys()


def table(name: str) -> dict[str, list[str]]:
    """Return the rows of a table of the guide by the code in their first cell."""
    lines = GUIDE.partition(f"<!-- {name} -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].split("`")[1]: row for row in rows}


def test_guide_lists_every_command_with_its_members():
    """Required members stand bare, the others in brackets; the words are those of the pages."""
    for command, (name, _, members) in table("commands").items():
        fields = msgspec.structs.fields(orders.ORDERS[command])
        assert name.endswith(words.COMMANDS[command])
        optional = set(re.findall(r"\[`(\w+)`", members))
        named = set(re.findall(r"`(\w+)`", members))
        assert named == {field.encode_name for field in fields}
        guarded = {"measures", "responsible", "evidence"} if command == "fix" else set()
        assert optional == {field.encode_name for field in fields if not field.required} - guarded
    assert table("commands").keys() == orders.ORDERS.keys()


def test_guide_lists_every_refusal():
    """What can be refused is documented, and nothing else."""
    assert table("refusals").keys() == words.REFUSALS.keys()


def test_every_command_and_every_refusal_has_its_words():
    """What people can do has a form and a name; what they are refused has a sentence."""
    from haocha.domain import ticket_guards, ticket_refusals
    from haocha.domain.errors import Refusal

    codes = {
        one.code
        for one in vars(ticket_refusals).values()
        if isinstance(one, type) and issubclass(one, Refusal) and one is not Refusal
    }
    assert codes <= set(words.REFUSALS)
    assert set(orders.ORDERS) == set(ticket_guards.COMMANDS) == set(words.COMMANDS)
