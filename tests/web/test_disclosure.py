"""Contact data: to whom policy lets call, while a call is due, with a reason, written down first; else masked."""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from haocha.domain.identity import identity_id
from haocha.web import disclosure
from tests import people as accounts
from tests.people import log_in
from tests.web.running import faults
from tests.web.test_ticket_commands import REVIEW, Loop

PERSON = {"userName": "欧阳娜娜", "mobile": "13877665544", "certKey": "37010219930405778X"}
SECRETS = (*PERSON.values(), "欧阳", "77665544")


@pytest.fixture(scope="module")
async def staff(site):
    """Make whom the rules tell apart; a unit has one contact officer only."""
    return {
        "handler": await site.account("handler", "TAX"),
        "officer": await site.account("handler", "TAX", contact_officer=True),
        "supervisor": await site.account("supervisor", "GOV"),
        "insider": await site.account("agent", "TAX"),
        "elsewhere": await site.account("agent", "12345", node="area:9999"),
        "auditor": await site.account("auditor"),
        "admin": await site.account("admin"),
        "leader": await site.account("leader"),
    }


@pytest.fixture
async def people(site, staff):
    """Return them with an agent of the test's own, whose limit nobody has used."""
    return staff | {"agent": await site.account("agent", "12345")}


@pytest.fixture
async def loop(site, people):
    """Open the ticket of somebody who gave name and phone."""
    return await Loop(site, people).open(**PERSON, isAnonymity="2")


async def ask(loop, name, /, **body):
    """Ask for contact data as one of the people."""
    sent = {"reason": "call"} | body
    return await loop.site.client.post(f"/v1/tickets/{loop.id}/disclose", json=sent, headers=loop.people[name])


async def listed(loop, **filters):
    """Return the disclosures of the loop's ticket as the auditor sees them."""
    ticket = await loop.ticket()
    answer = await loop.site.client.get(
        "/v1/disclosures", params={"ticket": ticket.number} | filters, headers=loop.people["auditor"]
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_agent_sees_name_and_phone_and_it_is_written_down(loop):
    """Nothing but what calling needs; the event says who, when, why and which members, never their values."""
    answer = await ask(loop, "agent", note="首次联系")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["userName"], shown["mobile"], shown["purpose"]) == (PERSON["userName"], PERSON["mobile"], "review")
    assert "certKey" not in shown
    assert answer.headers["cache-control"] == "no-store"
    [seen] = await listed(loop)
    assert (seen["reason"], seen["note"], seen["fields"]) == ("call", "首次联系", ["userName", "mobile"])
    assert (seen["role"], seen["unit"], seen["position"]) == ("agent", "12345", shown["position"])
    subject = (await loop.ticket()).snapshot.subject
    [stored] = await loop.site.events(identity_id(subject))
    for secret in (*SECRETS, "首次联系"):
        assert secret not in stored["state"]


async def test_only_whom_policy_lets_call_sees_them(loop):
    """Neither the unit, nor its officer under this policy, nor an agent of the unit, nor who only oversees."""
    statuses = {who: (await ask(loop, who)).status_code for who in loop.people}
    assert statuses.pop("agent") == 200
    assert statuses.pop("elsewhere") == 404
    assert set(statuses.values()) == {403}
    assert (await loop.site.client.post(f"/v1/tickets/{loop.id}/disclose", json={"reason": "call"})).status_code == 401


async def test_nothing_is_shown_once_the_citizen_was_reached(loop):
    """Until the call-back is due; then only to the agent."""
    await loop.done("handler", "accept")
    await loop.done("agent", "contact", reached=True)
    answer = await ask(loop, "agent")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_contact_due")
    await loop.done("handler", "review", **REVIEW)
    await loop.done("handler", "fix", measures="已整改", responsible="7", evidence=await loop.photo())
    await loop.done("supervisor", "approve")
    assert (await ask(loop, "agent")).json()["purpose"] == "verification"
    await loop.done("agent", "verify", result="satisfied")
    answer = await ask(loop, "agent")
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket_closed")


@pytest.mark.parametrize("given", [{}, PERSON | {"isAnonymity": "1"}, {"userName": "欧阳"}])
async def test_who_gave_no_phone_or_wants_to_stay_unknown_is_not_called(site, people, given):
    """An anonymous rating stays anonymous, whatever came with it."""
    loop = await Loop(site, people).open(**given)
    answer = await ask(loop, "agent")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_named")
    assert await listed(loop) == []


async def test_reason_is_required(loop):
    """A code, and a note where it is another; all faults at once, nothing shown, nothing recorded."""
    for body, expected in (
        ({"reason": ""}, {("/reason", "missing")}),
        ({"reason": "curious", "note": "x" * 501, "who": 1},
         {("/reason", "form"), ("/note", "form"), ("/who", "unknown_field")}),
        ({"reason": "other", "note": " "}, {("/note", "missing")}),
    ):  # fmt: skip
        answer = await ask(loop, "agent", **body)
        assert (answer.status_code, faults(answer)) == (422, expected)
        for secret in SECRETS:
            assert secret not in answer.text
    assert await listed(loop) == []


