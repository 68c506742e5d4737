"""What counts as blank is one thing, whether Python, DuckDB or dbt's models look at it."""

from pathlib import Path

import duckdb
import jinja2

from pipelines.blanks import UNSEEN, sql_trimmed, trimmed
from pipelines.sync.doctor import newest

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros" / "text.sql"


def macro(name: str) -> str:
    module = jinja2.Environment(autoescape=False).from_string(MACROS.read_text(encoding="utf-8")).module
    return str(getattr(module, name)("x"))


def test_the_models_take_off_what_python_takes_off() -> None:
    assert macro("trimmed") == sql_trimmed("x")


def test_the_models_and_the_doctor_take_the_same_for_a_time() -> None:
    assert macro("moment") == newest.MOMENT.format(value="x")


def test_every_sign_that_nobody_sees_is_taken_off_by_sql_as_by_python() -> None:
    around = [f"{sign}{middle}{sign}" for sign in (*UNSEEN, "  ") for middle in ("", "a", "a b", "é", "a\nb", "\x7f")]
    mixed = ["\r\n", " \t x\xa0", "\ufeff \u200bx", "x ", "\x7f", "é", "😀", "~", "!", "a\u0301"]
    values = [*around, *mixed, *(f"{sign}x" for sign in UNSEEN), *(f"x{sign}" for sign in UNSEEN)]
    with duckdb.connect() as connection:
        found = connection.execute(f"select {sql_trimmed('x')} from (select unnest(?::varchar[]) as x)", [values])
        assert [text for (text,) in found.fetchall()] == [trimmed(value) for value in values]
        assert connection.execute(f"select {sql_trimmed('x')} from (select null::varchar as x)").fetchone() == (None,)
