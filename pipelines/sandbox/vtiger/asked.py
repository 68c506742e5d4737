"""The parameters of a call.

Belongs here: query and form. Does not: what an operation does with them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pipelines.sandbox.http import Call
from pipelines.sandbox.vtiger.problems import Fatal


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation (lower case) with its session and parameters, which a POST has in its form."""

    method: str
    operation: str
    session: str
    values: Mapping[str, str]

    @classmethod
    def of(cls, call: Call) -> "Asked":
        """From a call of webservice.php; operation and session may stand in the URL of a POST too."""
        form = dict(parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True))
        both = {**call.query, **form}
        values = form if call.method == "POST" else call.query
        return cls(call.method, both.get("operation", "").lower(), both.get("sessionName", ""), values)

    def text(self, name: str) -> str:
        """The parameter, "" when it is missing."""
        return self.values.get(name, "")

    def element(self, name: str = "element") -> dict[str, Any]:
        """The parameter as a JSON object; anything else kills PHP."""
        try:
            found = json.loads(self.text(name))
        except ValueError:
            raise Fatal from None
        if not isinstance(found, dict):
            raise Fatal
        return found
