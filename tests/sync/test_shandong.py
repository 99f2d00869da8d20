"""The Shandong dialect: what it writes, what it need not send, and which options it refuses."""

import subprocess
import sys
from datetime import timedelta

import pytest

from haocha.sync.dialect import Item, Outcome, dialect_of
from tests.sync.shandong_items import (
    AT,
    NAMED,
    NOW,
    PUBLIC,
    RATING,
    SERVED,
    TASK,
    peer,
    rating,
    service,
    supplement,
    wire,
)


def written(one: Item, **members) -> dict[str, str]:
    """Return the record that goes into the array."""
    dialect = dialect_of(peer(**members))
    return dialect._written(dialect.operation(one), one.values)


def checked(one: Item, **members) -> Outcome | None:
    """Return what is known of an item before it is sent."""
    return dialect_of(peer(**members)).check(one, NOW)


def test_service_record_is_written_by_the_platforms_names():
    """Every member that is known, with the case's prefix, the composed orgcode and one certificate."""
    assert written(service()) == {
        "areaCode": "990182000000",
        "deptCode": "11990100000000001A",
        "orgcode": "990182000000_11990100000000001A",
        "orgName": "虚市场监管局",
        "deptName": "虚市场监管局",
        "proDepart": "虚市场监管局",
        "taskType": "01",
        "taskCode": TASK,
        "taskName": "个体工商户设立登记",
        "projectNo": "3799000001",
        "projectType": "1",
        "proManager": "甲某",
        "mobile": "19900000001",
        "userName": "虚拟人",
        "userProp": "1",
        "userPageType": "111",
        "serviceName": "窗口受理",
        "serviceTime": wire(SERVED),
        "acceptDate": "2026-11-19 09:00:00",
        "promiseDay": "5",
        "promiseType": "1",
        "proChannel": "2",
        "promiseTime": "1",
        "dataSource": "165",
        "proStatus": "2",
        "serviceNumber": "2",
        "certKey": "99010019000101001X",
    }


def test_named_rating_is_written_in_the_online_form():
    """Who rates by phone or browser and says who they are goes by the form that has their certificate."""
    assert written(rating()) == {
        "projectNo": "3799000001",
        "serviceNumber": "2",
        "assessNumber": "1",
        "satisfaction": "2",
        "pf": "2",
        "evalDetail": "208,213",
        "writingEvaluation": "材料清单不全，让我跑了两趟",
        "assessTime": wire(AT),
        "deptCode": "11990100000000001A",
        "proDepart": "虚市场监管局",
        "taskCode": TASK,
        "taskName": "个体工商户设立登记",
        "proStatus": "2",
        "certKey": "99010019000101001X",
        "userName": "虚拟人",
        "userProp": "1",
        "userPageType": "111",
        "promisetime": "1",
        "acceptDate": "2026-11-19 09:00:00",
        "dataSource": "165",
    }


OFFLINE = {
    "projectNo": "3799000001",
    "serviceNumber": "2",
    "satisfaction": "2",
    "pf": "4",
    "evalDetail": "208,213",
    "writingEvaluation": "材料清单不全，让我跑了两趟",
    "assessTime": wire(AT),
    "taskType": "01",
}


def test_rating_of_a_hall_is_written_in_the_short_form():
    """A pad's rating goes by the short form, with the name where it is known."""
    assert written(rating(pf="4")) == OFFLINE | {"name": "虚拟人"}


@pytest.mark.parametrize("values", [RATING, NAMED | {"isAnonymity": "1"}], ids=["unknown", "anonymous"])
def test_rating_without_a_name_is_written_in_the_short_form(values):
    """Anonymous, or nobody knows who: the short form, and nothing in it says who."""
    assert written(rating(values)) == OFFLINE | {"pf": "2"}


@pytest.mark.parametrize("number", ["99000001", "3799000001"])
def test_prefix_of_the_case_number_is_written_once(number):
    """Some systems bring the platform's prefix along; both are the same case there."""
    assert written(service(projectNo=number))["projectNo"] == "3799000001"
    assert written(rating(projectNo=number))["projectNo"] == "3799000001"
    assert written(rating(projectNo=number), project_prefix="")["projectNo"] == number


def test_merged_districts_go_by_their_new_code():
    """The longest beginning counts, and orgcode follows."""
    found = written(service(), districts={"9901": "9902", "990182": "990112"})
    assert found["areaCode"] == "990112000000"
    assert found["orgcode"] == "990112000000_11990100000000001A"


@pytest.mark.parametrize("item_code", [None, TASK + "07"])
def test_task_code_of_33_digits_is_split(item_code):
    """A 业务办理项 given as the task code is both, as the platform has it."""
    found = written(service(taskCode=TASK + "07", taskHandleItem=item_code))
    assert (found["taskCode"], found["taskHandleItem"]) == (TASK, TASK + "07")


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"proChannel": "1"}, "certKey"),
        ({"proChannel": "1", "certkeyGOV": "99"}, "certKey"),
        ({"certkeyGOV": "99"}, "certkeyGOV"),
        ({"certkeyGOV": "99", "certKey": None}, "certkeyGOV"),
        ({"certkeyGOV": "99", "certKey": None, "proChannel": "1"}, "certkeyGOV"),
    ],
)
def test_certificate_goes_by_one_name(changed, name):
    """Online applicants have a certKey, offline ones a certkeyGOV; never both."""
    assert {"certKey", "certkeyGOV"} & set(written(service(**changed))) == {name}


