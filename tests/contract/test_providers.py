"""What every provider must do, whichever it is: the same tests against the simulator of each.

Belongs here: the promises of `pipelines/providers/base.py`. Does not: what only one provider does (tests/unit).
A new provider joins with a rig of its own in RIGS.
"""

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from pipelines.config.connections import MailchimpConnection, MailupConnection
from pipelines.errors import PermanentError, TransientError
from pipelines.http.client import Patience
from pipelines.providers.base import Change, Member, Op, Outcome, Provider, Status
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.providers.mailup.provider import MailupProvider
from pipelines.sandbox.server import Sandbox

PEOPLE = 57


class Rig(ABC):
    """One provider, its simulator, and what a test may do behind the provider's back.

    `final_status` is one that the provider never mends by itself; `category` that of groups, where there are any;
    `tells_field_changes`: whether a read of changes shows those of fields; `can_rename`: whether an address can change.
    """

    name: str
    field: str
    audience_name: str
    final_status: int
    category: str | None
    tells_field_changes: bool
    has_tags: bool
    can_rename: bool

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.locks = folder / "locks"
        self.waits: list[float] = []
        self._opened: list[Provider] = []
        self.provider = self.open()
        self.audience_id = self.provider.audiences()[0].audience_id

    def open(self, **settings: Any) -> Provider:
        """The account with other settings than usual; waits are noted, not waited."""
        patience = Patience(connect_timeout=2, read_timeout=5, max_attempts=4, wait=self.waits.append)
        provider = self.connect(settings, patience)
        self._opened.append(provider)
        return provider

    def close(self) -> None:
        """Let go of everything that was opened."""
        for provider in self._opened:
            provider.close()

    def back_stage(self, page: str, **body: Any) -> Any:
        """A page of the simulator that the provider does not have."""
        url = f"{self.sandbox.url}/sandbox/{self.name}/{page}"
        answer = requests.post(url, json=body, timeout=5) if body else requests.get(url, timeout=5)
        answer.raise_for_status()
        return answer.json()

    @abstractmethod
    def connect(self, settings: Mapping[str, Any], patience: Patience) -> Provider:
        """The provider; `wrong_key` and `url` are settings that every rig knows."""

    @abstractmethod
    def opt_out(self, email: str) -> None:
        """The person says no at the provider."""

    @abstractmethod
    def fail(self, status: int, times: int) -> None:
        """The next calls fail with this status."""

    @abstractmethod
    def lose_answer(self) -> None:
        """The next change takes effect, but the connection breaks off before its answer."""

    @abstractmethod
    def refused_email(self) -> str:
        """An address that the provider does not take."""

    def can(self, op: Op) -> bool:
        """Whether the provider has such a thing."""
        known = {"tag": self.has_tags, "untag": self.has_tags, "rename": self.can_rename}
        return known.get(op, op != "archive" or bool(self.provider.traits.removable))

    def group(self, name: str) -> str:
        """The key of a group that is made where it is missing."""
        return self.provider.create_group(self.audience_id, self.category, name).key

    def trace(self) -> Sequence[Any]:
        """Everything that ever changed at the provider."""
        return self.back_stage("history")["history"]  # type: ignore[no-any-return]


class MailchimpRig(Rig):
    name = "mailchimp"
    field = "FNAME"
    audience_name = "Relaties"
    final_status = 401
    category = "Soort"
    tells_field_changes = True
    has_tags = True
    can_rename = True

    def connect(self, settings: Mapping[str, Any], patience: Patience) -> Provider:
        key = ("f" if settings.get("wrong_key") else "0") + "123456789abcdef0123456789abcdef-us1"
        url = settings.get("url", f"{self.sandbox.url}/mailchimp")
        connection = MailchimpConnection(
            kind="mailchimp", api_key=key, url=url, page_size=10, update_without_status=settings.get("update", "batch")
        )
        return MailchimpProvider("mailchimp", connection, self.locks, patience=patience)

    def opt_out(self, email: str) -> None:
        self.back_stage("act", list_id=self.audience_id, email=email, act="opt_out")

    def fail(self, status: int, times: int) -> None:
        self.back_stage("faults", kind="problem", status=status, times=times)

    def lose_answer(self) -> None:
        requests.delete(f"{self.sandbox.url}/sandbox/mailchimp/faults", timeout=5)  # those that met no call
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            self.back_stage("faults", kind="drop", applied=True, method=method)

    def refused_email(self) -> str:
        return "somebody@example.com"


