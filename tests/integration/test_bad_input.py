"""Whatever is wrong with a home, a CRM or a provider: one clear sentence, the right exit code, nothing half-written.

Belongs here: the command line from argument to message. Does not: every wrong key of a YAML (unit/test_config_*.py).
"""

import json
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rehearsal import SYNC, Done, Rehearsal, rehearsing, running

from pipelines import locks, warehouse
from pipelines.cli.pushing import hashed
from pipelines.config.sync import NewAudience
from pipelines.errors import ConfigError
from pipelines.ledger import consent, pins
from pipelines.ledger.journal import Journal, folder_of
from pipelines.providers.loading import connected
from pipelines.sandbox.server import PORT
from pipelines.sync.audience import load_audience
from pipelines.warehouse import Warehouse

pytestmark = pytest.mark.slow

YAML = f"syncs/{SYNC}.yaml"


@dataclass(frozen=True)
class Case:
    """What is done to a home, the command, its exit code, and a part of each of `where`, `what` and `do`."""

    name: str
    spoil: Callable[[Rehearsal], None]
    command: tuple[str, ...]
    code: int
    where: str
    what: str
    do: str

    def __str__(self) -> str:
        return self.name


def rewriting(file: str, old: str, new: str) -> Callable[[Rehearsal], None]:
    return lambda home: home.rewrite(file, old, new)


def nothing(home: Rehearsal) -> None:
    """The home is as it should be; the command is not."""


def point_to_a_closed_port(home: Rehearsal) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    home.rewrite("connections.yaml", home.sandbox.url, f"http://127.0.0.1:{port}")
    home.rewrite("connections.yaml", "batch_size: 60", "max_attempts: 1")


def forget_the_audience(home: Rehearsal) -> None:
    (home.root / "ledger" / "audiences.ndjson").unlink()
    home.rewrite(YAML, "audience: Relaties,", "audience: Relatie,")


def empty_the_crm(home: Rehearsal) -> None:
    with closing(sqlite3.connect(home.crm)) as database, database:
        database.execute("delete from persons")


def take_the_crm_away(home: Rehearsal) -> None:
    home.crm.unlink()


def scribble_over_the_warehouse(home: Rehearsal) -> None:
    home.home().warehouse.write_text("this is no database\n" * 500, encoding="utf-8")


NO = {
    **{"connection": "mailchimp", "audience_id": "elsewhere", "entity": None, "sync": SYNC, "scope": "account"},
    **{"event": "opt_out", "reason": "opted_out", "source": "provider", "happened_at": None, "note": None},
}
NAMES = ("anna@cast.example", "bert@cast.example", "carl@cast.example")


def hear_three_say_no(home: Rehearsal) -> Path:
    """Three opt-outs, each a line of its own; the file is empty before."""
    path = consent.path_of(home.root / "ledger")
    path.unlink(missing_ok=True)
    consent.record(home.root / "ledger", [{**NO, "email_key": name} for name in NAMES])
    return path


def scribble_over_line_two(path: Path) -> None:
    first, _, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, b"?" * 20 + b"\n", *rest]))


def damage_an_opt_out(home: Rehearsal) -> None:
    scribble_over_line_two(hear_three_say_no(home))


def damage_a_journal(home: Rehearsal) -> None:
    journal = Journal(home.root / "ledger", "before", sync=SYNC, plan_id="p")
    journal.sending([{"change_id": "p:1", "op": "add", "email_key": NAMES[0], "after": {}}])
    journal.end(calls=0, left=0)
    scribble_over_line_two(folder_of(home.root / "ledger") / "before.ndjson")


def damage_the_pins(home: Rehearsal) -> None:
    pins.path_of(home.root / "ledger").write_bytes(b"{" + b"\0" * 80 + b"\n")


