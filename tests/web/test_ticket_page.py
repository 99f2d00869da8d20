"""The page of a ticket in a browser without scripts: what it tells whom, and what becomes of its forms."""

import re
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from haocha.domain.ticket_events import FixSubmitted
from haocha.store import evidence, log, vault
from haocha.web import orders, ticket_forms, words
from tests.loops import Life, tell
from tests.web.handling import PNG, Loop
from tests.web.running import service

FIX = {"measures": "调整了排班，加开一个窗口。", "responsible": "TAX/7"}


@pytest.fixture(scope="module")
async def loop(site):
    """Return a loop of its own with people of every kind."""
    return await Loop.begin(site)


@pytest.fixture
async def ticket(loop):
    """Open a ticket."""
    return await loop.open(writingEvaluation="排队两小时，让我打 13800001234 自己问", taskName="企业设立登记")


def fields(page, command):
    """Return the hidden fields of a command's form."""
    form = re.search(rf'<form[^>]*data-command="{command}".*?</form>', page.text, re.DOTALL)[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


async def fill(browser, ticket, command, files=(), seen=None, **values):
    """Open a command's form and send it; `seen` is a page that was opened earlier."""
    opened = seen or await browser.get(f"{ticket.page}?do={command}")
    data = fields(opened, command) | values
    return await browser.post(f"{ticket.page}/{command}", data=data, files=list(files) or {"none": b""})


def photo(name="窗口.png", body=PNG):
    """Return a file as a form sends it."""
    return ("file", (name, body, "image/png"))


async def test_page_tells_what_was_said_and_where(ticket):
    """Level, words with numbers covered, indicators by name, channel, place, matter, deadlines."""
    async with ticket.browser("handler") as browser:
        page = (await browser.get(ticket.page)).text
    for told in (
        "非常不满意",
        "排队两小时",
        "服务态度差效率低",
        "市民中心",
        "A01 一号窗口",
        "企业设立登记",
        "税务局",
        "甲",
    ):
        assert told in page, told
    assert "13800001234" not in page
    assert "＊＊＊" in page
    assert re.search(r'class="light light-(fine|soon|today)">', page)
    assert (await ticket.ticket()).number in page


async def test_service_record_is_told_without_the_citizen(ticket):
    """Of the case what a reviewer asks for; nobody's name and number."""
    project = (await ticket.ticket()).snapshot.project_no
    record = service(projectNo=project, proStatus="3", promiseDay=5, mobile="13911112222", userName="张三丰")
    answer = await ticket.site.client.post("/v1/services", json=record, headers=await ticket.site.key())
    assert answer.status_code == 201, answer.text
    async with ticket.browser("supervisor") as browser:
        page = (await browser.get(ticket.page)).text
    assert "已办结" in page
    assert "13911112222" not in page
    assert "张三丰" not in page


async def test_supplement_stands_beside_the_first_rating(ticket):
    """What joined the ticket is told with it, each as it was given."""
    project = (await ticket.ticket()).snapshot.project_no
    more = {"projectNo": project, "assessNumber": 2, "satisfaction": 2, "writingEvaluation": "一个月了还没有人联系"}
    answer = await ticket.site.rate(await ticket.site.key(), evalDetail=["213"], **more)
    assert answer.status_code == 201, answer.text
    await ticket.world.react("open_ticket")
    async with ticket.browser("handler") as browser:
        page = (await browser.get(ticket.page)).text
    said = re.search(r'aria-labelledby="said".*?</section>', page, re.DOTALL)[0]
    assert said.index("排队两小时") < said.index("追评") < said.index("一个月了还没有人联系")


async def test_window_has_a_record(ticket):
    """Its ratings of the last days and its other tickets."""
    first = await ticket.ticket()
    await ticket.open()
    await ticket.world.fold()
    async with ticket.browser("supervisor") as browser:
        page = (await browser.get(ticket.page)).text
    assert re.search(r"本窗口评价 <strong>[\d,]+</strong> 份，差评 <strong>[\d,]+</strong> 份", page)
    assert f'href="/tickets/{first.id}"' in page


@pytest.mark.parametrize(
    ("who", "command"),
    [("handler", "accept"), ("colleague", "accept"), ("supervisor", ""), ("agent", "contact"), ("leader", "")],
)
async def test_only_what_this_person_may_do_is_offered(ticket, who, command):
    """The most important form stands open, and no other."""
    async with ticket.browser(who) as browser:
        page = (await browser.get(ticket.page)).text
    assert re.findall(r'data-command="([\w-]+)"', page) == ([command] if command else [])


async def test_other_actions_are_a_click_away(ticket):
    """The supervisor is offered to remind; the form opens when it is asked for, another's does not."""
    async with ticket.browser("supervisor") as browser:
        assert 'href="?do=remind#do"' in (await browser.get(ticket.page)).text
        assert fields(await browser.get(f"{ticket.page}?do=remind"), "remind").keys() == {"csrf", "version"}
        assert 'data-command="accept"' not in (await browser.get(f"{ticket.page}?do=accept")).text


async def test_page_says_why_not(ticket):
    """Who belongs to the unit is told that he may not approve; who fixed, too."""
    await ticket.until("approving")
    async with ticket.browser("insider") as browser:
        page = (await browser.get(ticket.page)).text
    assert "您不能审核通过：被评价单位" in page
    assert 'data-command="approve"' not in page


async def test_page_is_for_those_who_see_the_ticket(ticket):
    """404 for another unit's handler, the log-in for nobody, and back to the page after it."""
    async with ticket.browser("stranger") as browser:
        for address in (ticket.page, f"{ticket.page}/print", f"{ticket.page}/news?since=0"):
            assert (await browser.get(address)).status_code == 404
    async with ticket.browser("admin") as browser:  # who keeps the accounts reads nobody's complaints
        for address in (ticket.page, f"{ticket.page}/print", f"{ticket.page}/news?since=0"):
            assert (await browser.get(address)).status_code == 403
    async with httpx.AsyncClient(base_url=ticket.site.url) as browser:
        nobody = await browser.get(ticket.page, headers={"Accept": "text/html"})
    assert nobody.status_code == 303
    assert nobody.headers["location"].startswith("/login?next=%2Ftickets%2F")


async def test_form_is_taken(ticket):
    """On to the ticket with a notice; the event says who."""
    async with ticket.browser("handler") as browser:
        answer = await fill(browser, ticket, "accept")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ticket.page}?done=accept#main")
        page = (await browser.get(answer.headers["location"])).text
    assert "已完成“签收”" in page
    assert 'data-done="accept"' in page
    stream = await log.read_stream(ticket.site.pool, UUID(ticket.id))
    assert stream[-1].event.by.account == ticket.people["handler"].username
    assert "名handler（承办 · 税务局）" in page


