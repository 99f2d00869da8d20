"""`/schema`: the OpenAPI document, with the bodies that are decoded here rather than by the framework."""

from functools import cache
from typing import Any, get_args

import msgspec
from litestar import Litestar, MediaType, Request
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

import haocha
from haocha.web import command_schema
from haocha.web.answers import GETS, maybe
from haocha.web.disclosure import Asking
from haocha.web.forms import MOMENT, NO_CONTROL, TIME, TIME_OR_NONE, VISIBLE, ComplaintIn, RatingIn, ServiceIn
from haocha.web.parameters import LONGEST_KEY
from haocha.web.scores import ALWAYS, FILTERS, Kind
from haocha.web.words import PURPOSES


class Document(OpenAPIRenderPlugin):
    """Serves the document itself; a page to read it in would need scripts of others."""

    def __init__(self) -> None:
        super().__init__(path=["/", "/openapi.json"], media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        """Return the document as JSON."""
        return document(request.app)


CONFIG = OpenAPIConfig(
    title="haocha 好差评",
    version=haocha.__version__,
    description="政务服务评价：提交服务记录与评价，查询得分、工单与回执。字段名称与国家平台接口一致。",
    path="/schema",
    render_plugins=[Document()],
    components=Components(
        security_schemes={
            "key": SecurityScheme(type="http", scheme="bearer", description="密钥 hc_…，人员用令牌 hca_…")
        }
    ),
)
REFERENCE = "#/components/schemas/{name}"
RATING = {
    "projectNo": "370102202611200001",
    "serviceNumber": 1,
    "satisfaction": 2,
    "pf": "4",
    "assessTime": "2026-11-20 09:41:07",
    "evalDetail": ["213"],
    "writingEvaluation": "排队时间太长。",
    "areaCode": "370102000000",
    "hallCode": "H01",
    "windowNo": "A01",
    "isAnonymity": "2",
}
SERVICE = {
    "projectNo": "370102202611200001",
    "serviceNumber": 1,
    "serviceTime": "2026-11-20 09:30:00",
    "areaCode": "370102000000",
    "hallCode": "H01",
    "windowNo": "A01",
    "taskName": "社会保障卡补领",
    "proStatus": "3",
}
COMPLAINT = {
    "kind": "hotline",
    "sourceId": "12345-20261120-0007",
    "text": "等了两个小时没有人叫号。",
    "projectNo": "370102202611200001",
    "occurredTime": "2026-11-20 09:41:07",
    "hallCode": "H01",
    "windowNo": "A01",
}
UUID = {"type": "string", "format": "uuid"}
ERRORS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["pointer", "code", "message"],
        "properties": {name: {"type": "string"} for name in ("pointer", "code", "message")},
    },
}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": ERRORS,
    },
}
RATING_ANSWER = {
    "type": "object",
    "required": ["ratingId", "position", "receipt", "duplicate", "flags"],
    "properties": {
        "ratingId": UUID,
        "position": {"type": "integer"},
        "receipt": {"type": "string", "examples": ["0000-02V8-Q7NK-1R5D-3JZX"]},
        "duplicate": {"type": "boolean"},
        "flags": {"type": "array", "items": {"enum": ["reasonMissing", "unknownIndicator", "clock", "noCase"]}},
    },
}
SERVICE_ANSWER = {
    "type": "object",
    "required": ["serviceId", "position", "version", "duplicate"],
    "properties": {
        "serviceId": UUID,
        "position": {"type": "integer"},
        "version": {"type": "integer"},
        "duplicate": {"type": "boolean"},
    },
}
COMPLAINT_ANSWER = {
    "type": "object",
    "required": ["complaintId", "position", "receipt", "duplicate"],
    "properties": {
        "complaintId": UUID,
        "position": {"type": "integer"},
        "receipt": {"type": "string", "examples": ["0000-02V8-Q7NK-1R5D-3JZX"]},
        "duplicate": {"type": "boolean"},
    },
}
RESULTS = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "status"],
                "properties": {
                    "index": {"type": "integer"},
                    "status": {"enum": [200, 201, 409, 422]},
                    "errors": ERRORS,
                },
            },
        }
    },
}
DEVICE_TIME = {
    "name": "X-Device-Time",
    "in": "header",
    "required": False,
    "description": "设备发送时的时钟，用于校正 assessTime",
    "schema": TIME_OR_NONE,
    "example": "2026-11-20T09:45:00+08:00",
}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": REFERENCE.format(name="Problem")}}},
    }