# Refused before anything is run: nothing in the home may change.
EARLY = (
    Case(
        "an unknown key of a sync",
        rewriting(YAML, "enabled: true", "enabeld: true"),
        ("plan", SYNC),
        2,
        rf"{YAML}:7",
        "`enabeld` is not a key that exists",
        "Did you mean enabled?",
    ),
    Case(
        "an unknown key of a connection",
        rewriting("connections.yaml", "api_key:", "apikey:"),
        ("plan", SYNC),
        2,
        r"connections\.yaml:\d+",
        "apikey` is not a key that exists",
        "Did you mean api_key?",
    ),
    Case(
        "a file that is no YAML",
        rewriting(YAML, "enabled: true", "enabled: [true"),
        ("status",),
        2,
        rf"{YAML}:\d+",
        "",
        "",
    ),
    Case(
        "a variable that is missing",
        rewriting("connections.yaml", "0123456789abcdef0123456789abcdef-us1", "${MAILCHIMP_API_KEY}"),
        ("plan", SYNC),
        2,
        r"connections\.yaml:\d+",
        "the environment variable MAILCHIMP_API_KEY is not set",
        "add a line MAILCHIMP_API_KEY=... to .env",
    ),
    Case(
        "SQL that does not parse",
        rewriting(YAML, "LNAME: PersonNameRE", "LNAME: upper(PersonNameRE"),
        ("plan", SYNC),
        2,
        rf"{YAML}:21",
        "this is not SQL that DuckDB understands",
        "",
    ),
    Case(
        "a home that does not exist",
        nothing,
        ("plan", SYNC, "--home", "/nowhere/at/all"),
        2,
        "/nowhere/at/all",
        "this home does not exist",
        "--home",
    ),
    Case(
        "an unknown sync",
        nothing,
        ("plan", "auditcase_mailchip"),
        2,
        "",
        "there is no sync named 'auditcase_mailchip'",
        "Did you mean auditcase_mailchimp?",
    ),
    Case(
        "an unknown rule",
        nothing,
        ("push", SYNC, "--accept", "max_removal"),
        2,
        "--accept",
        "there is no rule 'max_removal'",
        "Did you mean max_removals?",
    ),
    Case(
        "a rule that nothing lifts",
        nothing,
        ("push", SYNC, "--accept", "empty_desired"),
        2,
        "--accept",
        "there is no rule 'empty_desired' to accept",
        "Known are: first_run",
    ),
    Case(
        "an address that is none",
        nothing,
        ("push", SYNC, "--only", "nobody"),
        2,
        "--only",
        "this is not an address",
        "",
    ),
    Case("an option that no command has", nothing, ("plan", SYNC, "--jsn"), 2, "enlist plan", "--jsn", "--help"),
    Case("bytes that are no text", nothing, ("explain", "jan\udcff@bedrijf.nl"), 2, "enlist", "Word 2", "UTF-8"),
    Case("a command that does not exist", nothing, ("pull",), 2, "enlist", "pull", "--help"),
    Case("a canary of nobody", nothing, ("push", SYNC, "--limit", "0"), 2, "enlist push", "--limit", "--help"),
)

DAMAGE = (r"^ledger/consent\.ndjson:2$", "this line is damaged", "Put the file back from a backup, or delete the line")
JOURNAL = r"^ledger/pushes/before\.ndjson:2$"

