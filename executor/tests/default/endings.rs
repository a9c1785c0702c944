//! What the core decides about ends: kills, failures, limits, shutdown.

use std::time::Duration;

use executor::default::core::{Event, Launched, Signalled, Timer, Waited};
use mesos::ids::TaskId;
use mesos::resource::Resource;
use mesos::task::TaskState::{Failed, Killed, Killing, Running};
use mesos::task::{KillPolicy, Reason, TaskInfo, TaskResourceLimitation};
use mesos::v1::agent::WaitNestedContainerResponse;
use nix::libc::{SIGKILL, SIGTERM};

use crate::decisions::{Harness, are, task};

fn kill(task: &str, grace: Option<u64>) -> Event {
    let grace_period = grace.map(Duration::from_secs);
    Event::Kill { task: TaskId::from(task), grace_period }
}

fn patient(id: &str, seconds: u64) -> TaskInfo {
    let grace_period = Some(Duration::from_secs(seconds).into());
    TaskInfo { kill_policy: Some(KillPolicy { grace_period }), ..task(id) }
}

#[test]
fn a_failure_kills_the_rest_of_the_group() {
    let mut harness = Harness::new();
    let [a, b, c] = harness.running([task("a"), patient("b", 30), task("c")]);
    harness.ends(a, 3 << 8);
    let told = harness.told();
    assert_eq!(told[0].message.as_deref(), Some("Command exited with status 3"));
    let states: Vec<_> = told.iter().map(|s| (s.task_id.as_str(), s.state)).collect();
    assert_eq!(states, [("a", Failed), ("b", Killing), ("c", Killing)]);
    assert_eq!(harness.kills(), [(b, SIGTERM), (c, SIGTERM)]);
    assert_eq!(harness.timer(Timer::Escalate(b)), Some(Duration::from_secs(30)));
    assert_eq!(harness.timer(Timer::Escalate(c)), Some(Duration::from_secs(3)));
    harness.ends(b, SIGTERM);
    let told = harness.told();
    assert_eq!(told.len(), 1, "c is being killed already");
    assert_eq!(told[0].state, Killed);
    assert_eq!(told[0].message.as_deref(), Some("Command terminated with signal Terminated"));
    harness.ends(c, SIGKILL);
    assert_eq!(harness.states(), are([("c", Killed)]));
    harness.step(Event::Acknowledged { left: 0 });
    assert!(harness.has_stopped());
}

#[test]
fn a_kill_escalates_and_a_second_one_can_only_shorten_it() {
    let mut harness = Harness::new();
    let [a] = harness.running([patient("a", 60)]);
    harness.step(kill("a", Some(20)));
    assert_eq!(harness.states(), are([("a", Killing)]));
    assert_eq!(harness.timer(Timer::Escalate(a)), Some(Duration::from_secs(20)));
    harness.clear();
    harness.pass(4);
    harness.step(kill("a", Some(30)));
    assert_eq!(harness.timer(Timer::Escalate(a)), None);
    harness.step(kill("a", Some(5)));
    assert_eq!(harness.timer(Timer::Escalate(a)), Some(Duration::from_secs(1)));
    assert_eq!((harness.kills(), harness.states()), (vec![], vec![]));
    harness.step(Event::TimerFired(Timer::Escalate(a)));
    assert_eq!(harness.kills(), [], "it is not time yet");
    harness.pass(1);
    harness.step(Event::TimerFired(Timer::Escalate(a)));
    assert_eq!(harness.kills(), [(a, SIGKILL)]);
}

#[test]
fn a_signal_is_sent_until_it_arrives() {
    let mut harness = Harness::new();
    let [a] = harness.running([task("a")]);
    harness.step(kill("a", Some(10)));
    let busy = |signal| {
        let signalled = Signalled::Failed("the agent answered 503".to_owned());
        Event::Killed { slot: a, signal, signalled }
    };
    let second = Some(Duration::from_secs(1));
    for (signal, timer) in [(SIGTERM, Timer::Terminate(a)), (SIGKILL, Timer::Escalate(a))] {
        harness.clear();
        harness.step(busy(signal));
        assert_eq!(harness.timer(timer), second);
        harness.step(Event::TimerFired(timer));
        assert_eq!(harness.kills(), [(a, signal)]);
        harness.clear();
        harness.step(Event::Killed { slot: a, signal, signalled: Signalled::Missing });
        assert_eq!(harness.effects, [], "the wait tells what became of it");
        harness.pass(10);
    }
    harness.step(Event::TimerFired(Timer::Terminate(a)));
    assert_eq!(harness.kills(), [], "the time for SIGTERM is over");
    harness.step(Event::Disconnected);
    harness.step(Event::TimerFired(Timer::Escalate(a)));
    assert_eq!((harness.kills(), harness.timer(Timer::Escalate(a))), (vec![], second));
}

#[test]
fn a_kill_that_comes_before_the_task_runs_is_remembered() {
    let mut harness = Harness::new();
    harness.launch([task("a")]);
    let [(a, _)] = harness.launches()[..] else { panic!() };
    harness.step(kill("a", Some(10)));
    harness.step(kill("a", Some(7)));
    assert_eq!(harness.kills(), []);
    harness.told();
    harness.step(Event::Launched(a, Launched::Started));
    assert_eq!(harness.states(), are([("a", Running), ("a", Killing)]));
    assert_eq!(harness.kills(), [(a, SIGTERM)]);
    assert_eq!(harness.timer(Timer::Escalate(a)), Some(Duration::from_secs(7)));
    harness.ends(a, SIGTERM);
    assert_eq!(harness.states(), are([("a", Killed)]));
}

