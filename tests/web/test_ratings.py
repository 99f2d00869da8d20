"""What is taken: answers, flags, repeats, contests, 追评, and what is read back."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from haocha.domain import ids
from haocha.domain.workdays import SHANGHAI
from tests.web.running import faults, local, now, rating


@pytest.fixture(scope="module")
async def key(site):
    """Return a key of one client with every scope."""
    return await site.key()


async def post(site, key, body, **headers):
    """Post a body as it is."""
    return await site.client.post("/v1/ratings", json=body, headers=key | headers)


async def test_answer_of_a_rating(site, key):
    """201 with ratingId, position, receipt, duplicate and flags, when it is in the log and not before."""
    body = rating(projectNo="  ３７－Case 1 ")
    answer = await post(site, key, body)
    assert answer.status_code == 201
    members = answer.json()
    assert members.keys() == {"ratingId", "position", "receipt", "duplicate", "flags"}
    assert (members["duplicate"], members["flags"]) == (False, [])
    [stored] = await site.events(members["ratingId"])
    assert (stored["topic"], stored["position"]) == ("rating.submitted:v1", members["position"])
    state = msgspec.json.decode(stored["state"])
    assert state["projectNo"] == "37-Case 1"  # trimmed, NFKC
    assert UUID(members["ratingId"]) == ids.rating_id(site.context.install.namespace, "37-Case 1", 1)


async def test_every_member_is_read_back_under_its_own_name(site, key):
    """`evalDetail` is an array, `writingEvaluation` verbatim, `ext` as it came, the identity masked."""
    sent = rating(
        serviceNumber=3,
        satisfaction=2,
        serviceTime=local(now() - timedelta(minutes=5)),
        assessTime=local(now()),
        evalDetail="213, 209,213",
        writingEvaluation="  排队\t太长\n第二行 <b>&amp; ",
        taskCode="T-100",
        taskHandleItem="T-100-1",
        taskName="社会保障卡补领",
        areaCode="370102000000",
        deptCode="HR",
        deptName="人社局",
        staffNo="7",
        deviceNo="D-9",
        deviceSeq=41,
        isAnonymity="2",
        userName="张三丰",
        userProp="1",
        userPageType="111",
        certKey="370102199001011234",
        mobile="13800001234",
        ext={"queue": "A017", "deep": [1, {"x": None}]},
    )
    answer = await post(site, key, sent)
    assert answer.status_code == 201, answer.text
    read = await site.read(key, answer.json()["ratingId"])
    personal = {"userName": "张**", "userPageType": "***", "certKey": "370***********1234", "mobile": "138****1234"}
    times = {"assessTime", "serviceTime"}
    expected = sent | {"evalDetail": ["209", "213"], "assessNumber": 1} | personal
    assert {name: read[name] for name in expected.keys() - times} == {
        name: value for name, value in expected.items() if name not in times
    }
    assert read["assessTime"][:19].replace("T", " ") == sent["assessTime"]
    assert (read["kind"], read["bad"], read["named"], read["keyKind"]) == ("rating", True, True, "integration")
    assert (read["position"], read["receipt"]) == (answer.json()["position"], answer.json()["receipt"])


async def test_nothing_is_made_up(site, key):
    """What was not sent is not there: no default level, no reason, no name; silence is silence."""
    answer = await post(site, key, rating(hallCode=None, windowNo=None))
    read = await site.read(key, answer.json()["ratingId"])
    assert read.keys().isdisjoint({"windowNo", "staffNo", "taskCode", "writingEvaluation", "userName", "deviceNo"})
    assert (read["named"], read["evalDetail"]) == (False, [])


@pytest.mark.parametrize("kind", ["keypad", "hotline", "integration"])
async def test_bad_rating_without_reason_is_taken_where_nobody_can_ask(site, kind):
    """Phone, key pads and integrations: flagged `reasonMissing`, not refused."""
    answer = await site.rate(await site.key(kind), satisfaction=1, pf="6")
    assert (answer.status_code, answer.json()["flags"]) == (201, ["reasonMissing"])


@pytest.mark.parametrize("pf", ["6", "7"])
async def test_phone_and_sms_cannot_ask_whatever_the_key(site, pf):
    """Channels 6 and 7 have no screen, also where a portal passes them on."""
    answer = await site.rate(await site.key("web"), satisfaction=2, pf=pf)
    assert (answer.status_code, answer.json()["flags"]) == (201, ["reasonMissing"])


@pytest.mark.parametrize("codes", [["999"], "999,510", ["501"], ["贴心服务"]])
async def test_unknown_or_retired_indicator_is_kept_as_sent(site, key, codes):
    """A city's own or an old code is taken and flagged."""
    answer = await site.rate(key, evalDetail=codes)
    assert (answer.status_code, answer.json()["flags"]) == (201, ["unknownIndicator"])
    sent = codes if isinstance(codes, list) else codes.split(",")
    assert (await site.read(key, answer.json()["ratingId"]))["evalDetail"] == sorted(sent)


