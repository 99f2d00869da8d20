"""`POST /v1/complaints`: what comes in stays in, once; what is wrong is told all at once."""

from uuid import UUID

import msgspec
import pytest

from haocha.domain.workdays import SHANGHAI
from tests.web.running import NUMBERS, faults, now

PERSON = {"userName": "欧阳娜娜", "mobile": "13877665544"}


def complaint(**changes):
    """Return a complaint of its own; a member changed to None is left out."""
    members = {"kind": "hotline", "sourceId": f"C{next(NUMBERS)}", "text": "等了两小时没人管。", "hallCode": "H01"}
    return {name: value for name, value in (members | changes).items() if value is not None}


@pytest.fixture
async def key(site):
    """Return the header of a hotline's key."""
    return await site.key("hotline", ["complaints:write"])


async def post(site, key, body):
    """Post one complaint."""
    return await site.client.post("/v1/complaints", json=body, headers=key)


async def test_complaint_is_kept_with_its_place_and_without_the_person(site, key):
    """The event has codes; the person lies in the vault, the text beside it."""
    answer = await post(
        site, key, complaint(windowNo="A01", projectNo=" ９9 ", occurredTime=now().isoformat(), **PERSON)
    )
    assert answer.status_code == 201, answer.text
    [stored] = await site.events(answer.json()["complaintId"])
    event = msgspec.json.decode(stored["state"])
    assert (event["window"], event["dept"], event["projectNo"]) == ("H01/A01", "TAX", "99")
    assert (event["named"], event["texts"]["text"]["length"]) == (True, 9)
    for secret in ("欧阳", "13877665544", "两小时"):
        assert secret not in stored["state"]
    identity = await site.context.vault.identity(site.pool, UUID(event["subject"]))
    assert identity == PERSON


async def test_same_complaint_again_is_a_repeat(site, key):
    """The first answer again; another time or `ext` is no other content."""
    body = complaint()
    first = (await post(site, key, body)).json()
    again = await post(site, key, body | {"occurredTime": now().isoformat(), "ext": {"line": 7}})
    assert (again.status_code, again.json()) == (200, first | {"duplicate": True})


async def test_other_content_under_the_same_id_is_refused(site, key):
    """A client that reuses an id is told; nothing is overwritten."""
    body = complaint()
    await post(site, key, body)
    count = await site.count()
    answer = await post(site, key, body | {"text": "另一件事。"})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_received")
    assert await site.count() == count


async def test_ids_of_two_clients_are_apart(site, key):
    """Each system numbers its own."""
    body = complaint()
    other = await site.key("hotline", ["complaints:write"])
    assert [(await post(site, one, body)).status_code for one in (key, other)] == [201, 201]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"kind": "letter"}, ("/kind", "form")),
        ({"kind": None}, ("/kind", "missing")),
        ({"text": " \n"}, ("/text", "missing")),
        ({"text": "长" * 2001}, ("/text", "too_long")),
        ({"text": "x\x00"}, ("/text", "control_character")),
        ({"sourceId": "x" * 51}, ("/sourceId", "too_long")),
        ({"satisfaction": 6}, ("/satisfaction", "range")),
        ({"areaCode": "37"}, ("/areaCode", "form")),
        ({"occurredTime": "yesterday"}, ("/occurredTime", "form")),
        ({"txt": "x"}, ("/txt", "unknown_field")),
    ],
)
async def test_faults_are_named(site, key, changes, fault):
    """Pointer and code of what the sender can mend."""
    answer = await post(site, key, complaint(**changes))
    assert answer.status_code == 422, answer.text
    assert fault in faults(answer)


@pytest.mark.parametrize(("said", "counts"), [("2025-06-03 23:30:00", "2025-06-03"), ("2099-01-01 00:00:00", None)])
async def test_it_counts_to_the_day_it_happened(site, key, said, counts):
    """What lies in the future cannot be believed: the day of receipt."""
    answer = await post(site, key, complaint(occurredTime=said))
    [stored] = await site.events(answer.json()["complaintId"])
    today = now().astimezone(SHANGHAI).date()
    assert msgspec.json.decode(stored["state"])["day"] == (counts or str(today))


async def test_all_faults_are_told_at_once(site, key):
    """One round is enough to mend them."""
    answer = await post(site, key, {"kind": "x", "satisfaction": 0, "foo": 1})
    assert faults(answer) == {
        ("/kind", "form"),
        ("/sourceId", "missing"),
        ("/text", "missing"),
        ("/satisfaction", "range"),
        ("/foo", "unknown_field"),
    }


async def test_key_needs_the_scope(site):
    """A pad's key takes no complaints."""
    key = await site.key("pad", ["ratings:write"])
    assert (await post(site, key, complaint())).json()["code"] == "scope_missing"


async def test_key_of_one_hall_is_held_to_it(site):
    """A box belongs to its hall."""
    key = await site.key("terminal", ["complaints:write"], hall="H01")
    assert (await post(site, key, complaint(hallCode="H02"))).status_code == 403
    assert (await post(site, key, complaint())).status_code == 201
