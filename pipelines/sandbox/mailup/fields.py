"""The account's dynamic fields: ids 1 to 39, known everywhere, renamed in the console only.

Belongs here: GET /Console/Recipient/DynamicFields and the fields of a new account. Does not: values (values.py).
"""

from pipelines.sandbox.mailup.filters import by_key
from pipelines.sandbox.mailup.model import Json
from pipelines.sandbox.mailup.query import Asked, paged
from pipelines.sandbox.mailup.state import State

MOST = 39
PROPERTIES = by_key("Description", "Id")

# The 26 of a new account with Marketing+ (section 5); IDCliente is the place for a CRM's id.
DEFAULT_NAMES = (
    *("nome", "cognome", "azienda", "città", "provincia", "cap", "regione", "paese", "indirizzo", "fax", "telefono"),
    *("IDCliente", "IDUltimoOrdine", "DataUltimoOrdine", "TotaleUltimoOrdine", "IDProdottiUltimoOrdine"),
    *("IDCategorieUltimoOrdine", "DataUltimoOrdineSpedito", "IDUltimoOrdineSpedito", "DataCarrelloAbbandonato"),
    *("TotaleCarrelloAbbandonato", "IDCarrelloAbbandonato", "TotaleFatturato", "TotaleFatturatoUltimi12Mesi"),
    *("TotaleFatturatoUltimi30gg", "IDTuttiProdottiAcquistati"),
)


def get_fields(state: State, asked: Asked) -> Json:
    """GET /Console/Recipient/DynamicFields: descending by Id, and in lower case whatever the console says."""
    lower = state.switches.fields_in_lower_case
    rows: list[Json] = [
        {"Description": name.lower() if lower else name, "Id": int(number)}
        for number, name in state.account.fields.items()
    ]
    rows.sort(key=lambda row: -row["Id"])
    return paged(asked, rows, dict, PROPERTIES, state.switches.max_page_size)


def name_field(state: State, number: int, description: str) -> None:
    """What a person does in the console: names a field, a new or a known one. Raises ValueError."""
    if not 1 <= number <= MOST:
        raise ValueError(f"A dynamic field has an id from 1 to {MOST}.")
    account = state.account
    fields = {**account.fields, str(number): description}
    account.fields = dict(sorted(fields.items(), key=lambda pair: int(pair[0])))
    state.save_account(account)
    state.remember("field_rename", id=number)
