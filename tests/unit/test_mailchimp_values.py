"""Merge values, times and ids in both directions."""

from typing import Any

import pytest

from pipelines.errors import PermanentError
from pipelines.providers.mailchimp.values import from_text, just_before, member_id, same, status, to_text, utc


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        (None, ""),
        ("Zoë", "Zoë"),
        (15.5, "15.5"),
        (15.0, "15"),
        (100, "100"),
        (1e21, "1000000000000000000000"),
        (0.1, "0.1"),
        (True, "true"),
        ("2021-11-23", "2021-11-23"),
        ({"zip": "1011 AB", "addr1": "Dam 1", "addr2": "", "city": "Amsterdam"},
         '{"addr1":"Dam 1","city":"Amsterdam","zip":"1011 AB"}'),
        ({"addr1": "", "city": ""}, ""),
    ],
)  # fmt: skip
def test_a_merge_value_is_text(value: Any, text: str) -> None:
    assert to_text(value) == text


def test_an_address_goes_back_as_an_object_and_json_in_a_text_field_as_text() -> None:
    text = '{"addr1":"Dam 1","city":"Amsterdam"}'
    assert from_text(text, is_address=True) == {"addr1": "Dam 1", "city": "Amsterdam"}
    assert from_text(text, is_address=False) == text
    assert from_text("", is_address=True) == "", "an empty text clears an address too"
    assert from_text("{broken", is_address=True) == "{broken"
    assert from_text('["x"]', is_address=True) == '["x"]'


def test_times_are_utc_and_the_empty_text_is_none() -> None:
    assert utc("2021-11-23T22:51:56+00:00") == "2021-11-23T22:51:56+00:00"
    assert utc("2021-11-23T23:51:56+01:00") == "2021-11-23T22:51:56+00:00"
    assert utc("2020-02-07T12:13:13.999Z") == "2020-02-07T12:13:13+00:00"
    assert utc("") is None and utc(None) is None
    assert just_before("2021-11-23T22:51:56+00:00") == "2021-11-23T22:51:55+00:00"


def test_the_id_is_the_md5_of_the_lower_cased_address() -> None:
    assert member_id("Urist.McVankab@freddiesjokes.com") == "62eeb292278cc15f5817cb78f7790b08"
    assert member_id("ÄNN@people.example") == member_id("änn@people.example ")
    assert same(" Ann@People.Example") == "ann@people.example"


def test_cleaned_is_bounced_and_an_unheard_of_status_stops() -> None:
    assert status("cleaned") == "bounced"
    with pytest.raises(PermanentError, match="'paused'"):
        status("paused")
