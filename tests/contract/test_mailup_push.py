"""A push to MailUp as a whole: its groups, and the look back after it.

Belongs here: plans made from a CRM and pushed to the simulator, nothing going wrong. Does not: faults
(test_mailup_faults.py), the provider alone (test_mailup_provider.py).
"""

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from mailup_push_world import IN_NO_TIME, SYNC, Person, PushWorld, lay_out
from mailup_world import before_calls
from push_world import Columns

from pipelines.config.connections import MailupConnection
from pipelines.defs.stopping import stoppable
from pipelines.errors import Interrupted
from pipelines.providers.base import Batch, Outcome
from pipelines.providers.mailup.provider import MailupProvider
from pipelines.sandbox.http import Call
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sync.audience import load_audience
from pipelines.sync.sending import Result

ANN, BEN, CAS = (Person("same", number) for number in range(3))
FIRMS = (("info@firma.example", "Firma"), ("sede@firma.example", "Sede di Firma"))
CROWD: dict[Person, Columns | None] = {Person("same", number): {} for number in range(60)}
LIST_IMPORT, GROUP_IMPORT = "/Console/List/{id_list}/Recipients", "/Console/Group/{id_group}/Recipients"
HERE: Columns = {}
GONE: Columns = {"Flag": "Nee"}


class SmallImports(PushWorld):
    """The same home with imports of ten people, so that a batch is of a hundred."""

    def settings(self) -> MailupConnection:
        return super().settings().model_copy(update={"import_chunk": 10})


class Home:
    """A home with one sync to a fresh list."""

    def __init__(self, root: Path, mailup: Mailup, kind: type[PushWorld] = PushWorld) -> None:
        mailup.turn(**IN_NO_TIME)
        self.mailup = mailup
        lay_out(root, mailup.url.removesuffix("/mailup"), f"{SYNC}on_exit: {{do: move_to, group: esclusi}}\n")
        self.world = kind(root)
        self._runs = 0

    def run(
        self,
        people: dict[Person, Columns | None],
        kind: "type[Watched] | None" = None,
        limit: int | None = None,
        **hooks: Any,
    ) -> Result:
        """Plan and push with the CRM like this."""
        self.world.write_crm(people, FIRMS)
        self.world.plan(reads_crm=True)
        self._runs += 1
        with self.world.provider_of(kind or MailupProvider) as provider:
            for name, hook in hooks.items():
                setattr(provider, name, hook)
            result = self.world.push(provider, f"run-{self._runs}", limit=limit)
            self.calls_after_sending = provider.calls - getattr(provider, "calls_sent", 0)
        return result

    def groups(self) -> dict[str, set[str]]:
        """Who is in each group that somebody of ours is in, by the name before the @."""
        found: dict[str, set[str]] = {}
        for one in self.mailup.recipients(self.mailup.list_id):
            for group in one["groups"] if "postaprivata" not in one["email"] else ():
                found.setdefault(group, set()).add(one["email"].partition("@")[0])
        return {name: people for name, people in found.items() if name != "Aggiunti a mano"}

    def written(self) -> dict[tuple[str, str, str | None], int]:
        """How many changes of the last run ended how: by op, outcome and code."""
        query = "select op, outcome, code, count(*) from ledger.pushes where run_id = ? group by all"
        with self.world.warehouse.open() as connection:
            found = connection.execute(query, [f"run-{self._runs}"]).fetchall()
        return {(op, outcome, code): count for op, outcome, code, count in found}

    def imports(self) -> Counter[str]:
        """How often was imported so far, by the route."""
        calls = self.mailup.stats()["calls"]
        return Counter({route: calls.get(f"POST {route}", 0) for route in (LIST_IMPORT, GROUP_IMPORT)})

    def group_names(self) -> list[str]:
        with self.world.provider() as provider:
            return sorted(group.key for group in provider.groups(str(self.mailup.list_id)))


