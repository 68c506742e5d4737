"""Audience, merge fields and groups made on request (A1).

Belongs here: POST calls that make a container. Does not: members; deciding that something is missing.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pipelines.errors import ConfigError
from pipelines.providers.base import Audience, Group, MergeField
from pipelines.providers.mailchimp.client import Client, document
from pipelines.providers.mailchimp.paging import Listing, read
from pipelines.providers.mailchimp.reading import audience, audience_path, merge_field

if TYPE_CHECKING:
    from pipelines.config.sync import NewAudience


class Creating:
    """Makes what a sync names and the account does not have; `audience_needs` are the connection's."""

    def __init__(self, client: Client, audience_needs: Sequence[str]) -> None:
        self._client = client
        self._audience_needs = audience_needs

    def audience(self, name: str, data: "NewAudience") -> Audience:
        """Make an audience; raises `ConfigError` without what Mailchimp, and anti-spam law behind it, demands."""
        if missing := [key for key in self._audience_needs if not getattr(data, key)]:
            raise ConfigError(
                f"Mailchimp makes no audience without {', '.join(missing)}.",
                where="to.create",
                do="Add them, or make the audience in Mailchimp.",
            )
        body = {
            "name": name,
            "permission_reminder": data.permission_reminder,
            "email_type_option": False,
            "contact": {
                "company": data.company,
                "address1": data.address,
                "city": data.city,
                "zip": data.zip,
                "country": data.country,
            },
            "campaign_defaults": {
                "from_name": data.sender_name,
                "from_email": data.sender_email,
                "subject": name,
                "language": data.language,
            },
        }
        return audience(document(self._client.call("POST", "/lists", json=body)))

    def merge_field(self, audience_id: str, name: str, label: str, existing: Iterable[MergeField]) -> MergeField:
        """Make a text field, never a required one: that would refuse the people who are there."""
        for field in existing:
            if field.name == name:
                return field
        body = {"tag": name, "name": label, "type": "text", "required": False, "public": False}
        path = f"{audience_path(audience_id)}/merge-fields"
        return merge_field(document(self._client.call("POST", path, json=body)))

    def group(self, audience_id: str, category: str | None, name: str, existing: Iterable[Group]) -> Group:
        """Make a group, and its category where there is none of that title."""
        for group in existing:
            if (group.category, group.name) == (category, name):
                return group
        root = f"{audience_path(audience_id)}/interest-categories"
        path = f"{root}/{self._category(root, category or name)}/interests"
        return Group(str(document(self._client.call("POST", path, json={"name": name}))["id"]), name, category)

    def _category(self, root: str, title: str) -> str:
        query = {"fields": "total_items,categories.id,categories.title"}
        listing = Listing(root, "categories", lambda item: str(item["id"]), query, strict=True)
        for page in read(self._client, listing):
            for item in page:
                if item["title"] == title:
                    return str(item["id"])
        # Hidden: groups that a CRM keeps are no choice on the sign-up form.
        answer = self._client.call("POST", root, json={"title": title, "type": "hidden"})
        return str(document(answer)["id"])
