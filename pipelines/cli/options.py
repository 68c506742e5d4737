"""Options that many commands share, so that they are spelled and explained the same way everywhere.

Belongs here: Typer annotations. Does not: what an option does.
"""

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder with connections.yaml and syncs/.", show_default="$ENLIST_HOME or data/"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
RevealOption = Annotated[bool, typer.Option("--reveal", help="Show addresses in full.")]
AddressArgument = Annotated[
    str, typer.Argument(metavar="EMAIL", help="An address; - reads it from stdin.", show_default=False)
]
SyncArgument = Annotated[str, typer.Argument(help="Name of a file in syncs/, without .yaml.", show_default=False)]
AnySyncArgument = Annotated[str | None, typer.Argument(help="Name of a sync; left out: all.", show_default=False)]
