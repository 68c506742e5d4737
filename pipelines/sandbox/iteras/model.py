"""The documents of the Iteras simulator, as they are kept; plain fields only, so that they are stored as JSON.

Belongs here: shapes. Does not: rules, and how a document looks in an answer.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["text", "date", "number", "boolean", "choice"]


@dataclass
class Account:
    """The one account: its key and its numbering."""

    api_key: str
    counters: dict[str, int] = field(default_factory=dict)


@dataclass
class CustomField:
    """A field of the customer's own; in `data` its key is the name with a colon in front."""

    name: str
    kind: Kind = "text"
    values: list[str] = field(default_factory=list)


@dataclass
class Customer:
    """One subscriber or member. Each subscription is a document of `subscription` below."""

    id: str
    data: Json = field(default_factory=dict)
    subscriptions: list[Json] = field(default_factory=list)
    changed_at: str = ""


def subscription(number: int, given: Json) -> Json:
    """A subscription as it is kept; `periods` are [{begin, end}], days that both belong to it. Raises ValueError."""
    known: Json = {
        "id": str(number),
        "product": "",
        "products_received": [],
        "periods": [],
        "begin": None,
        "cancelled": False,
        "stop_requested": None,
        "price": "0.00",
        "payment_agreement": None,
    }
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"Unknown keys of a subscription: {', '.join(unknown)}.")
    made = {**known, **given}
    if not all(set(period) == {"begin", "end"} for period in made["periods"]):
        raise ValueError("A period has a begin and an end, which may be null.")
    made["begin"] = made["begin"] or min((period["begin"] for period in made["periods"]), default=None)
    return made
