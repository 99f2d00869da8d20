"""`/v/{token}`: the citizen judges once, on any phone; looking changes nothing."""

from datetime import timedelta
from uuid import UUID

import pytest

from haocha import links
from haocha.domain.ticket import Ticket
from haocha.store import aggregates, vault
from tests.web.test_ticket_commands import REVIEW, Loop

FORM = {"level": "2", "comment": "还是要等很久", "confirmed": "1"}


@pytest.fixture
async def asked(site):
    """Bring a ticket so far that its citizen is asked."""
    site.context.public_limits._per_minute = 100_000
    people = {
        "handler": await site.account("handler", "TAX"),
        "supervisor": await site.account("supervisor", "GOV"),
        "agent": await site.account("agent", "12345"),
    }
    sent = {"taskCode": "T-100", "writingEvaluation": "态度差", "userName": "孙悟空", "mobile": "13855556666"}
    loop = await Loop(site, people).open(**sent)
    await loop.done("handler", "accept")
    await loop.done("handler", "review", **REVIEW)
    await fix(loop)
    return loop


async def fix(loop):
    """Fix and approve."""
    measures = "已增开两个窗口，如有问题请打 0531-86001234。"
    await loop.done("handler", "fix", measures=measures, responsible="7", evidence=await loop.photo())
    await loop.done("supervisor", "approve", note="内部意见")


def address(loop, attempt=1):
    """Return the address that the citizen was sent."""
    key = loop.site.context.settings.keys.derive(links.PURPOSE)
    return f"/v/{links.token(key, UUID(loop.id), attempt)}"


async def test_page_tells_what_was_rated_and_what_was_done(asked):
    """Matter, place, level, measures; no number, no name of the staff, no note of the unit, nothing of who rated."""
    page = await asked.site.client.get(address(asked))
    assert page.status_code == 200
    for shown in ("社会保障卡补领", "市民中心", "非常不满意", "已增开两个窗口", "佐证材料", "情况属实", "非常满意"):
        assert shown in page.text
    for hidden in ("86001234", "孙悟空", "13855556666", "态度差", "内部意见", REVIEW["finding"], "甲"):
        assert hidden not in page.text
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text


async def test_looking_changes_nothing(asked):
    """A messenger's preview, however often, leaves the link unused."""
    before = await asked.site.count()
    for _ in range(3):
        await asked.site.client.get(address(asked))
        await asked.site.client.head(address(asked))
    assert await asked.site.count() == before
    assert (await asked.ticket()).status == "verifying"


async def test_choice_is_confirmed_before_it_counts(asked):
    """The first post shows what was chosen; only the second records it."""
    chosen = await asked.site.client.post(address(asked), data={"level": "4", "comment": "<b>好多了"})
    assert (chosen.status_code, "确认提交" in chosen.text, "&lt;b&gt;好多了" in chosen.text) == (200, True, True)
    assert (await asked.ticket()).status == "verifying"
    done = await asked.site.client.post(
        address(asked), data={"level": "4", "comment": "好多了", "confirmed": "1"}, follow_redirects=True
    )
    assert "谢谢，您的评价已收到" in done.text
    ticket = await asked.ticket()
    assert (ticket.status, ticket.outcome) == ("closed", "fixed")


async def test_unsatisfied_reopens_and_a_new_link_asks_again(asked):
    """Not satisfied: fixed again, and the old link says that it has served."""
    done = await asked.site.client.post(address(asked), data=FORM, follow_redirects=True)
    assert "会再次办理" in done.text
    ticket = await asked.ticket()
    assert (ticket.status, ticket.rounds) == ("fixing", 1)
    asked.version = ticket.version
    await fix(asked)
    old = await asked.site.client.get(address(asked))
    assert "您已经评价过了" in old.text
    new = await asked.site.client.get(address(asked, 2))
    assert "请您评价" in new.text
    await asked.site.client.post(address(asked, 2), data=FORM | {"level": "5"})
    assert (await asked.ticket()).status == "closed"


