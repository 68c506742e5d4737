"""What the contract leaves open, assumes or saw in one installation only, one switch each.

Belongs here: behaviour that may differ at a customer (`contracts/vtiger.md`). Does not: faults, which come and go
(sandbox/faults.py).
"""

from dataclasses import dataclass
from typing import Literal

from pipelines.sandbox.switches import BaseSwitches


@dataclass(frozen=True, slots=True)
class Switches(BaseSwitches):
    """Section numbers are those of the contract.

    challenge_seconds        2: life of a challenge
    idle_seconds, session_seconds   2: idle and total life of a session
    page_size                4: rows without a LIMIT, and the most with one
    order                    4: of rows without ORDER BY. observed: by id, but mixed when a custom field is asked for;
                             by_id: never mixed; mixed: always, ties of an ORDER BY too, and anew for every offset
    drops_rows_without_id    4: rows without the id column are dropped, so count(*) is []; False: as 8.0.0 does
    ignores_case             4: = and like ignore case, as the usual collations do
    takes_bare_values        4: a literal may stand without quotes
    zone_of_user             5, 11: times are those of the user's time zone: never, when shown, or when shown and
                             compared
    takes_emoji              6: False: what utf8mb3 can't hold becomes ??
    duplicates_refused       6: duplicate prevention is on for unique fields
    """

    challenge_seconds: int = 300
    idle_seconds: int = 1800
    session_seconds: int = 86400
    page_size: int = 100
    order: Literal["observed", "by_id", "mixed"] = "observed"
    drops_rows_without_id: bool = True
    ignores_case: bool = True
    takes_bare_values: bool = False
    zone_of_user: Literal["never", "shown", "shown_and_compared"] = "never"
    takes_emoji: bool = False
    duplicates_refused: bool = True
