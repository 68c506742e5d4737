"""Records that hang on a record: relatedtypes and retrieve_related (recorded exchanges 75, 76).

Belongs here: relations of the modules that the simulator serves. Does not: linking (a reference field does that).
Only the types of Leads were recorded; of other modules those are listed whose records can be asked for here.
"""

from pipelines.sandbox.vtiger import catalogue, query, records
from pipelines.sandbox.vtiger.model import Json, User
from pipelines.sandbox.vtiger.modules import MODULES
from pipelines.sandbox.vtiger.problems import denied
from pipelines.sandbox.vtiger.state import State
from pipelines.sandbox.vtiger.vtql import Condition

# Label and module of each relation.
OF_LEADS = (
    ("Activities", "Calendar"),
    ("Emails", "Emails"),
    ("Activity History", "Calendar"),
    ("Documents", "Documents"),
    ("Products", "Products"),
    ("Campaigns", "Campaigns"),
    ("PBXManager", "PBXManager"),
    ("Services", "Services"),
    ("ModComments", "ModComments"),
)
OF_CONTACTS = (("Activities", "Calendar"), ("ModComments", "ModComments"))
OF_ACCOUNTS = (("Contacts", "Contacts"), *OF_CONTACTS)
RELATIONS = {"Leads": OF_LEADS, "Contacts": OF_CONTACTS, "Accounts": OF_ACCOUNTS}
# The field through which the related record points back.
LINKS = {
    ("Leads", "Calendar"): "parent_id",
    ("Accounts", "Calendar"): "parent_id",
    ("Contacts", "Calendar"): "contact_id",
    ("Accounts", "Contacts"): "account_id",
    **{(name, "ModComments"): "related_to" for name in RELATIONS},
}


def related_types(name: str) -> Json:
    """Modules and labels of the relations of a module."""
    relations = RELATIONS.get(catalogue.module_named(name).name, ())
    information = {label: {"name": module, "label": label, "isEntity": "1"} for label, module in relations}
    return {"types": [module for _, module in relations], "information": information}


def related(state: State, user: User, text: str, label: str, name: str) -> list[Json]:
    """Rows as a query gives them; Calendar selects tasks only, so that events are never among them."""
    module, _ = records.find(state, user, text)
    if (label, name) not in RELATIONS.get(module.name, ()):
        raise denied()
    link = LINKS.get((module.name, name))
    if link is None or label == "Activity History":
        return []
    where = ((Condition(link, "EQ", (text,)),),)
    return query.page(state, user, MODULES[name], where)
