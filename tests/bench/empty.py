"""What the single rating is measured against: a Litestar handler that decodes and validates the same body."""

from typing import Any

from litestar import Litestar, post
from litestar.params import JSONBody

from haocha.web.forms import RatingIn


@post("/v1/ratings", status_code=201)
async def rating(data: JSONBody[RatingIn]) -> dict[str, Any]:
    """Answer as the real one does, for nothing."""
    return {
        "ratingId": "d19e4a8a-5f79-56d1-9227-3578f4468153",
        "position": data.satisfaction,
        "receipt": "0000-001D-CMVF-Y6C0-ZH68",
        "duplicate": False,
        "flags": [],
    }


app = Litestar([rating], openapi_config=None, logging_config=None)
