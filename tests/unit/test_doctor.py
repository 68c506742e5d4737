"""The mapping doctor over a few records in memory: what it finds, how many it counts, and what it advises."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.config import Home, SyncConfig, load_home
from pipelines.errors import ConfigError
from pipelines.ledger import pins
from pipelines.providers.base import Account, Audience, Group, MergeField, Traits
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.providers.mailchimp.reading import merge_field
from pipelines.providers.mailchimp.values import from_text
from pipelines.providers.mailup.batching import TRAITS as MAILUP
from pipelines.quality import addresses
from pipelines.sandbox.mailchimp import model as simulator
from pipelines.sandbox.mailchimp.values import Refused, kept
from pipelines.sync import stale
from pipelines.sync.audience import check_fields
from pipelines.sync.doctor import account, fields, labels, values
from pipelines.sync.doctor.account import Found
from pipelines.sync.doctor.examining import of_account
from pipelines.sync.doctor.findings import Finding
from pipelines.sync.doctor.records import Records
from pipelines.sync.doctor.sharing import sharing

ROOT = Path(__file__).parents[2]
MAILCHIMP = MailchimpProvider.traits
CONNECTIONS = """\
connections:
  crm: {kind: sql, url: "sqlite:///crm.db", entities: {persons: {table: persons, key: Id}}}
  chimp: {kind: mailchimp, url: "http://127.0.0.1:8765/mailchimp", api_key: 0123456789abcdef0123456789abcdef-us1}
"""
SYNC = """\
sync: people
to: {connection: chimp, audience: People, create_fields: true}
from:
  - entity: crm.persons
    email: [Email, Email2]
    where: Flag = 'Ja' or Flag = 'Misschien'
    exclude: {dead: Died = 'Ja'}
    opt_out: Stop = 'Ja'
    fields: {VALUE: Value}
    tags:
      - {split: Kinds, by: ';'}
      - {name: Mailing-nee, when: Mailing = 'Nee'}
      - {name: Opted out, when: "Mailing = 'Nee' and Flag = 'Ja'"}
      - {name: Non soci, when: Flag = 'Ja'}
    groups:
      - {split: Kinds, by: ';', category: Interests}
      - {name: Everybody, category: Interests, mode: overwrite}
consent: {opt_outs: crm_wins}
"""
PEOPLE = """
    create table persons as
    select 'k' || i as Id, 'p' || i || '@b.example' as Email, cast(null as varchar) as Email2, 'Ja' as Flag,
        'Nee' as Died, 'Nee' as Stop, 'v' || i as "Value", 'A; B' as Kinds, case when i < 3 then 'Nee' end as Mailing
    from range(10) as numbers(i)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "syncs").mkdir()
    (folder / "connections.yaml").write_text(CONNECTIONS, encoding="utf-8")
    (folder / "syncs" / "people.yaml").write_text(SYNC, encoding="utf-8")
    return load_home(folder, environ={})


@pytest.fixture
def sync(home: Home) -> SyncConfig:
    return home.sync("people")


@pytest.fixture
def records(sync: SyncConfig) -> Iterator[Records]:
    with duckdb.connect() as connection:
        connection.execute(PEOPLE)
        yield Records(connection, sync.sources[0], "Id", "persons", is_sample=False)


def judged(records: Records) -> Records:
    addresses.judge_new(records.connection, "select Email as address from persons union all select Email2 from persons")
    return records


def with_values(records: Records, given: Sequence[str | None]) -> Records:
    for number, value in enumerate(given):
        records.connection.execute('update persons set "Value" = ? where Id = ?', [value, f"k{number}"])
    return judged(records)


def found_in(home: Home, sync: SyncConfig, records: Records, field: MergeField, traits: Traits) -> list[Finding]:
    told = values.examine(home, sync, [records], [field], traits)
    return [one for one in told if isinstance(one, Finding)]


def of_type(kind: str, **more: Any) -> MergeField:
    return MergeField("VALUE", "1", "Value", kind, **{"required": False, **more})


