"""The child process: one contender, told what to do by one JSON object per line on stdin.

Between two lines it waits in a read, asleep. Started by `contenders.Child`, not by hand.
"""

import json
import os
import sys
import time
import traceback

_STARTED = time.perf_counter()


def main():
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not get between the replies
    contender = None
    for line in sys.stdin:
        request = json.loads(line)
        cpu_before = time.process_time()
        try:
            if request["do"] == "start":
                contender = start(request)
                seconds = time.perf_counter() - _STARTED
                reply = {"seconds": seconds, "granularity": contender.granularity}
            else:
                reply = COMMANDS[request["do"]](contender, request)
        except Exception as error:  # the parent decides what a failure means
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        reply["cpu_before"], reply["cpu_after"] = cpu_before, time.process_time()
        replies.write(json.dumps(reply) + "\n")
    if contender is not None:
        contender.close()


def start(request):
    """Import the program, set it up and take its first steps, which compiles what it compiles."""
    from rivals import contender_class
    from settings import SETTINGS, Problem

    problem = Problem(SETTINGS[request["setting"]], request["seed"])
    params = read_params(request["params"])
    contender = contender_class(request["contender"])(problem, request["threads"], params)
    contender.run(contender.granularity)
    return contender


def run(contender, request):
    """Take steps and report how long they took and the mean bound of the last of them.

    Just woken up, threads may share a core for some hundredths of a second, until the system moves
    one away; steps of warming up go before the measured ones.
    """
    steps = request["steps"]
    if request["warm_up"]:
        contender.run(request["warm_up"])
    started, cpu_started = time.perf_counter(), time.process_time()
    bounds = contender.run(steps)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    bound = float(bounds[-100:].mean())
    return {"steps": steps, "seconds": seconds, "cpu_seconds": cpu_seconds, "bound": bound}


def reset(contender, request):
    contender.reset(read_params(request["params"]))
    return {}


def save(contender, request):
    import numpy as np

    np.savez(request["to"], **contender.params())
    return {}


def describe(contender, request):
    """Say which BLAS this process uses; the parent may have loaded it under other settings."""
    import machine

    return {"blas": machine.blas()}


def read_params(path):
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


COMMANDS = {"run": run, "reset": reset, "save": save, "describe": describe}

if __name__ == "__main__":
    main()
