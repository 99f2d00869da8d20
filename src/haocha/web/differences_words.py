"""What differences with a platform are called (对账差异), and what can be done about each."""

from typing import Final

from haocha.store.differences import Difference

FOUND: Final = {"missing": "平台缺失", "altered": "内容不一致", "extra": "平台多出", "doubled": "平台重复"}
ADVICE: Final = {
    "missing": "平台收下过，现在查不到。重新报送即可补上；平台单独接收服务记录的，服务记录先报。",
    "altered": "平台上的内容与报送的不同。可以再报一次，但平台多半认作重复而不改；请凭办件编号与平台核对，由平台更正。",
    "extra": "平台上有，本系统没有送达的记录。本系统不能替平台删除，请与平台核对来历。",
    "doubled": "平台上同一条有两份以上。请平台核对后删去多余的。",
}
STATES: Final = {"open": "待处理", "resent": "已重新报送", "settled": "已一致"}
SOURCES: Final = {"listing": "平台清单", "file": "平台导出的文件"}
HERE: Final = {"": "本系统没有这一条", "dead": "本系统为死信", "notReportable": "本系统列为不报送"}
KINDS: Final = {"rating": "评价", "supplement": "追评"}


def kind(difference: Difference) -> str:
    """Name what the record is."""
    return KINDS.get(difference.key.partition("|")[0], "")


def service_number(difference: Difference) -> int:
    """Return which service of the case it is about."""
    last = difference.key.rpartition("|")[2]
    return int(last) if last.isdecimal() else 1
