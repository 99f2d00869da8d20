"""The timeline: every kind of event in words, working time, rules, and what is left where a text was erased."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.policy import DEFAULT
from haocha.domain.rating import TextReference
from haocha.domain.registry import Registry
from haocha.domain.ticket_events import Actor, Evidence, Snapshot
from haocha.domain.workdays import Limit
from haocha.store.log import Recorded
from haocha.web import timeline, words
from haocha.web.timeline import Names, There

AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
TICKET = UUID(int=7)
NAMES = Names(Registry(), {"li": "李明", "quiet": ""}, DEFAULT)
FILES = frozenset({"0" * 64})
BY = Actor(account="li", unit="TAX", role="handler")


def text(number: int = 1) -> TextReference:
    """Refer to a text."""
    return TextReference(UUID(int=number), 4, "00")


def told(event_class, texts=None, ended=None, names=NAMES, **members):
    """Tell one event."""
    event = event_class(originator_id=TICKET, originator_version=2, at=AT, **members)
    recorded = Recorded(5, TICKET, 2, event.TOPIC, event, AT)
    (entry,) = timeline.entries([recorded], {2: ended} if ended else {}, There(texts or {}, FILES), names)
    return entry


SNAPSHOT = Snapshot(day=AT.date(), satisfaction=1)
PHOTO = Evidence(digest="0" * 64, media_type="image/png", size=9, caption=text(9))
CASES = [
    (events.Accepted, {}, ""),
    (events.Approved, {}, ""),
    (events.Dispatched, {"unit": "TAX"}, "派给TAX"),
    (events.Transferred, {"previous": "TAX", "unit": "HR", "reason": text()}, "由TAX改派HR"),
    (events.Transferred, {"previous": "TAX", "reason": text()}, "TAX退回待分派"),
    (events.Joined, {"source": "supplement", "source_id": "x", "snapshot": SNAPSHOT}, "追评 · 非常不满意"),
    (
        events.Contacted,
        {"purpose": "review", "channel": "phone", "attempt": 2, "reached": False},
        "第 2 次，电话，未联系上",
    ),
    (
        events.Reviewed,
        {
            "verdict": "partly",
            "ground": "delay",
            "difficulty": "difficult",
            "disposition": "explain",
            "finding": text(),
        },
        "部分属实 · 办理超时 · 疑难 · 解释说明",
    ),
    (events.AppealLodged, {"ground": "malicious", "reason": text()}, "恶意"),
    (
        events.AppealLodged,
        {"ground": "mistaken", "reason": text(), "clock_stops": True},
        "误评，申诉期间时限暂停",
    ),
    (events.AppealDecided, {"upheld": True, "reason": text()}, "申诉成立，评价不予采纳"),
    (events.AppealDecided, {"upheld": False, "reason": text()}, "申诉不成立，继续核实"),
    (events.ExtensionRequested, {"stage": "fix", "limit": Limit(5), "reason": text()}, "整改延长 5 个工作日"),
    (events.ExtensionDecided, {"stage": "fix", "granted": False}, "整改：不同意延期"),
    (
        events.FixSubmitted,
        {"round": 2, "measures": text(), "responsible": "li", "evidence": (PHOTO,)},
        "第 2 轮，责任人 李明",
    ),
    (events.Returned, {"to": "fixing", "reason": text()}, "退回整改"),
    (events.VerificationSent, {"channel": "recheck", "attempt": 1}, "第 1 次，现场复查"),
    (
        events.VerificationSent,
        {"channel": "link", "attempt": 1, "expires_at": datetime(2026, 3, 5, 9, tzinfo=UTC)},
        "第 1 次，评价链接，03月05日 17:00 前有效",
    ),
    (events.Verified, {"channel": "call", "result": "unsatisfied", "satisfaction": 2}, "电话回访：不满意"),
    (events.Verified, {"channel": "link", "result": "satisfied", "satisfaction": 5}, "评价链接：满意（非常满意）"),
    (
        events.Reopened,
        {"why": "unsatisfied", "to": "fixing", "round": 1},
        "第 1 次重开：评价人不满意，回到整改",
    ),
    (events.Reminded, {"stage": "fix"}, "整改"),
    (events.Reminded, {"stage": "fix", "rule": "warning:80", "due_at": AT}, "整改时限已用去 80%"),
    (events.Escalated, {"level": "yellow", "rule": "ladder:yellow", "stage": "fix"}, "黄牌：整改超期"),
    (events.Escalated, {"level": "talk", "rule": "ladder:talk", "stage": "fix"}, "约谈：整改超期满 5 个工作日"),
    (
        events.Escalated,
        {"level": "red", "rule": "rounds", "stage": "verification"},
        "红牌督办：重开次数已用完，评价人仍不满意",
    ),
    (events.DueChanged, {"calendar_version": "CN-2"}, "工作日历更新为 CN-2"),
    (events.Merged, {"into": UUID(int=3), "into_number": "2026-3"}, "并入 2026-3"),
    (events.Related, {"other": UUID(int=3), "number": "2026-3"}, "同一人员、同一事项：2026-3"),
    (events.Closed, {"outcome": "unreachable", "follows": 1}, "无法联系"),
    (events.LookedBack, {"draw": "1", "result": "recurred"}, "问题复发"),
    (
        events.Opened,
        {
            "number": "2026-1",
            "source": "complaint",
            "source_id": "x",
            "snapshot": Snapshot(day=AT.date()),
            "policy_version": "default-1",
            "calendar_version": "CN-1",
        },
        "投诉意见",
    ),
]


@pytest.mark.parametrize(("event_class", "members", "gist"), CASES)
def test_every_kind_of_event_has_its_words(event_class, members, gist):
    """One line says what was decided, under the event's own name."""
    entry = told(event_class, by=BY, **members)
    assert entry.gist == gist
    assert entry.title == words.EVENTS[event_class.TOPIC.partition(":")[0].partition(".")[2]]
    assert (entry.who, entry.role) == ("李明", "承办 · TAX")


