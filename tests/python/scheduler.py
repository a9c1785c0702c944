"""A scheduler on pymesos, driven by lines of JSON.

    scheduler.py MASTER FRAMEWORK [KEYWORDS]

FRAMEWORK is a FrameworkInfo in JSON, KEYWORDS are those of MesosSchedulerDriver. Each line of the
input is a call of the driver, `["killTask", {"value": "t"}]`, and is answered with
`["returned", value]` or `["raised", text]`. Each callback is a line, `["statusUpdate", {...}]`. The
end of the input leaves the framework as a crash of its scheduler would; `["stop"]` tears it down.
"""

import json
import os
import sys
import threading

from addict import Dict
from pymesos import MesosSchedulerDriver, Scheduler

CALLBACKS = [name for name in vars(Scheduler) if not name.startswith("_")]
LOCK = threading.Lock()


def say(*line):
    """Writes one line. Callbacks come from another thread than answers."""
    with LOCK:
        print(json.dumps(line), flush=True)


def told(name):
    """A callback that says what it was told."""
    def callback(_, driver, *arguments):
        for argument in arguments:
            plain = not isinstance(argument, dict)
            assert plain or isinstance(argument, Dict) == (driver._dict_cls is Dict), argument
        say(name, *arguments)
    return callback


class Recorder(Scheduler):
    """Says what it hears."""


for callback_name in CALLBACKS:
    setattr(Recorder, callback_name, told(callback_name))


def main(master, framework, keywords="{}"):
    """Runs until it is stopped, or its input ends."""
    driver = MesosSchedulerDriver(Recorder(), json.loads(framework), master, **json.loads(keywords))
    driver.start()
    for line in sys.stdin:
        name, *arguments = json.loads(line, object_hook=driver._dict_cls)
        try:
            say("returned", getattr(driver, name)(*arguments))
        except Exception as error:
            say("raised", str(error))
        if name == "stop":
            driver.join()
            return
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
