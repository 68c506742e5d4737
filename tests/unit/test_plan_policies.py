"""What the plan does under other policies: ways to leave, the clock, strangers removed, append; and after a crash.

Belongs here: on_exit, mode, unmanaged, and changes that were sent without an answer. Does not: consent
(test_plan_consent.py).
"""

from plan_stories import Cast, Stage, Story

together = Stage()
unsubscribing = Stage(
    passing={"days": 20}, on_exit={"do": "unsubscribe", "then": "archive", "after_days": 60}, safety={"floor": 1}
)
unsubscribing_only = Stage(on_exit={"do": "unsubscribe"})
keeping = Stage(on_exit={"do": "keep"})
leaving = Stage(on_exit={"do": "leave_groups"})
moving = Stage(on_exit={"do": "move_to", "group": "Interests: esclusi"})
appending = Stage(mode="append")
removing = Stage(to={"connection": "chimp", "audience": "People", "unmanaged": "remove"})
removing_slowly = Stage(
    to={"connection": "chimp", "audience": "People", "unmanaged": "remove"},
    on_exit={"do": "unsubscribe", "then": "archive", "after_days": 60},
)


@unsubscribing
def test_with_a_clock_a_leaver_is_unsubscribed_first_and_archived_when_it_is_due(cast: Cast) -> Story:
    """F6: unsubscribed first, removed 60 days later."""
    cast.want("anna")
    yield
    cast.drop("anna")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "deleted_in_crm")]
    assert plan.row("unsubscribe", "anna")["after"]["status"] == "unsubscribed"
    due = cast.remembered("anna")["purge_after"]
    assert (due - cast.world.now.replace(tzinfo=None)).days == 59
    for _ in range(2):
        plan = yield
        assert plan.told == []
    plan = yield
    assert plan.told == [("archive", "anna", "purge_due")]
    assert plan.row("archive", "anna")["before"] == {"status": "unsubscribed"}
    yield
    assert cast.member("anna").status == "archived"


@unsubscribing
def test_a_return_stops_the_clock_and_the_next_exit_starts_it_anew(cast: Cast) -> Story:
    """Z6."""
    cast.want("anna")
    yield
    cast.drop("anna")
    yield
    cast.want("anna")
    plan = yield
    assert plan.told == [("add", "anna", "returned")]
    assert cast.remembered("anna")["purge_after"] is None
    for _ in range(3):
        plan = yield
        assert plan.told == []
    cast.drop("anna")
    yield
    for _ in range(2):
        plan = yield
        assert plan.told == []
    plan = yield
    assert plan.told == [("archive", "anna", "purge_due")]


@unsubscribing
def test_somebody_purged_comes_back_when_they_are_wanted_again(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.drop("anna")
    for _ in range(4):
        plan = yield
    assert plan.told == [("archive", "anna", "purge_due")]
    cast.want("anna")
    plan = yield
    assert plan.told == [("add", "anna", "returned")]


@unsubscribing
def test_the_clock_does_not_run_for_objections(cast: Cast) -> Story:
    """An opt-out is to be seen at the provider; only leavers are cleared away."""
    cast.want("anna")
    cast.want("bert")
    yield
    cast.want("anna", Stop="1")
    cast.turn("bert", "unsubscribed")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "opt_out_in_crm")]
    for _ in range(4):
        plan = yield
        assert plan.told == []


@unsubscribing
def test_an_unsubscribe_without_an_answer_that_arrived_keeps_its_clock(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.drop("anna")
    cast.answer("unsubscribe", "anna", outcome=None)
    yield
    for _ in range(2):
        plan = yield
        assert plan.told == []
    plan = yield
    assert plan.told == [("archive", "anna", "purge_due")]


@unsubscribing_only
def test_without_a_clock_a_leaver_stays_unsubscribed(cast: Cast) -> Story:
    cast.want("anna")
    cast.have("paul", "pending")
    cast.want("paul")
    cast.want("bert")
    yield
    cast.turn("bert", "bounced")
    for name in ("anna", "bert"):
        cast.drop(name)
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "deleted_in_crm")]
    assert plan.row("unsubscribe", "anna")["after"] == {"status": "unsubscribed"}
    assert [hold["reason"] for hold in plan.holds] == ["not_removable"]
    cast.want("anna")
    plan = yield
    assert plan.told == [("add", "anna", "returned")]
    assert plan.row("add", "anna")["before"] == {"status": "unsubscribed"}