async def test_form_of_another_site_is_refused(ticket):
    """Without the session's token nothing happens."""
    async with ticket.browser("handler") as browser:
        for csrf in ("", "f" * 64):
            data = {"csrf": csrf, "version": "1"}
            assert (await browser.post(f"{ticket.page}/accept", data=data)).status_code == 403
        assert (
            await browser.post(f"{ticket.page}/steal", data=fields(await browser.get(ticket.page), "accept"))
        ).status_code == 404
    assert await ticket.version() == 1


async def test_what_is_missing_is_said_beside_its_field(ticket):
    """All of it at once; what was typed and chosen is still there, and nothing has happened."""
    await ticket.done("handler", "accept")
    async with ticket.browser("handler") as browser:
        answer = await fill(browser, ticket, "review", finding="查了录像。", disposition="explain", ground="attitude")
    assert answer.status_code == 422
    assert "请选择情况是否属实。" in answer.text
    assert "请填写法律法规依据。" in answer.text
    assert ">查了录像。</textarea>" in answer.text
    assert re.search(r'value="explain" checked', answer.text)
    assert re.search(r'value="attitude" selected', answer.text)
    assert await ticket.version() == 2


async def test_too_long_a_text_is_kept_and_counted(ticket):
    """The browser's own limit is no rule."""
    await ticket.until("fixing")
    async with ticket.browser("handler") as browser:
        answer = await fill(browser, ticket, "fix", [photo()], **FIX | {"measures": "改" * 2_001})
    assert answer.status_code == 422
    assert "最多 2000 字，现在是 2001 字。" in answer.text
    assert "改" * 2_001 in answer.text


async def test_fix_goes_in_with_its_photo(ticket):
    """Without scripts the file comes with the form; the page then shows it."""
    await ticket.until("fixing")
    async with ticket.browser("handler") as browser:
        answer = await fill(browser, ticket, "fix", [photo()], **FIX)
        assert answer.status_code == 303, answer.text
        page = (await browser.get(ticket.page)).text
        source = re.search(r'<img src="(/v1/tickets/[^"]+)"', page)[1]
        assert (await browser.get(source)).content == PNG
    fix = (await log.read_stream(ticket.site.pool, UUID(ticket.id)))[-1].event
    assert isinstance(fix, FixSubmitted)
    assert [piece.media_type for piece in fix.evidence] == ["image/png"]
    assert "责任人 甲" in page


