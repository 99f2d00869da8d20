"""The form of an account: what an administrator fills in, read into an account or into what is wrong with it."""

from typing import Final, Self, get_args

import msgspec

from haocha.domain.account import Account, AccountRole
from haocha.domain.errors import Refusal
from haocha.domain.registry import area_prefix
from haocha.store import accounts

MESSAGES: Final = {
    "username_invalid": ("username", "用户名只能用英文字母、数字、“.”“_”“-”，不超过 40 个；它会永远留在记录里。"),
    "username_taken": ("username", "已经有这个用户名（不分大小写）。账号不能删除，请换一个，或恢复启用原来的账号。"),
    "unit_needed": ("unit", "承办账号和联系人都要有单位。"),
    "contact_officer_taken": ("contact", "这个单位已有联系人，一个单位只能有一位；请先取消另一位。"),
}
NAME: Final = "姓名应为一行，不超过 40 个字。"
ROLE: Final = "请选择角色。"
UNIT: Final = "单位应填部门代码（deptCode），不含空格。"
AREA: Final = "区划代码应为 2 到 12 位数字，例如 3701。"
DEPT: Final = "请填部门代码（deptCode）。"
STAFF: Final = "人员编号应为“部门代码/工号”，例如 TAX/0117。"


class Act(msgspec.Struct, frozen=True):
    """What a button sends."""

    csrf: str = ""


class Form(msgspec.Struct, frozen=True):
    """What the form sends; `reach` is all, area or dept."""

    csrf: str = ""
    username: str = ""
    name: str = ""
    role: str = ""
    unit: str = ""
    reach: str = "all"
    area: str = ""
    dept: str = ""
    staff: str = ""
    contact: str = ""

    @classmethod
    def of(cls, account: Account) -> Self:
        """Fill the form in with what an account is."""
        kind, _, value = account.node.partition(":")
        return cls(
            username=account.username,
            name=account.name,
            role=account.role,
            unit=account.unit,
            reach=kind or "all",
            area=value if kind == "area" else "",
            dept=value if kind == "dept" else "",
            staff=account.staff,
            contact="1" if account.contact_officer else "",
        )


def read(form: Form, username: str) -> tuple[Account, dict[str, str]]:
    """Return the account that a form means, and by field what is wrong with it."""
    name, unit, area, dept, staff = (text.strip() for text in (form.name, form.unit, form.area, form.dept, form.staff))
    role = next((role for role in get_args(AccountRole) if role == form.role), None)
    reach = "all" if role == "handler" else form.reach
    node = {"area": f"area:{area_prefix(area)}", "dept": f"dept:{dept}"}.get(reach, "")
    account = Account(
        username=username,
        name=name,
        role=role or "leader",
        unit=unit,
        node=node,
        staff=staff,
        contact_officer=bool(form.contact),
    )
    faults = {
        field: message
        for field, wrong, message in (
            ("name", len(name) > accounts.LONGEST_NAME or (bool(name) and not name.isprintable()), NAME),
            ("role", role is None, ROLE),
            ("unit", not accounts.CODE.fullmatch(unit), UNIT),
            ("reach", not accounts.NODE.fullmatch(node), AREA if reach == "area" else DEPT),
            ("staff", not accounts.STAFF.fullmatch(staff), STAFF),
        )
        if wrong
    }
    if not faults:
        try:
            accounts.check(account)
        except Refusal as refusal:
            faults = messages(refusal)
    return account, faults


def messages(refusal: Refusal) -> dict[str, str]:
    """Return what to say of a refusal, by field; '' is the form as a whole."""
    field, message = MESSAGES.get(refusal.code, ("", str(refusal)))
    return {field: message}
