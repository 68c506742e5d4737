"""A push that the provider leaves in the lurch, as the command line and the Dagster UI tell of it.

Belongs here: that what was done and what was refused is said beside the error. Does not: what such a push leaves behind
(contract/test_push_stops.py).
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from rehearsal import PLANNING, SYNC, Rehearsal, rehearsing

from pipelines.cli.output import Output
from pipelines.cli.pushing import show_outcomes
from pipelines.cli.running import instance
from pipelines.http import client

SEGMENTS = "/lists/{list_id}/segments"


@pytest.fixture
def own(warm: Rehearsal, tmp_path: Path) -> Iterator[Rehearsal]:
    """A home that planned once, with a provider of its own; what dbt parsed already is taken from the story's."""
    with rehearsing(tmp_path / "own", people=40) as found:
        shutil.copytree(warm.root / "logs" / "dbt", found.root / "logs" / "dbt")
        found.run(PLANNING)
        yield found


def test_a_push_that_failed_tells_what_it_did_and_what_was_refused_beside_the_error(
    own: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 5. Newcomers are added, but for one who is refused; then there is no answer to any tag."""
    monkeypatch.setattr(client, "BACKOFF_BASE_SECONDS", 0)
    refused = next(row["email"] for row in own.changes() if row["op"] == "add")
    for act in ("add_by_hand", "delete_by_hand"):
        own.act(refused, act)
    own.mailchimp.fail(kind="drop", method="POST", path=SEGMENTS, times=10**6)
    done = own.enlist("push", SYNC, "--accept", "first_run", "--json")
    assert (done.code, done.document["ok"]) == (5, False)
    assert "It broke off: " in done.document["error"]["do"]
    result = done.document["result"]
    assert result["totals"]["applied"] > 0 and result["totals"]["refused"] > 0
    assert "forgotten" in {row["code"] for row in result["outcomes"]}
    assert result["plan"]["status"] == "partly_applied"
    with instance(own.home()) as kept:
        (seen,) = kept.fetch_observations(dg.AssetKey([SYNC, "push", "pushes"]), limit=2).records
        observation = seen.asset_observation
        assert observation and observation.metadata["state"].value == "broken off"
        assert "forgotten" in str(observation.metadata["refusals"].value)


def test_what_got_no_answer_is_not_ticked_off(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"op": "add", "outcome": "applied", "code": None, "remedy": None, "count": 10},
        {"op": "archive", "outcome": "failed", "code": "no_answer", "remedy": "The next run looks.", "count": 2},
        {"op": "tag", "outcome": "sending", "code": None, "remedy": None, "count": 3},
    ]
    show_outcomes(Output(is_json=False), SYNC, "0123456789abcdef", rows)
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        f"! {SYNC}: 10 of 15 changes applied.",
        "  2 archive failed: no_answer. The next run looks.",
        "  3 tag without an answer.",
    ]
    assert "failures" in said[3]
