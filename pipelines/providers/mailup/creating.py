"""Lists and groups made on request (A1, E12).

Belongs here: POST calls that make a container. Does not: members; deciding that something is missing; fields, which
MailUp makes itself and lets nobody add.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.errors import ConfigError, TransientError
from pipelines.http.client import RefusedError
from pipelines.providers.base import Audience, Group, MergeField
from pipelines.providers.mailup.client import Client, as_object
from pipelines.providers.mailup.paging import count
from pipelines.providers.mailup.reading import GONE, LIST_PATHS
from pipelines.providers.mailup.roster import list_path

if TYPE_CHECKING:
    from pipelines.config.sync import NewAudience

NOTES = "Made by Enlist. Its members are kept in step with the CRM: changes by hand do not last."
READY_TRIES = 13
READY_PAUSE_SECONDS = 5.0

Made = TypeVar("Made")


class Creating:
    """Makes what a sync names and the account does not have."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def audience(self, name: str, data: "NewAudience", look: Callable[[], Mapping[str, str]]) -> Audience:
        """Make a list, unless `look` (names by id) finds it, and wait until it can be used.

        A list can't be deleted from outside, and a second one of that name is easily made. So after a lost answer one
        looks again. For a list's first minute MailUp answers 403 or null.
        """

        def find() -> str | None:
            return next((audience_id for audience_id, known in look().items() if known == name), None)

        def make() -> str:
            return str(as_object(self._post_list(_list_body(name, data)))["idlist"])

        audience_id = self._once(find, make, READY_PAUSE_SECONDS)
        self._wait_until_ready(audience_id)
        return Audience(audience_id, name, None, False, 0, 0, 0)

    def merge_field(self, name: str, existing: Iterable[MergeField]) -> MergeField:
        """The field of this name; raises `ConfigError` where there is none, for MailUp's fields are only renamed."""
        for field in existing:
            if field.name == name:
                return field
        raise ConfigError(
            f"MailUp has no field {name}, and its fields can't be made from outside.",
            where="to.create_fields",
            do="Rename a free field in MailUp's console (Recipients, Manage fields), or name one by its number: '#3'.",
        )

    def group(self, audience_id: str, name: str, look: Callable[[], Iterable[Group]]) -> Group:
        """Make a group with name and description, unless `look` finds it.

        MailUp does not say whether it would make a second of that name. So after a lost answer one looks again.
        """
        body = {"Name": name, "Notes": NOTES, "Deletable": True}
        path = f"{list_path(audience_id)}/Group"

        def find() -> Group | None:
            return next((group for group in look() if group.key == name), None)

        def make() -> Group:
            answer = as_object(self._client.call("POST", path, json=body, attempts=1))
            return Group(str(answer["idgroup"]), str(answer.get("name") or name))

        return self._once(find, make, 1.0)

    def _once(self, find: Callable[[], Made | None], make: Callable[[], Made], pause: float) -> Made:
        """What `find` finds, else what `make` makes; `make` is tried again only after another look, `pause` later."""
        patience = self._client.patience
        for left in reversed(range(patience.max_attempts)):
            found = find()
            if found is not None:
                return found
            try:
                return make()
            except TransientError:
                if not left:
                    raise
                patience.wait(max(pause, patience.least_pause))
        raise AssertionError("max_attempts is at least 1")

    def _post_list(self, body: Mapping[str, Any]) -> Any:
        *newer, last = reversed(LIST_PATHS)
        for path in newer:
            try:
                return self._client.call("POST", path, json=body, attempts=1)
            except RefusedError as error:
                if error.status not in GONE:
                    raise
        return self._client.call("POST", last, json=body, attempts=1)

    def _wait_until_ready(self, audience_id: str) -> None:
        for left in reversed(range(READY_TRIES)):
            try:
                count(self._client, f"{list_path(audience_id)}/Recipients/Subscribed")
            except RefusedError as error:
                if error.status != 403 or not left:
                    raise
                self._client.patience.wait(READY_PAUSE_SECONDS)
            else:
                return


def _list_body(name: str, data: "NewAudience") -> dict[str, Any]:
    return {
        "Name": name,
        "Description": NOTES,
        "Company": data.company,
        "CompanyName": data.company,
        "ContactName": data.sender_name,
        "NLSenderName": data.sender_name,
        "OwnerEmail": data.sender_email,
        "ReplyTo": data.sender_email,
        "Address": data.address,
        "City": data.city,
        "ZipCode": data.zip,
        "CountryCode": data.country,
        "PermissionReminder": data.permission_reminder,
        "UseDefaultSettings": True,
    }
