"""Rules over HTTP: read by all who work with tickets, published by administrators, every fault named."""

import re

import msgspec
import pytest

from haocha import policies
from haocha.domain import policy_document
from haocha.domain.policy import DEFAULT
from tests import people
from tests.web.running import faults

TOML = {"Content-Type": "application/toml"}


@pytest.fixture
async def admin(lone_site):
    """Return the header of an administrator without limits."""
    return await lone_site.account("admin")


def jinan(**members):
    """Return a policy for an area as JSON."""
    policy = msgspec.to_builtins(DEFAULT) | members
    return {"name": "jinan", "area": "370100000000", "policy": policy}


async def test_published_policy_is_a_version_that_all_may_read(lone_site, admin):
    """201 with the version and its position; the list and the version itself then say so."""
    answer = await lone_site.client.post("/v1/policies", json=jinan(rounds=2), headers=admin)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["version"], told["before"]) == ("jinan-1", "default-1")
    assert told["changes"] == [{"path": "rounds", "before": "1", "after": "2"}]
    reader = await lone_site.account("handler", "TAX")
    listed = (await lone_site.client.get("/v1/policies", headers=reader)).json()
    assert [(one["version"], one["area"], one["inForce"]) for one in listed["items"]] == [
        ("jinan-1", "3701", True),
        ("default-1", "", True),
    ]
    assert {preset["name"] for preset in listed["presets"]} == set(policies.TITLES)
    one = (await lone_site.client.get("/v1/policies/jinan-1", headers=await lone_site.key())).json()
    assert (one["policy"]["rounds"], one["position"]) == (2, told["position"])
    assert (await lone_site.client.get("/v1/policies/jinan-9", headers=reader)).status_code == 404


async def test_dry_run_shows_and_writes_nothing(lone_site, admin):
    """The same answer, with no position."""
    before = await lone_site.count()
    answer = await lone_site.client.post("/v1/policies?dryRun=true", json={"preset": "shanghai"}, headers=admin)
    assert (answer.status_code, answer.json()["position"], answer.json()["version"]) == (200, None, "default-2")
    assert {change["path"] for change in answer.json()["changes"]} >= {"unitMayTransfer", "stages.fix.simple"}
    assert await lone_site.count() == before + 2  # the first rules: no worker had begun


async def test_same_again_changes_nothing(lone_site, admin):
    """A policy that holds already is answered 200."""
    text = policy_document.write(policy_document.Document(DEFAULT))
    answer = await lone_site.client.post("/v1/policies", content=text, headers=admin | TOML)
    assert (answer.status_code, answer.json()["version"], answer.json()["changes"]) == (200, None, [])


async def test_withdrawn_policy_holds_for_nobody(lone_site, admin):
    """The name is free again; the default stays."""
    client = lone_site.client
    await client.post("/v1/policies", json=jinan(), headers=admin)
    answer = await client.post("/v1/policies", json={"name": "jinan", "withdrawn": True}, headers=admin)
    assert (answer.status_code, answer.json()["version"]) == (201, "jinan-2")
    again = await client.post("/v1/policies", json={"name": "jinan", "withdrawn": True}, headers=admin)
    assert (again.status_code, again.json()["code"]) == (404, "not_in_force")
    never = await client.post("/v1/policies", json={"name": "default", "withdrawn": True}, headers=admin)
    assert (never.status_code, never.json()["code"]) == (409, "default_stays")


