"""What the plan does about people who said no, bounced, complained or were blocked; and who may lift that.

Belongs here: consent, with the default policies and with crm_wins. Does not: writing consent events down
(test_ledger_consent.py), an opt-out that moves along with an address (test_plan_addresses.py).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from plan_models import synced
from plan_stories import Cast, Stage, Story
from plan_world import World, person

from pipelines.ledger import consent
from pipelines.ledger.journal import folder_of

together = Stage(passing={"hours": 2})
crm_wins = Stage(consent={"opt_outs": "crm_wins"})
no_blocks = Stage(consent={"hard_bounces": "ignore"})
within = Stage(consent={"scope": "audience", "double_opt_in": True})
everywhere = Stage(consent={"scope": "home"})
evicting = Stage("overwriting", passing={"hours": 2}, on_exit={"do": "unsubscribe"})

OTHER = {"audience_id": "A2"}


@together
def test_an_opt_out_in_the_crm_unsubscribes_and_does_not_archive(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.want("anna", Stop="1")
    plan = yield
    assert (plan.told, plan.held) == ([("unsubscribe", "anna", "opt_out_in_crm")], set())
    assert plan.row("unsubscribe", "anna")["after"] == {"status": "unsubscribed"}
    yield
    assert cast.member("anna").status == "unsubscribed"


@together
def test_an_opt_out_in_the_crm_beats_every_other_reason_to_leave(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.want("anna", Stop="1", Flag="Nee", Died="2026-11-01")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "opt_out_in_crm")]


@together
def test_the_opt_out_of_another_record_counts_for_its_address(cast: Cast) -> Story:
    """Also of a record that `where` or `exclude` leaves out."""
    for name in ("anna", "bert", "carl"):
        cast.want(name)
    yield
    cast.want("other", Email="anna", Stop="1")
    cast.want("left out", Email="bert", Stop="1", Flag="Nee")
    cast.want("dead", Email="carl", Stop="1", Died="2026-11-01")
    plan = yield
    assert plan.told == [("unsubscribe", name, "opt_out_in_crm") for name in ("anna", "bert", "carl")]


@together
def test_an_opt_out_in_the_crm_that_is_taken_back_brings_the_member_back(cast: Cast) -> Story:
    """We unsubscribed them for the CRM: it was not the person's own opt-out."""
    cast.want("anna", Tags="a")
    yield
    cast.want("anna", Stop="1", Tags="a")
    yield
    cast.want("anna", Tags="a")
    plan = yield
    assert plan.told == [("add", "anna", "returned")]
    assert plan.row("add", "anna")["before"] == {"status": "unsubscribed"}
    yield
    assert cast.member("anna").status == "subscribed"


@together
def test_somebody_new_who_objects_in_the_crm_is_never_added(cast: Cast) -> Story:
    cast.want("anna", Stop="1")
    plan = yield
    assert (plan.told, plan.held) == ([], set())


@together
def test_a_private_member_who_objects_in_the_crm_is_not_ours_to_unsubscribe(cast: Cast) -> Story:
    """`unmanaged: leave`: people who are not ours are never touched, but nobody should have to find out by chance."""
    cast.have("anna")
    cast.want("anna", Stop="1", Keeper="Kim")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})
    assert plan.hold("opted_out")["detail"] == (
        "the CRM holds an objection, but the audience has the address as subscribed and it is not ours"
    )
    assert plan.hold("opted_out")["owner"].endswith(" of Kim")


@together
def test_whoever_shares_an_address_with_somebody_who_objects_is_held_and_told_why(cast: Cast) -> Story:
    cast.want("anna")
    cast.want("bert", Email="anna", Stop="1")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "shared_address")})
    detail = plan.hold("shared_address")["detail"]
    assert detail.startswith("crm.persons bert-") and detail.endswith(" objects at the same address")


@together
def test_the_opt_out_of_a_private_member_goes_along_to_the_new_address_of_their_record(cast: Cast) -> Story:
    """Prior art: connectors add the opted-out person's new address as subscribed."""
    cast.have("anna", "unsubscribed")
    cast.want("anna")
    plan = yield
    assert plan.held == {("anna", "opted_out")}
    cast.want("anna", Email="ann")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})
    assert plan.hold("opted_out")["detail"].startswith("under a former address, since ")


