"""The sample customers of Iteras are seeded, have the dirt they promise in the shares they promise, reach nobody."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from pipelines.crm.iteras.reading import subscription_status
from pipelines.quality.addresses import judge
from pipelines.sandbox.samples.iteras import OFF, PUBLICATIONS, iteras_customers
from pipelines.sandbox.server import Sandbox

PEOPLE = 600
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def customers() -> list[dict[str, Any]]:
    return iteras_customers(PEOPLE, today=TODAY)


def shares(values: list[Any]) -> dict[Any, float]:
    return {value: count / len(values) for value, count in Counter(values).items()}


def test_the_same_seed_and_day_give_the_same_customers_and_others_give_others(customers: list[dict[str, Any]]) -> None:
    assert iteras_customers(PEOPLE, today=TODAY) == customers
    assert iteras_customers(PEOPLE, seed=23, today=TODAY) != customers
    assert iteras_customers(PEOPLE, today=date(2027, 1, 1)) != customers


@pytest.mark.parametrize("people", [0, 1, 40])
def test_any_number_of_customers_can_be_made(people: int) -> None:
    found = iteras_customers(people)
    assert len({customer["id"] for customer in found}) == people


def test_subscriptions_are_as_many_and_of_the_products_promised(customers: list[dict[str, Any]]) -> None:
    found = shares([len(customer["subscriptions"]) for customer in customers])
    assert found == pytest.approx({1: 0.7, 2: 0.22, 3: 0.05, 0: 0.03})
    products = shares([item["product"] for customer in customers for item in customer["subscriptions"]])
    assert set(products) == {*PUBLICATIONS, *OFF}
    assert sum(products[name] for name in OFF) == pytest.approx(0.16, abs=0.002)


def test_the_api_calls_them_active_stopped_and_to_come_as_promised(tmp_path: Path) -> None:
    """C1, D5: asked as the connection asks, of a sandbox whose today is theirs."""
    with Sandbox(tmp_path, port=0) as sandbox:
        sandbox.iteras.add_customers(iteras_customers(PEOPLE, today=sandbox.clock().date()))
        found = _subscriptions(sandbox)
    statuses = shares([subscription_status([item], *_now(sandbox)) for item in found])
    expected = {"active": 0.64, "ending": 0.06, "lapsed": 0.27, "future": 0.03}
    assert statuses == pytest.approx(expected, abs=0.002)


def _now(sandbox: Sandbox) -> tuple[Any, Any]:
    return sandbox.clock(), ZoneInfo("Europe/Copenhagen")


def _subscriptions(sandbox: Sandbox) -> list[dict[str, Any]]:
    fields = "subscriptions,subscriptions.current_period,subscriptions.begin,subscriptions.cancelled"
    answer = requests.get(
        f"{sandbox.iteras.url}/api/customers/",
        params={"fields": fields},
        headers={"X-Iteras-Key": sandbox.iteras.api_key},
        timeout=10,
    )
    return [item for customer in answer.json() for item in customer["subscriptions"]]


def test_fields_are_filled_as_often_as_promised(customers: list[dict[str, Any]]) -> None:
    data = [customer["data"] for customer in customers]
    assert shares([one[":Nyhedsmails"] for one in data]) == pytest.approx({"Ja": 0.9, "Nej": 0.07, "": 0.03})
    filled = {name: sum(bool(one[name]) for one in data) / PEOPLE for name in data[0]}
    assert filled[":Dødsdato"] == pytest.approx(0.015)
    assert filled[":Ingen henvendelser"] == pytest.approx(0.02)
    assert filled["billing_email"] == pytest.approx(0.12)
    assert filled["password_url"] == pytest.approx(0.3)
    assert sum(one["name"].endswith(" ") for one in data) / PEOPLE == pytest.approx(0.04, abs=0.02)


def test_addresses_are_as_dirty_as_promised(customers: list[dict[str, Any]]) -> None:
    verdicts = [judge(customer["data"]["email"]) for customer in customers]
    judged = shares([verdict.verdict for verdict in verdicts])
    assert judged == pytest.approx({"ok": 0.95, "missing": 0.03, "wrong": 0.02})
    keys = Counter(verdict.email_key for verdict in verdicts if verdict.is_mailable)
    assert 0.05 < sum(count for count in keys.values() if count > 1) / PEOPLE < 0.1
    assert sum((verdict.cleaned or "a").partition("@")[0].isupper() for verdict in verdicts) == PEOPLE // 100


def test_a_bookkeepers_address_is_nobodys_own(customers: list[dict[str, Any]]) -> None:
    """D3: so that a mistake in the sync shows."""
    own = {judge(customer["data"]["email"]).email_key for customer in customers}
    billing = {customer["data"]["billing_email"] for customer in customers} - {""}
    assert billing
    assert not own & billing


def test_password_urls_are_one_persons_own(customers: list[dict[str, Any]]) -> None:
    """D4."""
    urls = [customer["data"]["password_url"] for customer in customers if customer["data"]["password_url"]]
    assert len(set(urls)) == len(urls) == PEOPLE * 0.3
    assert all(url.startswith("https://havnebladet.example/") for url in urls)


def test_nobody_can_be_reached(customers: list[dict[str, Any]]) -> None:
    for customer in customers:
        data = customer["data"]
        for address in (data["email"], data["billing_email"]):
            verdict = judge(address)
            assert not verdict.is_mailable or str(verdict.email_key).endswith(".example")
            assert (verdict.suggestion or ".example").endswith(".example")
        assert data["phone"].startswith("+45 00 ")
