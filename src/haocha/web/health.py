"""`/healthz`, `/readyz` and `/metrics`: for whoever watches the machine."""

from typing import Any

import msgspec
from litestar import Request, Response, get
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from haocha.store import log, notices
from haocha.store.db import AWAY
from haocha.web import metrics, sync_metrics, sync_stand
from haocha.web.auth import requires
from haocha.web.context import Context

FULL = 0.95  # of the queue


@get("/healthz", tags=["operations"], operation_id="getHealth")
async def healthz() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


async def state(context: Context) -> dict[str, Any]:
    """Return how the database, the projections, the handlers, the deliveries and the backups stand, in one look."""
    head = await log.head(context.pool)
    rows = await context.pool.fetch("SELECT name, position, state, error FROM engine.checkpoints ORDER BY name")
    parked = await context.pool.fetch("SELECT handler, count(*) AS events FROM engine.parked GROUP BY handler")
    backup_age = await context.pool.fetchval(
        "SELECT extract(epoch FROM now() - max(finished_at))::bigint FROM engine.backups"
    )
    sent = await notices.deliveries(context.pool, context.now())
    return {
        "position": head,
        "queue": context.batcher.depth,
        "projections": {
            row["name"].partition(":")[2]: {
                "state": row["state"],
                "position": row["position"],
                "lag": head - row["position"],
                **({"error": row["error"]} if row["error"] else {}),
            }
            for row in rows
            if row["name"].startswith("projection:")
        },
        "handlers": {
            row["name"].partition(":")[2]: {"position": row["position"], "lag": head - row["position"]}
            for row in rows
            if row["name"].startswith("handler:")
        },
        "parked": {row["handler"]: row["events"] for row in parked},
        "deliveries": {"waiting": sent.waiting, "dead": sent.dead, "oldest": round(sent.oldest)},
        "backupAge": backup_age,
    }


@get("/readyz", tags=["operations"], operation_id="getReadiness")
async def readyz(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Say whether ratings can be taken; lag, stopped projections and the age of the last backup are told beside it."""
    context: Context = request.app.state.context
    try:
        members = await state(context)
    except AWAY as error:
        body = {"status": "unavailable", "reason": f"The database does not answer ({type(error).__name__})."}
        return Response(msgspec.json.encode(body), status_code=503, media_type="application/json")
    if context.batcher.depth > FULL * context.settings.queue:
        body = members | {"status": "unavailable", "reason": "The queue of ratings is full."}
        return Response(msgspec.json.encode(body), status_code=503, media_type="application/json")
    return Response(msgspec.json.encode({"status": "ready"} | members), media_type="application/json")


@get("/metrics", guards=[requires("metrics:read", "scores:read")], include_in_schema=False)
async def get_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the metrics of this process in Prometheus' text form."""
    context: Context = request.app.state.context
    metrics.QUEUE_DEPTH.set(context.batcher.depth)
    try:
        now = await state(context)
        sync_metrics.show(await sync_stand.stands(request, None, sync_metrics.SECONDS))
    except AWAY:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
    metrics.HEAD.set(now["position"])
    metrics.BACKUP_AGE.set(-1 if now["backupAge"] is None else now["backupAge"])
    metrics.DELIVERIES_WAITING.set(now["deliveries"]["waiting"])
    metrics.DELIVERIES_DEAD.set(now["deliveries"]["dead"])
    metrics.DELIVERY_AGE.set(now["deliveries"]["oldest"])
    for name, projection in now["projections"].items():
        metrics.PROJECTION_LAG.labels(name).set(projection["lag"])
        metrics.PROJECTION_STATE.labels(name).set(projection["state"] == "live")
    for handler in now["handlers"]:
        metrics.PARKED.labels(handler).set(now["parked"].get(handler, 0))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


routes = [healthz, readyz, get_metrics]
