"""What a home's YAML says, as frozen, checked models.

connections.py  keys of connections.yaml      sync.py         keys of syncs/NAME.yaml
values.py       percentages, names, URLs      cron.py         cron lines
document.py     YAML with lines               problems.py     sentences about what is wrong
environment.py  ${NAME} and .env              references.py   rules between the parts
expressions.py  SQL, checked by DuckDB        loading.py      the order of it all
home.py         paths and look-ups            schemas.py      JSON Schemas for editors

Belongs here: reading and checking those files. Does not: whether what they name is there (sync/doctor/), using it.
Importing this package loads neither Dagster nor DuckDB nor pandas.
"""

from pipelines.config.connections import (
    Connection,
    CrmConnection,
    FileConnection,
    FileEntity,
    IterasConnection,
    IterasEntity,
    MailchimpConnection,
    MailupConnection,
    ProviderConnection,
    SqlConnection,
    SqlEntity,
    VtigerConnection,
    VtigerEntity,
)
from pipelines.config.home import Home, find_root
from pipelines.config.loading import load_home
from pipelines.config.sync import FieldRule, GroupRule, GroupSplit, Source, SyncConfig, TagRule, TagSplit
from pipelines.config.values import Limit

__all__ = [
    "Connection",
    "CrmConnection",
    "FieldRule",
    "FileConnection",
    "FileEntity",
    "GroupRule",
    "GroupSplit",
    "Home",
    "IterasConnection",
    "IterasEntity",
    "Limit",
    "MailchimpConnection",
    "MailupConnection",
    "ProviderConnection",
    "Source",
    "SqlConnection",
    "SqlEntity",
    "SyncConfig",
    "TagRule",
    "TagSplit",
    "VtigerConnection",
    "VtigerEntity",
    "find_root",
    "load_home",
]
