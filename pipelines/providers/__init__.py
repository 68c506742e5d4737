"""E-mail providers, one folder each behind the interface of base.py; `connect` opens the one a connection names.

base.py      the interface, and the value objects that cross it
composed.py  a provider put together from parts
rows.py      many rows over many calls
sweeping.py  reading a collection whole while it moves
secrets.py   secret fields, as hashes
loading.py   accounts opened, audiences into the warehouse

Does not belong here: any decision about who gets mail (dbt's plan).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import ConfigError
from pipelines.providers.base import Provider, Traits

if TYPE_CHECKING:
    from pipelines.providers.mailchimp.provider import MailchimpProvider
    from pipelines.providers.mailup.provider import MailupProvider


def connect(name: str, connection: Any, locks: Path) -> Provider:
    """The provider account behind a connection; nothing is called yet. `locks` is the home's folder for slots."""
    return _kind(name, connection)(name, connection, locks)


def traits_of(name: str, connection: Any) -> Traits:
    """What the provider of a connection can and can't do, without connecting."""
    return _kind(name, connection).traits


def _kind(name: str, connection: Any) -> "type[MailchimpProvider] | type[MailupProvider]":
    """The provider's class, imported only here: each brings libraries of its own."""
    if connection.kind == "mailchimp":
        from pipelines.providers.mailchimp.provider import MailchimpProvider

        return MailchimpProvider
    if connection.kind == "mailup":
        from pipelines.providers.mailup.provider import MailupProvider

        return MailupProvider
    raise ConfigError(
        f"A connection of the kind {connection.kind} is no e-mail provider that this version knows.",
        where=f"connections.yaml, {name}",
        do="Name a connection of the kind mailchimp or mailup in `to`.",
    )
