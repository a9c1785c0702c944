"""An executor on pymesos that runs any number of tasks at once.

    executor.py FOLDER [addict]

A task notes its start in FOLDER/ran-ID, and is over once there is a file FOLDER/go-ID. Messages are
answered with themselves. What could not be told while the agent was away is told when it is back.
"""

import os
import queue
import sys
import threading
import time

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data

FOLDER = sys.argv[1]


def note(name, line):
    """Appends a line to a file of the test."""
    with open(os.path.join(FOLDER, name), "a") as file:
        file.write(line + "\n")


class Holding(Executor):
    """Holds its tasks until they are let go."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running = set()
        self.outbox = queue.Queue()

    def registered(self, driver, executor_info, framework_info, agent_info):
        note("events", "registered " + executor_info["executor_id"]["value"])
        threading.Thread(target=self.send, args=(driver,), daemon=True).start()

    def reregistered(self, driver, agent_info):
        note("events", "reregistered")

    def disconnected(self, driver):
        note("events", "disconnected")

    def launchTask(self, driver, task):
        self.launch(task)

    def launchTaskGroup(self, driver, tasks):
        note("events", "group of %d" % len(tasks))
        for task in tasks:
            self.launch(task)

    def launch(self, task):
        """Starts a task."""
        name = task["task_id"]["value"]
        note("ran-" + name, "once")
        self.running.add(name)
        self.tell(name, "TASK_STARTING")
        self.tell(name, "TASK_RUNNING")
        threading.Thread(target=self.work, args=(task,), daemon=True).start()

    def work(self, task):
        """Polls the test's folder until the task may end, and gives back what it was given."""
        name = task["task_id"]["value"]
        while not os.path.exists(os.path.join(FOLDER, "go-" + name)):
            time.sleep(0.02)
        self.end(name, "TASK_FINISHED", data=task.get("data", ""))

    def killTask(self, driver, task_id):
        self.end(task_id["value"], "TASK_KILLED", message="as you wish")

    def end(self, name, state, **more):
        """Ends a task, once."""
        with self.lock:
            if name in self.running:
                self.running.remove(name)
                self.tell(name, state, **more)

    def tell(self, name, state, **more):
        """Leaves an update for `send`."""
        status = {"task_id": {"value": name}, "state": state, "timestamp": time.time(), **more}
        self.outbox.put(status)

    def send(self, driver):
        """Sends updates in order. The first attempt gives each the uuid that it keeps."""
        while True:
            status = self.outbox.get()
            while True:
                try:
                    driver.sendStatusUpdate(status)
                    break
                except Exception as error:
                    note("events", "not sent: %s" % error)
                    time.sleep(0.1)

    def frameworkMessage(self, driver, message):
        driver.sendFrameworkMessage(encode_data(b"you said " + decode_data(message)))

    def shutdown(self, driver):
        note("events", "shutdown")
        # The driver's input thread is this one: it ends the process when it may.
        os._exit(0)


if __name__ == "__main__":
    MesosExecutorDriver(Holding(), use_addict="addict" in sys.argv).run()
