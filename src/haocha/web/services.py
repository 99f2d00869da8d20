"""`/v1/services`: service records (办件服务), one or many."""

from typing import Any

from litestar import Request, Response, post

from haocha.web import submit
from haocha.web.ratings import answer, answer_batch


@post("/v1/services", status_code=201, tags=["services"], operation_id="postService")
async def post_service(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Submit one service record; the same content again is a repeat, other content the next version (提交办件服务)."""
    status, body = await answer(
        request.app.state.context, request.headers, await request.body(), submit.SERVICE, "services:write"
    )
    return Response(body, status_code=status, media_type="application/json")


@post("/v1/services/batch", status_code=200, tags=["services"], operation_id="postServices")
async def post_services(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Submit up to 1,000 service records; each is answered by itself."""
    return await answer_batch(request, submit.SERVICE, "services:write")


routes = [post_service, post_services]
