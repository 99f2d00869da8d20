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
    "overruled": "上级认定不满意",
    "reported": "下级重开",
}
RULINGS: Final = {
    "satisfied": "满意",
    "unsatisfied": "不满意",
    "excluded": "评价不予采纳",
    "upheld": "评价有效",
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
    "overruled": "上级认定",
    "reported": "下级上报",
}
REFUSALS: Final = {
    "not_yours": "这一步不归您办理：角色、单位或管辖范围不符。",
    "ticket_closed": "工单已办结，不能再这样做。",
    "wrong_status": "工单当前的环节不能这样做。",
    "not_independent": "被评价单位和办理过本单的单位不能裁定、审核或回访自己的工单。",
    "rated_person": "被评价人不能裁定自己的评价。",
    "fixer_approves": "整改由您提交，须由他人审核。",
    "no_return": "现行规则不准退单，只有督办可以改派。",
    "same_unit": "工单已经在这个单位。",
    "basis_missing": "解释说明须写明法律依据。",
    "measures_missing": "提交整改须写明整改措施和责任人。",
    "evidence_missing": "提交整改须附至少一份凭证。",
    "appeal_spent": "本单的申诉已有结论，不能再次申诉。",
    "not_extendable": "按现行规则，这个环节现在不能延期。",
    "extensions_spent": "延期次数已用完。",
    "extension_pending": "已有一份延期申请等待审批。",
    "no_extension_pending": "没有等待审批的延期申请。",
    "already_overdue": "已过时限，延期须在到期前申请。",
    "wrong_result": "这个回访结果与处理方式或所打的等级不符。",
    "rounds_spent": "重开次数已用完，须由督办决定如何继续。",
    "link_used": "这个评价链接已经用过，或者已经换成新的。",
    "link_lapsed": "这个评价链接已过期。",
    "not_related": "只能并入与本单关联、尚未办结的工单。",
    "not_drawn": "本单不在回头看的抽样之内，或者已经看过。",
    "not_excluded": "本单不是因申诉成立而办结的，无须恢复采纳。",
    "handled_below": "本单由下级平台办理，这里只能催办、认定和回访。",
    "decided_above": "上级平台对这条评价已有认定，不能再这样做。",
    "unknown_unit": "没有这个单位：登记表里没有，也没有它的账号。",
    "no_contact_due": "评价人已经联系上，回访还没有开始，现在没有需要联系的事。",
    "not_named": "评价人没有留下联系方式、选择了匿名，或者信息已依法删除。",
    "too_many_disclosures": "一小时内查看联系方式的次数已到上限，请稍后再试。",
}
DISCLOSURES: Final = {
    "call": "按时限联系",
    "again": "上次未接通，再次联系",
    "wanted": "评价人约定时间回电",
    "other": "其他",
}
PURPOSES: Final = {"review": "联系核实", "verification": "回访"}
ACCOUNT_CHANGES: Final = {
    "created": "开设账号",
    "name": "改姓名",
    "role": "改角色",
    "unit": "改单位",
    "node": "改范围",
    "staff": "改人员编号",
    "contact_officer": "改联系人",
    "disabled": "停用",
    "enabled": "恢复启用",
    "unlocked": "解除锁定",
    "password_reset": "重置密码",
    "password_changed": "本人改密码",
    "token_created": "生成令牌",
    "token_revoked": "收回令牌",
}
