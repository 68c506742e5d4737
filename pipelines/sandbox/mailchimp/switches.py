"""What the contract leaves open or assumes, one switch each, so that a client can be tried against every answer.

Belongs here: behaviour marked [A], open or undocumented in `contracts/mailchimp.md`. Does not: faults, which come
and go (sandbox/faults.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pipelines.sandbox.people import Habits
from pipelines.sandbox.switches import BaseSwitches


@dataclass(frozen=True, slots=True)
class Switches(BaseSwitches):
    """Section numbers are those of the contract.

    max_connections          4: simultaneous connections of the user; one more is answered with 429
    too_many_title           13: title of that 429; None: an empty body without JSON
    language                 5: that of the account, in which titles and messages of merge fields come
    language_in_details      5: details and other sentences come in it too
    max_audiences, max_merge_fields, max_interests   the limits of the plan (7; Premium has 80 merge fields)
    lists_every_status       13: members of every status come back without a filter; False: all but archived
    since_is_inclusive       4: since_* also gives what happened at that very second
    status_if_new_revives    6.5: PUT with only status_if_new brings an archived member back
    archiving_forgets_lock   6.5: a compliance state ends with archiving, so that POST and PUT can subscribe again
    tags_touch_members       6.1: giving or taking a tag moves last_changed (observed; some clients believe otherwise)
    patch_takes_transactional  6.1 against the spec's enum for PATCH
    checks_untouched_fields  7: required and incomplete fields stop an update that does not mention them
    skip_validation_skips_values  7: skip_merge_validation also lets wrong values through
    batch_without_status     6.6: an item without status for an existing member keeps the status, is refused, or
                             subscribes
    batch_revives_archived   6.6: an archived member counts as new in a batch, also without update_existing
    batch_takes_roles        12: role addresses pass in a batch
    refusal_code             6.6: error_code of everything but "exists"
    activity_without_events  10: email-activity with `since` also lists those without events since then
    max_batches              8: batches of the account that have not finished
    batch_step               8: seconds that a batch stays pending, preprocessing and finalizing, each
    batch_rate               8: operations that a started batch does in a second; one batch runs at a time
    batch_late               8: seconds for which the finished flag lags behind the last operation (7.4 h were seen)
    batch_page_size          8: items on each page that a GET without `count` is cut into
    sent_before              seconds between a campaign's send_time and the call of actions/send, so that reactions
                             are there at once and yet never in the future; 0: they come as the clock goes on
    habits                   what recipients do
    """

    max_connections: int = 10
    too_many_title: str | None = "TooManyRequests"
    language: Literal["en", "de"] = "en"
    language_in_details: bool = False
    max_audiences: int = 100
    max_merge_fields: int = 30
    max_interests: int = 60
    lists_every_status: bool = True
    since_is_inclusive: bool = False
    status_if_new_revives: bool = False
    archiving_forgets_lock: bool = True
    tags_touch_members: bool = True
    patch_takes_transactional: bool = False
    checks_untouched_fields: bool = True
    skip_validation_skips_values: bool = False
    batch_without_status: Literal["keeps", "refused", "subscribes"] = "keeps"
    batch_revives_archived: bool = True
    batch_takes_roles: bool = True
    refusal_code: str = "ERROR_GENERIC"
    activity_without_events: bool = True
    max_batches: int = 500
    batch_step: int = 1
    batch_rate: int = 50
    batch_late: int = 0
    batch_page_size: int = 1000
    sent_before: int = 3600
    habits: Habits = field(default_factory=Habits)

    def turned(self, changes: Mapping[str, Any]) -> "Switches":
        """With these switches changed; `habits` is a mapping too. Raises TypeError for an unknown name."""
        habits = replace(self.habits, **changes.get("habits", {}))
        return replace(self, **{**changes, "habits": habits})
