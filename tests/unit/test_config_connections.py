"""The keys of connections.yaml: defaults that contracts ask for, secrets, what a kind can do."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.config import CrmConnection, MailchimpConnection, ProviderConnection
from pipelines.config.connections import ConnectionsFile, IterasConnection, MailupConnection, VtigerConnection

KEY = "0123456789abcdef0123456789abcdef-us7"
REQUIRED: dict[str, dict[str, Any]] = {
    "sql": {"url": "sqlite:///x.db", "entities": {"a": {"table": "t", "key": "Id"}}},
    "file": {"entities": {"a": {"path": "a.csv", "key": "Id"}}},
    "vtiger": {
        "url": "https://crm.example/",
        "username": "u",
        "access_key": "k",
        "entities": {"a": {"module": "Leads"}},
    },
    "iteras": {"api_key": "k"},
    "mailchimp": {"api_key": KEY},
    "mailup": {"username": "u", "password": "p", "client_id": "i", "client_secret": "s"},
}


def made(kind: str, **more: Any) -> Any:
    file = ConnectionsFile.model_validate({"connections": {"it": {"kind": kind, **REQUIRED[kind], **more}}})
    return file.connections["it"]


@pytest.mark.parametrize("kind", REQUIRED)
def test_a_connection_is_a_crm_or_a_provider(kind: str) -> None:
    connection = made(kind)
    assert connection.is_provider == (kind in ("mailchimp", "mailup"))
    assert isinstance(connection, ProviderConnection) == connection.is_provider
    assert isinstance(connection, CrmConnection) != connection.is_provider


def test_the_limits_of_mailchimp_are_those_of_its_contract() -> None:
    """A12: no rate of our own unless the user sets one; ten connections a user; 500 members a call."""
    connection = made("mailchimp")
    assert connection.model_dump(exclude={"kind", "api_key"}) == {
        "url": None,
        "rate_per_second": None,
        "connections": 10,
        "page_size": 1000,
        "full_read_every": timedelta(hours=24),
        "batch_size": 500,
        "connect_timeout": 10,
        "read_timeout": 130,
        "max_attempts": 6,
        "skip_merge_validation": False,
        "update_without_status": "batch",
    }


def test_the_limits_of_mailup_are_those_of_its_contract() -> None:
    connection = made("mailup")
    assert isinstance(connection, MailupConnection)
    assert (connection.rate_per_second, connection.page_size, connection.import_chunk) == (4, 100, 1000)
    assert (connection.import_poll, connection.import_timeout) == (timedelta(seconds=3), timedelta(hours=1))
    assert (connection.imports_at_a_time, connection.other_lists, connection.timezone) == (1, "refuse", "UTC")
    assert (connection.order_members_by, connection.deliveries_of) == ("idRecipient", 2000)
    assert connection.root_url == "https://services.mailup.com"


def test_vtiger_pages_by_a_hundred_and_reaches_back() -> None:
    connection = made("vtiger")
    assert isinstance(connection, VtigerConnection)
    assert (connection.page_size, connection.transport, connection.overlap) == (
        100,
        "webservice",
        timedelta(minutes=10),
    )
    assert connection.entities["a"].key == "id"
    assert connection.url == "https://crm.example"


def test_iteras_is_read_rarely_and_never_asked_for_invoices() -> None:
    connection = made("iteras")
    assert isinstance(connection, IterasConnection)
    assert (connection.url, connection.max_age) == ("https://app.iteras.dk", timedelta(hours=6))
    assert list(connection.entities) == ["customers"]
    assert (connection.paging, connection.since_param, connection.records_path) == ("none", None, None)
    with pytest.raises(ValidationError, match="invoices"):
        made("iteras", fields=["data", "invoices.payment_url"])


@pytest.mark.parametrize(
    ("more", "missing"), [({"paging": "page"}, "page_param"), ({"paging": "cursor", "page_param": "c"}, "cursor_path")]
)
def test_paging_of_iteras_needs_its_parameters(more: dict[str, Any], missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        made("iteras", **more)


def test_the_data_centre_comes_from_the_end_of_the_key() -> None:
    assert made("mailchimp").root_url == "https://us7.api.mailchimp.com"
    assert made("mailchimp", url="http://127.0.0.1:1/mailchimp/").root_url == "http://127.0.0.1:1/mailchimp"


@pytest.mark.parametrize("key", ["", "0123", "oauth-token", "x-us1.evil.example/", "x-US1"])
def test_a_key_without_a_data_centre_needs_a_url(key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made("mailchimp", api_key=key)
    assert not key or key not in str(caught.value)
    if key:
        assert made("mailchimp", api_key=key, url="https://us1.api.mailchimp.example").api_key.get_secret_value() == key


@pytest.mark.parametrize("url", ["http://services.mailup.example", "http://127.0.0.1.example", "ftp://x", "https://"])
def test_keys_of_a_provider_travel_only_encrypted_or_on_this_machine(url: str) -> None:
    with pytest.raises(ValidationError):
        made("mailup", url=url)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("sql", "url"),
        ("vtiger", "access_key"),
        ("iteras", "api_key"),
        ("mailchimp", "api_key"),
        ("mailup", "password"),
        ("mailup", "client_secret"),
    ],
)
def test_a_secret_is_in_no_repr_dump_or_hash(kind: str, key: str) -> None:
    """A13."""
    secret = {"sql": "mysql://u:hush@127.0.0.1/db?password=hush"}.get(kind, "hush-us1")
    connection = made(kind, **{key: secret})
    for text in (repr(connection), str(connection.model_dump()), connection.model_dump_json()):
        assert "hush" not in text
    assert "hush" not in str(connection.public_parts())


def test_the_public_part_of_a_database_names_the_database() -> None:
    url = "mysql+pymysql://reader:hush@db.example:3306/crm?password=hush"
    assert made("sql", url=url).public_parts()["url"] == "mysql+pymysql://reader@db.example:3306/crm"


@pytest.mark.parametrize(
    ("kind", "more", "loopback"),
    [
        ("file", {}, True),
        ("sql", {"url": "sqlite:///x.db"}, True),
        ("sql", {"url": "postgresql://u:p@localhost/db"}, True),
        ("sql", {"url": "postgresql:///db"}, False),
        ("sql", {"url": "postgresql://127.0.0.1@db.example/db"}, False),
        ("vtiger", {"url": "http://[::1]:8765/vtiger"}, True),
        ("vtiger", {}, False),
        ("iteras", {}, False),
        ("iteras", {"url": "http://127.0.0.1:8765/iteras"}, True),
        ("mailchimp", {}, False),
        ("mailup", {}, False),
    ],
)
def test_loopback_means_that_nothing_leaves_this_machine(kind: str, more: dict[str, Any], loopback: bool) -> None:
    assert made(kind, **more).is_loopback() is loopback


def test_a_file_is_read_as_utf8_with_commas_unless_it_says_otherwise(tmp_path: Path) -> None:
    entity = made("file").entities["a"]
    assert (entity.encoding, entity.delimiter, entity.quote, entity.header_row, entity.sheet) == (
        "utf-8",
        ",",
        '"',
        1,
        None,
    )
    other = made("file", entities={"a": {"path": "a.csv", "key": "Id", "encoding": "cp1252", "delimiter": "\t"}})
    assert (other.entities["a"].encoding, other.entities["a"].delimiter) == ("cp1252", "\t")


@pytest.mark.parametrize(
    ("query", "good"),
    [
        ("select * from t", True),
        ("  WITH a as (select 1) select * from a", True),
        ("-- people\nselect 1", True),
        ("delete from t", False),
        ("selection", False),
    ],
)
def test_a_query_is_one_select(query: str, good: bool) -> None:
    entities = {"a": {"query": query, "key": "Id"}}
    if good:
        assert made("sql", entities=entities).entities["a"].query == query
    else:
        with pytest.raises(ValidationError, match="SELECT"):
            made("sql", entities=entities)


def test_python_code_may_pass_real_types() -> None:
    connection = made("mailchimp", rate_per_second=2.5, skip_merge_validation=True)
    assert isinstance(connection, MailchimpConnection)
    assert (connection.rate_per_second, connection.skip_merge_validation) == (2.5, True)