def test_a_required_field_that_is_empty_for_some_is_told_with_how_many_would_fail_and_their_keys(
    home: Home, sync: SyncConfig, records: Records
) -> None:
    """D15, G6: the CRM may leave it empty, so the provider would refuse these rows. Those not wanted do not count."""
    empty = with_values(records, [None, "  ", "", "x", "", ""])
    empty.connection.execute("update persons set Flag = 'Nee' where Id = 'k4'")
    empty.connection.execute("update persons set Email = 'wrong' where Id = 'k5'")
    (finding,) = found_in(home, sync, empty, of_type("text", required=True), MAILCHIMP)
    assert finding.what == (
        "VALUE: 3 of the 8 records wanted from crm.persons would be refused: it is required at the provider and empty "
        "for them."
    )
    assert (finding.records, finding.examples) == (3, ("crm.persons k0", "crm.persons k1", "crm.persons k2"))
    assert "coalesce" in finding.do
    assert finding.where == "syncs/people.yaml:9"


def test_a_required_field_that_is_always_filled_in_is_in_order(home: Home, sync: SyncConfig, records: Records) -> None:
    """D15."""
    assert found_in(home, sync, judged(records), of_type("text", required=True), MAILCHIMP) == []


def test_who_is_wanted_is_who_the_plan_would_want(records: Records) -> None:
    """The same people as dbt's map: null means not wanted, excluded, and opted out."""
    for number, change in enumerate(
        ("Flag = null", "Flag = 'Nee'", "Died = 'Ja'", "Died = null", "Stop = null", "Stop = 'Ja'")
    ):
        records.connection.execute(f"update persons set {change} where Id = 'k{number}'")
    records.connection.execute("update persons set Email = ' ', Email2 = 'second@b.example' where Id = 'k6'")
    records.connection.execute("update persons set Email = null where Id = 'k7'")
    wanted, (with_second,) = judged(records).count({"enlist_0": "Email2"}, ["enlist_0 is not null"])
    assert (wanted, with_second.keys) == (3, ("k6",))


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (of_type("number"), ["1", "-2.5", "1e3"], ["AAAAA", "1,5"]),
        (of_type("date"), ["2026-02-28", "2026/02/28", "28-02-2026", "02/28/2026"], ["2026-02-30", "yesterday"]),
        (of_type("birthday"), ["02/29", "12/31"], ["31/12", "1980-02-28"]),
        (of_type("zip"), ["12345"], ["1234 AB", "123456"]),
        (of_type("url"), ["https://x.example/a?b", "HTTP://x.example"], ["www.x.example", "https://"]),
        (of_type("choice", choices=("Ja", "Nee")), ["Ja"], ["ja", "Misschien"]),
        (
            of_type("address"),
            ['{"addr1": "A 1", "city": "B", "state": "C", "zip": "1"}'],
            ["A 1, B", '{"addr1": "A 1", "city": "B", "state": "", "zip": "1"}'],
        ),
        (of_type("text", max_bytes=4), ["abcd"], ["abcde", "\u00fc\u00fc\u00fc"]),
        (of_type("phone"), ["anything", "030 12345"], []),
        (of_type("phone", phone_format="US"), ["(404) 555-1212", "+4045551212"], ["030 12345", "404 555 1212 ext. 3"]),
    ],
    ids=lambda given: given.type if isinstance(given, MergeField) else "",
)
def test_values_that_a_field_does_not_take_are_counted(
    home: Home, sync: SyncConfig, records: Records, field: MergeField, good: list[str], bad: list[str]
) -> None:
    """Types, lengths in bytes, choices, dates, postal addresses; a blank value is none."""
    rest: list[str | None] = ["", None]
    found = found_in(home, sync, with_values(records, [*good, *bad, *rest, *good * 10][:10]), field, MAILCHIMP)
    assert [finding.records for finding in found] == ([len(bad)] if bad else [])
    keys = tuple(f"crm.persons k{len(good) + number}" for number in range(len(bad)))
    assert [finding.examples for finding in found] == ([keys] if bad else [])


VALUES = {
    "zip": ["12345", "1234 AB", "123456", "1234"],
    "birthday": ["02/29", "12/31", "31/12", "1980-02-28", "2/3"],
    "choice": ["Ja", "Nee", "ja", "Ja "],
    "address": ['{"addr1": "A 1", "city": "B", "state": "C", "zip": "1"}', '{"addr1": "A 1", "city": "B"}', "A 1, B"],
    "phone": [
        *("(404) 555-1212", "404.555.1212", "+4045551212", "4045551212", "tel 404 555 1212"),
        *(
            "030 12345",
            "404 555 121",
            "404 555 1212 9",
            "1 404 555 1212",
            "+31 20 123 45 67",
            "404-555-1212 ext 3",
            "-",
        ),
    ],
}


