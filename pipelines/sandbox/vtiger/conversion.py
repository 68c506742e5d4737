"""Turning a lead into a contact and an organisation: section 7 of the contract.

Belongs here: convertlead. Does not: other records (records.py). The contract tells what becomes of the lead, and that
the opt-out is lost; names of the parameters and the mapping of the other fields are assumed.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.sandbox.vtiger import records
from pipelines.sandbox.vtiger.model import Json, Record, User
from pipelines.sandbox.vtiger.modules import MODULES
from pipelines.sandbox.vtiger.problems import denied, wrong_id
from pipelines.sandbox.vtiger.state import State
from pipelines.sandbox.vtiger.values import owner_id, wire_id

# emailoptout is not among them: the contact of a lead who opted out looks as if nothing had happened.
TO_CONTACT = {
    "salutationtype": "salutationtype", "firstname": "firstname", "lastname": "lastname", "email": "email",
    "secondaryemail": "secondaryemail", "phone": "phone", "mobile": "mobile", "fax": "fax", "designation": "title",
    "leadsource": "leadsource", "lane": "mailingstreet", "code": "mailingzip", "city": "mailingcity",
    "country": "mailingcountry", "state": "mailingstate", "pobox": "mailingpobox", "description": "description",
}  # fmt: skip
TO_ACCOUNT = {
    "company": "accountname", "phone": "phone", "fax": "fax", "email": "email1", "website": "website",
    "industry": "industry", "rating": "rating", "lane": "bill_street", "code": "bill_code", "city": "bill_city",
    "country": "bill_country", "state": "bill_state", "pobox": "bill_pobox",
}  # fmt: skip


def convert(state: State, user: User, element: Mapping[str, Any]) -> Json:
    """{leadId, assignedTo?, entities: {Contacts: {...}, Accounts: {...}}}: ids by module. Raises Problem."""
    module, lead = records.find(state, user, str(element.get("leadId", "")))
    if module.name != "Leads":
        raise wrong_id()
    if lead.converted:
        raise denied()
    entities = element.get("entities") or {"Contacts": {}, "Accounts": {}}
    owner = element.get("assignedTo") or _owner(state, lead)
    made: Json = {}
    if "Accounts" in entities and lead.values.get("company"):
        made["Accounts"] = _account(state, user, lead, owner, entities["Accounts"])
    if "Contacts" in entities:
        link = {"account_id": made["Accounts"]} if made else {}
        made["Contacts"] = _new(state, user, "Contacts", lead, TO_CONTACT, {**entities["Contacts"], **link}, owner)
    lead.converted = True
    state.save(lead)
    state.remember("convert", id=wire_id("Leads", lead.number), module="Leads", made=made)
    return made


def _owner(state: State, lead: Record) -> str:
    """An owner who is nobody is passed on as the user of that number."""
    found = owner_id(state, lead.owner)
    return found if "x" in found else wire_id("Users", lead.owner)


def _account(state: State, user: User, lead: Record, owner: str, sent: Mapping[str, Any]) -> str:
    """An organisation of this name that is there already is used."""
    name = str(sent.get("accountname") or lead.values["company"])
    for account in state.shelf(MODULES["Accounts"]).above(0):
        if account.values.get("accountname", "").casefold() == name.casefold():
            return wire_id("Accounts", account.number)
    return _new(state, user, "Accounts", lead, TO_ACCOUNT, sent, owner)


def _new(
    state: State, user: User, name: str, lead: Record, mapping: Mapping[str, str], sent: Mapping[str, Any], owner: str
) -> str:
    values = {target: lead.values[source] for source, target in mapping.items() if source in lead.values}
    element = {**values, **sent, "isconvertedfromlead": "1", records.OWNER: owner}
    return str(records.create(state, user, MODULES[name], element)["id"])
