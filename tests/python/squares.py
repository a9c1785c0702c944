"""A whole framework on pymesos: sums squares, each computed by a task of its executors.

    squares.py MASTER COUNT

Scheduler and executor are this one file, as users of pymesos like to write it: the scheduler names
itself as the executor's command. Numbers leave as the data of tasks and as messages, squares come
back as the data of updates; tasks are launched through as many offers as it takes.
"""

import os
import sys
import threading

from addict import Dict
from pymesos import Executor, MesosExecutorDriver, MesosSchedulerDriver, Scheduler
from pymesos import decode_data, encode_data


class Squares(Scheduler):
    """Launches a task per number and adds up what they find."""

    def __init__(self, count):
        self.waiting = list(range(count))
        self.left = count
        self.total = 0
        self.greetings = set()

    def resourceOffers(self, driver, offers):
        for offer in offers:
            room = {r.name: r.scalar.value for r in offer.resources if r.type == "SCALAR"}
            # The executor needs its share too.
            cpus, mem = room.get("cpus", 0) - 0.1, room.get("mem", 0) - 32
            tasks = []
            while self.waiting and cpus >= 0.1 and mem >= 32:
                tasks.append(self.task(self.waiting.pop(), offer.agent_id))
                cpus, mem = cpus - 0.1, mem - 32
            if tasks:
                driver.launchTasks(offer.id, tasks, {"refuse_seconds": 0})
            else:
                driver.declineOffer(offer.id, {"refuse_seconds": 3600})

    def task(self, number, agent_id):
        """The task that squares a number."""
        task = Dict()
        task.task_id.value = "square-%d" % number
        task.agent_id = agent_id
        task.name = "square of %d" % number
        task.data = encode_data(b"%d" % number)
        task.resources = resources(0.1, 32)
        task.executor.executor_id.value = "squares"
        task.executor.command.value = "exec %s %s" % (sys.executable, os.path.abspath(__file__))
        task.executor.resources = resources(0.1, 32)
        return task

    def statusUpdate(self, driver, update):
        if update.state == "TASK_RUNNING":
            driver.sendFrameworkMessage(
                Dict(value="squares"), update.agent_id, encode_data(b"hello")
            )
        elif update.state == "TASK_FINISHED":
            self.total += int(decode_data(update.data))
            self.left -= 1
            driver.reviveOffers()
        elif update.state not in ("TASK_STAGING", "TASK_STARTING"):
            raise RuntimeError("%s is %s" % (update.task_id.value, update.state))
        self.finish(driver)

    def frameworkMessage(self, driver, executor_id, agent_id, message):
        self.greetings.add((executor_id.value, decode_data(message)))
        self.finish(driver)

    def finish(self, driver):
        """Stops once everything was heard."""
        if not self.left and self.greetings:
            driver.stop()


class Squaring(Executor):
    """Squares numbers."""

    def launchTask(self, driver, task):
        # Work belongs on a thread of its own: this one reads events.
        threading.Thread(target=self.square, args=(driver, task), daemon=True).start()

    def square(self, driver, task):
        number = int(decode_data(task.data))
        update = Dict(task_id=task.task_id, state="TASK_RUNNING")
        driver.sendStatusUpdate(update)
        update = Dict(task_id=task.task_id, state="TASK_FINISHED")
        update.data = encode_data(b"%d" % number ** 2)
        driver.sendStatusUpdate(update)

    def frameworkMessage(self, driver, message):
        driver.sendFrameworkMessage(encode_data(decode_data(message) + b" to you"))


def resources(cpus, mem):
    """What a task or an executor takes."""
    return [
        Dict(name="cpus", type="SCALAR", scalar=Dict(value=cpus)),
        Dict(name="mem", type="SCALAR", scalar=Dict(value=mem)),
    ]


def main(master, count):
    """Runs the scheduler to its end."""
    scheduler = Squares(int(count))
    framework = Dict(user="", name="squares", hostname="")
    driver = MesosSchedulerDriver(scheduler, framework, master, use_addict=True)
    driver.run()
    print(scheduler.total, sorted(scheduler.greetings))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        MesosExecutorDriver(Squaring(), use_addict=True).run()
    else:
        main(*sys.argv[1:])
