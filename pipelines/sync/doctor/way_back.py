"""The way back to the CRM: whether what `write_back` names can be written there.

Belongs here: fields and values of write_back, asked of the CRM itself. Does not: what would be written (stats/).
"""

from collections.abc import Iterator
from contextlib import closing

from pipelines.config import Home, SyncConfig
from pipelines.config.connections import CrmConnection
from pipelines.config.problems import suggest
from pipelines.config.sync import WriteBack
from pipelines.crm import open_writer
from pipelines.sync.doctor.findings import Finding


def way_back(home: Home, sync: SyncConfig) -> Iterator[Finding]:
    """A finding for every field or value that could be written to no record, or that nobody could see being entered."""
    for entity, rule in sync.write_back.items():
        where = home.where(sync.sync, ("write_back", entity))
        name, _, entity_name = entity.partition(".")
        crm = home.connection(name)
        if isinstance(crm, CrmConnection) and "set" in crm.writes:
            with closing(open_writer(name, crm, home.root)) as writer:
                for sentence in writer.check(entity_name, _values(rule)):
                    yield Finding(sentence, "Mend the field or the value.", where)
        else:
            yield from _unseen(home, entity, rule, where)


def _unseen(home: Home, entity: str, rule: WriteBack, where: str) -> Iterator[Finding]:
    columns = home.source_columns(entity)
    known = {column.lower() for column in columns or ()}
    for field in _values(rule):
        if columns is not None and field.lower() not in known:
            what = f"{entity} has no column '{field}': nobody can see whether a person entered what the work-list says."
            yield Finding(what, suggest(field, columns), where)


def _values(rule: WriteBack) -> dict[str, str]:
    return {written.field: written.value for written in (rule.opt_outs, rule.bounces) if written is not None}