PROBLEMS = {
    "400": _problem("请求无法读取"),
    "401": _problem("需要有效的密钥，人员操作需要账号的令牌"),
    "403": _problem("没有权限，或密钥不能用于该大厅、窗口"),
    "404": _problem("没有找到"),
    "409": _problem("本次服务已有评价（already_rated），已作为争议评价留存；或工单的规则不允许，code 是规则的代码"),
    "412": _problem("工单已不是 If-Match 中的版本；events 是此后的变化"),
    "413": _problem("请求过大"),
    "415": _problem("不支持的内容类型"),
    "422": _problem("内容不符合要求：逐项列出全部问题"),
    "428": _problem("缺少 If-Match"),
    "429": _problem("请求过于频繁"),
    "503": _problem("暂时无法受理；稍后原样重发"),
}


def _json(schema: dict[str, Any], example: Any = None) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": schema}
    if example is not None:
        media["example"] = example
    return {"application/json": media}


def _post(form: str, answer: str, example: dict[str, Any]) -> dict[str, Any]:
    body = {"$ref": REFERENCE.format(name=form)}
    answers = _json({"$ref": REFERENCE.format(name=answer)})
    return {
        "requestBody": {"required": True, "content": _json(body, example)},
        "responses": {
            "201": {"description": "已受理并落盘", "content": answers},
            "200": {"description": "重复提交：返回首次的结果", "content": answers},
        },
    }


def _post_many(form: str, member: str, example: dict[str, Any]) -> dict[str, Any]:
    item = {"description": "不符合此格式的记录逐条答复 422", "anyOf": [{"$ref": REFERENCE.format(name=form)}, {}]}
    items = {"type": "array", "description": "不超过 1000 条（413）", "items": item}
    body = {
        "type": "object",
        "required": [member],
        "additionalProperties": False,
        "properties": {member: items, "sentAt": maybe(TIME_OR_NONE)},
    }
    return {
        "requestBody": {
            "required": True,
            "content": _json(body, {member: [example], "sentAt": "2026-11-20T09:45:00+08:00"}),
        },
        "responses": {"200": {"description": "逐条结果，顺序与提交一致", "content": _json(RESULTS)}},
    }


POSTS = {
    "/v1/ratings": _post("RatingIn", "RatingAnswer", RATING),
    "/v1/ratings/batch": _post_many("RatingIn", "ratings", RATING),
    "/v1/services": _post("ServiceIn", "ServiceAnswer", SERVICE),
    "/v1/complaints": _post("ComplaintIn", "ComplaintAnswer", COMPLAINT),
    "/v1/services/batch": _post_many("ServiceIn", "services", SERVICE),
}
DISCLOSE = {
    "requestBody": {
        "required": True,
        "content": _json({"$ref": REFERENCE.format(name="Asking")}, {"reason": "call", "note": "首次联系"}),
    },
    "responses": {
        "200": {
            "description": "查看已先行记录",
            "content": _json({"$ref": REFERENCE.format(name="Contact")}),
        }
    },
}
CONTACT = {
    "type": "object",
    "required": ["ticketId", "purpose", "position", "mobile"],
    "properties": {
        "ticketId": UUID,
        "purpose": {"enum": list(PURPOSES)},
        "position": {"type": "integer"},
        "userName": {"type": "string"},
        "mobile": {"type": "string"},
    },
}
FEED = {
    "description": "每行一个事件，末行为 cursor 与 head；没有末行即为中断，从已收到的最后一行之后继续",
    "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
}
EXT = {
    "anyOf": [
        {"type": ["null", "boolean", "number"]},
        {"type": "string", "pattern": NO_CONTROL},
        {"type": "array", "items": {"$ref": "#/components/schemas/Ext"}},
        {
            "type": "object",
            "propertyNames": {"pattern": NO_CONTROL},
            "additionalProperties": {"$ref": "#/components/schemas/Ext"},
        },
    ]
}
KEY = {"type": "string", "maxLength": LONGEST_KEY, "pattern": r"^[^\u0000-\u001f\u007f]*$"}
KEYS = frozenset({"window", "staff", "hall", "dept", "unit", "projectNo", "flag", "policy"})
POSITION = {"type": "string", "pattern": "^[0-9]{1,18}$"}
EMPTY = {"type": "string", "maxLength": 0}
PUBLIC = ("/healthz", "/readyz", "/v1/receipts", "/v1/log", "/v1/indicators")


