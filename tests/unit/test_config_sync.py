"""The keys of syncs/NAME.yaml: defaults, short and long forms, the configuration hash."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from test_config_homes import CONNECTIONS, SYNC, loaded

from pipelines.config import FieldRule, GroupRule, GroupSplit, Home, Limit, SyncConfig, TagRule, TagSplit, load_home

SAMPLE = "auditcase_mailchimp"


def people(root: Path, added: str = "", sync: str = SYNC) -> SyncConfig:
    return loaded(root, sync=f"{sync}{added}\n").sync("people")


def test_the_defaults_are_those_of_the_key_table(tmp_path: Path) -> None:
    """The table is a promise."""
    sync = people(tmp_path)
    assert sync.model_dump(by_alias=True) == {
        "sync": "people",
        "enabled": True,
        "to": {
            "connection": "mailchimp",
            "audience": "People",
            "unmanaged": "leave",
            "create": None,
            "create_fields": False,
        },
        "from": (
            {
                "entity": "crm.persons",
                "owner": None,
                "email": ("Email",),
                "where": None,
                "exclude": {},
                "opt_out": False,
                "fields": {},
                "tags": (),
                "groups": (),
                "consent_scope": None,
            },
        ),
        "mode": "mirror",
        "on_exit": {"do": None, "group": None, "then": None, "after_days": None},
        "consent": {
            "opt_outs": "sticky",
            "scope": "account",
            "hard_bounces": "block",
            "soft_bounces": 5,
            "double_opt_in": False,
        },
        "duplicates": {"prefer": ("first_entity", "newest"), "newest": None, "merge": ()},
        "safety": {
            "max_removals": {"percent": 0.05, "number": 500},
            "max_updates": {"percent": 0.3, "number": None},
            "max_adds": {"percent": 0.3, "number": None},
            "floor": 25,
            "min_source_rows": 1,
            "max_source_drop": {"percent": 0.2, "number": None},
        },
        "quality": {
            "max_bad_addresses": 0.1,
            "warnings": ("typo_domain", "disposable_domain", "mixed_scripts", "role_address"),
            "max_null": {},
            "max_null_growth": 0.25,
            "allowed": {},
            "max_growth": 1.0,
            "max_drop": 0.5,
            "max_rejected": 0.05,
            "max_lost": 0.2,
        },
        "write_back": {},
        "stats": {"window_days": 90, "dormant_after": 10, "notes_language": "en"},
        "schedule": {"timezone": "UTC", "audiences": None, "members": None, "stats": None},
    }


def test_an_entity_is_split_into_its_connection_and_name(tmp_path: Path) -> None:
    source = people(tmp_path).sources[0]
    assert (source.connection, source.entity_name) == ("crm", "persons")


def test_one_email_column_or_several_become_a_tuple(tmp_path: Path) -> None:
    assert people(tmp_path).sources[0].email == ("Email",)
    several = SYNC.replace("email: Email", "email: [Email, Other]")
    assert people(tmp_path, sync=several).sources[0].email == ("Email", "Other")


def test_a_field_is_sql_or_a_rule(tmp_path: Path) -> None:
    fields = "    fields: {A: Name, '#3': {sql: Url, secret: true}, C: {sql: Phone, empty: keep}}"
    assert people(tmp_path, fields).sources[0].fields == {
        "A": FieldRule(sql="Name"),
        "#3": FieldRule(sql="Url", secret=True),
        "C": FieldRule(sql="Phone", empty="keep"),
    }
    assert (FieldRule(sql="x").secret, FieldRule(sql="x").empty) == (False, "clear")


def test_tags_and_groups_have_two_forms(tmp_path: Path) -> None:
    rules = (
        "    tags: [{split: Tags, by: ' |##| '}, {name: Everybody}, {name: Dutch, when: Country = 'NL'}]\n"
        "    groups:\n"
        "      - {split: Groups, by: ';', category: Interests, mode: append}\n"
        "      - {name: All, category: Kind, mode: overwrite, existing: keep}\n"
    )
    source = people(tmp_path, rules).sources[0]
    assert source.tags == (
        TagSplit(split="Tags", by=" |##| "),
        TagRule(name="Everybody"),
        TagRule(name="Dutch", when="Country = 'NL'"),
    )
    assert source.groups == (
        GroupSplit(split="Groups", by=";", category="Interests", mode="append"),
        GroupRule(name="All", category="Kind", mode="overwrite", existing="keep"),
    )
    assert (GroupRule(name="x").mode, GroupRule(name="x").existing) == ("mirror", "update")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("false", False), ("False", False), ("'false'", False), ("Stop = '1'", "Stop = '1'")],
)
def test_opt_out_is_a_predicate_or_false(tmp_path: Path, written: str, meant: str | bool) -> None:
    assert people(tmp_path, sync=SYNC.replace("opt_out: false", f"opt_out: {written}")).sources[0].opt_out == meant


def test_a_limit_is_a_percentage_or_a_percentage_and_a_number(tmp_path: Path) -> None:
    safety = people(tmp_path, "safety: {max_removals: 2.5%, max_adds: [100%, 40], max_source_drop: 0%}").safety
    assert safety.max_removals == Limit(percent=0.025)
    assert safety.max_adds == Limit(percent=1.0, number=40)
    assert safety.max_source_drop == Limit(percent=0.0)


def test_an_exit_may_have_a_clock(tmp_path: Path) -> None:
    """F6."""
    on_exit = people(tmp_path, "on_exit: {do: unsubscribe, then: archive, after_days: 60}").on_exit
    assert (on_exit.do, on_exit.then, on_exit.after_days) == ("unsubscribe", "archive", 60)


def test_people_may_be_moved_to_a_group(tmp_path: Path) -> None:
    """E9."""
    on_exit = people(tmp_path, "on_exit: {do: move_to, group: esclusi}").on_exit
    assert (on_exit.do, on_exit.group) == ("move_to", "esclusi")


def test_soft_bounces_may_never_block(tmp_path: Path) -> None:
    assert people(tmp_path, "consent: {soft_bounces: null}").consent.soft_bounces is None


def test_a_configuration_can_not_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        people(tmp_path).mode = "append"  # type: ignore[misc]


class TestConfigHash:
    @pytest.fixture
    def before(self, tmp_path: Path) -> Home:
        return loaded(tmp_path / "before")

    def changed(self, root: Path, before: Home, **parts: str) -> bool:
        after = loaded(root / "after", **parts)
        return after.config_hash(after.sync("people")) != before.config_hash(before.sync("people"))

    def test_it_has_the_32_bytes_of_a_sha256(self, before: Home) -> None:
        assert len(bytes.fromhex(before.config_hash(before.sync("people")))) == 32

    def test_a_rule_changes_it_and_its_spelling_does_not(self, tmp_path: Path, before: Home) -> None:
        assert self.changed(tmp_path, before, sync=f"{SYNC}mode: append\n")
        assert not self.changed(tmp_path, before, sync=f"# why\n{SYNC}mode: mirror\nsafety: {{max_adds: 30.0%}}\n")

    def test_a_connection_in_use_changes_it_and_another_does_not(self, tmp_path: Path, before: Home) -> None:
        used = CONNECTIONS.replace("8765/mailchimp", "8766/mailchimp")
        assert self.changed(tmp_path, before, connections=used)
        assert self.changed(tmp_path, before, connections=CONNECTIONS.replace("crm/people.db", "crm/other.db"))
        assert not self.changed(tmp_path, before, connections=CONNECTIONS.replace("8765/mailup", "8766/mailup"))

    def test_a_secret_does_not_change_it(self, tmp_path: Path, before: Home) -> None:
        assert not self.changed(tmp_path, before, connections=CONNECTIONS.replace("-us1", "-us2"))
        sql = "postgresql://reader:{}@127.0.0.1:5432/crm"
        one = loaded(tmp_path / "one", connections=CONNECTIONS.replace("sqlite:///crm/people.db", sql.format("old")))
        changed = CONNECTIONS.replace("sqlite:///crm/people.db", sql.format("new"))
        assert not self.changed(tmp_path, one, connections=changed)


def test_the_sample_is_the_one_of_the_design() -> None:
    home = load_home(environ={}, check=False)
    sync = home.sync(SAMPLE)
    source = sync.sources[0]
    assert (source.email, source.opt_out) == (("ContactEMailRE", "CompanyEmailREBT"), False)
    assert source.fields["FNAME"].sql == "coalesce(PersonChristianNameRE, PersonInitialsRE)"
    assert source.tags[1:] == (
        TagRule(name="Mailingen-ontvangen-nee", when="MailingenOntvangen = 'Nee'"),
        TagRule(name="Correspondentie-ontvangen-nee", when="UitsluitenVoorCorrespondentie = 'Ja'"),
    )
    assert (sync.on_exit.do, sync.duplicates.newest, sync.schedule.members) == ("archive", "ChangedAt", "15 8-18 * * *")
    assert home.is_loopback()
