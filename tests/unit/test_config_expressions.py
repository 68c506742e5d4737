"""SQL of a sync, checked by DuckDB: bound to the last extract, told at its own line."""

from pathlib import Path

import pytest
from test_config_homes import SYNC, write_home

from pipelines.config import load_home
from pipelines.config.expressions import check_expressions, expressions_of
from pipelines.errors import ConfigError

COLUMNS = ["Id", "Email", "FirstName", "LastName", "Blocked", "Groups", "ChangedAt", "Nome Socio", "email"]


def field(sql: str) -> str:
    return f"{SYNC}    fields:\n      FNAME: FirstName\n      LNAME: {sql}\n"


def where(sql: str) -> str:
    return f"{SYNC}    where: {sql}\n"


def check(root: Path, sync: str, *, extracted: bool = True) -> None:
    home = load_home(write_home(root, sync=sync, columns={"crm.persons": COLUMNS} if extracted else {}), environ={})
    check_expressions(home, home.sync("people"))


def refused(root: Path, sync: str, *, extracted: bool = True) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        check(root, sync, extracted=extracted)
    assert "\n" not in str(caught.value)
    return caught.value


GOOD_VALUES = [
    "LastName",
    "'\"Nome Socio\"'",
    "coalesce(FirstName, LastName) || ' x'",
    "case when Blocked = '1' then 'a' else 'b' end",
    "cast(ChangedAt as date)",
    "'(select max(x) from unnest(string_split(Groups, '';'')) as t(x))'",
    "array_to_string(list_sort(string_split(Groups, '-')), '-')",
    "\"list_filter(string_split(Groups, ';'), lambda x: x <> '')[1]\"",
    "|\n        LastName  -- the family name",
]


@pytest.mark.parametrize("sql", GOOD_VALUES)
@pytest.mark.parametrize("extracted", [True, False])
def test_an_expression_over_the_columns_passes(tmp_path: Path, sql: str, extracted: bool) -> None:
    check(tmp_path, field(sql), extracted=extracted)


@pytest.mark.parametrize("sql", ["Blocked = '1'", "Blocked is null", "true", "1 = 1", "LastName in ('a', 'b')"])
def test_a_predicate_passes(tmp_path: Path, sql: str) -> None:
    check(tmp_path, where(sql))


NOT_ONE_EXPRESSION = [
    ("LastName; drop table x", "more than one expression"),
    ("LastName;", "no semicolon"),
    ("FirstName, LastName", "more than one expression"),
    ("1), (2", "syntax error"),
    ("a) or (b", "syntax error"),
    ("LastName as x", "syntax error"),
    ("LastName from t", "syntax error"),
    ("select 1", "syntax error"),
    ("'*'", "not all columns"),
    ("LastName ||", "syntax error"),
    ("coalesce(LastName, $1)", "no parameters"),
    ("(select 1 from read_csv('/etc/hostname'))", "can't use read_csv"),
    ("(select content from read_text('/etc/hostname'))", "can't use read_text"),
    ("(select max(x) from other)", "can't read the table 'other'"),
    ("(select count(*) from __record)", "can't read the table '__record'"),
    ("exists (select 1 from '/etc/hostname')", "can't read the table '/etc/hostname'"),
    ('"LastName = \'x"', "not SQL that DuckDB understands"),
]


@pytest.mark.parametrize(("sql", "what"), NOT_ONE_EXPRESSION)
@pytest.mark.parametrize("extracted", [True, False])
def test_what_is_not_one_expression_is_refused_also_before_the_first_extract(
    tmp_path: Path, sql: str, what: str, extracted: bool
) -> None:
    error = refused(tmp_path, field(sql), extracted=extracted)
    assert error.where == "syncs/people.yaml:9"
    assert what in error.what


NOT_BOUND = [
    ("LastNme", "no column named 'LastNme'", "Did you mean LastName?"),
    ("coalesce(FirstName, Lastname, Nmae)", "no column named 'Nmae'", ""),
    ("'concat(\"Nome Soci\", 1)'", "no column named 'Nome Soci'", "Did you mean Nome Socio?"),
    ("max(LastName)", "can't use aggregates", "its own record"),
    ("row_number() over ()", "can't use window functions", "its own record"),
    ("unnest(string_split(Groups, ','))", "can't use unnest", "one value"),
    ("coalesc(LastName)", "coalesc does not exist", ""),
    ("string_split(Groups, '-')", "this is a VARCHAR[]", "text"),
    ("__record", "this is a STRUCT", "text"),
    ("LastName + FirstName", "DuckDB refuses this", ""),
]


@pytest.mark.parametrize(("sql", "what", "do"), NOT_BOUND)
def test_what_does_not_fit_the_last_extract_is_refused_at_its_line(
    tmp_path: Path, sql: str, what: str, do: str
) -> None:
    error = refused(tmp_path, field(sql))
    assert error.where == "syncs/people.yaml:9"
    assert what in error.what
    assert do in error.do


