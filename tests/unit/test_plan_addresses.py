"""What the plan does when addresses change, are shared, wrong or missing.

Belongs here: one person and two addresses, two people and one address. Does not: judging addresses
(test_addresses.py).
"""

from plan_stories import Cast, Stage, Story

together = Stage()
newest = Stage("newest")


@together
def test_a_changed_address_is_a_rename_of_the_same_member(cast: Cast) -> Story:
    """L9: nobody is recreated by accident; that would restart their welcome series."""
    cast.want("anna", Tags="a", Groups="News")
    yield
    before = cast.member("anna")
    before.tags.append("by hand")
    cast.want("anna", Email="ann", First="Ann", Tags="a;b", Groups="News")
    plan = yield
    assert plan.told == [("rename", "ann", "address_changed"), ("tag", "ann", "address_changed")]
    row = plan.row("rename", "ann")
    assert row["old_email_key"].startswith("anna-")
    assert row["before"]["email"] == row["old_email_key"]
    assert row["after"]["email"] == row["email_key"]
    assert row["after"]["fields"]["FNAME"] == "Ann"
    yield
    member = cast.member("ann")
    assert sorted(member.tags) == ["a", "b", "by hand"]
    assert (member.groups, member.provider_id) == (["Interests: News"], before.provider_id)
    assert not cast.has("anna")


@together
def test_the_labels_of_a_renamed_member_stay_ours(cast: Cast) -> Story:
    cast.want("anna", Tags="a;b", Groups="News")
    yield
    cast.want("anna", Email="ann", Tags="a;b", Groups="News")
    yield
    cast.want("anna", Email="ann", Tags="a")
    plan = yield
    assert plan.told == [("leave", "ann", "changed"), ("untag", "ann", "changed")]


@together
def test_a_renamed_member_can_be_renamed_back(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.want("anna", Email="ann")
    yield
    cast.want("anna")
    plan = yield
    assert plan.told == [("rename", "anna", "address_changed")]


@together
def test_another_spelling_of_the_address_is_no_change(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.want("anna", Email=cast.member("anna").email.upper() + " ")
    plan = yield
    assert plan.told == []


@together
def test_the_first_address_that_is_filled_in_counts(cast: Cast) -> Story:
    """D8."""
    cast.want("anna", Email="  ", Email2="second")
    cast.want("bert", Email2="third")
    plan = yield
    assert plan.told == [("add", "bert", "new"), ("add", "second", "new")]


@together
def test_tabs_line_breaks_and_signs_that_nobody_sees_are_blank(cast: Cast) -> Story:
    """D8: an export's line break is no address, and no date of death."""
    for name, blank in (("anna", "\n"), ("bert", "\t \r\n"), ("carl", "\xa0")):
        cast.want(name, Email=blank, Email2=f"second{name}", Died=blank)
    cast.want("dora", Died="\u200b\ufeff")
    plan = yield
    assert plan.told == [("add", name, "new") for name in ("dora", "secondanna", "secondbert", "secondcarl")]
    assert plan.held == set()


@together
def test_signs_that_nobody_sees_around_a_value_are_no_part_of_it(cast: Cast) -> Story:
    cast.want("anna", First="\tJos\xe9\r\n", Note="two\nlines", Tags="a\n;\tb")
    plan = yield
    assert (
        plan.row("add", "anna")["after"]["fields"] | {"FNAME": "Jos\xe9", "NOTE": "two\nlines"}
        == (plan.row("add", "anna")["after"]["fields"])
    )
    assert plan.row("tag", "anna")["after"] == {"tags": ["a", "b"]}


@together
def test_a_missing_or_wrong_address_is_held_with_its_owner(cast: Cast) -> Story:
    """C9 and G3."""
    cast.want("anna", Email=None, Keeper="Kim")
    cast.want("bert", Email="bert@nowhere", Keeper="Lou")
    plan = yield
    assert plan.told == []
    assert plan.held == {("anna", "missing_address"), ("bert", "bad_address")}
    assert plan.hold("missing_address")["owner"].endswith("of Kim")
    assert plan.hold("bad_address")["detail"]


@together
def test_somebody_who_should_not_get_mail_anyway_is_not_asked_for_an_address(cast: Cast) -> Story:
    cast.want("anna", Email=None, Flag="Nee")
    cast.want("bert", Email="bert@nowhere", Stop="1")
    plan = yield
    assert (plan.told, plan.held) == ([], set())


@together
def test_a_member_whose_address_goes_missing_or_wrong_leaves(cast: Cast) -> Story:
    """F6 in the words of our on_exit."""
    cast.want("anna")
    cast.want("bert")
    yield
    cast.want("anna", Email=None)
    cast.want("bert", Email="bert@nowhere")
    plan = yield
    assert plan.told == [("archive", "anna", "address_changed"), ("archive", "bert", "address_changed")]
    assert plan.held == {("anna", "missing_address"), ("bert", "bad_address")}


@together
def test_an_opt_out_goes_along_to_the_new_address(cast: Cast) -> Story:
    """Nobody is subscribed who unsubscribed there; grueneschweiz/mailchimpservice adds such people as subscribed."""
    cast.want("anna")
    yield
    cast.turn("anna", "unsubscribed")
    cast.want("anna", Email="ann")
    plan = yield
    assert plan.told == [("archive", "anna", "address_changed")]
    assert plan.held == {("anna", "opted_out")}
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "opted_out")})
    assert not cast.has("ann")