async def test_good_files_survive_a_bad_one(ticket):
    """The refused form holds what was kept: sent again with a caption it is taken without uploading anew."""
    await ticket.until("fixing")
    async with ticket.browser("handler") as browser:
        refused = await fill(browser, ticket, "fix", [photo(), photo("病毒.png", b"MZ\x90")], **FIX)
        assert refused.status_code == 422
        assert "病毒.png：只收 JPG、PNG、WebP 图片和 PDF" in refused.text
        digest = re.search(r'name="digest" value="(\w+)" checked', refused.text)[1]
        again = FIX | {"digest": digest, f"caption-{digest}": "加开的窗口"}
        assert (await fill(browser, ticket, "fix", seen=refused, **again)).status_code == 303
        assert "加开的窗口" in (await browser.get(ticket.page)).text


async def test_fix_without_evidence_is_refused(ticket):
    """The form says so before the rule does, and a file that is gone is said to be."""
    await ticket.until("fixing")
    async with ticket.browser("handler") as browser:
        assert "请上传凭证。" in (await fill(browser, ticket, "fix", **FIX)).text
        assert "已经不在了" in (await fill(browser, ticket, "fix", **FIX, digest="0" * 64)).text
        many = [photo(f"{n}.png", PNG + bytes([n])) for n in range(7)]
        assert "凭证最多 6 份。" in (await fill(browser, ticket, "fix", many, **FIX)).text
    assert (await ticket.ticket()).status == "fixing"


async def test_who_was_slower_sees_what_happened_and_keeps_what_he_typed(ticket):
    """A reminder in between: the form is still open, filled in, and goes through the second time."""
    await ticket.until("fixing")
    async with ticket.browser("handler") as browser:
        opened = await browser.get(ticket.page)
        await ticket.done("supervisor", "remind", note="请抓紧")
        lost = await fill(browser, ticket, "fix", [photo()], opened, **FIX)
        assert lost.status_code == 412
        assert "在您填写期间" in lost.text
        assert re.search(r"名supervisor 已于 [^<]* 催办", lost.text)
        assert FIX["measures"] in lost.text
        digest = re.search(r'name="digest" value="(\w+)" checked', lost.text)[1]
        assert (await fill(browser, ticket, "fix", seen=lost, digest=digest, **FIX)).status_code == 303


async def test_what_can_no_longer_be_done_leaves_its_text_to_copy(ticket):
    """A colleague was faster: the form is gone, the words are not."""
    await ticket.until("fixing")
    async with ticket.browser("handler") as browser:
        opened = await browser.get(ticket.page)
        await ticket.until("approving")
        lost = await fill(browser, ticket, "fix", [photo()], opened, **FIX)
    assert lost.status_code == 412
    assert "您刚才的操作现在已不能进行" in lost.text
    assert 'data-command="fix"' not in lost.text
    assert re.search(rf"readonly[^>]*>{FIX['measures']}</textarea>", lost.text)
    assert (await ticket.ticket()).rounds == 0


@pytest.mark.parametrize(("chosen", "unit"), [("HR", "HR"), (ticket_forms.TRIAGE, "")])
async def test_transfer_is_never_by_omission(ticket, chosen, unit):
    """To a unit, or back to the triage queue: one of them is chosen."""
    async with ticket.browser("handler") as browser:
        refused = await fill(browser, ticket, "transfer", reason="不归我们管")
        assert "请选择改派到。" in refused.text
        assert (await fill(browser, ticket, "transfer", unit=chosen, reason="不归我们管")).status_code == 303
        assert (await ticket.ticket()).unit == unit
        assert (await browser.get(ticket.page)).status_code == 200  # who had it goes on seeing it


async def test_finding_of_an_inspection_shows_its_photo_and_indicator(loop):
    """The photo is the ticket's own evidence; the indicator is named by its path, by its code where no tree is."""
    photo = await evidence.keep(loop.site.pool, PNG, by="test", at=datetime.now(UTC))
    life = Life(source="inspection", said="窗口没有摆放示范文本", standard="1.2.3", evidence=(photo,), satisfaction=0)
    await tell(loop.site.pool, life)
    async with loop.browser("supervisor") as browser:
        page = (await browser.get(f"/tickets/{life.id}")).text
        assert "对照指标：1.2.3" in page
        assert "窗口没有摆放示范文本" in page
        assert (await browser.get(re.search(r'<img src="(/v1/tickets/[^"]+)"', page)[1])).content == PNG


async def test_refusal_of_a_rule_is_said_on_the_page(ticket):
    """409 with the guard's words; the form stays as it was."""
    await ticket.until("verifying")
    async with ticket.browser("agent") as browser:
        answer = await fill(browser, ticket, "verify", result="satisfied", satisfaction="1", comment="还行吧")
    assert answer.status_code == 409
    assert "没有提交成功" in answer.text
    assert "还行吧" in answer.text


async def test_decision_has_its_subject_beside_it(ticket):
    """The approver reads the measures in the same panel."""
    await ticket.until("approving")
    async with ticket.browser("supervisor") as browser:
        page = (await browser.get(ticket.page)).text
    panel = re.search(r'id="do".*?</section>', page, re.DOTALL)[0]
    assert "已培训并道歉。" in panel
    assert "<img" in panel


