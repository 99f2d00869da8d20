"""One's own account, and the administrator's pages: what may be changed by whom, shown once, and told for ever."""

import asyncio
import html
import re

import httpx
import pytest

from haocha.registry import importing, rows
from haocha.registry.files import Line, Table
from haocha.store import accounts
from tests.people import Login, csrf_of, log_in, make
from tests.web.running import SINCE, now

TREE = [
    {"kind": "org", "deptCode": "GOV", "name": "区政府", "areaCode": "370104000000"},
    {"kind": "org", "deptCode": "EDU", "name": "教育局", "parentDeptCode": "GOV", "areaCode": "370104000000"},
]


TICKET = "/v1/tickets/8b3c0e0e-3b1a-5a77-8a7c-0d3a5f4d1c11"
"""A ticket that is not there: who may ask hears 404."""


class Browser:
    """Somebody at the pages: keeps his session and sends forms with the token that stands on the page before."""

    def __init__(self, client: httpx.AsyncClient, login: Login) -> None:
        self.client = client
        self.login = login

    async def open(self, address):
        """Open a page."""
        return await self.client.get(address, headers={"Accept": "text/html"})

    async def send(self, page, address, **members):
        """Send a form of `page`."""
        csrf = csrf_of(await self.open(page))
        return await self.client.post(address, data={"csrf": csrf} | members, headers={"Accept": "text/html"})


@pytest.fixture
async def browse(site):
    """Return a function that logs in an account of a role with a browser of its own."""
    clients = []

    async def begin(role="admin", unit="", **more):
        login = await make(site.pool, role, unit, **more)
        clients.append(httpx.AsyncClient(base_url=site.url, timeout=30))
        assert (await log_in(clients[-1], login)).status_code == 303
        return Browser(clients[-1], login)

    yield begin
    for client in clients:
        await client.aclose()


async def number_of(site, username):
    """Return the number that an account's page has."""
    return (await accounts.find(site.pool, username)).id


def secret_on(page):
    """Return the password or token that a page shows."""
    return re.search(r'class="secret"[^>]*>([^<]+)<', page.text)[1]


async def test_own_password(browse, site):
    """The current one is needed; other sessions end, this one goes on, and the new one logs in."""
    me = await browse("leader")
    elsewhere = httpx.AsyncClient(base_url=site.url)
    await log_in(elsewhere, me.login)
    new = {"new": "the third lamp", "again": "the third lamp"}
    for members, said in (
        ({"current": "wrong password", **new}, "现在的密码不对"),
        ({"current": me.login.password, **new, "again": "other"}, "不一样"),
        ({"current": me.login.password, "new": me.login.password, "again": me.login.password}, "不能和现在的密码相同"),
        ({"current": me.login.password, "new": "1234567890", "again": "1234567890"}, "太容易被猜到"),
    ):
        refused = await me.send("/account", "/account/password", **members)
        assert (refused.status_code, said in refused.text) == (422, True), said
    answer = await me.send("/account", "/account/password", current=me.login.password, **new)
    assert answer.status_code == 303
    assert "密码已经改好" in (await me.open(answer.headers["location"])).text
    assert (await elsewhere.get("/account")).headers["location"].startswith("/login")
    assert (await log_in(elsewhere, me.login, password="the third lamp")).status_code == 303
    await elsewhere.aclose()


async def test_own_token(browse, site):
    """Shown once; a new one takes the place of the old at once; taken back it opens nothing."""
    me = await browse("supervisor")
    made = await me.send("/account", "/account/token")
    token = {"Authorization": f"Bearer {secret_on(made)}"}
    assert (await site.client.get(TICKET, headers=token)).status_code == 404
    assert (await site.client.get(TICKET, headers=me.login.headers)).json()["code"] == "token_unknown"
    assert secret_on(made) not in (await me.open("/account")).text
    answer = await me.send("/account", "/account/token/revoke")
    assert "令牌已收回" in (await me.open(answer.headers["location"])).text
    refused = await site.client.get(TICKET, headers=token)
    assert (refused.status_code, refused.json()["code"]) == (401, "token_unknown")


