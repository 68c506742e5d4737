"""Plain HTTP calls of the Vtiger simulator, for its own contract tests."""

import hashlib
import json
from typing import Any

import requests

from pipelines.sandbox.vtiger.simulator import Vtiger


class VtigerCaller:
    """Plain calls of webservice.php, with the session of a login in every one."""

    def __init__(self, simulator: Vtiger) -> None:
        self.simulator = simulator
        self.http = requests.Session()
        self.http.trust_env = False
        self.session_name = ""
        self.login()

    def __enter__(self) -> "VtigerCaller":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, operation: str, **params: str) -> requests.Response:
        """A GET; a session of its own may be among the parameters."""
        asked = {"operation": operation, "sessionName": self.session_name, **params}
        return self.http.get(f"{self.simulator.url}/webservice.php", params=asked, timeout=20)

    def post(self, operation: str, **form: str) -> requests.Response:
        """A POST with a form."""
        asked = {"operation": operation, "sessionName": self.session_name, **form}
        return self.http.post(f"{self.simulator.url}/webservice.php", data=asked, timeout=20)

    def challenge(self, user_name: str = "admin") -> str:
        """A new token."""
        return str(result(self.get("getchallenge", username=user_name))["token"])

    def answer(self, token: str, user_name: str = "admin") -> requests.Response:
        """A login with this token."""
        digest = hashlib.md5((token + self.simulator.access_key).encode()).hexdigest()
        return self.post("login", username=user_name, accessKey=digest)

    def login(self, user_name: str = "admin") -> dict[str, Any]:
        """Logs in and uses the new session from now on."""
        found: dict[str, Any] = result(self.answer(self.challenge(user_name), user_name))
        self.session_name = found["sessionName"]
        return found

    def query(self, text: str) -> list[dict[str, Any]]:
        """Rows of a query that is answered."""
        found: list[dict[str, Any]] = result(self.get("query", query=text))
        return found

    def create(self, module: str, **values: Any) -> dict[str, Any]:
        """A record as it was stored."""
        element = json.dumps({"assigned_user_id": "19x1", **values})
        found: dict[str, Any] = result(self.post("create", elementType=module, element=element))
        return found

    def revise(self, record_id: str, **values: Any) -> dict[str, Any]:
        """A record as it is afterwards."""
        found: dict[str, Any] = result(self.post("revise", element=json.dumps({"id": record_id, **values})))
        return found


def result(answer: requests.Response) -> Any:
    """What a successful answer holds."""
    body = answer.json()
    assert (answer.status_code, body["success"]) == (200, True), body
    assert set(body) == {"success", "result"}
    return body["result"]


def refusal(answer: requests.Response) -> tuple[str | int, str]:
    """Code and message of a refusal, which is HTTP 200 too."""
    body = answer.json()
    assert (answer.status_code, body["success"], set(body)) == (200, False, {"success", "error"}), body
    return body["error"]["code"], body["error"]["message"]
