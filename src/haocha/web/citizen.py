"""What citizens read about their ticket: sentences for the stages passed, the stage it is in, and how it ended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from haocha.domain.codes import LEVELS
from haocha.domain.ticket_events import Snapshot
from haocha.domain.workdays import SHANGHAI
from haocha.web import words
from haocha.web.context import Context
from haocha.web.progress import Progress, Step

NOW: Final = {
    "awaiting_dispatch": "正在确定由哪个单位办理",
    "awaiting_acceptance": "等待承办单位签收",
    "reviewing": "承办单位正在核实",
    "appealing": "承办单位提出了申诉，由其他单位复核",
    "fixing": "情况已核实，正在整改",
    "approving": "处理结果已提交，等待审核",
    "verifying": "处理结果已通过审核，等您评价",
    "closed": "已办结",
}
OUTCOMES: Final = {
    "fixed": "已整改",
    "explained": "已解释说明",
    "excluded": "经复核不予采纳；记录永远保留，不计入得分",
    "merged": "与另一件工单反映同一问题，已合并办理",
    "unreachable": "多次联系未能得到您的答复，未计为满意",
}
EXCLUSIONS: Final = {"mistaken": "误评", "malicious": "恶意评价", "untrue": "反映的情况不实", "above": "上级平台认定"}
STEPS: Final = {
    "opened": "已开立工单",
    "joined": "同一件事的另一次反映已并入",
    "dispatched": "已派给承办单位",
    "sent_back": "已退回，重新确定承办单位",
    "accepted": "承办单位已签收",
    "reviewed": "已核实",
    "appeal_lodged": "承办单位提出申诉",
    "extended": "整改期限获准延长",
    "fixed": "承办单位已提交整改结果",
    "returned": "审核未通过，退回重新办理",
    "approved": "处理结果已通过审核",
    "closed": "已办结",
}
HOW: Final = {
    ("contacted", "reached"): "已与您取得联系",
    ("contacted", "missed"): "联系您，未能接通",
    ("appeal_decided", "upheld"): "复核结果：申诉成立",
    ("appeal_decided", "dismissed"): "复核结果：申诉不成立，继续办理",
    ("verified", "satisfied"): "您对处理结果表示满意",
    ("verified", "unsatisfied"): "您对处理结果表示不满意",
    ("verified", "informed"): "您已知悉处理结果",
    ("verified", "passed"): "现场复查通过",
    ("verified", "failed"): "现场复查未通过",
    ("reopened", "unsatisfied"): "因您不满意，重新办理",
    ("reopened", "failed"): "复查未通过，重新办理",
    ("reopened", "recurred"): "问题再次出现，重新办理",
    ("reopened", "reinstated"): "恢复采纳您的评价，重新办理",
    ("reopened", "supervised"): "督办单位要求重新办理",
    ("reopened", "overruled"): "上级平台要求重新办理",
    ("reopened", "reported"): "承办地重新办理",
    ("looked_back", "holds"): "回头看：问题没有再出现",
    ("looked_back", "recurred"): "回头看：问题再次出现",
}


class Subject(NamedTuple):
    """What a ticket is about, as its citizen knows it."""

    title: str
    matter: str
    place: str
    day: str
    level: int
    level_name: str


def line(step: Step) -> str:
    """Say a stage passed in a sentence."""
    said = HOW.get((step.step, step.how)) or STEPS.get(step.step, "")
    match step.step:
        case "reviewed":
            return f"{said}：情况{words.VERDICTS[step.how]}"
        case "appeal_lodged":
            return f"{said}（{words.APPEALS[step.how]}）"
        case "escalated":
            return f"已升级督办（{words.LADDER[step.how]}）"
        case "closed":
            return f"{said}：{words.OUTCOMES[step.how]}"
        case _:
            return said


def until(progress: Progress, now: datetime) -> str:
    """Say until when the current stage is to be done, '' where there is no limit."""
    if progress.due_at is None:
        return ""
    local = progress.due_at.astimezone(SHANGHAI)
    when = f"{local.year}年{local.month}月{local.day}日"
    if now > progress.due_at:
        return f"应在{when}前完成，现已超过期限"
    return f"应在{when}前完成{'（节假日安排公布后可能调整）' if progress.provisional else ''}"


def merger(progress: Progress) -> str:
    """Say how far the ticket is that this one was merged into, '' where there is none."""
    if progress.merger is None:
        return ""
    other = progress.merger
    return f"工单 {other.number} 的进展：{OUTCOMES.get(other.outcome or '') or NOW[other.status]}"


def subject(context: Context, snapshot: Snapshot, said: Mapping[str, str]) -> Subject:
    """Say what was rated or reported: matter, place, day and level; `said` names what the registry does not."""
    names = context.registry.name
    hall = names("hall", snapshot.hall) or snapshot.hall
    number = snapshot.window.rpartition("/")[2]
    window = names("window", snapshot.window) or number
    place = f"{hall} {window if number in window else f'{number} {window}'}".strip()
    return Subject(
        title=f"您通过{words.KINDS[snapshot.kind]}反映的问题" if snapshot.kind else "您的评价",
        matter=names("matter", snapshot.matter) or said.get("taskName", ""),
        place=place or names("org", snapshot.dept) or "",
        day=f"{snapshot.day.year}年{snapshot.day.month}月{snapshot.day.day}日",
        level=snapshot.satisfaction,
        level_name=LEVELS.get(snapshot.satisfaction, ""),
    )
