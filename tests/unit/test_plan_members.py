"""What the plan does with members while nobody objects: adding, changing, leaving, returning, labels.

Belongs here: the default policies, seen from the CRM and from the provider. Does not: consent (test_plan_consent.py),
addresses that change or are shared (test_plan_addresses.py), other policies (test_plan_policies.py).

Every test is a story of its own people; plan_stories.py plays them all in one world, and leaves none of them before
a plan that follows is empty.
"""

from plan_stories import Cast, Stage, Story

together = Stage()

NAMES = {"BORN": "", "FNAME": "Anna", "PURL": "", "SCORE": ""}


@together
def test_somebody_new_is_added_with_fields_and_labels(cast: Cast) -> Story:
    """F2: an add carries the status and the fields, labels are changes of their own, after it."""
    cast.want("anna", Tags="b;a; b ;", Groups="News", Vip="Ja", Keeper="Kim")
    plan = yield
    assert plan.told == [("add", "anna", "new"), ("join", "anna", "new"), ("tag", "anna", "new")]
    add = plan.row("add", "anna")
    assert (add["before"], add["after"]) == (None, {"status": "subscribed", "fields": NAMES})
    assert (add["entity"], add["owner"]) == ("crm.persons", f"{add['contact_key']} of Kim")
    assert plan.row("tag", "anna")["before"] == {"tags": []}
    assert plan.row("tag", "anna")["after"] == {"tags": ["Vip", "a", "b"]}
    assert plan.row("join", "anna")["after"] == {"groups": ["Interests: News"]}
    yield
    member = cast.member("anna")
    assert (member.status, member.tags, member.groups) == ("subscribed", ["Vip", "a", "b"], ["Interests: News"])


@together
def test_nothing_is_planned_for_somebody_unchanged(cast: Cast) -> Story:
    """Z5: everything is compared, only differences are sent."""
    cast.want("anna", Tags="a", Groups="News", Born="1990-02-01", Score="5", Note="hi", Url="http://b.example/1")
    yield
    plan = yield
    assert (plan.told, plan.held) == ([], set())


@together
def test_a_changed_name_is_one_update_of_all_fields(cast: Cast) -> Story:
    cast.want("anna", Score="5")
    yield
    cast.want("anna", First="Ann", Score="5")
    plan = yield
    assert plan.told == [("update", "anna", "changed")]
    row = plan.row("update", "anna")
    assert row["after"] == {"fields": {**NAMES, "FNAME": "Ann", "SCORE": "5"}}
    assert row["before"]["status"] == "subscribed"
    assert row["before"]["fields"]["FNAME"] == "Anna"


@together
def test_an_emptied_value_is_cleared_at_the_provider(cast: Cast) -> Story:
    cast.want("anna", Score="5")
    yield
    cast.want("anna", Score="  ")
    plan = yield
    assert plan.row("update", "anna")["after"]["fields"]["SCORE"] == ""
    yield
    assert cast.member("anna").fields["SCORE"] == ""


@together
def test_a_field_with_empty_keep_is_not_cleared(cast: Cast) -> Story:
    cast.want("anna", Note="hi")
    yield
    cast.want("anna", Note=None)
    plan = yield
    assert plan.told == []
    cast.want("anna", Note=None, First="Ann")
    plan = yield
    assert "NOTE" not in plan.row("update", "anna")["after"]["fields"]
    yield
    assert cast.member("anna").fields["NOTE"] == "HI"


@together
def test_a_value_changed_at_the_provider_is_overwritten(cast: Cast) -> Story:
    """B2: the CRM wins."""
    cast.want("anna")
    yield
    cast.member("anna").fields["FNAME"] = "San Marino"
    plan = yield
    assert plan.told == [("update", "anna", "changed")]
    yield
    assert cast.member("anna").fields["FNAME"] == "Anna"


@together
def test_a_value_that_the_provider_rewrites_its_own_way_is_sent_once(cast: Cast) -> Story:
    """The ledger keeps what was sent and what was kept."""
    cast.want("anna", Note="hi")
    yield
    assert cast.member("anna").fields["NOTE"] == "HI"
    plan = yield
    assert plan.told == []
    cast.member("anna").fields["NOTE"] = "by hand"
    plan = yield
    assert plan.told == [("update", "anna", "changed")]


