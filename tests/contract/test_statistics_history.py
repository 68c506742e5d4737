"""Statistics survive the warehouse, and what the provider forgets meanwhile (issue 8).

The story: three campaigns went out, and were pulled. Then the provider forgets them, all of them or some, and the
warehouse is deleted, put back from an older copy, or a run is killed.

Belongs here: that nothing is lost, doubled or written in vain. Does not: what is read again
(test_mailchimp_campaign_reads.py), what MailUp forgets of one message (test_campaigns_forgotten.py), the marts.
"""

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mailchimp_push_world
import mailup_push_world
import pytest
import requests
from push_world import World, at_fault, copied, wait_until

from pipelines.config import load_home
from pipelines.errors import ConfigError
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sandbox.marketer import send_campaigns
from pipelines.sandbox.server import Sandbox
from pipelines.stats import history
from pipelines.stats.history_files import State
from pipelines.stats.pulling import Pulled, pull_campaigns, pull_details
from pipelines.warehouse import Warehouse

PEOPLE = tuple(f"person{number}@{'abc'[number % 3]}.example" for number in range(40))
PROVIDERS = ("mailchimp", "mailup")
TABLES = ("campaigns", "reads", "sends", "events", "links", "link_clicks", "domains", "histories")
NOW = "2026-11-11T08:00:00+00:00"
HABITS = {"opens": 0.6, "clicks": 0.4, "hard_bounces": 0.05, "opt_outs": 0.05}
Processes = multiprocessing.get_context("forkserver")
Processes.set_forkserver_preload(["pytest", "pipelines.sandbox.server", "pipelines.stats.pulling"])


@dataclass
class Account:
    """A home, its account, and the audience that got three campaigns ten days ago."""

    world: World[Any]
    simulator: Mailchimp | Mailup
    audience_id: str
    patch: pytest.MonkeyPatch

    def at(self, moment: str) -> None:
        self.patch.setenv("ENLIST_NOW", moment)

    def pull(self) -> Pulled:
        return pull(self.world, self.audience_id)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all stats tables."""
        with self.world.warehouse.open() as database:
            return {table: database.execute(f"from stats.{table} order by all").fetchall() for table in TABLES}

    def timeless(self) -> dict[str, list[tuple[Any, ...]]]:
        """The same, but for when totals were read that were then what they had been."""
        with self.world.warehouse.open() as database:
            query = "select * exclude (read_at) from stats.campaigns order by all"
            campaigns = database.execute(query).fetchall()
        return {**self.tables(), "campaigns": campaigns}

    def campaigns(self) -> list[str]:
        """Oldest first, as they are read."""
        with self.world.warehouse.open() as database:
            query = "select campaign_id from stats.campaigns order by sent_at, campaign_id"
            return [str(row[0]) for row in database.execute(query).fetchall()]

    def forget(self, *campaign_ids: str) -> None:
        """Mailchimp's marketer deletes campaigns, and a member for good; at MailUp a year passes."""
        if isinstance(self.simulator, Mailup):
            self.at("2028-01-20T08:00:00+00:00")
            return
        for campaign_id in campaign_ids or self.campaigns():
            url = f"{self.simulator.url}/3.0/campaigns/{campaign_id}"
            requests.delete(url, auth=("marketer", self.simulator.api_key), timeout=5).raise_for_status()
        self.simulator.act(self.audience_id, PEOPLE[0], "delete_by_hand")

    def told(self) -> int:
        """How many recipients the provider still tells of."""
        with self.world.provider() as provider:
            return sum(campaign.sent_count for campaign in provider.campaigns(self.audience_id))

    def files(self) -> dict[str, tuple[int, int]]:
        """Everything in the history, with size and time."""
        found = files_below(self.world.home.history)
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}

    def react(self, campaign_id: str) -> None:
        """Somebody who got a campaign opens it late."""
        with self.world.warehouse.open() as database:
            query = "select min(email) from stats.sends where campaign_id = ? and bounce is null"
            ((email,),) = database.execute(query, [campaign_id]).fetchall()
        if isinstance(self.simulator, Mailup):
            self.simulator.act(self.simulator.list_id, email, "open", message_id=int(campaign_id))
        else:
            self.simulator.act(self.audience_id, email, "open", campaign_id=campaign_id)

    def manifest(self, campaign_id: str) -> Path:
        """What names the file of a campaign."""
        name = State(self.world.sync.to.connection, campaign_id, "", "").name
        return self.world.home.history / "campaigns" / f"{name}.json"

    def file(self, campaign_id: str) -> Path:
        manifest = self.manifest(campaign_id)
        return manifest.with_name(json.loads(manifest.read_text(encoding="utf-8"))["file"])


