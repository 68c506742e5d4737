"""README and docs/ say what the code does: their SQL runs, their YAML loads, their commands, keys and links exist.

Belongs here: reading the pages as a user copies from them. Does not: whether the prose is good.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import duckdb
import pytest
import typer
import yaml
from rehearsal import SYNC, Rehearsal

from pipelines import errors
from pipelines.cli.app import app
from pipelines.config import Home, load_home
from pipelines.config.connections import (
    FileConnection,
    IterasConnection,
    MailchimpConnection,
    MailupConnection,
    SqlConnection,
    VtigerConnection,
)
from pipelines.config.sync import Source, SyncConfig
from pipelines.config.values import Limit, Strict
from pipelines.dictionary import PUBLISHED
from pipelines.errors import ConfigError
from pipelines.sandbox.mailchimp.acts import ACTS, NEW_ACTS
from pipelines.sandbox.mailchimp.seeding import API_KEY
from pipelines.sync.safety import ACCEPTABLE, Rule

ROOT = Path(__file__).parents[2]
DOCUMENTED = (
    SqlConnection,
    FileConnection,
    VtigerConnection,
    IterasConnection,
    MailchimpConnection,
    MailupConnection,
)
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
VARIABLES = {
    "VTIGER_ACCESS_KEY": "key",
    "ITERAS_API_KEY": "key",
    "CRM_URL": "postgresql+psycopg://reader:secret@db.example/crm",
    "AUDITCASE_URL": "sqlite:///crm/auditcase.db",
    "MAILCHIMP_API_KEY": API_KEY,
    "MAILUP_PASSWORD": "secret",
    "MAILUP_CLIENT_ID": "id",
    "MAILUP_CLIENT_SECRET": "secret",
    "MIRA_URL": "postgresql+psycopg://reader:secret@db.example/mira",
}


# Reading pages


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True)
class Row:
    """A row of a table; `section` is the code in the heading above it, `heading` that heading as written."""

    section: tuple[str, ...]
    heading: str
    cells: tuple[str, ...]


def blocks(*languages: str) -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(page, line, match[2], match[3]))
    return [block for block in found if block.language in languages]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def table_rows(page: str) -> list[Row]:
    """The body rows of all tables of a page."""
    section: tuple[str, ...] = ()
    heading, found, is_body = "", [], False
    for line in prose(ROOT / page).splitlines():
        if line.startswith("#"):
            heading, section = line.lstrip("# "), tuple(re.findall("`([^`]+)`", line))
        if not line.startswith("|"):
            is_body = False
        elif re.fullmatch(r"[|\- ]+", line):
            is_body = True
        elif is_body:
            found.append(Row(section, heading, tuple(cell.strip() for cell in line.strip("|").split(" | "))))
    return found


def rows_under(page: str, heading: str) -> list[Row]:
    return [row for row in table_rows(page) if row.heading == heading]


def codes(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


def first_column(page: str, heading: str) -> list[str]:
    return [code for row in rows_under(page, heading) for code in codes(row.cells[0])]


# Queries


@pytest.fixture(scope="session")
def documented_home(settled: Rehearsal) -> Home:
    """A home with a past, a push, campaigns and statistics, as `enlist demo` leaves it."""
    return settled.home()


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_every_query_of_the_docs_finds_something_in_the_published_file(block: Block, documented_home: Home) -> None:
    """H3: among them the opt-outs that are to be entered in the CRM by hand."""
    with duckdb.connect(str(documented_home.analytics), read_only=True) as database:
        found = database.execute(block.text).fetchall()
    names_a_made_up_person = "somebody@company.example" in block.text
    assert found or names_a_made_up_person


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_python_example_runs_beside_the_demo_home(
    block: Block, documented_home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(documented_home.root.parent)
    exec(compile(block.text, str(block), "exec"), {})
    assert "[3 rows x" in capsys.readouterr().out


def test_the_readme_has_three_example_queries() -> None:
    assert len([block for block in blocks("sql") if block.page == README]) >= 3


@pytest.mark.slow
def test_documented_columns_of_campaigns_exist(documented_home: Home) -> None:
    columns = first_column("docs/statistics.md", "Rates")
    for row in rows_under("docs/statistics.md", "One mail, step by step"):
        columns += codes(row.cells[1])
    with duckdb.connect(str(documented_home.analytics), read_only=True) as database:
        real = {found[0] for found in database.execute("describe marts.campaigns").fetchall()}
    assert len(columns) > 15
    assert set(columns) <= real


def test_every_published_table_is_listed_once() -> None:
    listed = first_column("docs/statistics.md", "The tables")
    assert sorted(listed) == sorted(f"{schema}.{table}" for schema, table in PUBLISHED)


# Examples in YAML


def sample(file: str) -> dict[str, Any]:
    """A YAML file of the default home."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "data" / file).read_text(encoding="utf-8"))
    return found