async def test_low_ratings_take_the_path_of_high_ones(site, key):
    """Only level and flags differ: same topic, same members of the answer and of the event."""
    shapes = set()
    for level in (1, 2, 3, 4, 5):
        answer = await site.rate(key, satisfaction=level, writingEvaluation="说明")
        [stored] = await site.events(answer.json()["ratingId"])
        state = msgspec.json.decode(stored["state"])
        shapes.add((answer.status_code, frozenset(answer.json()), stored["topic"], frozenset(state)))
    assert len(shapes) == 1


# --- clocks (design §5) ---------------------------------------------------------------------------------------------


async def test_clock_within_the_skew_is_believed(site, key):
    """Nine minutes ahead is what counter software does."""
    ahead = now() + timedelta(minutes=9)
    answer = await site.rate(key, assessTime=ahead.isoformat())
    assert answer.json()["flags"] == []
    read = await site.read(key, answer.json()["ratingId"])
    assert read["day"] == local(ahead)[:10]


async def test_clock_beyond_the_skew_is_flagged_and_counts_to_the_day_of_receipt(site, key):
    """The device's time is kept; the day is the one on which it came."""
    ahead = now() + timedelta(days=40)
    answer = await site.rate(key, assessTime=local(ahead))
    assert answer.json()["flags"] == ["clock"]
    read = await site.read(key, answer.json()["ratingId"])
    assert read["assessTime"][:19].replace("T", " ") == local(ahead)
    assert read["day"] == local(now())[:10]
    assert read["receivedAt"] <= read["recordedAt"]


async def test_rating_before_its_service_is_flagged(site, key):
    """Nobody rates what has not happened: one of the clocks is wrong."""
    answer = await site.rate(
        key, assessTime=(now() - timedelta(days=3)).isoformat(), serviceTime=(now() - timedelta(days=2)).isoformat()
    )
    assert answer.json()["flags"] == ["clock"]
    assert (await site.read(key, answer.json()["ratingId"]))["day"] == local(now())[:10]


async def test_late_rating_counts_to_its_own_day(site, key):
    """A pad that was offline for a week delivers last week's ratings."""
    then = now() - timedelta(days=7)
    answer = await site.rate(key, assessTime=then.isoformat())
    assert answer.json()["flags"] == []
    assert (await site.read(key, answer.json()["ratingId"]))["day"] == local(then)[:10]


async def test_device_time_corrects_a_wrong_clock(site, key):
    """A device that believes it is 2019 says so when it sends: the rating was made an hour before now."""
    wrong = now() - timedelta(days=2500)
    body = rating(assessTime=local(wrong - timedelta(hours=1)))
    answer = await post(site, key, body, **{"X-Device-Time": local(wrong)})
    assert answer.json()["flags"] == []
    read = await site.read(key, answer.json()["ratingId"])
    assert read["day"] == local(now() - timedelta(hours=1))[:10]
    assert read["assessTime"][:19].replace("T", " ") == body["assessTime"]
    assert read["sentAt"][:10] == local(wrong)[:10] or read["sentAt"][:4] == local(wrong)[:4]


