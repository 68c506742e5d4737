"""`enlist explain`, `block`, `unblock` and `undo` on a home of their own, whose people said no, moved, left and came.

Belongs here: these commands from the terminal to the provider and back. Does not: the comparison of an undo
(unit/test_undoing.py), what a suppression does to the plan (unit/test_plan_consent.py).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cast import address, edit, write_cast
from rehearsal import SYNC, Document, Rehearsal, rehearsing

from pipelines.sandbox.marketer import send_mailchimp_campaigns

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Story:
    """The home after two pushes, the second of which is undone; members by address at each step."""

    rehearsal: Rehearsal
    before: dict[str, Document]
    after: dict[str, Document]
    undone: Document
    pushed: Document
    restored: dict[str, Document]
    next_plan: Document
    home_before: Rehearsal


def seen(rehearsal: Rehearsal) -> dict[str, Document]:
    found = {}
    for email, member in rehearsal.members().items():
        if member["status"] != "archived":
            tags = sorted(tag["name"] for tag in member["tags"])
            found[email] = {"status": member["status"], "fields": member["merge_fields"], "tags": tags}
    return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with rehearsing(tmp_path_factory.mktemp("people") / "home", people=60) as rehearsal:
        write_cast(rehearsal)
        rehearsal.run(push={"by": "anna", "accept": ["first_run"]})
        send_mailchimp_campaigns(rehearsal.mailchimp.url, rehearsal.mailchimp.api_key, rehearsal.list_id)
        for name in ("regretful", "unwilling"):
            rehearsal.act(address(name), "opt_out")
        rehearsal.run(line="stats")
        before = seen(rehearsal)
        edit(rehearsal, "leaver", KoppelenMetMailChimp="Nee")
        edit(rehearsal, "bride", PersonNameRE="Jansen-de Vries")
        edit(rehearsal, "mover", ContactEMailRE="moved@cast.example")
        edit(rehearsal, "switching", CorrespondenceGroupRE="Nieuwsbrief;Agrarisch")
        edit(rehearsal, "newcomer", KoppelenMetMailChimp="Ja")
        run_id = rehearsal.run(push={"by": "anna"})
        after = seen(rehearsal)
        copy = rehearsal.copy(tmp_path_factory.mktemp("before_undo") / "home")
        undone = rehearsal.enlist("undo", run_id[:8], "--json").document
        plan_id = undone["result"]["plan"]["plan_id"]
        pushed = rehearsal.enlist("push", SYNC, "--plan", plan_id, "--json").document
        restored = seen(rehearsal)
        next_plan = rehearsal.enlist("plan", SYNC, "--json").document
        yield Story(rehearsal, before, after, undone, pushed, restored, next_plan, copy)


def explained(rehearsal: Rehearsal, email: str, *arguments: str) -> Document:
    done = rehearsal.enlist("explain", email, "--json", "--reveal", *arguments)
    assert (done.code, done.err) == (0, "")
    found: Document = done.document["result"]
    return found


# undo


def test_an_undo_brings_the_audience_back_as_it_was_before_the_run(story: Story) -> None:
    """Prior art 2: judged by the simulator's own state; only the actor of the changes remembers the detour."""
    assert story.before != story.after
    assert story.restored == story.before


def test_an_undo_is_a_plan_with_its_own_reason_and_sends_nothing_by_itself(story: Story) -> None:
    plan = story.undone["result"]["plan"]
    assert {count["reason"] for count in plan["counts"]} == {"undo"}
    assert (story.undone["exit_code"], plan["status"], plan["safe"]) == (0, "pending", True)
    assert story.undone["result"]["kept"] == []
    assert story.pushed["result"]["totals"] == {"applied": plan["changes"]}


def test_the_plan_after_an_undo_differs_again_as_the_docs_say(story: Story) -> None:
    """The CRM was not mended; nobody is hidden from the next review."""
    ops = {(count["op"], count["reason"]) for count in story.next_plan["result"]["counts"]}
    assert {("archive", "no_match"), ("rename", "address_changed"), ("update", "changed"), ("add", "returned")} <= ops


def test_the_runs_that_undo_takes_are_shown(story: Story) -> None:
    """By `plans`, `status` and at the end of a push."""
    run_id = story.pushed["result"]["run_id"]
    plans = story.rehearsal.enlist("plans", "--json").document["result"]["plans"]
    assert [run_id] in [plan["runs"] for plan in plans]
    assert story.rehearsal.enlist("status", "--json").document["result"]["syncs"][0]["last_run_id"] == run_id
    assert run_id[:8] in story.rehearsal.enlist("plans").out