def sample_sync() -> dict[str, Any]:
    return sample(f"syncs/{SYNC}.yaml")


def load(folder: Path, page: Path, name: str, sync: str | Mapping[str, Any]) -> Home:
    """A home with that one sync, and the connections of the sample and of the page."""
    connections = sample("connections.yaml")["connections"]
    for block in blocks("yaml"):
        if block.page == page:
            connections |= yaml.safe_load(block.text).get("connections", {})
    (folder / "syncs").mkdir()
    (folder / "connections.yaml").write_text(yaml.safe_dump({"connections": connections}), encoding="utf-8")
    text = sync if isinstance(sync, str) else yaml.safe_dump(dict(sync), sort_keys=False)
    (folder / "syncs" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_home(folder, environ=VARIABLES)


def keys_of(model: type[Strict]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_yaml_example_loads(block: Block, tmp_path: Path) -> None:
    """A whole file as it stands; a part of a sync, or of its first entity, put into the sample."""
    written = yaml.safe_load(block.text)
    base = sample_sync() | {"quality": {}}
    if "connections" in written:
        (tmp_path / "connections.yaml").write_text(block.text, encoding="utf-8")
        assert load_home(tmp_path, environ=VARIABLES).connections.keys() == written["connections"].keys()
    elif "sync" in written:
        assert load(tmp_path, block.page, written["sync"], block.text).syncs.keys() == {written["sync"]}
    elif written.keys() <= keys_of(SyncConfig):
        assert load(tmp_path, block.page, SYNC, base | written)
    else:
        assert written.keys() <= keys_of(Source), "neither connections, nor a sync, nor a part of one"
        assert load(tmp_path, block.page, SYNC, base | {"from": [base["from"][0] | written]})


def test_the_readme_shows_connections_and_a_sync() -> None:
    shown = [yaml.safe_load(block.text) for block in blocks("yaml") if block.page == README]
    assert any("sync" in written for written in shown)
    assert any("connections" in written for written in shown)


def test_a_key_that_no_model_knows_would_be_noticed(tmp_path: Path) -> None:
    """The loader that the YAML examples go through is the strict one."""
    with pytest.raises(ConfigError, match="scedule"):
        load(tmp_path, README, SYNC, sample_sync() | {"scedule": {}})


# Keys and defaults


def parts(annotation: Any) -> Iterator[tuple[str, type[Strict]]]:
    """Models inside a field's type, with how a path goes on to them; limits are written as values."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        yield from (("[]" + path, model) for path, model in parts(arguments[0]))
    elif origin is Mapping:
        yield from ((".*" + path, model) for path, model in parts(arguments[1]))
    elif arguments:
        for argument in arguments:
            yield from parts(argument)
    elif isinstance(annotation, type) and issubclass(annotation, Strict) and annotation is not Limit:
        yield "", annotation


def expected_keys(model: type[Strict], at: str = "") -> dict[str, str | None]:
    """Every key of a model as a path, with its default as YAML writes it; None where the default is a whole part."""
    found: dict[str, str | None] = {}
    for name, field in model.model_fields.items():
        path = f"{at}.{field.alias or name}".lstrip(".")
        found[path] = default_text(field)
        for step, inner in parts(field.annotation):
            found |= expected_keys(inner, path + step)
    return found


def default_text(field: Any) -> str | None:
    if field.is_required():
        return "required"
    shown = (field.json_schema_extra or {}).get("default", field.default)
    if isinstance(shown, Strict):
        return None
    if shown is None or isinstance(shown, bool):
        return "null" if shown is None else str(shown).lower()
    if isinstance(shown, Mapping):
        parts = {name: part.model_dump() if isinstance(part, Strict) else part for name, part in shown.items()}
        return yaml.safe_dump(parts, default_flow_style=True).strip()
    if isinstance(shown, list | tuple):
        return f"[{', '.join(map(str, shown))}]"
    return str(shown) or '""'


def documented_keys(rows: Sequence[Row]) -> dict[str, str | None]:
    """The keys of tables with their bold default; a `*` stands for a name of the user's."""
    found: dict[str, str | None] = {}
    for row in rows:
        key = ".".join((*row.section, codes(row.cells[0])[0]))
        bold = re.search(r"\*\*(.+?)\*\*", row.cells[1])
        found[re.sub(r"\b[A-Z]{2,}\b", "*", key)] = bold[1] if bold else None
    return found


def assert_same_keys(documented: Mapping[str, str | None], expected: Mapping[str, str | None]) -> None:
    assert documented.keys() == expected.keys()
    wrong = {key: (documented[key], value) for key, value in expected.items() if documented[key] != value}
    assert wrong == {}, "documented, real"


def test_the_keys_and_defaults_of_a_sync_are_documented_as_they_are() -> None:
    rows = [row for row in table_rows("docs/syncs.md") if row.section or row.heading == "The file"]
    assert_same_keys(documented_keys(rows), expected_keys(SyncConfig))


@pytest.mark.parametrize("kind", DOCUMENTED, ids=lambda kind: kind.__name__)
def test_the_keys_and_defaults_of_a_connection_are_documented_as_they_are(kind: type[Strict]) -> None:
    name = get_args(kind.model_fields["kind"].annotation)[0]
    rows = [row for row in table_rows("docs/connections.md") if row.section[:1] == (name,)]
    documented = {key.removeprefix(f"{name}."): bold for key, bold in documented_keys(rows).items()}
    assert_same_keys(documented, expected_keys(kind))


# Words that the code defines


def test_the_safety_rules_are_documented_with_what_can_be_accepted() -> None:
    rows = rows_under("docs/safety.md", "The limits")
    assert sorted(codes(row.cells[0])[0] for row in rows) == sorted(get_args(Rule))
    accepted = {codes(row.cells[0])[0] for row in rows if row.cells[2] == "yes"}
    assert accepted == set(ACCEPTABLE)


def test_documented_ops_reasons_and_holds_are_those_of_the_plan_models() -> None:
    models = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "dbt_project/models").glob("*/*.sql"))
    ledger = (ROOT / "pipelines/ledger/suppressions.sql").read_text(encoding="utf-8")
    undo = (ROOT / "pipelines/sync/undo_changes.sql").read_text(encoding="utf-8")
    words = first_column("docs/safety.md", "Nothing is sent without a plan") + first_column("docs/safety.md", "Holds")
    assert len(words) > 20
    missing = [word for word in words if f"'{word.replace('REASON', '')}'" not in models + ledger + undo]
    assert missing == []


