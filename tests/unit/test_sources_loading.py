"""A CRM's table is replaced by a whole read or not at all, and changes over it equal a read of everything."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback import Reply
from vtiger_stub import ACCESS_KEY, VtigerStub, vtiger_stub

from pipelines.config import Home, load_home
from pipelines.crm.loading import Loaded, load_entity
from pipelines.errors import ConfigError, EmptySource, EnlistError, PermanentError, TransientError
from pipelines.warehouse import Warehouse

SYNC: dict[str, Any] = {
    "sync": "people",
    "to": {"connection": "chimp", "audience": "All"},
    "from": [{"entity": "members.soci", "email": "Mail", "opt_out": "NoMail = 'Si'", "fields": {"FNAME": "Nome"}}],
    "schedule": {"timezone": "UTC"},
}
HEADER = "Id,Mail,NoMail,Nome\n"


class Crm:
    """A home with one CRM, whose entity is loaded again and again."""

    def __init__(self, root: Path, connection: dict[str, Any], entity: str, sync: dict[str, Any] | None = None) -> None:
        self.root, self.entity = root, entity
        self.connection = connection
        self.sync = sync
        self.write()

    def write(self) -> None:
        chimp = {"kind": "mailchimp", "api_key": "0" * 32 + "-us1", "url": "http://127.0.0.1:1"}
        (self.root / "syncs").mkdir(exist_ok=True, parents=True)
        (self.root / "connections.yaml").write_text(
            yaml.safe_dump({"connections": {"members": self.connection, "chimp": chimp}})
        )
        if self.sync:
            (self.root / "syncs" / "people.yaml").write_text(yaml.safe_dump(self.sync))

    def home(self) -> Home:
        return load_home(self.root, environ={})

    def load(self, run_id: str = "run") -> Loaded:
        home = self.home()
        return load_entity(home, Warehouse(home), "members", self.entity, run_id, "people" if self.sync else None)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with Warehouse(self.home()).open() as database:
            return database.execute(sql).fetchall()

    def rows(self) -> list[tuple[Any, ...]]:
        return self.query(f"select * from crm_members.{self.entity} order by all")


@pytest.fixture
def files(tmp_path: Path) -> Crm:
    entities = {"soci": {"path": "soci.csv", "key": "Id"}}
    crm = Crm(tmp_path, {"kind": "file", "settle": "0s", "entities": entities}, "soci", SYNC)
    export(crm, "1,a@x.example,,Anna\n2,b@x.example,Si,Bo\n")
    return crm


def export(crm: Crm, lines: str, header: str = HEADER) -> None:
    (crm.root / "soci.csv").write_text(header + lines)


@pytest.fixture
def stub() -> Iterator[VtigerStub]:
    with vtiger_stub() as found:
        yield found


def vtiger(root: Path, stub: VtigerStub, **more: Any) -> Crm:
    connection = {
        "kind": "vtiger",
        "url": stub.server.url,
        "username": "admin",
        "access_key": ACCESS_KEY,
        "max_attempts": 1,
        "entities": {"leads": {"module": "Leads"}},
    }
    return Crm(root, connection | more, "leads")


# Whole reads


def test_a_read_replaces_the_table_and_is_logged(files: Crm) -> None:
    files.load("run1")
    export(files, "2,b@x.example,,Bo\n3,c@x.example,,Cleo\n")
    loaded = files.load("run2")
    assert (loaded.rows, loaded.how) == (2, "everything: changes alone are not asked for")
    assert [row[0] for row in files.rows()] == ["2", "3"]
    log = files.query("select connection, entity, row_count, run_id from extract.loads order by run_id")
    assert log == [("members", "soci", 2, "run1"), ("members", "soci", 2, "run2")]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", EmptySource),
        (HEADER, EmptySource),
        (f'{HEADER}1,a@x.example,,"An', TransientError),
        (f"{HEADER}1,a@x.example,,Anna\n2,b@x", TransientError),
        (f"{HEADER},a@x.example,,Anna\n1\n2,b@x.example,,Bo\n", PermanentError),
        ("Mail,NoMail,Nome\na@x.example,,Anna\n", ConfigError),
    ],
    ids=["empty", "no rows", "cut in a quote", "cut in a line", "mostly rejected", "no key"],
)
def test_a_read_that_may_not_count_leaves_the_last_one(files: Crm, content: str, error: type[EnlistError]) -> None:
    files.load()
    before = files.rows()
    (files.root / "soci.csv").write_text(content)
    with pytest.raises(error):
        files.load()
    assert files.rows() == before
    assert files.query("select count(*) from extract.loads") == [(1,)]


def test_rejected_records_are_kept_with_their_reason_until_the_next_read(files: Crm) -> None:
    export(files, "1,a@x.example,,Anna\n2,b@x.example,,Bo\n,c@x.example,Si,Cleo\n")
    assert files.load().rejected == 1
    assert files.query("select * from extract.rejected") == [
        (
            *("members", "soci", "soci.csv, line 4", "It has no Id, which is the key."),
            *('["", "c@x.example", "Si", "Cleo"]', "run"),
        )
    ]
    export(files, "1,a@x.example,,Anna\n")
    assert files.load().rejected == 0
    assert files.query("select * from extract.rejected") == []


# Columns


def test_an_extra_column_is_kept_and_reported(files: Crm) -> None:
    files.load()
    export(files, "1,a@x.example,,Anna,Roma\n", "Id,Mail,NoMail,Nome,Luogo\n")
    loaded = files.load()
    assert (loaded.new_columns, loaded.gone_columns) == (("Luogo",), ())
    assert files.rows() == [("1", "a@x.example", "", "Anna", "Roma")]


def test_a_column_that_no_sync_uses_may_go(files: Crm) -> None:
    export(files, "1,a@x.example,,Anna,Roma\n", "Id,Mail,NoMail,Nome,Luogo\n")
    files.load()
    export(files, "1,a@x.example,,Anna\n")
    assert files.load().gone_columns == ("Luogo",)


@pytest.mark.parametrize("gone", ["Mail", "NoMail", "Nome"])
def test_a_missing_column_that_a_sync_uses_fails_before_anything_is_replaced(files: Crm, gone: str) -> None:
    files.load()
    before = files.rows()
    export(files, "1,a,b,c\n", HEADER.replace(f"{gone},", "Other,").replace(f",{gone}\n", ",Other\n"))
    with pytest.raises(ConfigError, match=rf"syncs/people\.yaml:\d+: .*no column named '{gone}'"):
        files.load()
    assert files.rows() == before


def test_after_a_renamed_column_the_sync_can_be_mended(files: Crm) -> None:
    files.load()
    export(files, "1,a@x.example,,Anna\n", "Id,Mail,NoMail,FirstName\n")
    with pytest.raises(ConfigError):
        files.load()
    mended = {**SYNC["from"][0], "fields": {"FNAME": "FirstName"}}
    files.sync = SYNC | {"from": [mended]}
    files.write()
    assert files.load().columns == ("Id", "Mail", "NoMail", "FirstName")


def test_a_column_that_only_another_sync_lacks_is_left_to_the_run_of_that_sync(files: Crm) -> None:
    other = {**SYNC, "sync": "other", "from": [{**SYNC["from"][0], "fields": {"FNAME": "Nomen"}}]}
    (files.root / "syncs" / "other.yaml").write_text(yaml.safe_dump(other))
    assert files.load().rows == 2
    home = files.home()
    with pytest.raises(ConfigError, match="no column named 'Nomen'") as caught:
        load_entity(home, Warehouse(home), "members", "soci", "run", "other")
    assert caught.value.where.startswith("syncs/other.yaml:")
    assert caught.value.do == "Did you mean Nome?"


def test_a_sync_may_use_a_new_column_at_once(files: Crm) -> None:
    """The home loads with it, though the last extract of either entity does not have it."""
    files.connection["entities"]["enti"] = {"path": "enti.csv", "key": "Id"}
    (files.root / "enti.csv").write_text(HEADER + "1,c@x.example,,Cleo\n")
    enti = {**SYNC["from"][0], "entity": "members.enti"}
    files.sync = SYNC | {"from": [SYNC["from"][0], enti]}
    files.write()
    for files.entity in ("soci", "enti"):
        files.load()
    header = "Id,Mail,NoMail,Nome,Luogo\n"
    export(files, "1,a@x.example,,Anna,Roma\n", header)
    (files.root / "enti.csv").write_text(header + "1,c@x.example,,Cleo,Pisa\n")
    files.sync = SYNC | {"from": [{**source, "fields": {"CITY": "Luogo"}} for source in (SYNC["from"][0], enti)]}
    files.write()
    for files.entity in ("soci", "enti"):
        assert files.load().new_columns == ("Luogo",)


def test_an_export_that_is_mended_again_needs_no_change_of_the_sync(files: Crm) -> None:
    files.load()
    export(files, "1,a@x.example,,Anna\n", "Id,Mail,NoMail,FirstName\n")
    with pytest.raises(ConfigError):
        files.load()
    export(files, "1,a@x.example,,Anna\n")
    assert files.load().columns == ("Id", "Mail", "NoMail", "Nome")


# max_age


def test_a_young_extract_is_used_again_without_asking_the_crm(files: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    files.connection["max_age"] = "6h"
    files.write()
    monkeypatch.setenv("ENLIST_NOW", "2026-11-21T08:00:00+00:00")
    files.load()
    (files.root / "soci.csv").unlink()
    (files.root / "warehouse.duckdb").unlink()
    monkeypatch.setenv("ENLIST_NOW", "2026-11-21T13:59:59+00:00")
    loaded = files.load()
    assert (loaded.rows, loaded.how) == (2, "the last extract again, of 2026-11-21T08:00:00+00:00")
    assert len(files.rows()) == 2
    monkeypatch.setenv("ENLIST_NOW", "2026-11-21T14:00:00+00:00")
    with pytest.raises(ConfigError, match="no file"):
        files.load()


def test_a_young_extract_without_a_column_that_the_sync_uses_now_is_not_used_again(files: Crm) -> None:
    files.connection["max_age"] = "6h"
    files.write()
    files.load()
    export(files, "1,a@x.example,,Anna,Roma\n", "Id,Mail,NoMail,Nome,Luogo\n")
    assert files.load().how.startswith("the last extract again")
    files.sync = SYNC | {"from": [{**SYNC["from"][0], "fields": {"CITY": "Luogo"}}]}
    files.write()
    assert files.load().new_columns == ("Luogo",)


@pytest.mark.parametrize("change", [{"delimiter": ";"}, {"key": "Mail"}, {"path": "other.csv"}])
def test_an_extract_by_other_settings_is_not_used_again(files: Crm, change: dict[str, str]) -> None:
    files.connection["max_age"] = "6h"
    files.write()
    files.load()
    files.connection["entities"]["soci"] |= change
    files.write()
    (files.root / "soci.csv").unlink()
    with pytest.raises(ConfigError, match="no file"):
        files.load()


def test_an_extract_from_the_future_is_not_used_again(files: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rehearsal with another clock leaves no extract that would stay young for years."""
    files.connection["max_age"] = "6h"
    files.write()
    monkeypatch.setenv("ENLIST_NOW", "2030-01-01T00:00:00+00:00")
    files.load()
    monkeypatch.setenv("ENLIST_NOW", "2026-11-21T08:00:00+00:00")
    assert files.load().how.startswith("everything")


