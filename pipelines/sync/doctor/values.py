"""The records' values against what the merge fields hold: rows that would be refused, and values that would be cut.

Belongs here: one rule for each type of merge field, as SQL over a value. Does not: changing values to what a provider
keeps (dbt's macro `kept`), which records (records.py).

The rules are those of Mailchimp, the one provider with types. Its own words: "Please enter a number", "Please enter a
complete address".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.config import Home, SyncConfig
from pipelines.landing import sql_text
from pipelines.providers.base import MergeField, Traits
from pipelines.sync.doctor import fields
from pipelines.sync.doctor.findings import Finding
from pipelines.sync.doctor.records import Records
from pipelines.words import counted

# What the macro `kept` can read as a date.
DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d", "%d-%m-%Y", "%m/%d/%Y")
# A leap year, for the 29th of February is a birthday.
BIRTHDAY = "try_strptime('2024/' || {value}, '%Y/%m/%d') is null"
ADDRESS_PARTS = ("addr1", "city", "state", "zip")
US_PHONE = r"\D*\d{3}\D*\d{3}\D*\d{4}"
REFUSED = "Mend the records, or the SQL of the field; until then the provider refuses these rows."
CUT = "Nothing, if the end may go; else shorten it in the SQL of the field, or use several fields."


@dataclass(frozen=True)
class Trouble:
    """A condition on the value of a field, and what is said of the records that meet it."""

    condition: str
    what: str
    do: str = REFUSED


def troubles(field: MergeField, value: str, traits: Traits) -> Iterator[Trouble]:
    """What may be wrong with a field's values; `value` is SQL that gives one as text, null and '' being the same."""
    if field.required:
        yield Trouble(
            f"coalesce({value}, '') = ''",
            "would be refused: it is required at the provider and empty for them",
            "Map it to something that is never empty (a `coalesce` with a last resort), or make it optional there.",
        )
    wrong = _wrong(field, value)
    if wrong is not None:
        yield Trouble(f"{value} <> '' and ({wrong[0]})", f"would be refused: {wrong[1]}")
    if field.max_bytes is not None:
        yield Trouble(f"strlen({value}) > {field.max_bytes}", f"would be cut to {field.max_bytes} bytes", CUT)
    if traits.max_value_length is not None:
        # Length in UTF-16 units: signs beyond the basic plane are two.
        units = f"length({value}) + length(regexp_replace({value}, '[^\\x{{10000}}-\\x{{10FFFF}}]', '', 'g'))"
        yield Trouble(
            f"{units} > {traits.max_value_length}", f"would be cut to {traits.max_value_length} characters", CUT
        )


def _wrong(field: MergeField, value: str) -> tuple[str, str] | None:
    """SQL that is true for a value that the field's type does not take, and why."""
    match field.type:
        case "number":
            return f"try_cast({value} as double) is null", "it holds numbers, and this is none"
        case "date":
            formats = ", ".join(map(sql_text, DATES))
            return f"try_strptime({value}, [{formats}]) is null", "it holds dates, and this is none that can be read"
        case "birthday":
            return BIRTHDAY.format(value=value), "it holds birthdays as MM/DD"
        case "zip":
            return f"not regexp_full_match({value}, '[0-9]{{5}}')", "it holds US zip codes of five digits"
        case "phone" if field.phone_format == "US":
            return (
                f"not regexp_full_match({value}, '{US_PHONE}')",
                "it holds US phone numbers of ten digits, as 404 555 1212",
            )
        case "url":
            return f"not regexp_matches({value}, '^(?i)https?://[^\\s/]+')", "it holds web addresses"
        case "choice":
            choices = ", ".join(map(sql_text, field.choices)) or "''"
            return (
                f"{value} not in ({choices})",
                f"it takes one of {len(field.choices)} choices, and this is none of them",
            )
        case "address":
            given = (f"coalesce(json_extract_string({value}, '$.{part}'), '') = ''" for part in ADDRESS_PARTS)
            whole = f"case when json_valid({value}) then {' or '.join(given)} else true end"
            return whole, "it holds postal addresses: a JSON object with addr1, city, state and zip"
    return None


def examine(
    home: Home, sync: SyncConfig, records: Sequence[Records], merge_fields: Sequence[MergeField], traits: Traits
) -> Iterator[Finding | str]:
    """Findings about the records' values, and a note on what was looked at."""
    for number, one in enumerate(records):
        filled = fields.of(one.source, merge_fields)
        values = {f"enlist_{at}": one.source.fields[field.name].sql for at, field in enumerate(filled)}
        found = [
            (field, trouble)
            for name, field in zip(values, filled, strict=True)
            for trouble in troubles(field, name, traits)
        ]
        wanted, counts = one.count(values, [trouble.condition for _, trouble in found])
        for (field, trouble), count in zip(found, counts, strict=True):
            if count.records:
                yield Finding(
                    f"{field.name}: {count.records:,} of the {counted(wanted, 'record')} wanted from "
                    f"{one.source.entity} {trouble.what}.",
                    trouble.do,
                    home.where(sync.sync, ("from", number, "fields", field.name)),
                    count.records,
                    one.named(count),
                )
        told = "the first page only: plan once to have all looked at" if one.is_sample else "the last extract"
        yield f"{one.source.entity}: {counted(wanted, 'record')} wanted, values looked at in {told}"
