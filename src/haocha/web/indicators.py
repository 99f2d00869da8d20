"""`GET /v1/indicators`: the list of indicators (测评指标) as it is now, in the form of the national service."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get

from haocha.domain.indicators import Indicator
from haocha.web.auth import address_of
from haocha.web.context import Context
from haocha.web.parameters import Parameters

TRUTHS: Final = {True: "true", False: "false"}


@get("/v1/indicators", tags=["public"], operation_id="listIndicators")
async def list_indicators(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read the indicators, those no longer used too, and the versions that they come from (测评指标)."""
    context: Context = request.app.state.context
    context.public_limits.check(address_of(request))
    Parameters(request, ()).check()
    known = context.indicators
    answer = {
        "code": "0",
        "message": "获取成功",
        "success": "true",
        "data": [_wire(one) for one in known],
        "version": known.versions[-1].version,
        "versions": [
            {"version": one.version, "peer": one.peer, "at": one.at, "indicators": one.indicators}
            for one in known.versions
        ],
    }
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _wire(one: Indicator) -> dict[str, Any]:
    return {
        "normCode": one.code,
        "normName": one.name,
        "starLevel": one.level,
        "usingStatus": TRUTHS[one.used],
        "expandNorm": TRUTHS[one.extra],
    }


routes = [list_indicators]
