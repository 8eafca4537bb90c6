"""The reference of environment variables: every one that the code names, with its meaning.

`found` lists the names in the code; a test holds it equal to what is described here.
"""

import ast
import re
from pathlib import Path

from documentation import tables

ROOT = Path(__file__).parents[1]
VARIABLE = re.compile(
    r"(?:CUDA|DVC|KUBE|KUBERNETES|LOCAL|MLFLOW|OMP|PET|PREFECT|VIDEOPOET|WORLD)[A-Z]*(?:_[A-Z]+)*|RANK|DO_NOT_TRACK"
)
QUOTED = re.compile(rf"""["'](?:{VARIABLE.pattern})["']""")
NOT_VARIABLES = {"KUBE", "LOCAL", "VIDEOPOET", "PREFECT", "DVC"}

FOR_YOU = {
    "VIDEOPOET_TRACEBACK": "Any value: show the traceback of a configuration error (exit code 64) instead of one line.",
    "VIDEOPOET_SCRATCH": "Folder for checkpoints when you call `python -m components`; default `.videopoet/scratch`.",
    "VIDEOPOET_CACHE": "Folder for cached work (decoded files, measurements); default `.videopoet/cache`.",
    "VIDEOPOET_ROOTS": "JSON file, alias to folder or store of your media; default `.videopoet/roots.json`.",
    "VIDEOPOET_WHERE": "`here` or `kubernetes`, if you register `prefect.yaml` by hand; `videopoet serve` sets it.",
    "MLFLOW_TRACKING_URI": "MLflow server for metrics and the registry; default SQLite in `.videopoet/mlflow.db`.",
    "PREFECT_API_URL": "Prefect server to use. Without it a run starts a temporary server.",
    "PREFECT_API_AUTH_STRING": "`user:password` of that server. Found by itself for the server of this checkout.",
    "PREFECT_SERVER_API_PORT": "Port of `videopoet serve`; default 4200.",
    "KUBECONFIG": "Cluster configuration; default `~/.kube/config`.",
    "CUDA_VISIBLE_DEVICES": "GPUs that stages may use; empty for none.",
}
SET_BY_THE_PIPELINE = {
    "VIDEOPOET_COORDINATOR": "Marks the processes of a run, so that the next run ends what a killed one left.",
    "VIDEOPOET_TRACKING_URI": "MLflow server of this stage.",
    "VIDEOPOET_RUN_ID": "MLflow run of this stage.",
    "OMP_NUM_THREADS": "The stage's `threads`.",
    "MLFLOW_DISABLE_TELEMETRY": "`true`.",
    "DO_NOT_TRACK": "`1` for Prefect.",
    "WORLD_SIZE": "Number of training processes; set by torchrun.",
    "LOCAL_WORLD_SIZE": "Of these, on this machine; set by torchrun.",
    "RANK": "Number of this process; set by torchrun.",
    "LOCAL_RANK": "Its number on this machine; set by torchrun.",
    "PET_NNODES": "torchrun: number of pods.",
    "PET_NPROC_PER_NODE": "torchrun: processes per pod.",
    "PET_RDZV_BACKEND": "torchrun: how processes find each other.",
    "PET_RDZV_ENDPOINT": "torchrun: address of the first pod.",
    "PET_RDZV_ID": "torchrun: name of the training.",
    "PET_SHUTDOWN_TIMEOUT": "torchrun: seconds to write a checkpoint.",
    "DVC_SITE_CACHE_DIR": "DVC's own cache folder inside a pod.",
    "KUBERNETES_SERVICE_HOST": "Set by Kubernetes: metrics then listen on all addresses.",
    "PREFECT_HOME": "Folder of Prefect's server, in `.videopoet`.",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "`false`: only DVC stores results.",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "`false`.",
    "PREFECT_SERVER_API_AUTH_STRING": "What the server asks of every caller.",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "On disk, so that leases survive a restart.",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "The server's own page only.",
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "`true`.",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "`true` for the temporary server of a run.",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "`180`.",
    "PREFECT_UI_API_URL": "Address of the API for Prefect's page.",
    "PREFECT_UI_URL": "Address of Prefect's page.",
}


def found() -> set[str]:
    """Return the variables that the code names."""
    names = set[str]()
    for package in ("components", "flows"):
        texts = (path.read_text() for path in (ROOT / package).rglob("*.py"))
        for text in filter(QUOTED.search, texts):  # to parse every file takes a second
            nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
            names |= {node.value for node in nodes if isinstance(node.value, str) and VARIABLE.fullmatch(node.value)}
    return names - NOT_VARIABLES


def page() -> str:
    """Return the reference of environment variables."""
    before = (
        "A parameter belongs in `params.yaml`; the environment only locates folders and services. "
        "Stages read it in one file, `components/__main__.py`. All variables of Prefect are withheld from stages. "
        "Credentials of object stores are read by the stores' own clients (`AWS_ACCESS_KEY_ID`, …)."
    )
    head = ["variable", "meaning"]
    tables_of = [
        tables.table(head, ([f"`{name}`", meaning] for name, meaning in of.items()))
        for of in (FOR_YOU, SET_BY_THE_PIPELINE)
    ]
    return tables.page(
        "Environment variables",
        "`documentation/environment.py`, which a test compares with the code",
        before,
        "## For you to set",
        tables_of[0],
        "## Set by the pipeline",
        tables_of[1],
    )
