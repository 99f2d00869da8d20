"""The national code tables as the software uses them."""

from collections import Counter

from haocha.domain import codes


def test_levels_run_from_five_to_one():
    """5 非常满意 … 1 非常不满意; the lowest two are 差评."""
    assert [codes.LEVELS[level] for level in (5, 4, 3, 2, 1)] == [
        "非常满意",
        "满意",
        "基本满意",
        "不满意",
        "非常不满意",
    ]
    assert {1, 2} == codes.BAD_LEVELS


def test_channels():
    """Channels `pf` are "1" to "7"."""
    assert sorted(codes.CHANNELS) == ["1", "2", "3", "4", "5", "6", "7"]


def test_current_indicators_are_eight_of_each_level():
    """The list in use since 2020-08."""
    assert Counter(codes.INDICATORS[code][0] for code in codes.CURRENT_INDICATORS) == dict.fromkeys(range(1, 6), 8)
    assert codes.INDICATORS["213"] == (2, "窗口人员业务不熟练")


def test_retired_indicators_stay_readable():
    """A code that was sent years ago still has its level and name."""
    retired = codes.INDICATORS.keys() - codes.CURRENT_INDICATORS
    assert {"501", "401", "301", "201", "101"} <= retired
    assert all(codes.INDICATORS[code][1] for code in retired)


def test_first_digit_of_an_indicator_is_its_level():
    """No code of the tables contradicts itself."""
    assert all(int(code[0]) == level for code, (level, _) in codes.INDICATORS.items())