def files_below(folder: Path) -> list[Path]:
    """All files, also of a folder that somebody removes and makes anew meanwhile."""
    return [Path(where, name) for where, _, names in os.walk(folder) for name in names]


def manifests_of(account: Account) -> set[Path]:
    return {path for path in files_below(account.world.home.history) if path.suffix == ".json"}


def pull(world: World[Any], audience_id: str) -> Pulled:
    with world.provider() as provider:
        pull_campaigns(world.home, world.warehouse, provider, world.sync, audience_id)
        return pull_details(world.home, world.warehouse, provider, world.sync, audience_id)


def pull_home(root: Path, audience_id: str) -> None:
    """A pull from Mailchimp in a process of its own, which may have the environment of an earlier test."""
    os.environ["ENLIST_NOW"] = NOW
    pull(mailchimp_push_world.PushWorld(root), audience_id)


def keep_home(root: Path) -> None:
    """Write the whole history of a home in a process of its own, over and over."""
    home = load_home(root, environ={}, check=False)
    while True:
        shutil.rmtree(home.history)
        home.history.mkdir()
        history.keep(home, Warehouse(home), history.KINDS)


def account_of(provider: str, sandbox: Sandbox, root: Path, patch: pytest.MonkeyPatch) -> Account:
    """The account as it is before its first pull."""
    patch.setenv("ENLIST_NOW", "2026-11-01T08:00:00+00:00")
    sandbox.reset()
    if provider == "mailchimp":
        chimp = sandbox.mailchimp
        chimp.turn(habits=HABITS)
        mailchimp_push_world.lay_out(root, sandbox.url)
        mailchimp_push_world.furnish(chimp.url, chimp.list_id)
        chimp.add_members(chimp.list_id, [{"email_address": email} for email in PEOPLE])
        account = Account(mailchimp_push_world.PushWorld(root), chimp, chimp.list_id, patch)
    else:
        mailup = sandbox.mailup
        mailup.turn(habits=HABITS, **mailup_push_world.IN_NO_TIME)
        mailup_push_world.lay_out(root, sandbox.url)
        mailup.add_recipients(mailup.list_id, [{"Email": email, "Name": ""} for email in PEOPLE])
        account = Account(mailup_push_world.PushWorld(root), mailup, str(mailup.list_id), patch)
    send_campaigns(account.world.settings(), account.audience_id)
    account.at(NOW)
    return account


@pytest.fixture
def opened(
    mailchimp_simulator_server: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Account]:
    """An account of the provider."""
    return lambda provider: account_of(provider, mailchimp_simulator_server, tmp_path / "home", monkeypatch)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The home and the sandbox of an account of Mailchimp that was pulled once, and the sandbox's port."""
    folder = tmp_path_factory.mktemp("prepared")
    with Sandbox(folder / "sandbox", port=0) as sandbox, pytest.MonkeyPatch.context() as patch:
        account_of("mailchimp", sandbox, folder / "home", patch).pull()
        return folder, int(sandbox.url.rpartition(":")[2])


