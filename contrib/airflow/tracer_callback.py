"""Airflow callbacks that tell tracer what became of a task.

An Airflow context is no JSON: this takes from it what tracer's source "airflow"
reads, and posts it to the gateway. It needs nothing but Python's own library,
and never fails a task: what cannot be sent is logged.

    TRACER_URL    the gateway, such as http://gateway:9097
    TRACER_TOKEN  a token of the source airflow
"""
import json
import logging
import os
import time
import urllib.request
from datetime import datetime, timezone

log = logging.getLogger(__name__)


def _instance(ti):
    """What a task instance says of itself, whichever version of Airflow it is of."""
    fields = ("dag_id", "task_id", "run_id", "map_index", "state", "try_number", "max_tries",
              "start_date", "end_date", "duration", "operator", "log_url", "hostname")
    found = {name: getattr(ti, name, None) for name in fields}
    found["state"] = str(found["state"]) if found["state"] is not None else None
    return {name: value for name, value in found.items() if value is not None}


def _names(things):
    """Datasets (Airflow 2) and assets (Airflow 3) by their URI, others by their name."""
    names = (getattr(thing, "uri", None) or getattr(thing, "name", None) for thing in things or ())
    return [name for name in names if isinstance(name, str)] or None


def event(context, state):
    ti = context.get("task_instance") or context["ti"]
    dag = context.get("dag")
    task = context.get("task")
    body = {
        "state": state,
        "timestamp": datetime.now(timezone.utc),
        "task_instance": _instance(ti),
        "dag_id": ti.dag_id,
        "task_id": ti.task_id,
        "run_id": context.get("run_id") or getattr(ti, "run_id", None),
        "logical_date": context.get("logical_date") or context.get("execution_date"),
        "owner": getattr(task, "owner", None),
        "tags": sorted(getattr(dag, "tags", None) or ()),
        "inlets": _names(getattr(task, "inlets", None)),
        "outlets": _names(getattr(task, "outlets", None)),
        "exception": repr(context["exception"]) if context.get("exception") else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def post(body, attempts=3):
    """One POST, and again when the gateway says so."""
    request = urllib.request.Request(
        os.environ["TRACER_URL"].rstrip("/") + "/ingest/airflow",
        data=json.dumps(body, default=str).encode(),
        headers={"Authorization": "Bearer " + os.environ["TRACER_TOKEN"], "Content-Type": "application/json"})
    for attempt in range(attempts):
        try:
            with urllib.request.urlopen(request, timeout=10):
                return
        except Exception as error:
            log.warning("tracer did not take %s of %s: %s", body["state"], body["task_id"], error)
            if getattr(error, "code", 503) not in (429, 503):
                return
            if attempt + 1 < attempts:
                headers = getattr(error, "headers", None) or {}
                time.sleep(min(float(headers.get("Retry-After", 5)), 30))


def on_failure(context):
    """default_args={"on_failure_callback": on_failure, "on_success_callback": on_success}"""
    try:
        post(event(context, "failed"))
    except Exception:
        log.exception("tracer was not told")


def on_success(context):
    """A success ends what the task's failure began; it opens nothing."""
    try:
        post(event(context, "success"))
    except Exception:
        log.exception("tracer was not told")
