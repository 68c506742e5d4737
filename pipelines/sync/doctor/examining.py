"""One examination, in order: the CRM, the account, the audience, its fields, the records, the last plan.

Belongs here: that order, and calling each part. Does not: the parts.

A connection that can't be used at all raises its own error. The warehouse is opened when the calls are done.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from pipelines.config import Home, SyncConfig
from pipelines.config.expressions import check_expressions
from pipelines.crm import open_source
from pipelines.crm.base import Page
from pipelines.ledger import load as ledger
from pipelines.providers.base import Provider
from pipelines.providers.loading import connected
from pipelines.sync import stale
from pipelines.sync.audience import check_fields, find, resolve
from pipelines.sync.doctor import account, fields, labels, newest, values
from pipelines.sync.doctor.account import Found
from pipelines.sync.doctor.findings import Examination, Finding
from pipelines.sync.doctor.held import held
from pipelines.sync.doctor.records import Records, opened
from pipelines.sync.doctor.sharing import sharing
from pipelines.sync.doctor.way_back import way_back
from pipelines.sync.naming import name_fields
from pipelines.warehouse import Warehouse


def examine(home: Home, sync: SyncConfig) -> Examination:
    """Try the CRM, the account, the audience and the mapping of a sync; nothing is changed."""
    pages = _first_pages(home, sync)
    notes = [f"{entity}: readable, {len(page.columns)} columns" for entity, page in pages.items()]
    with connected(home, sync.to.connection) as provider:
        if sync.to.create is not None and find(provider, home, sync) is None:
            notes.append(f"the audience {sync.to.audience} is made by the first plan")
            return Examination(notes=tuple(notes))
        found = _read(home, sync, provider)
    findings = [*of_account(home, sync, found), *sharing(home, sync, found), *way_back(home, sync)]
    notes += account.inventory(home, sync, found)
    notes += fields.unfilled(sync, found.merge_fields)
    with opened(home, sync, pages) as records:
        for told in _of_records(home, sync, found, records):
            if isinstance(told, Finding):
                findings.append(told)
            else:
                notes.append(told)
        connection = records[0].connection
        sizes = account.known_groups(connection, sync)
        notes += account.group_notes(labels.groups_of(sync, records), found.groups, sizes)
        warnings = [
            *account.warnings(connection, home, sync, found, sizes),
            *labels.objections(home, sync, records),
        ]
        findings += held(connection, sync)
    return Examination(tuple(findings), tuple(warnings), tuple(notes))


def _first_pages(home: Home, sync: SyncConfig) -> Mapping[str, Page]:
    """The first page of each entity: whether it can be read, and has the columns that the sync uses."""
    pages = {}
    for source in sync.sources:
        connection = home.connection(source.connection)
        with (
            closing(open_source(source.connection, connection, home.root)) as crm,  # type: ignore[arg-type]
            closing(crm.extract(source.entity_name)) as extract,
        ):
            pages[source.entity] = next(extract)
        check_expressions(home, sync, {source.entity: pages[source.entity].columns})
    return pages


def _read(home: Home, sync: SyncConfig, provider: Provider) -> Found:
    """All that the provider is asked for; raises where the audience or a field that the sync names is not there."""
    warehouse = Warehouse(home)
    audience = resolve(provider, home, sync)
    name_fields(home, warehouse, provider, sync, audience.audience_id)
    merge_fields = provider.merge_fields(audience.audience_id)
    with warehouse.transaction() as connection:
        ledger.load(connection, home.ledger)
        pushed = stale.pushed_fields(connection, sync, audience.audience_id)
    if not (sync.to.create_fields and provider.traits.makes_fields):
        check_fields(merge_fields, home, sync, audience, pushed)
    return Found(
        account=provider.account(),
        audience=audience,
        others=tuple(one for one in provider.audiences() if one.audience_id != audience.audience_id),
        merge_fields=tuple(merge_fields),
        groups=tuple(provider.groups(audience.audience_id)),
        traits=provider.traits,
        pushed=pushed,
    )


def of_account(home: Home, sync: SyncConfig, found: Found) -> Iterator[Finding]:
    """Rights, fields and settings that the provider alone tells, without any record."""
    for problem in found.account.problems:
        yield Finding(problem, "Ask an administrator of the account.")
    yield from fields.drift(home, sync, found.merge_fields, found.pushed)
    yield from fields.demanded(home, sync, found.merge_fields)
    yield from fields.too_many(home, sync, found.merge_fields, found.traits)
    yield from fields.misnamed(home, sync, found.merge_fields, found.traits)
    if found.audience.double_opt_in and not sync.consent.double_opt_in:
        yield Finding(
            "The audience asks new members to confirm, the sync does not.",
            "Set consent.double_opt_in: true, or switch it off at the provider.",
            home.where(sync.sync, ("consent", "double_opt_in")),
        )


def _of_records(home: Home, sync: SyncConfig, found: Found, records: Sequence[Records]) -> Iterator[Finding | str]:
    yield from values.examine(home, sync, records, found.merge_fields, found.traits)
    yield from newest.examine(home, sync, records)
    needed = labels.groups_of(sync, records)
    yield from labels.too_many_groups(home, sync, needed, found.groups, found.traits)
    yield from labels.missing_groups(home, sync, needed, found.groups)
