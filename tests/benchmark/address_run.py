"""One way of judging made-up addresses, measured in a process of its own, on one core.

Belongs here: making the addresses up, judging them. Does not: which sizes, and the table (addresses.py).

Usage: address_run.py FILE N IDN WAY; prints {"cpu": s, "megabytes": n, "judged": n, "wrong": n} as JSON. IDN is the
share of international domains in percent. WAY is `enlist`, which judges all; `again`: all of them once more;
`distinct`, the least that anybody must do: each address written once into a table; `library`: email-validator is asked
about each, one by one.
"""

import json
import resource
import sys
import time
from pathlib import Path

import duckdb
from email_validator import EmailNotValidError, validate_email

from pipelines.quality import addresses

SAMPLE = "select email as address from crm"
# Of a hundred addresses one is wrong, in one of five ways; an international domain has 25 people, any other 50.
ADDRESSES = """
    create or replace table crm as
    select case
        when hash(i) % 100 = 99 then
            ['jan de vries' || i, 'jan' || i || '@x,nl', 'jan' || i || '@x', 'n.v.t. ' || i, 'jan@@x' || i || '.nl']
            [i % 5 + 1]
        when hash(i) % 100 < $idn
            then 'Piet' || i || '@b' || chr(228 + (i // 500 % 7)::int) || 'ker' || i // 500 || '.example'
        else 'piet.jansen' || i || '@bedrijf' || i // 50 || '.example'
    end as email
    from range($count) as numbers(i)
"""


def make(path: Path, count: int, idn: int) -> None:
    """The addresses, as a CRM's table."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(ADDRESSES, {"count": count, "idn": idn})


def measure(path: Path, how: str) -> dict[str, float]:
    """What it takes in CPU seconds, which neighbours on the machine do not change, and in memory."""
    with duckdb.connect(str(path), config={"threads": 1}) as connection:
        started = time.process_time()
        connection.begin()
        judged, wrong = RUNS[how](connection)
        connection.commit()
        cpu = time.process_time() - started
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu": cpu, "megabytes": megabytes, "judged": judged, "wrong": wrong}


def by_enlist(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """How many were new, and wrong."""
    counts = addresses.judge_new(connection, SAMPLE)
    return counts.judged, counts.wrong


def by_nobody(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Only written down."""
    connection.execute(f"create or replace table known as select distinct address from ({SAMPLE})")
    ((count,),) = connection.execute("select count(*) from known").fetchall()
    return count, 0


def by_library(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """The library's own word on each."""
    judged = wrong = 0
    answer = connection.execute(SAMPLE)
    while page := answer.fetchmany(10_000):
        judged += len(page)
        wrong += sum(_is_refused(address) for (address,) in page)
    return judged, wrong


def _is_refused(address: str) -> bool:
    try:
        validate_email(address, strict=True, check_deliverability=False)
    except EmailNotValidError:
        return True
    return False


RUNS = {"enlist": by_enlist, "again": by_enlist, "distinct": by_nobody, "library": by_library}

if __name__ == "__main__":
    file, size, share, way = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    if not file.exists():
        make(file, size, share)
    sys.stdout.write(json.dumps(measure(file, way)))
