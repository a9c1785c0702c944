//! Filters: what a test can see and take away.

mod common;

use common::{LIMIT, Recorder, node};
use libprocess::{EventKind, LinkMode, Matcher};
use std::time::Duration;

#[test]
fn messages_can_be_watched_and_dropped() {
    let node = node(2);
    let (recorder, seen) = Recorder::new(&["n", "m"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let watched = node.filter().expect_message("n");
    let dropped = node.filter().drop_next(Matcher::message("m").to(&pid));
    assert!(!watched.is_seen());
    node.send(None, &pid, "n", 1_u64);
    node.send(None, &pid, "m", 2_u64);
    node.send(None, &pid, "m", 3_u64);
    let spied = watched.blocking(Some(LIMIT)).unwrap();
    assert_eq!((spied.name.as_str(), spied.decode::<u64>().unwrap()), ("n", 1));
    assert_eq!(&spied.to, pid.upid());
    assert_eq!(dropped.blocking(Some(LIMIT)).unwrap().decode::<u64>().unwrap(), 2);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "n 1");
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "m 3");
    let never = node.filter().expect_message("never");
    assert!(never.blocking(Some(Duration::from_millis(10))).is_none());
    node.shutdown();
}

#[test]
fn a_guard_drops_until_it_is_dropped() {
    let node = node(1);
    let (recorder, seen) = Recorder::new(&["n"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let guard = node.drop_all(Matcher::any(EventKind::Message));
    node.send(None, &pid, "n", 1_u64);
    node.send(None, &pid, "n", 2_u64);
    drop(guard);
    node.send(None, &pid, "n", 3_u64);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "n 3");
    node.shutdown();
}

#[test]
fn dispatches_and_exits_can_be_dropped() {
    let node = node(1);
    let (recorder, seen) = Recorder::new(&[]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let target = node.spawn("target", Recorder::new(&[]).0).unwrap();
    let to = target.upid().clone();
    node.dispatch(&pid, move |recorder, context| {
        context.link(&to, LinkMode::Reuse);
        recorder.note("linked");
    });
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "linked");
    let exit = node.filter().drop_next(Matcher::exited(&target).to(&pid));
    node.terminate(&target, true);
    assert_eq!(exit.blocking(Some(LIMIT)).unwrap().from, *target);
    let lost = node.filter().drop_next(Matcher::dispatch(&pid));
    node.dispatch(&pid, |recorder, _| recorder.note("lost"));
    node.dispatch(&pid, |recorder, _| recorder.note("kept"));
    assert!(lost.is_seen());
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "kept");
    node.shutdown();
}

#[test]
fn an_expected_event_can_be_awaited() {
    let node = node(2);
    let (recorder, _seen) = Recorder::new(&["n"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let (notes, noted) = Recorder::new(&[]);
    let observer = node.spawn("observer", notes).unwrap();
    let expected = node.filter().expect_message("n");
    node.dispatch(&observer, move |_, context| {
        context.await_then(expected, |recorder, _, spied| recorder.note(spied.name));
    });
    node.send(None, &pid, "n", 1_u64);
    assert_eq!(noted.recv_timeout(LIMIT).unwrap(), "n");
    node.shutdown();
}
