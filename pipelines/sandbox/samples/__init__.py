"""Sample CRMs: seeded people who do not exist, all under the reserved top-level domain `.example`.

auditcase.py   the accountants' CRM of the sync auditcase_mailchimp, with dutch.py's names

Belongs here: which sample belongs where in the default home. Does not: what a sample holds (its module).
"""

from pathlib import Path

from pipelines.sandbox.samples.auditcase import write_auditcase


def write_samples(home: Path) -> list[Path]:
    """Write the sample inputs that the home's crm/ folder does not have yet; which ones were written."""
    path = home / "crm" / "auditcase.db"
    if path.exists():
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    write_auditcase(path)
    return [path]