@together
def test_a_complaint_goes_along_from_a_member_who_is_still_subscribed(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.says("complaint", "anna")
    cast.want("anna", Email="ann")
    plan = yield
    assert plan.told == [("archive", "anna", "address_changed")]
    assert plan.held == {("anna", "complained")}


@together
def test_an_opt_out_stays_with_the_person_when_another_takes_over_the_address(cast: Cast) -> Story:
    """Who said no is who had the address then, not who has it now."""
    cast.want("anna")
    yield
    cast.says("complaint", "anna")
    cast.want("anna", Email="ann")
    cast.want("bert", Email="anna", Tags="b")
    plan = yield
    assert plan.told == [("update", "anna", "changed"), ("tag", "anna", "changed")]
    assert plan.held == {("anna", "complained")}
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "complained")})
    cast.says("complaint", "anna")
    plan = yield
    cast.want("bert", Email="bert")
    plan = yield
    assert plan.held == {("anna", "complained"), ("bert", "complained")}
    assert not cast.has("ann") and not cast.has("bert")


@together
def test_a_bounced_member_with_a_new_address_is_added_anew_and_the_old_one_left(cast: Cast) -> Story:
    """H7: people call in with a working address; `cleaned` members can be neither renamed nor archived."""
    cast.want("anna")
    yield
    cast.turn("anna", "bounced")
    cast.want("anna", Email="ann")
    plan = yield
    assert plan.told == [("add", "ann", "new")]
    assert [hold["reason"] for hold in plan.holds] == ["not_removable"]
    yield
    assert (cast.member("ann").status, cast.member("anna").status) == ("subscribed", "bounced")


@together
def test_a_changed_address_that_is_a_private_member_is_no_rename(cast: Cast) -> Story:
    """A target address that exists: fields and ledger keys move instead."""
    cast.have("ann", tags=["theirs"])
    cast.want("anna", Tags="a")
    yield
    cast.want("anna", Email="ann", Tags="a")
    plan = yield
    assert plan.told == [
        ("archive", "anna", "address_changed"),
        ("update", "ann", "new"),
        ("tag", "ann", "new"),
    ]
    yield
    assert cast.member("ann").tags == ["a", "theirs"]


@together
def test_a_changed_address_that_is_archived_elsewhere_is_no_rename(cast: Cast) -> Story:
    """Mailchimp demands that the target is free even of archived members (contract, pitfall 7)."""
    cast.have("ann", "archived")
    cast.want("anna")
    yield
    cast.want("anna", Email="ann")
    plan = yield
    assert plan.told == [("archive", "anna", "address_changed")]
    assert plan.held == {("anna", "archived_elsewhere")}