# Found out while running: what was good before stays, and nothing is sent.
LATE = (
    Case(
        "an unknown plan",
        nothing,
        ("show", "auditcase_mailchimp-1"),
        2,
        "",
        "there is no such plan",
        "Did you mean auditcase_mailchimp-",
    ),
    Case(
        "a provider that can't be reached",
        point_to_a_closed_port,
        ("plan", SYNC),
        5,
        "127.0.0.1",
        "Mailchimp gave no usable answer",
        "start it beside this with `enlist sandbox`",
    ),
    Case(
        "a wrong key",
        rewriting("connections.yaml", "0123456789abcdef0123456789abcdef-us1", "00000000000000000000000000000000-us1"),
        ("check", SYNC),
        2,
        "",
        "Mailchimp refused",
        "key",
    ),
    Case(
        "an unknown audience",
        forget_the_audience,
        ("check", SYNC),
        2,
        rf"{YAML}:10",
        "mailchimp has no audience 'Relatie'",
        "Did you mean Relaties?",
    ),
    Case(
        "a merge field that the audience does not have",
        rewriting(YAML, "FNAME: coalesce", "FIRSTNAME: coalesce"),
        ("check", SYNC),
        2,
        rf"{YAML}:20",
        "the audience 'Relaties' has no merge field FIRSTNAME",
        "Did you mean FNAME?",
    ),
    Case(
        "SQL with a column that the CRM does not have",
        rewriting(YAML, "LNAME: PersonNameRE", "LNAME: PersonNameER"),
        ("check", SYNC),
        2,
        rf"{YAML}:21",
        "the records have no column named 'PersonNameER'",
        "Did you mean PersonNameRE?",
    ),
    Case(
        "a CRM without records",
        empty_the_crm,
        ("sync", SYNC),
        3,
        "connections.yaml",
        "auditcase.persons gave no records at all",
        "Look at the CRM",
    ),
    Case(
        "a CRM that is not there",
        take_the_crm_away,
        ("check", SYNC),
        2,
        "auditcase.persons",
        "There is no SQLite database at",
        "Correct the url in connections.yaml",
    ),
    Case(
        "a warehouse that is none",
        scribble_over_the_warehouse,
        ("plans",),
        2,
        "warehouse.duckdb",
        "it is not a warehouse that this version can read",
        "Delete it",
    ),
    *(
        Case(f"an opt-out that is damaged, {command[0]}", damage_an_opt_out, command, 2, *DAMAGE)
        for command in (
            ("plan", SYNC),
            ("push", SYNC, "--accept", "first_run"),
            ("sync", SYNC),
            ("status",),
            ("plans",),
        )
    ),
    *(
        Case(f"a journal that is damaged, {command[0]}", damage_a_journal, command, 2, JOURNAL, *DAMAGE[1:])
        for command in (("push", SYNC, "--accept", "first_run"), ("explain", NAMES[0]), ("failures",), ("report", SYNC))
    ),
    Case("a pin that is damaged", damage_the_pins, ("plan", SYNC), 2, r"^ledger/audiences\.ndjson:1$", *DAMAGE[1:]),
)


def said(done: Done) -> str:
    """The error stream as one line."""
    return " ".join(done.err.split())


def assert_refused(done: Done, case: Case) -> None:
    """One JSON object with the exit code and a sentence that says what, where and what to do."""
    document = done.document
    assert done.code == case.code
    assert (document["ok"], document["exit_code"], document["result"]) == (False, case.code, None)
    error = document["error"]
    assert re.search(case.where, error["where"])
    assert case.what in error["what"]
    assert case.do in error["do"]
    assert error["what"].strip()
    assert done.err == ""
    assert "unforeseen" not in error["what"]


@pytest.mark.parametrize("case", EARLY, ids=str)
def test_it_is_refused_before_anything_is_written(warm: Rehearsal, case: Case) -> None:
    case.spoil(warm)
    before = warm.tree()
    assert_refused(warm.enlist(*case.command, "--json"), case)
    assert warm.tree() == before


@pytest.mark.parametrize("case", EARLY, ids=str)
def test_people_read_one_sentence_and_no_traceback(warm: Rehearsal, case: Case) -> None:
    """N1: what is wrong, and what to do."""
    case.spoil(warm)
    done = warm.enlist(*case.command)
    assert (done.code, done.out) == (case.code, "")
    assert said(done).startswith("✗ ")
    assert case.what in said(done)
    assert case.do in said(done)
    assert "Traceback" not in done.err


@pytest.mark.parametrize("case", LATE, ids=str)
def test_what_a_run_finds_out_leaves_plans_ledger_and_provider_as_they_were(warm: Rehearsal, case: Case) -> None:
    """B6: an audience that is not there, for one, is not made."""
    case.spoil(warm)
    kept = warm.root / "ledger"
    ledger = {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()}
    seq = warm.seq()
    assert_refused(warm.enlist(*case.command, "--json"), case)
    assert {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()} == ledger
    assert warm.seq() == seq
    if case.where != "warehouse.duckdb":
        assert warm.query("select status from plan.plans") == [{"status": "pending"}]
        assert warm.query("select count(*) as count from crm_auditcase.persons") == [{"count": 300}]


