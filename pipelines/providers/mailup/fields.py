"""The dynamic fields of an account, as syncs name them: by label, by "#3", or `Name`.

Belongs here: which field a name means. Does not: values of members.

The fields are the account's, not a list's, and anybody may give them another label (D13). What is meant is the id: a
label is looked up once, and where the caller remembers what it was, that id counts, whatever its label says now.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.errors import ConfigError
from pipelines.providers.base import MergeField
from pipelines.providers.mailup.client import CONSOLE, Client
from pipelines.providers.mailup.paging import Listing, items
from pipelines.providers.mailup.values import fitted

NAME = "Name"  # every recipient has this one beside the dynamic fields
PATH = f"{CONSOLE}/Recipient/DynamicFields"

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A dynamic field as it is now."""

    field_id: int
    label: str

    @property
    def number(self) -> str:
        """The name that no other label can take away."""
        return f"#{self.field_id}"


class Fields:
    """The fields of one account, read once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[int, Field] | None = None
        self._by_name: dict[str, int] = {}
        self._named: dict[str, str] = {}

    def name(self, ids: Mapping[str, str]) -> None:
        """From now on these names mean these ids; one without an id means its label, whatever the letter case."""
        self._named.update(ids)
        self._known = None

    def merge_fields(self) -> list[MergeField]:
        """Every name that a sync may use, read anew: `Name`, then labels, numbers and pinned names of each field."""
        self._known = None
        ids = self._ids()
        labels = {field.field_id: field.label for field in self._fields().values()}
        return [
            MergeField(NAME, NAME, NAME, "text", required=False),
            *(MergeField(name, str(number), labels[number], "text", required=False) for name, number in ids.items()),
        ]

    def values(self, item: Item, names: Iterable[str]) -> dict[str, str]:
        """What a recipient's document says of the fields named; "" where it says nothing."""
        by_id = {int(one["id"]): one.get("value") for one in item.get("fields") or ()}
        ids = self._ids()
        return {name: _text(item.get("name") if name == NAME else by_id.get(self._id(ids, name))) for name in names}

    def body(self, values: Mapping[str, str], *, with_empty: bool) -> dict[str, Any]:
        """`Fields`, and `Name` where it is named, as MailUp takes them; values cut to what a field holds."""
        ids = self._ids()
        fields = self._fields()
        numbers = {name: self._id(ids, name) for name in values if name != NAME}
        body: dict[str, Any] = {NAME: fitted(values[NAME])} if NAME in values else {}
        body["Fields"] = [
            {"Id": number, "Description": fields[number].label, "Value": fitted(values[name])}
            for name, number in sorted(numbers.items(), key=lambda pair: pair[1])
            if values[name] or with_empty
        ]
        return body

    def _fields(self) -> dict[int, Field]:
        if self._known is None:
            listing = Listing(PATH, lambda item: str(item["id"]), {"orderby": '"Id asc"'})
            found = [Field(int(one["id"]), str(one.get("description") or "")) for one in items(self._client, listing)]
            self._known = {field.field_id: field for field in sorted(found, key=lambda field: field.field_id)}
            self._by_name = self._resolved(self._known)
        return self._known

    def _ids(self) -> dict[str, int]:
        """Ids by every name that leads to exactly one field."""
        self._fields()
        return self._by_name

    def _resolved(self, fields: Mapping[int, Field]) -> dict[str, int]:
        often = Counter(field.label for field in fields.values())
        ids: dict[str, int] = {}
        for field in fields.values():
            if field.label and often[field.label] == 1 and field.label != NAME and not field.label.startswith("#"):
                ids[field.label] = field.field_id
            ids[field.number] = field.field_id
        # MailUp writes the label of one field "compleanno" here and "Compleanno" there.
        folded = Counter(label.casefold() for label in ids)
        ids_of_folded = {label.casefold(): number for label, number in ids.items() if folded[label.casefold()] == 1}
        for name, pinned in self._named.items():
            number = int(pinned) if pinned.isdigit() else ids_of_folded.get(name.casefold())
            if number is not None and number in fields and name != NAME:
                ids[name] = number
        return ids

    def _id(self, ids: Mapping[str, int], name: str) -> int:
        try:
            return ids[name]
        except KeyError:
            raise ConfigError(
                f"MailUp has no field {name}, or several of that label.",
                where="fields",
                do="Name it by its number, such as '#3'; the numbers are in MailUp's console.",
            ) from None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
