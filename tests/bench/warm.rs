//! From an OFFERS event to TASK_RUNNING with an executor that is there already. Scheduler and
//! executor speak JSON over HTTP, as those of Mesos's frameworks do. This program is both.

use std::time::{Duration, Instant};

use mesos_framework::mesos::executor_info::{CommandInfo, ExecutorInfo, ExecutorInfoType};
use mesos_framework::mesos::offer::Filters;
use mesos_framework::mesos::operation::{Launch, OfferOperation, OfferOperationType};
use mesos_framework::mesos::resources::Resources;
use mesos_framework::mesos::task::{StatusSource, TaskInfo, TaskState, TaskStatus};
use mesos_framework::mesos::v1::executor;
use mesos_framework::mesos::v1::scheduler::{Accept, Acknowledge, CallType, Event, EventType};

use crate::daemons::Cluster;
use crate::raw::{Connection, Media, Subscription, framework, post};
use crate::report::Report;

const ROLE: &str = "BENCH_EXECUTOR";
const TASKS: usize = 1_000;
/// Tasks before those that count.
const WARM: usize = 20;
const MEDIA: Media = Media::Json;

/// Adds this file's rows.
pub fn run(report: &mut Report) {
    let what = "warm executor: OFFERS to TASK_RUNNING, p50, p99, most";
    if !report.wants(what) {
        return;
    }
    let cluster = Cluster::start(1);
    let mut times = launch_all(&cluster);
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    let times = format!("{:.2} ms, {:.2} ms, {:.2} ms", at(50), at(99), at(100));
    report.text(what, times, "p99: 5 ms");
}

fn launch_all(cluster: &Cluster) -> Vec<Duration> {
    let mut events = Subscription::open(&cluster.address(), framework("warm", "bench"), MEDIA);
    let mut calls = Connection::open(&cluster.address());
    let mut times = Vec::new();
    for number in 0..WARM + TASKS {
        let offers = events.expect_event(EventType::Offers).offers.expect("a body").offers;
        let seen = Instant::now();
        let mut accept = events.call(CallType::Accept);
        let offer = &offers[0];
        let task = TaskInfo {
            name: "warm".to_owned(),
            task_id: format!("warm-{number}").as_str().into(),
            agent_id: offer.agent_id.clone(),
            resources: resources("cpus:0.1;mem:32"),
            executor: Some(Box::new(executor_info())),
            ..TaskInfo::default()
        };
        accept.accept = Some(Accept {
            offer_ids: vec![offer.id.clone()],
            operations: vec![OfferOperation {
                r#type: Some(OfferOperationType::Launch),
                launch: Some(Launch { task_infos: vec![task] }),
                ..OfferOperation::default()
            }],
            filters: Some(Filters { refuse_seconds: 0.0 }),
        });
        say(&mut calls, &events.request(&accept));
        let running = update(&mut events, TaskState::Running);
        if number >= WARM {
            times.push(seen.elapsed());
        }
        acknowledge(&mut calls, &events, &running);
        let finished = update(&mut events, TaskState::Finished);
        acknowledge(&mut calls, &events, &finished);
    }
    times
}

fn say(calls: &mut Connection, request: &[u8]) {
    let answer = calls.ask(request).expect("an answer");
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn update(events: &mut Subscription, state: TaskState) -> TaskStatus {
    // An offer that comes meanwhile is of what the task leaves over: the next one takes it.
    let Event { update, .. } = events.expect_event(EventType::Update);
    let status = update.expect("a body").status;
    assert_eq!(status.state, state, "{status:?}");
    status
}

fn acknowledge(calls: &mut Connection, events: &Subscription, status: &TaskStatus) {
    let mut call = events.call(CallType::Acknowledge);
    call.acknowledge = Some(Acknowledge {
        agent_id: status.agent_id.clone().expect("updates name their agent"),
        task_id: status.task_id.clone(),
        uuid: status.uuid.clone().expect("executors' updates have one"),
    });
    say(calls, &events.request(&call));
}

fn resources(text: &str) -> Vec<mesos_framework::mesos::resource::Resource> {
    let mut resources = Resources::parse(text, "*").expect("they are resources");
    resources.allocate("bench");
    resources.to_vec()
}

fn executor_info() -> ExecutorInfo {
    let program = std::env::current_exe().expect("a program has a path");
    let command = format!("{ROLE}=1 exec {}", program.display());
    ExecutorInfo {
        r#type: Some(ExecutorInfoType::Custom),
        executor_id: "warm".into(),
        command: Some(Box::new(CommandInfo { value: Some(command), ..CommandInfo::default() })),
        resources: resources("cpus:0.1;mem:32"),
        ..ExecutorInfo::default()
    }
}

/// Whether this program was started as the executor.
pub fn is_executor() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// Says of every task that it runs, and then that it has finished.
pub fn run_executor() {
    let variable = |name: &str| std::env::var(name).expect("the agent sets it");
    let agent = variable("MESOS_AGENT_ENDPOINT");
    let call = |kind| executor::Call {
        executor_id: variable("MESOS_EXECUTOR_ID").as_str().into(),
        framework_id: variable("MESOS_FRAMEWORK_ID").as_str().into(),
        r#type: Some(kind),
        ..executor::Call::default()
    };
    let request = |call: &executor::Call| post("/api/v1/executor", MEDIA, "", &MEDIA.write(call));
    let mut events = Connection::open(&agent);
    events.stream.set_read_timeout(None).expect("a timeout can be set");
    let mut subscribe = call(executor::CallType::Subscribe);
    subscribe.subscribe = Some(executor::Subscribe::default());
    events.send(&request(&subscribe)).expect("the agent reads");
    assert_eq!(events.head().expect("an answer").0, 200);
    let mut calls = Connection::open(&agent);
    let mut number = 0_u128;
    while let Ok(Some(chunk)) = events.chunk() {
        let record = chunk.iter().position(|octet| *octet == b'\n').expect("a record") + 1;
        let event: executor::Event = MEDIA.read(&chunk[record..]);
        let Some(launch) = event.launch else {
            if event.r#type == Some(executor::EventType::Shutdown) {
                return;
            }
            continue;
        };
        for state in [TaskState::Running, TaskState::Finished] {
            number += 1;
            // As random ones are marked: the agent takes no others.
            let mut uuid = number.to_be_bytes();
            (uuid[6], uuid[8]) = (0x40, 0x80);
            let mut update = call(executor::CallType::Update);
            update.update = Some(executor::Update {
                status: TaskStatus {
                    task_id: launch.task.task_id.clone(),
                    state,
                    source: Some(StatusSource::Executor),
                    uuid: Some(uuid.to_vec().into()),
                    ..TaskStatus::default()
                },
            });
            say(&mut calls, &request(&update));
        }
    }
}