@pytest.mark.parametrize("phone_format", ["", "US"])
@pytest.mark.parametrize("kind", VALUES)
def test_what_is_said_to_be_refused_is_what_mailchimp_refuses(records: Records, kind: str, phone_format: str) -> None:
    """Of each type that takes values as they are; numbers and dates are brought into its form before they are sent."""
    options = {"choices": ["Ja", "Nee"], "phone_format": phone_format or "none"}
    theirs = simulator.MergeField("a", 1, "VALUE", "Value", "dropdown" if kind == "choice" else kind, options=options)
    document = {"tag": "VALUE", "merge_id": 1, "name": "Value", "type": theirs.type, "options": options}
    ours = merge_field(document)
    (trouble,) = [*values.troubles(ours, "value", MAILCHIMP)] or [None]
    for value in VALUES[kind]:
        try:
            kept(theirs, from_text(value, is_address=kind == "address"))
            is_refused = False
        except Refused:
            is_refused = True
        told = f"select {trouble.condition} from (select ? as value)" if trouble else "select false where ? <> ''"
        assert records.connection.execute(told, [value]).fetchall() == [(is_refused,)], value


def test_what_mailup_would_cut_is_counted_in_utf_16_units(home: Home, sync: SyncConfig, records: Records) -> None:
    given = with_values(records, ["a" * 200, "\u00fc" * 200, "\U0001f600" * 100, "a" * 201, "\U0001f600" * 101])
    (finding,) = found_in(home, sync, given, of_type("text"), MAILUP)
    assert finding.examples == ("crm.persons k3", "crm.persons k4")
    assert "cut to 200 characters" in finding.what


def test_the_dates_that_count_are_those_that_the_map_can_read() -> None:
    macro = (ROOT / "dbt_project" / "macros" / "kept.sql").read_text(encoding="utf-8")
    assert f"[{', '.join(repr(one) for one in values.DATES)}]" in macro


def test_tags_that_say_no_are_counted_and_the_where_without_them_is_named(
    home: Home, sync: SyncConfig, records: Records
) -> None:
    """C5. `Non soci` are people like others."""
    (warning,) = labels.objections(home, sync, [judged(records)])
    assert warning.records == 3
    assert "3 of the 10 records wanted from crm.persons carry a tag that says no (Mailing-nee 3, Opted out 3)" in (
        warning.what
    )
    assert warning.do.endswith(
        "(Flag = 'Ja' or Flag = 'Misschien') and Mailing is distinct from 'Nee' "
        "and (Mailing = 'Nee' and Flag = 'Ja') is not true"
    )


def test_the_where_that_is_named_leaves_out_just_those(home: Home, sync: SyncConfig, records: Records) -> None:
    """C5: nobody whose answer is blank."""
    (warning,) = labels.objections(home, sync, [judged(records)])
    where = warning.do.partition(" be: ")[2]
    left = records.connection.execute(f"select count(*) from persons where {where}").fetchall()
    assert left == [(7,)]


@pytest.mark.parametrize("name", ["Mailingen-ontvangen-nee", "Nieuwsbrief: nej", "no mail", "do-not-mail", "Opt-out"])
def test_a_label_that_says_no_is_an_objection(sync: SyncConfig, name: str) -> None:
    rule = sync.sources[0].tags[1].model_copy(update={"name": name})
    assert labels.is_objection(rule)


@pytest.mark.parametrize("name", ["Non soci", "Noord", "Nee-zeggers van 2019", "Piano", "Stopcontact"])
def test_a_label_that_says_nothing_of_the_kind_is_none(sync: SyncConfig, name: str) -> None:
    rule = sync.sources[0].tags[1].model_copy(update={"name": name})
    assert not labels.is_objection(rule)


