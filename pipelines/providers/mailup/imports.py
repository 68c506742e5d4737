"""One import of MailUp, from its start to its end.

Belongs here: starting, looking at it until it is done, what it counted. Does not: rows (batch_imports.py), what became
of each (settling.py).

MailUp runs imports in the background. Its older API refuses a second one while one runs, and nobody says what this one
does: so all processes of this machine take turns.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.errors import TransientError
from pipelines.http.client import RefusedError
from pipelines.http.slots import Slots
from pipelines.providers.mailup.client import CONSOLE, Client, as_object, words_of

if TYPE_CHECKING:
    from pipelines.config.connections import MailupConnection

log = logging.getLogger(__name__)

FIRST_LOOK_SECONDS = 0.5  # a small import is done at once

_BUSY = re.compile(r"import\b.*\b(running|progress|pending|executing)", re.I)


@dataclass(frozen=True, slots=True)
class Counted:
    """What an import says of itself when it is done."""

    import_id: int
    valid: int
    not_valid: int


class Imports:
    """Imports into the lists and groups of one account."""

    def __init__(
        self, client: Client, connection: "MailupConnection", *, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._pause = wait
        self._longest = connection.import_timeout.total_seconds()
        self._gap = connection.import_poll.total_seconds()
        self._turns = Slots(
            client.locks, f"{client.account}-import", connection.imports_at_a_time, patience=self._longest
        )

    def run(
        self,
        path: str,
        rows: Sequence[Mapping[str, Any]],
        options: Mapping[str, str] | None = None,
        tell: Callable[[int], None] = lambda done: None,
    ) -> Counted:
        """Import rows into the list or group at `path` and wait for the end; `tell` hears how many rows are through.

        Repeating a start whose answer was lost is safe: an import names what is to be, and the same import twice leaves
        the same. Raises `TransientError` when it does not end in time, besides what calls raise.
        """
        with self._turns.hold():
            counted = self._wait(import_id := self._start(path, rows, options), tell)
        log.info("MailUp: import %d of %d rows is done, %d not valid", import_id, len(rows), counted.not_valid)
        return counted

    def send_confirmations(self, import_id: int) -> None:
        """Let the confirmation mail of an import with ConfirmEmail go out: MailUp makes it, but does not send it."""
        sending = self._client.document(f"{CONSOLE}/Import/{import_id}/Sending").get("idsending")
        if sending:
            self._client.call("POST", f"{CONSOLE}/Email/Sendings/{int(sending)}/Immediate", empty=True)

    def _start(self, path: str, rows: Sequence[Mapping[str, Any]], options: Mapping[str, str] | None) -> int:
        """The id of the import; while somebody else's import runs, say one made in the console, it is waited for."""
        ends_at = time.monotonic() + self._longest
        while True:
            try:
                return int(self._client.call("POST", path, query=options, json=list(rows)))
            except RefusedError as error:
                if not _BUSY.search(words_of(error)):
                    raise
                if time.monotonic() > ends_at:
                    raise TransientError(
                        f"Another import of MailUp was not done after {self._longest:.0f} seconds.",
                        where="MailUp",
                        do="Look at the page Import of MailUp's console, then try again.",
                    ) from None
            self._pause(self._gap)

    def _wait(self, import_id: int, tell: Callable[[int], None]) -> Counted:
        ends_at = time.monotonic() + self._longest
        pause = min(FIRST_LOOK_SECONDS, self._gap)
        while True:
            self._pause(pause)
            body = as_object(self._client.get(f"{CONSOLE}/Import/{import_id}"))
            if body.get("completed"):
                return Counted(
                    import_id, int(body.get("validrecipients") or 0), int(body.get("notvalidrecipients") or 0)
                )
            if time.monotonic() > ends_at:
                raise TransientError(
                    f"Import {import_id} of MailUp was not done after {self._longest:.0f} seconds.",
                    where="MailUp",
                    do="Look at the page Import of MailUp's console; the next run goes on from what is there by then.",
                )
            tell(int(body.get("importedrecipients") or 0))
            pause = min(2 * pause, self._gap)
