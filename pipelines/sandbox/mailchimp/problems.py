"""Refusals in Mailchimp's words: status, title, detail, and errors where fields are to blame.

Belongs here: the texts of section 5 of the contract. Does not: when to refuse (the modules of each theme).
"""

from collections.abc import Mapping, Sequence
from typing import Any

DOCS = "https://mailchimp.com/developer/marketing/docs/errors/"

INVALID = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
MERGE_INVALID = "Your merge fields were invalid."


class Problem(Exception):
    """An answer that refuses. `has_type` is False for the three refusals that Mailchimp sends without `type`."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        has_type: bool = True,
        allow: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.has_type = has_type
        self.allow = allow

    def body(self, instance: str) -> dict[str, Any]:
        """The problem document."""
        document: dict[str, Any] = {"type": DOCS} if self.has_type else {}
        document |= {"title": self.title, "status": self.status, "detail": self.detail, "instance": instance}
        return document | ({"errors": list(self.errors)} if self.errors else {})


def invalid(field: str, message: str) -> Problem:
    """A field that does not fit the schema."""
    return Problem(400, "Invalid Resource", INVALID, errors=[{"field": field, "message": message}])


def invalid_detail(detail: str) -> Problem:
    """An address, or something else as a whole, that is refused in one sentence."""
    return Problem(400, "Invalid Resource", detail)


def invalid_merge_fields(errors: Sequence[tuple[str, str]]) -> Problem:
    """Merge values that are refused, as (tag, message)."""
    listed = [{"field": tag, "message": message} for tag, message in errors]
    return Problem(400, "Invalid Resource", MERGE_INVALID, errors=listed)


def not_found() -> Problem:
    """Unknown audience, member, segment, path."""
    return Problem(404, "Resource Not Found", "The requested resource could not be found.")


def wrong_verb(allowed: Sequence[str]) -> Problem:
    """The path exists, the verb does not."""
    detail = (
        "The requested method and resource are not compatible. See the Allow header for this resource's "
        "available methods."
    )
    return Problem(405, "Method Not Allowed", detail, allow=", ".join(allowed))


def key_missing() -> Problem:
    """No credentials at all."""
    return Problem(401, "API Key Missing", "Your request did not include an API key.")


def key_invalid() -> Problem:
    """Credentials that open nothing."""
    detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
    return Problem(401, "API Key Invalid", detail)


def too_many_batches(most: int) -> Problem:
    """More batches wait than the account may have; Mailchimp's text says webhooks where it means batches."""
    detail = (
        f"You have more than {most} pending webhooks. Please wait for some to complete before adding any more batches."
    )
    return Problem(429, "TooManyRequests", detail)


def member_exists(email_address: str, *, has_type: bool) -> Problem:
    """The address is on the list; without `type` when it answers a PUT."""
    detail = f"{email_address} is already a list member. Use PUT to insert or update list members."
    return Problem(400, "Member Exists", detail, has_type=has_type)


def in_compliance_state(email_address: str, *, on_post: bool = False) -> Problem:
    """The person unsubscribed, bounced or complained; only they can come back."""
    state = "compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
    detail = f"{email_address} is already a list member in {state}" if on_post else f"{email_address} is in a {state}"
    return Problem(400, "Member In Compliance State", detail, has_type=False)


def forgotten(email_address: str) -> Problem:
    """The address was permanently deleted."""
    detail = (
        f"{email_address} was permanently deleted and cannot be re-imported. The contact must re-subscribe to get "
        "back on the list."
    )
    return Problem(400, "Forgotten Email Not Subscribed", detail, has_type=False)


def cannot_archive() -> Problem:
    """DELETE on a member who is archived, cleaned or pending."""
    detail = "This list member cannot be removed. Can not archive a contact that is bounced, pending or archived"
    return Problem(405, "Method Not Allowed", detail, allow="GET, PUT")


def only_subscribed_renamed(status: str) -> Problem:
    """Only a subscribed member can get another address."""
    return invalid(
        "email address",
        f'This member\'s status is "{status}." You can only update email addresses for members with a status of '
        '"subscribed."',
    )


def address_taken(email_address: str, status: str) -> Problem:
    """The new address is on the list already, in whatever status."""
    words = {"transactional": "Non-Subscribed", "archived": "Deleted"}
    word = words.get(status, status.capitalize())
    return invalid("email address", f'"{email_address}" is already in this list with a status of "{word}".')
