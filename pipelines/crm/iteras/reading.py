"""Iteras as a `Source`: its customers, with what they subscribe to.

Belongs here: calls, pages, customers as rows. Does not: changing customers (writing.py), consent (a sync says
which column means no).

The vendor documents the address, the key, `id` and `fields`, and nothing about pages, wrappers or changes: those are
keys of the connection, and whatever looks like a part of the list instead of all of it stops the read.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests
from requests.auth import AuthBase

from pipelines import clock
from pipelines.config.connections import IterasConnection
from pipelines.crm.base import End, Extract, Source
from pipelines.crm.records import as_text, at_path, flattened, paged, record_list, settings_of
from pipelines.errors import PermanentError
from pipelines.http.client import Http, Patience
from pipelines.http.slots import Pace, Slots, fingerprint

CUSTOMERS = "/customers/"
STATUS = "subscription_status"
STATUSES = ("active", "ending", "future", "lapsed", "none")
OVERLAP = timedelta(minutes=10)
MORE_KEYS = ("next", "next_page", "next_url", "next_cursor", "has_more", "more")
_KEY_ADVICE = "Check api_key of the connection: it is in the account settings of Iteras."
ADVICE = {
    400: "Check fields of the connection.",
    401: _KEY_ADVICE,
    403: _KEY_ADVICE,
    404: f"{_KEY_ADVICE} Iteras may answer a wrong key with 404. If it is right, check url.",
}


class HeaderKey(AuthBase):
    """The account's key in a header of its own; never in a URL, where logs would keep it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the header."""
        request.headers["X-Iteras-Key"] = self._key
        return request


def open_http(connection: IterasConnection, locks: Path, patience: Patience | None) -> Http:
    """The HTTP connection to the account: one call at a time, in all processes."""
    key, rate = connection.api_key.get_secret_value(), connection.rate_per_second
    account = f"iteras-{fingerprint(connection.url + key)}"
    return Http(
        connection.url + "/api",
        service="Iteras",
        auth=HeaderKey(key),
        patience=patience or Patience.of(connection),
        slots=Slots(locks, account, 1),
        pace=Pace(locks, account, rate) if rate else None,
        pool_size=1,
        advice=ADVICE,
    )


