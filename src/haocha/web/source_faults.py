"""What people read of a fault in a table or a form of findings: the column by its heading, and what to do."""

from typing import Final

from haocha.inspections.columns import FINDINGS, TREE, Fault

HEADINGS: Final = {column.name: column.heading for column in (*TREE, *FINDINGS)}
MESSAGES: Final = {
    "unknown_column": "表里不该有这一列；请用模板里的列名。",
    "repeated_column": "这一列出现了两次。",
    "missing_column": "缺少这一列。",
    "too_many_rows": "超过 {} 行，请拆成几个文件。",
    "missing": "必须填写。",
    "too_long": "太长，最多 {} 个字符。",
    "control_character": "含有看不见的控制字符，请删去。",
    "lost_digits": "被存成了数字，末几位已经丢失；请把单元格设为文本后重新填写。",
    "slash": "代码里不能有斜杠。",
    "repeated": "与第 {} 行重复。",
    "not_a_date": "不是日期，请写成 2026-11-20 这样。",
    "future": "日期在将来。",
    "not_an_area": "应为 12 位数字。",
    "no_tree": "还没有发布指标体系，请联系管理员。",
    "unknown_standard": "不在现行指标体系（第 {} 版）里。",
    "no_place": "请至少填大厅、部门、区划、责任单位中的一项。",
    "hall_needed": "窗口号只在大厅内唯一，请同时填大厅代码。",
    "dept_needed": "人员编号只在部门内唯一，请同时填部门代码。",
    "unknown_hall": "登记表里当天没有这个大厅。",
    "unknown_window": "登记表里当天没有这个窗口。",
    "unknown_dept": "登记表里当天没有这个部门。",
    "unknown_staff": "登记表里当天没有这个人员。",
    "unknown_unit": "登记表里没有这个单位。",
    "other_content": "这个编号已用于内容不同的另一个问题，请换一个编号。",
    "too_many_photos": "最多 {} 张。",
    "photo_missing": "找不到文件 {}；请核对文件名，并一起上传。",
    "photo_refused": "{} 不是 10 MB 以内的 JPG、PNG、WebP 图片或 PDF。",
    "unknown_parent": "表里没有这个上级代码。",
    "circular": "绕了一圈，成了自己的上级。",
    "not_a_weight": "应为不小于 0 的数字。",
}


def heading(fault: Fault) -> str:
    """Return what the column is called, as it stands in the file where it is none of ours."""
    return HEADINGS.get(fault.column, fault.column)


def said(fault: Fault) -> str:
    """Say what is wrong."""
    return MESSAGES[fault.code].format(fault.detail)
