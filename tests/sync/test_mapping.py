"""Declared mappings."""

from datetime import UTC, datetime

import pytest

from haocha.sync.mapping import Fault, Faults, Field, Mapping, Unmappable, coded, compact, constant, csv, local, moment

MAPPING = Mapping(
    (
        Field("areaCode", "areaCode", required=True, longest=12),
        Field("alternate", "satisfaction", required=True),
        Field("channel", "pf", form=coded({"1": "PC", "4": "PAD"})),
        Field("tags", "evalDetail", form=csv),
        Field("time", "assessTime", form=local),
        Field("source", constant("165")),
    )
)


def test_values_are_written_under_their_names_there_and_in_their_forms():
    """What is not known and not required is left out."""
    values = {"areaCode": "990101000000", "satisfaction": 1, "pf": "4", "evalDetail": ("110", "115")}
    assert MAPPING.write(values | {"assessTime": datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)}) == {
        "areaCode": "990101000000",
        "alternate": "1",
        "channel": "PAD",
        "tags": "110,115",
        "time": "2026-11-20 09:02:03",
        "source": "165",
    }
    assert MAPPING.write({"areaCode": "99", "satisfaction": 5, "evalDetail": ()}) == {
        "areaCode": "99",
        "alternate": "5",
        "source": "165",
    }


def test_everything_that_keeps_an_item_from_being_sent_is_named_at_once():
    """By the platform's own names."""
    with pytest.raises(Faults) as caught:
        MAPPING.write({"areaCode": "9" * 13, "pf": "6"})
    assert caught.value.faults == (
        Fault("areaCode", "超过 12 个字符"),
        Fault("alternate", "缺少必填项"),
        Fault("channel", "没有对应的代码（6）"),
    )
    assert str(caught.value) == "areaCode 超过 12 个字符；alternate 缺少必填项；channel 没有对应的代码（6）"


@pytest.mark.parametrize("text", ["yesterday", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+14:00"])
def test_text_that_is_no_time_in_shanghai_is_a_fault(text):
    """Also where the calendar ends."""
    with pytest.raises(Unmappable):
        moment(text)


def test_compact_times_are_of_shanghai():
    """Envelopes have times without separators."""
    assert compact(datetime(2026, 12, 31, 16, tzinfo=UTC)) == "20270101000000"
