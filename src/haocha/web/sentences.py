"""What notices say (消息), a sentence per kind: one table for the inbox and for what is sent to gateways.

A sentence holds codes' words, numbers and times, nothing personal and no free text. The kinds that begin with
`citizen_` are for the citizen (评价人); `link` is where he judges.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from haocha.domain.workdays import SHANGHAI
from haocha.web import words

SENTENCES: Final = {
    "assigned": "新工单 {number}，请签收。",
    "transferred": "工单 {number} 改派到本单位，请签收；时限连续计算。",
    "awaiting_dispatch": "工单 {number} 没有承办单位，请派单。",
    "returned": "工单 {number} 的整改被退回，请重新整改。",
    "explanation_returned": "工单 {number} 的解释说明被退回，请重新核实。",
    "reopened": "工单 {number} 重开（{why}），第 {round} 轮，请处理。",
    "appeal_lodged": "工单 {number} 提出申诉（{ground}），请复核。",
    "appeal_upheld": "工单 {number} 的申诉成立，该评价不予采纳。",
    "appeal_dismissed": "工单 {number} 的申诉不成立，请继续核实。",
    "extension_requested": "工单 {number} 申请延长{stage}时限，请审批。",
    "extension_granted": "工单 {number} 的{stage}时限延长到 {due}。",
    "extension_refused": "工单 {number} 的延期申请未获批准，{stage}时限不变。",
    "fix_submitted": "工单 {number} 已提交整改，请审核。",
    "explanation_submitted": "工单 {number} 拟作解释说明，请审核。",
    "verification": "工单 {number} 已审核通过，待回访。",
    "call": "工单 {number} 请电话回访（第 {attempt} 次）。",
    "recheck": "工单 {number} 已整改，请现场复查。",
    "rounds_spent": "工单 {number} 整改后仍不满意，重开次数已用完，请督办处理。",
    "warning": "工单 {number} 的{stage}时限 {due}，即将到期。",
    "overdue": "工单 {number} 的{stage}已超过时限 {due}：{level}。",
    "urged": "工单 {number} 被催办，请尽快完成{stage}。",
    "pressed": "工单 {number} 被上级平台督办（{level}），请尽快完成{stage}。",
    "overruled": "工单 {number} 经上级平台认定：{verdict}。",
    "closed": "工单 {number} 办结（{outcome}）。",
    "merged": "工单 {number} 并入工单 {into}。",
    "look_back": "工单 {number} 被抽中回头看，请复查。",
    "citizen_verification": "您的评价（工单 {number}）已办理，请查看结果并评价：{link}",
    "citizen_merged": "您的评价（工单 {number}）与工单 {into} 反映同一问题，已合并办理。",
    "test": "这是一条测试消息，说明好差评的消息能够送达。",
}
MARKS: Final = {
    "warning": ("预警", "warn"),
    "urged": ("催办", "warn"),
    "overdue": ("超期", "bad"),
    "rounds_spent": ("督办", "bad"),
    "pressed": ("督办", "bad"),
    "overruled": ("认定", "warn"),
    "appeal_upheld": ("结果", ""),
    "appeal_dismissed": ("结果", ""),
    "extension_granted": ("结果", ""),
    "extension_refused": ("结果", ""),
    "closed": ("结果", ""),
    "merged": ("结果", ""),
}
"""What an inbox marks a kind with, and how loudly; all others ask somebody to act."""
TO_DO: Final = ("待办", "")
WORDS: Final = {
    "stage": words.STAGES,
    "level": words.LADDER,
    "why": words.REOPENINGS,
    "ground": words.APPEALS,
    "outcome": words.OUTCOMES,
    "verdict": words.RULINGS,
}


def sentence(kind: str, members: Mapping[str, Any]) -> str:
    """Return what a notice says; codes become their words, times those of Shanghai."""
    return SENTENCES[kind].format_map({name: _plain(name, value) for name, value in members.items()})


def mark(kind: str) -> tuple[str, str]:
    """Return the word that a notice is marked with, and the class of its mark."""
    return MARKS.get(kind, TO_DO)


def _plain(name: str, value: Any) -> str:
    if name in WORDS:
        return WORDS[name].get(value, str(value))
    if name == "due":
        local = datetime.fromisoformat(value).astimezone(SHANGHAI)
        return f"{local.month}月{local.day}日 {local:%H:%M}"
    return str(value)
