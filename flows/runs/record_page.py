"""A run's record -> the page around its report: name, times and what made what. Opens without a server."""

from collections.abc import Mapping
from html import escape
from typing import Any

SIZES = ("peak_bytes", "read_bytes", "written_bytes", "bytes")
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0; color: #1d2126; }
header { padding: 1.2rem 2rem; background: #f4f5f7; }
h1 { font-size: 1.2rem; margin: 0 0 .4rem; } code { font-size: .9em; }
table { border-collapse: collapse; margin-top: .6rem; } td, th { padding: .1rem .9rem .1rem 0; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
iframe { border: 0; width: 100%; height: 85vh; } summary { cursor: pointer; margin-top: .4rem; }
"""


def render(record: Mapping[str, Any]) -> str:
    """HTML of a record; it expects the report, if there is one, at report/index.html beside it."""
    took = record["took"]
    seconds, cpu_s = (sum(note.get(key, 0) for note in took.values()) for key in ("seconds", "cpu_s"))
    rows = "\n".join(_row(name, took[name]) for name in took)
    revision = record["source"]["revision"][:10] or "no revision"
    changes = ' with <a href="source.diff">uncommitted changes</a>' if record["source"]["uncommitted"] else ""
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>run {record["run"][:10]}</title><style>{STYLE}</style>
<header>
<h1>Run <code>{record["run"][:10]}</code></h1>
recipe <code>{record["recipe"][:10]}</code> · source <code>{escape(revision)}</code>{changes}
· written {escape(record["written"])} · stages took {seconds:,.0f} s, {cpu_s:,.0f} core-seconds
· {escape(record["numerics"]["processor"])}, torch {escape(record["numerics"]["torch"])}<br>
<a href="source.tar.gz">source</a> ·
<a href="params.yaml">params.yaml</a> · <a href="dvc.lock">dvc.lock</a> · <a href="record.json">record.json</a>
<details><summary>Time and size of each stage</summary>
<table><tr><th>stage</th><th class="number">seconds</th><th class="number">core-seconds</th>
<th class="number">GPU-seconds</th><th class="number">peak memory</th><th class="number">read</th>
<th class="number">written</th><th class="number">output</th><th>log</th></tr>
{rows}
</table></details>
</header>
<iframe src="report/index.html" title="report"></iframe>
</html>
"""


def _row(name: str, note: Mapping[str, Any]) -> str:
    cells = [
        f"{note['seconds']:,.1f}" if note else "made elsewhere",
        f"{note['cpu_s']:,.1f}" if note else "",
        f"{note['gpu_s']:,.1f}" if "gpu_s" in note else "",
        *(f"{note[key] / 1e6:,.2f} MB" if key in note else "" for key in SIZES),
    ]
    numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    log = f'<a href="logs/{escape(name)}.log">log</a>' if note else ""
    return f"<tr><td>{escape(name)}</td>{numbers}<td>{log}</td></tr>"
