"""What the contract leaves open, one switch each, so that a client can be tried against every answer.

Belongs here: sections 1 to 3 and 6 of `contracts/iteras.md`. Does not: faults, which come and go (sandbox/faults.py).
"""

from dataclasses import dataclass
from typing import Literal

from pipelines.sandbox.switches import BaseSwitches


@dataclass(frozen=True, slots=True)
class Switches(BaseSwitches):
    """Section numbers are those of the contract.

    auth_status              1: status for a missing or a wrong key, 400, 401, 403 or 404
    records_path             6: where the list stands in the reply, such as "customers" or "data.customers"; "": it is
                             the reply
    paging                   6: none: parameters of pages are ignored and everybody comes
    page_param, page_size_param   6: names of the parameters; the first is the number of a page, an offset or a cursor
    default_page_size, max_page_size   6: without a size, and the most; a larger one is cut
    first_page               6: number of the first page
    next_path                6: where the next cursor stands in the reply, null at the end; a cursor needs records_path
    since_param              6: name of a parameter with a moment in ISO 8601; "": there is none
    flat                     2: the keys of `data` stand beside `id`; False: below "data"
    ids_are_numbers          2: id is a number in replies
    unknown_id               2: an id that names nobody is left out or refused with 404
    unknown_field            2: a value of `fields` that is not documented is ignored or refused
    errors_by_position       3: `errors` has an empty object for every operation that went well; False: only failures
    calls_per_minute         6: one more is a 429; 0: no limit
    retry_after              6: seconds in the Retry-After of a 429; 0: no such header
    zone                     6: of days and timestamps, which carry no zone
    """

    auth_status: int = 404
    records_path: str = ""
    paging: Literal["none", "page", "offset", "cursor"] = "none"
    page_param: str = "page"
    page_size_param: str = "page_size"
    default_page_size: int = 100
    max_page_size: int = 1000
    first_page: int = 1
    next_path: str = "next"
    since_param: str = ""
    flat: bool = False
    ids_are_numbers: bool = False
    unknown_id: Literal["left_out", "refused"] = "left_out"
    unknown_field: Literal["ignored", "refused"] = "refused"
    errors_by_position: bool = True
    calls_per_minute: int = 0
    retry_after: int = 0
    zone: str = "Europe/Copenhagen"
