"""An executor of somebody else: it speaks the executor API with Python's standard library alone.

    executor.py FOLDER [stubborn]

It runs any number of tasks at once. A task notes its start in FOLDER/ran-ID, and is over once there
is a file FOLDER/go or FOLDER/go-ID. The executor echoes messages, keeps what its agent has not
acknowledged, and comes back when the agent does. One that is stubborn does not shut down.
"""

import base64
import http.client
import json
import os
import random
import re
import sys
import threading
import time
import uuid

FOLDER = sys.argv[1]
STUBBORN = "stubborn" in sys.argv[2:]
ENDPOINT = os.environ["MESOS_AGENT_ENDPOINT"]
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "secs": 1, "mins": 60, "hrs": 3600, "days": 86400}


def seconds(text):
    """The seconds of a duration such as `15mins`."""
    number, unit = re.fullmatch(r"([0-9.]+)([a-z]+)", text).groups()
    return float(number) * UNITS[unit]


def note(name, line):
    """Appends a line to a file of the test."""
    with open(os.path.join(FOLDER, name), "a") as file:
        file.write(line + "\n")


class Executor:
    """The conversation with the agent, and what must survive a loss of it."""

    def __init__(self):
        self.lock = threading.RLock()
        self.tasks = {}  # what no update of has been acknowledged, by id
        self.updates = {}  # what has not been acknowledged, by uuid, in order
        self.running = set()

    def request(self, kind, body=None):
        """One call; the connection and the response."""
        call = {
            "type": kind,
            "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
            "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
        }
        if body is not None:
            call[kind.lower()] = body
        connection = http.client.HTTPConnection(ENDPOINT)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        connection.request("POST", "/slave(1)/api/v1/executor", json.dumps(call), headers)
        return connection, connection.getresponse()

    def call(self, kind, body):
        """One call on a connection of its own. What is lost is told at the next subscription."""
        try:
            connection, response = self.request(kind, body)
            response.read()
            connection.close()
        except (OSError, http.client.HTTPException):
            pass

    def update(self, task, state):
        """Tells what became of a task."""
        identity = base64.b64encode(uuid.uuid4().bytes).decode()
        status = {
            "task_id": {"value": task},
            "state": state,
            "source": "SOURCE_EXECUTOR",
            "uuid": identity,
            "timestamp": time.time(),
        }
        # Updates leave in the order in which they are made.
        with self.lock:
            self.updates[identity] = {"status": status}
            self.call("UPDATE", {"status": status})

    def subscribe(self):
        """Subscribes, and handles events until the stream ends. Says whether it got that far."""
        with self.lock:
            connection, response = self.request("SUBSCRIBE", {
                "unacknowledged_tasks": list(self.tasks.values()),
                "unacknowledged_updates": list(self.updates.values()),
            })
        if response.status != 200:
            connection.close()
            return False
        while True:
            length = response.readline().strip()
            if not length:
                return True
            record = b""
            while len(record) < int(length):
                record += response.read(int(length) - len(record)) or sys.exit("a torn record")
            self.handle(json.loads(record))

    def handle(self, event):
        """Does what an event asks for."""
        kind = event["type"]
        note("events", kind)
        if kind == "LAUNCH":
            self.launch(event["launch"]["task"])
        elif kind == "LAUNCH_GROUP":
            for task in event["launch_group"]["task_group"]["tasks"]:
                self.launch(task)
        elif kind == "KILL":
            self.end(event["kill"]["task_id"]["value"], "TASK_KILLED")
        elif kind == "ACKNOWLEDGED":
            with self.lock:
                self.updates.pop(event["acknowledged"]["uuid"], None)
                self.tasks.pop(event["acknowledged"]["task_id"]["value"], None)
        elif kind == "MESSAGE":
            self.call("MESSAGE", {"data": event["message"]["data"]})
        elif kind == "SHUTDOWN" and not STUBBORN:
            os._exit(0)

    def launch(self, task):
        """Starts a task."""
        name = task["task_id"]["value"]
        note("ran-" + name, "once")
        with self.lock:
            self.tasks[name] = task
            self.running.add(name)
        self.update(name, "TASK_STARTING")
        self.update(name, "TASK_RUNNING")
        threading.Thread(target=self.work, args=(name,), daemon=True).start()

    def work(self, name):
        """Polls the test's folder until the task may end."""
        files = [os.path.join(FOLDER, "go"), os.path.join(FOLDER, "go-" + name)]
        while not any(map(os.path.exists, files)):
            time.sleep(0.02)
        self.end(name, "TASK_FINISHED")

    def end(self, name, state):
        """Ends a task, once."""
        with self.lock:
            if name in self.running:
                self.running.remove(name)
                self.update(name, state)


def main():
    """Subscribes, again and again, for as long as the agent may be away."""
    note("environment", json.dumps(dict(os.environ)))
    executor = Executor()
    checkpoints = os.environ["MESOS_CHECKPOINT"] == "1"
    patience = seconds(os.environ["MESOS_RECOVERY_TIMEOUT"]) if checkpoints else 0
    longest = seconds(os.environ["MESOS_SUBSCRIPTION_BACKOFF_MAX"]) if checkpoints else 0
    lost = time.monotonic()
    while True:
        try:
            if executor.subscribe():
                lost = time.monotonic()
        except (OSError, http.client.HTTPException):
            pass
        if time.monotonic() - lost > patience:
            sys.exit("the agent is gone")
        # A random wait, as Mesos's library has it, and well below its limit.
        time.sleep(random.uniform(0, min(longest, 0.2)))


main()