def _part_scores(paths: dict[str, Any]) -> None:
    """Write the scores of each kind as a path of its own: they do not take the same parameters."""
    [template] = [path for path in paths if path.startswith("/v1/scores/{")]
    get = paths.pop(template)["get"]
    for kind in get_args(Kind):
        known = {*ALWAYS, *FILTERS.get(kind, ())}
        paths[f"/v1/scores/{kind}"] = {
            "get": get
            | {
                "operationId": f"getScores-{kind}",
                "parameters": [parameter | {} for parameter in get["parameters"] if parameter["name"] in known],
                "responses": dict(get["responses"]),
            }
        }


def _tell(parameter: dict[str, Any], operation: str) -> None:
    """Say what is true of every list: a parameter without a value was not given, and a key is any text."""
    if parameter["name"] == "at":
        parameter["schema"] = TIME
    elif parameter["in"] != "query" or operation.startswith("listRegistry"):
        return
    elif parameter["name"] == "asOf":
        parameter["schema"] = {"anyOf": [parameter["schema"], *MOMENT, POSITION, EMPTY]}
    elif parameter["name"] in KEYS:
        parameter["schema"] = KEY
    else:
        parameter["schema"] = {"anyOf": [parameter["schema"], EMPTY]}


@cache
def document(app: Litestar) -> bytes:
    """Return the OpenAPI document as JSON."""
    schema = app.openapi_schema.to_schema()
    _, forms = msgspec.json.schema_components([RatingIn, ServiceIn, ComplaintIn, Asking], ref_template=REFERENCE)
    forms["RatingIn"]["anyOf"] = [
        {"required": [member], "properties": {member: {"type": "string", "pattern": VISIBLE, "maxLength": 50}}}
        for member in ("projectNo", "sourceId")
    ]
    for form in ("RatingIn", "ServiceIn", "ComplaintIn"):
        forms[form]["properties"]["ext"] = {
            "description": "其他内容：不超过 4 kB、不深于 8 层",
            "$ref": "#/components/schemas/Ext",
        }
    schema.setdefault("components", {}).setdefault("schemas", {}).update(
        forms
        | {"Problem": PROBLEM, "RatingAnswer": RATING_ANSWER, "ServiceAnswer": SERVICE_ANSWER}
        | {"ComplaintAnswer": COMPLAINT_ANSWER, "Contact": CONTACT, "Ext": EXT}
    )
    _part_scores(schema["paths"])
    command_schema.describe(schema)
    schema["paths"]["/v1/tickets/{ticket_id}/disclose"]["post"] |= DISCLOSE
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if method == "post" and path in POSTS:
                operation.update(POSTS[path])
                operation["parameters"] = [*operation.get("parameters", ()), DEVICE_TIME]
            for parameter in operation.get("parameters", ()):
                _tell(parameter, operation["operationId"])
            if (answer := GETS.get(operation["operationId"].partition("-")[0])) is not None:
                operation["responses"]["200"]["content"] = _json(answer)
            if operation["operationId"] == "listEvents":
                operation["responses"]["200"] = FEED
            operation["responses"].pop("400", None)
            operation["responses"] |= PROBLEMS
            if not path.startswith(PUBLIC):
                operation["security"] = [{"key": []}]
    return msgspec.json.encode(schema)