def test_exit_codes_are_documented_as_the_errors_have_them() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EnlistError)]
    documented = {int(row.cells[0]) for row in rows_under("README.md", "Exit codes")}
    assert documented == {kind.exit_code for kind in kinds} | {0, 1, 4}


def test_messages_quoted_in_the_operations_page_are_those_of_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipelines").rglob("*.py"))
    quoted = [words for row in rows_under("docs/operations.md", "Troubleshooting") for words in quotes(row.cells[0])]
    assert len(quoted) >= 5
    assert [words for words in quoted if words not in code] == []


def quotes(cell: str) -> list[str]:
    return re.findall('"([^"]+)"', cell)


def test_the_acts_of_the_sandbox_are_documented() -> None:
    assert {*ACTS, *NEW_ACTS} - set(codes(prose(ROOT / "docs/operations.md"))) == {"opt_out"}  # it is in the example


# Commands


def commands(page: Path) -> Iterator[str]:
    """What stands behind `enlist` in code: in the text, in indented lines and in fenced blocks."""
    text = prose(page)
    spans = [span.replace("\n", " ") for span in codes(text)]
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    lines += [line for block in blocks("console", "text") if block.page == page for line in block.text.splitlines()]
    for code in (*spans, *lines):
        found = re.search(r"(?:^|[\s/$:])enlist ((?:[a-z]|--).*)", re.sub(r"\s{2,}#.*|\s*\|.*", "", code))
        if found:
            yield re.sub(r"\s+", " ", found[1].replace("[", "").replace("]", "")).strip()