def test_kinds_of_matters_that_the_platform_does_not_tell_apart_are_99():
    """Only seven kinds have a code of their own there."""
    assert written(service(taskType="20"))["taskType"] == "20"
    assert written(service(taskType="03"))["taskType"] == "99"


def test_count_may_stand_in_the_case_status():
    """Where a platform knows its clients' habit, proStatus says which service of the case it was."""
    found = written(service(), count_in="proStatus")
    assert found["proStatus"] == "2"
    assert "serviceNumber" not in found


def test_missing_members_are_named_all_at_once():
    """A service record without what the platform requires is not sent; its members are named as they are there."""
    found = checked(service(mobile=None, projectType="", deptCode=None, certKey=None))
    assert found.verdict == "invalid"
    assert all(f"{name} 缺少必填项" in found.words for name in ("mobile", "projectType", "orgcode", "certkeyGOV"))


@pytest.mark.parametrize(
    "changed",
    [
        {"taskCode": "123"},
        {"userProp": "8"},
        {"userPageType": "31"},
        {"proStatus": "收件"},
        {"acceptDate": "yesterday"},
    ],
)
def test_values_without_a_form_are_named(changed):
    """A code that the platform does not have is not sent and not guessed."""
    (name,) = changed
    found = checked(service(**changed))
    assert found.verdict == "invalid"
    assert found.words.startswith(f"{name} ")


def test_what_is_complete_is_sent():
    """Nothing is said of what can be sent."""
    assert checked(service()) is None
    assert checked(rating()) is None
    assert checked(rating(RATING)) is None
    assert checked(supplement()) is None


@pytest.mark.parametrize("one", [service, rating])
def test_self_built_matters_are_not_reported(one):
    """自建事项 are known by the zeros in their code; a peer may take them, too."""
    found = one(taskCode="11990100MB0000000100000000678A")
    assert checked(found).verdict == "notReportable"
    assert checked(one(taskCode=TASK.replace("MB", "00")), self_built="") is None


def test_rating_without_a_case_is_not_reported():
    """No operation takes it."""
    assert checked(rating(noCase=True)).verdict == "notReportable"
    assert not dialect_of(peer()).no_case


def test_anonymous_supplement_is_not_reported():
    """The short form has no number of the rating: sent by it, a 追评 would pass for a first rating."""
    assert checked(supplement(isAnonymity="1")).verdict == "notReportable"
    assert dialect_of(peer()).operation(supplement(pf="4")) == "online"


def test_rating_before_its_service_is_refused_in_our_words():
    """The platform refuses it, so it is not sent, and nothing is shifted."""
    early = rating(assessTime=SERVED - timedelta(minutes=2, seconds=5))
    found = checked(early, adjust=2)
    assert found.verdict == "invalid"
    assert "2 分 5 秒" in found.words
    assert checked(rating(assessTime=SERVED)) is None


def test_rating_a_little_before_its_service_is_raised_where_the_peer_permits():
    """Up to the permitted adjustment the time of the service is sent."""
    early = rating(assessTime=SERVED - timedelta(minutes=2))
    assert checked(early, adjust=2) is None
    assert written(early, adjust=2)["assessTime"] == wire(SERVED)


def test_parts_of_a_second_are_no_difference():
    """The wire has whole seconds: a rating in the second of its service is not early."""
    assert checked(rating(assessTime=SERVED, serviceTime=SERVED + timedelta(milliseconds=900))) is None


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"app_mark": ""}, "app_mark"),
        ({"tenency": "99"}, "tenency"),
        ({"cipher_order": "C3C2C1"}, "cipher_order"),
        ({"cipher_04": "no"}, "cipher_04"),
        ({"count_in": "projectNo"}, "count_in"),
        ({"secrets": {"public_key": PUBLIC}}, "app_word"),
        ({"secrets": {"app_word": "x"}}, "public_key"),
        ({"secrets": {"app_word": "x", "public_key": "04ff"}}, "public key"),
        ({"secrets": {"app_word": "x", "public_key": PUBLIC, "private_key": "?"}}, "private key"),
    ],
)
def test_wrong_options_are_named(members, why):
    """What cannot work is said when the settings are read."""
    with pytest.raises(ValueError, match=why):
        dialect_of(peer(**members))


WITHOUT = """
import sys
sys.modules["ecdsa"] = None  # as if it were not installed
from haocha.peers import Peer
from haocha.sync.dialect import dialect_of
secrets = {"app_word": "x", "public_key": "04" + "01" * 64}
try:
    dialect_of(Peer(name="province", dialect="shandong", url="", options={"app_mark": "x"}, secrets=secrets))
except ValueError as error:
    print(error)
"""


def test_missing_extra_is_a_fault_of_the_settings():
    """Without the extra the peer is refused when the settings are read, with the command that mends it."""
    said = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True).stdout
    assert "pip install 'haocha[sm2]'" in said
