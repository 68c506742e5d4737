"""Claims: an audience has one home on this machine at a time.

Belongs here: who has it. Does not: what a refused push leaves (contract/test_push_stops.py).
"""

from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.ledger import claims, pins


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def home_in(root: Path, sync: str = "people", audience_id: str = "A1") -> Path:
    (root / "syncs").mkdir(parents=True)
    (root / "syncs" / f"{sync}.yaml").touch()
    pins.pin(root / "ledger", sync, "chimp", "account", audience_id, "Readers")
    return root


def claim(root: Path, audience_id: str = "A1") -> None:
    claims.claim(root, "people", "mailchimp", "account", audience_id)


def test_a_home_keeps_its_audience_and_says_so_to_another(tmp_path: Path) -> None:
    first, second = home_in(tmp_path / "first"), home_in(tmp_path / "second")
    claim(first)
    claim(first)
    with pytest.raises(ConfigError, match="Readers belongs to another home") as refused:
        claim(second)
    assert str(first) in refused.value.what
    assert "syncs/people.yaml there" in refused.value.do
    claim(second, "A2")


@pytest.mark.parametrize("gone", ["", "syncs/people.yaml"])
def test_a_home_that_was_moved_or_gave_up_its_sync_claims_nothing(tmp_path: Path, gone: str) -> None:
    """A11: a sync file that disappears detaches the sync."""
    first, second = home_in(tmp_path / "first"), home_in(tmp_path / "second")
    claim(first)
    (first / gone).rename(tmp_path / "elsewhere")
    claim(second)
    with pytest.raises(ConfigError, match="another home"):
        claim(home_in(tmp_path / "third"))


def test_a_machine_that_keeps_no_state_only_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    claim(home_in(tmp_path / "first"))
    assert "can't be noticed" in caplog.text