def test_no_kind_of_event_is_left_out():
    """The table above knows them all."""
    assert {case[0] for case in CASES} == set(events.EVENTS)
    assert {case[0] for case in ELSEWHERE} >= set(levels.EVENTS)


ORDERED = {"peer": "province", "order": UUID(int=5)}
BELOW = {
    "peer": "jining",
    "ticket": "theirs",
    "number": "2026-7",
    "version": 3,
    "happened_at": AT,
    "unit": "JN-7",
    "unit_name": "登记中心",
}
ELSEWHERE = [
    (levels.Overruled, ORDERED | {"verdict": "unsatisfied"}, "不满意", ("上级平台", "province")),
    (
        levels.Overruled,
        ORDERED | {"verdict": "upheld", "dismisses": True},
        "评价有效，申诉不成立",
        ("上级平台", "province"),
    ),
    (events.Reminded, {"stage": "fix", "rule": "above:province"}, "整改", ("上级平台", "province")),
    (
        events.Escalated,
        {"level": "red", "rule": "above:province", "stage": "fix"},
        "红牌督办：上级督办",
        ("上级平台", "province"),
    ),
    (levels.Reported, BELOW | {"event": "accepted", "status": "reviewing"}, "签收", ("登记中心", "jining")),
    (
        levels.Reported,
        BELOW | {"event": "reviewed", "verdict": "partly", "ground": "delay", "disposition": "fix"},
        "核实：部分属实 · 办理超时 · 整改",
        ("登记中心", "jining"),
    ),
    (levels.Reported, BELOW | {"event": "appeal_lodged", "ground": "malicious"}, "申诉：恶意", ("登记中心", "jining")),
    (
        levels.Reported,
        BELOW | {"event": "appeal_decided", "result": "dismissed"},
        "申诉复核：申诉不成立",
        ("登记中心", "jining"),
    ),
    (
        levels.Reported,
        BELOW | {"event": "verified", "result": "satisfied", "satisfaction": 5},
        "回访：满意（非常满意）",
        ("登记中心", "jining"),
    ),
    (levels.Reported, BELOW | {"event": "verified", "result": "satisfied"}, "回访：满意", ("登记中心", "jining")),
    (
        levels.Reported,
        BELOW | {"event": "closed", "outcome": "fixed", "unit": "", "unit_name": ""},
        "办结：已整改",
        ("jining", "jining"),
    ),
]


