"""Reading customers: section 2 of the contract.

Belongs here: who comes and what of them. Does not: changing them (changes.py), pages (pages.py).
"""

from collections.abc import Mapping
from typing import Any

from pipelines.sandbox.clock import parse_time, stamp
from pipelines.sandbox.iteras import pages
from pipelines.sandbox.iteras.model import Customer, Json
from pipelines.sandbox.iteras.problems import Problem, bad_request
from pipelines.sandbox.iteras.state import State

DEFAULT = "data,active_subscriptions"
PLAIN = ("id", "product", "products_received", "periods")
OPT_IN = ("current_period", "begin", "cancelled", "stop_requested", "price", "payment_agreement")
INVOICES = ("invoices", "invoices.download_url", "invoices.payment_url")
KNOWN = ("data", "active_subscriptions", "subscriptions", *(f"subscriptions.{name}" for name in OPT_IN), *INVOICES)


def asked_fields(query: Mapping[str, str]) -> tuple[str, ...]:
    """Values of `fields`, the default when it is missing."""
    return tuple(name.strip() for name in query.get("fields", DEFAULT).split(",") if name.strip())


def get_customers(state: State, query: Mapping[str, str]) -> Any:
    """The reply: everybody, those of `id`, or a page of them."""
    fields = _fields(state, query)
    rows, cursor = pages.cut(state.switches, query, _chosen(state, query))
    return pages.wrap(state.switches, [document(state, customer, fields) for customer in rows], cursor)


def _fields(state: State, query: Mapping[str, str]) -> tuple[str, ...]:
    fields = tuple(name for name in asked_fields(query) if not name.startswith("extrafield="))
    unknown = [name for name in fields if name not in KNOWN and not name.startswith("invoices.")]
    if unknown and state.switches.unknown_field == "refused":
        raise bad_request(f"Unknown fields: {', '.join(unknown)}")
    return fields


def _chosen(state: State, query: Mapping[str, str]) -> list[Customer]:
    if query.get("id"):
        found = [(text, state.customers.get(text.strip())) for text in query["id"].split(",")]
        if state.switches.unknown_id == "refused" and any(customer is None for _, customer in found):
            raise Problem(404, "Customer does not exist.")
        return [customer for _, customer in found if customer]
    since = query.get(state.switches.since_param, "") if state.switches.since_param else ""
    if not since:
        return list(state.customers)
    try:
        moment = stamp(parse_time(since))
    except ValueError:
        raise bad_request(f"Invalid value for {state.switches.since_param}.") from None
    return [customer for customer in state.customers if customer.changed_at >= moment]


def document(state: State, customer: Customer, fields: tuple[str, ...]) -> Json:
    """A customer with the fields that were asked for."""
    shown: Json = {"id": int(customer.id) if state.switches.ids_are_numbers else customer.id}
    if "data" in fields:
        shown |= customer.data if state.switches.flat else {"data": customer.data}
    if "active_subscriptions" in fields:
        active = [item for item in customer.subscriptions if current_period(state, item)]
        shown["active_subscriptions"] = [{"id": item["id"], "product": item["product"]} for item in active]
    extra = tuple(name.partition(".")[2] for name in fields if name.startswith("subscriptions."))
    if extra or "subscriptions" in fields:
        shown["subscriptions"] = [_subscription(state, item, extra) for item in customer.subscriptions]
    if any(name.partition(".")[0] == "invoices" for name in fields):
        shown["invoices"] = []
    return shown


def _subscription(state: State, item: Json, extra: tuple[str, ...]) -> Json:
    whole = {**item, "current_period": current_period(state, item)}
    return {name: whole[name] for name in (*PLAIN, *extra) if name in whole}


def current_period(state: State, item: Json) -> Json | None:
    """The period that is running today, None for a subscription that ended, or that starts later."""
    today = state.today().isoformat()
    running = (period for period in item["periods"] if period["begin"] <= today <= (period["end"] or today))
    return next(running, None)
