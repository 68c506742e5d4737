"""Calls to Vtiger Cloud: HTTP Basic, one path for each operation, the same envelope.

Belongs here: that transport. Does not: what both share (session.py).

Errors come as 4xx with their words in the status line and no promise of JSON, so the status stands for the code.
"""

from pathlib import Path
from typing import Any

from requests.auth import HTTPBasicAuth

from pipelines.config.connections import VtigerConnection
from pipelines.crm.vtiger.session import Transport, VtigerRefused, check_user, open_http, result_of
from pipelines.errors import PermanentError
from pipelines.http.client import Patience, RefusedError

ROOT = "/restapi/v1/vtiger/default"


class RestApi(Transport):
    """The Cloud's REST API; no session is kept."""

    def __init__(self, connection: VtigerConnection, locks: Path, patience: Patience | None = None) -> None:
        key = connection.access_key.get_secret_value()
        self.http = open_http(
            connection.url + ROOT,
            connection,
            locks,
            patience,
            # As bytes: requests would write letters beyond latin-1 wrongly.
            auth=HTTPBasicAuth(connection.username.encode(), key.encode()),
        )
        self.max_calls = connection.max_calls
        self._connection = connection
        self._user_id = ""

    def get(self, operation: str, **parameters: str) -> Any:
        """See `Transport`."""
        self.user_id()
        return self._call("GET", operation, parameters)

    def post(self, operation: str, **parameters: str) -> Any:
        """See `Transport`."""
        self.user_id()
        return self._call("POST", operation, parameters)

    def user_id(self) -> str:
        """See `Transport`."""
        if not self._user_id:
            user = self._call("GET", "me", {})
            check_user(user, self._connection, self.where)
            self._user_id = str(user.get("id") or user.get("userId") or "")
        return self._user_id

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()

    def _call(self, method: str, operation: str, parameters: dict[str, str]) -> Any:
        self.count_call()
        try:
            if method == "GET":
                answer = self.http.call("GET", f"/{operation}", query=parameters)
            else:
                answer = self.http.call("POST", f"/{operation}", form=parameters, attempts=1)
        except RefusedError as refused:
            if refused.status == 401:
                raise PermanentError(
                    f"Vtiger does not let {self._connection.username} in.",
                    where=self.where,
                    do="Check username and access_key of the connection: the key is in My Preferences.",
                    status=refused.status,
                ) from None
            raise VtigerRefused(str(refused.status), f"status {refused.status}", where=self.where) from None
        return result_of(answer.body, self.where)