@together
def test_an_opt_out_goes_along_though_the_address_changed_before_we_knew_of_it(cast: Cast) -> Story:
    cast.have("anna")
    cast.want("anna", Flag="Nee")
    yield
    cast.turn("anna", "unsubscribed")
    cast.want("anna", Email="ann")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})


@together
def test_an_opt_out_goes_along_when_a_lead_becomes_a_contact(cast: Cast) -> Story:
    """The record is another one, of another entity; who has the address then is the person."""
    cast.have("anna", "unsubscribed")
    cast.want("anna")
    yield
    cast.drop("anna")
    cast.want_firm("converted", Email="anna")
    plan = yield
    assert plan.held == {("converted", "opted_out")}
    cast.want_firm("converted", Email="ann")
    plan = yield
    assert (plan.told, plan.held) == ([], {("converted", "opted_out")})


@together
def test_an_objection_of_a_lead_outlives_its_conversion_though_it_never_was_a_member(cast: Cast) -> Story:
    """M4; contracts/vtiger.md, section 7: never lifted because a record vanished. Vtiger gives the contact none."""
    cast.want("lead", Email="anna", Stop="1")
    yield
    cast.drop("lead")
    cast.want_firm("contact", Email="anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("contact", "opted_out")})
    cast.want_firm("contact", Email="ann")
    plan = yield
    assert (plan.told, plan.held) == ([], {("contact", "opted_out")})


@together
def test_a_member_who_objected_as_a_lead_is_not_subscribed_again_as_a_contact(cast: Cast) -> Story:
    """M4."""
    cast.want("anna")
    yield
    cast.want("anna", Stop="1")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "opt_out_in_crm")]
    cast.drop("anna")
    cast.want_firm("contact", Email="anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("contact", "opted_out")})


@together
def test_whoever_shares_an_address_is_held_also_after_the_record_that_objects_was_deleted(cast: Cast) -> Story:
    cast.want("anna", Stop="1")
    cast.want("bert", Email="anna")
    yield
    cast.drop("anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("bert", "opted_out")})
    cast.want("bert", Email="bert")
    plan = yield
    assert (plan.told, plan.held) == ([], {("bert", "opted_out")})


@together
def test_an_objection_moves_along_with_its_record_and_leaves_the_old_address_free(cast: Cast) -> Story:
    cast.want("anna", Stop="1")
    yield
    cast.want("anna", Email="ann", Stop="1")
    cast.want("bert", Email="anna")
    plan = yield
    assert (plan.told, plan.held) == ([("add", "anna", "new")], set())
    cast.drop("anna")
    cast.want("carl", Email="ann")
    plan = yield
    assert (plan.told, plan.held) == ([], {("carl", "opted_out")})


@together
def test_a_record_that_is_there_again_and_objects_no_more_takes_its_objection_back(cast: Cast) -> Story:
    cast.want("anna", Stop="1")
    yield
    cast.drop("anna")
    yield
    cast.want("anna")
    plan = yield
    assert plan.told == [("add", "anna", "new")]
    cast.drop("anna")
    cast.want_firm("contact", Email="anna")
    plan = yield
    assert plan.held == set()


@together
def test_an_objection_that_the_crm_can_not_confirm_any_more_is_not_taken_back(cast: Cast) -> Story:
    cast.want("anna", Stop="1")
    yield
    cast.want("anna", Stop=None)
    yield
    cast.drop("anna")
    cast.want_firm("contact", Email="anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("contact", "opted_out")})


@together
def test_an_administrator_can_release_an_objection_that_outlived_its_record(cast: Cast) -> Story:
    cast.want("anna", Stop="1")
    yield
    cast.drop("anna")
    cast.want_firm("contact", Email="anna")
    plan = yield
    assert plan.held == {("contact", "opted_out")}
    cast.says("release", "anna", reason="opted_out", source="admin")
    plan = yield
    assert plan.told == [("add", "anna", "new"), ("tag", "anna", "new")]


@crm_wins
def test_an_objection_in_the_crm_outlives_its_record_also_where_the_crm_wins(cast: Cast) -> Story:
    cast.want("lead", Email="anna", Stop="1")
    yield
    cast.drop("lead")
    cast.want_firm("contact", Email="anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("contact", "opted_out")})


@together
def test_an_opt_out_stays_with_the_person_though_we_never_managed_the_address(cast: Cast) -> Story:
    cast.have("anna", "unsubscribed")
    cast.want("anna")
    yield
    cast.want("anna", Email="ann")
    cast.want("bert", Email="anna")
    yield
    cast.want("bert", Email="bert")
    plan = yield
    assert (plan.told, plan.held) == ([("add", "bert", "new")], {("anna", "opted_out")})


@together
def test_a_release_of_the_former_address_frees_the_person_at_the_new_one(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.says("complaint", "anna", audience_id="A2")
    yield
    cast.want("anna", Email="ann")
    plan = yield
    assert plan.held == {("anna", "complained")}
    cast.says("release", "anna", source="admin")
    plan = yield
    assert ("add", "ann", "new") in plan.told


@together
def test_an_unsubscribed_member_is_never_resubscribed(cast: Cast) -> Story:
    """C10, M4 and Z11, whether we managed them before or not."""
    cast.want("anna")
    cast.have("bert", "unsubscribed")
    cast.want("bert")
    yield
    cast.turn("anna", "unsubscribed", "I get too many")
    plan = yield
    assert plan.told == []
    assert plan.held == {("anna", "opted_out"), ("bert", "opted_out")}
    for flag in ("Nee", "Ja"):
        cast.want("anna", Flag=flag)
        plan = yield
        assert "add" not in [op for op, _, _ in plan.told]
    assert plan.held == {("anna", "opted_out"), ("bert", "opted_out")}


@together
def test_an_opt_out_survives_the_archiving_of_its_member(cast: Cast) -> Story:
    """F5: at the seed's vendor the opt-out is lost here."""
    cast.want("anna")
    yield
    cast.turn("anna", "unsubscribed")
    cast.drop("anna")
    plan = yield
    assert plan.told == [("archive", "anna", "deleted_in_crm")]
    cast.want("anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})
    assert cast.member("anna").status == "archived"


@together
def test_an_opt_out_survives_the_deletion_of_its_member(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.turn("anna", "unsubscribed")
    yield
    cast.vanish("anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})


@together
def test_an_opted_out_member_of_ours_is_still_updated(cast: Cast) -> Story:
    """F7's reasoning: the record stays right, the status stays theirs."""
    cast.want("anna")
    yield
    cast.turn("anna", "unsubscribed")
    cast.want("anna", First="Ann", Tags="a")
    plan = yield
    assert plan.told == [("update", "anna", "changed")]
    assert "status" not in plan.row("update", "anna")["after"]
    yield
    member = cast.member("anna")
    assert (member.status, member.fields["FNAME"]) == ("unsubscribed", "Ann")


@together
def test_an_opted_out_stranger_is_not_updated(cast: Cast) -> Story:
    cast.have("anna", "unsubscribed", fields={"FNAME": "theirs"})
    cast.want("anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})


@together
def test_a_bounced_member_keeps_that_status_and_is_still_updated(cast: Cast) -> Story:
    """F7, H7."""
    cast.want("anna")
    yield
    cast.turn("anna", "bounced")
    cast.want("anna", First="Ann")
    plan = yield
    assert plan.told == [("update", "anna", "changed")]
    assert plan.held == {("anna", "bounced")}
    yield
    member = cast.member("anna")
    assert (member.status, member.fields["FNAME"]) == ("bounced", "Ann")


@together
def test_a_bounced_member_who_is_to_leave_is_held_as_not_removable(cast: Cast) -> Story:
    """Z6: `cleaned` members can't be archived."""
    cast.want("anna")
    yield
    cast.turn("anna", "bounced")
    cast.drop("anna")
    plan = yield
    assert (plan.told, [hold["reason"] for hold in plan.holds]) == ([], ["not_removable"])


@together
def test_somebody_who_subscribed_again_by_themselves_is_kept(cast: Cast) -> Story:
    """The provider lets nobody but the person do that; our old note of the opt-out must not undo it."""
    cast.want("anna")
    yield
    cast.turn("anna", "unsubscribed")
    yield
    cast.turn("anna", "subscribed")
    cast.want("anna", First="Ann", Tags="a")
    plan = yield
    assert plan.told == [("update", "anna", "changed"), ("tag", "anna", "changed")]
    assert cast.member("anna").status == "subscribed"


@together
def test_an_opt_out_from_another_audience_of_the_account_unsubscribes_here(cast: Cast) -> Story:
    """B5, H2 and Z7: an opt-out is valid for the whole account unless the sync says otherwise."""
    cast.want("anna")
    cast.have("bert")
    cast.want("bert")
    yield
    cast.says("opt_out", "anna", **OTHER)
    cast.says("opt_out", "bert", **OTHER)
    cast.says("opt_out", "carl", **OTHER)
    cast.want("carl")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "opted_out"), ("unsubscribe", "bert", "opted_out")]
    assert plan.held == {(name, "opted_out") for name in ("anna", "bert", "carl")}
    plan = yield
    assert (plan.told, plan.held) == ([], {(name, "opted_out") for name in ("anna", "bert", "carl")})


@together
def test_an_opt_out_from_elsewhere_stays_within_its_scope(cast: Cast) -> Story:
    for name in ("anna", "bert", "carl", "dora"):
        cast.want(name)
    yield
    cast.says("opt_out", "anna", **OTHER, scope="audience")
    cast.says("opt_out", "bert", connection="mup", audience_id="L1", scope="account")
    cast.says("opt_out", "carl", connection="mup", audience_id="L1", scope="home")
    plan = yield
    assert plan.told == [("unsubscribe", "carl", "opted_out")]


@together
def test_whoever_is_out_in_a_list_that_no_sync_keeps_is_held_as_opted_out_as_long_as_that_lasts(cast: Cast) -> Story:
    """B5: MailUp has one consent for each address. Who is in the audience already is not taken out of it."""
    cast.want("anna")
    yield
    for name in ("anna", "bert", "carl", "dora"):
        cast.want(name)
        cast.is_out_elsewhere(name)
    cast.have("carl")
    cast.says("block", "dora", **OTHER)
    plan = yield
    assert [(op, name) for op, name, _ in plan.told] == [("update", "carl")]
    assert plan.held == {("bert", "opted_out"), ("dora", "blocked")}
    assert plan.hold("opted_out")["detail"] == "in another audience of the account"
    cast.is_out_elsewhere("bert", is_out=False)
    plan = yield
    assert plan.told == [("add", "bert", "new")]


@together
def test_the_gravest_reason_is_the_one_that_is_told(cast: Cast) -> Story:
    for number, events in enumerate(
        (("bounce", "opt_out"), ("opt_out", "block"), ("block", "complaint"), ("complaint", "erase"))
    ):
        cast.want(f"p{number}")
        for event in events:
            cast.says(event, f"p{number}", **OTHER)
    plan = yield
    assert plan.told == []
    assert sorted(plan.held) == [("p0", "opted_out"), ("p1", "blocked"), ("p2", "complained"), ("p3", "erased")]


@together
def test_a_block_by_hand_unsubscribes_and_its_release_brings_the_member_back(cast: Cast) -> Story:
    """H5 and H6."""
    cast.want("anna")
    yield
    cast.says("block", "anna", source="admin")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "blocked")]
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "blocked")})
    cast.says("release", "anna", source="admin")
    plan = yield
    assert (plan.told, plan.held) == ([("add", "anna", "returned")], set())


@together
def test_somebody_who_is_blocked_and_not_wanted_leaves_as_others_do(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.says("block", "anna", source="admin")
    cast.drop("anna")
    plan = yield
    assert plan.told == [("archive", "anna", "deleted_in_crm")]
    yield
    cast.want("anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "blocked")})


@together
def test_a_released_opt_out_does_not_overrule_the_provider(cast: Cast) -> Story:
    """Mailchimp refuses to subscribe them again (contract, 6.5): nothing is even tried."""
    cast.want("anna")
    yield
    cast.turn("anna", "unsubscribed")
    yield
    cast.says("release", "anna", source="admin")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})


@together
def test_our_own_unsubscribe_is_no_opt_out_but_a_later_one_is(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.says("block", "anna", source="admin")
    yield
    cast.says("release", "anna", source="admin")
    yield
    assert cast.member("anna").status == "subscribed"
    cast.turn("anna", "unsubscribed")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})


@together
def test_an_update_does_not_make_our_own_unsubscribe_the_persons(cast: Cast) -> Story:
    """Its answer got lost, so they count as ours still, and their data are kept right while they are out."""
    cast.want("anna")
    yield
    cast.says("block", "anna", source="admin")
    cast.answer("unsubscribe", "anna", outcome=None)
    yield
    cast.want("anna", First="Ann")
    plan = yield
    assert plan.told == [("update", "anna", "changed")]
    cast.says("release", "anna", source="admin")
    plan = yield
    assert (plan.told, plan.held) == ([("add", "anna", "returned")], set())


@together
def test_an_unsubscribe_of_the_persons_own_is_never_taken_for_ours(cast: Cast) -> Story:
    """Ours got lost on the way; whatever unsubscribed them then had a reason of its own."""
    cast.want("anna")
    yield
    cast.says("block", "anna", source="admin")
    cast.answer("unsubscribe", "anna", outcome=None, reaches=False)
    yield
    cast.turn("anna", "unsubscribed", "I get too many")
    cast.says("release", "anna", source="admin")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})


