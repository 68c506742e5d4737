"""The endpoints of recipients but for imports: reading by status, adding one, changing, subscribing, removing.

Belongs here: sections 5, 6.1 and 6.3 of the contract. Does not: the rules (recipients.py), imports (imports.py).
"""

from collections.abc import Callable, Sequence

from pipelines.sandbox.mailup import recipients
from pipelines.sandbox.mailup.filters import Properties
from pipelines.sandbox.mailup.groups import group_page
from pipelines.sandbox.mailup.lookup import group_at, list_at, recipient_at, unknown
from pipelines.sandbox.mailup.model import Group, Json, Recipient, Subscription
from pipelines.sandbox.mailup.problems import Problem, bad_request
from pipelines.sandbox.mailup.query import Asked, paged
from pipelines.sandbox.mailup.state import Roster, State
from pipelines.sandbox.mailup.values import is_address, read_row, write

STATUSES = {"Subscribed": "OPTIN", "Unsubscribed": "OPTOUT", "Pending": "PENDING"}


def recipient_document(state: State, recipient: Recipient) -> Json:
    """A recipient with all dynamic fields, also empty ones."""
    return recipient_renderer(state)(recipient)


def recipient_renderer(state: State) -> Callable[[Recipient], Json]:
    """The same for many: a page may have 39 fields for each of a thousand people."""
    fields = [(number, int(number), description) for number, description in state.account.fields.items()]

    def show(recipient: Recipient) -> Json:
        value = recipient.values.get
        return {
            "idRecipient": recipient.id,
            "Email": recipient.email,
            "Name": recipient.name,
            "MobileNumber": recipient.mobile_number or None,
            "MobilePrefix": recipient.mobile_prefix or None,
            "Fields": [
                {"Description": description, "Id": field_id, "Value": value(number, "")}
                for number, field_id, description in fields
            ],
        }

    return show


def properties_of(state: State) -> Properties[int]:
    """What filterby and orderby know of recipients, by id."""
    people = state.book.by_id
    names = {number: description.lower() for number, description in state.account.fields.items()}
    return {
        "idrecipient": lambda found: found,
        "email": lambda found: people[found].email,
        "name": lambda found: people[found].name,
        "mobilenumber": lambda found: people[found].mobile_number or None,
        "mobileprefix": lambda found: people[found].mobile_prefix or None,
        "fields": lambda found: {name: people[found].values.get(number, "") for number, name in names.items()},
    }


def _in_order(state: State, roster: Roster) -> Sequence[int]:
    ids = roster.ids()
    return ids[::-1] if state.switches.newest_first else ids


def _page(state: State, asked: Asked, ids: Sequence[int]) -> Json:
    people, show = state.book.by_id, recipient_renderer(state)
    return paged(asked, ids, lambda found: show(people[found]), properties_of(state), state.switches.max_page_size)