def test_an_unknown_run_is_refused_and_the_way_to_the_known_ones_told(story: Story) -> None:
    done = story.rehearsal.enlist("undo", "nonsense", "--json")
    assert done.code == 2
    assert "`enlist plans`" in done.document["error"]["do"]


# explain


def test_a_record_that_left_is_explained_with_its_rule_line_and_value(story: Story) -> None:
    """J5, M5: what was done, why, and what came of it."""
    found = explained(story.home_before, address("leaver"))
    (sync,) = found["syncs"]
    (record,) = sync["records"]
    assert "`where: KoppelenMetMailChimp = 'Ja'` is not true" in record["because"]
    assert f"syncs/{SYNC}.yaml:" in record["because"]
    assert record["because"].endswith("KoppelenMetMailChimp is Nee")
    assert [(row["op"], row["reason"], row["outcome"]) for row in found["pushes"]][-1] == (
        *("archive", "no_match", "applied"),
    )
    assert sync["members"][0]["ledger"]["left_by"] == "archive"


def test_a_changed_address_is_one_story_under_both_names(story: Story) -> None:
    """L9: linked by the CRM record."""
    old, new = (explained(story.home_before, email) for email in (address("mover"), "moved@cast.example"))
    assert old["email_keys"] == [address("mover"), "moved@cast.example"]
    assert new["email_keys"] == ["moved@cast.example", address("mover")]
    assert old["pushes"] == new["pushes"]
    assert [row["op"] for row in old["pushes"]] == ["add", "tag", "rename"]
    assert {row["email_key"] for row in old["campaigns"]} <= set(old["email_keys"])
    assert old["campaigns"]


def test_an_opt_out_is_told_with_its_hold_and_its_source(story: Story) -> None:
    found = explained(story.home_before, address("unwilling"))
    assert [(one["reason"], one["source"], one["released_at"]) for one in found["suppressions"]] == [
        ("opted_out", "provider", None)
    ]
    (hold,) = found["syncs"][0]["holds"]
    assert hold["reason"] == "opted_out"
    assert hold["first_seen_at"]
    assert found["syncs"][0]["members"][0]["provider"]["status"] == "unsubscribed"
    assert [event["event"] for event in found["consent_events"]] == ["opt_out"]


def test_what_was_wanted_sent_kept_and_found_stands_side_by_side(story: Story) -> None:
    """J5: of one person, the old value and the new one."""
    found = explained(story.home_before, address("bride"))
    (member,) = found["syncs"][0]["members"]
    sides = (member["wanted"], member["ledger"]["sent"], member["ledger"]["kept"])
    assert [side["fields"]["LNAME"] for side in sides] == ["Jansen-de Vries"] * 3
    assert member["provider"]["fields"]["LNAME"] == "Jansen"
    assert found["syncs"][0]["sent_since"] == 1  # the audience was read before the push


def test_a_duplicate_names_the_record_that_speaks_for_the_address(story: Story) -> None:
    found = explained(story.home_before, address("twin_of_today").replace("twin_of_today", "twin"))
    because = [record["because"] for record in found["syncs"][0]["records"]]
    assert len(because) == 2
    assert sum(one.startswith("a duplicate: auditcase.persons ") for one in because) == 1


def test_a_wrong_address_is_explained_by_what_is_wrong_with_it(story: Story) -> None:
    found = explained(story.home_before, "misspelt@@cast.example")
    assert found["is_known"] is True
    assert found["address"]["verdict"] == "wrong"
    assert found["syncs"][0]["records"][0]["because"].startswith("not wanted: ")


def test_an_address_that_nobody_knows_is_no_error(story: Story) -> None:
    assert explained(story.home_before, "nobody@nowhere.example")["is_known"] is False
    done = story.home_before.enlist("explain", "nobody@nowhere.example")
    assert (done.code, done.err) == (0, "")
    assert "Nobody knows this address" in done.out


def test_a_story_is_masked_unless_it_is_revealed(story: Story) -> None:
    """The address may come from stdin, so that it stays out of the shell's history."""
    for options in ((), ("--json",)):
        done = story.home_before.enlist("explain", "-", *options, stdin=f"{address('mover')}\n")
        assert done.code == 0
        assert "m…@c….example" in done.out
        assert "@cast.example" not in done.out
    assert "moved@cast.example" in story.home_before.enlist("explain", address("mover"), "--reveal").out


def test_a_home_without_a_warehouse_explains_from_the_ledger(story: Story, tmp_path: Path) -> None:
    bare = story.home_before.copy(tmp_path / "home")
    bare.home().warehouse.unlink()
    found = explained(bare, address("unwilling"))
    assert found["is_known"] is True
    assert [one["reason"] for one in found["suppressions"]] == ["opted_out"]
    assert found["pushes"]
    assert found["campaigns"] == []