def real_commands() -> dict[str, Any]:
    """Every command by what is typed, those of a group with the group's name before."""
    found: dict[str, Any] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {word}": one for word, one in inner.items()} if inner else {name: command}
    return found


def split(code: str) -> tuple[str, list[str]]:
    """The command that a line begins with, and the words after it."""
    first, *words = shlex.split(code)
    is_group = any(name.startswith(f"{first} ") for name in real_commands())
    return (f"{first} {words[0]}", words[1:]) if is_group and words else (first, words)


def long_options(command: Any) -> dict[str, Any]:
    return {word: param for param in command.params for word in param.opts if word.startswith("--")}


@pytest.mark.parametrize(
    ("page", "command"), sorted({(page.name, command) for page in PAGES for command in commands(page)})
)
def test_every_documented_command_and_option_exists(page: str, command: str) -> None:
    name, words = split(command)
    assert name in real_commands(), page
    real = real_commands()[name]
    options, values = long_options(real), []
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            values.append(word)
            continue
        assert word in options, page
        if not options[word].is_flag:
            assert words, f"{page}: {word} needs a value"
            words.pop(0)
    arguments = [param for param in real.params if param.param_type_name == "argument"]
    is_named_only = command == name  # the text speaks of the command
    assert is_named_only or sum(param.required for param in arguments) <= len(values) <= len(arguments)


def test_every_command_is_documented_with_all_its_options() -> None:
    codes_of = first_column("docs/operations.md", "Commands")
    documented = {split(code.partition(" ")[2].replace("[", ""))[0]: code for code in codes_of}
    assert documented.keys() == real_commands().keys()
    for name, code in documented.items():
        shown = set(re.findall(r"--\w+", code))
        assert shown == long_options(real_commands()[name]).keys() - {"--home", "--json"}, name


def test_every_make_target_in_the_docs_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    used = {word for page in PAGES for word in re.findall(r"(?:`|^    )make ([a-z]+)", page.read_text("utf-8"), re.M)}
    assert {"demo", "test", "ui"} <= used <= targets


# Links, paths, people


def anchor(heading: str) -> str:
    """The anchor of a heading as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(page: Path) -> list[str]:
    found = re.findall(r"\[[^\]]+\]\(([^)\s]+)\)", re.sub(r"\[`([^`]+)`\]\(", r"[code](", prose(page)))
    return [link for link in found if not link.startswith("https://")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT) and target.is_file(), link
        if fragment:
            headings = re.findall(r"^#+ (.+)$", prose(target), re.MULTILINE)
            assert fragment in map(anchor, headings), link


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(README)}
    assert {page for page in PAGES if page != README} <= linked


def test_every_folder_of_the_readme_exists() -> None:
    folders = first_column("README.md", "Develop")
    assert len(folders) > 10
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


def test_the_glossary_has_one_word_for_each_thing_and_what_the_five_systems_call_it() -> None:
    """J7."""
    words = {row.cells[0]: row.cells for row in rows_under("README.md", "Words")}
    assert len(words) > 10
    for word, others in {
        "audience": ("lijst", "liste", "lista"),
        "member": ("modtager", "iscritto", "destinatario"),
        "group": ("interest", "gruppe", "gruppo"),
        "campaign": ("messaggio", "campagne", "udsendelse", "utskick"),
        "send": ("invio",),
        "opt-out": ("disiscrizione", "uitschrijven", "avprenumerera"),
    }.items():
        assert words[word][1].strip(), f"{word} is not explained"
        assert set(others) <= set(re.findall(r"\*(\w+)\*", words[word][2])), word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_no_real_mail_domain(page: Path) -> None:
    """Only the reserved top-level domain stands in examples."""
    found = re.findall(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", page.read_text(encoding="utf-8"))
    assert [domain for domain in found if not domain.endswith(".example")] == []
