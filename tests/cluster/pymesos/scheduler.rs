//! What the tests of schedulers on pymesos need.

use std::fs;

use serde_json::{Value, json};

use super::client::{Client, program, python, written};
use crate::daemons::Cluster;

/// A life without accidents.
pub const WHOLE_LIFE: [&str; 3] = ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"];

/// `scheduler.py`, running.
pub struct Scheduler {
    pub client: Client,
    /// How many of the offers that were heard have been used.
    used: usize,
}

impl Scheduler {
    /// Starts a scheduler whose tasks survive their agent, and waits until it is registered.
    pub fn start(cluster: &Cluster, name: &str) -> Self {
        let mut scheduler = Self::start_with(cluster, &durable(name), json!({}));
        scheduler.wait_registered();
        scheduler
    }

    /// Starts a scheduler with a FrameworkInfo and keywords for the driver.
    pub fn start_with(cluster: &Cluster, framework: &Value, keywords: Value) -> Self {
        Self::begin(cluster, cluster.address(), framework, keywords)
    }

    /// Starts a scheduler with another address than that of the cluster's master.
    pub fn start_at(cluster: &Cluster, master: &str, framework: &Value) -> Self {
        Self::begin(cluster, master.to_owned(), framework, json!({}))
    }

    fn begin(cluster: &Cluster, master: String, framework: &Value, keywords: Value) -> Self {
        let arguments = [master, framework.to_string(), keywords.to_string()];
        Self { client: Client::start(cluster, "scheduler.py", &arguments), used: 0 }
    }

    /// Waits until it is registered for the first time, and gives its id.
    pub fn wait_registered(&mut self) -> Value {
        self.client.wait_for("registered", |_| true)[0].clone()
    }

    /// The next offer.
    pub fn offer(&mut self) -> Value {
        let calls = self.client.wait_for_count("resourceOffers", self.used + 1);
        let offers = calls[self.used][0].as_array().expect("a list of offers");
        assert_eq!(offers.len(), 1, "these clusters have one agent: {offers:?}");
        self.used += 1;
        offers[0].clone()
    }

    /// Launches tasks on the next offer. What is left is offered again at once.
    pub fn launch(&mut self, tasks: impl IntoIterator<Item = Value>) {
        let offer = self.offer();
        let tasks: Vec<Value> = tasks.into_iter().map(|task| on(&offer, task)).collect();
        let filters = json!({"refuse_seconds": 0});
        self.client.call("launchTasks", json!([offer["id"], tasks, filters]));
    }

    /// Waits until a task was heard to be in this state, and gives that update.
    pub fn wait_for(&self, task: &str, state: &str) -> Value {
        let is_it = |status: &Value| status["task_id"]["value"] == task && status["state"] == state;
        self.client.wait_for("statusUpdate", |arguments| is_it(&arguments[0]))[0].clone()
    }

    /// All updates of a task, in order.
    pub fn updates(&self, task: &str) -> Vec<Value> {
        let all = self.client.heard("statusUpdate").into_iter().map(|mut args| args.remove(0));
        all.filter(|status| status["task_id"]["value"] == task).collect()
    }

    /// A task has these states, each told with one uuid only: what is repeated is the same update.
    pub fn assert_told_once(&self, task: &str, states: &[&str]) {
        let mut updates = self.updates(task);
        updates.dedup_by(|next, last| next["uuid"] == last["uuid"]);
        let told: Vec<&str> =
            updates.iter().filter_map(|status| status["state"].as_str()).collect();
        assert_eq!(told, states, "{task}: {updates:?}");
    }

    /// Kills a task.
    pub fn kill_task(&mut self, task: &str) {
        self.client.call("killTask", json!([{"value": task}]));
    }

    /// Tears the framework down, and waits until the program has ended well.
    pub fn stop(mut self) {
        self.client.call("stop", json!([]));
        assert_eq!(self.client.join(), Some(0));
    }
}

/// A framework whose work survives its agents. Nobody needs to be a user that every machine has.
pub fn durable(name: &str) -> Value {
    let timeout = 3600.0;
    json!({"user": "", "name": name, "hostname": "", "checkpoint": true,
           "failover_timeout": timeout})
}

/// What a small task takes.
pub fn resources() -> Value {
    json!([
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
        {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
        {"name": "disk", "type": "SCALAR", "scalar": {"value": 32}},
    ])
}

/// A task that runs a shell command.
pub fn shell(id: &str, command: &str) -> Value {
    json!({"task_id": {"value": id}, "name": id, "resources": resources(),
           "command": {"value": command}})
}

/// A task that notes its start, and ends when it is let go.
pub fn held(cluster: &Cluster, id: &str) -> Value {
    let folder = cluster.folder().display();
    let wait = format!("while [ ! -e {folder}/go-{id} ]; do sleep 0.05; done");
    shell(id, &format!("echo once >> {folder}/ran-{id}; {wait}"))
}

/// A task of the executor `e`, which is `executor.py`.
pub fn custom(cluster: &Cluster, id: &str, arguments: &str) -> Value {
    let (python, program) = (python(), program("executor.py"));
    let folder = cluster.folder().display();
    let command = format!("exec {} {} {folder} {arguments}", python.display(), program.display());
    let executor = json!({
        "executor_id": {"value": "e"}, "command": {"value": command}, "resources": resources(),
    });
    json!({"task_id": {"value": id}, "name": id, "resources": resources(), "executor": executor})
}

/// The task as it is launched on an offer.
pub fn on(offer: &Value, mut task: Value) -> Value {
    task["agent_id"] = offer["agent_id"].clone();
    task
}

/// Lets a task end.
pub fn let_go(cluster: &Cluster, task: &str) {
    fs::write(cluster.folder().join(format!("go-{task}")), "").expect("the folder is there");
}

/// A task has run, and no more than once.
pub fn assert_ran_once(cluster: &Cluster, task: &str) {
    assert_eq!(written(cluster, &format!("ran-{task}")), "once\n", "{task}");
}
