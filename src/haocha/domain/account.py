"""An account (账号): who acts, in which role, for which unit, and how far he sees."""

from typing import Literal, get_args

import msgspec

from haocha.domain.ticket_events import Actor

AccountRole = Literal["handler", "supervisor", "reviewer", "agent", "inspector", "leader", "auditor", "admin"]
"""承办, 督办, 复核, 回访, 查评, 领导, 审计, 管理员."""

ROLES: tuple[AccountRole, ...] = get_args(AccountRole)


class Account(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a decision needs to know of an account; `unit` is a department's code, as on a ticket."""

    username: str
    name: str = ""
    """What pages call him; never in an event."""
    role: AccountRole
    unit: str = ""
    node: str = ""
    """What he oversees: '' everything, `area:<prefix>` an area, `dept:<code>` a department and those below it."""
    staff: str = ""
    """The staff member (`deptCode/staffNo`) that he is: nobody decides on his own rating."""
    contact_officer: bool = False
    """Whether he is his unit's one contact officer (联系人), where the policy lets units contact."""

    @property
    def actor(self) -> Actor:
        """Say who acted, as events do."""
        return Actor(account=self.username, unit=self.unit, role=self.role)