class MailupRig(Rig):
    name = "mailup"
    field = "nome"
    audience_name = "Newsletter"
    final_status = 403
    category = None
    tells_field_changes = False
    has_tags = False
    can_rename = False

    def connect(self, settings: Mapping[str, Any], patience: Patience) -> Provider:
        simulator = self.sandbox.mailup
        # What takes time at the real MailUp, and is tried in tests of its own.
        self.back_stage("switches", calls_per_second=0, import_seconds=0)
        connection = MailupConnection(
            kind="mailup",
            username=simulator.username,
            password="wrong" if settings.get("wrong_key") else simulator.password,
            client_id=simulator.client_id,
            client_secret=simulator.client_secret,
            url=settings.get("url", f"{self.sandbox.url}/mailup"),
            page_size=10,
            rate_per_second=None,
            import_poll=timedelta(milliseconds=20),
        )
        return MailupProvider("mailup", connection, self.locks, patience=patience)

    def opt_out(self, email: str) -> None:
        self.back_stage("act", list_id=int(self.audience_id), email=email, act="opt_out")

    def fail(self, status: int, times: int) -> None:
        self.back_stage("faults", kind="problem", status=status, times=times)

    def lose_answer(self) -> None:
        requests.delete(f"{self.sandbox.url}/sandbox/mailup/faults", timeout=5)  # those that met no call
        for method in ("POST", "PUT", "DELETE"):
            self.back_stage("faults", kind="drop", applied=True, method=method)

    def refused_email(self) -> str:
        return "somebody@"


RIGS: list[type[Rig]] = [MailchimpRig, MailupRig]


def only(which: Callable[[type[Rig]], bool]) -> pytest.MarkDecorator:
    """The providers that have such a thing."""
    rigs = [rig for rig in RIGS if which(rig)]
    return pytest.mark.parametrize("rig", rigs, ids=lambda rig: rig.name, indirect=True)


@pytest.fixture(params=RIGS, ids=lambda rig: rig.name)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox(tmp_path / "sandbox", port=0) as sandbox:
        made = request.param(sandbox, tmp_path)
        yield made
        made.close()


def change(op: Op, email: str, before: Any, after: Any, provider_id: str | None = None) -> Change:
    return Change(f"{op}-{email}", op, email, email.lower(), provider_id, before, after)


def add(rig: Rig, email: str, name: str = "Ann", status: Status = "subscribed") -> Change:
    return change("add", email, None, {"status": status, "fields": {rig.field: name}})


def update(rig: Rig, member: Member, name: str) -> Change:
    before = {"status": member.status, "fields": dict(member.fields)}
    return change("update", member.email, before, {"fields": {rig.field: name}}, member.provider_id)


def push(rig: Rig, changes: Iterable[Change], provider: Provider | None = None) -> list[Outcome]:
    sender = provider or rig.provider
    outcomes: list[Outcome] = []
    for batch in sender.batches(rig.audience_id, changes):
        sent = sender.send(rig.audience_id, batch)
        assert [outcome.change_id for outcome in sent] == [row.change_id for row in batch.changes]
        outcomes += sent
    return outcomes


def read(rig: Rig, **more: Any) -> dict[str, Member]:
    members = [member for page in rig.provider.members(rig.audience_id, fields=[rig.field], **more) for member in page]
    assert len({member.provider_id for member in members}) == len(members), "nobody twice"
    return {member.email.lower(): member for member in members}


def people(count: int = PEOPLE) -> list[str]:
    return [f"person{number}@people.example" for number in range(count)]


def of(outcomes: Sequence[Outcome]) -> set[str]:
    return {outcome.outcome for outcome in outcomes}


def test_reading_is_paged_and_complete(rig: Rig) -> None:
    before = read(rig)
    assert of(push(rig, [add(rig, email, f"Name {email}") for email in people()])) == {"applied"}
    pages = list(rig.provider.members(rig.audience_id, fields=[rig.field]))
    members = {member.email: member for page in pages for member in page}
    assert len(pages) > 5 and max(len(page) for page in pages) <= 10
    assert set(members) == {member.email for member in before.values()} | set(people())
    for email in people():
        assert members[email].fields == {rig.field: f"Name {email}"}
        assert members[email].status == "subscribed"