class IterasSource(Source):
    """The customers of one Iteras account. `patience` replaces the connection's, for tests."""

    def __init__(
        self, name: str, connection: IterasConnection, locks: Path, *, patience: Patience | None = None
    ) -> None:
        self.full_read_every = connection.full_read_every if connection.since_param else None
        self._name = name
        self._connection = connection
        self._zone = ZoneInfo(connection.timezone)
        self._http = open_http(connection, locks, patience)

    def key(self, entity: str) -> str:
        """The key of the settings."""
        return settings_of(self._connection.entities, entity, self._name).key

    def extract(self, entity: str, since: str | None = None) -> Extract:
        """All customers; with `since` and since_param those whom Iteras calls changed since then."""
        key, where, began = self.key(entity), f"{self._name}.{entity}", clock.now()
        notes: list[str] = []
        customers = self._customers(self._connection.fields, key, where, since, notes)
        yield from paged(customers, key, where)
        return End(state=clock.text(began) if self._connection.since_param else None, notes=tuple(notes))

    def ids(self, entity: str) -> Iterator[str]:
        """All customers' keys: the list with their data only, because less can't be asked for."""
        key, where = self.key(entity), f"{self._name}.{entity}"
        for _, customer in self._customers(("data",), key, where, None, []):
            if customer.get(key):
                yield str(customer[key])

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _customers(
        self, fields: Sequence[str], key: str, where: str, since: str | None, notes: list[str]
    ) -> Iterator[tuple[str, Mapping[str, str | None]]]:
        """Customers as columns, each with its place; raises when one comes twice."""
        seen: set[str] = set()
        number = 0
        for page in self._pages({"fields": ",".join(fields), **self._changed_since(since)}, where):
            for customer in page:
                number += 1
                if not isinstance(customer, dict):
                    raise PermanentError(f"Customer {number} is no JSON object.", where=where, do="Set records_path.")
                columns = self._columns(customer)
                this = columns.get(key)
                if this and this in seen:
                    raise PermanentError(
                        "Iteras gave a customer twice, so this is not the whole list once.",
                        where=where,
                        do="Check paging, page_param, page_size_param and first_page of the connection.",
                    )
                seen.add(this or "")
                yield f"customer {this or f'number {number}'}", columns
        if self._connection.paging == "none" and number and number % 100 == 0:
            notes.append(f"Iteras gave exactly {number:,} customers. Should there be more, set paging.")

    def _columns(self, customer: Mapping[str, Any]) -> dict[str, str | None]:
        columns = flattened(customer, unpacked="data")
        status = subscription_status(customer.get("subscriptions"), clock.now(), self._zone)
        if status is not None:
            columns.setdefault(STATUS, status)
        return columns

    def _changed_since(self, since: str | None) -> dict[str, str]:
        name = self._connection.since_param
        if name is None or since is None:
            return {}
        moment = (datetime.fromisoformat(since) - OVERLAP).astimezone(self._zone)
        return {name: (moment - _twice(moment)).strftime(self._connection.since_format)}

    def _pages(self, query: dict[str, str], where: str) -> Iterator[Sequence[Any]]:
        match self._connection.paging:
            case "none":
                yield self._whole(query, where)
            case "cursor":
                yield from self._by_cursor(query, where)
            case _:
                yield from self._by_number(query, where)

    def _whole(self, query: dict[str, str], where: str) -> Sequence[Any]:
        document = self._get(query)
        more = [name for name in MORE_KEYS if isinstance(document, dict) and document.get(name)]
        if more:
            raise PermanentError(
                f"Iteras says that there is more ({', '.join(more)}); the connection does not say how to ask for it.",
                where=where,
                do="Set paging and the keys that go with it.",
            )
        return record_list(document, self._connection.records_path, where)

    def _by_number(self, query: dict[str, str], where: str) -> Iterator[Sequence[Any]]:
        """By page number or by offset, until a page is empty."""
        by_page = self._connection.paging == "page"
        at = self._connection.first_page if by_page else 0
        while True:
            document = self._get({**query, **self._page(str(at))})
            page = record_list(document, self._connection.records_path, where)
            if not page:
                return
            yield page
            at += 1 if by_page else len(page)

    def _by_cursor(self, query: dict[str, str], where: str) -> Iterator[Sequence[Any]]:
        """Until a page is empty or names no next one. The first page must have the key: else it is the wrong key."""
        path = str(self._connection.cursor_path)
        document = self._get({**query, **self._page(None)})
        cursor = at_path(document, path, where)
        while page := record_list(document, self._connection.records_path, where):
            yield page
            if not cursor:
                return
            document = self._get({**query, **self._page(as_text(cursor))})
            try:
                cursor = at_path(document, path, where)
            except PermanentError:
                cursor = None  # some services leave the key out at the end

    def _page(self, at: str | None) -> dict[str, str]:
        settings = self._connection
        size = {settings.page_size_param: str(settings.page_size)} if settings.page_size_param else {}
        return size if at is None else {str(settings.page_param): at, **size}

    def _get(self, query: Mapping[str, str]) -> Any:
        return self._http.call("GET", CUSTOMERS, query=query).body


def _twice(moment: datetime) -> timedelta:
    """How much of the clock runs twice around a local moment: an hour when summer time ends, else nothing.

    A time without its offset does not say which of the two it means.
    """
    first, second = (moment.replace(fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
    return first - second


def subscription_status(subscriptions: Any, now: datetime, zone: ZoneInfo) -> str | None:
    """The best of a customer's subscriptions: active, ending (stopped, the paid period runs), future, lapsed or none.

    None where the answer does not tell, because current_period was not asked for.
    """
    if not isinstance(subscriptions, list):
        return None
    found = [_status(one, now, zone) for one in subscriptions if isinstance(one, dict)]
    if None in found:
        return None
    return min((status for status in found if status), key=STATUSES.index, default="none")


def _status(subscription: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> str | None:
    if "current_period" not in subscription:
        return None
    if subscription["current_period"]:
        return "ending" if subscription.get("cancelled") else "active"
    if _is_later(subscription.get("begin"), now, zone):
        return "future"
    return "lapsed" if subscription.get("periods") else "none"


def _is_later(begin: Any, now: datetime, zone: ZoneInfo) -> bool:
    try:
        moment = datetime.fromisoformat(str(begin))
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)) > now