@together
def test_a_move_to_another_domain_renames_everybody_and_removes_nobody(cast: Cast) -> Story:
    """Prior art: a third of the members would be removed and added, with their welcome mails."""
    names = [f"p{number:02}" for number in range(10)]
    for name in names:
        cast.want(name, Tags="a")
    yield
    for name in names[:3]:
        cast.want(name, Email=f"{name}-new", Tags="a")
    plan = yield
    assert plan.told == [("rename", f"{name}-new", "address_changed") for name in names[:3]]


@together
def test_a_record_deleted_and_made_again_is_the_same_member_from_then_on(cast: Cast) -> Story:
    cast.want("anna", Tags="a")
    yield
    before = cast.member("anna")
    cast.drop("anna")
    cast.want("anna", record="again", Tags="a")
    plan = yield
    assert plan.told == [("update", "anna", "changed")]
    row = plan.row("update", "anna")
    assert row["after"]["fields"].items() <= row["before"]["fields"].items()
    cast.want("anna", record="again", Email="ann", Tags="a")
    plan = yield
    assert plan.told == [("rename", "ann", "address_changed")]
    yield
    assert cast.member("ann").provider_id == before.provider_id


@together
def test_an_address_handed_over_belongs_to_its_new_owner_whatever_the_fields_say(cast: Cast) -> Story:
    cast.want("anna", First="Same")
    yield
    cast.want("anna", First="Same", Email="ann")
    cast.want("bert", First="Same", Email="anna")
    plan = yield
    assert plan.told == [("update", "anna", "changed"), ("add", "ann", "new")]
    assert cast.remembered("anna")["contact_key"].startswith("bert-")
    cast.want("bert", First="Same", Email="bert")
    plan = yield
    assert plan.told == [("rename", "bert", "address_changed")]


@together
def test_two_people_who_swap_addresses_swap_fields(cast: Cast) -> Story:
    cast.want("anna", Tags="a")
    cast.want("bert", Tags="b")
    yield
    cast.want("anna", Email="bert", Tags="a")
    cast.want("bert", Email="anna", Tags="b")
    plan = yield
    assert {op for op, _, _ in plan.told} == {"update", "tag", "untag"}
    yield
    assert (cast.member("bert").fields["FNAME"], cast.member("bert").tags) == ("Anna", ["a"])
    assert (cast.member("anna").fields["FNAME"], cast.member("anna").tags) == ("Bert", ["b"])
    assert cast.remembered("bert")["contact_key"].startswith("anna-")


@together
def test_in_a_chain_of_addresses_nobody_is_renamed_onto_a_member(cast: Cast) -> Story:
    cast.want("anna")
    cast.want("bert")
    yield
    cast.want("anna", Email="bert")
    cast.want("bert", Email="carl")
    plan = yield
    assert plan.told == [
        ("archive", "anna", "address_changed"),
        ("update", "bert", "changed"),
        ("add", "carl", "new"),
    ]


