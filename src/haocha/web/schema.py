"""`/schema`: the OpenAPI document, with the bodies that are decoded here rather than by the framework."""

from functools import cache
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

import haocha
from haocha.web.forms import RatingIn, ServiceIn


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
        security_schemes={"key": SecurityScheme(type="http", scheme="bearer", description="haocha keys create")}
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
    "schema": {"type": "string"},
    "example": "2026-11-20T09:45:00+08:00",
}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": REFERENCE.format(name="Problem")}}},
    }


PROBLEMS = {
    "400": _problem("请求无法读取"),
    "401": _problem("需要有效的密钥"),
    "403": _problem("没有权限，或密钥不能用于该大厅、窗口"),
    "404": _problem("没有找到"),
    "409": _problem("本次服务已有评价（already_rated）；已作为争议评价留存"),
    "413": _problem("请求过大"),
    "415": _problem("不支持的内容类型"),
    "422": _problem("内容不符合要求：逐项列出全部问题"),
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
    items = {"type": "array", "maxItems": 1000, "items": {"$ref": REFERENCE.format(name=form)}}
    body = {
        "type": "object",
        "required": [member],
        "additionalProperties": False,
        "properties": {member: items, "sentAt": {"type": ["string", "null"], "format": "date-time"}},
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
    "/v1/services/batch": _post_many("ServiceIn", "services", SERVICE),
}
PUBLIC = ("/healthz", "/readyz", "/v1/receipts", "/v1/log")


@cache
def document(app: Litestar) -> bytes:
    """Return the OpenAPI document as JSON."""
    schema = app.openapi_schema.to_schema()
    _, forms = msgspec.json.schema_components([RatingIn, ServiceIn], ref_template=REFERENCE)
    forms["RatingIn"]["anyOf"] = [
        {"required": ["projectNo"], "properties": {"projectNo": {"pattern": "^[!-~]+$"}}},
        {"required": ["sourceId"], "properties": {"sourceId": {"pattern": "^[!-~]+$"}}},
    ]
    schema.setdefault("components", {}).setdefault("schemas", {}).update(
        forms | {"Problem": PROBLEM, "RatingAnswer": RATING_ANSWER, "ServiceAnswer": SERVICE_ANSWER}
    )
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if method == "post" and path in POSTS:
                operation.update(POSTS[path])
                operation["parameters"] = [*operation.get("parameters", ()), DEVICE_TIME]
            operation["responses"].pop("400", None)
            operation["responses"] |= PROBLEMS
            if not path.startswith(PUBLIC):
                operation["security"] = [{"key": []}]
    return msgspec.json.encode(schema)