@keeping
def test_on_exit_keep_leaves_everybody_where_they_are(cast: Cast) -> Story:
    cast.want("anna", Tags="a", Groups="News")
    yield
    cast.drop("anna")
    plan = yield
    assert (plan.told, plan.held) == ([], set())
    cast.want("anna", First="Ann", Tags="a", Groups="News")
    plan = yield
    assert plan.told == [("update", "anna", "changed")]


@keeping
def test_on_exit_keep_still_obeys_an_objection(cast: Cast) -> Story:
    cast.want("anna")
    cast.want("bert")
    yield
    cast.want("anna", Stop="1")
    cast.drop("bert")
    cast.says("block", "bert", source="admin")
    plan = yield
    assert [(op, name) for op, name, _ in plan.told] == [("unsubscribe", "anna"), ("unsubscribe", "bert")]


@leaving
def test_on_exit_leave_groups_takes_our_groups_alone(cast: Cast) -> Story:
    """S3: dropped from the group, not from the account."""
    cast.want("anna", Tags="a", Groups="News;Art")
    yield
    cast.member("anna").groups.append("Interests: theirs")
    cast.drop("anna")
    plan = yield
    assert plan.told == [("leave", "anna", "deleted_in_crm")]
    row = plan.row("leave", "anna")
    assert (row["before"], row["after"]) == ({"groups": ["Interests: Art", "Interests: News"]}, {"groups": []})
    plan = yield
    assert plan.told == []
    member = cast.member("anna")
    assert (member.status, member.groups, member.tags) == ("subscribed", ["Interests: theirs"], ["a"])
    cast.want("anna", Tags="a", Groups="News")
    plan = yield
    assert plan.told == [("join", "anna", "changed")]


@moving
def test_on_exit_move_to_parks_leavers_and_takes_them_out_again(cast: Cast) -> Story:
    """F3 and E9: the group `esclusi`, back on a new match."""
    cast.want("anna", Groups="News")
    yield
    cast.want("anna", Flag="Nee", Groups="News")
    plan = yield
    assert plan.told == [("leave", "anna", "no_match"), ("join", "anna", "no_match")]
    assert plan.row("join", "anna")["after"] == {"groups": ["Interests: esclusi"]}
    for _ in range(2):
        plan = yield
        assert plan.told == []
    assert cast.member("anna").groups == ["Interests: esclusi"]
    cast.want("anna", Groups="News")
    plan = yield
    assert plan.told == [("leave", "anna", "changed"), ("join", "anna", "changed")]
    yield
    assert cast.member("anna").groups == ["Interests: News"]


@moving
def test_somebody_parked_by_hand_is_not_parked_again(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.member("anna").groups.append("Interests: esclusi")
    cast.drop("anna")
    plan = yield
    assert plan.told == []


@moving
def test_somebody_parked_who_is_blocked_is_unsubscribed(cast: Cast) -> Story:
    """M4: being parked is no reason to get mail against one's will (Z10: the audience can still be mailed)."""
    cast.want("anna")
    yield
    cast.drop("anna")
    yield
    cast.says("block", "anna", source="admin")
    plan = yield
    assert [(op, name) for op, name, _ in plan.told] == [("unsubscribe", "anna")]


@appending
def test_in_append_mode_nobody_leaves(cast: Cast) -> Story:
    cast.want("anna", Tags="a")
    cast.want("bert")
    yield
    cast.drop("anna")
    cast.want("bert", First="Berta")
    cast.want("carl")
    plan = yield
    assert plan.told == [("update", "bert", "changed"), ("add", "carl", "new")]
    cast.want("bert", Email="berta")
    plan = yield
    assert plan.told == [("rename", "berta", "address_changed")]


@appending
def test_an_objection_is_obeyed_in_append_mode_too(cast: Cast) -> Story:
    """M4: append is about who is wanted, not about who said no."""
    cast.want("anna")
    yield
    cast.want("anna", Stop="1")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "opt_out_in_crm")]


