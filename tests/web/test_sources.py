"""`/desk/sources`: complaints and findings are entered, imported and listed by whom it concerns."""

import io
import zipfile

import httpx
import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from haocha.inspections import tree
from haocha.inspections.columns import ENGLISH, FINDINGS
from haocha.web import source_faults
from tests import people as accounts
from tests.inspections.test_importing import JPEG, STANDARDS, tree_table
from tests.people import csrf_of, log_in
from tests.web.running import NUMBERS, now
from tests.world import World

COMPLAINT = {"kind": "hotline", "text": "等了两小时，打 13877665544 找我", "hallCode": "H01", "windowNo": "A01"}
HEADINGS = ",".join(column.heading for column in FINDINGS)


@pytest.fixture
async def published(site):
    """Publish a tree of indicators."""
    at = now()
    await tree.publish(site.pool, site.context.install, tree_table(*STANDARDS), apply=True, by="test", at=at)


@pytest.fixture
async def desk(site, published):  # noqa: ARG001 (findings need the tree)
    """Return a function that logs somebody in and returns a client with his session."""
    clients = []

    async def enter(role="inspector", **more):
        client = httpx.AsyncClient(base_url=site.url, timeout=30)
        clients.append(client)
        await log_in(client, await accounts.make(site.pool, role, **more))
        return client

    yield enter
    for client in clients:
        await client.aclose()


async def send(client, address, files=None, **fields):
    """Open a form, fill it in and send it; hidden fields as the page has them."""
    page = await client.get(address)
    assert page.status_code == 200, page.text
    hidden = {"csrf": csrf_of(page)}
    for name in ("sourceId", "findingNo", "foundDate"):
        if (found := page.text.partition(f'name="{name}"')[2].partition('value="')[2].partition('"')[0]) and (
            f'name="{name}"' in page.text
        ):
            hidden[name] = found
    return await client.post(address, data=hidden | fields, files=files)


async def test_complaint_is_entered_listed_and_has_its_ticket(site, desk):
    """The receipt is told; the list covers numbers; the ticket is there as soon as the handler was."""
    agent = await desk("agent", unit="12345")
    person = {"userName": "欧阳娜娜", "mobile": "13877665544"}
    done = await send(agent, "/desk/sources/complaint", **COMPLAINT, **person, occurredTime="2026-11-20T09:30")
    assert done.status_code == 303, done.text
    shown = await agent.get(done.headers["location"])
    assert "回执号" in shown.text
    assert "等了两小时" in shown.text
    assert "正在开立" in shown.text
    for secret in person.values():
        assert secret not in shown.text
    world = await World(site.pool, site.context.install).begin()
    await world.react("open_ticket")
    ticket = (await world.tickets())[-1]
    assert (ticket.source, ticket.snapshot.kind, ticket.unit) == ("complaint", "hotline", "TAX")
    assert ticket.number in (await agent.get("/desk/sources?kind=complaints")).text
    assert "等了两小时" not in (await agent.get("/desk/sources?kind=findings")).text


async def test_same_form_twice_is_one_complaint(desk, site):
    """A double click registers nothing twice."""
    agent = await desk("agent")
    page = await agent.get("/desk/sources/complaint")
    source_id = page.text.partition('name="sourceId" value="')[2].partition('"')[0]
    form = COMPLAINT | {"csrf": csrf_of(page), "sourceId": source_id}
    before = await site.count()
    first, second = [await agent.post("/desk/sources/complaint", data=form) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"]
    assert await site.count() == before + 1


async def test_faults_of_a_form_stand_beside_their_fields(desk):
    """And what was typed is still there."""
    agent = await desk("agent")
    refused = await send(agent, "/desk/sources/complaint", **COMPLAINT | {"kind": "", "hallCode": "x" * 51})
    assert refused.status_code == 422
    for said in ("缺少必填项 kind", "hallCode 应为不超过 50 个字符", "等了两小时"):
        assert said in refused.text


async def test_finding_is_entered_with_a_photo(site, desk):
    """By an inspector on his phone; photos that were sent need not be chosen again."""
    inspector = await desk("inspector", unit="ZW")
    fields = {"standard": "A1", "problem": "未公示一次性告知单", "hallCode": "H01", "windowNo": "Z9"}
    photo = {"photo": ("现场.jpg", JPEG, "image/jpeg")}
    refused = await send(inspector, "/desk/sources/finding", photo, **fields)
    assert (refused.status_code, "没有这个窗口" in refused.text, "已收到 1 份" in refused.text) == (422, True, True)
    digest = refused.text.partition('name="digest" value="')[2].partition('"')[0]
    done = await send(inspector, "/desk/sources/finding", **fields | {"windowNo": "A01", "digest": digest})
    assert done.status_code == 303, done.text
    shown = (await inspector.get(done.headers["location"])).text
    assert "A1 › 窗口服务 › 一次性告知 · 1 张照片" in shown
    world = await World(site.pool, site.context.install).begin()
    await world.react("open_ticket")
    ticket = (await world.tickets())[-1]
    assert (ticket.source, ticket.snapshot.standard) == ("inspection", "A1")
    assert [piece.digest for piece in ticket.snapshot.evidence] == [digest]


def csv_of(*findings):
    """Return a table of findings as a file."""
    rows = [",".join(str(finding.get(column.name, "")) for column in FINDINGS) for finding in findings]
    return "\n".join([HEADINGS, *rows]).encode("gb18030")


def finding(**changes):
    """Return a good finding of its own."""
    day = now().date()
    members = {"findingNo": f"N{next(NUMBERS)}", "standard": "A1", "foundDate": day, "problem": '"两行\n文字"'}
    return members | {"hallCode": "H01"} | changes


async def test_table_is_checked_looked_at_and_taken(site, desk):
    """The preview writes nothing; the confirmation needs no file again; the same file then brings nothing."""
    inspector = await desk()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("a.jpg", JPEG + b"import")
    table = csv_of(finding(photos="a.jpg"), finding(unitCode="HR"))
    files = {"file": ("查评.csv", table), "photos": ("照片.zip", archive.getvalue())}
    before = await site.count()
    checked = await send(inspector, "/desk/sources/import", files)
    assert checked.status_code == 200, checked.text
    assert "检查通过：2 个问题" in checked.text
    assert await site.count() == before
    text = checked.text.partition('<textarea name="checked" hidden>\n')[2].partition("</textarea>")[0]
    text = text.replace("&#34;", '"').replace("\r\n", "\n").replace("\n", "\r\n")  # as a browser sends it
    form = {"csrf": csrf_of(checked), "checked": text}
    done = await inspector.post("/desk/sources/import", data=form)
    assert (done.status_code, done.headers.get("location")) == (303, "/desk/sources?done=import&n=2"), done.text
    assert await site.count() == before + 2
    again = await send(inspector, "/desk/sources/import", files)
    assert "2 个问题以前都已导入" in again.text


async def test_faults_of_a_table_are_listed_by_row_and_heading(site, desk):
    """In words of the people who filled it in."""
    inspector = await desk()
    table = csv_of(finding(standard="Z"), finding(hallCode="H9", photos="x.jpg"))
    before = await site.count()
    refused = await send(inspector, "/desk/sources/import", {"file": ("a.csv", table)})
    assert refused.status_code == 422
    for said in ("有 2 处要改", "指标代码", "不在现行指标体系", "大厅代码", "没有这个大厅"):
        assert said in refused.text
    assert await site.count() == before


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "请选择要导入的表格"),
        ({"file": ("a.xlsx", b"no")}, "读不出来"),
        ({"file": ("a.exe", b"no")}, "读不出来"),
        ({"file": ("a.csv", csv_of()), "photos": ("a.zip", b"no")}, "压缩包读不出来"),
        ({"file": ("a.csv", csv_of(*[{"findingNo": n} for n in range(2001)]))}, "2,000 行"),
    ],
)
async def test_files_that_cannot_be_read_are_said(desk, files, said):
    """Not a stack trace."""
    inspector = await desk()
    refused = await send(inspector, "/desk/sources/import", files or None)
    assert (refused.status_code, said in refused.text) == (422, True)