def get_by_status(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Recipients/Subscribed | Unsubscribed | Pending."""
    status = asked.route.rpartition("/")[2]
    return _page(state, asked, _in_order(state, state.subscriptions.roster(list_at(state, asked).id, status)))


def get_group_recipients(state: State, asked: Asked) -> Json:
    """GET /Console/Group/{id}/Recipients."""
    group = group_at(state, asked)
    ids = _in_order(state, state.book.group(group.id))
    if not state.switches.group_lists_unsubscribed:
        gone = state.subscriptions.roster(group.list_id, "Unsubscribed")
        ids = [found for found in ids if found not in gone]
    return _page(state, asked, ids)


def get_optins(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Recipients/EmailOptins: everybody in the list, with dates and reasons."""
    list_id = list_at(state, asked).id

    def show(found: int) -> Json:
        return _optin(state.book.by_id[found], _subscription(state, list_id, found))

    names = ("Optin_Date", "Optin_Request_Date", "Optout_Date", "Optout_MsgID", "Optout_Type", "Status")
    extra: Properties[int] = {name.lower(): lambda found, name=name: show(found)[name] for name in names}  # type: ignore[misc]
    ids = _in_order(state, state.subscriptions.roster(list_id))
    return paged(asked, ids, show, {**properties_of(state), **extra}, state.switches.max_page_size)


def _subscription(state: State, list_id: int, recipient_id: int) -> Subscription:
    found = state.subscriptions.get(list_id, recipient_id)
    if found is None:
        raise KeyError(recipient_id)
    return found


def _optin(recipient: Recipient, subscription: Subscription) -> Json:
    return {
        "Email": recipient.email,
        "Optin_Date": console_date(subscription.optin_at),
        "Optin_Request_Date": console_date(subscription.optin_requested_at),
        "Optin_Request_IP": subscription.optin_ip,
        "Optout_Date": console_date(subscription.optout_at),
        "Optout_MsgID": _code(subscription.optout_message_id),
        "Optout_Subtype": _code(subscription.optout_subtype),
        "Optout_Type": _code(subscription.optout_type),
        "Status": STATUSES[subscription.status],
        "idRecipient": recipient.id,
    }


def console_date(moment: str) -> str:
    """A kept moment as `2020-01-27 10:38:00.000`; "" for none."""
    return f"{moment[:10]} {moment[11:19]}.000" if moment else ""


def _code(number: int) -> int | None:
    return None if number < 0 else number


def get_recipient_groups(state: State, asked: Asked) -> Json:
    """GET /Console/List/{id}/Recipient/{idRecipient}/Groups."""
    list_id, recipient = list_at(state, asked).id, recipient_at(state, asked)
    return group_page(state, asked, [group for group in state.groups_of(list_id) if group.id in recipient.groups])


def post_to_list(state: State, asked: Asked) -> int:
    """POST /Console/List/{id}/Recipient[?ConfirmEmail=true]: the id as a bare integer."""
    return _add(state, asked, list_at(state, asked).id).id


def post_to_group(state: State, asked: Asked) -> int:
    """POST /Console/Group/{id}/Recipient: into the group and its list."""
    group = group_at(state, asked)
    recipient = _add(state, asked, group.list_id)
    recipients.join_group(state, recipient, group.id)
    return recipient.id


def _add(state: State, asked: Asked, list_id: int) -> Recipient:
    row = read_row(state, asked.json())
    if not is_address(row.email):
        raise bad_request("The email address is missing or not valid.")
    if recipients.conflicting_mobile(state, row, state.book.at(row.email)):
        raise bad_request("The email address and the mobile number belong to two different recipients.")
    recipient, _ = recipients.save(state, row, "cleared" if state.switches.add_blanks else "kept")
    before = state.subscriptions.get(list_id, recipient.id)
    confirm = asked.is_on("confirmemail")
    if before and before.status == "Unsubscribed" and not confirm and state.switches.add_resubscribes:
        recipients.force(state, recipient, list_id, "subscribe")
    else:
        recipients.enter(state, recipient, list_id, confirm=confirm, ip=asked.ip)
    return recipient


def put_detail(state: State, asked: Asked) -> Json:
    """PUT /Console/Recipient/Detail: by idRecipient or by address; the recipient with all fields."""
    body = asked.object()
    row = read_row(state, body)
    number = body.get("idRecipient")
    recipient = state.book.get(number) if isinstance(number, int) and number else state.book.at(row.email)
    if recipient is None:
        raise Problem(state.switches.unknown_status, "The recipient does not exist.")
    if recipients.conflicting_mobile(state, row, recipient):
        raise bad_request("The mobile number belongs to another recipient.")
    _change_address(state, recipient, row.email)
    changed = write(state, recipient, row, "cleared")
    state.book.save(recipient)
    if row.mobile_number:
        state.book.set_mobile(recipient, row.mobile_prefix, row.mobile_number)
    if changed:
        state.remember("update", recipient_id=recipient.id, fields=changed)
    return recipient_document(state, recipient)


def _change_address(state: State, recipient: Recipient, email: str) -> None:
    if not email or email == recipient.email:
        return
    if not is_address(email) or state.book.at(email) not in (None, recipient):
        raise bad_request("The email address is not valid or belongs to another recipient.")
    state.book.rename(recipient, email)
    state.remember("rename", recipient_id=recipient.id)


def subscribe_to_list(state: State, asked: Asked) -> None:
    """POST /Console/List/{id}/Subscribe/{idRecipient}: by force."""
    list_id, recipient = list_at(state, asked).id, recipient_at(state, asked)
    recipients.force(state, recipient, list_id)


def unsubscribe_from_list(state: State, asked: Asked) -> None:
    """DELETE /Console/List/{id}/Unsubscribe/{idRecipient}."""
    list_id, recipient = list_at(state, asked).id, recipient_at(state, asked)
    if state.subscriptions.get(list_id, recipient.id):
        recipients.leave(state, recipient, list_id, state.switches.optout_type_of_api)
    else:
        _miss(state, recipient)


def subscribe_to_group(state: State, asked: Asked) -> None:
    """POST /Console/Group/{id}/Subscribe/{idRecipient}: by force into the list, unless confirmSubscription=false."""
    group, recipient = group_at(state, asked), recipient_at(state, asked)
    if asked.query.get("confirmsubscription", "true").lower() not in ("false", "0"):
        recipients.force(state, recipient, group.list_id)
    recipients.join_group(state, recipient, group.id)


def unsubscribe_from_group(state: State, asked: Asked) -> None:
    """DELETE /Console/Group/{id}/Unsubscribe/{idRecipient}: the status in the list stays."""
    group, recipient = group_at(state, asked), recipient_at(state, asked)
    if group.id not in recipient.groups:
        _miss(state, recipient)
    recipients.leave_group(state, recipient, group.id)


def _miss(state: State, recipient: Recipient) -> None:
    if not state.switches.absent_is_fine:
        raise unknown(state, "Recipient", recipient.id)


def delete_from_list(state: State, asked: Asked) -> None:
    """DELETE /Console/List/{id}/Recipient/{idRecipient}: the record of an opt-out goes with it."""
    list_id, recipient = list_at(state, asked).id, recipient_at(state, asked)
    if state.subscriptions.get(list_id, recipient.id) is None:
        _miss(state, recipient)
    recipients.remove_from_list(state, recipient, list_id)


def delete_everywhere(state: State, asked: Asked) -> None:
    """DELETE /Console/Recipients/{idRecipient}."""
    recipients.remove_everywhere(state, recipient_at(state, asked))


def empty_group(state: State, asked: Asked) -> Json:
    """DELETE /Console/List/{id}/Group/{idGroup}/Recipients: {"Removed": n}."""
    group: Group = group_at(state, asked)
    members = state.recipients(tuple(state.book.group(group.id).ids()))
    for recipient in members:
        recipients.leave_group(state, recipient, group.id)
    return {"Removed": len(members)}
