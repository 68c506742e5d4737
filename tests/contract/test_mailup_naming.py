"""What a sync calls a field stays the field it was, from the ledger to MailUp (D13)."""

from pathlib import Path

import pytest
from mailup_world import MailupWorld

from pipelines.config import Home, load_home
from pipelines.ledger.journal import Journal
from pipelines.sync.naming import name_fields
from pipelines.warehouse import Warehouse

SYNC = """
sync: soci
to: {connection: mailup, audience: Newsletter}
from:
  - {entity: crm.soci, email: Email, opt_out: false, fields: {Nome: Nome, Cognome: Cognome, "#3": Ditta}}
"""


@pytest.fixture
def home(mailup: MailupWorld, tmp_path: Path) -> Home:
    (tmp_path / "syncs").mkdir()
    (tmp_path / "syncs" / "soci.yaml").write_text(SYNC)
    (tmp_path / "connections.yaml").write_text(
        f"""
connections:
  crm: {{kind: sql, url: "sqlite:///crm.db", entities: {{soci: {{table: soci, key: Id}}}}}}
  mailup:
    {{kind: mailup, url: "{mailup.simulator.url}", username: m1, password: p, client_id: i, client_secret: s}}
"""
    )
    return load_home(tmp_path)


def pushed(home: Home, mailup: MailupWorld, fields: dict[str, str]) -> None:
    """A push of the sync is in the ledger, with the ids that its fields had."""
    journal = Journal(
        home.ledger,
        "run-1",
        plan_id="plan-1",
        sync="soci",
        connection="mailup",
        audience_id=mailup.audience_id,
        source_rows={},
        fields={name: {"field_id": number, "label": name, "type": "text"} for name, number in fields.items()},
        accepted=[],
        planned=0,
        is_part=False,
    )
    journal.end(calls=0, left=0)


def ids(home: Home, mailup: MailupWorld) -> dict[str, str]:
    sync = home.syncs["soci"]
    provider = mailup.open()
    name_fields(home, Warehouse(home), provider, sync, mailup.audience_id)
    found = {field.name: field.field_id for field in provider.merge_fields(mailup.audience_id)}
    return {name: found[name] for name in sync.field_names}


def test_before_the_first_push_a_name_means_the_label_of_now(home: Home, mailup: MailupWorld) -> None:
    assert ids(home, mailup) == {"Nome": "1", "Cognome": "2", "#3": "3"}


def test_after_it_a_name_means_the_field_that_it_meant_whatever_the_labels_say(home: Home, mailup: MailupWorld) -> None:
    pushed(home, mailup, {"Nome": "1", "Cognome": "2", "#3": "3"})
    mailup.simulator.name_field(1, "Indirizzo")
    mailup.simulator.name_field(9, "Nome")
    assert ids(home, mailup) == {"Nome": "1", "Cognome": "2", "#3": "3"}