@together
def test_an_opt_out_of_somebody_who_came_back_after_our_unsubscribe_is_their_own(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.want("anna", Stop="1")
    yield
    cast.turn("anna", "subscribed")
    yield
    cast.turn("anna", "unsubscribed")
    yield
    cast.want("anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})


@evicting
def test_whom_we_unsubscribed_comes_back_though_they_left_a_group_by_our_hand_afterwards(cast: Cast) -> Story:
    """Design, section 7: every leaver of such a sync would count as one who said no."""
    cast.want("anna", Groups="News")
    yield
    cast.want("anna", Flag="Nee")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "no_match")]
    plan = yield
    assert plan.told == [("leave", "anna", "unmanaged")]
    yield
    cast.want("anna", Groups="News")
    plan = yield
    assert plan.told == [("add", "anna", "returned"), ("join", "anna", "returned")]


@crm_wins
def test_crm_wins_lifts_opt_outs_from_elsewhere(cast: Cast) -> Story:
    """Z1: the behaviour of S1, where a sync asks for it."""
    cast.want("anna")
    cast.says("opt_out", "anna", **OTHER)
    plan = yield
    assert plan.told == [("add", "anna", "new")]


@crm_wins
def test_crm_wins_brings_an_opted_out_member_back_once_we_archived_them(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.turn("anna", "unsubscribed")
    cast.drop("anna")
    yield
    cast.want("anna")
    plan = yield
    assert plan.told == [("add", "anna", "returned")]


@crm_wins
def test_crm_wins_never_lifts_a_complaint_an_erasure_or_a_block(cast: Cast) -> Story:
    for event in ("complaint", "erase", "block"):
        cast.want(event)
        cast.says(event, event, **OTHER)
        cast.says("opt_out", event, **OTHER)
    plan = yield
    assert plan.told == []
    assert plan.held == {("complaint", "complained"), ("erase", "erased"), ("block", "blocked")}


@no_blocks
def test_a_bounce_that_is_not_blocked_is_left_to_the_provider(cast: Cast) -> Story:
    cast.want("anna")
    cast.want("bert")
    cast.says("bounce", "bert", **OTHER)
    yield
    assert cast.member("bert").status == "subscribed"
    cast.turn("anna", "bounced")
    cast.want("anna", First="Ann")
    plan = yield
    assert (plan.told, plan.held) == ([("update", "anna", "changed")], {("anna", "bounced")})


@within
def test_an_opt_out_in_a_sync_with_the_audience_as_its_scope_is_written_down_so(cast: Cast) -> Story:
    """H2."""
    cast.want("anna")
    yield
    cast.turn("anna", "unsubscribed")
    yield
    scopes = cast.world.database.execute("select distinct scope from ledger.suppressions").fetchall()
    assert scopes == [("audience",)]


@within
def test_with_double_opt_in_new_members_wait_for_their_confirmation(cast: Cast) -> Story:
    cast.want("anna", Tags="a")
    plan = yield
    assert plan.row("add", "anna")["after"]["status"] == "pending"
    yield
    assert cast.member("anna").status == "pending"


@everywhere
def test_an_opt_out_in_a_sync_with_the_home_as_its_scope_is_written_down_so(cast: Cast) -> Story:
    """H2, Z7: also that of somebody who is not ours, and a bounce."""
    cast.want("anna")
    cast.have("bert")
    yield
    cast.turn("anna", "unsubscribed")
    cast.turn("bert", "bounced")
    yield
    scopes = cast.world.database.execute("select reason, scope from ledger.suppressions order by all").fetchall()
    assert scopes == [("bounced", "home"), ("opted_out", "home")]


class Elsewhere(World):
    """A world in another account: its journals name that one."""

    def push(self, changes: Iterable[Mapping[str, Any]]) -> None:
        super().push(changes)
        for path in folder_of(self.ledger).iterdir():
            text = path.read_text(encoding="utf-8").replace('"connection":"chimp"', '"connection":"mup"')
            path.write_text(text, encoding="utf-8")


class TwoSyncs:
    """Two syncs of one home, each with an account of its own; the ledger of who said no is one file."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, scope: str) -> None:
        self.first = World(patch, folder / "first", consent={"scope": scope})
        self.second = Elsewhere(patch, folder / "second", to={"connection": "mup", "audience": "Readers"})
        # A world knows one sync by name, so each has its own journals.
        (folder / "second").mkdir()
        consent.path_of(self.second.ledger).symlink_to(consent.path_of(self.first.ledger))
        for world in (self.first, self.second):
            world.want(*(person(name) for name in ("anna", "bert")))
            world.sync_once()


@pytest.mark.parametrize(("scope", "reaches"), [("home", True), ("account", False), ("audience", False)])
def test_a_no_in_one_account_holds_in_another_when_its_sync_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str, reaches: bool
) -> None:
    """Z7, H2: what counts is the scope of the sync where it was said; that of the other says nothing."""
    syncs = TwoSyncs(monkeypatch, tmp_path, scope)
    syncs.first.turn("anna", "unsubscribed")
    syncs.first.have("dora", "unsubscribed")
    assert syncs.first.sync_once().held == {("anna", "opted_out")}
    for world in (syncs.first, syncs.second):
        world.want(person("dora"))
    plan = syncs.second.sync_once()
    if reaches:
        assert plan.told == [("unsubscribe", "anna", "opted_out")]
        assert plan.held == {("anna", "opted_out"), ("dora", "opted_out")}
    else:
        assert (plan.told, plan.held) == ([("add", "dora", "new")], set())
    syncs.second.turn("bert", "unsubscribed")
    assert ("bert", "opted_out") in syncs.second.sync_once().held
    plan = syncs.first.sync_once()
    assert (plan.told, plan.held) == ([], {("anna", "opted_out"), ("dora", "opted_out")})
    for world in (syncs.first, syncs.second):
        assert world.sync_once().told == []
        world.database.close()


def test_a_release_of_a_no_that_reaches_the_whole_home_lets_the_other_sync_mail_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There our own unsubscribe is taken back; where the person said it, only the person can."""
    syncs = TwoSyncs(monkeypatch, tmp_path, "home")
    syncs.first.turn("anna", "unsubscribed")
    syncs.first.sync_once()
    assert syncs.second.sync_once().told == [("unsubscribe", "anna", "opted_out")]
    nowhere = {"connection": None, "audience_id": None, "sync": None, "scope": "home", "source": "admin"}
    syncs.first.says("release", "anna", **nowhere)
    assert syncs.second.sync_once().told == [("add", "anna", "returned")]
    assert syncs.first.sync_once().held == {("anna", "opted_out")}
    for world in (syncs.first, syncs.second):
        world.database.close()


def test_a_no_of_long_ago_holds_in_the_other_sync_once_the_reach_is_wider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H2: a sync whose noes count everywhere from now on means those that it has."""
    syncs = TwoSyncs(monkeypatch, tmp_path, "audience")
    syncs.first.turn("anna", "unsubscribed")
    syncs.first.sync_once()
    assert syncs.second.sync_once().told == []
    syncs.first.sync = synced(consent={"scope": "home"})
    syncs.first.sync_once()
    assert syncs.second.sync_once().told == [("unsubscribe", "anna", "opted_out")]
    for world in (syncs.first, syncs.second):
        world.database.close()


def test_whom_another_sync_of_this_audience_unsubscribed_is_held_here_and_did_not_say_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design, section 7: also the same sync under its former name. Only the sync that did it brings them back."""
    world = World(monkeypatch, tmp_path, on_exit={"do": "unsubscribe"})
    world.want(person("anna"))
    world.sync_once()
    world.want(person("anna", Flag="Nee"))
    world.sync_once()
    for path in folder_of(world.ledger).iterdir():
        path.write_text(path.read_text(encoding="utf-8").replace('"people"', '"formerly"'), encoding="utf-8")
    world.want(person("anna"))
    plan = world.sync_once()
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})
    assert world.database.execute("from ledger.suppressions").fetchall() == []
    world.database.close()