def test_members_of_every_status_are_read(rig: Rig) -> None:
    gone, refuser, here = people(3)
    push(rig, [add(rig, email) for email in people(3)])
    rig.opt_out(refuser)
    expected = {gone: "subscribed", refuser: "unsubscribed", here: "subscribed"}
    if rig.can("archive"):
        row = change("archive", gone, {"status": "subscribed"}, {"status": "archived"}, read(rig)[gone].provider_id)
        push(rig, [row])
        expected[gone] = "archived"
    members = read(rig)
    assert {email: members[email].status for email in people(3)} == expected
    assert members[refuser].opt_out_reason


def test_since_tells_who_opted_out(rig: Rig) -> None:
    refuser, here = people(2)
    push(rig, [add(rig, email) for email in (refuser, here)])
    requests.post(f"{rig.sandbox.url}/sandbox/clock", json={"advance_seconds": 3600}, timeout=5).raise_for_status()
    rig.opt_out(refuser)
    since = read(rig)[refuser].changed_at or ""
    assert since > (read(rig)[here].changed_at or "")
    found = read(rig, since=since)
    assert {email: member.status for email, member in found.items()} == {refuser: "unsubscribed"}


@only(lambda one: one.tells_field_changes)
def test_since_reads_only_what_changed(rig: Rig) -> None:
    push(rig, [add(rig, email) for email in people(5)])
    latest = max(member.changed_at or "" for member in read(rig).values())
    time.sleep(1.1)  # times are whole seconds
    push(rig, [update(rig, read(rig)[people(1)[0]], "Changed")])
    since = read(rig)[people(1)[0]].changed_at or ""
    assert since > latest
    assert set(read(rig, since=since)) == {people(1)[0]}


def test_sending_the_same_batch_twice_changes_nothing_further(rig: Rig) -> None:
    first, second = people(2)
    push(rig, [add(rig, first), add(rig, second)])
    members = read(rig)
    tags: tuple[dict[str, Any], dict[str, Any]] = {"tags": []}, {"tags": ["Klant", "Vip"]}
    groups: tuple[dict[str, Any], dict[str, Any]] = {"groups": []}, {"groups": [rig.group("Klant")]}
    steps: list[list[Change]] = [
        [add(rig, first), add(rig, second)],
        [update(rig, members[first], "Other"), update(rig, members[second], "Other")],
        [change("tag", first, *tags, members[first].provider_id)],
        [change("untag", first, *tags[::-1], members[first].provider_id)],
        [change("join", first, *groups, members[first].provider_id)],
        [change("leave", first, *groups[::-1], members[first].provider_id)],
        [change("unsubscribe", second, {"status": "subscribed"}, {"status": "unsubscribed"})],
        [change("archive", first, {"status": "subscribed"}, {"status": "archived"}, members[first].provider_id)],
    ]
    for step in (step for step in steps if rig.can(step[0].op)):
        push(rig, step)
        state, trace = read(rig), rig.trace()
        assert of(push(rig, step)) <= {"applied", "refused"}
        assert read(rig) == state
        assert rig.trace() == trace


def test_an_update_never_changes_a_status(rig: Rig) -> None:
    subscribed, refuser, archived = people(3)
    push(rig, [add(rig, email) for email in people(3)])
    rig.opt_out(refuser)
    if rig.can("archive"):
        push(rig, [change("archive", archived, {"status": "subscribed"}, {"status": "archived"})])
    for number, mode in enumerate(("batch", "single")):
        before = read(rig)
        rows = [update(rig, before[email], f"Changed {number}") for email in (subscribed, refuser)]
        assert of(push(rig, rows, rig.open(update=mode))) == {"applied"}
        after = read(rig)
        assert {email: member.status for email, member in after.items()} == {
            email: member.status for email, member in before.items()
        }
        assert after[refuser].fields[rig.field] == f"Changed {number}"


def test_an_opted_out_member_is_refused_when_added_and_stays_opted_out(rig: Rig) -> None:
    (email,) = people(1)
    push(rig, [add(rig, email)])
    rig.opt_out(email)
    for before in (None, {"status": "unsubscribed"}):
        row = change("add", email, before, {"status": "subscribed", "fields": {rig.field: "Again"}})
        (outcome,) = push(rig, [row])
        assert outcome.outcome == "refused"
        assert outcome.code in rig.provider.traits.refusals and outcome.remedy and outcome.detail
        assert read(rig)[email].status == "unsubscribed"