async def test_clock_ahead_is_corrected_before_it_is_judged(site, key):
    """A month ahead and known to be: nothing to flag."""
    wrong = now() + timedelta(days=30)
    answer = await post(site, key, rating(assessTime=wrong.isoformat()), **{"X-Device-Time": wrong.isoformat()})
    assert answer.json()["flags"] == []
    assert (await site.read(key, answer.json()["ratingId"]))["day"] == local(now())[:10]


@pytest.mark.parametrize("edge", ["0001-01-01 00:00:00", "9999-12-31 23:59:59", "0001-01-01T00:00:00+14:00"])
async def test_times_at_the_edge_of_the_calendar_harm_nothing(site, key, edge):
    """Taken or refused, but answered: alone, as the service's time, and with a device clock that shifts them."""
    for more in ({}, {"X-Device-Time": "9999-12-31 00:00:00"}, {"X-Device-Time": "0001-01-03 00:00:00"}):
        assert (await post(site, key, rating(assessTime=edge), **more)).status_code in {201, 422}
        assert (await post(site, key, rating(serviceTime=edge), **more)).status_code in {201, 422}
    answer = await site.client.post("/v1/services", json={"projectNo": edge, "serviceTime": edge}, headers=key)
    assert answer.status_code in {201, 422}


# --- repeats, contests, 追评 ----------------------------------------------------------------------------------------


async def test_repeat_has_the_members_of_the_first_answer(site, key):
    """Same key and content → 200 with the first's id, position and receipt, and `duplicate`."""
    body = rating(satisfaction=2, evalDetail="213,209", mobile="13900000000", serviceNumber=1)
    first = await post(site, key, body)
    changed = body | {
        "assessTime": local(now() + timedelta(minutes=2)),  # a hand re-push has a new time
        "evalDetail": ["209", "213", "209"],
        "deviceSeq": 7,
        "ext": {"retry": 1},
        "projectNo": f" {body['projectNo']}\u3000",
        "assessNumber": 1,
        "writingEvaluation": "",
        "userName": None,
    }
    del changed["serviceNumber"]
    for repeat in (body, changed):
        again = await post(site, key, repeat, **{"X-Device-Time": local(now())})
        assert again.status_code == 200, again.text
        assert again.json() == first.json() | {"duplicate": True}
    assert len(await site.events(first.json()["ratingId"])) == 1


async def test_repeat_with_another_key_of_the_same_client(site):
    """A client is a name and may hold several keys (rotation)."""
    old, new = await site.key(name="rotating"), await site.key(name="rotating")
    body = rating()
    assert (await post(site, old, body)).status_code == 201
    assert (await post(site, new, body)).status_code == 200


async def test_other_content_is_kept_as_contested(site, key):
    """409 `already_rated` with the contest's own id and receipt, and the names of what differs, never the values."""
    body = rating(satisfaction=5, userName="李四", mobile="13800001111", writingEvaluation="很好")
    first = (await post(site, key, body)).json()
    other = body | {"satisfaction": 1, "mobile": "13800002222", "writingEvaluation": "很差", "windowNo": "A02"}
    answer = await post(site, key, other)
    problem = answer.json()
    assert (answer.status_code, problem["code"], faults(answer)) == (409, "already_rated", {("", "already_rated")})
    assert problem["differs"] == ["mobile", "satisfaction", "windowNo", "writingEvaluation"]
    assert "13800001111" not in answer.text
    assert "很好" not in answer.text
    assert problem["ratingId"] != first["ratingId"]
    assert problem["receipt"] != first["receipt"]
    [stored] = await site.events(problem["ratingId"])
    state = msgspec.json.decode(stored["state"])
    assert (stored["topic"], stored["position"]) == ("rating.contested:v1", problem["position"])
    assert (state["first"], state["satisfaction"], state.get("same", False)) == (first["ratingId"], 1, False)
    read = await site.read(key, problem["ratingId"])
    assert (read["kind"], read["first"], read["writingEvaluation"]) == ("contest", first["ratingId"], "很差")
    assert read["mobile"] == "138****2222"