def test_groups_beyond_the_providers_limit_are_told(home: Home, sync: SyncConfig, records: Records) -> None:
    needed = labels.groups_of(sync, [judged(records)])
    assert needed == {"Interests: A", "Interests: B", "Interests: Everybody"}
    others = [Group(str(number), f"G{number}", "Other") for number in range(57)]
    assert list(labels.too_many_groups(home, sync, needed, others, MAILCHIMP)) == []
    (finding,) = labels.too_many_groups(home, sync, needed, [*others, Group("x", "one more")], MAILCHIMP)
    assert finding.what == (
        "The audience would have 61 groups; chimp allows 60. 58 are there, and the sync needs Interests: A, "
        "Interests: B, Interests: Everybody."
    )


def test_a_field_that_cannot_be_made_under_its_name_is_told_before_a_push_tries(home: Home, sync: SyncConfig) -> None:
    source = sync.sources[0]
    named = dict.fromkeys(("VALUE", "LOYALTY_CARD", "Name", "TEN_SIGNS_"), source.fields["VALUE"])
    asking = sync.model_copy(update={"sources": (source.model_copy(update={"fields": named}),)})
    (finding,) = fields.misnamed(home, asking, [of_type("text")], MAILCHIMP)
    assert finding.what == (
        "The merge fields LOYALTY_CARD, Name can't be made: chimp allows names of at most 10 signs, A-Z, 0-9 and _."
    )
    assert list(fields.misnamed(home, asking, [], MAILUP)) == []
    making_none = asking.model_copy(update={"to": asking.to.model_copy(update={"create_fields": False})})
    assert list(fields.misnamed(home, making_none, [], MAILCHIMP)) == []


def test_groups_that_nobody_made_are_told_where_the_sync_makes_none(home: Home, sync: SyncConfig) -> None:
    strict = sync.model_copy(update={"to": sync.to.model_copy(update={"create_fields": False})})
    (finding,) = labels.missing_groups(home, strict, {"A", "B"}, [Group("1", "A")])
    assert finding.what == "The audience has no group B."
    assert list(labels.missing_groups(home, sync, {"A", "B"}, [])) == []


def test_fields_that_are_demanded_missing_unfilled_or_too_many_are_told(home: Home, sync: SyncConfig) -> None:
    """D12, D15: what the sync never fills is a note, what it must fill a finding."""
    known = [
        of_type("text"),
        MergeField("LNAME", "2", "Last name", "text", True),
        MergeField("X", "3", "X", "text", False),
    ]
    (finding,) = fields.demanded(home, sync, known)
    assert finding.what.startswith("Merge field LNAME (Last name) is required at the provider and crm.persons does not")
    (note,) = fields.unfilled(sync, known)
    assert note.endswith("Last name, X")
    assert fields.missing(sync, known[1:]) == ["VALUE"]
    many = [MergeField(f"F{number}", str(number), "", "text", False) for number in range(80)]
    assert list(fields.too_many(home, sync, many[1:], MAILCHIMP)) == []
    (finding,) = fields.too_many(home, sync, many, MAILCHIMP)
    assert "81 merge fields; chimp allows 80" in finding.what


def test_a_field_that_drifted_is_a_finding_before_any_plan(home: Home, sync: SyncConfig) -> None:
    """D13: repointed at the provider since the last push."""
    pushed = stale.named([of_type("text")], sync.field_names)
    assert list(fields.drift(home, sync, [of_type("text")], pushed)) == []
    (finding,) = fields.drift(home, sync, [MergeField("VALUE", "1", "Indirizzo", "text", False)], pushed)
    assert finding.what.startswith("The label of merge field VALUE was Value and is Indirizzo now: all its values")
    assert "--accept field_drift" in finding.do


def test_what_cannot_be_undone_is_told_with_its_line(home: Home, sync: SyncConfig) -> None:
    """N2, E13, E14: overwritten groups, strangers removed, the CRM over a person's no, fields that stay for good."""
    audience = Audience("a", "People", None, False, 40, 2, 1)
    found = Found(Account("1", "Firm", "owner"), audience, (), (), (), MAILCHIMP, {})
    removing = sync.model_copy(update={"to": sync.to.model_copy(update={"unmanaged": "remove"})})
    with duckdb.connect() as connection:
        told = list(account.warnings(connection, home, removing, found, {"Interests: Everybody": 7}))
    assert [(one.where, one.records) for one in told] == [
        ("syncs/people.yaml:2", None),
        ("syncs/people.yaml:17", 7),
        ("syncs/people.yaml:18", None),
        ("syncs/people.yaml:2", None),
    ]
    strangers, overwritten, crm_wins, made = (one.what for one in told)
    assert "some of the 40 members whom the sync does not want leave" in strangers
    assert overwritten.startswith("Group Interests: Everybody (7 members now) is overwritten")
    assert "mailed again" in crm_wins
    assert "The first push makes the merge field VALUE" in made


