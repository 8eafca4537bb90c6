"""The reference of exit codes; the numbers are those of components/common/errors.py."""

from components.common import errors
from documentation import tables

COMPLETED, STAGE_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

CODES: dict[int, tuple[str, str, str]] = {
    COMPLETED: ("completed", "Everything asked for is up to date.", "none"),
    STAGE_FAILED: (
        "failed or refused",
        "An unexpected error in a stage, several stages with different codes, or a gate that refused the candidate "
        "(`promote`, `finetune`).",
        "`videopoet status`, then `videopoet logs STAGE`. A traceback is a bug of the pipeline: report it. "
        "A refusal is a result: the table says which rule failed.",
    ),
    USAGE: ("usage", "Unknown command, option or value.", "`videopoet COMMAND --help`"),
    errors.CONFIGURATION: (
        "configuration",
        "A parameter, path, image or lock that only you can correct; also a stage that is not deterministic. "
        "It is never retried.",
        "Correct what the message names, then the same command.",
    ),
    errors.DATA: (
        "data",
        "The data failed a gate, drifted from the accepted card, or more items failed than `max_error_rate` allows.",
        "Correct the data or [accept the drift](../how-to/accept-drift.md), then the same command.",
    ),
    errors.RETRY: (
        "temporary failure",
        "A remote or cluster that does not answer, a lost node, a full disk, or another run in the same checkout.",
        "Wait or free space, then the same command. Inside a run it is retried twice, after 10 and 60 seconds.",
    ),
    INTERRUPTED: ("stopped by Ctrl-C", "The run was interrupted; checkpoints are written.", "The same command."),
    errors.STOPPED: (
        "stopped by SIGTERM",
        "`videopoet cancel`, a scheduler or an eviction; checkpoints are written.",
        "The same command.",
    ),
}


def page() -> str:
    """Return the reference of exit codes."""
    before = "Exit codes of `videopoet`, of stages and of pods: their meaning, and what to do."
    rows = [[f"**{code}**", *words] for code, words in sorted(CODES.items())]
    after = (
        "`videopoet run` ends with 64, 65, 75 or 143 if all failed stages ended with that code, otherwise with 1. A "
        "stage process (`python -m components …`) uses these codes in the same way; a pod does too. `videopoet status` "
        "shows each stage's own code: 137, or -9, is SIGKILL, mostly because memory ran out "
        "([what to do](../troubleshooting.md#a-stage-that-was-killed))."
    )
    table = tables.table(["code", "name", "means", "do"], rows)
    return tables.page("Exit codes", "`components/common/errors.py`", before, table, after)