def test_a_sync_whose_file_is_gone_is_still_explained(story: Story, tmp_path: Path) -> None:
    bare = story.home_before.copy(tmp_path / "home")
    (bare.root / "syncs" / f"{SYNC}.yaml").unlink()
    (sync,) = explained(bare, address("bride"))["syncs"]
    assert (sync["sync"], sync["is_detached"]) == (SYNC, True)
    assert bare.enlist("undo", bare.query("select max(run_id) as run_id from ledger.runs")[0]["run_id"]).code == 2


def test_secret_fields_are_never_shown_not_even_as_hashes(story: Story, tmp_path: Path) -> None:
    """D4: neither with the sync that says so, nor after its file is gone."""
    home = story.home_before.copy(tmp_path / "home")
    journal = next(path for path in (home.root / "ledger" / "pushes").iterdir() if "bride" in path.read_text("utf-8"))
    text = journal.read_text(encoding="utf-8")
    journal.write_text(text.replace('"LNAME":"Jansen', '"PURL":"md5:0123456789abcdef","LNAME":"Jansen'), "utf-8")
    home.home().warehouse.unlink()
    for _ in range(2):
        for options in (("--json",), ()):
            out = home.enlist("explain", address("bride"), "--reveal", *options).out
            assert "(secret)" in out
            assert "0123456789abcdef" not in out
        (home.root / "syncs" / f"{SYNC}.yaml").unlink(missing_ok=True)


# block and unblock


@pytest.fixture
def home(story: Story, tmp_path: Path) -> Rehearsal:
    """A copy whose ledger may be written to; nothing is sent from it."""
    return story.home_before.copy(tmp_path / "home")


def events(home: Rehearsal) -> list[dict[str, Any]]:
    lines = (home.root / "ledger" / "consent.ndjson").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["source"] == "admin"]


def test_a_block_is_written_with_who_why_and_how_far_and_only_once(home: Rehearsal) -> None:
    """Prior art 4: the suppression ledger by hand."""
    first = home.enlist("block", address("bride"), "--reason", "asked by phone", "--json").document["result"]
    assert first["is_new"] is True
    again = home.enlist("block", address("bride").upper(), "--reason", "again", "--json")
    assert (again.code, again.document["result"]["is_new"]) == (0, False)
    (event,) = events(home)
    assert (event["event"], event["reason"], event["scope"], event["note"]) == (
        *("block", "blocked", "home", "asked by phone"),
    )
    assert event["recorded_by"]
    assert event["email_key"] == address("bride")


def test_a_wider_block_beside_a_narrower_one_is_new_and_not_the_other_way_round(home: Rehearsal) -> None:
    narrow = ("block", address("bride"), "--reason", "x", "--scope", "audience", "--sync", SYNC)
    assert "is blocked in the audience of" in home.enlist(*narrow).out
    assert "is blocked in every account" in home.enlist("block", address("bride"), "--reason", "x").out
    assert "is blocked already" in home.enlist(*narrow).out
    places = {event["scope"]: (event["connection"], event["audience_id"]) for event in events(home)}
    assert places == {"audience": ("mailchimp", home.list_id), "home": (None, None)}


def test_unblock_lifts_the_block_and_nothing_that_the_person_said(home: Rehearsal) -> None:
    """H5, H6, M4: what it lifts and what not is told, and what that means at the provider."""
    home.enlist("block", address("unwilling"), "--reason", "x")
    done = home.enlist("unblock", address("unwilling"), "--reason", "a mistake")
    assert done.code == 0
    said = " ".join(done.out.split())
    assert "Lifted for u…@c….example: the block" in said
    assert "Not lifted: the person's own opt-out" in said
    assert "Enlist can't lift that: only the person, with a sign-up form" in said
    assert [
        one["reason"] for one in explained(home, address("unwilling"))["suppressions"] if not one["released_at"]
    ] == ["opted_out"]


def test_a_persons_own_no_is_lifted_only_by_name(home: Rehearsal) -> None:
    refused = home.enlist("unblock", address("unwilling"), "--reason", "signed a form", "--json")
    assert refused.code == 2
    assert "--also opted_out lifts it" in refused.document["error"]["do"]
    assert events(home) == []
    done = home.enlist("unblock", "-", "--reason", "signed", "--also", "opted_out", stdin=f"{address('unwilling')}\n")
    assert done.code == 0
    assert "Lift it only if they asked to come back" in done.out
    (event,) = events(home)
    assert (event["event"], event["reason"], event["note"]) == ("release", "opted_out", "signed")
    again = home.enlist("unblock", address("unwilling"), "--reason", "signed", "--also", "opted_out")
    assert (again.code, len(events(home))) == (0, 1)
    assert "Nothing was written" in again.out