# Changes


def test_changes_and_a_sweep_over_ids_equal_a_read_of_everything(tmp_path: Path, stub: VtigerStub) -> None:
    """Added, changed and deleted at random for a while; each table equals what a fresh home reads."""
    chance = random.Random(7)
    crm = vtiger(tmp_path / "home", stub)
    for number in range(130):
        stub.add("Leads", lastname=str(number))
    how = []
    for step in range(5):
        how.append(crm.load().how)
        fresh = vtiger(tmp_path / f"fresh{step}", stub)
        fresh.load()
        assert crm.rows() == fresh.rows()
        stub.clock = f"2026-11-21 19:{step:02}:00"
        for key in chance.sample(sorted(stub.records["Leads"]), 30):
            if chance.random() < 0.5:
                del stub.records["Leads"][key]
            else:
                stub.records["Leads"][key] |= {"lastname": f"changed {step}", "modifiedtime": stub.clock}
        for number in range(10):
            stub.add("Leads", lastname=f"new {number}")
    assert how[0] == "everything: the first read with these settings"
    assert all(text.startswith("what changed since") for text in how[1:])


def test_only_what_changed_is_read_with_all_its_fields(tmp_path: Path, stub: VtigerStub) -> None:
    for number in range(300):
        stub.add("Leads", lastname=str(number), modifiedtime="2026-11-20 10:00:00")
    stub.add("Leads", lastname="late", modifiedtime="2026-11-21 10:00:00")
    crm = vtiger(tmp_path, stub)
    crm.load()
    asked = len(stub.asked)
    crm.load()
    wide = [call["query"] for call in stub.asked[asked:] if "select *" in call.get("query", "")]
    assert len(wide) == 2  # the one that changed, and the empty page


