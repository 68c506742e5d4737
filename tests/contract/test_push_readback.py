"""After a push the audience is looked at again: what the provider said yes to and did not keep is said, not believed.

Belongs here: what the look finds, at a simulator whose audience is changed by hand in the middle of a push. Does not:
what is sent (test_mailchimp_faults.py), which part of a plan is sent (test_push_parts.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mailchimp_push_judge import Meanwhile, Stage, by_hand, documents_of, settle, settled, staged
from mailchimp_push_world import Person
from push_world import ACCEPTED, Columns

from pipelines import clock
from pipelines.errors import TransientError
from pipelines.providers.base import Batch, Member, Outcome
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sync import failures
from pipelines.sync.sending import Result
from pipelines.warehouse import rows

PEOPLE = tuple(Person("same", number) for number in range(20, 32))
NEW = tuple(Person("coming", number) for number in range(20, 24))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    root = tmp_path_factory.mktemp("prepared")
    return root, settle(root, PEOPLE)


@pytest.fixture
def stage(prepared: tuple[Path, int], tmp_path: Path) -> Iterator[Stage]:
    with staged(*prepared, tmp_path, PEOPLE) as found:
        yield found


class Taciturn(MailchimpProvider):
    """An account whose answers say yes and nothing else, as imports of other providers do."""

    def send(self, audience_id: str, batch: Batch) -> Sequence[Outcome]:
        return [replace(outcome, kept=None) for outcome in super().send(audience_id, batch)]


class Deaf(MailchimpProvider):
    """An account that can't be read once everything is sent."""

    is_sent = False

    def send(self, audience_id: str, batch: Batch) -> Sequence[Outcome]:
        self.is_sent = True
        return super().send(audience_id, batch)

    def members(
        self, audience_id: str, *, fields: Sequence[str], since: str | None = None
    ) -> Iterator[Sequence[Member]]:
        if self.is_sent:
            raise TransientError("Mailchimp gave no usable answer.")
        return super().members(audience_id, fields=fields, since=since)


def plan(stage: Stage, columns: dict[Person, Columns | None]) -> None:
    """Everybody as before but for these."""
    stage.world.write_crm(settled(PEOPLE) | columns)
    stage.world.plan(reads_crm=True)


def push(stage: Stage, kind: type[MailchimpProvider] = MailchimpProvider, **hooks: Any) -> Result:
    with stage.world.provider_of(kind) as provider:
        for name, hook in hooks.items():
            setattr(provider, name, hook)
        return stage.world.push(provider, "now")


def written(stage: Stage) -> list[tuple[str, str, str | None]]:
    """(op, outcome, code) of the push, each once."""
    query = "select distinct op, outcome, code from ledger.pushes where run_id = 'now' order by all"
    with stage.world.warehouse.open() as connection:
        return connection.execute(query).fetchall()


def told(stage: Stage) -> dict[str, tuple[str, str]]:
    """What `enlist failures` shows: code and detail by address."""
    with stage.world.warehouse.open() as connection:
        return {row["email"]: (row["code"], row["detail"]) for row in failures.refused(connection)}


def drop_field(mailchimp: Mailchimp, tag: str) -> None:
    found = by_hand(mailchimp, "GET", "merge-fields?count=100")["merge_fields"]
    (field,) = [field for field in found if field["tag"] == tag]
    by_hand(mailchimp, "DELETE", f"merge-fields/{field['merge_id']}")


def test_what_was_kept_is_found_so_in_one_short_look(stage: Stage) -> None:
    """Six calls a look, whatever the size of the audience: those who changed, and five counts of what may be hidden."""
    plan(stage, {PEOPLE[0]: {"First": "Ann", "Tags": "A;B"}, PEOPLE[1]: {"Flag": "Nee"}, NEW[0]: {"Tags": "C"}})
    before = stage.mailchimp.stats()["calls"].get("GET /lists/{list_id}/members", 0)
    result = push(stage)
    reads = stage.mailchimp.stats()["calls"]["GET /lists/{list_id}/members"] - before
    assert (result.is_read_back, result.outcomes["refused"], reads) == (True, 0, 12)
    assert {outcome for _, outcome, _ in written(stage)} == {"applied"}