@together
def test_an_address_freed_by_one_and_taken_by_another_is_kept(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.drop("anna")
    cast.want("bert", Email="anna")
    plan = yield
    assert plan.told == [("update", "anna", "changed")]


@together
def test_a_shared_address_is_mailed_once_and_the_loser_is_held_with_both_owners(cast: Cast) -> Story:
    """C11, D9, G6 and Z9."""
    cast.want("anna", Keeper="Kim", Changed="2026-01-01")
    cast.want("bert", Email="anna", Keeper="Lou", Changed="2026-02-01")
    plan = yield
    assert plan.told == [("add", "anna", "new")]
    assert plan.row("add", "anna")["after"]["fields"]["FNAME"] == "Bert"
    hold = plan.hold("duplicate")
    assert (hold["record"], hold["owner"][-6:]) == ("anna", "of Kim")
    assert "crm.persons bert-" in hold["detail"]
    assert hold["detail"].endswith("of Lou")


@together
def test_without_a_newer_one_the_lowest_key_wins_and_an_earlier_entity_before_that(cast: Cast) -> Story:
    cast.want("bert", Email="anna")
    cast.want("anna")
    cast.want_firm("acme", Email="anna", Changed="2026-03-01")
    plan = yield
    assert plan.row("add", "anna")["after"]["fields"]["FNAME"] == "Anna"
    assert plan.held == {("bert", "duplicate"), ("acme", "duplicate")}


@together
def test_a_shared_address_stays_when_its_winner_leaves(cast: Cast) -> Story:
    """It is renamed only when its last owner leaves it."""
    cast.want("anna", Tags="a", Changed="2026-02-01")
    cast.want("bert", Email="anna", Tags="b", Changed="2026-01-01")
    yield
    cast.want("anna", Email="ann", Tags="a", Changed="2026-02-01")
    plan = yield
    assert plan.told == [
        ("update", "anna", "changed"),
        ("add", "ann", "new"),
        ("untag", "anna", "changed"),
        ("tag", "ann", "new"),
        ("tag", "anna", "changed"),
    ]
    assert plan.held == set()
    cast.want("bert", Email="berta", Tags="b", Changed="2026-01-01")
    plan = yield
    assert plan.told == [("rename", "berta", "address_changed")]


@together
def test_a_shared_address_stays_when_its_winner_is_excluded(cast: Cast) -> Story:
    cast.want("anna", Changed="2026-02-01")
    cast.want("bert", Email="anna", Changed="2026-01-01")
    yield
    cast.want("anna", Died="2026-11-01", Changed="2026-02-01")
    plan = yield
    assert plan.told == [("update", "anna", "changed")]
    assert plan.held == set()


@together
def test_the_same_record_in_two_entities_is_two_records(cast: Cast) -> Story:
    cast.want("anna")
    cast.want_firm("acme")
    cast.want_firm("anna", Email="office")
    plan = yield
    assert [change for change in plan.told if change[0] == "add"] == [
        ("add", "acme", "new"),
        ("add", "anna", "new"),
        ("add", "office", "new"),
    ]


@together
def test_an_international_address_is_one_member_however_it_is_written(cast: Cast) -> Story:
    cast.want("anna", Email="ANNA@Bücher.example")
    cast.want("bert", Email="anna@xn--bcher-kva.example")
    yield
    members = [key for key in cast.world.audience if "xn--bcher-kva" in key]
    assert members == ["anna@xn--bcher-kva.example"]


@newest
def test_newest_before_first_entity_lets_the_newer_record_win(cast: Cast) -> Story:
    cast.want("anna", Changed="2026-01-01")
    cast.want_firm("acme", Email="anna", Changed="2026-03-01")
    plan = yield
    assert plan.row("add", "anna")["after"]["fields"]["FNAME"] == "Acme"
    assert plan.held == {("anna", "duplicate")}


@newest
def test_of_times_and_numbers_the_later_and_the_greater_one_win_whatever_their_text(cast: Cast) -> Story:
    """D9: a day first sorts by the day, an hour elsewhere is another hour here, and 9 is less than 10."""
    for shared, older, newer in (
        ("anna", "31-01-2020", "2026-06-01"),
        ("bert", "2026-06-01T12:00:00+02:00", "2026-06-01T11:00:00Z"),
        ("carl", "9", "10"),
        ("dora", "2026-06-01 10:00", "2026/06/02"),
        ("emil", None, "01-06-26"),
    ):
        cast.want(f"a{shared}", Email=shared, Changed=older)
        cast.want(f"b{shared}", Email=shared, Changed=newer)
    plan = yield
    assert {row["after"]["fields"]["FNAME"] for row in plan.changes if row["op"] == "add"} == {
        "Banna", "Bbert", "Bcarl", "Bdora", "Bemil"
    }  # fmt: skip


@newest
def test_merged_labels_come_from_every_record_of_the_address(cast: Cast) -> Story:
    cast.want("anna", Tags="a;b", Groups="News", Changed="2026-01-01")
    cast.want("bert", Email="anna", Tags="b;c", Groups="Art", Changed="2026-02-01")
    cast.want_firm("acme", Email="anna", Changed="2026-03-01")
    cast.want("carl", Email="anna", Tags="d", Flag="Nee")
    plan = yield
    assert plan.row("tag", "anna")["after"] == {"tags": ["Firm", "a", "b", "c"]}
    assert plan.row("join", "anna")["after"] == {"groups": ["Interests: Art", "Interests: News"]}
    assert plan.row("add", "anna")["after"]["fields"]["FNAME"] == "Acme"