async def test_contest_again_has_its_first_receipt(site, key):
    """The same contest twice is one; a third content is another one."""
    body = rating()
    await post(site, key, body)
    contests = [await post(site, key, body | {"satisfaction": level}) for level in (4, 4, 3, 4)]
    assert {answer.status_code for answer in contests} == {409}
    first, again, other, once_more = (answer.json() for answer in contests)
    assert first == again == once_more
    assert other["receipt"] != first["receipt"]


async def test_same_content_from_another_client_is_kept_and_marked_the_same(site, key):
    """Another client gets 409 and no names of members: it must not learn what the first said."""
    body = rating(satisfaction=1, writingEvaluation="差")
    first = (await post(site, key, body)).json()
    stranger = await site.key()
    answer = await post(site, stranger, body)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_rated")
    assert "differs" not in answer.json()
    [stored] = await site.events(answer.json()["ratingId"])
    state = msgspec.json.decode(stored["state"])
    assert (stored["topic"], state["first"], state["same"]) == ("rating.contested:v1", first["ratingId"], True)
    other = await post(site, stranger, body | {"satisfaction": 2})
    assert (other.status_code, "differs" in other.json()) == (409, False)
    assert (await post(site, key, body)).status_code == 200


async def test_supplement_is_taken_once(site, key):
    """`assessNumber` 2 → `rating.supplemented` on a stream of its own; a second one is contested."""
    body = rating(satisfaction=2, writingEvaluation="差")
    first = (await post(site, key, body)).json()
    supplement = body | {"assessNumber": 2, "satisfaction": 4, "writingEvaluation": "已改正"}
    answer = await post(site, key, supplement)
    assert (answer.status_code, answer.json()["duplicate"]) == (201, False)
    [stored] = await site.events(answer.json()["ratingId"])
    assert stored["topic"] == "rating.supplemented:v1"
    assert msgspec.json.decode(stored["state"])["first"] == first["ratingId"]
    repeat = await post(site, key, supplement)
    assert (repeat.status_code, repeat.json()["receipt"]) == (200, answer.json()["receipt"])
    second = await post(site, key, supplement | {"satisfaction": 1})
    assert (second.status_code, second.json()["differs"]) == (409, ["satisfaction"])
    [contested] = await site.events(second.json()["ratingId"])
    assert contested["topic"] == "rating.contested:v1"
    assert msgspec.json.decode(contested["state"])["first"] == answer.json()["ratingId"]
    read = await site.read(key, answer.json()["ratingId"])
    assert (read["kind"], read["first"], read["assessNumber"]) == ("supplement", first["ratingId"], 2)
    assert (await site.read(key, first["ratingId"]))["supplement"] == answer.json()["ratingId"]


async def test_supplement_may_come_before_its_first(site, key):
    """Channels deliver in any order."""
    body = rating(assessNumber=2)
    answer = await post(site, key, body)
    assert answer.status_code == 201
    assert (await post(site, key, body | {"assessNumber": 1})).status_code == 201


async def test_services_of_one_case_are_rated_apart(site, key):
    """The key of a rating is case, service and round."""
    body = rating()
    ratings = [await post(site, key, body | {"serviceNumber": number}) for number in (1, 2, 999)]
    assert [answer.status_code for answer in ratings] == [201, 201, 201]
    assert len({answer.json()["ratingId"] for answer in ratings}) == 3


# --- no case --------------------------------------------------------------------------------------------------------


async def test_source_id_stands_in_for_a_case(site):
    """A call has no case: `X-<client>-<sourceId>`, flagged `noCase`, and the same call twice is one rating."""
    hotline = await site.key("hotline", name="12345")
    body = rating(projectNo=None, sourceId="call-77", pf="6")
    answer = await post(site, hotline, body)
    assert (answer.status_code, answer.json()["flags"]) == (201, ["noCase"])
    read = await site.read(await site.key(), answer.json()["ratingId"])
    assert read["projectNo"] == "X-12345-call-77"
    assert (await post(site, hotline, body)).status_code == 200
    assert (await post(site, hotline, body | {"sourceId": "call-78"})).status_code == 201
    other = await post(site, await site.key("hotline", name="12345-2"), body)
    assert other.status_code == 201


