"""What is wrong with a home's files, told with file, line and what to do."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_config_homes import CONNECTIONS, SYNC, loaded, write_home

from pipelines.config import MailchimpConnection, load_home
from pipelines.errors import ConfigError


def refused(root: Path, *, sync: str | None = SYNC, connections: str = CONNECTIONS) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_home(write_home(root, sync=sync, connections=connections), environ={}, check=False)
    assert caught.value.exit_code == 2
    return caught.value


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


WRONG_CONNECTIONS = [
    pytest.param(
        "kind: sql", "kind: sqll", "kind: sqll", "`connections.crm.kind` must be one of", "mean sql?", id="kind"
    ),
    pytest.param("    kind: sql\n", "", "crm:", "`connections.crm.kind` is missing", "", id="no kind"),
    pytest.param("  lists:", "  My-Lists:", "My-Lists:", "lower-case letters, digits and _", "", id="name"),
    pytest.param(
        "username: m1", "usrname: m1", "usrname", "`connections.mailup.usrname` is not", "username?", id="key"
    ),
    pytest.param("    client_id: id\n", "", "mailup:", "`connections.mailup.client_id` is missing", "", id="missing"),
    pytest.param(
        "table: persons, key: Id",
        "table: persons",
        "persons: {",
        "`connections.crm.entities.persons.key` is",
        "",
        id="no key",
    ),
    pytest.param(
        "{table: persons,",
        "{table: persons, query: select 1,",
        "persons: {",
        "needs either table or query",
        "",
        id="both",
    ),
    pytest.param("select * from firms", "delete from firms", "firms: {", "must be one SELECT", "", id="no select"),
    pytest.param(
        "client_id: id", "client_id:", "client_id:", "`connections.mailup.client_id` is empty", "", id="empty"
    ),
    pytest.param("client_id: id", "client_id: [id]", "client_id:", "must be text", "", id="text"),
    pytest.param(
        "client_id: id", "client_id: id\n    page_size: many", "page_size:", "must be a whole number", "", id="int"
    ),
    pytest.param(
        "client_id: id", "client_id: id\n    rate_per_second: 0", "rate_per", "must be more than 0", "", id="rate"
    ),
    pytest.param(
        "client_id: id", "client_id: id\n    import_poll: soon", "import_poll:", "number and a unit", "", id="time"
    ),
    pytest.param("-us1", "-us1\n    batch_size: 501", "batch_size:", "must be at most 500", "", id="bound"),
    pytest.param("-us1", "-us1\n    skip_merge_validation: maybe", "skip_", "must be true or false", "", id="bool"),
    pytest.param(
        "0.0.1:8765/mailup", "0.0.1:8765/mailup?x=1", "/mailup?", "must be the root of a host", "", id="query"
    ),
    pytest.param("127.0.0.1:8765/mailup", "u:p@127.0.0.1/", "u:p@", "user name or password", "", id="credentials"),
    pytest.param("127.0.0.1:8765/mailup", "mailup.example", "mailup.example", "in the clear", "", id="http"),
    pytest.param(
        "    entities:\n      members: {path: crm/members.csv, key: Number}\n",
        "    entities: {}\n",
        "entities: {}",
        "at least one",
        "",
        id="no entities",
    ),
    pytest.param(
        "key: Number}",
        "key: Number, encoding: klingon}",
        "members:",
        "an encoding that Python knows",
        "",
        id="encoding",
    ),
    pytest.param("key: Number}", "key: Number, delimiter: ';;'}", "members:", "1 character long", "", id="delimiter"),
]


@pytest.mark.parametrize(("old", "new", "at", "what", "do"), WRONG_CONNECTIONS)
def test_a_wrong_connection_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, at: str, what: str, do: str
) -> None:
    text = CONNECTIONS.replace(old, new, 1)
    assert text != CONNECTIONS
    error = refused(tmp_path, connections=text)
    assert error.where == f"connections.yaml:{line_of(text, at)}"
    assert what in error.what
    assert do in error.do


WRONG_SYNCS = [
    pytest.param("sync: people", "sync: peoples", "sync:", "but the file is named 'people'", "equal", id="file name"),
    pytest.param("opt_out: false", "opt_outs: false", "opt_outs", "`from.opt_outs` is not", "mean opt_out?", id="key"),
    pytest.param(
        "    opt_out: false\n", "", "- entity", "`from.opt_out` is missing", "false when the CRM", id="opt_out"
    ),
    pytest.param("opt_out: false", "opt_out:", "opt_out:", "must be a predicate, or false", "", id="empty opt_out"),
    pytest.param(
        "entity: crm.persons", "entity: persons", "entity:", "must be CONNECTION.ENTITY", "", id="entity form"
    ),
    pytest.param("crm.persons", "crn.persons", "entity:", "no connection named 'crn'", "Did you mean crm?", id="crm"),
    pytest.param(
        "crm.persons", "crm.person", "entity:", "no entity named 'person'", "Did you mean persons?", id="entity"
    ),
    pytest.param("crm.persons", "mailup.persons", "entity:", "is a provider", "crm, lists", id="provider as crm"),
    pytest.param("connection: mailchimp", "connection: mailchump", "to:", "no connection named", "mailchimp?", id="to"),
    pytest.param(
        "connection: mailchimp", "connection: crm", "to:", "is a CRM", "mailchimp, mailup", id="crm as provider"
    ),
    pytest.param("email: Email", "email: []", "email:", "`from.email` must hold at least one", "", id="no email"),
    pytest.param("email: Email", "email: {a: b}", "email:", "`from.email` must be a list", "", id="email mapping"),
]


@pytest.mark.parametrize(("old", "new", "at", "what", "do"), WRONG_SYNCS)
def test_a_wrong_sync_is_told_with_its_line(tmp_path: Path, old: str, new: str, at: str, what: str, do: str) -> None:
    text = SYNC.replace(old, new, 1)
    assert text != SYNC
    error = refused(tmp_path, sync=text)
    assert error.where == f"syncs/people.yaml:{line_of(text, at)}"
    assert what in error.what
    assert do in error.do


WRONG_ADDITIONS = [
    pytest.param("mode: miror", "`mode` must be one of mirror, append", "Did you mean mirror?", id="choice"),
    pytest.param("modus: mirror", "`modus` is not a key that exists", "Did you mean mode?", id="top key"),
    pytest.param("zzz: 1", "`zzz` is not a key that exists", "Known are: sync, enabled, to, from", id="nothing near"),
    pytest.param("sources: []", "`sources` is not a key that exists", "", id="the attribute is no key"),
    pytest.param("safety: {max_adds: 0.3}", "`safety.max_adds` must be a percentage, such as 5%", "", id="no %"),
    pytest.param("safety: {max_adds: 300%}", "must be at most 1", "", id="over 100%"),
    pytest.param("safety: {max_adds: [5%]}", "a list of a percentage and a number", "", id="half a limit"),
    pytest.param("safety: {max_adds: [5%, -1]}", "must be at least 0", "", id="negative limit"),
    pytest.param("safety: {floor: many}", "`safety.floor` must be a whole number", "", id="number"),
    pytest.param("safety: 5%", "`safety` must be a mapping", "", id="mapping"),
    pytest.param("quality: {max_null: {LNAME: 20%}}", "no entity fills a field named 'LNAME'", "", id="max_null"),
    pytest.param("on_exit: {do: move_to}", "`on_exit.do` is move_to, which needs group", "", id="move_to"),
    pytest.param("on_exit: {do: keep, group: x}", "only goes with do: move_to", "", id="group"),
    pytest.param("on_exit: {do: unsubscribe, then: archive}", "needs then and after_days together", "", id="then"),
    pytest.param("on_exit: {do: archive, then: archive, after_days: 60}", "needs do: unsubscribe", "", id="twice"),
    pytest.param("on_exit: {do: keep, then: archive, after_days: 60}", "needs do: unsubscribe", "", id="no clock"),
    pytest.param("duplicates: {prefer: [newest]}", "needs the key newest as well", "", id="newest"),
    pytest.param("duplicates: {merge: [tag]}", "`duplicates.merge` must be one of", "Did you mean tags?", id="merge"),
    pytest.param("stats: {notes_language: de}", "must be one of en, da, nl, sv, it", "", id="language"),
    pytest.param("schedule: {timezone: Europe/Amsterdm}", "the name of a time zone", "", id="zone"),
    pytest.param("schedule: {members: hourly}", "`schedule.members` must be a cron line", "", id="cron"),
    pytest.param('schedule: {members: "61 * * * *"}', "is no cron line: bad minute", "", id="minute"),
    pytest.param(
        "write_back: {crm.firms: {notes: true}}", "'crm.firms' is no entity of this sync", "", id="write_back"
    ),
    pytest.param("write_back: {firms: {notes: true}}", "must be CONNECTION.ENTITY", "", id="write_back form"),
    pytest.param("enabled: perhaps", "`enabled` must be true or false", "", id="bool"),
    pytest.param("mode: &a [*a]", "this alias holds itself", "", id="alias"),
    pytest.param("mode: !python/name x", "a value begins with !", "quotes", id="tag"),
    pytest.param("mode: *mirror", "a value begins with *", "quotes", id="no such alias"),
    pytest.param("mode: 'x' y", "this is not valid YAML", "double quotes", id="yaml"),
    pytest.param("? [a]\n: b", "a key must be a plain word", "", id="odd key"),
]


@pytest.mark.parametrize(("added", "what", "do"), WRONG_ADDITIONS)
def test_a_wrong_key_of_a_sync_is_told_with_its_line(tmp_path: Path, added: str, what: str, do: str) -> None:
    error = refused(tmp_path, sync=f"{SYNC}{added}\n")
    assert error.where == "syncs/people.yaml:7"
    assert what in error.what
    assert do in error.do


RULES = [
    pytest.param("tags: [{name: A, wen: x}]", "`from.tags.wen` is not a key", "Did you mean when?", id="tag key"),
    pytest.param("tags: [{split: A}]", "`from.tags.by` is missing", "", id="split without by"),
    pytest.param("tags: [{when: A}]", "`from.tags.name` is missing", "", id="tag without name"),
    pytest.param("tags: [A]", "`from.tags` must be a mapping", "", id="bare tag"),
    pytest.param("tags: [{name: null}]", "`from.tags.name` is empty", "", id="null tag"),
    pytest.param("groups: [{name: A}]", "a group of Mailchimp is in a category", "category", id="no category"),
    pytest.param("groups: [{name: A, category: C, mode: all}]", "`from.groups.mode` must be one of", "", id="mode"),
    pytest.param("exclude: {Deceased: x}", "lower-case letters", "", id="reason"),
    pytest.param("exclude: {unknown: x}", "`unknown` is the reason", "otherwise", id="reserved reason"),
    pytest.param("fields: {FNAME: {sql: a, empty: maybe}}", "`from.fields.FNAME.empty` must be one of", "", id="empty"),
    pytest.param("fields: {FNAME: {secret: true}}", "`from.fields.FNAME.sql` is missing", "", id="no sql"),
    pytest.param("fields: {FNAME: null}", "`from.fields.FNAME`", "", id="null field"),
    pytest.param("fields: [FNAME]", "`from.fields` must be a mapping", "", id="list of fields"),
    pytest.param("consent_scope: world", "must be one of audience, account, home", "", id="scope"),
]


@pytest.mark.parametrize(("added", "what", "do"), RULES)
def test_a_wrong_rule_of_an_entity_is_told_with_its_line(tmp_path: Path, added: str, what: str, do: str) -> None:
    error = refused(tmp_path, sync=f"{SYNC}    {added}\n")
    assert error.where == "syncs/people.yaml:7"
    assert what in error.what
    assert do in error.do


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    error = refused(tmp_path, sync=f"{SYNC}modus: x\nsafety: {{flor: 1}}\nmode: off\n")
    assert error.where == "syncs/people.yaml:7"
    assert "modus" in error.what
    assert "Also" not in error.do, "unknown keys are told before anything else is looked at"
    error = refused(tmp_path, sync=f"{SYNC}safety: {{flor: 1}}\nmode: off\n")
    assert error.where == "syncs/people.yaml:7"
    assert "Did you mean floor? Also syncs/people.yaml:8: `mode` must be one of" in error.do


def test_a_key_that_is_written_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    error = refused(tmp_path, sync=f"{SYNC}mode: mirror\nmode: append\n")
    assert (error.where, error.what) == ("syncs/people.yaml:8", "`mode` is written twice; the first time on line 7.")


def test_the_same_entity_can_not_be_named_twice(tmp_path: Path) -> None:
    again = "  - {entity: crm.persons, email: Other, opt_out: false}\n"
    error = refused(tmp_path, sync=SYNC + again)
    assert (error.where, "named twice" in error.what) == ("syncs/people.yaml:7", True)


def test_what_mailup_can_not_do_is_refused(tmp_path: Path) -> None:
    mailup = SYNC.replace("mailchimp", "mailup")
    assert "no tags" in refused(tmp_path, sync=f"{mailup}    tags: [{{name: A}}]\n").what
    assert "no categories" in refused(tmp_path, sync=f"{mailup}    groups: [{{name: A, category: C}}]\n").what
    error = refused(tmp_path, sync=f"{mailup}on_exit: {{do: archive}}\n")
    assert (error.where, error.what) == ("syncs/people.yaml:7", "MailUp can't archive a member.")


def test_mailchimp_needs_more_to_create_an_audience(tmp_path: Path) -> None:
    """A1."""
    create = "{company: C, sender_name: S, sender_email: s@c.example, city: Y, country: NL}"
    error = refused(tmp_path, sync=SYNC.replace("audience: People", f"audience: People, create: {create}"))
    assert error.what == "Mailchimp also wants: address, permission_reminder."


def test_write_back_can_be_asked_of_every_kind_of_crm(tmp_path: Path) -> None:
    """H3: what can't be written is handed out as work for a person."""
    for entity in ("crm.persons", "crm.firms", "lists.members"):
        sync = SYNC.replace("crm.persons", entity)
        assert loaded(tmp_path, sync=f"{sync}write_back: {{{entity}: {{notes: true}}}}\n")


