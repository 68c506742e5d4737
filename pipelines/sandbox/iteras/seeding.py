"""What a fresh Iteras has, and putting many customers there at once.

Belongs here: the account; customers, subscriptions and fields by hand. Does not: sample people.
"""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pipelines.sandbox.iteras.model import Account, Customer, CustomField, Kind, subscription
from pipelines.sandbox.iteras.state import State

API_KEY = "iteras-sandbox-0000"
FIRST_CUSTOMER = 123001
FIRST_SUBSCRIPTION = 500001


def seed(state: State) -> None:
    """Fills an empty state."""
    state.save_account(Account(API_KEY))


def add_field(state: State, name: str, kind: Kind, values: Iterable[str]) -> None:
    """A custom field; its key in `data` has a colon in front. Raises ValueError."""
    if kind not in get_args(Kind):
        raise ValueError(f"The kind of a custom field is one of {', '.join(get_args(Kind))}.")
    state.fields.put(CustomField(name.removeprefix(":"), kind, list(values)))


def add_customers(state: State, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Customers {id?, data, subscriptions?}; their ids. Custom fields that are new become text fields."""
    return tuple(_add(state, row) for row in rows)


def _add(state: State, row: Mapping[str, Any]) -> str:
    if "id" in row:
        found = str(row["id"])
        if not found.isdecimal():
            raise ValueError("The id of a customer is a number.")
        state.reach("customer", int(found))
    else:
        found = str(state.number("customer", FIRST_CUSTOMER))
    data = dict(row.get("data", {}))
    for name in data:
        if name.startswith(":") and state.fields.get(name[1:]) is None:
            add_field(state, name, "text", ())
    customer = Customer(found, data)
    for given in row.get("subscriptions", ()):
        subscribe(state, customer, given)
    state.save(customer)
    return found


def subscribe(state: State, customer: Customer, given: Mapping[str, Any]) -> str:
    """A subscription (see model.subscription); its id. Raises ValueError."""
    made = subscription(state.number("subscription", FIRST_SUBSCRIPTION), dict(given))
    customer.subscriptions = [*customer.subscriptions, made]
    return str(made["id"])


def stop(state: State, customer: Customer, subscription_id: str) -> None:
    """The customer asks for the end; the paid period runs on. Raises LookupError."""
    found = [item for item in customer.subscriptions if item["id"] == subscription_id]
    if not found:
        raise LookupError("The customer has no such subscription.")
    found[0].update(cancelled=True, stop_requested=state.stamp())
