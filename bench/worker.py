"""One rival's process, started by `bench.rivals`: `python -m bench.worker MODULE`.

Each line of standard input orders something, in JSON; each line of standard output answers. A rival has a process of
its own because thread counts are settled by environment variables before a library is loaded, because libraries that
share a process share thread pools as well, and because memory can only be told apart by process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any

from bench import tasks


def main() -> None:
    """Serve until standard input ends. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    peer = importlib.import_module(f"bench.peers.{sys.argv[1]}")
    print(json.dumps("ready"), file=answers)
    task: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if "task" in order:
                task = None  # the memory of the last one goes first
                task = getattr(tasks, order["task"])(getattr(peer, order["of"]), **order["arguments"])
                answer = task.facts
            else:
                answer = task.turn()
        except Exception as error:
            traceback.print_exc()
            answer = {"failed": f"{type(error).__name__}: {error}".partition("\n")[0]}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