@pytest.mark.parametrize(("event_class", "members", "gist", "who"), ELSEWHERE)
def test_what_other_levels_did_is_told_as_theirs(event_class, members, gist, who):
    """Who did it there, and which platform says so."""
    entry = told(event_class, **members)
    assert (entry.gist, (entry.who, entry.role)) == (gist, who)


def test_evidence_that_is_kept_below_is_a_link():
    """It is none of the files that are here."""
    entry = told(levels.Reported, **BELOW, event="fix_submitted", evidence=(levels.Link("5f" * 32, "image/png", 3),))
    assert (entry.evidence, len(entry.links)) == ((), 1)


def test_handlers_and_citizens_act_without_a_name():
    """A timer is the system; who judged through the link is the citizen, no more."""
    assert told(events.Reminded, stage="fix").who == "系统"
    citizen = told(events.Verified, by=Actor(role="citizen"), channel="link", result="satisfied")
    assert (citizen.who, citizen.role) == ("评价人", "")


def test_account_without_a_name_is_told_by_its_username():
    """Never an empty place."""
    assert told(events.Accepted, by=Actor(account="quiet")).who == "quiet"
    assert told(events.Accepted, by=Actor(account="gone")).who == "gone"


@pytest.mark.parametrize(
    ("minutes", "said"), [(0, "0 分"), (59, "59 分"), (60, "1 小时"), (200, "3 小时 20 分"), (4_800, "80 小时")]
)
def test_working_time_in_words(minutes, said):
    """Hours and minutes of business time."""
    assert timeline.duration(minutes) == said


def test_event_that_ends_a_stage_tells_how_long_it_took():
    """Only that one: the others carry the minutes so far."""
    assert told(events.Accepted, by=BY, worked=200, ended="acceptance").took == "签收用时 3 小时 20 分（工作时间）"
    assert not told(events.Reminded, by=BY, worked=200, stage="fix").took


def test_texts_stand_under_their_labels_and_erased_ones_keep_their_place():
    """None is an erased text, not an empty one; captions go with their files."""
    members = {"round": 1, "measures": text(1), "responsible": "TAX/7", "evidence": (PHOTO,)}
    entry = told(events.FixSubmitted, {UUID(int=1): "加开窗口", UUID(int=9): "新窗口"}, by=BY, **members)
    assert [(one.label, one.body) for one in entry.writings] == [("整改措施", "加开窗口")]
    assert entry.evidence == ((PHOTO, "新窗口", True),)
    erased = told(events.FixSubmitted, by=BY, **members)
    assert [one.body for one in erased.writings] == [None]
    assert erased.evidence == ((PHOTO, "", True),)


def test_all_texts_of_a_stream_are_asked_for():
    """Members, captions, and what a snapshot holds."""
    snapshot = msgspec.structs.replace(SNAPSHOT, texts={"writingEvaluation": text(4)}, evidence=(PHOTO,))
    joined = events.Joined(
        originator_id=TICKET, originator_version=1, at=AT, source="rating", source_id=str(uuid4()), snapshot=snapshot
    )
    returned = events.Returned(originator_id=TICKET, originator_version=2, at=AT, to="fixing", reason=text(5))
    stream = [Recorded(n, TICKET, n, event.TOPIC, event, AT) for n, event in enumerate((joined, returned), start=1)]
    assert set(timeline.references(stream)) == {UUID(int=4), UUID(int=5), UUID(int=9)}
