"""What a platform above us sends down, member by member: tickets, verdicts, urgings, lists of indicators."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from haocha.web.forms import NO_CONTROL, VISIBLE, Code, Count, Form, LongCode, Name, OptionalTime, Time

Id = Annotated[str, Meta(min_length=1, max_length=100, extra_json_schema={"pattern": VISIBLE})]
Words = Annotated[str, Meta(max_length=2000, extra_json_schema={"pattern": NO_CONTROL})]
OneArea = Annotated[str, Meta(pattern="^[0-9]{12}$", extra_json_schema={"examples": ["990100000000"]})]
Sealed = Annotated[str, Meta(max_length=4000)]


class TicketIn(Form, kw_only=True):
    """A ticket of theirs (省级工单); who rated comes as plain members, or sealed from another haocha."""

    type: Literal["ticket"]
    id: Id
    number: Code | None = None
    project_no: Annotated[str, Meta(extra_json_schema={"pattern": NO_CONTROL, "maxLength": 50})] | None = None
    service_number: Count | None = None
    satisfaction: Annotated[int, Meta(ge=1, le=5)] | None = None
    pf: Literal["1", "2", "3", "4", "5", "6", "7"] | None = None
    assess_time: OptionalTime | None = None
    area_code: OneArea
    dept_code: Code | None = None
    hall_code: Code | None = None
    window_no: Code | None = None
    staff_no: Code | None = None
    task_code: LongCode | None = None
    task_name: Name | None = None
    eval_detail: list[Code] | None = None
    text: Words | None = None
    user_name: Name | None = None
    mobile: Code | None = None
    identity: Sealed | None = None
    issued_at: Time
    due_at: OptionalTime | None = None


class VerdictIn(Form, kw_only=True):
    """Their verdict (认定) on a ticket of theirs."""

    type: Literal["verdict"]
    id: Id
    ticket: Id
    verdict: Literal["satisfied", "unsatisfied", "excluded", "upheld"]
    reason: Words | None = None
    at: Time


class UrgingIn(Form, kw_only=True):
    """催办, or a rung of their ladder (督办)."""

    type: Literal["urging"]
    id: Id
    ticket: Id
    level: Literal["remind", "yellow", "red", "circular", "talk"]
    note: Words | None = None
    at: Time


class IndicatorIn(Form, kw_only=True):
    """One indicator (测评指标) as the national service names its members."""

    norm_code: Annotated[str, Meta(min_length=1, max_length=50, extra_json_schema={"pattern": VISIBLE})]
    norm_name: Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema={"pattern": VISIBLE})]
    star_level: Annotated[int, Meta(ge=1, le=5)] | Literal["1", "2", "3", "4", "5"]
    using_status: bool | Literal["true", "false"] | None = None
    expand_norm: bool | Literal["true", "false"] | None = None
    iid: Annotated[str, Meta(max_length=100)] | None = None


class IndicatorsIn(Form, kw_only=True):
    """A version of the list: what it names is as it says, the rest stays as it was."""

    type: Literal["indicators"]
    id: Id
    items: Annotated[list[Any], Meta(min_length=1, max_length=1000)]
    at: Time


OrderIn = TicketIn | VerdictIn | UrgingIn | IndicatorsIn
FORMS: Final[dict[str, type[Form]]] = {
    "ticket": TicketIn,
    "verdict": VerdictIn,
    "urging": UrgingIn,
    "indicators": IndicatorsIn,
}
"""By `type`."""
