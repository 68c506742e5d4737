"""What a fresh sandbox holds: one account, one audience, and a dozen people whom no CRM knows.

Belongs here: the first state, the same in every fresh sandbox of one seed. Does not: samples of CRMs.
"""

from pipelines.sandbox.mailchimp import members
from pipelines.sandbox.mailchimp.audiences import new_audience
from pipelines.sandbox.mailchimp.model import Account
from pipelines.sandbox.mailchimp.state import State, md5

API_KEY = "0123456789abcdef0123456789abcdef-us1"
AUDIENCE = "Relaties"

# Added by hand in the provider, so private (B4): never brought into a CRM and left alone by every sync.
PRIVATE_MEMBERS = (
    ("anke.vis@privemail.example", "Anke", "Vis"),
    ("bas.tuin@privemail.example", "Bas", "Tuin"),
    ("carla.duyn@hofstede.example", "Carla", "Duyn"),
    ("d.oost@hofstede.example", "Dirk", "Oost"),
    ("els.wieringa@noordzee.example", "Els", "Wieringa"),
    ("fenna@noordzee.example", "Fenna", "de Rooij"),
    ("gijs.hamer@werkplaats.example", "Gijs", "Hamer"),
    ("h.zilver@werkplaats.example", "Hanna", "Zilver"),
    ("ivo.brandt@buurtkrant.example", "Ivo", "Brandt"),
    ("jet.molen@buurtkrant.example", "Jet", "Molen"),
    ("koos.lamp@buurtkrant.example", "Koos", "Lamp"),
    ("lotte.vaart@privemail.example", "Lotte", "Vaart"),
)
OPTED_OUT = "koos.lamp@buurtkrant.example"


def seed(state: State) -> None:
    """Fills an empty state; one of the private members has opted out."""
    account = Account(
        account_id=md5(f"{state.seed}:account")[:25],
        login_id="104857601",
        account_name="Vereniging Voorbeeld",
        email="beheer@voorbeeld.example",
        member_since=state.stamp(),
        api_keys=[API_KEY],
    )
    state.save_account(account)
    contact = {"company": account.account_name, "address1": "Dorpsstraat 1", "city": "Utrecht", "country": "NL"}
    defaults = {"from_name": account.account_name, "from_email": account.email, "subject": "", "language": "nl"}
    settings = {
        "contact": {"address2": "", "state": "", "zip": "3511 AA", "phone": "", **contact},
        "campaign_defaults": defaults,
        "permission_reminder": "U bent relatie van de vereniging.",
    }
    audience = new_audience(state, AUDIENCE, settings)
    for email_address, first_name, last_name in PRIVATE_MEMBERS:
        body = {"email_address": email_address, "merge_fields": {"FNAME": first_name, "LNAME": last_name}}
        member = members.add(state, audience.id, body, "subscribed", source="Admin Add")
        if email_address == OPTED_OUT:
            members.set_status(state, member, "unsubscribed", "No longer interested", "unsubscribe")
            state.members.save(member)