async def test_source_id_beside_a_case_is_kept(site, key):
    """With a case the case is the key; the client's own id is kept as said."""
    answer = await site.rate(key, sourceId="S-1")
    assert answer.json()["flags"] == []
    assert (await site.read(key, answer.json()["ratingId"]))["sourceId"] == "S-1"


@pytest.mark.parametrize("source", ["", "  "])
async def test_empty_source_id_is_none(site, key, source):
    """All calls without a number must not become one case."""
    answer = await site.rate(key, projectNo=None, sourceId=source)
    assert (answer.status_code, faults(answer)) == (422, {("/projectNo", "missing")})


async def test_reading_what_is_not_there(site, key):
    """404 for an unknown id and for the id of something that is no rating; 422 or 404 for what is no id."""
    unknown = await site.client.get("/v1/ratings/8b3c0e0e-3b1a-5a77-8a7c-0d3a5f4d1c11", headers=key)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    service = await site.client.post("/v1/services", json={"projectNo": "S1", "serviceTime": local(now())}, headers=key)
    answer = await site.client.get(f"/v1/ratings/{service.json()['serviceId']}", headers=key)
    assert answer.status_code == 404
    assert (await site.client.get("/v1/ratings/no-uuid", headers=key)).status_code in {404, 422}


# --- linking --------------------------------------------------------------------------------------------------------


async def test_codes_are_linked_as_of_the_time_of_the_rating(site, key):
    """Window within its hall, staff within their department, the hall's area; before they were there, unlinked."""
    answer = await site.rate(key, staffNo="7", taskCode="T-100", deptCode="TAX")
    read = await site.read(key, answer.json()["ratingId"])
    assert read["linked"] is True
    assert read["dimensions"] == {
        "window": "H01/A01", "staff": "TAX/7", "matter": "T-100", "dept": "TAX", "hall": "H01", "area": "370102000000",
    }  # fmt: skip
    early = await site.rate(key, assessTime="2020-01-01 09:00:00")
    read = await site.read(key, early.json()["ratingId"])
    assert (read["linked"], read["dimensions"]["window"], read["day"]) == (False, "H01/A01", "2020-01-01")


async def test_what_the_registry_does_not_know_is_taken_as_sent(site, key):
    """Never refused: kept under the codes as sent, unlinked; an ambiguous window links to none."""
    for codes, window in (({"windowNo": "Z99"}, "H01/Z99"), ({"hallCode": None, "windowNo": "A01"}, "A01")):
        answer = await site.rate(key, **codes)
        assert (answer.status_code, answer.json()["flags"]) == (201, [])
        read = await site.read(key, answer.json()["ratingId"])
        assert (read["linked"], read["dimensions"]["window"], read["windowNo"]) == (False, window, codes["windowNo"])
    unambiguous = await site.rate(key, hallCode=None, windowNo="A01", areaCode="370103000000")
    assert (await site.read(key, unambiguous.json()["ratingId"]))["dimensions"]["window"] == "H02/A01"
    device = await site.rate(key, hallCode=None, windowNo=None, deviceNo="D-1")
    read = await site.read(key, device.json()["ratingId"])
    assert (read["dimensions"]["window"], read["linked"], "windowNo" in read) == ("H01/A02", True, False)


async def test_codes_are_looked_up_when_the_rating_truly_was(site, key):
    """A pad whose clock fell back to 1970 but tells so is linked as of today, and counts to today."""
    headers = key | {"X-Device-Time": "1970-01-01 00:10:00"}
    sent = rating(assessTime="1970-01-01 00:09:00", serviceTime=None)
    answer = (await site.client.post("/v1/ratings", json=sent, headers=headers)).json()
    read = await site.read(key, answer["ratingId"])
    assert (answer["flags"], read["linked"], read["day"]) == ([], True, f"{now().astimezone(SHANGHAI):%Y-%m-%d}")