def test_an_update_of_which_nothing_was_kept_is_refused_after_all_and_held(stage: Stage) -> None:
    """Prior art, 2.8: "200 OK, nothing written". Mailchimp ignores fields that it does not have, without a word."""
    plan(stage, {person: {"Tags": "A", "Note": "seen"} for person in PEOPLE[:3]})
    result = push(stage, Meanwhile, before=lambda batch: drop_field(stage.mailchimp, "NOTE"))
    assert (result.outcomes["applied"], result.refusals["not_kept"], result.is_read_back) == (0, 3, True)
    assert written(stage) == [("update", "refused", "not_kept")]
    expected = ("not_kept", "The provider said yes, but NOTE is not as sent.")
    assert told(stage) == {person.last_address: expected for person in PEOPLE[:3]}
    by_hand(stage.mailchimp, "POST", "merge-fields", tag="NOTE", name="Note", type="text")
    again = stage.world.plan()
    assert (again.size, [dict(hold) for hold in again.hold_counts]) == (0, [{"reason": "refused_before", "count": 3}])
    plan(stage, {person: {"Tags": "A", "Note": "seen again"} for person in PEOPLE[:3]})
    with stage.world.provider() as provider:
        stage.world.push(provider, "later", accept=(*ACCEPTED, "field_drift"))
    notes = {documents_of(stage.mailchimp)[person.last_address]["merge_fields"]["NOTE"] for person in PEOPLE[:3]}
    assert (notes, told(stage)) == ({"seen again"}, {})


def test_a_new_member_who_lacks_one_value_is_ours_and_what_is_missing_is_told(stage: Stage) -> None:
    """Else the ledger would forget them, and they would stay when they leave the CRM."""
    plan(stage, {NEW[0]: {"Born": "1990-05-17"}, NEW[1]: {}})
    result = push(stage, Meanwhile, before=lambda batch: drop_field(stage.mailchimp, "BORN"))
    assert result.outcomes == {"applied": 2}
    assert written(stage) == [("add", "applied", "not_kept"), ("add", "applied", None)]
    assert told(stage) == {NEW[0].last_address: ("not_kept", "The provider said yes, but BORN is not as sent.")}
    by_hand(stage.mailchimp, "POST", "merge-fields", tag="BORN", name="Born", type="date")
    assert stage.world.plan().size == 0
    plan(stage, {})
    assert {(count["op"], count["count"]) for count in stage.world.plan().counts} == {("archive", 2)}


def test_somebody_who_is_not_there_after_all_is_refused_with_their_labels(stage: Stage) -> None:
    """Deleted for good between the add and the look."""
    gone = NEW[0].last_address
    plan(stage, {NEW[0]: {"Tags": "C", "Groups": "Red"}, NEW[1]: {"Tags": "C"}})

    def delete(batch: Batch) -> None:
        if batch.op == "tag":
            stage.mailchimp.act(stage.mailchimp.list_id, gone, "delete_by_hand")

    push(stage, Meanwhile, after=delete)
    with stage.world.warehouse.open() as connection:
        found = rows(
            connection, "select op, outcome, can_retry from ledger.pushes where email_key = ? order by op", [gone]
        )
    assert [(row["op"], row["outcome"], row["can_retry"]) for row in found] == [
        ("add", "refused", False),
        ("join", "refused", True),
        ("tag", "refused", True),
    ]
    assert told(stage)[gone][1] == "The provider said yes, but the member is not in the audience."
    assert [dict(hold) for hold in stage.world.plan().hold_counts] == [{"reason": "refused_before", "count": 1}]


