"""Lists and groups made on request (A1, E12).

Belongs here: POST calls that make a container. Does not: members; deciding that something is missing; fields, which
MailUp makes itself and lets nobody add.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pipelines.errors import ConfigError, TransientError
from pipelines.providers.base import Audience, Group, MergeField
from pipelines.providers.http import RefusedError
from pipelines.providers.mailup.client import Client, as_object
from pipelines.providers.mailup.paging import count
from pipelines.providers.mailup.reading import GONE, LIST_PATHS
from pipelines.providers.mailup.roster import list_path

if TYPE_CHECKING:
    from pipelines.config.sync import NewAudience

NOTES = "Made by Enlist. Its members are kept in step with the CRM: changes by hand do not last."
READY_TRIES = 13
READY_PAUSE_SECONDS = 5.0


class Creating:
    """Makes what a sync names and the account does not have."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def audience(self, name: str, data: "NewAudience") -> Audience:
        """Make a list and wait until it can be used: MailUp answers 403 or null for a list's first minute."""
        answer = as_object(self._post_list(_list_body(name, data)))
        audience_id = str(answer["idlist"])
        self._wait_until_ready(audience_id)
        return Audience(audience_id, str(answer.get("name") or name), None, False, 0, 0, 0)

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
        for left in reversed(range(self._client.patience.max_attempts)):
            for group in look():
                if group.key == name:
                    return group
            try:
                answer = as_object(self._client.call("POST", path, json=body, attempts=1))
            except TransientError:
                if not left:
                    raise
                self._client.patience.wait(max(1.0, self._client.patience.least_pause))
            else:
                return Group(str(answer["idgroup"]), str(answer.get("name") or name))
        raise AssertionError("max_attempts is at least 1")

    def _post_list(self, body: Mapping[str, Any]) -> Any:
        *newer, last = reversed(LIST_PATHS)
        for path in newer:
            try:
                return self._client.call("POST", path, json=body)
            except RefusedError as error:
                if error.status not in GONE:
                    raise
        return self._client.call("POST", last, json=body)

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
