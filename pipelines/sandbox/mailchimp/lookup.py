"""The documents that a path names, or the 404.

Belongs here: finding by path parameters. Does not: anything about what was found.
"""

from pipelines.sandbox.mailchimp.model import Audience, Batch, Campaign, Category, Interest, Member, MergeField, Segment
from pipelines.sandbox.mailchimp.problems import not_found
from pipelines.sandbox.mailchimp.query import Asked
from pipelines.sandbox.mailchimp.state import State


def audience_at(state: State, asked: Asked) -> Audience:
    """The audience of {list_id}."""
    found = state.audiences.get(asked.params["list_id"])
    if found is None:
        raise not_found()
    return found


def member_at(state: State, asked: Asked) -> Member:
    """The member of {subscriber_hash}, which may also be an address or a contact_id."""
    found = state.members.find(audience_at(state, asked).id, asked.params["subscriber_hash"])
    if found is None:
        raise not_found()
    return found


def segment_at(state: State, asked: Asked) -> Segment:
    """The segment of {segment_id}."""
    found = state.segments.get(asked.params["segment_id"])
    if found is None or found.list_id != audience_at(state, asked).id:
        raise not_found()
    return found


def field_at(state: State, asked: Asked) -> MergeField:
    """The merge field of {merge_id}."""
    found = state.fields.get(f"{audience_at(state, asked).id}:{asked.params['merge_id']}")
    if found is None:
        raise not_found()
    return found


def category_at(state: State, asked: Asked) -> Category:
    """The interest category of {interest_category_id}."""
    found = state.categories.get(asked.params["interest_category_id"])
    if found is None or found.list_id != audience_at(state, asked).id:
        raise not_found()
    return found


def interest_at(state: State, asked: Asked) -> Interest:
    """The group of {interest_id}."""
    found = state.interests.get(asked.params["interest_id"])
    if found is None or found.category_id != category_at(state, asked).id:
        raise not_found()
    return found


def campaign_at(state: State, asked: Asked, *, sent: bool = False) -> Campaign:
    """The campaign of {campaign_id}; with `sent`, only one that has a report."""
    found = state.campaigns.get(asked.params["campaign_id"])
    if found is None or (sent and found.status != "sent"):
        raise not_found()
    return found


def batch_at(state: State, asked: Asked) -> Batch:
    """The batch of {batch_id}."""
    found = state.batches.get(asked.params["batch_id"])
    if found is None:
        raise not_found()
    return found