async def test_forms_of_another_site_do_nothing(browse, site):
    """Without the page's token neither one's own account nor another's is changed."""
    admin, other = await browse(), await make(site.pool, "leader")
    number = await number_of(site, other.username)
    for address in (
        "/account/password",
        "/account/token",
        "/account/token/revoke",
        "/admin/accounts",
        f"/admin/accounts/{number}",
        *(
            f"/admin/accounts/{number}/{act}"
            for act in ("disable", "enable", "unlock", "reset-password", "revoke-token")
        ),
    ):
        answer = await admin.client.post(address, data={"csrf": "0" * 64, "role": "admin"})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), address
    assert (await accounts.find(site.pool, other.username)).account.role == "leader"


async def test_session_changes_nothing_under_v1_from_another_site(browse):
    """A browser's cookie alone is not enough; the page's token in a header is, or the browser's own word."""
    me = await browse("supervisor")
    address = f"{TICKET}/remind"
    csrf = csrf_of(await me.open("/account"))
    refused = await me.client.post(address, json={}, headers={"If-Match": '"1"'})
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
    for header in ({"X-CSRF-Token": csrf}, {"Sec-Fetch-Site": "same-origin"}):
        answer = await me.client.post(address, json={}, headers={"If-Match": '"1"', **header})
        assert answer.status_code == 404, answer.text


async def test_administrator_creates_an_account(browse, site):
    """The password is shown once; the person logs in with it and must change it."""
    admin = await browse()
    made = await admin.send(
        "/admin/accounts/new", "/admin/accounts", username="new.one", name="<b>新人</b>", role="handler", unit="TAX"
    )
    assert made.status_code == 201
    assert "&lt;b&gt;新人" in made.text
    assert "税务局（TAX）" in made.text
    person = await accounts.find(site.pool, "new.one")
    assert (person.account.role, person.account.unit, person.must_change) == ("handler", "TAX", True)
    page = await admin.open(f"/admin/accounts/{person.id}")
    assert secret_on(made) not in page.text
    assert "开设账号" in page.text
    assert admin.login.username in page.text
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await log_in(client, Login("new.one", secret_on(made), {}))
        assert answer.headers["location"] == "/account"
        for address in ("/desk", "/desk/inbox"):
            assert (await client.get(address)).headers["location"] == "/account"
        refused = await client.get(TICKET)
        assert (refused.status_code, refused.json()["code"]) == (403, "password_change_required")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"username": ""}, "用户名只能用"),
        ({"username": "王芳"}, "用户名只能用"),
        ({"role": "king"}, "请选择角色"),
        ({"unit": ""}, "都要有单位"),
        ({"unit": "税 务"}, "单位应填部门代码"),
        ({"role": "leader", "reach": "area", "area": "x"}, "区划代码应为"),
        ({"role": "leader", "reach": "dept", "dept": ""}, "请填部门代码"),
        ({"staff": "7"}, "部门代码/工号"),
        ({"name": "长" * 41}, "不超过 40 个字"),
    ],
)
async def test_form_says_what_is_wrong_and_keeps_what_was_typed(browse, members, said):
    """Each fault stands at its field; nothing has to be typed again."""
    admin = await browse()
    sent = {"username": "fine", "role": "handler", "unit": "TAX", "name": "保留我"} | members
    answer = await admin.send("/admin/accounts/new", "/admin/accounts", **sent)
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    assert sent["name"] in answer.text


async def test_taken_username_and_second_contact_officer_are_refused(browse, site):
    """The table decides, also where two administrators are at it at once."""
    admin, taken = await browse(), await make(site.pool, "handler", "CONTACT", contact_officer=True)
    for members, said in (
        ({"username": taken.username.upper()}, "已经有这个用户名"),
        ({"username": "second.officer", "contact": "1"}, "已有联系人"),
    ):
        answer = await admin.send(
            "/admin/accounts/new", "/admin/accounts", **{"role": "handler", "unit": "CONTACT"} | members
        )
        assert (answer.status_code, said in answer.text) == (422, True)