async def test_disclosures_of_an_account_are_limited_by_the_hour(loop, monkeypatch):
    """Who wants them all gets a few; the auditor sees how many."""
    monkeypatch.setattr(disclosure, "MOST_IN_AN_HOUR", 2)
    answers = [await ask(loop, "agent") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["retry-after"]
    assert len(await listed(loop)) == 2
    now = loop.site.context.now()
    monkeypatch.setattr(type(loop.site.context), "now", lambda _: now + timedelta(minutes=61))
    assert (await ask(loop, "agent")).status_code == 200


async def test_erased_identity_is_not_shown(loop):
    """There is nothing left to see."""
    subject = (await loop.ticket()).snapshot.subject
    await loop.site.pool.execute("DELETE FROM private.vault WHERE subject = $1", subject)
    assert (await ask(loop, "agent")).json()["code"] == "not_named"


async def test_everywhere_else_it_is_masked(loop):
    """The ticket, the rating, the lists and the receipt, to whoever may read them."""
    key = await loop.site.key()
    ticket = await loop.ticket()
    addresses = (f"/v1/tickets/{loop.id}", f"/v1/ratings/{ticket.source_id}", "/v1/tickets", "/v1/ratings")
    answers = [await loop.site.client.get(address, headers=key) for address in addresses]
    answers += [
        await loop.site.client.get(f"/v1/tickets/{loop.id}", headers=loop.people[who]) for who in ("handler", "agent")
    ]
    for answer in answers:
        for secret in (PERSON["mobile"], PERSON["certKey"], PERSON["userName"]):
            assert secret not in answer.text


async def test_limit_holds_for_many_at_once(loop, monkeypatch):
    """Asking a dozen times at the same moment is no way round it."""
    monkeypatch.setattr(disclosure, "MOST_IN_AN_HOUR", 2)
    answers = await asyncio.gather(*(ask(loop, "agent") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [429] * 10
    assert len(await listed(loop)) == 2


async def test_only_the_auditor_lists_disclosures(loop):
    """Not the admin, not the leader, no key."""
    for who in ("admin", "leader", "supervisor", "agent", "officer"):
        answer = await loop.site.client.get("/v1/disclosures", headers=loop.people[who])
        assert answer.status_code == 403
    assert (await loop.site.client.get("/v1/disclosures", headers=await loop.site.key())).status_code == 403


async def test_list_pages_and_filters(loop):
    """By account, ticket and days; cursor to the older ones; an auditor of an area sees its tickets only."""
    for _ in range(3):
        await ask(loop, "agent")
    all_of_them = await listed(loop)
    assert [seen["position"] for seen in all_of_them] == sorted((s["position"] for s in all_of_them), reverse=True)
    assert await listed(loop, account="nobody") == []
    assert await listed(loop, to="2020-01-01") == []
    headers = loop.people["auditor"]
    first = (await loop.site.client.get("/v1/disclosures", params={"limit": "2"}, headers=headers)).json()
    more = {"limit": "2", "cursor": first["nextCursor"]}
    second = (await loop.site.client.get("/v1/disclosures", params=more, headers=headers)).json()
    assert first["items"][-1]["position"] > second["items"][0]["position"]
    for node, expected in (("area:370102000000", 3), ("area:370103000000", 0), ("dept:TAX", 3), ("dept:HR", 0)):
        auditor = await loop.site.account("auditor", node=node)
        ticket = await loop.ticket()
        page = await loop.site.client.get("/v1/disclosures", params={"ticket": ticket.number}, headers=auditor)
        assert len(page.json()["items"]) == expected, node


async def test_pages_ask_first_and_show_afterwards(loop):
    """The same without scripts: a reason, then the phone, then the form to say what came of it."""
    agent = await accounts.make(loop.site.pool, "agent", "12345")
    await log_in(loop.site.client, agent)
    try:
        page = await loop.site.client.get(f"/tickets/{loop.id}/identity")
        assert (page.status_code, "查看前先记录" in page.text) == (200, True)
        for secret in SECRETS:
            assert secret not in page.text
        form = {"csrf": accounts.csrf_of(page), "reason": "other", "note": ""}
        refused = await loop.site.client.post(f"/tickets/{loop.id}/identity", data=form)
        assert (refused.status_code, "请写明理由" in refused.text) == (422, True)
        forged = await loop.site.client.post(f"/tickets/{loop.id}/identity", data=form | {"csrf": "x", "note": "x"})
        assert (forged.status_code, PERSON["mobile"] in forged.text) == (403, False)
        shown = await loop.site.client.post(f"/tickets/{loop.id}/identity", data=form | {"note": "约好下午"})
        assert (shown.status_code, PERSON["mobile"] in shown.text) == (200, True)
        auditor = await accounts.make(loop.site.pool, "auditor")
        await log_in(loop.site.client, auditor)
        listed_page = await loop.site.client.get("/desk/disclosures")
        assert "约好下午" in listed_page.text
        assert agent.username in listed_page.text
    finally:
        loop.site.client.cookies.clear()


async def test_the_event_reads_back(loop):
    """What was stored names the ticket and its subject."""
    await ask(loop, "agent")
    ticket = await loop.ticket()
    [stored] = await loop.site.events(identity_id(ticket.snapshot.subject))
    event = msgspec.json.decode(stored["state"])
    assert (UUID(event["ticket"]), event["unit"], event["area"]) == (ticket.id, "TAX", "370102000000")
