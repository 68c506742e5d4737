"""The least that a plan could be: one full outer join of the two sides in bare DuckDB, and who changed, as a table.

Belongs here: that join, on a hash that is stored and on one made of the columns. Does not: the two sides (contacts.py).

Usage: bare_join.py HOME stored|columns; prints {"seconds": s, "cpu": s, "megabytes": n, "rows": n} as JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path

import duckdb
from contacts import BARE, FIELDS

HASHES = {"stored": "stored_hash", "columns": f"hash({', '.join(FIELDS)})"}


def join(path: Path, how: str) -> dict[str, float]:
    """One row for each address that is new, gone or changed."""
    sides = [f"select email, {HASHES[how]} as side_hash from {table}" for table in ("crm", "audience")]
    started = time.monotonic()
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            create or replace table found as
            select coalesce(crm.email, audience.email) as email, crm.side_hash as wanted, audience.side_hash as present
            from ({sides[0]}) as crm
            full outer join ({sides[1]}) as audience on crm.email = audience.email
            where crm.side_hash is distinct from audience.side_hash
        """)
        ((found,),) = connection.execute("select count(*) from found").fetchall()
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds, cpu = time.monotonic() - started, used.ru_utime + used.ru_stime
    return {"seconds": seconds, "cpu": cpu, "megabytes": used.ru_maxrss / 1024, "rows": found}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(join(Path(sys.argv[1]) / BARE, sys.argv[2])))