def test_a_run_stops_at_the_line_of_a_column_that_is_not_there_before_the_records_are_replaced(warm: Rehearsal) -> None:
    from pipelines.cli.running import Runner

    warm.rewrite(YAML, "LNAME: PersonNameRE", "LNAME: PersonNameER")
    landing = warm.home().landing / "crm" / "auditcase" / "persons" / "landing.json"
    before = landing.read_text(encoding="utf-8")
    with running(), pytest.raises(ConfigError, match="no column named 'PersonNameER'") as caught:
        Runner(warm.home()).run(SYNC, "members", chosen=lambda key: list(key) == ["auditcase", "extract", "persons"])
    assert (caught.value.where, caught.value.do) == (f"{YAML}:21", "Did you mean PersonNameRE?")
    assert landing.read_text(encoding="utf-8") == before


AUDIENCE = f"sync_{SYNC}.extract_members"


@pytest.mark.parametrize(
    ("address", "check"),
    [
        (f"select min(email) from {AUDIENCE}", "judged_stage_members_email"),
        (
            "select min(ContactEMailRE) from crm_auditcase.persons"
            f" anti join {AUDIENCE} on email = ContactEMailRE where ContactEMailRE like '%@%'",
            "judged_map_records_address",
        ),
    ],
)
def test_an_address_that_was_never_judged_stops_the_run_and_is_not_taken_for_right(
    warm: Rehearsal, address: str, check: str
) -> None:
    """As when somebody materialises extract and then map in the Dagster UI, but not check."""
    with Warehouse(warm.home()).open() as connection:
        connection.execute(f"delete from quality.addresses where address = ({address})")
    with pytest.raises(ConfigError, match=f"the check {check} found 1 rows that break it") as caught:
        warm.run(["stage", "map", "plan"])
    assert caught.value.do == "Run stage 2 (check) again, then the stages after it: `enlist plan` does both."


def test_a_sync_whose_file_is_gone_is_detached_and_both_sides_stay_as_they_are(warm: Rehearsal) -> None:
    """A11: not one call to the provider, no row of the CRM, and what was planned can still be looked at."""
    crm = warm.crm.read_bytes()
    (warm.root / YAML).unlink()

    def everything() -> list[Done]:
        return [warm.enlist(*command, "--json") for command in (("stats",), ("plan", SYNC), ("push", SYNC), ("plans",))]

    before = warm.members()
    after = warm.step(everything)
    assert [done.code for done in after.result] == [0, 2, 2, 0]
    assert (after.calls, dict(after.members)) == ({}, before)
    assert warm.crm.read_bytes() == crm
    (kept,) = after.result[-1].document["result"]["plans"]
    assert warm.query("select count(*) as count from plan.changes")[0]["count"] == kept["changes"] > 300


def test_a_canary_of_somebody_who_is_not_in_the_plan_leaves_the_plan_to_be_pushed(warm: Rehearsal) -> None:
    """A mistyped --only sends nothing; the plan is not done with."""
    seq = warm.seq()
    warm.run(["push"], {"by": "anna", "accept": ["first_run"], "only": hashed("nobody@cast.example")})
    assert warm.seq() == seq
    assert warm.plan().status == "pending"


def test_a_sync_that_names_another_audience_stops_with_an_explanation(tmp_path: Path) -> None:
    """A9. An audience is pinned with its account; another one stops the sync, whoever is first."""
    with rehearsing(tmp_path / "home", people=1) as home:
        data = {"company": "V", "sender_name": "V", "sender_email": "v@voorbeeld.example", "address": "Dorpsstraat 1"}
        data |= {"city": "Utrecht", "country": "NL", "permission_reminder": "U bent relatie."}
        with connected(home.home(), "mailchimp") as provider:
            provider.create_audience("Andere", NewAudience(**data))
            account = provider.account().account_id
            pins.pin(home.home().ledger, SYNC, "mailchimp", account, home.list_id, "Relaties")
            home.rewrite(YAML, "audience: Relaties,", "audience: Andere,")
            with pytest.raises(ConfigError, match=f"belongs to audience {home.list_id}, but now finds"):
                load_audience(home.home(), Warehouse(home.home()), provider, home.home().sync(SYNC))


