"""Calls to webservice.php: challenge, login, sessions that end, and the envelope around every answer.

Belongs here: what both transports share (`Transport`, `result_of`), and the one of the open source editions. Does not:
the Cloud's (restapi.py), what is asked.

A failure comes with HTTP status 200, and its code does not tell causes apart: ACCESS_DENIED is an unknown user, module
or column, a malformed id, a deleted record, or the wrong HTTP method. So messages are passed on, addresses excepted.
"""

import logging
import queue
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines import locks as file_locks
from pipelines.config.connections import VtigerConnection
from pipelines.errors import EnlistError, PermanentError, TransientError
from pipelines.http.client import Http, Patience
from pipelines.http.slots import Pace, fingerprint

log = logging.getLogger(__name__)

PATH = "/webservice.php"
DEAD_SESSION = frozenset(
    {"AUTHENTICATION_REQUIRED", "INVALID_SESSIONID", "SESSION_EXPIRED", "SESSION_LEFT_IDLE", "INVALID_AUTH_TOKEN"}
)
# What the user may not see, or what is not there; restapi has the status for a code.
DENIED = frozenset({"ACCESS_DENIED", "403", "404"})
OLDEST_VERSION = 7
LOGIN_WAIT = 120.0


class VtigerRefused(PermanentError):
    """Vtiger said no; `code` as it came, as text, because duplicate prevention answers with the number 0."""

    def __init__(self, code: str, message: str, *, where: str) -> None:
        self.code = code
        self.message = re.sub(r"\S*@\S*", "…", message).strip().rstrip(".")
        super().__init__(f"Vtiger refused: {self.message} ({code}).", where=where)


class Transport(ABC):
    """Calls by operation; for any number of threads. Raises `VtigerRefused`, `PermanentError`, `TransientError`."""

    http: Http
    max_calls: int | None

    @abstractmethod
    def get(self, operation: str, **parameters: str) -> Any:
        """The result of an operation that only reads; tried again when it fails in passing."""

    @abstractmethod
    def post(self, operation: str, **parameters: str) -> Any:
        """The result of an operation that writes; sent once, because a lost answer does not say what was done."""

    @abstractmethod
    def user_id(self) -> str:
        """The id of the integration user, such as 19x1."""

    @abstractmethod
    def close(self) -> None:
        """Let go of sessions and connections."""

    @property
    def where(self) -> str:
        """The host, for messages."""
        return urlsplit(self.http.root).hostname or "Vtiger"

    def count_call(self) -> None:
        """Raise when the calls that the connection allows are used up."""
        if self.max_calls is not None and self.http.calls >= self.max_calls:
            raise PermanentError(
                f"The {self.max_calls:,} calls that max_calls allows were not enough.",
                where=self.where,
                do="Raise max_calls, read fewer entities, or run less often; the last good extract stays.",
            )


def open_http(root: str, connection: VtigerConnection, locks: Path, patience: Patience | None, **more: Any) -> Http:
    """The HTTP connection of either transport, with the connection's limits."""
    rate = connection.rate_per_second
    account = f"vtiger-{fingerprint(root + connection.username)}"
    return Http(
        root,
        service="Vtiger",
        patience=patience or Patience.of(connection),
        pace=Pace(locks, account, rate) if rate else None,
        pool_size=connection.sessions,
        **more,
    )


def result_of(body: Any, where: str) -> Any:
    """What an answer holds; raises `VtigerRefused` for a failure."""
    if isinstance(body, dict) and body.get("success") is True and "result" in body:
        return body["result"]
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        error = body["error"]
        raise VtigerRefused(str(error.get("code")), str(error.get("message")), where=where)
    raise TransientError("Vtiger answered with something that is no Vtiger answer.", where=where, do="Check `url`.")


def check_user(user: Any, connection: VtigerConnection, where: str) -> None:
    """Refuse a version that is too old, and a user whose times mean something else than the settings say (A8)."""
    version = str(user.get("vtigerVersion") or user.get("vtiger_version") or "")
    major = re.match(r"\d+", version)
    if major and int(major[0]) < OLDEST_VERSION:
        raise PermanentError(
            f"This is Vtiger {version}, and {OLDEST_VERSION}.0 is the oldest that can be read.",
            where=where,
            do="Update the CRM, or read its database with kind: sql.",
        )
    zone = str(user.get("time_zone") or "")
    if zone and zone != connection.timezone:
        raise PermanentError(
            f"The time zone of user {connection.username} is {zone}, and the connection says {connection.timezone}.",
            where=where,
            do="Set the user's time zone to UTC in Vtiger; or, if it must stay, set timezone of the connection.",
        )


