"""One Mailchimp account: its address, its key, its connections.

Belongs here: authentication, advice on refused calls, calls side by side. Does not: what is called.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from requests.auth import AuthBase, HTTPBasicAuth

from pipelines.errors import TransientError
from pipelines.http.client import Answer, Bearer, Http, Patience
from pipelines.http.slots import Pace, Slots, fingerprint
from pipelines.http.threads import Threads

if TYPE_CHECKING:
    from pipelines.config.connections import MailchimpConnection

API_KEY = re.compile(r"[0-9a-f]{32}-[a-z]+[0-9]+")
ADVICE = {
    401: "Check `api_key` of the connection: Mailchimp does not accept it.",
    403: "The user of this key may not do this: let an admin or the owner of the account make the key.",
    404: "Check that the audience or campaign still exists in this account.",
    426: "Use https in `url` of the connection.",
}

Item = TypeVar("Item")
Result = TypeVar("Result")


class Client:
    """Calls to one account, also side by side: never more than `connections` at a time on this machine."""

    def __init__(
        self, name: str, connection: "MailchimpConnection", locks: Path, *, patience: Patience | None = None
    ) -> None:
        key = connection.api_key.get_secret_value()
        root = connection.root_url.rstrip("/") + "/3.0"
        # Mailchimp counts connections per user; the key is the nearest thing we know before the first call.
        account = f"mailchimp-{fingerprint(root + key)}"
        rate = connection.rate_per_second
        self.page_size = connection.page_size
        self.http = Http(
            root,
            service="Mailchimp",
            auth=_auth(key),
            patience=patience or Patience.of(connection),
            slots=Slots(locks, account, connection.connections),
            pace=Pace(locks, account, rate) if rate else None,
            pool_size=connection.connections,
            advice=ADVICE,
        )
        self._threads = Threads(connection.connections, f"mailchimp-{name}")

    @property
    def calls(self) -> int:
        """Requests sent so far, repeated ones counted each time."""
        return self.http.calls

    def call(self, method: str, path: str, *, query: Mapping[str, str | int] | None = None, json: Any = None) -> Answer:
        """One call; see `Http.call` for its errors."""
        return self.http.call(method, path, query=query, json=json)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Mapping[str, Any]:
        """The document at `path`."""
        return document(self.call("GET", path, query=query))

    def in_order(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """See `Threads.in_order`."""
        return self._threads.in_order(work, items)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.close()
        self.http.close()


def document(answer: Answer) -> Mapping[str, Any]:
    """The JSON object of an answer."""
    if not isinstance(answer.body, dict):
        what = "it answered with something that is not a JSON object."
        raise TransientError(what, where="Mailchimp", do="Try again later.")
    return answer.body


def _auth(key: str) -> AuthBase:
    # Both schemes take both kinds of credential; a key goes the way that has worked since 2014.
    return HTTPBasicAuth("enlist", key) if API_KEY.fullmatch(key) else Bearer(key)
