"""What the OpenAPI document says of a ticket's commands: the form, an example, the version, the answers."""

from typing import Any, Final

import msgspec

from haocha.web import orders, words

PATH: Final = "/v1/tickets/{ticket_id}/"
REFERENCE: Final = "#/components/schemas/{name}"
DIGEST: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
FILE: Final = [{"digest": DIGEST, "caption": "整改后的窗口"}]
EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "dispatch": {"unit": "11370102MB2857", "note": "请按职责办理。"},
    "accept": {},
    "transfer": {"unit": "11370102MB2858", "reason": "该事项已划转。"},
    "contact": {"channel": "phone", "reached": True, "note": "确认等候时间过长。"},
    "review": {
        "verdict": "substantiated",
        "ground": "delay",
        "difficulty": "general",
        "disposition": "fix",
        "finding": "调取录像，情况属实。",
    },
    "appeal": {"ground": "mistaken", "reason": "评价人表示误点。", "evidence": FILE},
    "decide-appeal": {"upheld": False, "reason": "证据不足，继续核实。"},
    "request-extension": {"stage": "fix", "reason": "设备月底才到。"},
    "decide-extension": {"granted": True},
    "fix": {"measures": "增开一个窗口，午间轮值。", "responsible": "0012", "evidence": FILE},
    "return": {"reason": "措施不具体，请写明时间。"},
    "approve": {"note": "同意。"},
    "verify": {"result": "satisfied", "satisfaction": 4, "comment": "快多了。"},
    "remind": {"note": "请尽快办理。"},
    "reopen": {"reason": "群众再次反映。"},
    "merge": {"into": "2026-1042", "reason": "同一件事。"},
    "look-back": {"result": "holds", "note": "现场查看，窗口已增开。"},
    "reinstate": {"reason": "复核有误，恢复采纳。"},
}
VERSION: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "您看到的工单版本，即查询工单时的 ETag；不带答复 428，已经不是它答复 412",
    "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$'},
    "example": '"3"',
}
MOMENT: Final = {"type": "string", "format": "date-time"}
ANSWER: Final = {
    "type": "object",
    "required": ["ticketId", "number", "position", "version", "status", "outcome", "unit", "dues", "provisional"],
    "properties": {
        "ticketId": {"type": "string", "format": "uuid"},
        "number": {"type": "string"},
        "position": {"type": "integer"},
        "version": {"type": "integer", "description": "下一个命令的 If-Match"},
        "status": {"enum": list(words.STATUSES)},
        "outcome": {"enum": [*words.OUTCOMES, None]},
        "unit": {"type": "string"},
        "dues": {"type": "object", "additionalProperties": MOMENT},
        "provisional": {"type": "array", "items": {"type": "string"}},
    },
}


def describe(schema: dict[str, Any]) -> None:
    """Write the commands into the document."""
    _, forms = msgspec.json.schema_components(list(orders.ORDERS.values()), ref_template=REFERENCE)
    renamed = {name: f"Ticket{name}" for name in forms}
    text = msgspec.json.encode(forms).decode()
    for name, other in renamed.items():
        text = text.replace(f'"{REFERENCE.format(name=name)}"', f'"{REFERENCE.format(name=other)}"')
    components = schema["components"]["schemas"]
    components |= {renamed[name]: form for name, form in msgspec.json.decode(text).items()}
    components["TicketAnswer"] = ANSWER
    for command, form in orders.ORDERS.items():
        operation = schema["paths"][PATH + command]["post"]
        body = {"$ref": REFERENCE.format(name=renamed[form.__name__])}
        operation["parameters"] = [*operation.get("parameters", ()), VERSION]
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": body, "example": EXAMPLES[command]}},
        }
        answer = {"schema": {"$ref": REFERENCE.format(name="TicketAnswer")}}
        operation["responses"] = {"200": {"description": "已办理", "content": {"application/json": answer}}}