@pytest.fixture
def account(prepared: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """A copy of one's own of what was prepared."""
    monkeypatch.setenv("ENLIST_NOW", NOW)
    with copied(*prepared, tmp_path) as sandbox:
        chimp = sandbox.mailchimp
        yield Account(mailchimp_push_world.PushWorld(tmp_path / "home"), chimp, chimp.list_id, monkeypatch)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_everything_is_as_it_was_though_the_warehouse_is_deleted_and_the_provider_forgot(
    opened: Callable[[str], Account], provider: str
) -> None:
    """Issue 8, J4: all rows of all tables; pulled twice, nothing is doubled."""
    account = opened(provider)
    account.pull()
    before, told = account.tables(), account.told()
    assert all(before[table] for table in TABLES if table != "domains"), "there is something to lose"
    account.forget()
    assert account.told() < told
    account.world.home.warehouse.unlink()
    for _ in range(2):
        assert account.pull() == Pulled(), "nothing is read again"
        assert account.tables() == before


def test_a_pull_with_nothing_new_writes_nothing(account: Account) -> None:
    before = account.files()
    assert len(before) == 2 * (3 + 1), "a manifest and a file for each campaign, and that all were read"
    account.at("2026-11-12T08:00:00+00:00")
    account.pull()
    assert account.files() == before


def test_only_the_campaign_that_moved_is_written(account: Account) -> None:
    before, (first, *_) = account.files(), account.campaigns()
    account.at("2026-11-12T08:00:00+00:00")
    account.react(first)
    account.at("2026-11-12T09:00:00+00:00")
    account.pull()
    after = account.files()
    assert len(after) == len(before), "the file of before is gone"
    assert {path for path, _ in after.items() - before.items()} == {
        str(account.manifest(first)),
        str(account.file(first)),
    }


def test_the_files_name_nobody_and_no_two_things_share_one(account: Account) -> None:
    assert not [path for path in account.files() if "@" in path or "person" in path.rpartition("/")[2]]
    ids = ("a/b", "a_b", "A_b", "../x", "é" * 300)
    names = [State("chimp", key, "", "").name.lower() for key in ids]
    assert len(set(names)) == len(ids)
    assert all(name.isascii() and "/" not in name and "." not in name and len(name) < 100 for name in names)


def test_a_copy_of_a_manifest_doubles_nothing(account: Account) -> None:
    """Such as a program that copies folders leaves behind."""
    before, manifest = account.tables(), account.manifest(account.campaigns()[0])
    shutil.copy(manifest, manifest.with_name(f"{manifest.stem} (1).json"))
    account.world.home.warehouse.unlink()
    account.forget()
    account.pull()
    assert account.tables() == before


def test_of_a_first_pull_that_was_killed_what_was_read_survives(opened: Callable[[str], Account]) -> None:
    account = opened("mailchimp")
    account.simulator.fail(kind="latency", latency_ms=100, method="GET", path="/reports/{campaign_id}/sent-to", skip=1)
    child = Processes.Process(target=pull_home, args=(account.world.home.root, account.audience_id))
    with at_fault(account.simulator, signal.SIGKILL) as strike:
        child.start()
        strike.at(child.pid)
        child.join()
    assert child.exitcode == -signal.SIGKILL, "it ended by itself"
    before = account.tables()
    assert len(before["campaigns"]) == 3
    ((_, read, *_),) = before["reads"]
    account.forget(str(read))
    account.world.home.warehouse.unlink()
    account.pull()
    after = account.tables()
    for table in ("sends", "events", "links", "link_clicks"):
        of_first = [[row for row in rows[table] if row[1] == read] for rows in (before, after)]
        assert of_first[0] and of_first[0] == of_first[1]
    assert len(after["reads"]) == len(after["campaigns"]) == 3


@pytest.mark.parametrize("milliseconds", [10, 40, 90])
def test_a_kill_while_the_history_is_written_loses_and_doubles_nothing(account: Account, milliseconds: int) -> None:
    before, home = account.tables(), account.world.home
    manifests = manifests_of(account)
    assert manifests
    child = Processes.Process(target=keep_home, args=(home.root,))
    child.start()
    wait_until(lambda: manifests_of(account) != manifests)
    child.join(milliseconds / 1000)
    child.kill()
    child.join()
    account.pull()
    assert manifests_of(account) == manifests, "what was not written is, from the warehouse"
    home.warehouse.unlink()
    account.forget()
    account.pull()
    assert account.tables() == before


def truncated(account: Account, campaign_id: str) -> None:
    path = account.file(campaign_id)
    path.write_bytes(path.read_bytes()[:-100])


def turned(account: Account, campaign_id: str) -> None:
    path = account.file(campaign_id)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def gone(account: Account, campaign_id: str) -> None:
    account.file(campaign_id).unlink()


def torn(account: Account, campaign_id: str) -> None:
    path = account.manifest(campaign_id)
    path.write_bytes(path.read_bytes()[:50])


@pytest.mark.parametrize("damage", [truncated, turned, gone, torn])
def test_a_damaged_file_ends_in_one_sentence_and_nothing_is_brought_back(
    account: Account, damage: Callable[[Account, str], None]
) -> None:
    """Until the file is put back; what the warehouse has needs no file."""
    before, home, (campaign_id, *_) = account.tables(), account.world.home, account.campaigns()
    shutil.copytree(home.history, home.root / "copy")
    damage(account, campaign_id)
    account.forget()
    account.pull()
    assert account.tables() == before
    damage_again = damage if damage is not turned else lambda *_: None  # nobody reads what the warehouse has
    damage_again(account, campaign_id)
    home.warehouse.unlink()
    with pytest.raises(ConfigError, match=r"is damaged, and the warehouse does not have it") as caught:
        account.pull()
    assert caught.value.where == str(account.manifest(campaign_id).relative_to(home.root))
    assert not any(account.tables().values())
    shutil.rmtree(home.history)
    shutil.move(home.root / "copy", home.history)
    account.pull()
    assert account.tables() == before


def test_what_is_damaged_may_be_given_up_and_read_anew(account: Account) -> None:
    """As the error says."""
    before, home, (campaign_id, *_) = account.tables(), account.world.home, account.campaigns()
    truncated(account, campaign_id)
    home.warehouse.unlink()
    account.manifest(campaign_id).unlink()
    shutil.rmtree(home.history / "read")
    assert account.pull().campaigns == 1
    assert account.tables() == before


def test_a_disk_that_takes_nothing_ends_in_one_sentence_and_the_next_pull_makes_up_for_it(account: Account) -> None:
    before, home = account.tables(), account.world.home
    shutil.rmtree(home.history)
    home.history.write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(ConfigError, match="it can't be written") as caught:
        account.pull()
    assert caught.value.where.startswith("history/")
    home.history.unlink()
    account.pull()
    account.forget()
    home.warehouse.unlink()
    account.pull()
    assert account.tables() == before


def test_a_home_without_a_history_gets_one_from_its_warehouse(account: Account) -> None:
    before = account.tables()
    shutil.rmtree(account.world.home.history)
    account.pull()
    account.forget()
    account.world.home.warehouse.unlink()
    account.pull()
    assert account.tables() == before


def test_a_history_of_a_newer_version_is_refused_and_left_as_it_is(account: Account) -> None:
    (campaign_id, *_) = account.campaigns()
    manifest = account.manifest(campaign_id)
    told = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({"format": told.pop("format") + 1, "new": told}), encoding="utf-8")
    before = account.files()
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"a newer version of Enlist wrote it \(format 2"):
            account.pull()
        assert account.files() == before
        account.world.home.warehouse.unlink(missing_ok=True)


