//! Tasks on a real cluster of real processes: how many a second, how long one takes, and what the
//! daemons and executors weigh.

use std::collections::VecDeque;
use std::fs;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use mesos_framework::{
    Driver, Framework, Offer, Room, Running, Scheduler, Task, TaskState, TaskStatus,
};

use crate::daemons::{Cluster, wait_for};
use crate::report::{Report, rate};

/// Tasks per measurement of the rate.
const TASKS: u64 = 300;
/// Tasks one after the other, of which the median counts.
const SINGLES: usize = 15;
/// Executors that are weighed.
const EXECUTORS: usize = 20;

/// Adds this file's rows.
pub fn run(report: &mut Report) {
    let names = ["tasks", "one task", "memory"];
    if !names.iter().any(|name| report.wants(name)) {
        return;
    }
    let cluster = Cluster::start(1);
    weigh_daemons(report, &cluster);
    let mut launcher = Launcher::start(&cluster);
    launcher.run("warm", 20);
    let mut round = 0;
    report.rates(
        "tasks (`true`) launched and finished, command executor",
        "0.3 of the reference",
        "posix_spawn of sh -c true, four in flight",
        || {
            round += 1;
            let name = format!("r{round}");
            rate(TASKS, || {
                let _took = launcher.run(&name, TASKS as usize);
            })
        },
        || rate(TASKS, spawn_shells),
    );
    one_alone(report, &mut launcher);
    weigh_executors(report, &cluster, &mut launcher);
    launcher.finish();
}

/// The reference: shells started by four threads.
fn spawn_shells() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..TASKS / 4 {
                    let status = Command::new("sh").args(["-c", "true"]).status();
                    assert!(status.expect("sh runs").success());
                }
            });
        }
    });
}

fn one_alone(report: &mut Report, launcher: &mut Launcher) {
    let mut single = 0;
    report.duration("one task alone, launch to TASK_FINISHED", "0.030 s", || {
        let mut times: Vec<Duration> = (0..SINGLES)
            .map(|_| {
                single += 1;
                launcher.run(&format!("single{single}"), 1)
            })
            .collect();
        times.sort();
        times[times.len() / 2]
    });
}

fn weigh_daemons(report: &mut Report, cluster: &Cluster) {
    let daemons = [("master", cluster.master.as_ref()), ("agent", cluster.agents[0].as_ref())];
    for (name, daemon) in daemons {
        let pid = daemon.expect("it runs").pid();
        let megabytes = kilobytes(&format!("/proc/{pid}/status"), "VmRSS:") / 1024.0;
        report.value(&format!("memory of an idle {name}, resident"), megabytes, "15 MB");
    }
}

fn weigh_executors(report: &mut Report, cluster: &Cluster, launcher: &mut Launcher) {
    if !report.wants("memory") {
        return;
    }
    launcher.hold("held", EXECUTORS);
    let executors = wait_for("executors run", || {
        let pids: Vec<i32> =
            cluster.task_processes().into_iter().filter(|pid| is_executor(*pid)).collect();
        (pids.len() == EXECUTORS).then_some(pids)
    });
    let pss = |pid: &i32| kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:");
    let megabytes = executors.iter().map(pss).sum::<f64>() / EXECUTORS as f64 / 1024.0;
    let what = format!("memory of one of {EXECUTORS} command executors, proportional");
    report.value(&what, megabytes, "2 MB");
}

fn is_executor(pid: i32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let names = ["mesos", "mesos-executor"];
    program.file_name().is_some_and(|name| names.iter().any(|known| name == *known))
}

pub fn kilobytes(file: &str, key: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("{file} has no {key}"))
}

/// What the launcher's scheduler is told to do, and what it tells.
enum Order {
    Launch(Vec<Task>),
}

/// A framework that launches what it is told to.
struct Launcher {
    orders: Sender<Order>,
    ended: Receiver<Instant>,
    launched: Receiver<Instant>,
    running: Running<Worker>,
}

struct Worker {
    orders: Receiver<Order>,
    waiting: VecDeque<Task>,
    offers: Vec<Offer>,
    launched: Sender<Instant>,
    ended: Sender<Instant>,
}

impl Launcher {
    fn start(cluster: &Cluster) -> Self {
        let (orders, receiver) = channel();
        let (ended_sender, ended) = channel();
        let (launched_sender, launched) = channel();
        let worker = Worker {
            orders: receiver,
            waiting: VecDeque::new(),
            offers: Vec::new(),
            launched: launched_sender,
            ended: ended_sender,
        };
        let framework = Framework::new("bench").master(cluster.address());
        let running = framework.start(worker).expect("the framework starts");
        Self { orders, ended, launched, running }
    }

    /// Runs so many tasks, and tells the time from the first launch to the last end.
    fn run(&mut self, name: &str, count: usize) -> Duration {
        self.order(name, count, "true");
        let first = self.launched.recv().expect("the framework runs");
        let mut last = first;
        for index in 0..count {
            if index > 0 {
                self.launched.recv().expect("the framework runs");
            }
            last = self.ended.recv().expect("the framework runs");
        }
        last.duration_since(first)
    }

    /// Starts tasks that go on for long.
    fn hold(&mut self, name: &str, count: usize) {
        self.order(name, count, "sleep 1000");
    }

    fn order(&mut self, name: &str, count: usize, command: &str) {
        let task = |index| Task::shell(format!("{name}-{index}"), command).cpus(0.1).mem(32.0);
        self.orders.send(Order::Launch((0..count).map(task).collect())).expect("it listens");
        self.running.driver().revive(&[]);
    }

    fn finish(self) {
        self.running.driver().teardown();
        self.running.join().expect("the driver ends well");
    }
}

impl Worker {
    fn place(&mut self, driver: &Driver) {
        while let Ok(Order::Launch(tasks)) = self.orders.try_recv() {
            self.waiting.extend(tasks);
        }
        for offer in std::mem::take(&mut self.offers) {
            let mut room = Room::of(&offer);
            let mut placed = Vec::new();
            while let Some(info) = self.waiting.front().and_then(|task| room.place(task)) {
                placed.push(info);
                self.waiting.pop_front();
            }
            if placed.is_empty() {
                driver.decline(&offer.id);
                continue;
            }
            let now = Instant::now();
            for _ in &placed {
                // The measurement may be over; nobody has to listen.
                let _ = self.launched.send(now);
            }
            driver.launch(&offer, placed);
        }
    }
}

impl Scheduler for Worker {
    fn offers(&mut self, driver: &Driver, offers: Vec<Offer>) {
        self.offers.extend(offers);
        self.place(driver);
    }

    fn update(&mut self, _: &Driver, status: TaskStatus) {
        assert!(
            !matches!(status.state, TaskState::Failed | TaskState::Lost | TaskState::Error),
            "{status:?}"
        );
        if status.state == TaskState::Finished {
            let _ = self.ended.send(Instant::now());
        }
    }
}