@together
def test_a_value_that_the_provider_clips_is_compared_as_clipped(cast: Cast) -> Story:
    """FNAME holds 20 bytes: nine and a half of these letters, so nine."""
    cast.want("anna", First="é" * 30)
    cast.want("bert", First="aé" * 10)
    plan = yield
    assert plan.row("add", "anna")["after"]["fields"]["FNAME"] == "é" * 10
    assert plan.row("add", "bert")["after"]["fields"]["FNAME"] == "aé" * 6 + "a"
    plan = yield
    assert plan.told == []
    cast.have("carl", fields={"FNAME": "é" * 10})
    cast.want("carl", First="é" * 30)
    yield
    plan = yield
    assert plan.told == []


@together
def test_a_date_and_a_number_are_compared_as_the_provider_writes_them(cast: Cast) -> Story:
    cast.want("anna", Born="1-2-1990", Score="12.50")
    cast.want("bert", Born="1990/02/01 ", Score="012")
    cast.want("carl", Born="soon", Score="many")
    plan = yield
    told = [plan.row("add", name)["after"]["fields"] for name in ("anna", "bert", "carl")]
    assert [fields["BORN"] for fields in told] == ["1990-02-01", "1990-02-01", "soon"]
    assert [fields["SCORE"] for fields in told] == ["12.5", "12", "many"]
    cast.want("anna", Born="1990-02-01", Score="12.5")
    plan = yield
    assert plan.told == []


@together
def test_a_secret_value_is_stored_and_compared_as_its_hash_alone(cast: Cast) -> Story:
    """D4: the URL to create a password is individual and must not be read by others."""
    cast.want("anna", Url="http://b.example/secret")
    plan = yield
    told = plan.row("add", "anna")["after"]["fields"]["PURL"]
    assert told.startswith("md5:")
    assert "secret" not in str(plan.changes)
    plan = yield
    assert plan.told == []
    assert cast.member("anna").fields["PURL"] == "http://b.example/secret"
    assert "secret" not in str(cast.remembered("anna"))
    cast.want("anna", Url="http://b.example/other")
    plan = yield
    assert plan.told == [("update", "anna", "changed")]
    assert "secret" not in str(plan.changes)


@together
def test_a_flag_set_to_no_archives_the_member(cast: Cast) -> Story:
    """F4 and Z4: leaving is archiving on Mailchimp, never deleting."""
    cast.want("anna", Tags="a", Groups="News")
    yield
    cast.want("anna", Flag="Nee", Tags="a", Groups="News")
    plan = yield
    assert plan.told == [("archive", "anna", "no_match")]
    row = plan.row("archive", "anna")
    assert (row["before"], row["after"]) == ({"status": "subscribed"}, {"status": "archived"})
    assert plan.held == set()


