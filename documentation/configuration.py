"""References of two configuration files: k8s/placement.yaml and the parameters of the flows in prefect.yaml."""

import ast
import re
from pathlib import Path
from typing import Any

import yaml

from documentation import tables

ROOT = Path(__file__).parents[1]
SETTING = re.compile(r"^  (?P<key>\w+): (?P<value>.*?)(?: +# (?P<meaning>.*))?$")
ARGUMENT = re.compile(r"^(?P<name>\w+): (?P<meaning>.*)$")


def placement() -> str:
    """Return the reference of k8s/placement.yaml: each key, its default and the comment beside it."""
    lines = (ROOT / "k8s" / "placement.yaml").read_text().partition("defaults:\n")[2].partition("\n\n")[0].splitlines()
    found = [match for line in lines if (match := SETTING.match(line))]
    rows = [[f"`{match['key']}`", f"`{match['value']}`", match["meaning"] or ""] for match in found]
    before = (
        "What each stage gets in a cluster. `defaults` apply to all stages; an entry of `stages`, for a stage "
        "(`adapt@v2a`) or its family (`adapt`), holds only what differs. Placement is no input of a stage: changing it "
        "runs nothing again. See [Kubernetes](../how-to/kubernetes.md) and [several nodes](../how-to/multi-node.md)."
    )
    example = (
        "```yaml\nstages:\n"
        "  language_model: {image: videopoet:gpu, cpu: 16, memory: 128Gi, gpus: 8, priority_class: high}\n"
        "  ingest: {parts: 200, parallelism: 50, media: {holidays: media-holidays}}\n"
        "  filter: {parts: 16}\n"
        "```"
    )
    return tables.page(
        "Placement", "`k8s/placement.yaml`", before, tables.table(["key", "default", "meaning"], rows), example
    )


def prefect_parameters() -> str:
    """Return the reference of the deployments in prefect.yaml and of the parameters of their flows."""
    parts = [
        "Deployments, their schedules, and the parameters of their flows: defined in `prefect.yaml`, registered by "
        "`videopoet serve`. See [schedules](../how-to/schedule-and-notify.md)."
    ]
    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        module, _, flow = deployment["entrypoint"].rpartition(".")
        given: dict[str, Any] = deployment["parameters"]
        crons = [schedule["cron"] for schedule in deployment["schedules"]]
        limit = deployment["concurrency_limit"]
        facts = (
            f"Schedule: {', '.join(f'`{cron}` UTC' for cron in crons) or 'none, on request'}. "
            f"At most {limit['limit']} at once; another one "
            f"{'is cancelled' if limit['collision_strategy'] == 'CANCEL_NEW' else 'waits'}."
        )
        rows = [
            [f"`{name}`", f"`{default}`", f"`{given[name]}`" if name in given else "", meaning]
            for name, default, meaning in _parameters(ROOT / f"{module.replace('.', '/')}.py", flow)
        ]
        head = ["parameter", "default", "in the deployment", "meaning"]
        parts += [f"## {flow}/{deployment['name']}", facts, tables.table(head, rows)]
    return tables.page("Prefect parameters", "`prefect.yaml` and the docstrings of the flows", *parts)


def _parameters(path: Path, flow: str) -> list[tuple[str, str, str]]:
    """Return name, default and meaning of a flow's parameters, without importing Prefect."""
    functions = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))
    function = next(node for node in functions if node.name == flow)
    section = (ast.get_docstring(function) or "").partition("Args:\n")[2]
    joined = re.sub(r"\n {8}", " ", section)
    meanings = {
        found["name"]: found["meaning"] for line in joined.splitlines() if (found := ARGUMENT.match(line.strip()))
    }
    arguments = function.args.args
    defaults = [None] * (len(arguments) - len(function.args.defaults)) + [
        ast.unparse(one) for one in function.args.defaults
    ]
    return [
        (argument.arg, default or "required", meanings.get(argument.arg, ""))
        for argument, default in zip(arguments, defaults, strict=True)
    ]
