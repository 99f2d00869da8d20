"""The wire forms of ratings, service records and complaints: the national interface's own names (design §10)."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

NO_CONTROL = r"^[^\u0000-\u0008\u000b-\u001f]*$"
_no_control = {"pattern": NO_CONTROL}
VISIBLE = r"^[^\u0000-\u0008\u000b-\u001f]*[^\s\u0000-\u001f][^\u0000-\u0008\u000b-\u001f]*$"
"""More than spaces, without control characters."""
_codes = {"pattern": r"^[^,\u0000-\u0008\u000b-\u001f]{0,50}(,[^,\u0000-\u0008\u000b-\u001f]{0,50})*$"}
MOMENT = [
    {"type": "string", "format": "date-time"},
    {
        "type": "string",
        "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$",
    },
]
TIME = {"anyOf": MOMENT, "examples": ["2026-11-20 09:41:07", "2026-11-20T09:41:07+08:00"]}
TIME_OR_NONE = TIME | {"anyOf": [*MOMENT, {"type": "string", "maxLength": 0}]}
Code = Annotated[str, Meta(max_length=50, extra_json_schema=_no_control)]
LongCode = Annotated[str, Meta(extra_json_schema=_no_control)]
Name = Annotated[str, Meta(max_length=200, extra_json_schema=_no_control)]
Time = Annotated[str, Meta(extra_json_schema=TIME)]
OptionalTime = Annotated[str, Meta(extra_json_schema=TIME_OR_NONE)]
Area = Annotated[str, Meta(max_length=12, pattern="^([0-9]{12})?$", extra_json_schema={"examples": ["370102000000"]})]
Writing = Annotated[str, Meta(max_length=500, extra_json_schema=_no_control)]
Count = Annotated[int, Meta(ge=1, le=999)]
Sequence = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Days = Annotated[int, Meta(ge=0, le=99999)]

NO_EXT: Final = msgspec.UNSET  # not Raw(): the schema could not write that default


class Form(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What somebody sends: a typo must not lose data, `ext` takes anything."""

    ext: msgspec.Raw | msgspec.UnsetType = NO_EXT


class RatingIn(Form, kw_only=True):
    """A rating as a client sends it."""

    project_no: Annotated[str, Meta(extra_json_schema=_no_control | {"maxLength": 50})] | None = None
    source_id: Code | None = None
    service_number: Count | None = None
    assess_number: Literal[1, 2] | None = None
    satisfaction: Annotated[int, Meta(ge=1, le=5)]
    pf: Literal["1", "2", "3", "4", "5", "6", "7"]
    assess_time: Time
    service_time: OptionalTime | None = None
    eval_detail: list[Code] | Annotated[str, Meta(max_length=2000, extra_json_schema=_codes)] | None = None
    writing_evaluation: Writing | None = None
    task_code: LongCode | None = None
    task_handle_item: LongCode | None = None
    task_name: Name | None = None
    area_code: Area | None = None
    dept_code: Code | None = None
    dept_name: Name | None = None
    hall_code: Code | None = None
    window_no: Code | None = None
    staff_no: Code | None = None
    device_no: Code | None = None
    device_seq: Sequence | None = None
    is_anonymity: Literal["", "1", "2"] | None = None
    user_name: Name | None = None
    user_prop: Code | None = None
    user_page_type: Code | None = None
    cert_key: Code | None = None
    mobile: Code | None = None


class ServiceIn(Form, kw_only=True, omit_defaults=False):
    """A service record (办件服务) as a client sends it; what a province requires beyond this, its sync shows."""

    project_no: Annotated[str, Meta(min_length=1, extra_json_schema={"pattern": VISIBLE, "maxLength": 50})]
    service_number: Count | None = None
    service_time: Time
    area_code: Area | None = None
    dept_code: Code | None = None
    dept_name: Name | None = None
    orgcode: Code | None = None
    org_name: Name | None = None
    pro_depart: Name | None = None
    hall_code: Code | None = None
    window_no: Code | None = None
    staff_no: Code | None = None
    device_no: Code | None = None
    task_type: Code | None = None
    task_code: LongCode | None = None
    task_handle_item: LongCode | None = None
    pro_task_code: Code | None = None
    task_name: Name | None = None
    pro_task_name: Name | None = None
    sub_matter: Name | None = None
    pro_project_no: Code | None = None
    project_name: Name | None = None
    pro_status: Code | None = None
    project_type: Code | None = None
    pro_manager: Name | None = None
    service_name: Name | None = None
    accept_date: OptionalTime | None = None
    result_date: OptionalTime | None = None
    promise_day: Days | None = None
    promise_type: Code | None = None
    anticipate_day: Days | None = None
    anticipate_type: Code | None = None
    pro_channel: Code | None = None
    promise_time: Code | None = None
    data_source: Code | None = None
    mobile: Code | None = None
    user_name: Name | None = None
    user_prop: Code | None = None
    user_page_type: Code | None = None
    cert_key: Code | None = None
    certkey_gov: Annotated[Code | None, Meta()] = msgspec.field(default=None, name="certkeyGOV")
    credit_type: Code | None = None
    credit_num: Code | None = None
    handle_user_name: Name | None = None
    handle_user_page_type: Code | None = None
    handle_user_page_code: Code | None = None


class ComplaintIn(Form, kw_only=True):
    """A complaint (投诉意见) as a client sends it."""

    kind: Literal["box", "hotline", "desk", "comment", "other"]
    source_id: Annotated[str, Meta(min_length=1, max_length=50, extra_json_schema={"pattern": VISIBLE})]
    text: Annotated[str, Meta(min_length=1, max_length=2000, extra_json_schema={"pattern": VISIBLE})]
    satisfaction: Annotated[int, Meta(ge=1, le=5)] | None = None
    project_no: Annotated[str, Meta(extra_json_schema=_no_control | {"maxLength": 50})] | None = None
    service_number: Count | None = None
    occurred_time: OptionalTime | None = None
    task_code: LongCode | None = None
    task_handle_item: LongCode | None = None
    task_name: Name | None = None
    area_code: Area | None = None
    dept_code: Code | None = None
    dept_name: Name | None = None
    hall_code: Code | None = None
    window_no: Code | None = None
    staff_no: Code | None = None
    device_no: Code | None = None
    is_anonymity: Literal["", "1", "2"] | None = None
    user_name: Name | None = None
    user_page_type: Code | None = None
    cert_key: Code | None = None
    mobile: Code | None = None