@together
def test_a_record_deleted_in_the_crm_archives_the_member(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.drop("anna")
    plan = yield
    assert plan.told == [("archive", "anna", "deleted_in_crm")]


@together
def test_an_excluded_record_archives_the_member_and_names_the_rule(cast: Cast) -> Story:
    """C4, C5 and M3: a date of death ends all mail."""
    cast.want("anna")
    yield
    cast.want("anna", Died="2026-11-01")
    plan = yield
    assert plan.told == [("archive", "anna", "excluded:deceased")]


@together
def test_a_predicate_that_gives_null_excludes_and_is_held_as_unknown(cast: Cast) -> Story:
    """Null in exclude or opt_out counts as no."""
    cast.want("anna", Minor=None)
    cast.want("bert")
    yield
    cast.want("bert", Stop=None)
    plan = yield
    assert plan.told == [("archive", "bert", "excluded:unknown")]
    assert plan.held == {("anna", "unknown_consent"), ("bert", "unknown_consent")}


@together
def test_a_where_that_gives_null_does_not_match(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.want("anna", Flag=None)
    plan = yield
    assert plan.told == [("archive", "anna", "no_match")]
    assert plan.held == set()


@together
def test_a_named_exclusion_beats_an_unknown_one(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.want("anna", Died="2026-11-01", Minor=None)
    plan = yield
    assert plan.told == [("archive", "anna", "excluded:deceased")]


@together
def test_somebody_whom_we_archived_comes_back_with_status_and_fields_alone(cast: Cast) -> Story:
    """The tags of an archived member stay at Mailchimp, so none are sent again."""
    cast.want("anna", Tags="a", Groups="News")
    yield
    cast.want("anna", Flag="Nee", Tags="a", Groups="News")
    yield
    cast.want("anna", First="Ann", Tags="a", Groups="News")
    plan = yield
    assert plan.told == [("add", "anna", "returned")]
    row = plan.row("add", "anna")
    assert row["before"] == {"status": "archived"}
    assert row["after"] == {"status": "subscribed", "fields": {**NAMES, "FNAME": "Ann"}}
    yield
    assert (cast.member("anna").status, cast.member("anna").tags) == ("subscribed", ["a"])


@together
def test_somebody_archived_elsewhere_is_held(cast: Cast) -> Story:
    """We do not know what they said before."""
    cast.want("anna")
    cast.have("bert", "archived")
    cast.want("bert")
    yield
    cast.turn("anna", "archived")
    plan = yield
    assert plan.told == []
    assert plan.held == {("anna", "archived_elsewhere"), ("bert", "archived_elsewhere")}


@together
def test_somebody_deleted_by_hand_at_the_provider_is_added_again(cast: Cast) -> Story:
    """B3: what is deleted by hand is overwritten."""
    cast.want("anna")
    yield
    cast.vanish("anna")
    plan = yield
    assert plan.told == [("add", "anna", "returned")]
    assert plan.row("add", "anna")["before"] is None


@together
def test_a_private_member_is_left_alone(cast: Cast) -> Story:
    """B4: whoever was added by hand and is not in the CRM is never touched."""
    cast.have("anna", tags=["mine"], groups=["Interests: News"], fields={"FNAME": "Anna"})
    cast.have("bert", "unsubscribed")
    cast.have("carl", "bounced")
    cast.have("dora", "archived")
    before = [str(cast.member(name)) for name in ("anna", "bert", "carl", "dora")]
    plan = yield
    assert (plan.told, plan.held) == ([], set())
    plan = yield
    assert [str(cast.member(name)) for name in ("anna", "bert", "carl", "dora")] == before


@together
def test_a_private_member_whom_the_crm_wants_is_adopted_without_a_status(cast: Cast) -> Story:
    cast.have("anna", tags=["mine"], fields={"FNAME": "Anna"})
    cast.want("anna", Tags="a")
    plan = yield
    assert plan.told == [("update", "anna", "new"), ("tag", "anna", "new")]
    assert "status" not in plan.row("update", "anna")["after"]
    cast.drop("anna")
    plan = yield
    assert plan.told == [("archive", "anna", "deleted_in_crm")]


@together
def test_a_pending_member_is_managed_but_not_confirmed_for_them(cast: Cast) -> Story:
    cast.have("anna", "pending")
    cast.want("anna", First="Ann")
    plan = yield
    assert plan.told == [("update", "anna", "new")]
    yield
    assert cast.member("anna").status == "pending"


@together
def test_a_customer_who_never_asked_for_mail_is_held(cast: Cast) -> Story:
    cast.have("anna", "transactional")
    cast.want("anna")
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "unknown_consent")})


@together
def test_a_pending_member_who_is_to_leave_is_held_as_not_removable(cast: Cast) -> Story:
    """Z6: Mailchimp archives neither pending nor cleaned members."""
    cast.have("anna", "pending")
    cast.want("anna")
    yield
    cast.drop("anna")
    plan = yield
    assert plan.told == []
    (hold,) = plan.holds
    assert hold["reason"] == "not_removable"
    assert "pending" in hold["detail"]


@together
def test_only_tags_that_we_sent_are_taken_away(cast: Cast) -> Story:
    cast.want("anna", Tags="a;b")
    yield
    cast.member("anna").tags.append("by hand")
    cast.want("anna", Tags="b;c")
    plan = yield
    assert plan.told == [("untag", "anna", "changed"), ("tag", "anna", "changed")]
    untag, tag = plan.row("untag", "anna"), plan.row("tag", "anna")
    assert (untag["before"], untag["after"]) == ({"tags": ["a", "b"]}, {"tags": ["b"]})
    assert (tag["before"], tag["after"]) == ({"tags": ["b"]}, {"tags": ["b", "c"]})
    yield
    assert sorted(cast.member("anna").tags) == ["b", "by hand", "c"]


