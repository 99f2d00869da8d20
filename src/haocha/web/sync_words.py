"""What the states, kinds and alarms of reporting are called (省平台对接), and how long things take in words."""

from datetime import timedelta
from typing import Final, assert_never

from haocha.domain.codes import LEVELS
from haocha.sync.alarms import Alarm
from haocha.web import pages

STATES: Final = {
    "dead": "死信",
    "noService": "缺服务记录",
    "waiting": "待发送",
    "held": "等前序",
    "accepted": "已送达",
    "notReportable": "不报送",
    "local": "随评价报送",
}
MEANINGS: Final = {
    "dead": "平台拒收，或者缺少平台必填的内容。改正原因之后可以重发。",
    "noService": "服务记录在规定时间内没有到，评价先搁在这里，不挡后面的；服务记录一到就自动发送。",
    "waiting": "排队发送，从最早的开始，新到的也不等积压发完。",
    "held": "等同一办件前面的一条先送达：评价等服务记录，追评和工单等评价。",
    "accepted": "平台已经收下；“平台已有”表示它早先就收下了。",
    "notReportable": "平台没有接收这类记录的接口，只计数，不发送。",
    "local": "平台没有单独的服务记录接口，服务内容随评价一起报送。",
}
KINDS: Final = {
    "service": "服务记录",
    "rating": "评价",
    "supplement": "追评",
    "contested": "争议评价",
    "decision": "采纳与否",
    "ticket": "工单办理",
}
LINES: Final = {str(level): name for level, name in LEVELS.items()} | {"0": "服务记录", "other": "争议与工单"}
DIALECTS: Final = {"shandong": "山东型", "fujian": "福建型", "zhejiang": "浙江型", "haocha": "好差评级联"}
ALARMS: Final = {
    "late": "低分不得晚报",
    "waiting": "低分不得晚报",
    "dead": "死信",
    "breaker": "暂停发送",
    "silent": "没有发送",
    "unheard": "没有应答",
    "differences": "对账差异",
}
GRAVE: Final = frozenset({"late", "waiting", "silent", "breaker"})


def span(time: timedelta | float) -> str:
    """Say how long something takes or took, in at most two units."""
    seconds = round(time.total_seconds() if isinstance(time, timedelta) else time)
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3_600, seconds % 3_600 // 60
    if days:
        return f"{days} 天 {hours} 小时" if hours else f"{days} 天"
    if hours:
        return f"{hours} 小时 {minutes} 分" if minutes else f"{hours} 小时"
    if minutes:
        rest = seconds % 60
        return f"{minutes} 分 {rest} 秒" if rest else f"{minutes} 分钟"
    return f"{seconds} 秒" if seconds else "不到 1 秒"


def pace(rate: float) -> str:
    """Say how many reports go a second, or a minute where they are few."""
    return f"{rate:.1f} 条/秒" if rate >= 1 else f"{rate * 60:.1f} 条/分" if rate else "0 条/秒"


def awaited(key: str) -> str:
    """Name what is waited for by its key, such as `service|projectNo|serviceNumber`."""
    kind, _, rest = key.partition("|")
    return f"第 {rest.rpartition('|')[2]} 次服务的{'服务记录' if kind == 'service' else '首次评价'}"


def mark(alarm: Alarm) -> str:
    """Name an alarm; the one about levels speaks of bad ratings only where it is one."""
    if alarm.kind in {"late", "waiting"} and alarm.line not in {"1", "2"}:
        return "等级间不一致"
    return ALARMS[alarm.kind]


def sentence(alarm: Alarm) -> str:
    """Say what is wrong, with the numbers it was found by."""
    others = f"其他等级最久 {span(alarm.others)}" if alarm.others else "其他等级没有积压"
    level = f"“{LINES[alarm.line]}”" if alarm.line else ""
    match alarm.kind:
        case "late":
            said = (
                f"{level}送达偏慢：24 小时内 99% 在 {span(alarm.seconds)} 内送达，其他等级是 {span(alarm.others)}"
                "（超过其他等级两倍再加 1 分钟即告警）。"
            )
        case "waiting":
            said = f"{level}积压偏久：最早一条已等 {span(alarm.seconds)}，{others}（超过两倍再加 10 分钟即告警）。"
        case "dead":
            said = f"有 {alarm.n:,} 条死信：平台拒收，或者不能发送。原因列在下面，改正后重发。"
        case "breaker":
            until = pages.hours(alarm.at) if alarm.at else ""
            said = f"平台连续 {alarm.n} 次没有正常应答，暂停到 {until}，到时先试一条；记录都在队列里，不会丢。"
        case "silent":
            since = f"发送进程已 {span(alarm.seconds)} 没有动静" if alarm.at else "发送进程还没有运行过"
            said = f"{since}。请管理员检查工作进程（haocha work）是否在运行、sync.toml 是否写着这个平台。"
        case "unheard":
            since = f"已 {span(alarm.seconds)} 没有应答" if alarm.at else "从来没有应答过"
            said = f"平台{since}，队列里有记录等着发送。"
        case "differences":
            said = f"最近一次对账有 {alarm.n:,} 处与平台不一致。"
        case _:
            assert_never(alarm.kind)
    return said
