"""Pictures of the marts that the Dagster UI shows of an asset."""

import base64
from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pytest

from pipelines.defs.results import pictures
from pipelines.reports import plots

PNG = b"\x89PNG"


@pytest.fixture
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("""
            create schema marts;
            create table marts.campaigns (name text, subject text, campaign_id text, sent_at timestamp,
                delivered_count bigint, human_open_rate double, click_rate double);
            create table marts.audiences (connection text, audience_id text, name text, subscribed_count bigint);
            create table marts.audience_daily (connection text, audience_id text, day date, members_at_start bigint,
                net bigint, joined bigint, left_count bigint);
        """)
        yield connection


def fill(marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute("insert into marts.campaigns values ('Spring', 'S', '1', '2026-03-01', 90, 0.4, null)")
    marts.execute("insert into marts.campaigns values (null, null, '2', '2026-03-08', 0, null, null)")
    marts.execute("insert into marts.audiences values ('c', 'a', 'News', 12), ('c', 'b', null, null)")
    for number in range(70):
        day = date(2026, 1, 1) + timedelta(days=number)
        marts.execute("insert into marts.audience_daily values ('c', 'a', ?, 10, 1, 2, 1)", [day])
    marts.execute("insert into marts.audience_daily values ('c', 'b', '2026-03-01', 3, 0, 0, 0)")


def test_campaigns_and_growth_are_shown_as_pictures_in_the_text_of_the_metadata(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    fill(marts)
    found = {**plots.of_mart(marts, "campaigns"), **plots.of_mart(marts, "audience_daily")}
    assert list(found) == ["opens and clicks", "members", "joined and left"]
    for title, shown in pictures(found).items():
        text = str(shown.value)
        start = f"![{title}](data:image/png;base64,"
        assert text.startswith(start) and text.endswith(")")
        assert base64.b64decode(text[len(start) : -1]).startswith(PNG)
        assert len(text) < 100_000


def test_equal_numbers_make_an_equal_picture_and_other_ones_another(marts: duckdb.DuckDBPyConnection) -> None:
    fill(marts)
    before = plots.of_mart(marts, "audience_daily")
    assert plots.of_mart(marts, "audience_daily") == before
    marts.execute("update marts.audience_daily set joined = 5 where day = '2026-03-02'")
    after = plots.of_mart(marts, "audience_daily")
    assert (after["members"], after["joined and left"]) == (before["members"], after["joined and left"])
    assert after["joined and left"] != before["joined and left"]


@pytest.mark.parametrize("mart", ["campaigns", "audience_daily", "sends"])
def test_nothing_to_show_is_no_picture(marts: duckdb.DuckDBPyConnection, mart: str) -> None:
    assert plots.of_mart(marts, mart) == {}