async def test_link_serves_once(asked):
    """A second verdict is refused kindly, with what became of the first; also of two at once."""
    await asked.site.client.post(address(asked), data=FORM | {"level": "3"})
    again = await asked.site.client.post(address(asked), data=FORM | {"level": "1"})
    assert (again.status_code, "您已经评价过了" in again.text, "基本满意" in again.text) == (409, True, True)
    assert (await asked.ticket()).outcome == "fixed"


async def test_comment_is_a_text_of_the_person(asked):
    """Erased with him; never in an event."""
    await asked.site.client.post(address(asked), data=FORM)
    states = [row["state"] for row in await asked.site.events(asked.id)]
    assert not any(FORM["comment"] in state for state in states)
    [verified] = [row for row in await asked.site.events(asked.id) if row["topic"] == "ticket.verified:v1"]
    subject = (await asked.ticket()).snapshot.subject
    bodies = await asked.site.pool.fetch("SELECT body FROM private.texts WHERE subject = $1", subject)
    assert FORM["comment"] in {row["body"] for row in bodies}
    assert '"citizen"' in verified["state"]


async def test_lapsed_and_superseded_links_say_so(asked, monkeypatch):
    """No answer is not satisfaction; a later link replaces the earlier."""
    ticket = await asked.ticket()
    later = ticket.link_expires_at + timedelta(minutes=1)
    monkeypatch.setattr(type(asked.site.context), "now", lambda _: later)
    page = await asked.site.client.get(address(asked))
    assert "已经过期" in page.text
    refused = await asked.site.client.post(address(asked), data=FORM)
    assert (refused.status_code, "已经过期" in refused.text) == (409, True)
    rulebook = await asked.site.context.rules.current()
    terms = rulebook.of(ticket.policy_version, ticket.calendar_version)

    def lapse(ticket):
        ticket.lapse(1, terms, later, "timer")

    await aggregates.execute(asked.site.context.batcher, asked.site.pool, Ticket, UUID(asked.id), lapse)
    assert "换成新的" in (await asked.site.client.get(address(asked))).text
    assert "请您评价" in (await asked.site.client.get(address(asked, 2))).text


async def test_link_of_a_ticket_that_the_agent_closed_says_how(asked):
    """He told it on the phone already."""
    await asked.done("agent", "verify", result="satisfied", satisfaction=5)
    page = await asked.site.client.get(address(asked))
    assert "这次评价已经结束" in page.text
    assert "已整改" in page.text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "请先选一项"),
        ({"level": "6"}, "请先选一项"),
        ({"level": "²"}, "请先选一项"),
        ({"level": "1", "comment": "长" * 501}, "不要超过 500"),
        ({"level": "1", "comment": "\x07"}, "无法保存"),
    ],
)
async def test_faults_are_said_and_what_was_typed_stays(asked, form, said):
    """422 with the form as it was."""
    page = await asked.site.client.post(address(asked), data=form | {"confirmed": "1"})
    assert (page.status_code, said in page.text) == (422, True)
    assert (await asked.ticket()).status == "verifying"


async def test_nobody_is_let_in_by_a_made_up_link(asked):
    """Neither by a changed token, nor by one of an attempt that was never sent."""
    good = address(asked)
    for wrong in (f"{good[:-1]}{'A' if good[-1] != 'A' else 'B'}", good[:-1], address(asked, 7), "/v/x"):
        page = await asked.site.client.get(wrong, headers={"Accept": "text/html"})
        assert (page.status_code, "链接不完整" in page.text) == (404, True)
        assert (await asked.site.client.post(wrong, data=FORM)).status_code == 404


async def test_erased_measures_are_said_to_be_erased(asked):
    """The page stands without the texts."""
    subject = (await asked.ticket()).snapshot.subject
    await asked.site.pool.execute("DELETE FROM private.texts WHERE subject = $1", subject)
    assert not await vault.bodies(asked.site.pool, [])
    page = await asked.site.client.get(address(asked))
    assert (page.status_code, "已依法删除" in page.text) == (200, True)
