"""How the back stage shows one person of the account: more than one call of the API would tell.

Belongs here: that one document. Does not: documents of the API (recipient_routes.py).
"""

from pipelines.sandbox.mailup.model import Json, Recipient
from pipelines.sandbox.mailup.state import State


def person_document(state: State, recipient: Recipient, list_id: int) -> Json:
    """id, email, name, mobile, fields {id: value}, groups of the list, and the subscription: status, dates, codes.

    `status` is "" for somebody who is not in the list.
    """
    found = state.subscriptions.get(list_id, recipient.id)
    return {
        "id": recipient.id,
        "email": recipient.email,
        "name": recipient.name,
        "mobile": f"{recipient.mobile_prefix} {recipient.mobile_number}".strip(),
        "fields": dict(recipient.values),
        "groups": [group.name for group in state.groups_of(list_id) if group.id in recipient.groups],
        "status": found.status if found else "",
        "optout_type": found.optout_type if found else -1,
        "optout_at": found.optout_at if found else "",
        "optout_message_id": found.optout_message_id if found else -1,
        "objects": state.objection(list_id, recipient.email) is not None,
    }
