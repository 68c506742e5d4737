"""HTTP to one service: one session with keep-alive, time-outs, pace, slots, and patience with passing failures.

Belongs here: what is the same for every service. Does not: paths, keys, the meaning of a refusal (each service's
own folder).

Passing failures (time-out, dropped connection, 408, 429, 5xx, 403 without JSON, an answer that is HTML or cut off) are
tried again with full jitter, a bounded number of times. Every other 4xx is raised at once as `RefusedError`.

Repeating a change whose answer was lost is safe because every operation of a plan names the state it wants, never a
step: what took effect the first time is either done again without effect, or refused in a way that its caller
recognises ("already there", "already archived") and settles by reading. `attempts` of an answer tells that caller
whether an earlier try may have taken effect. No message or log line holds a query, a body or an address.
"""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from pipelines.config.values import is_loopback
from pipelines.errors import PermanentError, TransientError
from pipelines.http.slots import Pace, Slots

if TYPE_CHECKING:
    from pipelines.config.connections import HttpSettings

log = logging.getLogger(__name__)

BACKOFF_BASE_SECONDS = 1.0
BACKOFF_CAP_SECONDS = 60.0
PASSING_STATUSES = frozenset({408, 429})
NO_URL = (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema)

# A path segment that is an address, or the MD5 of one, is personal data.
_PERSONAL = re.compile(r"[^/]*(?:@|%40)[^/]*|[0-9a-fA-F]{32,}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A usable answer: 2xx with the JSON document, None where there is no body. `attempts` counts from 1."""

    status: int
    body: Any
    attempts: int


class RefusedError(PermanentError):
    """A 4xx. `body` is the service's JSON document, {} where there was none; it may hold personal data."""

    def __init__(
        self, what: str, *, where: str, do: str, status: int, body: Mapping[str, Any], attempts: int = 1
    ) -> None:
        super().__init__(what, where=where, do=do, status=status)
        self.body = body
        self.attempts = attempts


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an answer and how often to ask again. Seconds; `wait` and `jitter` are for tests.

    `least_pause` comes before the jitter, for a service that never says how long to stay away.
    """

    connect_timeout: float = 10.0
    read_timeout: float = 130.0
    max_attempts: int = 6
    least_pause: float = 0.0
    wait: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    @classmethod
    def of(cls, connection: "HttpSettings", *, least_pause: float = 0.0) -> "Patience":
        """The patience that a connection's settings ask for."""
        return cls(connection.connect_timeout, connection.read_timeout, connection.max_attempts, least_pause)


class Bearer(AuthBase):
    """A token in the Authorization header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _PassingError(Exception):
    """A failure that may pass: what came instead of an answer, and how long the server asked us to stay away."""

    def __init__(self, reason: str, status: int | None = None, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after


class Http:
    """Calls below one root URL, for any number of threads.

    `service` stands for it in messages, `advice` says per status what the user should do.
    """

    def __init__(
        self,
        root: str,
        *,
        service: str,
        auth: AuthBase | None = None,
        patience: Patience | None = None,
        slots: Slots | None = None,
        pace: Pace | None = None,
        pool_size: int = 10,
        advice: Mapping[int, str] | None = None,
    ) -> None:
        self.root = root.rstrip("/")
        self.service = service
        self._patience = patience or Patience()
        self._slots = slots
        self._pace = pace
        self._advice = advice or {}
        self._session = _session(self.root, auth, pool_size)
        self._lock = threading.Lock()
        self._calls = 0

    @property
    def calls(self) -> int:
        """How many requests were sent so far, repeated ones counted each time."""
        return self._calls

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        may_be_empty: bool = False,
        auth: AuthBase | None = None,
        pace: Pace | None = None,
        attempts: int | None = None,
    ) -> Answer:
        """Send one request and wait for a usable answer; `auth`, `pace` and `attempts` stand in for those of all calls.

        Raises `RefusedError` on a 4xx, `PermanentError` where no answer can ever come, `TransientError` when all
        attempts failed. An empty body is a failure unless the status is 204 or it `may_be_empty`.
        """
        subject = f"{method} {_shown(path)}"
        most = attempts or self._patience.max_attempts
        for attempt in range(1, most + 1):
            try:
                response = self._send(
                    method, path, subject, query=query, json=json, form=form, auth=auth, pace=pace or self._pace
                )
                return self._judge(response, subject, attempt, may_be_empty=may_be_empty)
            except _PassingError as failure:
                if attempt == most:
                    raise self._given_up(subject, failure, most) from None
                pause = self._pause(attempt, failure)
                log.warning(
                    "%s gave no usable answer to %s (%s): attempt %d of %d follows in %.1f s.",
                    *(self.service, subject, failure.reason, attempt + 1, most, pause),
                )
                self._patience.wait(pause)
        raise AssertionError("max_attempts is at least 1")

    def close(self) -> None:
        """Let go of all connections."""
        self._session.close()

    def _send(self, method: str, path: str, subject: str, **content: Any) -> requests.Response:
        if content["pace"]:
            content["pace"].turn()
        slot: AbstractContextManager[None] = self._slots.hold() if self._slots else nullcontext()
        with slot:
            with self._lock:
                self._calls += 1
            try:
                return self._session.request(
                    method,
                    self.root + path,
                    params=content["query"],
                    json=content["json"],
                    data=content["form"],
                    auth=content["auth"],
                    timeout=(self._patience.connect_timeout, self._patience.read_timeout),
                    allow_redirects=False,
                )
            # The messages of these exceptions hold the whole URL: only their kind is passed on.
            except requests.exceptions.SSLError:
                raise self._hopeless("its certificate can't be trusted", subject) from None
            except requests.Timeout:
                raise _PassingError("no answer in time") from None
            except NO_URL:
                raise self._hopeless("the URL is not one", subject) from None
            except requests.RequestException as error:
                raise _PassingError(_broken(error)) from None

    def _judge(self, response: requests.Response, subject: str, attempt: int, *, may_be_empty: bool) -> Answer:
        status = response.status_code
        body, is_json = _document(response)
        if status in PASSING_STATUSES or status >= 500 or (status == 403 and not is_json):
            raise _PassingError(f"status {status}", status, _retry_after(response))
        if 300 <= status < 400:
            raise self._hopeless(f"it answers with a redirect (status {status})", subject)
        if status >= 400:
            raise self._refusal(status, body if isinstance(body, dict) else {}, subject, attempt)
        if status == 204 or (may_be_empty and not response.content):
            return Answer(status, None, attempt)
        if not is_json:
            raise _PassingError(f"status {status} without a whole JSON document", status)
        return Answer(status, body, attempt)

    def _pause(self, attempt: int, failure: _PassingError) -> float:
        ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2.0 ** (attempt - 1))
        jittered = self._patience.least_pause + ceiling * self._patience.jitter()
        return max(min(failure.retry_after, BACKOFF_CAP_SECONDS), jittered)

    def _refusal(self, status: int, body: Mapping[str, Any], subject: str, attempt: int) -> RefusedError:
        title = body.get("title")
        words = f"{status} {title}" if isinstance(title, str) and "@" not in title else str(status)
        return RefusedError(
            f"{self.service} refused {subject} ({words}).",
            where=self._where,
            do=self._advice.get(status, ""),
            status=status,
            body=body,
            attempts=attempt,
        )

    def _hopeless(self, reason: str, subject: str) -> PermanentError:
        return PermanentError(
            f"{self.service} can't be used for {subject}: {reason}.",
            where=self._where,
            do="Check `url` of the connection.",
        )

    def _given_up(self, subject: str, failure: _PassingError, attempts: int) -> TransientError:
        return TransientError(
            f"{self.service} gave no usable answer to {subject} in {attempts} attempt{'s' * (attempts > 1)}; "
            f"the last one ended with {failure.reason}.",
            where=self._where,
            do="Try again later: nothing is lost, the next run goes on from what is there by then.",
            status=failure.status,
        )

    @property
    def _where(self) -> str:
        return urlsplit(self.root).hostname or self.service


def _session(root: str, auth: AuthBase | None, pool_size: int) -> requests.Session:
    session = requests.Session()
    session.headers.update({"User-Agent": _user_agent(), "Accept": "application/json"})
    session.auth = auth
    # Cookies would be the only state that threads share; no service needs them.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if is_loopback(root):
        session.trust_env = False  # a proxy can't reach our loopback
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _user_agent() -> str:
    try:
        number = ".".join(version("enlist").split(".")[:2])
    except PackageNotFoundError:
        number = "0"
    return f"enlist/{number} (+audience sync; python-requests/{requests.__version__})"


def _document(response: requests.Response) -> tuple[Any, bool]:
    """The JSON document and whether there is one. Decoded by us: some services forget the charset."""
    try:
        return response.json(), True
    except requests.exceptions.JSONDecodeError:
        return None, False


def _retry_after(response: requests.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0


def _broken(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "an answer that was cut off"
    return "a connection that could not be made or was dropped"


def _shown(path: str) -> str:
    return _PERSONAL.sub("…", path)
