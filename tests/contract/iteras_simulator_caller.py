"""Plain HTTP calls of the Iteras simulator, for its own contract tests."""

from typing import Any

import requests

from pipelines.sandbox.iteras.simulator import Iteras


class IterasCaller:
    """Plain calls of the API, with the key in the header."""

    def __init__(self, simulator: Iteras) -> None:
        self.simulator = simulator
        self.url = f"{simulator.url}/api/customers/"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["X-Iteras-Key"] = simulator.api_key

    def __enter__(self) -> "IterasCaller":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, **query: Any) -> requests.Response:
        """GET /api/customers/."""
        return self.http.get(self.url, params=query, timeout=20)

    def rows(self, **query: Any) -> Any:
        """The reply of a GET that is answered."""
        answer = self.get(**query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def update(self, *operations: dict[str, Any]) -> dict[str, Any]:
        """The outcome of operations, sent as JSON."""
        answer = self.http.post(f"{self.url}update/", json={"operations": list(operations)}, timeout=20)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found
