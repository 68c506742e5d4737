"""Rules between the parts of a sync, and between it and connections.yaml.

Belongs here: names that must exist, keys that a kind of connection can't honour. Does not: SQL (expressions.py), and
what only the provider itself knows, such as its fields (the mapping doctor).
"""

from collections.abc import Iterator, Mapping

from pipelines.config.connections import Connection, CrmConnection, ProviderConnection
from pipelines.config.document import Document, KeyPath
from pipelines.config.problems import Problem, suggest
from pipelines.config.sync import Source, SyncConfig


def check_references(sync: SyncConfig, connections: Mapping[str, Connection], document: Document) -> list[Problem]:
    """A problem for every name that leads nowhere and every key that its connection can't honour."""
    findings = [
        *_target(sync, connections),
        *_sources(sync, connections),
        *_names_within(sync),
        *_write_back(sync),
    ]
    provider = connections.get(sync.to.connection)
    if isinstance(provider, ProviderConnection):
        findings += _provider_limits(sync, provider)
    return [Problem(document.line(path), what, do) for path, what, do in findings]


Finding = tuple[KeyPath, str, str]


def _target(sync: SyncConfig, connections: Mapping[str, Connection]) -> Iterator[Finding]:
    path, name = ("to", "connection"), sync.to.connection
    providers = sorted(key for key, value in connections.items() if value.is_provider)
    if name not in connections:
        yield path, f"there is no connection named '{name}'.", suggest(name, providers)
    elif name not in providers:
        yield path, f"'{name}' is a CRM, and an audience is kept at a provider.", suggest("", providers)


def _sources(sync: SyncConfig, connections: Mapping[str, Connection]) -> Iterator[Finding]:
    crms = {key: value for key, value in connections.items() if isinstance(value, CrmConnection)}
    seen: set[str] = set()
    for index, source in enumerate(sync.sources):
        path = ("from", index, "entity")
        crm = crms.get(source.connection)
        if source.entity in seen:
            yield path, f"'{source.entity}' is named twice.", "Put both selections into one `where`."
        elif source.connection not in connections:
            yield path, f"there is no connection named '{source.connection}'.", suggest(source.connection, sorted(crms))
        elif crm is None:
            yield path, f"'{source.connection}' is a provider, and people come from a CRM.", suggest("", sorted(crms))
        elif source.entity_name not in crm.entities:
            what = f"'{source.connection}' has no entity named '{source.entity_name}'."
            yield path, what, suggest(source.entity_name, sorted(crm.entities))
        seen.add(source.entity)


def _names_within(sync: SyncConfig) -> Iterator[Finding]:
    for index, source in enumerate(sync.sources):
        if "unknown" in source.exclude:
            what = "`unknown` is the reason of records where a predicate gives null."
            yield ("from", index, "exclude", "unknown"), what, "Name this reason otherwise."
    fields = sorted({field for source in sync.sources for field in source.fields})
    for key, named in (("max_null", sync.quality.max_null), ("allowed", sync.quality.allowed)):
        for field in named:
            if field not in fields:
                yield ("quality", key, field), f"no entity fills a field named '{field}'.", suggest(field, fields)


def _write_back(sync: SyncConfig) -> Iterator[Finding]:
    entities = sorted(source.entity for source in sync.sources)
    for entity, rule in sync.write_back.items():
        path = ("write_back", entity)
        if entity not in entities:
            yield path, f"'{entity}' is no entity of this sync.", suggest(entity, entities)
        both = (rule.opt_outs, rule.bounces)
        if both[0] and both[1] and both[0].field == both[1].field and both[0].value != both[1].value:
            what = f"opt_outs and bounces write different values to '{both[0].field}'."
            yield (*path, "bounces"), what, "Who bounced and said no would have both: take another field."


def _provider_limits(sync: SyncConfig, provider: ProviderConnection) -> Iterator[Finding]:
    for index, source in enumerate(sync.sources):
        if source.tags and not provider.has_tags:
            yield ("from", index, "tags"), f"{provider.title} has no tags for members.", "Use groups."
        yield from _categories(("from", index, "groups"), source, provider)
    for key in ("do", "then"):
        if getattr(sync.on_exit, key) == "archive" and not provider.can_archive:
            yield ("on_exit", key), f"{provider.title} can't archive a member.", "Use leave_groups or unsubscribe."
    if sync.to.create is not None:
        missing = [key for key in provider.audience_needs if not getattr(sync.to.create, key)]
        if missing:
            yield ("to", "create"), f"{provider.title} also wants: {', '.join(missing)}.", "Add what is missing."


def _categories(path: KeyPath, source: Source, provider: ProviderConnection) -> Iterator[Finding]:
    for number, group in enumerate(source.groups):
        if provider.has_categories and group.category is None:
            yield (*path, number), f"a group of {provider.title} is in a category.", "Add the key category."
        elif group.category is not None and not provider.has_categories:
            yield (*path, number, "category"), f"{provider.title} has no categories of groups.", "Take the key out."
