"""Service records: repeats, versions, linking, and what is kept of the province's fields."""

from uuid import UUID

import msgspec
import pytest

from tests.web.running import local, now, service

FULL = {
    "orgcode": "370102000000_TAX",
    "orgName": "税务局",
    "proDepart": "税务局",
    "taskType": "20",
    "proTaskCode": "P-1",
    "proTaskName": "换证",
    "subMatter": "子项",
    "proProjectNo": "LOCAL-1",
    "proStatus": "3",
    "projectType": "1",
    "proManager": "甲",
    "serviceName": "受理",
    "promiseDay": 5,
    "promiseType": "1",
    "anticipateDay": 0,
    "proChannel": "2",
    "promiseTime": "1",
    "dataSource": "165",
}
PERSONAL = {
    "mobile": "13812345678",
    "userName": "王小明",
    "userPageType": "111",
    "certKey": "370102199203034321",
    "certkeyGOV": "gov-secret-key",
    "creditType": "001",
    "creditNum": "91370102MA3ABCDE1X",
    "handleUserName": "赵代理",
    "handleUserPageType": "111",
    "handleUserPageCode": "370102198001019999",
}


@pytest.fixture(scope="module")
async def key(site):
    """Return a key of one client with every scope."""
    return await site.key()


async def post(site, key, body):
    """Post one service record."""
    return await site.client.post("/v1/services", json=body, headers=key)


async def test_record_is_taken_with_its_two_required_members(site, key):
    """Only `projectNo` and `serviceTime` are required: what a province wants beyond them, its sync shows."""
    answer = await post(site, key, {"projectNo": "only-two", "serviceTime": local(now())})
    assert answer.status_code == 201
    assert answer.json().keys() == {"serviceId", "position", "version", "duplicate"}
    assert (answer.json()["version"], answer.json()["duplicate"]) == (1, False)


async def test_same_content_is_a_repeat_and_other_content_the_next_version(site, key):
    """The case moves on: 201 with the next version; a repeat of any version has that version's position."""
    body = service(proStatus="1")
    first = (await post(site, key, body)).json()
    again = await post(site, key, body | {"serviceNumber": 1, "taskName": ""})
    assert (again.status_code, again.json()) == (200, first | {"duplicate": True})
    moved = await post(site, key, body | {"proStatus": "3", "resultDate": local(now())})
    assert (moved.status_code, moved.json()["version"], moved.json()["serviceId"]) == (201, 2, first["serviceId"])
    late = await post(site, key, body)
    assert (late.status_code, late.json()["position"]) == (200, first["position"])
    assert [row["topic"] for row in await site.events(first["serviceId"])] == ["service.recorded:v1"] * 2


async def test_services_of_a_case_are_records_of_their_own(site, key):
    """`serviceNumber` counts the services of one case."""
    body = service()
    ids = {(await post(site, key, body | {"serviceNumber": number})).json()["serviceId"] for number in (1, 2, 3)}
    assert len(ids) == 3


async def test_province_fields_are_kept_and_personal_ones_apart(site, key):
    """What is not personal stands in the event under its own name; names, numbers and texts do not."""
    answer = await post(
        site, key, service(**FULL, **PERSONAL, userProp="1", projectName="王小明的换证", taskName="换证")
    )
    assert answer.status_code == 201, answer.text
    [stored] = await site.events(answer.json()["serviceId"])
    state = msgspec.json.decode(stored["state"])
    assert state["case"] == FULL
    assert (state["named"], state["userProp"], set(state["texts"])) == (True, "1", {"projectName"})
    for value in PERSONAL.values():
        if len(value) > 3:
            assert value not in stored["state"]
    identity = await site.context.vault.identity(site.pool, UUID(state["subject"]))
    assert identity == PERSONAL


async def test_record_is_linked_as_of_its_time(site, key):
    """Codes are resolved against the registry as it was at `serviceTime`."""
    answer = await post(site, key, service(staffNo="7", deptCode="TAX", taskCode="T-100"))
    state = msgspec.json.decode((await site.events(answer.json()["serviceId"]))[0]["state"])
    assert (state["window"], state["staff"], state["matter"], state["linked"]) == ("H01/A01", "TAX/7", "T-100", True)
    early = await post(site, key, service(serviceTime="2020-05-01 09:00:00"))
    state = msgspec.json.decode((await site.events(early.json()["serviceId"]))[0]["state"])
    assert (state["window"], state["linked"], state["day"]) == ("H01/A01", False, "2020-05-01")
