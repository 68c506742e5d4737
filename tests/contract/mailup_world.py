"""The MailUp provider and its simulator for tests of what only MailUp does.

Belongs here: opening the provider, sending changes, what may be done behind its back. Does not: facts (the tests).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.config.connections import MailupConnection
from pipelines.http.client import Patience
from pipelines.providers.base import Change, Member, Op, Outcome
from pipelines.providers.mailup.provider import MailupProvider
from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.mailup.simulator import Mailup

FIELD = "nome"
MARIO = "mario.fonte@giornale.example"  # unsubscribed since the beginning
PLACED = 12  # people who are in a fresh list
LOGIN: Mapping[str, Any] = {
    "username": Mailup.username,
    "password": Mailup.password,
    "client_id": Mailup.client_id,
    "client_secret": Mailup.client_secret,
}


class MailupWorld:
    """One account, several providers on it; everything that was opened is closed in the end."""

    def __init__(self, simulator: Mailup, folder: Path) -> None:
        self.simulator = simulator
        self.locks = folder / "locks"
        self.waits: list[float] = []
        self.list_id = simulator.list_id
        self.audience_id = str(simulator.list_id)
        simulator.turn(calls_per_second=0, import_seconds=0)
        self._opened: list[MailupProvider] = []
        self.provider = self.open()

    def open(self, *, patience: Patience | None = None, **settings: Any) -> MailupProvider:
        """The account with other settings than usual; pauses are noted, not made."""
        simulator = self.simulator
        named: dict[str, Any] = {
            **LOGIN,
            "url": simulator.url,
            "page_size": 50,
            "rate_per_second": None,
            "import_poll": timedelta(milliseconds=20),
        }
        connection = MailupConnection(kind="mailup", **{**named, **settings})
        usual = Patience(connect_timeout=2, read_timeout=5, max_attempts=4, wait=self.waits.append)
        made = MailupProvider("mailup", connection, self.locks, patience=patience or usual)
        self._opened.append(made)
        return made

    def logins(self) -> int:
        """How often tokens were asked for."""
        calls: dict[str, int] = self.simulator.stats()["calls"]
        return sum(times for route, times in calls.items() if "Token" in route)

    def looks(self) -> int:
        """How often an import was looked at: that depends on how busy this machine is, so no test counts it."""
        calls: dict[str, int] = self.simulator.stats()["calls"]
        return sum(times for route, times in calls.items() if route.startswith("GET") and "/Import/" in route)

    def close(self) -> None:
        """Let go of everything that was opened."""
        for provider in self._opened:
            provider.close()

    def push(self, changes: Iterable[Change], provider: MailupProvider | None = None) -> dict[str, Outcome]:
        """Outcomes by address."""
        sender = provider or self.provider
        outcomes: dict[str, Outcome] = {}
        for batch in sender.batches(self.audience_id, changes):
            sent = sender.send(self.audience_id, batch)
            assert [outcome.change_id for outcome in sent] == [row.change_id for row in batch.changes]
            outcomes.update((row.email, outcome) for row, outcome in zip(batch.changes, sent, strict=True))
        return outcomes

    def read(self, *fields: str, provider: MailupProvider | None = None, **more: Any) -> dict[str, Member]:
        """Members by address."""
        pages = (provider or self.provider).members(self.audience_id, fields=fields or (FIELD,), **more)
        members = [member for page in pages for member in page]
        assert len({member.provider_id for member in members}) == len(members), "nobody twice"
        return {member.email: member for member in members}

    def act(self, email: str, act: str, **options: Any) -> None:
        """Somebody does something in the console, or with a mail."""
        self.simulator.act(self.list_id, email, act, **options)

    def put(self, emails: Sequence[str], list_id: int | None = None, group_id: int = 0, **fields: str) -> None:
        """People who are there without anybody having sent them."""
        values = [{"Id": int(number.strip("f")), "Value": value} for number, value in fields.items()]
        bodies = [{"Email": email, "Name": "", "Fields": values} for email in emails]
        self.simulator.add_recipients(list_id or self.list_id, bodies, group_id)


@contextmanager
def before_calls(simulator: Mailup, act: Callable[[Call], None]) -> Iterator[None]:
    """Meanwhile `act` sees each call before the simulator does."""
    handle = simulator.handle

    def meanwhile(call: Call) -> Answer:
        act(call)
        return handle(call)

    simulator.handle = meanwhile  # type: ignore[method-assign]
    try:
        yield
    finally:
        del simulator.handle


def push_updates(url: str, locks: Path, audience_id: str, rate: int, emails: Sequence[str]) -> None:
    """Update people as a process of its own does that pushes: nothing of it is shared but the locks."""
    connection = MailupConnection(kind="mailup", url=url, rate_per_second=rate, **LOGIN)
    provider = MailupProvider("mailup", connection, locks)
    before, after = {"status": "subscribed", "fields": {FIELD: ""}}, {"fields": {FIELD: "Other"}}
    for batch in provider.batches(audience_id, [change("update", email, before, after) for email in emails]):
        assert {outcome.outcome for outcome in provider.send(audience_id, batch)} == {"applied"}
    provider.close()


def change(op: Op, email: str, before: Any, after: Any, provider_id: str | None = None) -> Change:
    """A row of a plan."""
    return Change(f"{op}-{email}", op, email, email.lower(), provider_id, before, after)


def add(email: str, status: str = "subscribed", **fields: str) -> Change:
    """A row that adds somebody new."""
    return change("add", email, None, {"status": status, "fields": fields or {FIELD: "Ann"}})


def update(member: Member, **fields: str) -> Change:
    """A row that changes fields of a member as it was read."""
    before = {"status": member.status, "fields": {name: member.fields[name] for name in fields}}
    return change("update", member.email, before, {"fields": fields}, member.provider_id)


def join(member: Member, *groups: str) -> Change:
    """A row that enters groups."""
    after = {"groups": sorted({*member.groups, *groups})}
    return change("join", member.email, {"groups": list(member.groups)}, after, member.provider_id)


def leave(member: Member, *groups: str) -> Change:
    """A row that leaves groups."""
    after = {"groups": [key for key in member.groups if key not in groups]}
    return change("leave", member.email, {"groups": list(member.groups)}, after, member.provider_id)


def unsubscribe(member: Member) -> Change:
    """A row that passes on an opt-out of the CRM."""
    return change(
        "unsubscribe", member.email, {"status": member.status}, {"status": "unsubscribed"}, member.provider_id
    )


def told(outcomes: Mapping[str, Outcome]) -> Counter[str]:
    """How many rows had which code, or outcome where there is none."""
    return Counter(outcome.code or outcome.outcome for outcome in outcomes.values())


def people(count: int, start: int = 0) -> list[str]:
    """Addresses, some with an apostrophe."""
    names = (f"o'brien{number}" if number % 10 == 7 else f"person{number}" for number in range(start, start + count))
    return [f"{name}@people.example" for name in names]