def test_one_refused_member_does_not_stop_the_batch(rig: Rig) -> None:
    """F11: each row has an outcome of its own, also where the provider queues the batch as a whole."""
    rows = [add(rig, email) for email in (*people(3), rig.refused_email(), *people(6)[3:])]
    outcomes = {outcome.change_id: outcome for outcome in push(rig, rows)}
    refused = outcomes.pop(f"add-{rig.refused_email()}")
    assert (refused.outcome, refused.can_retry) == ("refused", False)
    assert of(list(outcomes.values())) == {"applied"}
    assert rig.refused_email() not in (refused.detail or "")
    assert set(people(6)) <= set(read(rig)) and rig.refused_email() not in read(rig)


def test_what_the_provider_kept_comes_back(rig: Rig) -> None:
    (outcome,) = push(rig, [add(rig, people(1)[0], "Zoë")])
    assert outcome.kept == {"fields": {rig.field: "Zoë"}}
    assert outcome.provider_id == read(rig)[people(1)[0]].provider_id


def test_groups_are_entered_and_left_as_sent_and_nobody_is_subscribed_by_it(rig: Rig) -> None:
    """E11: groups are subsets of the audience."""
    first, refuser, here = people(3)
    push(rig, [add(rig, email) for email in people(3)])
    rig.opt_out(refuser)
    members, (one, two) = read(rig), (rig.group("One"), rig.group("Two"))
    join = {
        first: [one, two],
        refuser: [one],
    }
    rows = [
        change("join", email, {"groups": []}, {"groups": keys}, members[email].provider_id)
        for email, keys in join.items()
    ]
    assert of(push(rig, rows)) == {"applied"}
    after = read(rig)
    assert {email: set(after[email].groups) for email in people(3)} == {first: {one, two}, refuser: {one}, here: set()}
    assert {email: after[email].status for email in people(3)} == {email: members[email].status for email in people(3)}
    row = change("leave", first, {"groups": [one, two]}, {"groups": [two]}, members[first].provider_id)
    assert of(push(rig, [row])) == {"applied"}
    assert (read(rig)[first].groups, read(rig)[first].status) == ((two,), "subscribed")


def test_a_group_that_is_not_there_is_refused_and_may_come(rig: Rig) -> None:
    (email,) = people(1)
    push(rig, [add(rig, email)])
    key = f"{rig.category}: Nowhere" if rig.category else "Nowhere"
    (outcome,) = push(rig, [change("join", email, {"groups": []}, {"groups": [key]}, read(rig)[email].provider_id)])
    assert (outcome.outcome, outcome.can_retry) == ("refused", True)
    assert outcome.code in rig.provider.traits.refusals


def test_what_a_provider_does_not_have_is_refused_with_a_remedy_and_changes_nothing(rig: Rig) -> None:
    email, other = people(2)
    push(rig, [add(rig, email)])
    member, trace = read(rig)[email], rig.trace()
    rows = [
        change("archive", email, {"status": "subscribed"}, {"status": "archived"}, member.provider_id),
        change("rename", other, {"email": email}, {"email": other, "fields": {}}, member.provider_id),
        change("tag", email, {"tags": []}, {"tags": ["A"]}, member.provider_id),
    ]
    for row in (row for row in rows if not rig.can(row.op)):
        (outcome,) = push(rig, [row])
        assert (outcome.outcome, outcome.can_retry) == ("refused", False)
        assert outcome.code in rig.provider.traits.refusals and outcome.remedy
    assert rig.trace() == trace
    assert read(rig)[email] == member


@only(lambda one: one.has_tags)
def test_tags_and_their_absence_are_as_sent(rig: Rig) -> None:
    first, second = people(2)
    push(rig, [add(rig, first), add(rig, second)])
    push(rig, [
        change("tag", first, {"tags": []}, {"tags": ["A", "B"]}), change("tag", second, {"tags": []}, {"tags": ["B"]}),
    ])  # fmt: skip
    assert (read(rig)[first].tags, read(rig)[second].tags) == (("A", "B"), ("B",))
    push(rig, [change("untag", first, {"tags": ["A", "B"]}, {"tags": ["A"]})])
    assert (read(rig)[first].tags, read(rig)[second].tags) == (("A",), ("B",))