#[test]
fn a_task_that_takes_too_long_fails() {
    let mut harness = Harness::new();
    let limit = Some(Duration::from_secs(9).into());
    let [a] = harness.running([TaskInfo { max_completion_time: limit, ..task("a") }]);
    assert_eq!(harness.timer(Timer::Completion(a)), Some(Duration::from_secs(9)));
    harness.pass(9);
    harness.step(Event::TimerFired(Timer::Completion(a)));
    assert_eq!(harness.states(), [], "nobody asked for its end");
    assert_eq!(harness.kills(), [(a, SIGTERM)]);
    assert_eq!(harness.timer(Timer::Escalate(a)), Some(Duration::ZERO));
    harness.ends(a, SIGKILL);
    let told = harness.told();
    assert_eq!(told[0].state, Failed);
    assert_eq!(told[0].reason, Some(Reason::MaxCompletionTimeReached));
}

#[test]
fn what_the_agent_says_of_an_end_counts() {
    let mut harness = Harness::new();
    let [a] = harness.running([task("a")]);
    let resources = vec![Resource { name: "mem".to_owned(), ..Resource::default() }];
    let limitation = TaskResourceLimitation { resources };
    harness.waited(
        a,
        Waited::Ended(WaitNestedContainerResponse {
            exit_status: Some(SIGKILL),
            state: Some(Failed),
            reason: Some(Reason::ContainerLimitationMemory),
            limitation: Some(limitation.clone()),
            message: Some("out of memory".to_owned()),
        }),
    );
    let [status] = &harness.told()[..] else { panic!() };
    assert_eq!(status.reason, Some(Reason::ContainerLimitationMemory));
    assert_eq!(status.limitation, Some(limitation));
    let message = "Command terminated with signal Killed: out of memory";
    assert_eq!(status.message.as_deref(), Some(message));
}

#[test]
fn a_container_that_nobody_knows_ended_somehow() {
    let mut harness = Harness::new();
    let [a, b] = harness.running([task("a"), task("b")]);
    harness.waited(a, Waited::Missing);
    let told = harness.told();
    let message = "Unable to retrieve command's termination information";
    assert_eq!((told[0].state, told[0].message.as_deref()), (Failed, Some(message)));
    harness.waited(b, Waited::Missing);
    assert_eq!(harness.states(), are([("b", Killed)]));
    let [c] = harness.running([task("c")]);
    harness.waited(c, Waited::Ended(WaitNestedContainerResponse::default()));
    let message = "Command terminated with unknown status";
    assert_eq!(harness.told()[0].message.as_deref(), Some(message));
}

#[test]
fn a_shutdown_ends_every_task() {
    let mut harness = Harness::new();
    let [a] = harness.running([patient("a", 60)]);
    let [b] = harness.running([task("b")]);
    harness.step(kill("b", Some(60)));
    harness.told();
    harness.step(Event::Shutdown { orphaned: false });
    // Two of the five seconds that the agent gives are kept for the rest.
    assert_eq!(harness.timer(Timer::Escalate(a)), Some(Duration::from_secs(3)));
    assert_eq!(harness.timer(Timer::Escalate(b)), Some(Duration::from_secs(3)));
    assert_eq!(harness.kills(), [(b, SIGTERM), (a, SIGTERM)]);
    harness.launch([task("c")]);
    assert_eq!(harness.launches(), [], "nothing is begun any more");
    harness.ends(a, SIGTERM);
    harness.ends(b, SIGTERM);
    assert_eq!(harness.states(), are([("a", Killing), ("a", Killed), ("b", Killed)]));
    assert!(!harness.has_stopped());
    harness.step(Event::Acknowledged { left: 0 });
    assert!(harness.has_stopped());
}

#[test]
fn a_shutdown_without_tasks_or_without_an_agent_is_short() {
    let mut idle = Harness::new();
    idle.step(Event::Shutdown { orphaned: false });
    assert!(idle.has_stopped());
    let mut orphan = Harness::new();
    orphan.running([task("a")]);
    orphan.step(Event::Shutdown { orphaned: true });
    assert!(orphan.has_stopped());
}

#[test]
fn an_agent_that_will_not_tell_of_a_container_ends_the_executor() {
    let mut harness = Harness::new();
    let [a] = harness.running([task("a")]);
    harness.step(Event::Acknowledged { left: 0 });
    for _ in 0..30 {
        assert!(!harness.has_stopped(), "it may only be in trouble");
        harness.waited(a, Waited::Refused("the agent answered 500".to_owned()));
        harness.step(Event::TimerFired(Timer::Wait(a)));
    }
    assert!(harness.has_stopped());
}

#[test]
fn a_framework_that_does_not_know_killing_does_not_hear_of_it() {
    let mut harness = Harness::new();
    harness.step(Event::Registered(Default::default()));
    let [a] = harness.running([task("a")]);
    harness.step(kill("a", None));
    assert_eq!(harness.kills(), [(a, SIGTERM)]);
    assert_eq!(harness.states(), []);
    harness.step(kill("nobody", None));
    assert_eq!(harness.kills().len(), 1);
}