@together
def test_wanted_tags_that_an_adopted_member_had_already_are_ours_from_then_on(cast: Cast) -> Story:
    """Else what the connector of before gave would stay for ever, whatever the CRM says later."""
    cast.have("anna", tags=["a", "by hand"], groups=["Interests: News"])
    cast.want("anna", Tags="a", Groups="News")
    plan = yield
    assert plan.told == [("update", "anna", "new")]
    yield
    cast.want("anna")
    plan = yield
    assert plan.told == [("leave", "anna", "changed"), ("untag", "anna", "changed")]
    yield
    assert cast.member("anna").tags == ["by hand"]


@together
def test_a_tag_given_by_hand_that_the_crm_does_not_want_is_not_ours_to_take(cast: Cast) -> Story:
    """Prior art: only tags that were ours are removed."""
    cast.have("anna", tags=["a"])
    cast.want("anna")
    yield
    cast.member("anna").tags.append("b")
    plan = yield
    assert plan.told == []
    assert cast.member("anna").tags == ["a", "b"]


@together
def test_tags_are_compared_without_case(cast: Cast) -> Story:
    """Mailchimp may change the case of a tag (contract, 6.7)."""
    cast.want("anna", Tags="News;Old")
    yield
    cast.member("anna").tags[:] = ["NEWS", "OLD"]
    plan = yield
    assert plan.told == []
    cast.want("anna", Tags="news")
    plan = yield
    assert plan.told == [("untag", "anna", "changed")]
    yield
    assert cast.member("anna").tags == ["NEWS"]


@together
def test_a_tag_taken_away_by_hand_is_given_again(cast: Cast) -> Story:
    cast.want("anna", Tags="a")
    yield
    cast.member("anna").tags.clear()
    plan = yield
    assert plan.told == [("tag", "anna", "changed")]


@together
def test_groups_follow_the_crm_as_tags_do(cast: Cast) -> Story:
    cast.want("anna", Groups="News;Art")
    yield
    cast.want("anna", Groups="Art;Music")
    plan = yield
    assert plan.told == [("leave", "anna", "changed"), ("join", "anna", "changed")]
    assert plan.row("leave", "anna")["after"] == {"groups": ["Interests: Art"]}
    assert plan.row("join", "anna")["after"] == {"groups": ["Interests: Art", "Interests: Music"]}


@together
def test_what_the_provider_refused_is_held_with_its_labels_until_the_data_changes(cast: Cast) -> Story:
    """G5: not sent again and again, and in the overview with the provider's reason."""
    cast.want("anna", Tags="a", Groups="News")
    cast.answer("add", "anna", outcome="refused", code="fake_address", reaches=False)
    plan = yield
    assert len(plan.told) == 3
    plan = yield
    assert plan.told == []
    assert plan.held == {("anna", "refused_before")}
    assert "fake_address" in plan.hold("refused_before")["detail"]
    cast.want("anna", First="Ann", Tags="a", Groups="News")
    plan = yield
    assert [op for op, _, _ in plan.told] == ["add", "join", "tag"]
    assert plan.held == set()


@together
def test_a_refused_update_holds_nothing_but_itself(cast: Cast) -> Story:
    cast.want("anna")
    yield
    cast.want("anna", Score="x", Tags="a")
    cast.answer("update", "anna", outcome="refused", code="bad_field", reaches=False)
    plan = yield
    assert plan.told == [("update", "anna", "changed"), ("tag", "anna", "changed")]
    plan = yield
    assert (plan.told, plan.held) == ([], {("anna", "refused_before")})
    assert cast.member("anna").tags == ["a"]


@together
def test_what_may_pass_later_is_tried_again(cast: Cast) -> Story:
    cast.want("anna")
    cast.want("bert")
    cast.answer("add", "anna", outcome="refused", code="too_many", can_retry=True, reaches=False)
    cast.answer("add", "bert", outcome="failed", reaches=False)
    yield
    plan = yield
    assert plan.told == [("add", "anna", "new"), ("add", "bert", "new")]
