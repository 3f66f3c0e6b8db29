"""mailcrm: a mailbox's mail, in the CRM, every message accounted for, exactly once.

The map. One run of one mailbox goes through these stages, each a folder of pure functions:

    credentials  1  what a server's answer to a login means, and what to change
    backfill     2  what to ask the server for: windows, the ledger, uid slices, the certificate
    parse        3  bytes -> message record: headers, addresses, dates, bodies
    dedupe       4  which message this is: fingerprint, message_key, conversations
    match        5  which contacts took part: candidates, evidence, decision
    check        6  which rows are fit to publish, and whether the batch is
    publish      7  what changes in the CRM tables

`services` runs them, one module per task of the DAG; `adapters` does every byte of I/O;
`cli` is the `mailcrm` command. Nothing here imports airflow: the glue lives in `dags/`.
"""

__version__ = "0.1.0"
