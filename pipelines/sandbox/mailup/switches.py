"""What the contract leaves open or assumes, one switch each, so that a client can be tried against every answer.

Belongs here: behaviour marked [A], open or undocumented in `contracts/mailup.md`. Does not: faults, which come and go
(sandbox/faults.py), and the fate of one import (admin.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args, get_type_hints

from pipelines.sandbox.people import Habits
from pipelines.sandbox.switches import BaseSwitches


@dataclass(frozen=True, slots=True)
class Switches(BaseSwitches):
    """Section numbers are those of the contract.

    terms_signed             2: False: every call is a 403 until the terms of service are accepted
    calls_per_second         3: of one token, method and path template; 0: no limit
    token_seconds            2: life of an access token
    rotation_kills_old       2: the old refresh token dies when it is used
    refresh_revokes_access   2: refreshing also revokes the access token of before
    oauth_refusals           2: refusals of the token endpoint look like OAuth's; False: like the console's
    unknown_status           3: status for an id that names nothing
    absent_is_fine           6.3: leaving what one is not in is a 200; False: unknown_status
    max_page_size            3: PageSize above it is cut to it
    newest_first             3: recipients are listed by descending id; False: ascending
    fields_in_lower_case     5: DynamicFields writes descriptions in lower case
    name_is_field_1          5: Name and the dynamic field 1 are one value
    new_list_seconds         12.3: a new list answers 403 for so long
    group_names_unique       4: a second group of the same name is a 400
    group_lists_unsubscribed 5: Group/{id}/Recipients also gives those who left the list
    add_resubscribes         6.1: a synchronous add without ConfirmEmail brings an unsubscribed recipient back
    confirm_reaches_unsubscribed   6.1: with ConfirmEmail=true an unsubscribed recipient becomes pending
    forced_after_bounce      6.2, 6.3: forcing somebody back after a bounce or a complaint is ignored or refused
    bounce_spreads           5: a hard bounce also holds for lists that the recipient joins later
    unknown_field            5: a value for a field id that does not exist is ignored or refused
    long_values              12.9: a value over 200 characters is cut or refused
    add_blanks               6.1: an empty field of a synchronous add blanks it; False: it is kept, as in imports
    optout_type_of_api       5: Optout_Type of DELETE .../Unsubscribe
    second_import            6.2: while one import waits another one queues or is refused
    import_seconds           6.2: seconds before an import takes effect
    import_rows_per_second   6.2: rows that it does in a second
    import_late              6.2: seconds for which Completed lags behind the effect
    failed_import_completes  6.2: an import that failed says Completed
    max_import_rows          6.2: more rows are a 400
    counts_are_unique        8: Count/Views and Count/Clicks count people; False: events
    unsubscribe_is_click     8: leaving by the link in a message is a click on the Url "Unsubscribe"
    statistics_days          8: after that many days Count is 0 and List empty
    sent_before              seconds between a sending and the call that sent it, so that reactions are there at once
                             and yet never in the future; 0: they come as the clock goes on
    habits                   what recipients do
    """

    terms_signed: bool = True
    calls_per_second: int = 5
    token_seconds: int = 3600
    rotation_kills_old: bool = True
    refresh_revokes_access: bool = False
    oauth_refusals: bool = True
    unknown_status: int = 404
    absent_is_fine: bool = True
    max_page_size: int = 1000
    newest_first: bool = False
    fields_in_lower_case: bool = True
    name_is_field_1: bool = False
    new_list_seconds: int = 60
    group_names_unique: bool = False
    group_lists_unsubscribed: bool = True
    add_resubscribes: bool = False
    confirm_reaches_unsubscribed: bool = True
    forced_after_bounce: Literal["ignored", "refused"] = "ignored"
    bounce_spreads: bool = True
    unknown_field: Literal["ignored", "refused"] = "ignored"
    long_values: Literal["cut", "refused"] = "cut"
    add_blanks: bool = False
    optout_type_of_api: int = 0
    second_import: Literal["queues", "refused"] = "queues"
    import_seconds: float = 1
    import_rows_per_second: int = 2000
    import_late: float = 0
    failed_import_completes: bool = True
    max_import_rows: int = 5000
    counts_are_unique: bool = True
    unsubscribe_is_click: bool = True
    statistics_days: int = 365
    sent_before: int = 3600
    habits: Habits = field(default_factory=Habits)

    def turned(self, changes: Mapping[str, Any]) -> "Switches":
        """With these switches changed; `habits` is a mapping too.

        Raises TypeError for an unknown name, ValueError for a value that the switch does not have.
        """
        hints = get_type_hints(Switches)
        for name, value in changes.items():
            if name in hints and name != "habits":
                _check(name, value, hints[name])
        habits = replace(self.habits, **changes.get("habits", {}))
        return replace(self, **{**changes, "habits": habits})


def _check(name: str, value: Any, kind: Any) -> None:
    words = get_args(kind)
    if words and value not in words:
        raise ValueError(f"{name} is one of {', '.join(words)}.")
    numbers = (int, float) if kind is float else kind
    if not words and (not isinstance(value, numbers) or isinstance(value, bool) is not (kind is bool)):
        raise ValueError(f"{name} is of the type {kind.__name__}.")