class WebService(Transport):
    """webservice.php with up to `sessions` sessions, made when they are needed."""

    def __init__(self, connection: VtigerConnection, locks: Path, patience: Patience | None = None) -> None:
        self.http = open_http(connection.url, connection, locks, patience)
        self.max_calls = connection.max_calls
        self._connection = connection
        self._lock = locks / f"vtiger-login-{fingerprint(connection.url + connection.username)}"
        self._user_id = ""
        # One session runs one call at a time (PHP locks it), so a session is lent to one thread at a time.
        self._free: queue.LifoQueue[str | None] = queue.LifoQueue()
        for _ in range(connection.sessions):
            self._free.put(None)

    def get(self, operation: str, **parameters: str) -> Any:
        """See `Transport`."""
        return self._in_session(
            lambda session: self._call("GET", {"operation": operation, **parameters, "sessionName": session})
        )

    def post(self, operation: str, **parameters: str) -> Any:
        """See `Transport`."""
        return self._in_session(
            lambda session: self._call(
                "POST", {"operation": operation, **parameters, "sessionName": session}, attempts=1
            )
        )

    def user_id(self) -> str:
        """See `Transport`."""
        if not self._user_id:
            with self._session() as lent:
                lent[0] = lent[0] or self._login()
        return self._user_id

    def close(self) -> None:
        """Log out of every session; one that can't be reached any more ends by itself."""
        while not self._free.empty():
            session = self._free.get_nowait()
            if session is not None:
                try:
                    self._call("POST", {"operation": "logout", "sessionName": session}, attempts=1)
                except EnlistError as error:
                    log.debug("Vtiger: logout was not heard: %s", type(error).__name__)
        self.http.close()

    def _in_session(self, call: Callable[[str], Any]) -> Any:
        """The call with a session; once more with a new one when Vtiger says that the session is dead."""
        with self._session() as lent:
            if lent[0] is not None:
                try:
                    return call(lent[0])
                except VtigerRefused as refused:
                    if refused.code not in DEAD_SESSION:
                        raise
                    lent[0] = None
            session = self._login()
            lent[0] = session
            return call(session)

    @contextmanager
    def _session(self) -> Iterator[list[str | None]]:
        lent = [self._free.get()]
        try:
            yield lent
        finally:
            self._free.put(lent[0])

    def _login(self) -> str:
        # A challenge deletes the user's earlier one: two that log in as one user at a time both fail.
        with file_locks.held(self._lock, wait=LOGIN_WAIT, busy="Another run is logging in to Vtiger."):
            try:
                user = self._answer_challenge()
            except VtigerRefused as refused:
                if refused.code != "INVALID_USER_CREDENTIALS":
                    raise self._no_login(refused) from None
                try:
                    user = self._answer_challenge()  # somebody elsewhere may have asked for a challenge in between
                except VtigerRefused as again:
                    raise self._no_login(again) from None
        check_user(user, self._connection, self.where)
        self._user_id = str(user.get("userId") or "")
        return str(user.get("sessionName") or user.get("sessionId") or "")

    def _answer_challenge(self) -> Any:
        name = self._connection.username
        token = self._call("GET", {"operation": "getchallenge", "username": name})["token"]
        key = f"{token}{self._connection.access_key.get_secret_value()}"
        answer = md5(key.encode(), usedforsecurity=False).hexdigest()  # the scheme is Vtiger's
        return self._call("POST", {"operation": "login", "username": name, "accessKey": answer}, attempts=1)

    def _call(self, method: str, parameters: dict[str, str], attempts: int | None = None) -> Any:
        self.count_call()
        kind = "query" if method == "GET" else "form"
        answer = self.http.call(method, PATH, attempts=attempts, **{kind: parameters})  # type: ignore[arg-type]
        return result_of(answer.body, self.where)

    def _no_login(self, refused: VtigerRefused) -> PermanentError:
        return PermanentError(
            f"Vtiger does not let {self._connection.username} in: {refused.message}.",
            where=self.where,
            do="Check username and access_key of the connection: the key is in My Preferences, it is not the password.",
        )