async def test_administrator_changes_an_account(browse, site):
    """Another role ends the sessions; what it was and what it became stand in the account's trace."""
    admin, person = await browse(), await browse("handler", "TAX")
    number = await number_of(site, person.login.username)
    page = f"/admin/accounts/{number}"
    answer = await admin.send(page, page, role="supervisor", reach="dept", dept="TAX", name="改名")
    assert answer.headers["location"] == f"{page}?done=changed"
    assert (await person.open("/account")).headers["location"].startswith("/login")
    account = (await accounts.find(site.pool, person.login.username)).account
    assert (account.role, account.unit, account.node, account.name) == ("supervisor", "TAX", "dept:TAX", "改名")
    shown = (await admin.open(page)).text
    assert "承办 → 督办" in shown
    assert "全部 → 税务局（TAX）及下级" in shown
    again = await admin.send(page, page, role="supervisor", reach="dept", dept="TAX", name="改名")
    assert again.headers["location"] == f"{page}?done=same"
    wrong = await admin.send(page, page, role="handler", name="改名")
    assert (wrong.status_code, "都要有单位" in wrong.text) == (422, True)


async def test_administrator_disables_enables_resets_and_revokes(browse, site):
    """Each takes hold at once in this process, and is told."""
    admin, person = await browse(), await browse("leader")
    number = await number_of(site, person.login.username)
    page = f"/admin/accounts/{number}"
    assert (await admin.send(page, f"{page}/revoke-token")).headers["location"] == f"{page}?done=revoked"
    assert (await site.client.get(TICKET, headers=person.login.headers)).status_code == 401
    assert (await person.open("/account")).status_code == 200
    await admin.send(page, f"{page}/disable")
    assert (await person.open("/account")).headers["location"].startswith("/login")
    assert (await log_in(person.client, person.login)).status_code == 401
    await admin.send(page, f"{page}/enable")
    assert (await admin.send(page, f"{page}/enable")).headers["location"] == f"{page}?done=same"
    reset = await admin.send(page, f"{page}/reset-password")
    assert (await log_in(person.client, person.login)).status_code == 401
    assert (await log_in(person.client, person.login, password=secret_on(reset))).headers["location"] == "/account"
    for _ in range(5):
        await log_in(person.client, person.login)
    assert "已锁定" in (await admin.open(page)).text
    await admin.send(page, f"{page}/unlock")
    shown = (await admin.open(page)).text
    assert [shown.count(f"<h3>{act}</h3>") for act in ("停用", "恢复启用", "重置密码", "收回令牌", "解除锁定")] == [
        1
    ] * 5
    assert (await admin.send(page, f"{page}/promote")).status_code == 404


async def test_nobody_changes_himself(browse, site):
    """Neither one's role nor whether one is disabled: another administrator does that."""
    admin = await browse()
    page = f"/admin/accounts/{await number_of(site, admin.login.username)}"
    for address in (page, f"{page}/disable", f"{page}/reset-password"):
        answer = await admin.send("/admin/accounts/new", address, role="leader")
        assert answer.status_code == 403
        assert "另一位管理员" in answer.text
    assert (await accounts.find(site.pool, admin.login.username)).account.role == "admin"