def test_one_field_takes_one_value_back(tmp_path: Path) -> None:
    both = "opt_outs: {field: Mail, value: 'no'}, bounces: {field: Mail, value: dead}"
    error = refused(tmp_path, sync=f"{SYNC}write_back: {{crm.persons: {{{both}}}}}\n")
    assert "write different values to 'Mail'" in error.what
    same = both.replace("value: dead", "value: 'no'")
    assert loaded(tmp_path, sync=f"{SYNC}write_back: {{crm.persons: {{{same}}}}}\n")


@pytest.mark.parametrize("text", ["", "just words", "- a\n- b\n", "# nothing\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    assert "holds no keys" in refused(tmp_path, sync=text).what
    assert "holds no keys" in refused(tmp_path, connections=text).what


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    write_home(tmp_path)
    (tmp_path / "syncs" / "people.yaml").write_bytes(SYNC.encode() + b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8") as caught:
        load_home(tmp_path, environ={})
    assert caught.value.where == "syncs/people.yaml"


@pytest.mark.parametrize("name", ["people.yml", "People.yaml", "people-nl.yaml", "1.yaml"])
def test_a_file_of_syncs_that_would_be_passed_over_is_refused(tmp_path: Path, name: str) -> None:
    (write_home(tmp_path, sync=None) / "syncs" / name).write_text(SYNC, encoding="utf-8")
    with pytest.raises(ConfigError, match="sync") as caught:
        load_home(tmp_path, environ={})
    assert caught.value.where == f"syncs/{name}"


def test_files_of_editors_are_not_syncs(tmp_path: Path) -> None:
    root = write_home(tmp_path)
    for name in (".people.yaml.swp", ".#people.yaml", "people.yaml~", "notes.txt"):
        (root / "syncs" / name).write_text("x", encoding="utf-8")
    assert list(load_home(root, environ={}).syncs) == ["people"]


def test_plain_words_stay_words(tmp_path: Path) -> None:
    """YAML 1.1 makes booleans of no, on and off, and numbers of 007 and 08:30."""
    words = ["No", "off", "007", "08:30", "2026-01-02", "1e3", "true"]
    tags = f"    tags: [{', '.join(f'{{name: {word}}}' for word in words)}]\n"
    home = loaded(tmp_path, sync=SYNC.replace("audience: People", "audience: 0051") + tags)
    sync = home.sync("people")
    assert [tag.name for tag in sync.sources[0].tags if hasattr(tag, "name")] == words
    assert sync.to.audience == "0051"


def test_quoted_empty_text_is_not_null(tmp_path: Path) -> None:
    write_back = "write_back: {crm.persons: {opt_outs: {field: OptOut, value: ''}}}\n"
    rule = loaded(tmp_path, sync=SYNC + write_back).sync("people").write_back["crm.persons"].opt_outs
    assert rule is not None
    assert rule.value == ""


class TestEnvironment:
    text = CONNECTIONS.replace("0123456789abcdef0123456789abcdef-us1", "${MC_KEY}").replace("fake-password", "a${PW}z")

    def key(self, root: Path, environ: dict[str, str]) -> str:
        connection = load_home(root, environ=environ, check=False).connections["mailchimp"]
        assert isinstance(connection, MailchimpConnection)
        return connection.api_key.get_secret_value()

    def test_a_variable_comes_from_dotenv_and_the_environment_wins(self, tmp_path: Path) -> None:
        root = write_home(tmp_path, connections=self.text)
        (root / ".env").write_text("MC_KEY=file-us1\nPW=x\n", encoding="utf-8")
        assert self.key(root, {}) == "file-us1"
        assert self.key(root, {"MC_KEY": "process-us1"}) == "process-us1"

    def test_dotenv_has_quotes_comments_and_exports(self, tmp_path: Path) -> None:
        root = write_home(tmp_path, connections=self.text)
        for line, value in {
            "MC_KEY=plain-us1": "plain-us1",
            "export MC_KEY=plain-us1  # why": "plain-us1",
            "MC_KEY = 'with # hash-us1' # why": "with # hash-us1",
            'MC_KEY="with space-us1"': "with space-us1",
            "MC_KEY=a=b#c-us1": "a=b#c-us1",
        }.items():
            (root / ".env").write_text(f"# comment\n\n{line}\r\nPW=x\n", encoding="utf-8")
            assert self.key(root, {}) == value, line

    def test_a_line_of_dotenv_that_is_none_is_told_without_showing_it(self, tmp_path: Path) -> None:
        root = write_home(tmp_path)
        (root / ".env").write_text("A=b\nhunter2\n", encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_home(root, environ={})
        assert caught.value.where == ".env:2"
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize("environ", [{"PW": "x"}, {"PW": "x", "MC_KEY": ""}])
    def test_a_missing_variable_is_named_with_its_line_and_dotenv(
        self, tmp_path: Path, environ: dict[str, str]
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            load_home(write_home(tmp_path, connections=self.text), environ=environ)
        assert caught.value.where == f"connections.yaml:{line_of(self.text, 'MC_KEY')}"
        assert "MC_KEY is not set" in caught.value.what
        assert ".env" in caught.value.do

    def test_only_a_name_goes_between_the_braces(self, tmp_path: Path) -> None:
        error = refused(tmp_path, connections=CONNECTIONS.replace("fake-password", "${MY PASSWORD}"))
        assert "must be the name of a variable" in error.what

    def test_a_variable_is_not_expanded_again_nor_in_syncs(self, tmp_path: Path) -> None:
        root = write_home(tmp_path, connections=self.text, sync=SYNC.replace("People", "'${NOT}'"))
        assert self.key(root, {"MC_KEY": "${PW}-us1", "PW": "x"}) == "${PW}-us1"
        assert load_home(root, environ={"MC_KEY": "k-us1", "PW": "x"}).sync("people").to.audience == "${NOT}"

    def test_no_secret_is_in_any_message(self, tmp_path: Path) -> None:
        """A13."""
        secret = "s3cret-of-nobody"
        for odd in ("*{}", "!{}", "&{}", "{{password:{}}}", "'{}", "{}: {}", "[{}]", "@{}"):
            text = CONNECTIONS.replace("password: fake-password", f"password: {odd.format(secret, secret)}")
            assert secret not in str(refused(tmp_path, connections=text)), odd
        for old in re.findall(r": ([^\s{}]+)$", CONNECTIONS, flags=re.MULTILINE):
            for new in (secret, "${SECRET}"):
                text = CONNECTIONS.replace(f": {old}\n", f": {new}\n")
                root = write_home(tmp_path, connections=text)
                try:
                    load_home(root, environ={"SECRET": secret}, check=False)
                except ConfigError as error:
                    assert secret not in str(error), old
                    assert error.__cause__ is None
        wrong_key = refused(tmp_path, connections=CONNECTIONS.replace("password: fake", "pasword: fake"))
        assert "fake-password" not in str(wrong_key)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, pipelines.config; "
        "print([m for m in ('dagster', 'duckdb', 'pandas', 'sqlalchemy', 'dbt', 'requests') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