@pytest.mark.parametrize("tail", [b'{"email_key":"do', b"\0" * 300], ids=["half a line", "zeros"])
def test_an_opt_out_that_a_crash_tore_off_stops_nothing_and_takes_no_other_along(warm: Rehearsal, tail: bytes) -> None:
    """A power cut leaves zeros on some file systems. Whoever is written down next is known as well."""
    with hear_three_say_no(warm).open("ab") as file:
        file.write(tail)
    assert warm.enlist("status", "--json").code == 0
    assert held(warm) == set(NAMES)
    said_no = "dora@cast.example"
    assert warm.enlist("block", said_no, "--reason", "asked on the phone", "--json").code == 0
    assert warm.enlist("plans", "--json").code == 0
    assert held(warm) == {*NAMES, said_no}


def held(home: Rehearsal) -> set[str]:
    found = home.query("select email_key from ledger.suppressions where email_key like '%@cast.example'")
    return {str(row["email_key"]) for row in found}


@contextmanager
def opened_elsewhere(path: Path) -> Iterator[None]:
    """Another program has the DuckDB file open for writing."""
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "open\n"
        yield
        process.stdin.close()


def test_a_warehouse_that_another_program_has_open_is_busy(warm: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 6 after the wait, and what to do about it; when it is closed, all goes on."""
    monkeypatch.setattr(warehouse, "WAIT_SECONDS", 0.2)
    with opened_elsewhere(warm.home().warehouse):
        done = warm.enlist("plan", SYNC, "--json")
    assert done.code == 6
    assert done.document["error"] == {
        "what": "warehouse.duckdb is open in another program.",
        "where": "",
        "do": "Close it there; analysts open analytics.duckdb.",
    }
    assert warm.enlist("plans", "--json").code == 0


def test_a_warehouse_that_another_run_holds_for_too_long_is_busy(
    warm: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "WAIT_SECONDS", 0.1)
    with locks.held(warm.home().locks / "warehouse", wait=0, busy=""):
        done = warm.enlist("plans", "--json")
    assert done.code == 6
    assert done.document["error"]["what"] == "warehouse.duckdb is in use by another run."


def test_a_second_run_of_a_sync_leaves_at_once(warm: Rehearsal) -> None:
    """Exit 6: one run per sync; nothing is planned and nothing sent."""
    seq = warm.seq()
    with locks.run_of(warm.home().locks, SYNC):
        done = warm.enlist("sync", SYNC, "--json")
        state = json.loads(warm.enlist("status", "--json").out)["result"]["syncs"][0]["state"]
    assert done.code == 6
    assert done.document["error"]["what"] == f"Another run of {SYNC} is going on."
    assert state == "running"
    assert warm.seq() == seq
    assert warm.query("select count(*) as count from plan.plans") == [{"count": 1}]


def test_the_demo_refuses_an_account_that_is_not_on_this_machine(warm: Rehearsal) -> None:
    """Enlist demo refuses a URL that is not loopback."""
    home = warm.root / "connections.yaml"
    text = re.sub(r"    url: http://127\.0\.0\.1.*/mailchimp\n", "", home.read_text(encoding="utf-8"))
    home.write_text(text, encoding="utf-8")
    before = warm.tree()
    done = warm.enlist("demo", "--json")
    assert done.code == 2
    assert "can reach a real account" in done.document["error"]["what"]
    assert warm.tree() == before


def test_the_samples_name_the_default_port_of_the_sandbox() -> None:
    """What makes a rehearsal of the shipped home possible at all."""
    text = (Path(__file__).parents[2] / "data" / "connections.yaml").read_text(encoding="utf-8")
    assert f"http://127.0.0.1:{PORT}/mailchimp" in text