async def test_list_is_searched_and_paged(browse, site):
    """By username; the next page begins behind the last; what is typed is text, not markup or a pattern."""
    admin = await browse()
    for n in range(52):
        await site.pool.execute(
            "INSERT INTO access.accounts (username, role, unit, created_at) VALUES ($1, 'leader', $2, now())",
            f"paged{n:02}",
            "100%",
        )
    first = await admin.open("/admin/accounts?q=paged&role=leader")
    assert first.text.count('scope="row"') == 50
    following = html.unescape(re.search(r'href="(/admin/accounts\?[^"]*after=[^"]*)"', first.text)[1])
    second = await admin.open(following)
    assert (second.text.count('scope="row"'), "paged51" in second.text) == (2, True)
    assert (await admin.open("/admin/accounts?q=100%25")).text.count('scope="row"') == 50
    for nothing in ("%3Cscript%3E", "paged%00", "pag_d", "%25"):
        page = await admin.open(f"/admin/accounts?q={nothing}x")
        assert (page.status_code, "没有这样的账号" in page.text, "<script>x" in page.text) == (200, True, False)


async def test_administrator_of_a_node_keeps_the_accounts_within_it(browse, site):
    """He neither sees nor makes what reaches beyond: not everything, not another department, not another area."""
    lines = [Line(number, {"validFrom": SINCE, **cells}) for number, cells in enumerate(TREE, start=2)]
    plan = await importing.run(
        site.pool, rows.parse(Table(tuple(rows.COLUMNS), lines)), apply=True, by="test", at=now()
    )
    assert plan.faults == []
    async with asyncio.timeout(5):
        while site.context.registry.valid("org", "EDU", now()) is None:
            await asyncio.sleep(0.05)
    inside, outside = await make(site.pool, "handler", "EDU"), await make(site.pool, "handler", "TAX")
    for node in ("dept:GOV", "area:370104"):
        admin = await browse(node=node)
        listed = (await admin.open("/admin/accounts")).text
        assert inside.username in listed
        assert outside.username not in listed
        assert (await admin.open(f"/admin/accounts/{await number_of(site, inside.username)}")).status_code == 200
        assert (await admin.open(f"/admin/accounts/{await number_of(site, outside.username)}")).status_code == 404
        within = {"reach": "dept", "dept": "EDU"} if node == "dept:GOV" else {"reach": "area", "area": "370104001"}
        for members, status in (
            ({"role": "leader", "reach": "all"}, 422),
            ({"role": "handler", "unit": "TAX"}, 422),
            ({"role": "admin", "reach": "area", "area": "37"}, 422),
            ({"role": "supervisor", **within}, 201),
            ({"role": "handler", "unit": "EDU"}, 201),
        ):
            username = f"{node[:4]}.{members['role']}"
            answer = await admin.send("/admin/accounts/new", "/admin/accounts", username=username, **members)
            assert answer.status_code == status, members


@pytest.mark.parametrize("role", ["handler", "supervisor", "reviewer", "agent", "inspector", "leader", "auditor"])
async def test_only_administrators_keep_accounts(browse, role):
    """Everybody else is told whose the page is."""
    somebody = await browse(role, "TAX")
    page = await somebody.open("/admin/accounts")
    assert page.status_code == 403
    assert "管理员" in page.text


async def test_pages_lead_to_the_log_in_and_back(site):
    """Without a session; a form's address is not gone back to, but the page it stood on."""
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.get("/admin/accounts?q=x")
        assert answer.headers["location"] == "/login?next=%2Fadmin%2Faccounts%3Fq%3Dx"
        form = await client.post("/account/token", data={}, headers={"Referer": f"{site.url}/account"})
        assert (form.status_code, form.headers["location"]) == (303, "/login?next=%2Faccount")


async def test_keys_and_tokens_do_not_stand_in_for_each_other(site):
    """A token on a machine's route and a key on a person's are refused with a sentence that says so."""
    token, key = await site.account("admin"), await site.key()
    for path in ("/v1/ratings", "/v1/services", "/v1/ratings/batch"):
        refused = await site.client.post(path, json={}, headers=token)
        assert (refused.status_code, refused.json()["code"]) == (403, "key_required"), path
        assert "接口密钥" in refused.json()["detail"]
    refused = await site.client.get("/account", headers=key)
    assert (refused.status_code, refused.json()["code"]) == (403, "account_required")
