"""What the plan does when the CRM and the audience write one address in two ways.

Belongs here: a member under another spelling than the record's, and two members with one address. Does not: which
spellings are one address (test_addresses.py).
"""

from plan_stories import Cast, Stage, Story

together = Stage(passing={"hours": 2})

# One name: with é as one sign, as the CRM and email_key have it, and as e with an accent after it.
OURS, THEIRS = "jos\u00e9", "jose\u0301"


@together
def test_a_member_is_addressed_as_the_provider_writes_the_address(cast: Cast) -> Story:
    """The record's fields and labels reach somebody whom the audience knows by another spelling."""
    cast.have(THEIRS)
    cast.want("jose", Email=OURS, Tags="a", Groups="News")
    plan = yield
    assert [(op, name) for op, name, _ in plan.told] == [("update", OURS), ("join", OURS), ("tag", OURS)]
    assert {row["email"] for row in plan.changes} == {cast.member(THEIRS).email}
    member = cast.member(THEIRS)
    assert (member.fields["FNAME"], member.tags, member.groups) == ("Jose", ["a"], ["Interests: News"])
    assert cast.remembered(OURS)["provider_id"] == member.provider_id
    assert not cast.has(OURS)


@together
def test_a_blocked_member_is_unsubscribed_under_the_spelling_of_the_provider(cast: Cast) -> Story:
    """Else somebody else is unsubscribed, and the person goes on getting mail."""
    cast.have(THEIRS)
    cast.want("jose", Email=OURS)
    yield
    cast.says("block", OURS, source="admin")
    plan = yield
    assert plan.told == [("unsubscribe", OURS, "blocked")]
    assert (cast.member(THEIRS).status, cast.has(OURS)) == ("unsubscribed", False)
    assert cast.remembered(OURS)["left_by"] == "unsubscribe"
    cast.says("release", OURS, source="admin")
    plan = yield
    assert plan.row("add", OURS)["email"] == cast.member(THEIRS).email


@together
def test_a_rename_goes_from_the_spelling_of_the_provider_to_that_of_the_crm(cast: Cast) -> Story:
    """L9."""
    cast.have(THEIRS)
    cast.want("jose", Email=OURS, Tags="a")
    yield
    before = cast.member(THEIRS)
    cast.want("jose", Email="pep", Tags="a;b")
    plan = yield
    assert plan.told == [("rename", "pep", "address_changed"), ("tag", "pep", "address_changed")]
    assert plan.row("rename", "pep")["before"]["email"] == before.email
    assert {row["email"] for row in plan.changes} == {cast.member("pep").email}
    assert (cast.member("pep").provider_id, cast.has(THEIRS)) == (before.provider_id, False)


@together
def test_a_no_at_one_spelling_of_the_address_unsubscribes_the_other(cast: Cast) -> Story:
    """Z1: both are one person, and the most restrictive wins."""
    cast.want("jose", Email=OURS)
    yield
    cast.have(THEIRS, "unsubscribed", reason="no longer interested")
    plan = yield
    assert plan.told == [("unsubscribe", OURS, "opted_out")]
    assert plan.row("unsubscribe", OURS)["email"] == cast.member(OURS).email
    assert plan.held == {("jose", "opted_out")}
    plan = yield
    assert (plan.told, plan.held) == ([], {("jose", "opted_out")})
    assert {cast.member(name).status for name in (OURS, THEIRS)} == {"unsubscribed"}


@together
def test_a_bounce_at_one_spelling_of_the_address_silences_the_other(cast: Cast) -> Story:
    """H4."""
    cast.want("jose", Email=OURS)
    yield
    cast.have(THEIRS, "bounced")
    plan = yield
    assert (plan.told, plan.held) == ([("unsubscribe", OURS, "bounced")], {("jose", "bounced")})


@together
def test_a_stranger_with_a_no_at_another_spelling_is_held(cast: Cast) -> Story:
    """B4: not ours to unsubscribe, but nobody should have to find out by chance."""
    cast.have(OURS)
    cast.have(THEIRS, "unsubscribed")
    plan = yield
    assert (plan.told, [hold["reason"] for hold in plan.holds]) == ([], ["opted_out"])
