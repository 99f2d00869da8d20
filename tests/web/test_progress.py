"""What a receipt tells of its ticket: stages, deadline, what was done, how it ended; nothing else."""

import pytest

from tests.web.running import NUMBERS
from tests.web.test_ticket_commands import REVIEW, Loop


@pytest.fixture
async def loop(site):
    """Return the people of a loop; what opens the ticket is the test's."""
    site.context.public_limits._per_minute = 100_000
    people = {
        "handler": await site.account("handler", "TAX"),
        "supervisor": await site.account("supervisor", "GOV"),
        "reviewer": await site.account("reviewer", "GOV"),
        "agent": await site.account("agent", "12345"),
    }
    return Loop(site, people)


async def receipt_of(loop):
    """Return the receipt of the rating that opened the loop's ticket, as its client was given it."""
    key = await loop.site.key()
    ticket = await loop.ticket()
    return (await loop.site.client.get(f"/v1/ratings/{ticket.source_id}", headers=key)).json()["receipt"]


async def told(loop):
    """Return what the API tells of the rating's ticket."""
    answer = await loop.site.client.get(f"/v1/receipts/{await receipt_of(loop)}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def page(loop):
    """Return the receipt's page."""
    return (await loop.site.client.get(f"/receipts/{await receipt_of(loop)}")).text


async def test_stages_deadline_and_what_was_done(loop):
    """While it goes on: where it is and until when; what was done only once it is approved."""
    await loop.open()
    await loop.done("handler", "accept")
    await loop.done("agent", "contact", reached=True, note="他说下午在家")
    await loop.done("handler", "review", **REVIEW)
    measures, photo = "已于2026-11-25增开窗口，电话13912345678", await loop.photo()
    await loop.done("handler", "fix", measures=measures, responsible="7", evidence=photo)
    members = (await told(loop))["progress"]
    assert [step["step"] for step in members["steps"]] == ["opened", "accepted", "contacted", "reviewed", "fixed"]
    assert (members["status"], members["outcome"], members["done"]) == ("approving", None, [])
    assert members["dueAt"]
    assert "增开窗口" not in await page(loop)
    await loop.done("supervisor", "approve", note="内部意见")
    shown = await page(loop)
    assert "已于2026-11-25增开窗口，电话＊＊＊" in shown
    for said in ("等您评价", "情况属实", "已与您取得联系", "应在", members["number"]):
        assert said in shown
    for hidden in ("内部意见", "他说下午在家", REVIEW["finding"]):
        assert hidden not in shown


async def test_explanation_is_shown_with_its_legal_basis(loop):
    """缺乏法定依据: what cannot be done is explained."""
    await loop.open()
    await loop.done("handler", "accept")
    explained = REVIEW | {"disposition": "explain", "finding": "此项须本人到场。", "basis": "《社会保险法》第五十八条"}
    await loop.done("handler", "review", **explained)
    await loop.done("supervisor", "approve")
    [done] = (await told(loop))["progress"]["done"]
    assert (done["kind"], done["text"], done["basis"]) == ("explain", "此项须本人到场。", "《社会保险法》第五十八条")
    await loop.done("agent", "verify", result="informed")
    shown = await page(loop)
    assert "第五十八条" in shown
    assert "已解释说明" in shown


async def test_excluded_rating_says_why(loop):
    """The reason is told, the decider and his words are not."""
    await loop.open()
    await loop.done("handler", "accept")
    await loop.done("handler", "appeal", ground="mistaken", reason="点错了窗口")
    await loop.done("reviewer", "decide-appeal", upheld=True, reason="录像可以证明")
    members = await told(loop)
    assert (members["progress"]["outcome"], members["progress"]["excludedFor"]) == ("excluded", "mistaken")
    shown = await page(loop)
    assert "误评" in shown
    for hidden in ("点错了窗口", "录像可以证明"):
        assert hidden not in shown


async def test_complaint_has_a_receipt_too(loop):
    """Who called the hotline can look how it goes."""
    key = await loop.site.key("hotline", ["complaints:write"])
    sent = {"kind": "hotline", "sourceId": f"K{next(NUMBERS)}", "text": "没人接电话", "hallCode": "H01"}
    answer = await loop.site.client.post("/v1/complaints", json=sent, headers=key)
    found = await loop.site.client.get(f"/v1/receipts/{answer.json()['receipt']}")
    members = found.json()
    assert (members["state"], members["satisfaction"], members["progress"]) == ("complaint", None, None)
    shown = (await loop.site.client.get(f"/receipts/{answer.json()['receipt']}")).text
    assert "您的投诉意见在，未被改动" in shown
    assert "没人接电话" not in shown


async def test_both_citizens_of_a_merger_are_told(loop):
    """Each receipt names the other ticket, and the merged one's how far that is; whether or not a name was given."""
    first = await Loop(loop.site, loop.people).open(staffNo="7", taskCode="T-301")
    second = await Loop(loop.site, loop.people).open(staffNo="7", taskCode="T-301")
    first.version = (await first.ticket()).version
    numbers = [(await one.ticket()).number for one in (first, second)]
    await second.done("supervisor", "merge", into=numbers[0])
    kept, merged = (await told(first))["progress"], (await told(second))["progress"]
    assert (kept["mergedFrom"], kept["merger"], kept["mergedInto"]) == ([numbers[1]], None, None)
    assert (merged["mergedFrom"], merged["mergedInto"]) == ([], numbers[0])
    assert merged["merger"] == {"number": numbers[0], "status": "awaiting_acceptance", "outcome": None}
    assert f"工单 {numbers[1]} 已并入" in await page(first)
    await first.done("handler", "accept")
    assert f"工单 {numbers[0]} 的进展：承办单位正在核实" in await page(second)
