"""A client of the operator API on pymesos, driven by lines of JSON.

    operators.py master|agent ADDRESS

Each line of the input is a call of the driver, `["getState"]`, and is answered with
`["returned", value]` or `["raised", text]`. With `["start"]` a master's driver subscribes to
events, each of which is a line, `["taskAdded", {...}]`.
"""

import json
import os
import sys
import threading

from pymesos import MesosOperatorAgentDriver, MesosOperatorMasterDriver, OperatorMaster

LOCK = threading.Lock()


def say(*line):
    """Writes one line. Callbacks come from another thread than answers."""
    with LOCK:
        print(json.dumps(line), flush=True)


class Recorder(OperatorMaster):
    """Says what it hears."""


for callback_name in [name for name in vars(OperatorMaster) if not name.startswith("_")]:
    setattr(
        Recorder,
        callback_name,
        lambda self, *arguments, name=callback_name: say(name, *arguments),
    )


def main(kind, address):
    """Runs until its input ends."""
    if kind == "master":
        driver = MesosOperatorMasterDriver(address, Recorder(), use_addict=True)
    else:
        driver = MesosOperatorAgentDriver(address)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            say("returned", getattr(driver, name)(*arguments))
        except Exception as error:
            say("raised", str(error))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
