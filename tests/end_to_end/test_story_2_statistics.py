"""What campaigns did comes home as the provider counts it, into a file that analysts may open at any time."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import pytest
import requests
from rehearsal import Document, Rehearsal, Step

from pipelines.dictionary import PUBLISHED
from pipelines.publishing import publish
from pipelines.warehouse import Warehouse

pytestmark = pytest.mark.slow

# marts.campaigns and where the provider's own report says the same.
FIGURES = {
    "sent_count": ("emails_sent",),
    "hard_bounces": ("bounces", "hard_bounces"),
    "soft_bounces": ("bounces", "soft_bounces"),
    "opens": ("opens", "opens_total"),
    "unique_opens": ("opens", "unique_opens"),
    "unique_human_opens": ("opens", "proxy_excluded_unique_opens"),
    "clicks": ("clicks", "clicks_total"),
    "unique_clicks": ("clicks", "unique_subscriber_clicks"),
    "opt_outs": ("unsubscribed",),
    "complaints": ("abuse_reports",),
}


@pytest.fixture(scope="module")
def reports(rehearsal: Rehearsal, settled: Rehearsal) -> list[Document]:
    """The provider's reports, asked of its API by somebody else."""
    url = f"{rehearsal.mailchimp.url}/3.0/reports"
    answer = requests.get(url, auth=("analyst", rehearsal.mailchimp.api_key), params={"count": 100}, timeout=10)
    return [report for report in answer.json()["reports"] if report["list_id"] == rehearsal.list_id]


@pytest.fixture(scope="module")
def analytics(settled: Rehearsal) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect(str(settled.root / "analytics.duckdb"), read_only=True)) as connection:
        yield connection


class Reader:
    """A process of its own that has a DuckDB file open read-only and answers one query after the other."""

    PROGRAM = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    for query in iter(sys.stdin.readline, ""):
        print(connection.execute(query).fetchall(), flush=True)
"""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["Reader"]:
        command = [sys.executable, "-c", cls.PROGRAM, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield cls(process)
            assert process.stdin
            process.stdin.close()

    def ask(self, query: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(query + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_of_each_campaign_is_the_providers_own(
    analytics: duckdb.DuckDBPyConnection, reports: list[Document], figure: str
) -> None:
    """I3, I9, I12."""
    expected = {}
    for report in reports:
        value = report
        for key in FIGURES[figure]:
            value = value[key]
        expected[report["id"]] = value
    found = dict(analytics.execute(f"select campaign_id, {figure} from marts.campaigns").fetchall())
    assert len(expected) == 3
    assert found == expected


def test_each_campaign_has_its_name_subject_and_time(
    analytics: duckdb.DuckDBPyConnection, reports: list[Document]
) -> None:
    expected = {(one["campaign_title"], one["subject_line"], one["send_time"][:19]) for one in reports}
    rows = analytics.execute("select name, subject, sent_at from marts.campaigns").fetchall()
    assert {(name, subject, sent_at.isoformat()) for name, subject, sent_at in rows} == expected


def test_a_send_is_one_row_for_each_recipient(analytics: duckdb.DuckDBPyConnection, reports: list[Document]) -> None:
    """I4."""
    query = "select campaign_id, count(*), count(distinct email_key) from marts.sends group by all"
    assert {row[0]: row[1] for row in analytics.execute(query).fetchall()} == {
        report["id"]: report["emails_sent"] for report in reports
    }
    assert all(rows == people for _, rows, people in analytics.execute(query).fetchall())


def test_opens_and_clicks_of_people_add_up_to_their_campaign(analytics: duckdb.DuckDBPyConnection) -> None:
    """I9: a person's row has what people opened and what machines opened, the campaign's both together."""
    query = """
        select campaigns.campaign_id, any_value(campaigns.opens), sum(sends.opens + sends.machine_opens),
            any_value(campaigns.clicks), sum(sends.clicks)
        from marts.campaigns as campaigns inner join marts.sends as sends using (connection, campaign_id)
        group by all
    """
    rows = analytics.execute(query).fetchall()
    assert len(rows) == 3
    assert all((opens, clicks) == (sum_opens, sum_clicks) for _, opens, sum_opens, clicks, sum_clicks in rows)


def test_domains_have_the_providers_own_numbers(
    analytics: duckdb.DuckDBPyConnection, rehearsal: Rehearsal, reports: list[Document]
) -> None:
    """Added up over the campaigns, for the domains that each of them reports on."""
    theirs: dict[str, list[tuple[int, int, int]]] = {}
    for report in reports:
        url = f"{rehearsal.mailchimp.url}/3.0/reports/{report['id']}/domain-performance"
        answer = requests.get(url, auth=("analyst", rehearsal.mailchimp.api_key), timeout=10)
        for row in answer.json()["domains"]:
            theirs.setdefault(row["domain"], []).append((row["emails_sent"], row["delivered"], row["bounces"]))
    expected = {
        domain: tuple(map(sum, zip(*rows, strict=True))) for domain, rows in theirs.items() if len(rows) == len(reports)
    }
    query = "select domain, sent_count, delivered_count, bounces from marts.domains"
    found = {row[0]: row[1:] for row in analytics.execute(query).fetchall()}
    assert expected
    assert {domain: found[domain] for domain in expected} == expected


def test_sends_name_the_record_in_the_crm(analytics: duckdb.DuckDBPyConnection) -> None:
    """I2, I5: of our members the person, of private ones nobody."""
    rows = analytics.execute("""
        select members.managed, bool_and(sends.contact_key is not null), count(*)
        from marts.sends as sends
        inner join marts.audience_members as members using (connection, email_key)
        group by all order by all
    """).fetchall()
    assert [(managed, named) for managed, named, _ in rows] == [(False, False), (True, True)]


def test_analytics_holds_the_published_tables_and_nothing_else(analytics: duckdb.DuckDBPyConnection) -> None:
    """I1: audiences, members, campaigns, sends, links and clickers are among them."""
    found = analytics.execute("select schema_name, table_name from duckdb_tables()").fetchall()
    views = analytics.execute("select view_name from duckdb_views() where not internal").fetchall()
    assert set(found) == set(PUBLISHED)
    assert views == []


def test_statistics_send_nothing(campaigns: Step) -> None:
    """B9: reading them changes nothing at the provider."""
    assert campaigns.writes == {}


def test_a_reader_never_blocks_a_run_and_a_run_never_breaks_a_reader(settled: Rehearsal, tmp_path: Path) -> None:
    """The file is replaced whole while somebody has it open, also while the warehouse is busy."""
    copy = settled.copy(tmp_path / "home")
    warehouse = Warehouse(copy.home())
    count = "select count(*) from quality.bad_emails"
    with Reader.open(copy.root / "analytics.duckdb") as reader:
        before = reader.ask(count)
        with warehouse.open() as connection:
            connection.execute("delete from quality.bad_emails")
            assert reader.ask(count) == before
        assert publish(copy.home(), warehouse).is_replaced
        assert reader.ask(count) == before != "[(0,)]"
    with duckdb.connect(str(copy.root / "analytics.duckdb"), read_only=True) as connection:
        assert connection.execute(count).fetchall() == [(0,)]


def test_analytics_is_left_alone_when_nothing_that_is_published_changed(settled: Rehearsal, tmp_path: Path) -> None:
    copy = settled.copy(tmp_path / "home")
    before = (copy.root / "analytics.duckdb").stat()
    assert not publish(copy.home(), Warehouse(copy.home())).is_replaced
    after = (copy.root / "analytics.duckdb").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
