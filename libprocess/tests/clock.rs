//! The clock: timers, standing still, settling.

mod common;

use common::{LIMIT, Recorder, node};
use libprocess::{Clock, Context, Node, NodeConfig, Pid, Process, Time};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn node_on(clock: &Clock) -> Node {
    Node::start(NodeConfig { workers: 1, clock: clock.clone(), ..NodeConfig::default() }).unwrap()
}

fn after(node: &Node, pid: &Pid<Recorder>, delay: Duration, text: &'static str) {
    node.dispatch(pid, move |_, context| {
        context.delay(delay, move |recorder, _| recorder.note(text));
    });
}

#[test]
fn timers_of_a_running_clock_fire_in_order() {
    let node = node(2);
    let (recorder, seen) = Recorder::new(&[]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let begin = Instant::now();
    after(&node, &pid, Duration::from_millis(30), "third");
    after(&node, &pid, Duration::from_millis(10), "second");
    after(&node, &pid, Duration::ZERO, "first");
    for text in ["first", "second", "third"] {
        assert_eq!(seen.recv_timeout(LIMIT).unwrap(), text);
    }
    assert!(begin.elapsed() >= Duration::from_millis(30));
    node.shutdown();
}

#[test]
fn timers_of_a_standing_clock_wait_for_advance() {
    let clock = Clock::paused_at(Time::from_nanos(1_000));
    let node = node_on(&clock);
    let (recorder, seen) = Recorder::new(&[]);
    let pid = node.spawn("recorder", recorder).unwrap();
    after(&node, &pid, 10 * SECOND, "ten");
    after(&node, &pid, 5 * SECOND, "five");
    clock.settle();
    assert_eq!(clock.next_deadline(), Some(clock.now() + 5 * SECOND));
    clock.advance(5 * SECOND - Duration::from_nanos(1));
    clock.settle();
    assert!(seen.try_recv().is_err());
    clock.advance(Duration::from_nanos(1));
    clock.settle();
    assert_eq!(seen.try_recv().unwrap(), "five");
    clock.advance(SECOND * 60);
    clock.settle();
    assert_eq!(seen.try_recv().unwrap(), "ten");
    assert_eq!(clock.now(), Time::from_nanos(1_000) + 65 * SECOND);
    node.shutdown();
}

#[test]
fn settle_waits_for_chains() {
    struct Count(u32);
    impl Process for Count {}
    fn hop(context: &Context<Count>, other: Pid<Count>, left: u32) {
        let me = context.pid().clone();
        context.dispatch(&other, move |count, context| {
            count.0 += 1;
            if left > 0 {
                hop(context, me, left - 1);
            }
        });
    }
    let clock = Clock::paused();
    let node =
        Node::start(NodeConfig { workers: 2, clock: clock.clone(), ..Default::default() }).unwrap();
    let a = node.spawn("a", Count(0)).unwrap();
    let b = node.spawn("b", Count(0)).unwrap();
    for _ in 0..20 {
        let other = b.clone();
        node.dispatch(&a, move |_, context| hop(context, other, 500));
        clock.settle();
        assert!(node.processes().iter().all(|process| process.queued == 0));
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    for pid in [&a, &b] {
        let sender = sender.clone();
        node.dispatch(pid, move |count, _| sender.send(count.0).unwrap());
    }
    clock.settle();
    assert_eq!(receiver.try_iter().sum::<u32>(), 20 * 501);
    node.shutdown();
}

#[test]
fn cancelled_timers_do_not_fire_even_when_they_are_queued() {
    let clock = Clock::paused();
    let node = node_on(&clock);
    let (recorder, seen) = Recorder::new(&[]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let moving = clock.clone();
    node.dispatch(&pid, move |_, context| {
        let early = context.delay(SECOND, |recorder: &mut Recorder, _| recorder.note("early"));
        let late = context.delay(SECOND, |recorder: &mut Recorder, _| recorder.note("late"));
        assert!(context.cancel(early));
        assert!(!context.cancel(early));
        // The clock moves while this handler runs: `late` is in the queue behind it.
        moving.advance(SECOND);
        assert!(context.cancel(late));
        context.delay(SECOND, |recorder, _| recorder.note("kept"));
    });
    clock.settle();
    clock.advance(SECOND);
    clock.settle();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), ["kept"]);
    node.shutdown();
}

#[test]
fn the_timers_of_a_process_end_with_it() {
    let clock = Clock::paused();
    let node = node_on(&clock);
    let (recorder, _seen) = Recorder::new(&[]);
    let pid = node.spawn("recorder", recorder).unwrap();
    for _ in 0..1000 {
        after(&node, &pid, 1000 * SECOND, "never");
    }
    clock.settle();
    assert!(clock.next_deadline().is_some());
    node.terminate(&pid, false);
    assert!(node.wait(&pid).blocking(Some(LIMIT)));
    assert_eq!(clock.next_deadline(), None);
    node.shutdown();
}

#[test]
fn a_clock_can_be_paused_advanced_and_resumed() {
    let clock = Clock::real();
    let node = node_on(&clock);
    let (recorder, seen) = Recorder::new(&[]);
    let pid = node.spawn("recorder", recorder).unwrap();
    clock.pause();
    let at = clock.now();
    after(&node, &pid, 3600 * SECOND, "hour");
    clock.settle();
    clock.advance(3600 * SECOND - Duration::from_millis(5));
    assert_eq!(clock.now(), at + 3600 * SECOND - Duration::from_millis(5));
    clock.settle();
    assert!(seen.try_recv().is_err());
    clock.resume();
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "hour");
    assert!(clock.now() >= at + 3600 * SECOND);
    node.shutdown();
}
