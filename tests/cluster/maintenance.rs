//! Machines under maintenance, with real daemons: frameworks are asked, a master that is killed
//! forgets nothing, agents leave and are let in again. The operator goes by the guide.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libprocess::http::client::Client;
use mesos_framework::{
    Driver, Filters, InverseOffer, Offer, Room, Running, Scheduler, Task, TaskState, TaskStatus,
};
use serde_json::{Value, json};

use crate::daemons::{Cluster, get_json, wait_for};
use crate::recorder::{durable, shell};

/// What a tenant has heard.
#[derive(Default)]
struct Heard {
    asked: Vec<InverseOffer>,
    offers: Vec<Offer>,
    updates: Vec<TaskStatus>,
}

/// Runs one task, and lets go of every machine that somebody wants back.
struct Tenant {
    task: Option<Task>,
    heard: Arc<Mutex<Heard>>,
}

impl Scheduler for Tenant {
    fn offers(&mut self, driver: &Driver, offers: Vec<Offer>) {
        for offer in offers {
            let mut room = Room::of(&offer);
            let placed = self.task.as_ref().and_then(|task| room.place(task));
            match placed {
                Some(info) => {
                    self.task = None;
                    driver.launch(&offer, vec![info]);
                }
                None => driver.decline(&offer.id),
            }
            self.heard.lock().expect("no test panics here").offers.push(offer);
        }
    }

    fn update(&mut self, _: &Driver, status: TaskStatus) {
        self.heard.lock().expect("no test panics here").updates.push(status);
    }

    fn inverse_offers(&mut self, driver: &Driver, offers: Vec<InverseOffer>) {
        let ids = offers.iter().map(|offer| offer.id.clone()).collect();
        driver.accept_inverse(ids, Some(Filters { refuse_seconds: 3600.0 }));
        self.heard.lock().expect("no test panics here").asked.extend(offers);
    }
}

/// A framework with a running task.
fn tenant(cluster: &Cluster) -> (Running<Tenant>, Arc<Mutex<Heard>>) {
    let heard = Arc::new(Mutex::new(Heard::default()));
    let tenant = Tenant { task: Some(shell("t", "sleep 1000")), heard: heard.clone() };
    let framework = durable("tenant").master(cluster.address());
    let framework = framework.backoff(Duration::from_millis(50), Duration::from_millis(500));
    let running = framework.start(tenant).expect("the framework starts");
    wait_for("the task runs", || state_of(&heard, TaskState::Running));
    (running, heard)
}

fn state_of(heard: &Mutex<Heard>, state: TaskState) -> Option<TaskStatus> {
    let heard = heard.lock().expect("no test panics here");
    heard.updates.iter().find(|status| status.state == state).cloned()
}

/// What `curl` would send for the commands of the guide, in order: path and body.
fn guide() -> Vec<(String, Option<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/maintenance.md");
    let text = std::fs::read_to_string(path).expect("the guide is there");
    let commands = text.split("\ncurl ").skip(1);
    let commands = commands.filter_map(|rest| Some(rest.split_once("```")?.0));
    let parse = |command: &str| {
        let (_, path) = command.split_once("$MASTER").expect("it names the master");
        let path = path.split_whitespace().next().expect("a path follows").to_owned();
        let body = command
            .split_once("-d '")
            .map(|(_, rest)| rest.split_once('\'').expect("the body ends").0.to_owned());
        (path, body)
    };
    commands.map(parse).collect()
}

/// Does as a command of the guide says. The machine that it names is that of the tests here.
fn follow(cluster: &Cluster, (path, body): &(String, Option<String>)) -> Option<Value> {
    let url = format!("http://{}{path}", cluster.address());
    let Some(body) = body else { return get_json(&url) };
    let body = body.replace("node7.example", "127.0.0.1").replace("10.0.0.7", "127.0.0.1");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let post = Client::new().post(&url).body("application/json", body).timeout(
        // Machines that run tests may be busy.
        Duration::from_secs(20),
    );
    let response = runtime.block_on(post.send()).ok()?;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    Some(Value::Null)
}

fn status(cluster: &Cluster) -> Option<Value> {
    get_json(&format!("http://{}/maintenance/status", cluster.address()))
}

/// Waits until the framework's answer is shown.
fn wait_for_answer(cluster: &Cluster) {
    wait_for("the answer is shown", || {
        let status = status(cluster)?;
        (status["draining_machines"][0]["statuses"][0]["status"] == "ACCEPT").then_some(())
    });
}

fn restart_master(cluster: &mut Cluster) {
    cluster.master.take().expect("it runs").kill();
    cluster.start_master();
    wait_for("the master leads", || cluster.state());
}

fn wait_for_end_of_agent(cluster: &mut Cluster) {
    let agent = cluster.agents[0].as_mut().expect("it was started");
    wait_for("the agent leaves", || agent.has_ended().then_some(()));
}

#[test]
fn a_machine_goes_away_and_comes_back_by_the_guide() {
    let commands = guide();
    let [plan, ask, down, up, clear] = &commands[..] else { panic!("{commands:?}") };
    let mut cluster = Cluster::start(1);
    let machine = json!({"hostname": "127.0.0.1", "ip": "127.0.0.1"});
    let (running, heard) = tenant(&cluster);
    follow(&cluster, plan).expect("the master answers");
    wait_for_answer(&cluster);
    let shown = follow(&cluster, ask).expect("the master answers");
    assert_eq!(shown["draining_machines"][0]["id"], machine);
    {
        let heard = heard.lock().expect("no test panics here");
        let away = &heard.asked[0].unavailability;
        let offer = heard.offers.iter().rev().find(|offer| offer.unavailability.is_some());
        let offered = offer.and_then(|offer| offer.unavailability.as_ref());
        assert_eq!(offered, Some(away), "offers say it too");
    }
    // The plan outlives the master; the answers do not, and are asked for anew.
    restart_master(&mut cluster);
    cluster.wait_for_agents(1);
    wait_for_answer(&cluster);
    assert_eq!(heard.lock().expect("no test panics here").asked.len(), 2);
    follow(&cluster, down).expect("the master answers");
    // Whatever was answered is durable.
    restart_master(&mut cluster);
    assert_eq!(status(&cluster), Some(json!({"down_machines": [machine]})));
    wait_for_end_of_agent(&mut cluster);
    wait_for("nothing runs there", || cluster.task_processes().is_empty().then_some(()));
    cluster.start_agent(0);
    wait_for_end_of_agent(&mut cluster);
    assert_eq!(cluster.state().expect("the master answers")["slaves"], json!([]));
    follow(&cluster, up).expect("the master answers");
    assert_eq!(status(&cluster), Some(json!({})));
    cluster.start_agent(0);
    cluster.wait_for_agents(1);
    follow(&cluster, plan).expect("the master answers");
    follow(&cluster, clear).expect("the master answers");
    assert_eq!(status(&cluster), Some(json!({})));
    running.driver().teardown();
    running.join().expect("the driver ends well");
}

#[test]
fn tasks_of_a_machine_that_goes_down_are_lost() {
    let cluster = Cluster::start(1);
    let (running, heard) = tenant(&cluster);
    let commands = guide();
    follow(&cluster, &commands[0]).expect("the master answers");
    follow(&cluster, &commands[2]).expect("the master answers");
    let lost = wait_for("the task is lost", || state_of(&heard, TaskState::Lost));
    let why = "Agent 127.0.0.1 removed: Operator initiated 'Machine DOWN'";
    assert_eq!(lost.message.as_deref(), Some(why));
    running.driver().teardown();
    running.join().expect("the driver ends well");
}
