"""Plain HTTP calls of the MailUp simulator, for its own contract tests."""

from typing import Any

import requests

from pipelines.sandbox.mailup.simulator import Mailup

REST = "/API/v1.1/Rest"


class MailupCaller:
    """Plain calls of the simulated host, with the token of a password grant in every one."""

    def __init__(self, simulator: Mailup) -> None:
        self.simulator = simulator
        self.list_id = simulator.list_id
        self.session = requests.Session()
        self.session.trust_env = False
        self.login()

    def __enter__(self) -> "MailupCaller":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def credentials(self, **changes: str) -> dict[str, str]:
        """The form of a password grant."""
        found = self.simulator
        form = {"grant_type": "password", "username": found.username, "password": found.password}
        return {**form, "client_id": found.client_id, "client_secret": found.client_secret, **changes}

    def token(self, **changes: str) -> requests.Response:
        """A call of the token endpoint with a form."""
        return self.host("POST", "/Authorization/OAuth/Token", data=self.credentials(**changes))

    def login(self) -> dict[str, Any]:
        """Takes a new pair of tokens and uses it from now on."""
        pair: dict[str, Any] = self.token().json()
        self.session.headers["Authorization"] = f"Bearer {pair['access_token']}"
        return pair

    def host(self, method: str, path: str, **options: Any) -> requests.Response:
        """Anything below the root of the host."""
        return self.session.request(method, f"{self.simulator.url}{path}", timeout=20, allow_redirects=False, **options)

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        """A call of the console, relative to /Console."""
        path = path.replace("LIST", f"/List/{self.list_id}")
        return self.host(method, f"{REST}/ConsoleService.svc/Console{path}", **options)

    def statistics(self, path: str, **options: Any) -> Any:
        """JSON of a call of the statistics service."""
        answer = self.host("GET", f"{REST}/MailStatisticsService.svc{path}", **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Items of one large page."""
        answer = self("GET", path, params={"PageSize": 1000, **query})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["Items"]
        return found

    def imported(self, path: str, rows: list[dict[str, Any]], **query: Any) -> dict[str, Any]:
        """Starts an import, lets it be done at once, and gives its counters."""
        answer = self("POST", path, json=rows, params=query)
        assert answer.status_code == 200, answer.text
        self.simulator.finish_imports()
        counters: dict[str, Any] = self("GET", f"/Import/{answer.json()}").json()
        assert counters["Completed"] is True
        return counters

    def statuses(self) -> dict[str, str]:
        """{address: Status} of EmailOptins."""
        return {item["Email"]: item["Status"] for item in self.items("LIST/Recipients/EmailOptins")}