def test_a_record_that_came_into_sight_without_a_change_makes_everything_be_read(
    tmp_path: Path, stub: VtigerStub
) -> None:
    stub.add("Leads", lastname="seen")
    crm = vtiger(tmp_path, stub)
    crm.load()
    stub.add("Leads", lastname="shared with us", modifiedtime="2020-01-01 00:00:00")
    assert crm.load().how == "everything: there are records that neither were known nor changed"
    assert len(crm.rows()) == 2


def test_everything_is_read_again_after_full_read_every(
    tmp_path: Path, stub: VtigerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add("Leads")
    crm = vtiger(tmp_path, stub, full_read_every="2h")
    how = []
    for hour in ("08:00", "09:00", "09:59", "10:00", "11:00"):
        monkeypatch.setenv("ENLIST_NOW", f"2026-11-21T{hour}:00+00:00")
        how.append(crm.load().how.split(":")[0].split(" since")[0])
    assert how == ["everything", "what changed", "what changed", "everything", "what changed"]


def test_other_columns_make_everything_be_read(tmp_path: Path, stub: VtigerStub) -> None:
    stub.add("Leads", cf_853="Art")
    crm = vtiger(tmp_path, stub)
    crm.load()
    crm.connection["entities"]["leads"]["columns"] = ["Interests"]
    crm.write()
    assert crm.load().columns == ("id", "modifiedtime", "Interests")


@pytest.mark.parametrize("operation", ["select id", "select *"])
def test_a_sweep_or_a_pull_that_breaks_off_leaves_the_table(tmp_path: Path, stub: VtigerStub, operation: str) -> None:
    for number in range(150):
        stub.add("Leads", lastname=str(number))
    crm = vtiger(tmp_path, stub)
    crm.load()
    before, queries = crm.rows(), stub.count("query")
    del stub.records["Leads"][140]

    def fault(asked: str, count: int) -> Reply | None:
        query = stub.asked[-1].get("query", "")
        return Reply(500, "") if count > queries and query.startswith(operation) and "id > '10x1" in query else None

    stub.fault = fault
    with pytest.raises(TransientError):
        crm.load()
    assert crm.rows() == before
    assert {path.name for path in (tmp_path / "landing/crm/members").iterdir()} == {"leads", "leads.columns.json"}


def test_a_sweep_without_any_id_is_an_empty_crm(tmp_path: Path, stub: VtigerStub) -> None:
    """A user who lost his rights looks like a mass deletion."""
    stub.add("Leads")
    crm = vtiger(tmp_path, stub)
    crm.load()
    stub.records["Leads"].clear()
    with pytest.raises(EmptySource):
        crm.load()
    assert len(crm.rows()) == 1


def test_a_converted_lead_leaves_its_entity(tmp_path: Path, stub: VtigerStub) -> None:
    """Its contact comes with the opt-out lost; whom the objection follows is for the ledger to know."""
    key = stub.add("Leads", emailoptout="1", email="a@leads.example")
    stub.add("Leads")
    crm = vtiger(tmp_path, stub)
    crm.load()
    del stub.records["Leads"][int(key[3:])]
    stub.add("Contacts", emailoptout="0", email="a@leads.example")
    crm.load()
    assert key not in [row[-2] for row in crm.rows()]
    assert len(crm.rows()) == 1