@pytest.fixture
def home(mailup_simulator: Mailup, tmp_path: Path) -> Home:
    return Home(tmp_path, mailup_simulator)


class Watched(MailupProvider):
    """An account that remembers how many calls it had made when the last batch was answered."""

    calls_sent = 0
    after: Callable[[Batch], None] = staticmethod(lambda batch: None)

    def send(self, audience_id: str, batch: Batch) -> Sequence[Outcome]:
        outcomes = super().send(audience_id, batch)
        self.calls_sent = self.calls
        self.after(batch)
        return outcomes


def test_every_kind_of_record_has_its_group_and_a_group_that_somebody_deleted_is_made_again(home: Home) -> None:
    """E8: what MailUp lost comes back with everybody who belongs in it."""
    home.run({ANN: HERE, BEN: HERE})
    whole = {"Lead": {"same000", "same001"}, "Azienda": {"info"}, "Sedi": {"sede"}}
    assert home.groups() == whole
    for name in ("Sedi", "Lead"):
        home.mailup.delete_group(home.mailup.group_named(home.mailup.list_id, name))
    assert home.groups() == {"Azienda": {"info"}}
    result = home.run({ANN: HERE, BEN: HERE})
    assert (home.groups(), dict(result.by_op)) == (whole, {("join", "applied"): 3})
    assert home.run({ANN: HERE, BEN: HERE}).outcomes.total() == 0


def test_who_leaves_is_moved_to_esclusi_also_when_somebody_deleted_that_group(home: Home) -> None:
    """E9."""
    home.run({ANN: HERE, BEN: HERE, CAS: HERE})
    home.run({ANN: GONE, BEN: HERE, CAS: HERE})
    assert home.groups()["esclusi"] == {"same000"} and home.groups()["Lead"] == {"same001", "same002"}
    home.mailup.delete_group(home.mailup.group_named(home.mailup.list_id, "esclusi"))
    home.run({ANN: GONE, BEN: GONE, CAS: HERE})
    assert home.groups()["esclusi"] == {"same000", "same001"} and home.groups()["Lead"] == {"same002"}
    home.run({ANN: HERE, BEN: GONE, CAS: HERE})
    assert home.groups()["Lead"] == {"same000", "same002"}
    statuses = {one["status"] for one in home.mailup.recipients(home.mailup.list_id) if "people." in one["email"]}
    assert statuses == {"Subscribed"}


def test_a_group_that_was_made_in_mailup_is_used_as_it_is(home: Home) -> None:
    """B7: no second one of its name, and who was put there by hand stays."""
    made = home.mailup.add_group(home.mailup.list_id, "Corso X")
    home.mailup.act(home.mailup.list_id, "ivan.greco@postaprivata.example", "join_group", group_id=made)
    home.run({ANN: {"Groups": "Corso X"}, BEN: HERE})
    assert home.groups()["Corso X"] == {"same000"}
    assert home.group_names().count("Corso X") == 1
    home.run({ANN: HERE, BEN: HERE})
    assert "Corso X" not in home.groups()
    ivan = home.mailup.recipient(home.mailup.list_id, "ivan.greco@postaprivata.example")
    assert ivan and "Corso X" in ivan["groups"]


def test_members_are_all_read_each_time_for_mailup_counts_none_of_them(home: Home) -> None:
    """A read of changes has nothing that it could be held against."""
    with home.world.provider() as provider:
        reads = [load_audience(home.world.home, home.world.warehouse, provider, home.world.sync) for _ in range(2)]
    assert {read.why for read in reads} == {"the provider can't count its members"}


def test_what_the_provider_read_back_itself_is_not_read_again(home: Home) -> None:
    """A12: imports are read back anyway, or nobody would know what became of their rows."""
    result = home.run(CROWD, Watched)
    assert result.by_op["add", "applied"] == 62 and result.is_read_back
    left = len(FIRMS)  # two groups with one member each are entered one by one
    assert home.calls_after_sending <= 3 * left


