"""Pages of the sandbox's back stage: JSON in, JSON out, a sentence when something is wrong.

Belongs here: the envelope of such a page. Does not: what a page does (server.py, watching.py, such as mailup/admin.py).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit to a back-stage page: the verb, the query and the JSON object of the body ({} for none)."""

    method: str
    query: Mapping[str, str]
    body: dict[str, Any]


def page(path: str, action: Callable[[Visit], Any], methods: tuple[str, ...] = ("GET",)) -> Route:
    """A route that answers with what `action` returns; LookupError, TypeError and ValueError become a 400."""

    async def endpoint(request: Request) -> JSONResponse:
        try:
            body = json.loads(await request.body() or b"{}")
            if not isinstance(body, dict):
                raise TypeError("The body of a back-stage call is a JSON object.")
            return JSONResponse(action(Visit(request.method, dict(request.query_params), body)))
        except (LookupError, TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return Route(path, endpoint, methods=list(methods))
