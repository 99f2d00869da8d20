"""What is refused, with code and pointer, all of it at once: only what the sender can mend and the log cannot hold."""

import pytest

from tests import people
from tests.web.running import faults, rating, service

LONG = "长"
MISSING = object()
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
async def pad(site):
    """Return a key of a client that can ask the citizen why."""
    return await site.key("pad")


def with_member(name, value):
    """Return a rating with one member changed, or left out."""
    body = rating()
    body.pop(name, None)
    return body if value is MISSING else body | {name: value}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("projectNo", MISSING, "missing"),
        ("projectNo", "", "missing"),
        ("projectNo", " \u3000 ", "missing"),
        ("projectNo", None, "missing"),
        ("projectNo", 7, "type"),
        ("projectNo", "9" * 51, "too_long"),
        ("serviceNumber", 0, "range"),
        ("serviceNumber", 1000, "range"),
        ("serviceNumber", "1", "type"),
        ("serviceNumber", 1.5, "type"),
        ("serviceNumber", True, "type"),
        ("assessNumber", 0, "form"),
        ("assessNumber", 3, "form"),
        ("assessNumber", "2", "type"),
        ("satisfaction", MISSING, "missing"),
        ("satisfaction", None, "missing"),
        ("satisfaction", 0, "range"),
        ("satisfaction", 6, "range"),
        ("satisfaction", -1, "range"),
        ("satisfaction", 10**30, "range"),
        ("satisfaction", "5", "type"),
        ("satisfaction", 4.5, "type"),
        ("satisfaction", [5], "type"),
        ("pf", MISSING, "missing"),
        ("pf", "0", "form"),
        ("pf", "8", "form"),
        ("pf", "", "missing"),
        ("pf", 4, "type"),
        ("assessTime", MISSING, "missing"),
        ("assessTime", "", "missing"),
        ("assessTime", "yesterday", "form"),
        ("assessTime", "2026-02-30 10:00:00", "form"),
        ("assessTime", "2026-11-20 25:00:00", "form"),
        ("assessTime", "2026-11-20T10:00:00", "form"),
        ("assessTime", "2026/11/20 10:00:00", "form"),
        ("assessTime", "20261120100000", "form"),
        ("assessTime", "２０２６-11-20 10:00:00", "form"),
        ("assessTime", 1763600000, "type"),
        ("serviceTime", "20:00", "form"),
        ("areaCode", "37010200000", "form"),
        ("areaCode", "3701020000000", "too_long"),
        ("areaCode", "37010200000x", "form"),
        ("areaCode", "３７０１０２００００００", "form"),
        ("areaCode", 370102000000, "type"),
        ("deptCode", "d" * 51, "too_long"),
        ("hallCode", "h" * 51, "too_long"),
        ("windowNo", "w" * 51, "too_long"),
        ("windowNo", 1, "type"),
        ("staffNo", "s" * 51, "too_long"),
        ("deviceNo", "d" * 51, "too_long"),
        ("sourceId", "s" * 51, "too_long"),
        ("userProp", "1" * 51, "too_long"),
        ("certKey", "1" * 51, "too_long"),
        ("mobile", "1" * 51, "too_long"),
        ("deviceSeq", -1, "range"),
        ("deviceSeq", "1", "type"),
        ("deptName", LONG * 201, "too_long"),
        ("taskName", LONG * 201, "too_long"),
        ("userName", LONG * 201, "too_long"),
        ("isAnonymity", "3", "form"),
        ("isAnonymity", 1, "type"),
        ("evalDetail", 510, "type"),
        ("evalDetail", [510], "type"),
        ("evalDetail", ["x" * 51], "too_long"),
        ("evalDetail", "510," + "x" * 51, "too_long"),
        ("writingEvaluation", LONG * 501, "too_long"),
        ("writingEvaluation", 5, "type"),
        ("writingEvaluation", "null\u0000byte", "control_character"),
        ("writingEvaluation", "bell\u0007", "control_character"),
        ("writingEvaluation", "escape\u001b[0m", "control_character"),
        ("windowNo", "A\u000001", "control_character"),
        ("evalDetail", ["51\u00010"], "control_character"),
        ("projectNo", "P\u0000", "control_character"),
        ("ext", {"note": "nul\u0000"}, "control_character"),
        ("ext", {"nul\u0000": "name"}, "control_character"),
        ("ext", {"note": "x" * 4096}, "too_long"),
        ("ext", [[[[[[[[[1]]]]]]]]], "too_deep"),
    ],
)
async def test_member_that_is_not_of_its_form(site, pad, name, value, code):
    """422, with the pointer to the member and a stable code; nothing goes into the log."""
    before = await site.count()
    answer = await site.client.post("/v1/ratings", json=with_member(name, value), headers=pad)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert faults(answer) == {(f"/{name}", code)}
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (422, "invalid", "urn:haocha:problem:invalid")
    assert all("\u4e00" <= fault["message"][-2] <= "\u9fff" or "。" in fault["message"] for fault in body["errors"])
    assert before == await site.count()


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("satisfacton", "/satisfacton"),
        ("a/b", "/a~1b"),
        ("a~b", "/a~0b"),
        ("~1", "/~01"),
        ("", "/"),
        ("project_no", "/project_no"),
        ("sentAt", "/sentAt"),
    ],
)
async def test_unknown_member_is_refused_by_name(site, pad, name, pointer):
    """A typo must not lose data; the pointer is escaped as RFC 6901 says."""
    answer = await site.rate(pad, **{name: "1"})
    assert (answer.status_code, faults(answer)) == (422, {(pointer, "unknown_field")})


