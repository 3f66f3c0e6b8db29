"""One run in a process of its own, with something wrong with it: `python -m faults.worker JSON`.

`stop_at` is a step at which it stops itself by SIGSTOP; `file_bytes` the largest file that it may
write. It prints one JSON line: how the run ended.
"""

import json
import os
import resource
import signal
import sys

from faults.arena import filled
from faults.kill_scenarios import SINCE, UNTIL
from faults.steps import Steps
from faults.world import make_services
from mailcrm.errors import MailcrmError
from mailcrm.services.run import run_mailbox


def stop(_name: str) -> None:
    """Freeze; whoever started us may let us go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def main() -> None:
    """Run as told."""
    told = json.loads(sys.argv[1])
    if "file_bytes" in told:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (told["file_bytes"], resource.RLIM_INFINITY))
    steps = Steps({told["stop_at"]}, stop) if "stop_at" in told else None
    services, engine = make_services(told["url"], filled(), steps)
    failure: MailcrmError | None
    try:
        report = run_mailbox(services, "sales", SINCE, UNTIL)
        failure, is_published = report.failure, report.is_published
    except MailcrmError as error:
        failure, is_published = error, False
    engine.dispose()
    name = None if failure is None else type(failure).__name__
    answer = {"failure": name, "text": str(failure), "published": is_published}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