def test_the_few_who_went_one_by_one_are_asked_for_alone(home: Home) -> None:
    home.run(CROWD)
    result = home.run({**CROWD, ANN: GONE}, Watched)
    assert dict(result.by_op) == {("leave", "applied"): 1, ("join", "applied"): 1} and result.is_read_back
    assert home.calls_after_sending <= 3


def test_what_was_not_kept_of_them_is_said(home: Home) -> None:
    """As for every provider: what it says yes to and does not keep is no success."""
    home.run(CROWD)
    lead = home.mailup.group_named(home.mailup.list_id, "Lead")

    def put_back(batch: Batch) -> None:
        if batch.op == "leave":
            home.mailup.act(home.mailup.list_id, ANN.last_address, "join_group", group_id=lead)

    result = home.run({**CROWD, ANN: GONE}, Watched, after=put_back)
    assert result.by_op["leave", "refused"] == 1 and result.refusals == {"not_kept": 1}


def test_joins_of_newcomers_travel_along_in_as_many_imports_as_there_are_groups(home: Home) -> None:
    """A12; only the two firms, each of a group of its own, are imported into the list."""
    red = {person: {"Groups": "Red"} if person.number % 2 else HERE for person in CROWD}
    result = home.run(red)
    assert dict(result.by_op) == {("add", "applied"): 62, ("join", "applied"): 62}
    assert home.imports() == {LIST_IMPORT: 1, GROUP_IMPORT: 2}
    assert (len(home.groups()["Lead"]), len(home.groups()["Red"])) == (60, 30)
    assert home.run(red).outcomes.total() == 0
    home.run(CROWD)
    assert "Red" not in home.groups(), "they are known as ours"


def test_a_canary_takes_its_groups_along_and_the_rest_follows(home: Home) -> None:
    assert dict(home.run(CROWD, limit=10).by_op) == {("add", "applied"): 10, ("join", "applied"): 10}
    assert sum(len(people) for people in home.groups().values()) == 10
    home.run(CROWD)
    assert len(home.groups()["Lead"]) == 60


def test_joins_of_somebody_who_was_not_taken_are_left_though_they_had_travelled(home: Home) -> None:
    """E11: the journal has them as sent and then as left, and the first push is done all the same."""

    def say_no(call: Call) -> None:
        address, list_id = ANN.last_address, home.mailup.list_id
        if (call.method, call.route) == ("POST", GROUP_IMPORT) and not home.mailup.recipient(list_id, address):
            home.mailup.act(list_id, address, "add_by_hand")
            home.mailup.act(list_id, address, "opt_out")

    with before_calls(home.mailup, say_no):
        result = home.run(CROWD)
    assert (result.refusals, result.outcomes["left"], result.dependent) == ({"opted_out": 1}, 1, 1)
    assert home.written() == {
        ("add", "applied", None): 61,
        ("add", "refused", "opted_out"): 1,
        ("join", "applied", None): 61,
        ("join", "left", "member_not_taken"): 1,
    }
    with home.world.warehouse.open() as connection:
        assert connection.execute("select status from plan.plans").fetchall() == [("applied",)]
    assert len(home.groups()["Lead"]) == 59
    assert home.run(CROWD).outcomes.total() == 0
    assert home.mailup.resubscribed() == []


def test_a_push_told_to_stop_ends_at_the_border_of_a_batch_with_its_groups(
    mailup_simulator: Mailup, tmp_path: Path
) -> None:
    home = Home(tmp_path, mailup_simulator, SmallImports)
    many: dict[Person, Columns | None] = {Person("same", number): HERE for number in range(150)}
    with stoppable(), pytest.raises(Interrupted):
        home.run(many, Watched, after=lambda batch: signal.raise_signal(signal.SIGINT))
    assert {name: len(found) for name, found in home.groups().items()} == {"Azienda": 1, "Lead": 100}
    home.run(many)
    assert len(home.groups()["Lead"]) == 150