async def test_all_faults_at_once(site, pad):
    """Nobody mends a form one field at a time."""
    body = {
        "satisfaction": 9,
        "pf": 4,
        "areaCode": "1",
        "serviceTime": "soon",
        "writingEvaluation": LONG * 501,
        "isAnonymity": "0",
        "tag~s/": "1",
    }
    answer = await site.client.post("/v1/ratings", json=body, headers=pad)
    assert answer.status_code == 422
    assert faults(answer) == {
        ("/projectNo", "missing"),
        ("/assessTime", "missing"),
        ("/satisfaction", "range"),
        ("/pf", "type"),
        ("/areaCode", "form"),
        ("/serviceTime", "form"),
        ("/writingEvaluation", "too_long"),
        ("/isAnonymity", "form"),
        ("/tag~0s~1", "unknown_field"),
    }
    assert "9" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("satisfaction", "detail", "pointers"),
    [
        (5, ["213"], ["/evalDetail/0"]),
        (5, ["510", "213"], ["/evalDetail/1"]),
        (5, "510,108", ["/evalDetail"]),
        (1, ["108", "510", "406"], ["/evalDetail/1", "/evalDetail/2"]),
        (2, ["101"], ["/evalDetail/0"]),  # retired, and of level 1
    ],
)
async def test_indicator_of_another_level_is_refused(site, pad, satisfaction, detail, pointers):
    """A code that means another level, current or retired, is a contradiction that only the sender can solve."""
    answer = await site.rate(pad, satisfaction=satisfaction, evalDetail=detail)
    assert answer.status_code == 422
    assert faults(answer) == {(pointer, "indicator_level") for pointer in pointers}


@pytest.mark.parametrize("kind", ["pad", "web", "mobile", "terminal"])
@pytest.mark.parametrize("pf", ["1", "2", "3", "4", "5"])
@pytest.mark.parametrize("satisfaction", [1, 2])
async def test_bad_rating_without_reason_is_refused_where_the_client_can_ask(site, kind, pf, satisfaction):
    """差评 on pf 1–5 from a client that can ask: an indicator or a text is needed; spaces are no text."""
    key = await site.key(kind)
    answer = await site.rate(key, satisfaction=satisfaction, pf=pf, writingEvaluation=" \n", evalDetail=[])
    assert (answer.status_code, faults(answer)) == (422, {("/evalDetail", "reason_required")})
    assert (await site.rate(key, satisfaction=satisfaction, pf=pf, writingEvaluation="等太久")).status_code == 201
    detail = {1: "108", 2: "213"}[satisfaction]
    assert (await site.rate(key, satisfaction=satisfaction, pf=pf, evalDetail=detail)).status_code == 201


