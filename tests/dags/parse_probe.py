"""Parses the project's DAG files in a process of its own and prints what came out, as JSON.

Any attempt to reach the network, a database or another program while parsing is recorded.
"""

import json
import sys

HEAVY = ("great_expectations", "pandas", "numpy", "scipy", "imapclient", "mailcrm.services")
FORBIDDEN = {
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "sqlite3.connect",
    "subprocess.Popen",
}
attempts: list[str] = []
armed = False


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Note what parsing must not do."""
    if armed and event in FORBIDDEN:
        attempts.append(f"{event} {arguments!r:.120}")


def describe(dag) -> dict[str, object]:
    """One DAG as plain values."""
    return {
        "schedule": getattr(dag.timetable, "expression", None),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "doc": dag.doc_md,
        "owner_links": dag.owner_links,
        "deadlines": [
            (alert.interval.total_seconds(), alert.callback.path, alert.callback.kwargs)
            for alert in (dag.deadline or [])
        ],
        "name": dag.dag_display_name,
        "fileloc": dag.fileloc,
        "params": {name: param.schema for name, param in dag.params.items_raw()}
        if hasattr(dag.params, "items_raw")
        else {name: dag.params.get_param(name).schema for name in dag.params},
        "tasks": {
            task.task_id: {
                "upstream": sorted(task.upstream_task_ids),
                "trigger_rule": task.trigger_rule.value,
                "timeout_s": task.execution_timeout.total_seconds(),
                "retries": task.retries,
                "policy": task.has_retry_policy,
                "owner": task.owner,
                "links": [link.name for link in task.operator_extra_links or ()],
                "pool": task.pool,
                "params": len(task.params),
                "doc": task.doc_md,
                "is_mapped": task.is_mapped,
                "outlets": {asset.name: asset.uri for asset in task.outlets},
            }
            for task in dag.tasks
        },
    }


def main() -> None:
    """Parse, describe, print."""
    global armed
    sys.addaudithook(watch)
    from airflow.dag_processing.dagbag import DagBag  # its own imports may do what they like

    armed = True
    bag = DagBag(sys.argv[1], safe_mode=True)
    armed = False
    from airflow.serialization.serialized_objects import DagSerialization

    serialized = {i: len(json.dumps(DagSerialization.to_dict(d))) for i, d in bag.dags.items()}
    result = {
        "import_errors": bag.import_errors,
        "attempts": attempts,
        "heavy": sorted(name for name in HEAVY if name in sys.modules),
        "dags": {dag_id: describe(dag) for dag_id, dag in bag.dags.items()},
        "serialized_bytes": serialized,
    }
    sys.stdout.write("\n@@" + json.dumps(result, default=str))


main()