async def test_spreadsheet_that_claims_too_much_room_is_refused(desk):
    """A few kilobytes that would be laid out as gigabytes; the pages go on."""
    body = io.BytesIO()
    with xlsxwriter.Workbook(body) as book:
        sheet = book.add_worksheet()
        sheet.write_string(0, 0, FINDINGS[0].heading)
        sheet.write_string(1_048_575, 16_383, "x")
    inspector = await desk()
    refused = await send(inspector, "/desk/sources/import", {"file": ("a.xlsx", body.getvalue())})
    assert (refused.status_code, "读不出来" in refused.text) == (422, True)


async def test_template_comes_as_a_file(desk):
    """With the tree in force."""
    inspector = await desk()
    file = await inspector.get("/desk/sources/import/template.xlsx")
    assert "attachment" in file.headers["content-disposition"]
    book = CalamineWorkbook.from_filelike(io.BytesIO(file.content))
    assert book.get_sheet_by_index(2).to_python()[1][0] == "A"


async def test_who_may_do_what(desk):
    """Agents take complaints down and inspect nothing; handlers see none of it; strangers log in first."""
    agent, handler = await desk("agent"), await desk("handler", unit="TAX")
    page = await agent.get("/desk/sources")
    assert ("登记投诉意见" in page.text, "登记查评问题" in page.text) == (True, False)
    for address in ("/desk/sources/finding", "/desk/sources/import", "/desk/sources/import/template.xlsx"):
        assert (await agent.get(address)).status_code == 403
    for address in ("/desk/sources", "/desk/sources/complaint"):
        assert (await handler.get(address)).status_code == 403
    async with httpx.AsyncClient(base_url=str(agent.base_url)) as stranger:
        assert (await stranger.get("/desk/sources")).headers["location"] == "/login?next=%2Fdesk%2Fsources"


async def test_form_of_another_site_is_refused(desk):
    """The token of the session belongs to every form."""
    inspector = await desk()
    for address in ("complaint", "finding", "import"):
        refused = await inspector.post(f"/desk/sources/{address}", data=COMPLAINT | {"csrf": "x"})
        assert refused.status_code == 403


async def test_list_shows_what_an_account_oversees(desk):
    """Another area's complaints are not its business."""
    agent = await desk("agent")
    await send(agent, "/desk/sources/complaint", **COMPLAINT | {"text": f"只此一处 {next(NUMBERS)}"})
    here, elsewhere = await desk("agent", node="area:370102"), await desk("agent", node="area:370199")
    assert "只此一处" in (await here.get("/desk/sources")).text
    assert "只此一处" not in (await elsewhere.get("/desk/sources")).text


async def test_account_token_posts_complaints_too(site):
    """Scripts of a supervisor; a handler's are refused."""
    body = {"kind": "box", "sourceId": f"B{next(NUMBERS)}", "text": "意见"}
    for role, status in (("supervisor", 201), ("handler", 403)):
        headers = await site.account(role, "TAX")
        answer = await site.client.post("/v1/complaints", json=body, headers=headers)
        assert answer.status_code == status, answer.text


def test_every_fault_has_words():
    """The pages say as much as the command line."""
    assert source_faults.MESSAGES.keys() == ENGLISH.keys()
