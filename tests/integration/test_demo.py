"""`enlist demo` runs to its end: on a home with one sample sync for each provider, on a sandbox of its own.

Belongs here: the command as a whole. Does not: what each sync does (end_to_end/), which homes the demo refuses
(test_bad_input.py).
"""

import shutil
from pathlib import Path

import pytest
from rehearsal import REPO, Rehearsal, make_home

from pipelines.sandbox.samples.campaigns import CAMPAIGNS
from pipelines.sandbox.samples.mailup import MIRA_LIST
from pipelines.sandbox.samples.mira import write_mira
from pipelines.sandbox.server import PORT, Sandbox

pytestmark = pytest.mark.slow


def test_the_demo_runs_the_whole_loop_of_a_sync_at_each_provider(tmp_path: Path) -> None:
    """The samples, the pushes, the campaigns and their figures, and what to type next."""
    root = make_home(tmp_path / "home", people=60)
    shutil.copy(REPO / "data" / "syncs" / "mira_mailup.yaml", root / "syncs")
    write_mira(root / "crm" / "mira", people=90)
    with Sandbox(root / "sandbox", port=0) as sandbox:
        # Neither side waits: how both keep MailUp's limits is told elsewhere.
        sandbox.mailup.turn(calls_per_second=0, import_seconds=0)
        home = Rehearsal(root, sandbox)
        home.rewrite("connections.yaml", f"http://127.0.0.1:{PORT}", sandbox.url)
        home.rewrite("connections.yaml", "import_poll: 1s", "import_poll: 1s\n    rate_per_second: null")
        done = home.enlist("demo")
        members = len(home.members())
        recipients = len(sandbox.mailup.recipients(sandbox.mailup.list_named(MIRA_LIST)))
    said = " ".join(done.out.split())
    assert (done.code, done.err) == (0, "")
    assert "Traceback" not in said
    assert "Sample account: " in said
    for sync in ("auditcase_mailchimp", "mira_mailup"):
        assert f"✓ {sync}: " in said
    for title in ("Nieuwsbrief oktober", "Uitnodiging seminar", *(draft.title for draft in CAMPAIGNS["mira_mailup"])):
        assert title in said
    assert "enlist ui (or make ui)" in said
    assert members > 20
    assert recipients > 60
    assert home.home().analytics.is_file()