@pytest.fixture
def moved(account: Account) -> Iterator[tuple[Account, Path]]:
    """A campaign moved after somebody made a copy of the warehouse."""
    copy = account.world.home.root / "warehouse.copy"
    shutil.copy(account.world.home.warehouse, copy)
    account.at("2026-11-12T08:00:00+00:00")
    account.react(account.campaigns()[0])
    account.at("2026-11-12T09:00:00+00:00")
    account.pull()
    yield account, copy


def test_an_older_copy_of_the_warehouse_gets_what_it_has_older(moved: tuple[Account, Path]) -> None:
    account, copy = moved
    before = account.timeless()
    account.forget()
    copy.replace(account.world.home.warehouse)
    account.pull()
    assert account.timeless() == before


def test_what_the_warehouse_has_newer_stays(moved: tuple[Account, Path]) -> None:
    account, _ = moved
    home = account.world.home
    before = account.tables()
    shutil.copytree(home.history, home.root / "copy")
    account.react(account.campaigns()[1])
    account.at("2026-11-12T10:00:00+00:00")
    account.pull()
    after = account.timeless()
    assert after["events"] != before["events"]
    shutil.rmtree(home.history)
    shutil.move(home.root / "copy", home.history)
    account.forget()
    for _ in range(2):
        account.pull()
        assert account.timeless() == after
        home.warehouse.unlink()
