from collections import Counter
import time
import pytest


@pytest.mark.parametrize(
    "name",
    "scheduled canary single stopped first_sync again campaigns quiet killed finished shrunken accepted emptied".split(),
)
def test_x(request, name):
    t = time.monotonic()
    c = time.process_time()
    step = request.getfixturevalue(name)
    print(name, "wall %.1f cpu %.1f" % (time.monotonic() - t, time.process_time() - c))
    s = getattr(step, "step", step)
    print(s.result, s.error, s.writes, s.statuses())
    if s is not step:
        print(
            {
                k: v
                for k, v in step.plan.items()
                if k in ("plan_id", "status", "counts", "hold_counts", "broken_rules", "accepted", "managed_count")
            }
        )
        print(step.changes[:12] if len(step.changes) < 15 else len(step.changes))
        print(Counter(r for x in step.holds.values() for r in x))