def test_nothing_lifts_an_erasure(home: Rehearsal) -> None:
    """M5."""
    erased = {**events_of(home)[0], "event": "erase", "reason": "erased", "source": "admin", "scope": "home"}
    with (home.root / "ledger" / "consent.ndjson").open("a", encoding="utf-8") as file:
        file.write(json.dumps(erased) + "\n")
    done = home.enlist("unblock", erased["email_key"], "--reason", "x", "--also", "opted_out", "--json")
    assert done.code == 0
    assert [one["reason"] for one in done.document["result"]["left"]] == ["erased"]
    done = home.enlist("unblock", erased["email_key"], "--reason", "x", "--json")
    assert (done.code, done.document["error"]["do"]) == (2, "Nothing lifts an erasure.")
    assert home.enlist("unblock", erased["email_key"], "--reason", "x", "--also", "erased").code == 2


def events_of(home: Rehearsal) -> list[dict[str, Any]]:
    lines = (home.root / "ledger" / "consent.ndjson").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == "opt_out"]


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("block", "nonsense", "--reason", "x"), "EMAIL"),
        (("block", "a@b.example", "--reason", " "), "--reason"),
        (("block", "a@b.example", "--reason", "x", "--scope", "acount"), "--scope"),
        (("block", "a@b.example", "--reason", "x", "--scope", "account"), "--scope"),
        (("block", "a@b.example", "--reason", "x", "--sync", SYNC), "--sync"),
        (("unblock", "a@b.example", "--reason", "x", "--also", "opted"), "--also"),
        (("explain", "-"), "EMAIL"),
    ],
)
def test_what_can_not_be_meant_is_refused_and_writes_nothing(
    home: Rehearsal, arguments: tuple[str, ...], where: str
) -> None:
    done = home.enlist(*arguments, "--json")
    assert (done.code, done.document["error"]["where"]) == (2, where)
    assert events(home) == []


# plans, show, status, failures


def test_an_unknown_plan_suggests_the_nearest(story: Story) -> None:
    plan_id = story.next_plan["result"]["plan_id"]
    done = story.rehearsal.enlist("show", plan_id[:-1] + "x", "--json")
    assert done.code == 2
    assert done.document["error"]["do"].startswith(f"Did you mean {plan_id[:-4]}")


@pytest.mark.parametrize(
    ("option", "word", "meant"), [("--op", "archve", "archive"), ("--reason", "nomatch", "no_match")]
)
def test_an_op_or_reason_that_no_plan_can_have_is_refused(story: Story, option: str, word: str, meant: str) -> None:
    done = story.rehearsal.enlist("show", story.next_plan["result"]["plan_id"], option, word, "--json")
    assert (done.code, done.document["error"]["where"]) == (2, option)
    assert done.document["error"]["do"].startswith(f"Did you mean {meant}? Possible are: ")


def test_a_refusal_is_listed_with_since_when_and_when_it_is_sent_again(story: Story) -> None:
    (row,) = story.home_before.enlist("failures", "--json", "--reveal").document["result"]["failures"]
    assert row["email"] == address("deleted_before")
    assert (row["tried_again"], row["times"]) == ("when the record changes", 1)
    assert row["since"] == row["happened_at"]
    assert all(row[name] for name in ("owner", "detail", "remedy", "code"))


def test_status_tells_of_those_who_wait_for_their_purge(story: Story, tmp_path: Path) -> None:
    """F6: how many, and the next date; a block stops one clock, a file without `then` all of them."""
    home = story.rehearsal.copy(tmp_path / "home")
    plain, clock = "on_exit: {do: archive}", "on_exit: {do: unsubscribe, then: archive, after_days: 60}"
    file = f"syncs/{SYNC}.yaml"

    def waiting() -> tuple[int, bool]:
        (found,) = home.enlist("status", "--json").document["result"]["syncs"]
        return found["waiting_for_purge"], found["next_purge_at"] is not None

    home.rewrite(file, plain, clock)
    home.run(push={"by": "anna"})
    assert waiting() == (1, True)
    assert "1 member will be archived for good, from " in " ".join(home.enlist("status").out.split())
    assert "Archived for good after" in home.enlist("explain", address("leaver")).out
    home.rewrite(file, clock, plain)
    assert waiting() == (0, False)
    assert "no longer says `on_exit.then: archive`" in home.enlist("explain", address("leaver")).out
    home.rewrite(file, plain, clock)
    assert waiting() == (1, True)
    home.enlist("block", address("leaver"), "--reason", "x")
    assert waiting() == (0, False)
    assert "blocked by hand" in home.enlist("explain", address("leaver")).out
