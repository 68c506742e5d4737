"""One MailUp account: its address, its tokens, the pace of each method, what its refusals mean.

Belongs here: one call and its errors. Does not: what is called.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from pipelines.errors import TransientError
from pipelines.http.client import Answer, Bearer, Http, Patience, RefusedError
from pipelines.http.slots import Paces, Slots, fingerprint
from pipelines.http.threads import Threads
from pipelines.providers.mailup.tokens import Tokens
from pipelines.providers.mailup.values import folded, masked

if TYPE_CHECKING:
    from pipelines.config.connections import MailupConnection

CONSOLE = "/API/v1.1/Rest/ConsoleService.svc/Console"
STATISTICS = "/API/v1.1/Rest/MailStatisticsService.svc"
LEAST_PAUSE = 1.0  # MailUp counts calls by the second and never says how long to stay away

ADVICE = {
    400: "MailUp takes the call for malformed; its own words say what it misses.",
    401: "Log-ins work, but their tokens are refused: check in MailUp's console that the user is not locked.",
    403: "The user may not do this: use one of the type Administrator, who sees all of the account (A5).",
    404: "Check that the list, group or message still exists in this account.",
}
TERMS = "Log in to MailUp's console once and accept the terms of service: until then it refuses every call."

_TERMS = re.compile(r"contract not signed|terms of service", re.I)
_TOKEN = re.compile(r"token|authori[sz]ation", re.I)
_NUMBER = re.compile(r"(?<=/)\d+(?=/|$)")

Item = TypeVar("Item")
Result = TypeVar("Result")
Query = Mapping[str, str | int]


class Client:
    """Calls to one account, also side by side: never more than `connections` at a time on this machine."""

    def __init__(
        self, name: str, connection: "MailupConnection", locks: Path, *, patience: Patience | None = None
    ) -> None:
        root = connection.root_url.rstrip("/")
        # MailUp counts calls per account; the user is the nearest thing we know before the first call.
        self.account = f"mailup-{fingerprint(root + connection.username)}"
        self.patience = patience or Patience.of(connection, least_pause=LEAST_PAUSE)
        self.page_size = connection.page_size
        self.zone = ZoneInfo(connection.timezone)
        self.locks = locks
        rate = connection.rate_per_second
        self._paces = Paces(locks, self.account, rate) if rate else None
        self._http = Http(
            root,
            service="MailUp",
            patience=self.patience,
            slots=Slots(locks, self.account, connection.connections),
            pool_size=connection.connections,
            advice=ADVICE,
        )
        # Without slots: a call that holds the last one may have to wait for a token.
        self._door = Http(root, service="MailUp", patience=self.patience, pool_size=1)
        self._tokens = Tokens(self._door, connection, locks, self._paces.of("token") if self._paces else None)
        self._threads = Threads(connection.connections, f"mailup-{name}")

    @property
    def calls(self) -> int:
        """Requests sent so far, log-ins and repeated ones counted."""
        return self._http.calls + self._door.calls

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: Any = None,
        empty: bool = False,
        attempts: int | None = None,
    ) -> Any:
        """One call; its document with keys in lower case, None where there is none and it may be `empty`.

        `attempts` stands in for the usual number. A dead token is renewed and the call made again, once. Raises what
        `Http.call` raises; a `RefusedError` says what MailUp said, addresses masked, and what to do about it.
        """
        token = self._tokens.current()
        try:
            return folded(self._once(token, method, path, query, json, empty, attempts).body)
        except RefusedError as error:
            if not _is_about_token(error):
                raise _explained(error) from None
            token = self._tokens.renewed(token, log_in=error.status == 400)
        try:
            return folded(self._once(token, method, path, query, json, empty, attempts).body)
        except RefusedError as error:
            raise _explained(error) from None

    def get(self, path: str, query: Query | None = None) -> Any:
        """The document at `path`."""
        return self.call("GET", path, query=query)

    def document(self, path: str, query: Query | None = None) -> Mapping[str, Any]:
        """The JSON object at `path`."""
        return as_object(self.get(path, query))

    def in_order(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """See `Threads.in_order`."""
        return self._threads.in_order(work, items)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.close()
        self._http.close()
        self._door.close()

    def _once(
        self, token: str, method: str, path: str, query: Query | None, json: Any, empty: bool, attempts: int | None
    ) -> Answer:
        return self._http.call(
            method,
            path,
            query=query,
            json=json,
            may_be_empty=empty,
            auth=Bearer(token),
            attempts=attempts,
            pace=self._paces.of(operation(method, path)) if self._paces else None,
        )


def operation(method: str, path: str) -> str:
    """The method that MailUp counts a call as: its path without the ids, fit for a file name."""
    for base in (CONSOLE, STATISTICS):
        path = path.removeprefix(base)
    return "-".join((method, *_NUMBER.sub("_", path).strip("/").split("/"))).lower()


def as_object(body: Any) -> Mapping[str, Any]:
    """The JSON object of an answer."""
    if not isinstance(body, dict):
        what = "it answered with something that is not a JSON object."
        raise TransientError(what, where="MailUp", do="Try again later.")
    return body


def words_of(error: RefusedError) -> str:
    """What MailUp said, addresses masked; "" where it said nothing."""
    body = folded(error.body)
    return masked(str(body.get("errordescription") or body.get("error_description") or body.get("errorname") or ""))


def _is_about_token(error: RefusedError) -> bool:
    # MailUp answers a malformed token like any malformed request, with 400: only its words tell them apart.
    return error.status == 401 or (error.status == 400 and bool(_TOKEN.search(words_of(error))))


def _explained(error: RefusedError) -> RefusedError:
    words = words_of(error)
    is_of_terms = error.status == 403 and _TERMS.search(words)
    return RefusedError(
        f"{error.what.rstrip('.')}: {words.rstrip('.')}." if words else error.what,
        where=error.where,
        do=TERMS if is_of_terms else error.do,
        status=error.status or 400,
        body=error.body,
        attempts=error.attempts,
    )
