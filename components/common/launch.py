"""One node's part of a training of several processes: torchrun, which ends with the exit code of the stage.

    python -m components.common.launch [options of torchrun] -m components <stage> …

torchrun alone exits with 1 whatever the exit codes of its processes, so that a wrong configuration would look like a
transient error. A node that never came, or that is lost, is a transient error. torchrun's own environment variables
(PET_…) apply here too.
"""

import logging
import sys

from torch.distributed import DistError, run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.elastic.rendezvous import RendezvousError

from components.common import errors

_AFTER = {
    errors.RETRY: 1,
    errors.STOPPED: 2,
}  # codes of processes that ended because another one did: reported only if there is no other


def main(arguments: list[str]) -> int:
    """Start this node's processes and wait for them; returns the exit code of the process that failed first."""
    logging.disable(logging.ERROR)  # torchrun's own messages, which would come after the stage's last ones
    try:
        run.run(run.parse_args(arguments))
    except ChildFailedError as error:
        failure = min(error.failures.values(), key=lambda one: (_AFTER.get(_code(one), 0), one.timestamp))
        return _code(failure)
    except SignalException:
        return errors.STOPPED
    except (DistError, RendezvousError) as error:
        print(f"the nodes of this training do not find each other: {error}", file=sys.stderr, flush=True)
        return errors.RETRY
    return 0


def _code(failure: ProcessFailure) -> int:
    return 128 - failure.exitcode if failure.exitcode < 0 else int(failure.exitcode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