@removing
def test_strangers_are_removed_only_where_the_sync_says_so(cast: Cast) -> Story:
    """B3 and Z2."""
    cast.have("anna")
    cast.have("bert", "bounced")
    cast.have("carl")
    cast.want("carl")
    plan = yield
    assert plan.told == [("archive", "anna", "unmanaged"), ("update", "carl", "new")]
    assert plan.row("archive", "anna")["before"] == {"status": "subscribed"}


@removing
def test_somebody_who_left_and_was_put_back_by_hand_is_a_stranger(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.drop("anna")
    yield
    cast.turn("anna", "subscribed")
    plan = yield
    assert plan.told == [("archive", "anna", "unmanaged")]


@removing_slowly
def test_a_leaver_whose_clock_runs_is_no_stranger(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.drop("anna")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "deleted_in_crm")]
    plan = yield
    assert plan.told == []


@together
def test_an_add_without_an_answer_is_believed_and_looked_up(cast: Cast) -> Story:
    """A killed run is finished by the next, from what the provider really has."""
    for name in ("anna", "bert"):
        cast.want(name, Tags="a")
    cast.answer("add", "anna", outcome=None)
    cast.answer("add", "bert", outcome=None, reaches=False)
    yield
    plan = yield
    assert plan.told == [("add", "bert", "returned"), ("tag", "anna", "changed"), ("tag", "bert", "returned")]


@together
def test_an_archive_without_an_answer_that_never_arrived_is_sent_again(cast: Cast) -> Story:
    for name in ("anna", "bert"):
        cast.want(name)
    yield
    for name in ("anna", "bert"):
        cast.drop(name)
        cast.answer("archive", name, outcome=None, reaches=name == "anna")
    yield
    plan = yield
    assert plan.told == [("archive", "bert", "deleted_in_crm")]
    cast.want("anna")
    plan = yield
    assert plan.told == [("add", "anna", "returned")]


@together
def test_an_unsubscribe_without_an_answer_that_never_arrived_is_sent_again(cast: Cast) -> Story:
    """M4: a killed run must not leave somebody subscribed who said no."""
    for name in ("anna", "bert"):
        cast.want(name)
    yield
    for name in ("anna", "bert"):
        cast.want(name, Stop="1")
        cast.answer("unsubscribe", name, outcome=None, reaches=name == "anna")
    yield
    plan = yield
    assert plan.told == [("unsubscribe", "bert", "opt_out_in_crm")]
    for name in ("anna", "bert"):
        cast.want(name)
    plan = yield
    assert plan.told == [("add", "anna", "returned"), ("add", "bert", "returned")]


@together
def test_a_rename_without_an_answer_leaves_nobody_at_two_addresses(cast: Cast) -> Story:
    for name in ("anna", "bert"):
        cast.want(name, Tags="a")
    yield
    for name in ("anna", "bert"):
        cast.want(name, Email=f"{name}.new", Tags="a")
        cast.answer("rename", f"{name}.new", outcome=None, reaches=name == "anna")
    yield
    yield
    assert [cast.has("anna"), cast.member("anna.new").status] == [False, "subscribed"]
    assert cast.member("bert.new").status == "subscribed"
    assert not cast.has("bert")
    assert cast.member("bert.new").tags == ["a"]


@together
def test_a_tag_taken_away_without_an_answer_stays_ours_to_take(cast: Cast) -> Story:
    for name in ("anna", "bert"):
        cast.want(name, Tags="a;b", Groups="News;Art")
    yield
    for name in ("anna", "bert"):
        cast.want(name, Tags="a", Groups="Art")
        for op in ("untag", "leave"):
            cast.answer(op, name, outcome=None, reaches=name == "anna")
    yield
    plan = yield
    assert plan.told == [("leave", "bert", "changed"), ("untag", "bert", "changed")]


@together
def test_an_update_without_an_answer_that_never_arrived_is_sent_again(cast: Cast) -> Story:
    for name in ("anna", "bert"):
        cast.want(name)
    yield
    for name in ("anna", "bert"):
        cast.want(name, First="New")
        cast.answer("update", name, outcome=None, reaches=name == "anna")
    yield
    plan = yield
    assert plan.told == [("update", "bert", "changed")]