async def test_every_fault_is_told_at_once(lone_site, admin):
    """In Chinese, with the pointer to the member."""
    answer = await lone_site.client.post(
        "/v1/policies", json=jinan(rounds=99, contact="me") | {"colour": 1}, headers=admin
    )
    assert answer.status_code == 422
    assert faults(answer) == {("/policy/rounds", "range"), ("/policy/contact", "form"), ("/colour", "unknown")}
    assert "policy.rounds：应在 0 … 9 之内。" in answer.text


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 422),
        ('{"preset": "paris"}', "application/json", 422),
        ('{"preset": "beijing", "policy": {}}', "application/json", 422),
        ('{"name": "jinan", "withdrawn": false}', "application/json", 422),
        ("rounds 3", "application/toml", 422),
        ("a,b", "text/csv", 415),
        ("x" * 70_000, "application/toml", 413),
    ],
)
async def test_what_cannot_be_read_is_refused(lone_site, admin, content, media_type, status):
    """Each with the status that says what to do."""
    headers = admin | {"Content-Type": media_type}
    assert (await lone_site.client.post("/v1/policies", content=content, headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("node", "body", "status"),
    [
        ("area:3701", jinan(), 201),
        ("area:370102", jinan(), 403),
        ("area:3701", {"preset": "beijing"}, 403),
        ("dept:TAX", {"name": "tax", "dept": "TAX", "preset": "beijing"}, 201),
        ("dept:TAX", {"name": "hr", "dept": "HR", "preset": "beijing"}, 403),
    ],
)
async def test_administrator_makes_rules_for_what_he_oversees(lone_site, node, body, status):
    """An area's administrator does not make rules for the country."""
    headers = await lone_site.account("admin", node=node)
    assert (await lone_site.client.post("/v1/policies", json=body, headers=headers)).status_code == status


async def test_calendar_is_published_as_a_whole(lone_site, admin):
    """Added and removed days are told; an area's administrator may not."""
    client = lone_site.client
    known = (await client.get("/v1/calendar", headers=admin)).json()
    longer = {
        "knownUntil": "2027-12-31",
        "holidays": [*known["holidays"], "2027-01-01"],
        "makeUpDays": known["makeUpDays"],
    }
    local = await lone_site.account("admin", node="area:3701")
    assert (await client.post("/v1/calendar", json=longer, headers=local)).status_code == 403
    dry = await client.post("/v1/calendar", params={"dryRun": "true"}, json=longer, headers=admin)
    assert (dry.status_code, dry.json()["position"]) == (200, None)
    answer = await client.post("/v1/calendar", json=longer, headers=admin)
    assert (answer.status_code, answer.json()["version"]) == (201, "CN-2")
    assert answer.json()["changes"] == [
        {"path": "knownUntil", "before": "2026-12-31", "after": "2027-12-31"},
        {"path": "holidays", "before": None, "after": "2027-01-01"},
    ]
    assert (await client.post("/v1/calendar", json=longer, headers=admin)).json()["version"] is None
    wrong = await client.post("/v1/calendar", json=longer | {"makeUpDays": ["2027-01-01", "2027-01-04"]}, headers=admin)
    assert faults(wrong) == {("/makeUpDays/0", "twice"), ("/makeUpDays/0", "weekend"), ("/makeUpDays/1", "weekend")}


async def test_page_publishes_after_a_look_at_the_changes(lone_site):
    """A preset is chosen, its differences are read, and then it is published."""
    client, csrf = await logged_in(lone_site)
    review = await client.post("/admin/policies/review", data={"csrf": csrf, "preset": "shanghai"}, files={"file": b""})
    assert review.status_code == 200, review.text
    for said in ("default-2", "整改（简单）", "1 个工作日", "不准退单，只由督办改派"):
        assert said in review.text
    assert (await lone_site.client.get("/v1/policies", headers=await lone_site.key())).json()["items"][0][
        "version"
    ] == "default-1"
    text = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", review.text, re.DOTALL)[1])
    done = await client.post("/admin/policies", data={"csrf": csrf, "text": text})
    assert (done.status_code, done.headers["location"]) == (303, "/admin/policies?done=default-2")
    page = await client.get(done.headers["location"])
    assert "已发布 default-2" in page.text
    version = await client.get("/admin/policies/default-2")
    assert "当天" in version.text
    file = await client.get("/admin/policies/default-2/toml")
    shanghai = policy_document.check(policy_document.read(policies.text("shanghai")))
    assert policy_document.check(policy_document.read(file.text)) == shanghai


async def test_page_shows_the_faults_of_an_uploaded_file(lone_site):
    """All of them, and nothing is published."""
    client, csrf = await logged_in(lone_site)
    text = policy_document.write(policy_document.Document(DEFAULT)).replace("rounds = 1", "rounds = 99")
    page = await client.post("/admin/policies/review", data={"csrf": csrf}, files={"file": ("x.toml", text.encode())})
    assert page.status_code == 422
    assert "policy.rounds：应在 0 … 9 之内。" in page.text


async def test_page_withdraws_a_policy(lone_site, admin):
    """Its page says what would hold in its place."""
    await lone_site.client.post("/v1/policies", json=jinan(), headers=admin)
    client, csrf = await logged_in(lone_site)
    assert "default-1" in (await client.get("/admin/policies/jinan-1")).text
    done = await client.post("/admin/policies/withdraw", data={"csrf": csrf, "name": "jinan"})
    assert done.headers["location"] == "/admin/policies?done=jinan-2"
    assert "撤销" in (await client.get("/admin/policies/jinan-2")).text


async def test_calendar_page_publishes_a_table(lone_site):
    """Dates that are 休 or 班, and 至: as an office keeps them."""
    client, csrf = await logged_in(lone_site)
    assert "2026年10月1日（周四） 至 2026年10月7日（周三）" in (await client.get("/admin/calendar")).text
    table = "date,kind\r\n2026-10-01,休\r\n2026-10-10,班\r\n2026-12-31,至\r\n".encode("gbk")
    review = await client.post("/admin/calendar/review", data={"csrf": csrf}, files={"file": ("days.csv", table)})
    assert review.status_code == 200, review.text
    assert "取消放假" in review.text
    text = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", review.text, re.DOTALL)[1])
    done = await client.post("/admin/calendar", data={"csrf": csrf, "text": text})
    assert done.headers["location"] == "/admin/calendar?done=CN-2"
    longer = await client.post("/admin/calendar/review", data={"csrf": csrf, "extend": "1"}, files={"file": b""})
    assert "与现行版本相同" in longer.text
    file = await client.get("/admin/calendar/toml")
    assert file.text.startswith("knownUntil = 2026-12-31")


@pytest.mark.parametrize("path", ["/admin/policies", "/admin/calendar", "/admin/policies/default-1"])
async def test_pages_are_the_administrators(lone_site, path):
    """Others are told, and who is not logged in is sent to log in."""
    assert (await lone_site.client.get(path)).status_code == 303
    await people.log_in(lone_site.client, await people.make(lone_site.pool, "leader"))
    assert (await lone_site.client.get(path, headers={"Accept": "text/html"})).status_code == 403


async def test_form_without_its_token_publishes_nothing(lone_site):
    """No other site can have an administrator publish."""
    client, _ = await logged_in(lone_site)
    for path in ("/admin/policies", "/admin/policies/withdraw", "/admin/calendar"):
        answer = await client.post(path, data={"text": policies.text("beijing"), "name": "jinan"})
        assert answer.status_code == 403, path
    review = await client.post("/admin/policies/review", data={"preset": "beijing"}, files={"file": b""})
    assert review.status_code == 403


async def logged_in(site):
    """Log an administrator in; return the client and the token of his forms."""
    await people.log_in(site.client, await people.make(site.pool, "admin"))
    return site.client, people.csrf_of(await site.client.get("/admin/policies"))


def unescape(text):
    """Read what a textarea holds."""
    for escaped, sign in (("&#34;", '"'), ("&gt;", ">"), ("&lt;", "<"), ("&amp;", "&")):
        text = text.replace(escaped, sign)
    return text
