"""Runs `orgform` for whoever asks on stdin, each time in a child of its own with limits: starting Python takes longer than most attacks.

A line in: `{"words", "cwd", "env", "out", "memory", "patience"}`; a line out: the exit code, or null where it had to be killed.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from typing import Any, NoReturn


def child(asked: dict[str, Any]) -> NoReturn:
    code = 99
    try:
        os.setsid()
        os.chdir(asked["cwd"])
        os.environ.update(asked["env"])
        for handle, name in ((0, os.devnull), (1, f"{asked['out']}.out"), (2, f"{asked['out']}.err")):
            opened = os.open(name, os.O_RDONLY if handle == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(opened, handle)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (asked["memory"], asked["memory"]))
        from orgform.cli import main

        code = main(asked["words"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 98
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def waited(process: int, patience: float) -> int | None:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def serve() -> None:
    import jsonschema
    import jsonschema_rs

    import orgform.cli.shell
    import orgform.planning
    import orgform.running
    from orgform.kinds import load_kinds
    from orgform.providers import find_spec

    assert jsonschema and jsonschema_rs and orgform.cli.shell and orgform.planning and orgform.running
    load_kinds()
    find_spec("local")
    for line in sys.stdin:
        asked = json.loads(line)
        process = os.fork()
        if not process:
            child(asked)
        print(json.dumps(waited(process, asked["patience"])), flush=True)


if __name__ == "__main__":
    serve()
