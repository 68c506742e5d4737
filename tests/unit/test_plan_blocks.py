"""What the plan does about people who are in the audience without being ours, when they must not be mailed.

Belongs here: blocks, erasures and other noes of strangers. Does not: those of people whom the CRM wants
(test_plan_consent.py), strangers of whom nothing is known (test_plan_policies.py).
"""

from plan_stories import Cast, Stage, Story

together = Stage(passing={"hours": 2})
keeping = Stage(on_exit={"do": "keep"}, mode="append")
removing = Stage(to={"connection": "chimp", "audience": "People", "unmanaged": "remove"})

OTHER = {"audience_id": "A2"}


@together
def test_a_stranger_who_is_blocked_is_unsubscribed(cast: Cast) -> Story:
    """The house's own order is for everybody in the audience."""
    for name in ("anna", "bert"):
        cast.have(name)
    cast.have("carl", "pending")
    cast.want("bert", Flag="Nee")
    yield
    for name in ("anna", "bert", "carl"):
        cast.says("block", name, source="admin")
    plan = yield
    assert plan.told == [("unsubscribe", name, "blocked") for name in ("anna", "bert", "carl")]
    assert plan.row("unsubscribe", "anna")["before"] == {"status": "subscribed"}
    assert plan.row("unsubscribe", "anna")["after"] == {"status": "unsubscribed"}
    assert plan.held == set()
    plan = yield
    assert (plan.told, plan.held) == ([], set())


@together
def test_a_stranger_who_was_erased_is_unsubscribed(cast: Cast) -> Story:
    cast.have("anna")
    cast.says("erase", "anna", **OTHER)
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "erased")]


@keeping
def test_a_block_of_a_stranger_holds_where_nobody_is_ever_taken_out(cast: Cast) -> Story:
    cast.have("anna")
    cast.says("block", "anna", source="admin")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "blocked")]


@removing
def test_a_blocked_stranger_stays_unsubscribed_where_strangers_are_archived(cast: Cast) -> Story:
    """Else somebody else could import them again."""
    cast.have("anna")
    cast.says("block", "anna", source="admin")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "blocked")]
    plan = yield
    assert plan.told == []
    assert cast.member("anna").status == "unsubscribed"


@together
def test_a_blocked_stranger_does_not_become_ours(cast: Cast) -> Story:
    """B4, and M4: also where no answer came, nobody is archived who never was ours."""
    for name in ("anna", "bert"):
        cast.have(name)
        cast.says("block", name, source="admin")
        cast.answer("unsubscribe", name, outcome=None, reaches=name == "anna")
    yield
    plan = yield
    assert plan.told == [("unsubscribe", "bert", "blocked")]
    plan = yield
    assert plan.told == []
    assert {cast.member(name).status for name in ("anna", "bert")} == {"unsubscribed"}


@together
def test_a_stranger_whose_block_is_lifted_returns_when_the_crm_wants_them(cast: Cast) -> Story:
    """Our own unsubscribe is no opt-out."""
    cast.have("anna")
    cast.says("block", "anna", source="admin")
    yield
    cast.says("release", "anna", source="admin")
    plan = yield
    assert (plan.told, cast.member("anna").status) == ([], "unsubscribed")
    cast.want("anna")
    plan = yield
    assert plan.told == [("add", "anna", "returned")]


@together
def test_a_blocked_leaver_who_has_not_confirmed_is_unsubscribed(cast: Cast) -> Story:
    """The provider archives nobody who has not, and they could confirm at any time."""
    cast.have("anna", "pending")
    cast.want("anna")
    yield
    cast.drop("anna")
    cast.says("block", "anna", source="admin")
    plan = yield
    assert plan.told == [("unsubscribe", "anna", "deleted_in_crm")]
    assert cast.member("anna").status == "unsubscribed"


@together
def test_a_stranger_who_said_no_elsewhere_is_held_and_left_alone(cast: Cast) -> Story:
    """B4: left alone, but nobody should have to find out by chance."""
    cast.have("anna")
    cast.says("opt_out", "anna", **OTHER)
    plan = yield
    assert (plan.told, [hold["reason"] for hold in plan.holds]) == ([], ["opted_out"])
    told = f"held since {cast.world.now:%Y-%m-%d}, but the audience has the address as subscribed and it is not ours"
    assert plan.hold("opted_out")["detail"] == told
    cast.says("complaint", "anna", **OTHER)
    plan = yield
    assert (plan.told, [hold["reason"] for hold in plan.holds]) == ([], ["complained"])
