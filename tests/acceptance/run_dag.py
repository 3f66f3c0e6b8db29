"""Runs mailbox DAGs with `dag.test()` in a process of its own and prints every task's end.

stdin: a JSON list of {"dag_id", "conf"}; stdout ends in a JSON list of {"state", "tasks"}.
"""

import datetime as dt
import json
import sys

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag


def run(bag: DagBag, dag_id: str, conf: dict[str, object]) -> dict[str, object]:
    """One run of one DAG, to its end; retries come at once."""
    dag = bag.dags[dag_id]
    dag.deadline = None  # `dag.test()` cannot store one (Airflow 3.3.2)
    for task in dag.tasks:
        task.retry_delay = dt.timedelta(0)
    done = dag.test(run_conf=conf)
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
    bundle = manager.get_bundle("mailboxes")
    bundle.initialize()
    bundle.refresh()
    # Parsed anew for each run, as in a real task: a run's params stay in the DAG object.
    results = [
        run(DagBag(bundle.path, bundle_name=bundle.name), wanted["dag_id"], wanted["conf"])
        for wanted in json.load(sys.stdin)
    ]
    sys.stdout.write("\n@@" + json.dumps(results))


main()
