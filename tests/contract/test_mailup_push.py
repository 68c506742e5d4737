"""A push to MailUp as a whole: its groups, and the look back after it.

Belongs here: plans made from a CRM and pushed to the simulator, nothing going wrong. Does not: faults
(test_mailup_faults.py), the provider alone (test_mailup_provider.py).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from mailup_push_world import IN_NO_TIME, SYNC, Person, PushWorld, lay_out
from push_world import Columns

from pipelines.providers.base import Batch, Outcome
from pipelines.providers.mailup.provider import MailupProvider
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sync.audience import load_audience
from pipelines.sync.sending import Result

ANN, BEN, CAS = (Person("same", number) for number in range(3))
FIRMS = (("info@firma.example", "Firma"), ("sede@firma.example", "Sede di Firma"))
CROWD: dict[Person, Columns | None] = {Person("same", number): {} for number in range(60)}
HERE: Columns = {}
GONE: Columns = {"Flag": "Nee"}


class Home:
    """A home with one sync to a fresh list."""

    def __init__(self, root: Path, mailup: Mailup) -> None:
        mailup.turn(**IN_NO_TIME)
        self.mailup = mailup
        lay_out(root, mailup.url.removesuffix("/mailup"), f"{SYNC}on_exit: {{do: move_to, group: esclusi}}\n")
        self.world = PushWorld(root)
        self._runs = 0

    def run(self, people: dict[Person, Columns | None], kind: "type[Watched] | None" = None, **hooks: Any) -> Result:
        """Plan and push with the CRM like this."""
        self.world.write_crm(people, FIRMS)
        self.world.plan(reads_crm=True)
        self._runs += 1
        with self.world.provider_of(kind or MailupProvider) as provider:
            for name, hook in hooks.items():
                setattr(provider, name, hook)
            result = self.world.push(provider, f"run-{self._runs}")
            self.calls_after_sending = provider.calls - getattr(provider, "calls_sent", 0)
        return result

    def groups(self) -> dict[str, set[str]]:
        """Who is in each group that somebody of ours is in, by the name before the @."""
        found: dict[str, set[str]] = {}
        for one in self.mailup.recipients(self.mailup.list_id):
            for group in one["groups"] if "postaprivata" not in one["email"] else ():
                found.setdefault(group, set()).add(one["email"].partition("@")[0])
        return {name: people for name, people in found.items() if name != "Aggiunti a mano"}

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