async def test_erased_text_says_so(ticket):
    """Where a text was deleted by law the timeline keeps its place."""
    await ticket.until("fixing")
    rating = (await ticket.ticket()).snapshot.texts["writingEvaluation"]
    assert await vault.bodies(ticket.site.pool, [rating.id])
    await ticket.site.pool.execute("DELETE FROM private.texts WHERE id = $1", rating.id)
    async with ticket.browser("supervisor") as browser:
        page = (await browser.get(ticket.page)).text
    assert page.count("已依法删除") == 1
    assert "调取录像，情况属实。" in page


async def test_deleted_file_says_so(ticket):
    """Where a file had to go its place is kept, on the page and on paper."""
    await ticket.until("approving")
    (piece,) = (await log.read_stream(ticket.site.pool, UUID(ticket.id)))[-1].event.evidence
    async with ticket.browser("supervisor") as browser:
        await ticket.site.pool.execute("DELETE FROM private.evidence WHERE digest = $1", piece.digest)
        page = (await browser.get(ticket.page)).text
        assert "凭证已删除" in page
        assert "<img" not in page
        assert (await browser.get(f"/v1{ticket.page}/evidence/{piece.digest}")).status_code == 404
        assert (await browser.get(f"{ticket.page}/print")).status_code == 200


async def test_open_page_hears_what_others_do(ticket):
    """Nothing new is an empty answer; then who did what, once."""
    async with ticket.browser("handler") as browser:
        assert (await browser.get(f"{ticket.page}/news?since=1")).status_code == 204
        await ticket.done("supervisor", "remind")
        news = (await browser.get(f"{ticket.page}/news?since=1")).json()
        assert news["version"] == 2
        assert re.fullmatch(r"名supervisor .* 催办 签收", news["says"][0])
        assert (await browser.get(f"{ticket.page}/news?since=2")).status_code == 204


async def test_who_may_not_see_a_ticket_hears_nothing_of_it(ticket):
    """Not even how far it is: whatever version he asks about, there is no such ticket."""
    async with ticket.browser("stranger") as browser:
        for since in (0, 1, 99):
            assert (await browser.get(f"{ticket.page}/news?since={since}")).status_code == 404


async def test_version_of_thousands_of_digits_is_none(ticket):
    """The page and its form go by the ticket's own then; nothing fails."""
    async with ticket.browser("handler") as browser:
        assert (await browser.get(f"{ticket.page}/news?since={'9' * 5000}")).status_code == 200
        answer = await fill(browser, ticket, "accept", version="9" * 5000)
    assert answer.status_code == 303, answer.text


async def test_escalation_names_its_rule(ticket):
    """How long a stage was overdue, from the policy that the ticket was opened under."""
    due = (await ticket.ticket()).dues["acceptance"]
    await ticket.decide(
        lambda one, terms, at: one.escalate(
            "red", "acceptance", due, rule="ladder:red", terms=terms, at=at, cause="timer"
        )
    )
    async with ticket.browser("leader") as browser:
        page = (await browser.get(ticket.page)).text
    assert "红牌督办：签收超期满 1 个工作日" in page


async def test_sheet_of_paper_has_everything(ticket):
    """The whole course, oldest first, with lines to sign on."""
    await ticket.until("closed")
    async with ticket.browser("supervisor") as browser:
        page = (await browser.get(f"{ticket.page}/print")).text
    course = [page.index(word) for word in ("工单生成", "调取录像，情况属实。", "已培训并道歉。", "审核人")]
    assert course == sorted(course)
    assert "凭证 1 份" in page
    assert "已整改" in page


async def test_contact_data_are_never_on_the_page(loop):
    """Named or not: the page only shows the way to ask for them, to whom they may be shown."""
    ticket = await loop.open(userName="张三丰", mobile="13922223333", certKey="370102199001011234", isAnonymity="2")
    for who, offered in (("agent", True), ("handler", False), ("supervisor", False)):
        async with ticket.browser(who) as browser:
            page = (await browser.get(ticket.page)).text
        assert (f"{ticket.page}/identity" in page) is offered, who
        assert "13922223333" not in page
        assert "张三丰" not in page


def test_every_command_has_a_form_of_the_same_members():
    """What is asked on the page is what the API takes."""
    assert ticket_forms.FIELDS.keys() == orders.ORDERS.keys()
    for command, order in orders.ORDERS.items():
        assert {field.name for field in ticket_forms.FIELDS[command]} == set(order.__struct_fields__), command


def test_every_message_about_refusals_is_there():
    """The reasons that a page gives are among the words of refusals."""
    assert words.REFUSALS.keys() >= ticket_forms.WHY_NOT