def test_text_in_double_quotes_is_explained(tmp_path: Path) -> None:
    error = refused(tmp_path, where('Blocked = "Ja"'))
    assert "no column named 'Ja'" in error.what
    assert "single quotes" in error.do


def test_an_expression_that_yaml_cut_short_is_explained(tmp_path: Path) -> None:
    error = refused(tmp_path, where("Blocked = 'nr #1'"), extracted=False)
    assert "' #'" in error.do


def test_a_predicate_that_is_text_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, where("Blocked"))
    assert error.what == "this is a VARCHAR, and a predicate is true or false."


EVERYWHERE = """\
sync: people
to: {connection: mailchimp, audience: People}
from:
  - entity: crm.persons
    owner: Wrong
    email:
      - Email
      - Wrong
    where: Wrong = '1'
    exclude:
      dead: Blocked = '1'
      gone: Wrong = '1'
    opt_out: Wrong = '1'
    fields:
      A: Wrong
      B:
        secret: true
        sql: Wrong
    tags:
      - {name: All}
      - {name: Some, when: Wrong = '1'}
      - split: Wrong
        by: ';'
    groups:
      - name: G
        category: C
        when: >-
          Wrong
          = '1'
      - {split: Wrong, by: ';', category: C}
duplicates:
  newest: Wrong
"""


def test_every_key_with_sql_is_checked_and_told_at_its_own_line(tmp_path: Path) -> None:
    error = refused(tmp_path, EVERYWHERE)
    lines = [number for number, line in enumerate(EVERYWHERE.splitlines(), start=1) if "Wrong" in line]
    lines[lines.index(28)] = 27  # a folded text begins where its >- stands
    told = f"{error.where} {error.do}"
    assert [
        number for number in range(1, 40) if f"syncs/people.yaml:{number}:" in f"{told}:".replace(" ", ": ")
    ] == lines


def test_only_the_parts_that_are_written_are_checked(tmp_path: Path) -> None:
    home = load_home(write_home(tmp_path), environ={})
    assert list(expressions_of(home.sync("people"), 0)) == []


def test_each_entity_is_checked_against_its_own_columns(tmp_path: Path) -> None:
    second = "  - {entity: crm.firms, email: Email, opt_out: false, owner: FirmName}\n"
    root = write_home(
        tmp_path, sync=SYNC + second, columns={"crm.persons": COLUMNS, "crm.firms": ["Id", "Email", "Firm"]}
    )
    home = load_home(root, environ={})
    with pytest.raises(ConfigError, match="FirmName") as caught:
        check_expressions(home, home.sync("people"))
    assert caught.value.where == "syncs/people.yaml:7"
    assert caught.value.do == "Did you mean Firm?"


def test_a_column_that_the_last_extract_lacks_is_no_reason_not_to_load_a_home(tmp_path: Path) -> None:
    """It may be new in the CRM. What is wrong whatever the columns are stops the home all the same."""
    root = write_home(tmp_path, sync=EVERYWHERE, columns={"crm.persons": COLUMNS})
    assert list(load_home(root, environ={}).syncs) == ["people"]
    write_home(tmp_path, sync=EVERYWHERE.replace("Some, when: Wrong = '1'", "Some, when: Wrong = = '1'"))
    with pytest.raises(ConfigError, match="not SQL") as caught:
        load_home(root, environ={})
    assert "Wrong'" not in caught.value.do


def test_only_the_entity_that_is_being_read_is_looked_at(tmp_path: Path) -> None:
    second = "  - {entity: crm.firms, email: Email, opt_out: false, owner: FirmName}\n"
    root = write_home(tmp_path, sync=SYNC + second, columns={"crm.persons": COLUMNS, "crm.firms": ["Id", "Email"]})
    home = load_home(root, environ={})
    check_expressions(home, home.sync("people"), {"crm.persons": COLUMNS})
    with pytest.raises(ConfigError, match="FirmName"):
        check_expressions(home, home.sync("people"), {"crm.firms": ["Id", "Email"]})


def test_the_check_can_be_left_out_and_called_later(tmp_path: Path) -> None:
    root = write_home(tmp_path, sync=field("Wrong"), columns={"crm.persons": COLUMNS})
    home = load_home(root, environ={}, check=False)
    with pytest.raises(ConfigError, match="Wrong"):
        check_expressions(home, home.sync("people"))


def test_a_sync_that_came_from_no_file_is_named_without_a_line(tmp_path: Path) -> None:
    home = load_home(write_home(tmp_path, columns={"crm.persons": ["Id"]}), environ={}, check=False)
    other = home.sync("people").model_copy(update={"sync": "made_up"})
    with pytest.raises(ConfigError, match="no column named 'Email'") as caught:
        check_expressions(home, other)
    assert caught.value.where == "syncs/made_up.yaml"
