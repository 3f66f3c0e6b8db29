"""Runs DAGs with `dag.test()` in a process of its own and prints every task's end.

stdin: a JSON list of {"dag_id", "conf"}, with "logical_date" (ISO) for a run whose id shall be
known: the same again is a retry of that run. stdout ends in a JSON list of {"state", "tasks"}.
"""

import datetime as dt
import json
import sys

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag

MAILBOX = "mailbox__"


def run(
    bag: DagBag, dag_id: str, conf: dict[str, object], logical_date: str | None = None
) -> dict[str, object]:
    """One run of one DAG, to its end; retries come at once."""
    dag = bag.dags[dag_id]
    dag.deadline = None  # `dag.test()` cannot store one (Airflow 3.3.2)
    for task in dag.tasks:
        task.retry_delay = dt.timedelta(0)
    moment = None if logical_date is None else dt.datetime.fromisoformat(logical_date)
    # The id of a run is made of the moment that it runs after.
    known = {} if moment is None else {"logical_date": moment, "run_after": moment}
    done = dag.test(run_conf=conf, **known)
    tasks: dict[str, list[str]] = {}
    labels = []
    for instance in done.get_task_instances():
        tasks.setdefault(instance.task_id, []).append(str(instance.state))
        if instance.rendered_map_index:
            labels.append(instance.rendered_map_index)
    return {
        "state": str(done.state.value),
        "run_id": done.run_id,
        "tasks": {name: sorted(states) for name, states in tasks.items()},
        "labels": sorted(labels),
    }


def main() -> None:
    """Parse and run each."""
    manager = DagBundlesManager()
    manager.sync_bundles_to_db()
    # Parsed anew for each run, as in a real task: a run's params stay in the DAG object.
    results = [run(parse(manager, wanted["dag_id"]), **wanted) for wanted in json.load(sys.stdin)]
    sys.stdout.write("\n@@" + json.dumps(results))


def parse(manager: DagBundlesManager, dag_id: str) -> DagBag:
    """The DAGs of the bundle that has this one."""
    bundle = manager.get_bundle("mailboxes" if dag_id.startswith(MAILBOX) else "dags-folder")
    bundle.initialize()
    bundle.refresh()
    return DagBag(bundle.path, bundle_name=bundle.name)


main()
