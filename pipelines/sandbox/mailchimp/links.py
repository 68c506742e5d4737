"""The `_links` of documents and the schema that a Link header names.

Belongs here: addresses within the API. Does not: the documents. As in Mailchimp, every href names the data centre's
host, also when the caller came to the sandbox by another one.
"""

from pipelines.sandbox.mailchimp.model import Json

HOST = "https://us1.api.mailchimp.com"
ROOT = f"{HOST}/3.0"
DEFINITIONS = f"{HOST}/schema/3.0/Definitions"


def link(rel: str, path: str, method: str = "GET", schema: str = "") -> Json:
    """One entry; `schema` names the definition of what it gives."""
    entry: Json = {"rel": rel, "href": f"{ROOT}{path}", "method": method}
    return entry | ({"targetSchema": f"{DEFINITIONS}/{schema}.json"} if schema else {})


def links(path: str, parent: str, *, changes: bool = True) -> list[Json]:
    """The entries self and parent, and update and delete where the document can be changed."""
    entries = [link("self", path), link("parent", parent)]
    return entries + ([link("update", path, "PATCH"), link("delete", path, "DELETE")] if changes else [])


def definition_of(route: str) -> str:
    """The schema that describes a route's answer, as the Link header names it."""
    parts = [part for part in route.split("/") if part]
    names = [part.replace("-", " ").title().replace(" ", "") for part in parts if not part.startswith("{")]
    is_one = not parts or parts[-1].startswith("{")
    return f"{DEFINITIONS}/{'/'.join([*names, 'Response' if is_one else 'CollectionResponse'])}.json"