def test_tags_and_groups_that_were_not_kept_are_told_and_given_up(stage: Stage) -> None:
    """The tag was deleted as a whole right after it was given, the group likewise."""
    plan(stage, {PEOPLE[0]: {"Tags": "A;B"}, PEOPLE[1]: {"Tags": "A", "Groups": "Red"}, PEOPLE[2]: {"Tags": "A"}})

    def delete(batch: Batch) -> None:
        if batch.op == "tag":
            (found,) = [one for one in by_hand(stage.mailchimp, "GET", "segments")["segments"] if one["name"] == "B"]
            by_hand(stage.mailchimp, "DELETE", f"segments/{found['id']}")
        if batch.op == "join":
            (category,) = by_hand(stage.mailchimp, "GET", "interest-categories")["categories"]
            path = f"interest-categories/{category['id']}/interests"
            (red,) = [one for one in by_hand(stage.mailchimp, "GET", path)["interests"] if one["name"] == "Red"]
            by_hand(stage.mailchimp, "DELETE", f"{path}/{red['id']}")

    result = push(stage, Meanwhile, after=delete)
    assert result.refusals == {"not_kept": 2}
    assert {detail for _, detail in told(stage).values()} == {
        "The provider said yes, but the member lacks B.",
        "The provider said yes, but the member lacks Interests: Red.",
    }


def test_an_archive_that_did_not_hold_is_sent_again(stage: Stage) -> None:
    """Nobody whom the CRM does not want stays a member for ever because of one yes."""
    plan(stage, {PEOPLE[0]: {"Flag": "Nee"}})
    back = PEOPLE[0].last_address

    def revive(batch: Batch) -> None:
        body = {"email_address": back, "status": "subscribed"}
        by_hand(stage.mailchimp, "POST", "members", **body)

    push(stage, Meanwhile, after=revive)
    assert written(stage) == [("archive", "refused", "not_kept")]
    assert {(count["op"], count["count"]) for count in stage.world.plan().counts} == {("archive", 1)}


def test_who_says_no_between_an_add_and_the_look_is_not_taken_for_a_refusal(stage: Stage) -> None:
    """M4: what can't be proved to be ours is the person's; the next run brings it home."""
    plan(stage, {PEOPLE[0]: {"Flag": "Nee"}})
    push(stage)
    stage.world.write_crm(settled(PEOPLE))
    stage.world.plan(reads_crm=True)
    address = PEOPLE[0].last_address
    with stage.world.provider_of(Meanwhile) as provider:
        provider.after = lambda batch: stage.mailchimp.act(stage.mailchimp.list_id, address, "opt_out")
        stage.world.push(provider, "back")
    again = stage.world.plan()
    assert (again.size, [dict(hold) for hold in again.hold_counts]) == (0, [{"reason": "opted_out", "count": 1}])
    assert documents_of(stage.mailchimp)[address]["status"] == "unsubscribed"


def test_what_a_provider_rewrites_is_learned_from_the_look_where_answers_do_not_tell(stage: Stage) -> None:
    """Mailchimp cuts a URL at 255 bytes, which no field says: known as kept, it is not sent for ever."""
    long = f"https://a.example/{'x' * 300}"
    plan(stage, {PEOPLE[0]: {"Tags": "A", "Url": long}})
    result = push(stage, Taciturn)
    assert (result.outcomes, result.is_read_back) == ({"applied": 1}, True)
    assert len(documents_of(stage.mailchimp)[PEOPLE[0].last_address]["merge_fields"]["PURL"]) == 255
    assert stage.world.plan().size == 0


def test_a_look_that_fails_spoils_nothing_that_was_sent(stage: Stage) -> None:
    plan(stage, {PEOPLE[0]: {"Tags": "A", "First": "Ann"}})
    result = push(stage, Deaf)
    assert (result.outcomes, result.is_read_back) == ({"applied": 1}, False)
    assert stage.world.plan().size == 0


def test_where_tags_move_no_time_everybody_is_read_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract, 6.1: some clients believe that tags do not move last_changed. Nothing is lost because of that."""
    monkeypatch.setenv(clock.VARIABLE, (clock.now() + timedelta(hours=1)).isoformat())
    stage.mailchimp.turn(tags_touch_members=False)
    plan(stage, {PEOPLE[0]: {"Tags": "A;B"}})
    before = stage.mailchimp.stats()["calls"].get("GET /lists/{list_id}/members", 0)
    result = push(stage)
    reads = stage.mailchimp.stats()["calls"]["GET /lists/{list_id}/members"] - before
    assert (result.outcomes, reads) == ({"applied": 1}, 18)
