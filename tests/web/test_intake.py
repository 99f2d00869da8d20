"""Two laws of ingest: what is the same content, and which day a rating counts to."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from haocha.web import wire
from haocha.web.forms import RatingIn
from haocha.web.rating_intake import _indicators, counted_at, digest

KEY = bytes(32)
SKEW = timedelta(minutes=10)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(str.strip)
CONTENT = {
    "satisfaction": st.integers(1, 5),
    "pf": st.sampled_from("1234567"),
    "projectNo": texts,
    "serviceNumber": st.integers(1, 999),
    "assessNumber": st.sampled_from([1, 2]),
    "evalDetail": st.lists(st.sampled_from(["510", "511", "213", "9"]), min_size=1, max_size=4),
    "writingEvaluation": texts,
    "taskCode": texts,
    "hallCode": texts,
    "windowNo": texts,
    "isAnonymity": st.sampled_from(["1", "2"]),
    "userName": texts,
    "certKey": texts,
    "mobile": texts,
    "sourceId": texts,
}
NEEDED = ("satisfaction", "pf", "projectNo")
EMPTIES = [None, ""]
ratings = st.fixed_dictionaries(
    {name: CONTENT[name] for name in NEEDED},
    optional={name: values for name, values in CONTENT.items() if name not in NEEDED},
)
moments = st.datetimes(
    datetime(2, 1, 2),  # noqa: DTZ001 (the strategy adds the zone)
    datetime(9998, 12, 30),  # noqa: DTZ001
    timezones=st.timezones() | st.just(UTC),
)
now = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def digested(members, order=None):
    """Return the digest of a rating that is sent with these members, in this order."""
    sent = {"assessTime": "2026-11-20 10:00:00"} | members
    body = json.dumps({name: sent[name] for name in order(list(sent))} if order else sent).encode()
    record, faults = wire.decode(body, RatingIn)
    assert faults == []
    return digest(KEY, record, wire.project_no(record.project_no), _indicators(record.eval_detail))


@given(ratings, st.randoms())
def test_order_of_members_does_not_matter(members, chance):
    """JSON objects have no order."""
    assert digested(members) == digested(members, lambda names: chance.sample(names, len(names)))


@given(ratings, st.data())
def test_defaults_and_empties_do_not_matter(members, data):
    """A default that was left out, an empty string, null and an empty list say the same."""
    other = dict(members)
    for name in ("serviceNumber", "assessNumber"):
        if other.get(name) == 1:
            del other[name]
        elif name not in other:
            other[name] = data.draw(st.sampled_from([1, None]))
    for name in CONTENT.keys() - other.keys() - {"serviceNumber", "assessNumber", "evalDetail"}:
        if data.draw(st.booleans()):
            other[name] = data.draw(st.sampled_from(EMPTIES))
    if "evalDetail" not in other:
        other["evalDetail"] = data.draw(st.sampled_from([[], "", None, " , "]))
    assert digested(members) == digested(other)


@given(ratings, st.randoms())
def test_times_sequence_and_ext_do_not_matter(members, chance):
    """A hand re-push has a new time; `ext` is the client's own business. Indicators are a set; a case is normalised."""
    more = {
        "assessTime": "2026-11-20T11:11:11Z",
        "serviceTime": "2026-11-20 01:00:00",
        "deviceSeq": 4,
        "ext": {"try": 2},
    }
    other = members | more | {"projectNo": f" {members['projectNo']}\u3000"}
    if "evalDetail" in members:
        codes = members["evalDetail"] + chance.sample(members["evalDetail"], 1)
        other["evalDetail"] = " ,".join(chance.sample(codes, len(codes)))
    assert digested(members) == digested(other)


@given(ratings, st.data())
def test_anything_else_matters(members, data):
    """Another value of any member, or a member more or less, is another content."""
    name = data.draw(st.sampled_from(sorted(CONTENT.keys() - {"projectNo", "evalDetail"})))
    value = data.draw(CONTENT[name])
    default = 1 if name in {"serviceNumber", "assessNumber"} else None
    same = members.get(name, default) == value
    assert (digested(members) == digested(members | {name: value})) is same


def test_digest_needs_the_key():
    """Nobody outside can tell whether two ratings are the same."""
    record = msgspec.json.decode(b'{"projectNo":"1","satisfaction":5,"pf":"1","assessTime":"-"}', type=RatingIn)
    again = msgspec.json.decode(b'{"projectNo":"1","satisfaction":5,"pf":"1","assessTime":"-"}', type=RatingIn)
    assert digest(KEY, record, "1", ()) != digest(bytes(31) + b"1", again, "1", ())


@given(moments, st.none() | moments, now, st.none() | moments)
def test_every_rating_has_a_day(assess, service, received, sent):
    """Whatever the clocks say there is an answer, and one that is not believed counts to the day of receipt."""
    at, wrong = counted_at(assess, service, received, sent, SKEW)
    if wrong:
        assert at == received
    else:
        assert at <= received + SKEW


@given(
    now, st.timedeltas(timedelta(0), timedelta(days=400)), st.timedeltas(timedelta(days=-4000), timedelta(days=4000))
)
def test_device_that_knows_its_error_is_believed(received, ago, off):
    """However wrong its clock, a device that says what time it has when it sends is placed when it truly was."""
    at, wrong = counted_at(received + off - ago, None, received, received + off, SKEW)
    assert not wrong
    assert abs(at - (received - ago)) <= (abs(off) if abs(off) <= SKEW else timedelta(0))


@given(now, st.timedeltas(timedelta(minutes=-10), timedelta(minutes=10)))
def test_small_error_is_not_corrected(received, off):
    """Within the skew a device's time stands as it is."""
    assess = received - timedelta(hours=3)
    assert counted_at(assess, None, received, received + off, SKEW) == (assess, False)
