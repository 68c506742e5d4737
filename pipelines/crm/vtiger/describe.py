"""Modules and their fields as Vtiger describes them to this user.

Belongs here: names and labels, which fields an entity's columns stand for. Does not: values of records.

Custom fields are called cf_<n>, with other numbers in every module and installation; people know their labels.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.config.problems import suggest
from pipelines.crm.vtiger.session import DENIED, Transport, VtigerRefused
from pipelines.errors import ConfigError

ALWAYS = ("id", "modifiedtime")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a module; `type` is Vtiger's word for it, `refers_to` the modules that a reference may lead to."""

    name: str
    label: str
    type: str
    editable: bool
    mandatory: bool
    refers_to: tuple[str, ...]
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """A module; ids of its records are `prefix`, x and a number."""

    name: str
    prefix: str
    fields: Mapping[str, Field]

    def field(self, column: str, where: str) -> Field:
        """The field of that name or label; `ConfigError` where there is none, or several share the label."""
        if column in self.fields:
            return self.fields[column]
        labelled = [field for field in self.fields.values() if field.label == column]
        labelled = labelled or [field for field in self.fields.values() if field.label.lower() == column.lower()]
        if len(labelled) == 1:
            return labelled[0]
        if labelled:
            names = ", ".join(field.name for field in labelled)
            raise ConfigError(
                f"Several fields of {self.name} have the label {column}.",
                where=where,
                do=f"Name one of them: {names}.",
            )
        known = [*self.fields, *(field.label for field in self.fields.values())]
        raise ConfigError(f"{self.name} has no field {column}.", where=where, do=suggest(column, known))

    def columns(self, chosen: Sequence[str] | None, where: str) -> dict[str, Field]:
        """The columns that are read, under the names the settings use; id and modifiedtime are always there."""
        if chosen is None:
            return dict(self.fields)
        columns = {name: self.fields[name] for name in ALWAYS if name in self.fields}
        for column in chosen:
            field = self.field(column, where)
            if field.name not in ALWAYS:
                columns[column] = field
        return columns


class Describing:
    """Descriptions, asked for once each."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._modules: dict[str, Module] = {}

    def module(self, name: str, where: str) -> Module:
        """The module of that name; `ConfigError` with those that have an e-mail field where it can't be read."""
        if name not in self._modules:
            try:
                found = self._transport.get("describe", elementType=name)
            except VtigerRefused as refused:
                if refused.code not in DENIED:
                    raise
                raise ConfigError(
                    f"There is no module {name} that this user may read: {refused.message}.",
                    where=where,
                    do=f"Modules with an e-mail field are: {', '.join(self.mailable())}.",
                ) from None
            self._modules[name] = _module(found)
        return self._modules[name]

    def mailable(self) -> Sequence[str]:
        """Names of the modules that have an e-mail field (C7)."""
        found = self._transport.get("listtypes", fieldTypeList=json.dumps(["email"]))
        return tuple(str(name) for name in found["types"])

    def has(self, name: str) -> bool:
        """Whether the module exists and this user may see it."""
        return name in self._transport.get("listtypes")["types"]


def _module(found: Mapping[str, Any]) -> Module:
    fields = {
        str(field["name"]): Field(
            name=str(field["name"]),
            label=str(field.get("label") or field["name"]),
            type=str((field.get("type") or {}).get("name") or ""),
            editable=bool(field.get("editable", True)),
            mandatory=bool(field.get("mandatory")),
            refers_to=tuple(map(str, (field.get("type") or {}).get("refersTo") or ())),
            choices=tuple(str(one["value"]) for one in (field.get("type") or {}).get("picklistValues") or ()),
        )
        for field in found["fields"]
    }
    return Module(str(found["name"]), str(found["idPrefix"]), fields)
