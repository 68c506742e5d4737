"""The tokens of one user of MailUp: logged in once, refreshed by one at a time, shared by all threads and processes.

Belongs here: log-in, refresh, keeping. Does not: calls with a token (client.py).

A refresh answers with a new access token and a new refresh token, and the old ones may be dead at once. So whoever
refreshes holds a lock of the account, looks first whether somebody else has just done it, and puts both tokens in
place in one step. The file lies among the home's locks, readable by its owner alone; deleting it only costs a log-in.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from requests.auth import HTTPBasicAuth

from pipelines import locks as file_locks
from pipelines.errors import PermanentError, TransientError
from pipelines.http.client import Http, RefusedError
from pipelines.http.slots import Pace, fingerprint
from pipelines.providers.mailup.values import folded, masked

if TYPE_CHECKING:
    from pipelines.config.connections import MailupConnection

PATH = "/Authorization/OAuth/Token"
MARGIN_SECONDS = 60.0
LIFETIME_SECONDS = 3600.0
LOGIN_WAIT = 1200.0  # seconds; longer than all tries of somebody else's log-in


@dataclass(frozen=True, slots=True)
class Pair:
    """Both tokens as they came, never one without the other. `ends_at` is in seconds since 1970."""

    access: str
    refresh: str
    ends_at: float


class Tokens:
    """The tokens of a connection's user."""

    def __init__(
        self,
        http: Http,
        connection: "MailupConnection",
        locks: Path,
        pace: Pace | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._pace = pace
        self._clock = clock
        self._client = (connection.client_id, connection.client_secret.get_secret_value())
        self._user = {"username": connection.username, "password": connection.password.get_secret_value()}
        # With the secrets in the name a corrected password is tried, and a wrong one never lives on its old token.
        name = fingerprint("\n".join((http.root, *self._client, *self._user.values())))
        locks.mkdir(parents=True, exist_ok=True)
        self._file = locks / f"mailup-{name}.token"
        self._lock = locks / f"mailup-{name}.token.lock"

    def current(self) -> str:
        """An access token that is not known to be dead."""
        kept = self._read()
        return kept.access if kept and self._lives(kept) else self.renewed(None)

    def renewed(self, rejected: str | None, *, log_in: bool = False) -> str:
        """Another access token than the `rejected` one: what somebody else got meanwhile, a refreshed or a new one.

        With `log_in` a refresh is not tried: MailUp took the tokens for malformed.
        """
        with file_locks.held(self._lock, wait=LOGIN_WAIT, busy="Another run is logging in to MailUp."):
            kept = self._read()
            if kept and kept.access != rejected and self._lives(kept):
                return kept.access
            fresh = self._refresh(kept.refresh) if kept and kept.refresh and not log_in else None
            fresh = fresh or self._log_in()
            self._write(fresh)
            return fresh.access

    def _lives(self, pair: Pair) -> bool:
        return self._clock() < pair.ends_at - MARGIN_SECONDS

    def _refresh(self, token: str) -> Pair | None:
        """None where MailUp does not take the refresh token: it was used, or is too old."""
        try:
            return self._ask({"grant_type": "refresh_token", "refresh_token": token})
        except RefusedError:
            return None

    def _log_in(self) -> Pair:
        try:
            return self._ask({"grant_type": "password", **self._user})
        except RefusedError as error:
            raise _explained(error) from None

    def _ask(self, form: Mapping[str, str]) -> Pair:
        client_id, client_secret = self._client
        answer = self._http.call(
            "POST",
            PATH,
            form={**form, "client_id": client_id, "client_secret": client_secret},
            auth=HTTPBasicAuth(client_id, client_secret),  # as MailUp's own samples do
            pace=self._pace,
        )
        body = folded(answer.body)
        if not isinstance(body, dict) or not body.get("access_token"):
            raise TransientError("it answered the log-in without a token.", where="MailUp", do="Try again later.")
        lifetime = float(body.get("expires_in") or LIFETIME_SECONDS)
        return Pair(str(body["access_token"]), str(body.get("refresh_token") or ""), self._clock() + lifetime)

    def _read(self) -> Pair | None:
        try:
            return Pair(**json.loads(self._file.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _write(self, pair: Pair) -> None:
        draft = self._file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(pair), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)


def _explained(error: RefusedError) -> PermanentError:
    body = folded(error.body)
    kind = str(body.get("error") or "")
    words = masked(str(body.get("error_description") or body.get("errordescription") or kind or error.status))
    keys = {"invalid_client": "`client_id` and `client_secret`", "invalid_grant": "`username` and `password`"}
    named = keys.get(kind, "`username`, `password`, `client_id` and `client_secret`")
    return PermanentError(
        f"MailUp refused the log-in ({words}).",
        where=error.where,
        do=f"Check {named} of the connection; an account that was closed or locked is refused the same way.",
        status=error.status,
    )
