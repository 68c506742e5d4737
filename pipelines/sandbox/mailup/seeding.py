"""What a fresh sandbox holds: one account, one list with a group, and a dozen people whom no CRM knows.

Belongs here: the first state, the same in every fresh sandbox of one seed. Does not: samples of CRMs.
"""

from pipelines.sandbox.mailup import recipients
from pipelines.sandbox.mailup.fields import DEFAULT_NAMES
from pipelines.sandbox.mailup.lists import new_list
from pipelines.sandbox.mailup.model import Account, Group
from pipelines.sandbox.mailup.state import State
from pipelines.sandbox.mailup.values import Row

USERNAME = "m12345"
PASSWORD = "geen-geheim"  # noqa: S105
CLIENT_ID = "0f1e2d3c-4b5a-4978-8675-342312011a0b"
CLIENT_SECRET = "a1b2c3d4-e5f6-4789-90ab-cdef01234567"  # noqa: S105
LIST = "Newsletter"
GROUP = "Aggiunti a mano"

# Added by hand in the console, so private (B4): never brought into a CRM and left alone by every sync.
PRIVATE_RECIPIENTS = (
    ("alba.conti@postaprivata.example", "Alba", "Conti"),
    ("bruno.ferri@postaprivata.example", "Bruno", "Ferri"),
    ("chiara.monti@laguna.example", "Chiara", "Monti"),
    ("d.sala@laguna.example", "Dario", "Sala"),
    ("elena.riva@officina.example", "Elena", "Riva"),
    ("fabio@officina.example", "Fabio", "De Luca"),
    ("giada.villa@bottega.example", "Giada", "Villa"),
    ("h.costa@bottega.example", "Hana", "Costa"),
    ("ivan.greco@postaprivata.example", "Ivan", "Greco"),
    ("livia.serra@giornale.example", "Livia", "Serra"),
    ("mario.fonte@giornale.example", "Mario", "Fonte"),
    ("nora.valle@postaprivata.example", "Nora", "Valle"),
)
OPTED_OUT = "mario.fonte@giornale.example"


def seed(state: State) -> None:
    """Fills an empty state; one of the private recipients has opted out."""
    fields = {str(number): name for number, name in enumerate(DEFAULT_NAMES, start=1)}
    account = Account(
        username=USERNAME,
        password=PASSWORD,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        company="Associazione Esempio",
        uid="388",
        fields=fields,
    )
    state.save_account(account)
    made = new_list(state, LIST, "Soci e sostenitori", {"OwnerEmail": "info@voorbeeld.example"})
    group = Group(state.number("group"), made.id, GROUP)
    state.groups.put(group)
    for email, first_name, last_name in PRIVATE_RECIPIENTS:
        row = Row(email, first_name, "", "", {"1": first_name, "2": last_name})
        recipient, _ = recipients.save(state, row, "kept")
        recipients.enter(state, recipient, made.id, confirm=False)
        recipients.join_group(state, recipient, group.id)
        if email == OPTED_OUT:
            recipients.object_to(state, made.id, email)
            recipients.set_status(state, recipient, made.id, "Unsubscribed", "opt_out", optout=(2, 21, -1))
