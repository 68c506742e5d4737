"""The modules that the simulator serves, and the names of all that an installation has.

Belongs here: names, prefixes, labels (recorded exchanges 08 to 10). Does not: their fields' tables, records.
"""

from dataclasses import dataclass

from pipelines.sandbox.vtiger import activity_fields, people_fields
from pipelines.sandbox.vtiger.fields import Field


@dataclass(frozen=True, slots=True)
class Module:
    """A module whose records can be asked for; `number_field` holds its running number, such as LEA1."""

    name: str
    label: str
    prefix: str
    label_fields: tuple[str, ...]
    id_label: str
    fields: tuple[Field, ...]
    number_field: str = ""
    number_prefix: str = ""
    is_entity: bool = True


USER_FIELDS = (
    Field("user_name", "User Name", mandatory=True),
    Field("is_admin", "Admin"),
    Field("first_name", "First Name"),
    Field("last_name", "Last Name", mandatory=True),
    Field("email1", "Primary Email", "email", mandatory=True),
    Field("status", "Status"),
    Field("date_format", "Date Format"),
    Field("hour_format", "Calendar Hour Format"),
    Field("time_zone", "Time Zone"),
)
GROUP_FIELDS = (Field("groupname", "Group Name"), Field("description", "Description", "text"))

MODULES = {
    module.name: module
    for module in (
        Module("Calendar", "Calendar", "9", ("subject",), "activityid", activity_fields.CALENDAR),
        Module("Leads", "Leads", "10", ("firstname", "lastname"), "leadid", people_fields.LEADS, "lead_no", "LEA"),
        Module(
            "Accounts",
            "Organizations",
            "11",
            ("accountname",),
            "accountid",
            people_fields.ACCOUNTS,
            "account_no",
            "ACC",
        ),
        Module(
            "Contacts",
            "Contacts",
            "12",
            ("firstname", "lastname"),
            "contactid",
            people_fields.CONTACTS,
            "contact_no",
            "CON",
        ),
        Module("Events", "Events", "18", ("subject",), "activityid", activity_fields.EVENTS),
        Module("Users", "Users", "19", ("first_name", "last_name"), "id", USER_FIELDS),
        Module("Groups", "Groups", "20", ("groupname",), "groupid", GROUP_FIELDS, is_entity=False),
        Module("ModComments", "Comments", "30", ("commentcontent",), "modcommentsid", activity_fields.MODCOMMENTS),
    )
}
BY_PREFIX = {module.prefix: module for module in MODULES.values()}

# Name, label, singular; Groups and those after it are no entities.
TYPES = (
    ("Campaigns", "Campaigns", "Campaign"),
    ("Vendors", "Vendors", "Vendor"),
    ("Faq", "FAQ", "FAQ"),
    ("Quotes", "Quotes", "Quote"),
    ("PurchaseOrder", "Purchase Orders", "Purchase Order"),
    ("SalesOrder", "Sales Orders", "Sales Order"),
    ("Invoice", "Invoices", "Invoice"),
    ("PriceBooks", "Price Books", "Price Book"),
    ("Calendar", "Calendar", "Task"),
    ("Leads", "Leads", "Lead"),
    ("Accounts", "Organizations", "Organization"),
    ("Contacts", "Contacts", "Contact"),
    ("Potentials", "Opportunities", "Opportunity"),
    ("Products", "Products", "Product"),
    ("Documents", "Documents", "Document"),
    ("Emails", "Emails", "Email"),
    ("HelpDesk", "Tickets", "Ticket"),
    ("Events", "Events", "Event"),
    ("Users", "Users", "User"),
    ("PBXManager", "PBX Manager", "Call Record"),
    ("ServiceContracts", "Service Contracts", "Service Contract"),
    ("Services", "Services", "Service"),
    ("ProjectMilestone", "Project Milestones", "Project Milestone"),
    ("ProjectTask", "Project Tasks", "Project Task"),
    ("Project", "Projects", "Project"),
    ("ModComments", "Comments", "Comment"),
    ("SMSNotifier", "SMS Notifier", "SMS Notifier"),
    ("Assets", "Assets", "Asset"),
    ("Groups", "Groups", "Groups"),
    ("Currency", "Currency", "Currency"),
    ("DocumentFolders", "DocumentFolders", "DocumentFolders"),
    ("CompanyDetails", "CompanyDetails", "CompanyDetails"),
    ("LineItem", "LineItem", "LineItem"),
    ("Tax", "Tax", "Tax"),
    ("ProductTaxes", "ProductTaxes", "ProductTaxes"),
)
FIRST_NON_ENTITY = "Groups"
# Recorded for this one type (09); Vendors' other fields are not.
MAILABLE = ("Vendors", "Leads", "Accounts", "Contacts")