async def test_text_that_is_too_long_is_a_reason_all_the_same(site, pad):
    """Only what is wrong is named: the citizen did write something."""
    answer = await site.rate(pad, satisfaction=1, writingEvaluation=LONG * 501)
    assert faults(answer) == {("/writingEvaluation", "too_long")}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nothing",
        b'{"satisfaction": 5,}',
        b"\xff\xfe",
        b'{"projectNo": "\xff"}',
        b'{"projectNo": "\\ud800"}',
        b'{"ext": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"projectNo": "raw\x01"}',
    ],
)
async def test_body_that_is_not_json_is_malformed(site, pad, body):
    """A single body that is not JSON is `400` `malformed`."""
    answer = await site.client.post("/v1/ratings", content=body, headers=pad | {"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", ["[]", "5", "null", '"text"', "1e999", "1" * 5000])
async def test_json_that_is_no_object_is_refused(site, pad, body):
    """JSON, but no rating: a fault of the whole body."""
    answer = await site.client.post("/v1/ratings", content=body, headers=pad | {"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["errors"][0]["pointer"] == ""


async def test_large_body_is_refused(site, pad):
    """413 beyond 64 kB for one record and 8 MB for a batch, before anything is decoded."""
    answer = await site.rate(pad, taskCode="1" * 70_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    for content in (b" " * (8 * 1024 * 1024 + 1), b" " * (12 * 1024 * 1024)):
        answer = await site.client.post(
            "/v1/ratings/batch", content=content, headers=pad | {"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def large_form(pieces):
    """Send a form piece by piece, without saying how long it is."""
    for _ in range(pieces):
        yield b"a=1&" * 16 * 1024


@pytest.mark.parametrize("path", ["/v1/ratings/batch", "/v1/evidence", "/tickets/new", "/desk/bulk", "/login", "/none"])
@pytest.mark.parametrize("kind", [FORM, FORM.title() + " ; charset=utf-8"])
async def test_large_form_is_refused_on_every_route(site, path, kind):
    """413 beyond 256 kB before it is read, whoever sends it and wherever."""
    answer = await site.client.post(path, content=b"a=1&" * 65 * 1024, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "256 kB" in answer.json()["detail"]


@pytest.mark.parametrize(("pieces", "status"), [(3, 403), (5, 413)])
async def test_large_form_without_its_length_is_refused(site, pieces, status):
    """It is counted while it comes; a smaller one is read, and refused for what it says."""
    headers = (await people.make(site.pool)).headers | {"Content-Type": FORM}
    answer = await site.client.post("/desk/bulk", content=large_form(pieces), headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("path", ["/v1/ratings", "/v1/services", "/v1/ratings/batch", "/v1/services/batch"])
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
async def test_other_media_types_are_refused(site, pad, path, kind):
    """415 names what is taken instead."""
    answer = await site.client.post(path, content=b"{}", headers=pad | {"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("sent", ["now", "2026-13-01 00:00:00", "2026-11-20T10:00:00"])
async def test_device_clock_that_cannot_be_read_is_refused(site, pad, sent):
    """`X-Device-Time` and `sentAt` are times too; a clock that cannot be read must not be taken for none."""
    body = rating()
    answer = await site.client.post("/v1/ratings", json=body, headers=pad | {"X-Device-Time": sent})
    assert (answer.status_code, faults(answer)) == (422, {("", "form")})
    answer = await site.client.post("/v1/ratings/batch", json={"ratings": [body], "sentAt": sent}, headers=pad)
    assert (answer.status_code, faults(answer)) == (422, {("/sentAt", "form")})


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("projectNo", None, "missing"),
        ("projectNo", "", "missing"),
        ("projectNo", "9" * 51, "too_long"),
        ("serviceTime", None, "missing"),
        ("serviceTime", "0001-13-01 00:00:00", "form"),
        ("serviceNumber", 1000, "range"),
        ("acceptDate", "soon", "form"),
        ("resultDate", "2026-11-20", "form"),
        ("promiseDay", -1, "range"),
        ("promiseDay", "5", "type"),
        ("orgName", LONG * 201, "too_long"),
        ("proStatus", 3, "type"),
        ("certkeyGov", "1", "unknown_field"),
        ("handleUserName", LONG * 201, "too_long"),
        ("projectName", "换\u0000行", "control_character"),
        ("ext", {"x": "y" * 5000}, "too_long"),
    ],
)
async def test_service_record_that_is_not_of_its_form(site, pad, name, value, code):
    """Service records are held to the same rules."""
    answer = await site.client.post("/v1/services", json=service(**{name: value}), headers=pad)
    assert (answer.status_code, faults(answer)) == (422, {(f"/{name}", code)})


async def test_lengths_of_matter_codes_are_not_checked(site, pad):
    """`taskCode` has 31 or 33 characters in one province and others elsewhere: no length is refused."""
    answer = await site.rate(pad, taskCode="T" * 400, taskHandleItem="I" * 400)
    assert answer.status_code == 201
    read = await site.read(pad, answer.json()["ratingId"])
    assert (read["taskCode"], read["taskHandleItem"]) == ("T" * 400, "I" * 400)
