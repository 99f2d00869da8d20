"""Citizens' names in free texts: whoever may see a ticket reads what was written, and not who wrote it."""

import zipfile
from datetime import UTC, datetime
from io import BytesIO
from uuid import UUID

import pytest

from haocha import links
from haocha.domain.account import Account
from haocha.store import evidence
from haocha.web import citizen_names, queues
from haocha.web.ticket_filters import Filters
from tests.web.handling import PNG, Loop

NAME = "欧阳丰年"
SAID = f"我叫{NAME}，排了两小时"
DONE = f"已向欧阳 丰年（{NAME}）道歉并加开窗口"


@pytest.fixture(scope="module")
async def loop(site):
    """Return a loop of its own with people of every kind."""
    return await Loop.begin(site)


@pytest.fixture
async def ticket(loop):
    """Open a ticket of somebody who wrote his own name, and let the unit write it too."""
    await loop.open(writingEvaluation=SAID, userName=NAME, mobile="13912345678")
    await loop.until("fixing")
    return loop


@pytest.mark.parametrize(
    ("text", "names", "shown"),
    [
        ("张三和张三丰来过", {"张三", "张三丰"}, "＊＊＊和＊＊＊来过"),
        ("张 三、张　三", {"张三"}, "＊＊＊、＊＊＊"),
        ("阿依古丽买买提来过", {"阿依古丽·买买提"}, "＊＊＊来过"),
        ("ｌi lei来过", {"Li Lei"}, "＊＊＊来过"),
        ("a.b 与 axb", {"a.b"}, "＊＊＊ 与 axb"),
        ("王女士来过", {"王", "", "  "}, "王女士来过"),
        ("谁也不认识", set(), "谁也不认识"),
    ],
)
def test_every_occurrence_is_covered(text, names, shown):
    """The longest first, with gaps, in any width and case; one character is no name."""
    assert citizen_names.without(text, names) == shown


@pytest.mark.parametrize("path", ["", "/print"])
async def test_page_and_sheet_do_not_tell_the_name(ticket, path):
    """What the citizen wrote and what the unit wrote is there; the name in it is covered."""
    async with ticket.browser("handler") as browser:
        page = (await browser.get(f"{ticket.page}{path}")).text
    assert "我叫＊＊＊，排了两小时" in page
    assert NAME not in page


async def test_who_joined_the_ticket_is_covered_too(ticket):
    """A 追评 under another name: that name is covered in all texts, in those of the events since a version too."""
    project = (await ticket.ticket()).snapshot.project_no
    more = {"projectNo": project, "assessNumber": 2, "satisfaction": 2, "userName": "诸葛长青"}
    answer = await ticket.site.rate(
        await ticket.site.key(), evalDetail=["213"], writingEvaluation=f"诸葛长青替{NAME}再评一次", **more
    )
    assert answer.status_code == 201, answer.text
    await ticket.world.react("open_ticket")
    headers = ticket.people["handler"].headers
    version = await ticket.version()
    for path in ("", "/events", f"/events?since={version - 1}"):
        answer = await ticket.site.client.get(f"/v1/tickets/{ticket.id}{path}", headers=headers)
        assert "＊＊＊替＊＊＊再评一次" in answer.json()["texts"].values(), path
        assert NAME not in answer.text


async def test_lists_do_not_tell_the_name(ticket):
    """The queue's excerpt, the ledger and its file, the live board."""
    await ticket.world.fold()
    account = Account(username="somebody", role="supervisor")
    rows = (await queues.page(ticket.site.context, account, Filters())).items
    assert {row.excerpt for row in rows if str(row.id) == ticket.id} == {"我叫＊＊＊，排了两小时"}
    async with ticket.browser("supervisor") as browser:
        for path in ("/desk/ledger", "/"):
            page = (await browser.get(path)).text
            assert "我叫＊＊＊" in page, path
            assert f"我叫{NAME}" not in page
        file = (await browser.get("/desk/ledger.xlsx")).content
    with zipfile.ZipFile(BytesIO(file)) as archive:
        told = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "我叫＊＊＊，排了两小时" in told
    assert NAME not in told


async def test_citizens_page_does_not_tell_the_name(ticket):
    """Whoever holds a link or a receipt reads the measures without it."""
    photo = await evidence.keep(ticket.site.pool, PNG, by="test", at=datetime.now(UTC))
    fix = {"measures": DONE, "responsible": "TAX/7", "evidence": [{"digest": photo.digest}]}
    await ticket.done("handler", "fix", **fix)
    await ticket.done("supervisor", "approve")
    key = ticket.site.context.settings.keys.derive(links.PURPOSE)
    page = (await ticket.site.client.get(f"/v/{links.token(key, UUID(ticket.id), 1)}")).text
    assert "已向＊＊＊（＊＊＊）道歉并加开窗口" in page
    assert NAME not in page