@only(lambda one: one.can_rename)
def test_a_rename_keeps_the_person(rig: Rig) -> None:
    old, new = people(2)
    push(rig, [add(rig, old)])
    member = read(rig)[old]
    after = {"email": new, "fields": {rig.field: "Ann"}}
    assert of(push(rig, [change("rename", new, {"email": old}, after, member.provider_id)])) == {"applied"}
    members = read(rig)
    assert old not in members
    assert (members[new].status, members[new].joined_at) == (member.status, member.joined_at)


def test_a_change_whose_answer_was_lost_is_applied_once_and_said_to_be(rig: Rig) -> None:
    first, second, third = people(3)
    push(rig, [add(rig, first)])
    one = read(rig)[first]
    renamed = {"email": third, "fields": {rig.field: "Ann"}}
    moved = third if rig.can("rename") else first
    key = rig.group("Klant")
    steps = [
        [add(rig, second)],
        [update(rig, one, "Other")],
        [change("tag", second, {"tags": []}, {"tags": ["Klant"]})],
        [change("untag", second, {"tags": ["Klant"]}, {"tags": []})],
        [change("join", second, {"groups": []}, {"groups": [key]})],
        [change("leave", second, {"groups": [key]}, {"groups": []})],
        [change("rename", third, {"email": first}, renamed, one.provider_id)],
        [change("unsubscribe", moved, {"status": "subscribed"}, {"status": "unsubscribed"})],
        [change("archive", second, {"status": "subscribed"}, {"status": "archived"})],
    ]
    if rig.can("archive"):
        back = {"status": "subscribed", "fields": {rig.field: "Back"}}
        steps.append([change("add", second, {"status": "archived"}, back)])
    for step in (step for step in steps if rig.can(step[0].op)):
        rig.lose_answer()
        rig.waits.clear()
        assert of(push(rig, step)) == {"applied"}, step[0].op
        assert rig.waits, "an answer was lost"
    members = read(rig)
    assert set(members) >= {second, moved} and {first, third} & set(members) == {moved}
    assert (members[second].status, members[moved].status) == ("subscribed", "unsubscribed")


@pytest.mark.parametrize("status", [429, 500])
def test_an_overloaded_provider_is_waited_out(rig: Rig, status: int) -> None:
    rig.fail(status, times=2)
    rig.waits.clear()
    assert of(push(rig, [add(rig, people(1)[0])])) == {"applied"}
    assert len(rig.waits) == 2


def test_a_4xx_is_not_tried_again(rig: Rig) -> None:
    rig.fail(rig.final_status, times=1)
    rig.waits.clear()
    with pytest.raises(PermanentError):
        rig.provider.audiences()
    assert rig.waits == []
    assert rig.provider.audiences(), "the one fault was used up by the one call"


def test_a_wrong_key_is_a_permanent_error_that_says_what_to_do(rig: Rig) -> None:
    with pytest.raises(PermanentError) as caught:
        rig.open(wrong_key=True).account()
    assert caught.value.do


def test_an_unknown_audience_is_a_permanent_error(rig: Rig) -> None:
    for ask in (rig.provider.merge_fields, rig.provider.groups):
        with pytest.raises(PermanentError):
            ask("0000000000")
    with pytest.raises(PermanentError):
        list(rig.provider.members("0000000000", fields=[]))


def test_an_unreachable_host_is_a_transient_error_soon(rig: Rig) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = rig.open(url=f"http://127.0.0.1:{free.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(TransientError):
            nowhere.account()
    assert time.monotonic() - started < 10


def test_batches_hold_every_change_once_and_send_nothing(rig: Rig) -> None:
    rows = [add(rig, f"person{number}@people.example") for number in range(1201)]
    trace = rig.trace()
    batches = list(rig.provider.batches(rig.audience_id, rows))
    assert [row for batch in batches for row in batch.changes] == rows
    assert sum(batch.calls for batch in batches) == rig.provider.traits.calls_for("add", len(rows))
    assert rig.trace() == trace


def test_the_account_and_its_audience_are_described(rig: Rig) -> None:
    """A2, A3, J3: Mailchimp by its API key, MailUp by a user's name and password."""
    account = rig.provider.account()
    assert account.account_id and account.name and not account.problems
    assert bool(rig.provider.traits.renamable) == rig.can_rename
    (audience,) = rig.provider.audiences()
    assert audience.name == rig.audience_name
    field = next(field for field in rig.provider.merge_fields(audience.audience_id) if field.name == rig.field)
    assert field.type == "text" and field.field_id