def test_other_audiences_and_groups_that_are_there_are_told(home: Home, sync: SyncConfig) -> None:
    """A6, E13: what is in the account already."""
    audience = Audience("a", "People", None, False, 40, 2, 1)
    found = Found(
        Account("1", "Firm", "owner"), audience, (Audience("b", "Old", None, False, 9, 0, 0),), (), (), MAILCHIMP, {}
    )
    notes = list(account.inventory(home, sync, found))
    assert "audience People: 40 subscribed, 2 unsubscribed, 1 bounced, not pinned yet" in notes
    assert "1 other audience in the account, left alone by this sync: Old (9 subscribed)" in notes
    (note,) = account.group_notes({"A", "B"}, [Group("1", "A")], {"A": 12})
    assert note == "groups of the sync that are there already: A (12 members)"


@pytest.mark.parametrize(
    ("audience", "pinned", "enabled", "is_told"),
    [
        ("People", None, True, True),
        ("a", None, True, True),
        ("Others", None, True, False),
        ("Renamed since", "a", True, True),
        ("People", "b", True, False),
        ("People", "a", False, False),
    ],
)
def test_syncs_that_keep_one_audience_are_told_of_each_other(
    tmp_path: Path, audience: str, pinned: str | None, enabled: bool, is_told: bool
) -> None:
    """Each takes the other's members for strangers. One that is switched off keeps nothing."""
    (tmp_path / "syncs").mkdir()
    (tmp_path / "connections.yaml").write_text(CONNECTIONS, encoding="utf-8")
    (tmp_path / "syncs" / "people.yaml").write_text(SYNC, encoding="utf-8")
    other = SYNC.replace("sync: people", f"sync: other\nenabled: {str(enabled).lower()}")
    other = other.replace("audience: People", f"audience: {audience}")
    (tmp_path / "syncs" / "other.yaml").write_text(other, encoding="utf-8")
    both = load_home(tmp_path, environ={})
    if pinned:
        pins.pin(both.ledger, "other", "chimp", "1", pinned, audience)
    people = Audience("a", "People", None, False, 40, 2, 1)
    found = Found(Account("1", "Firm", "owner"), people, (), (), (), MAILCHIMP, {})
    told = list(sharing(both, both.sync("people"), found))
    assert [one.where for one in told] == (["syncs/people.yaml:2"] if is_told else [])
    assert all("other keeps the audience People as well" in one.what for one in told)


def test_a_field_that_was_renamed_at_the_provider_stops_with_the_name_that_it_has_now(
    home: Home, sync: SyncConfig
) -> None:
    """D13, where fields go by name: what was sent is in it still."""
    pushed = stale.named([of_type("text")], sync.field_names)
    audience = Audience("a", "People", None, False, 0, 0, 0)
    for known, what, do in (
        (
            [MergeField("INDIRIZZO", "1", "Indirizzo", "text", False)],
            "VALUE any more: it is called INDIRIZZO",
            "VALUE again",
        ),
        ([MergeField("OTHER", "2", "Other", "text", False)], "VALUE any more.", "Known are: OTHER"),
    ):
        with pytest.raises(ConfigError) as raised:
            check_fields(known, home, sync, audience, pushed)
        assert what in raised.value.what
        assert do in str(raised.value.do)
        assert raised.value.where == "syncs/people.yaml:9"


def test_rights_that_are_missing_and_a_confirmation_that_nobody_expects_are_findings(
    home: Home, sync: SyncConfig
) -> None:
    """A5."""
    audience = Audience("a", "People", None, True, 0, 0, 0)
    account_ = Account("1", "Firm", "viewer", ("The user may not see all data.",))
    found = Found(account_, audience, (), (of_type("text"),), (), MAILCHIMP, {})
    told = [(one.what, one.do) for one in of_account(home, sync, found)]
    assert told[0] == ("The user may not see all data.", "Ask an administrator of the account.")
    assert told[1][0] == "The audience asks new members to confirm, the sync does not."
    assert len(told) == 2
