"""What the codes of tickets are called in Chinese: one table for pages, exports and notices."""

from typing import Final

STATUSES: Final = {
    "awaiting_dispatch": "待分派",
    "awaiting_acceptance": "待签收",
    "reviewing": "核实中",
    "appealing": "申诉中",
    "fixing": "整改中",
    "approving": "待审核",
    "verifying": "待回访",
    "closed": "已办结",
}
STAGES: Final = {
    "dispatch": "分派",
    "acceptance": "签收",
    "contact": "联系",
    "review": "核实",
    "appeal": "申诉复核",
    "fix": "整改",
    "approval": "审核",
    "verification": "回访",
    "closing": "办结",
    "look_back": "回头看",
}
SOURCES: Final = {
    "rating": "差评",
    "supplement": "追评",
    "contested": "争议评价",
    "inspection": "监督查评",
    "complaint": "投诉意见",
    "province": "省平台",
}
KINDS: Final = {
    "box": "意见箱",
    "hotline": "热线",
    "desk": "“办不成事”窗口",
    "comment": "综合点评",
    "other": "其他",
}
OUTCOMES: Final = {
    "fixed": "已整改",
    "explained": "已解释",
    "excluded": "不予采纳",
    "merged": "已合并",
    "unreachable": "无法联系",
}
ROLES: Final = {
    "handler": "承办",
    "supervisor": "督办",
    "reviewer": "复核",
    "agent": "回访",
    "inspector": "查评",
    "leader": "领导",
    "auditor": "审计",
    "admin": "管理员",
    "citizen": "评价人",
}
GROUNDS: Final = {
    "attitude": "服务态度",
    "ability": "业务能力",
    "materials": "材料要求",
    "delay": "办理超时",
    "process": "流程繁琐",
    "guide": "指南有误",
    "platform": "系统平台",
    "facility": "设施环境",
    "policy": "政策限制",
    "other": "其他",
}
VERDICTS: Final = {"substantiated": "属实", "partly": "部分属实", "unsubstantiated": "不属实"}
DIFFICULTIES: Final = {"simple": "简单", "general": "一般", "difficult": "疑难"}
DISPOSITIONS: Final = {"fix": "整改", "explain": "解释说明"}
APPEALS: Final = {"mistaken": "误评", "malicious": "恶意", "untrue": "不实"}
LADDER: Final = {"remind": "提醒", "yellow": "黄牌", "red": "红牌督办", "circular": "通报", "talk": "约谈"}
CONTACTS: Final = {"phone": "电话", "sms": "短信", "visit": "上门", "platform": "平台"}
VERIFICATIONS: Final = {"link": "评价链接", "call": "电话回访", "recheck": "现场复查"}
RESULTS: Final = {
    "satisfied": "满意",
    "unsatisfied": "不满意",
    "informed": "已知悉",
    "passed": "复查通过",
    "failed": "复查未通过",
}
REOPENINGS: Final = {
    "unsatisfied": "评价人不满意",
    "failed": "复查未通过",
    "recurred": "问题复发",
    "reinstated": "恢复采纳",
    "supervised": "督办重开",
}
COMMANDS: Final = {
    "dispatch": "派单",
    "accept": "签收",
    "transfer": "改派",
    "contact": "联系记录",
    "review": "核实",
    "appeal": "申诉",
    "decide-appeal": "申诉复核",
    "request-extension": "申请延期",
    "decide-extension": "延期审批",
    "fix": "提交整改",
    "return": "退回",
    "approve": "审核通过",
    "verify": "回访",
    "remind": "催办",
    "reopen": "重开",
    "merge": "合并",
    "look-back": "回头看",
    "reinstate": "恢复采纳",
}
EVENTS: Final = {
    "opened": "工单生成",
    "dispatched": "派单",
    "accepted": "签收",
    "transferred": "改派",
    "contacted": "联系",
    "reviewed": "核实",
    "appeal_lodged": "申诉",
    "appeal_decided": "申诉复核",
    "extension_requested": "申请延期",
    "extension_decided": "延期审批",
    "fix_submitted": "提交整改",
    "returned": "退回",
    "approved": "审核通过",
    "verification_sent": "发起回访",
    "verified": "回访",
    "reopened": "重开",
    "reminded": "催办",
    "escalated": "督办升级",
    "due_changed": "时限重算",
    "merged": "合并",
    "joined": "并入评价",
    "related": "关联",
    "closed": "办结",
    "looked_back": "回头看",
}
