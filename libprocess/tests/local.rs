//! Processes of one node: queues, lifecycle, links, timers, panics.

mod common;

use common::{LIMIT, Recorder, node};
use libprocess::{Context, LinkMode, Node, NodeError, Process, Upid};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

#[test]
fn messages_of_one_sender_arrive_in_order() {
    let node = node(2);
    let (recorder, seen) = Recorder::new(&["n"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    for n in 0..10_000_u64 {
        node.send(None, &pid, "n", n);
    }
    for n in 0..10_000 {
        assert_eq!(seen.recv_timeout(LIMIT).unwrap(), format!("n {n}"));
    }
    node.shutdown();
}

#[test]
fn a_parsed_name_reaches_the_process() {
    let node = node(1);
    let (recorder, seen) = Recorder::new(&["n"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let parsed: Upid = pid.to_string().parse().unwrap();
    assert_eq!(&parsed, pid.upid());
    node.send(None, &parsed, "n", 1_u64);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "n 1");
    node.shutdown();
}

/// Runs until told, so that a test can fill the queue behind it.
fn hold(node: &Node, pid: &libprocess::Pid<Recorder>) -> Sender<()> {
    let (started, starts) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    node.dispatch(pid, move |_, _| {
        started.send(()).unwrap();
        let _ = wait.recv_timeout(LIMIT);
    });
    starts.recv_timeout(LIMIT).unwrap();
    go
}

#[test]
fn terminate_at_the_end_lets_the_queue_drain() {
    let node = node(2);
    let (recorder, seen) = Recorder::new(&["n"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let go = hold(&node, &pid);
    node.send(None, &pid, "n", 1_u64);
    node.terminate(&pid, false);
    node.send(None, &pid, "n", 2_u64);
    drop(go);
    assert!(node.wait(&pid).blocking(Some(LIMIT)));
    assert_eq!(seen.iter().collect::<Vec<_>>(), ["n 1", "finalize"]);
    node.shutdown();
}

#[test]
fn terminate_injected_overtakes_the_queue() {
    let node = node(2);
    let (recorder, seen) = Recorder::new(&["n"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let go = hold(&node, &pid);
    for n in 0..100_u64 {
        node.send(None, &pid, "n", n);
    }
    node.terminate(&pid, true);
    drop(go);
    assert!(node.wait(&pid).blocking(Some(LIMIT)));
    assert_eq!(seen.iter().collect::<Vec<_>>(), ["finalize"]);
    node.shutdown();
}

#[test]
fn wait_times_out_and_unknown_names_are_over() {
    let node = node(1);
    let (recorder, _seen) = Recorder::new(&[]);
    let pid = node.spawn("recorder", recorder).unwrap();
    assert!(!node.wait(&pid).blocking(Some(Duration::from_millis(20))));
    assert!(node.wait(&Upid::new("nobody", node.address())).blocking(Some(Duration::ZERO)));
    let wait = node.wait(&pid);
    node.terminate(&pid, true);
    assert!(wait.blocking(Some(LIMIT)));
    assert!(node.wait(&pid).blocking(Some(Duration::ZERO)), "over stays over");
    node.shutdown();
}

#[test]
fn an_id_is_free_again_after_the_end() {
    let node = node(2);
    let (first, _seen) = Recorder::new(&[]);
    let pid = node.spawn("same", first).unwrap();
    let (second, _seen) = Recorder::new(&[]);
    assert!(matches!(node.spawn("same", second), Err(NodeError::Taken(id)) if id == "same"));
    node.terminate(&pid, true);
    assert!(node.wait(&pid).blocking(Some(LIMIT)));
    let (third, seen) = Recorder::new(&["n"]);
    node.spawn("same", third).unwrap();
    // The old name is the new process's name too.
    node.send(None, &pid, "n", 3_u64);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "n 3");
    node.shutdown();
}

#[test]
fn unique_ids_are_numbered() {
    let node = node(1);
    let ids: Vec<_> =
        (0..3).map(|_| node.spawn_unique("slave", Recorder::new(&[]).0).id().to_owned()).collect();
    assert_eq!(ids, ["slave(1)", "slave(2)", "slave(3)"]);
    node.shutdown();
}

#[test]
fn exited_comes_once_per_link() {
    let node = node(2);
    let (watcher, seen) = Recorder::new(&[]);
    let watcher = node.spawn("watcher", watcher).unwrap();
    let (target, _seen) = Recorder::new(&[]);
    let target = node.spawn("target", target).unwrap();
    let to = target.upid().clone();
    node.dispatch(&watcher, move |_, context| {
        context.link(&to, LinkMode::Reuse);
        context.link(&to, LinkMode::Reconnect);
        context.link(&Upid::new("nobody", to.address()), LinkMode::Reuse);
    });
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "exited nobody");
    node.terminate(&target, true);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "exited target");
    let to = target.upid().clone();
    node.dispatch(&watcher, move |_, context| context.link(&to, LinkMode::Reuse));
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "exited target", "a new link, a new exited");
    node.terminate(&watcher, false);
    assert_eq!(seen.iter().collect::<Vec<_>>(), ["finalize"]);
    node.shutdown();
}

#[test]
fn a_message_before_the_end_arrives_before_exited() {
    struct LastWords(Upid);
    impl Process for LastWords {
        fn finalize(&mut self, context: &mut Context<Self>) {
            context.send(&self.0, "n", 7_u64);
        }
    }
    let node = node(2);
    let (watcher, seen) = Recorder::new(&["n"]);
    let watcher = node.spawn("watcher", watcher).unwrap();
    let target = node.spawn("target", LastWords(watcher.upid().clone())).unwrap();
    let to = target.upid().clone();
    node.dispatch(&watcher, move |recorder, context| {
        context.link(&to, LinkMode::Reuse);
        recorder.note("linked");
    });
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "linked");
    node.terminate(&target, true);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), format!("n 7 from {target}"));
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "exited target");
    node.shutdown();
}

#[test]
fn a_supervisor_can_respawn_under_the_same_id() {
    struct Child;
    impl Process for Child {}
    struct Supervisor {
        ends: u32,
        report: Sender<u32>,
    }
    impl Supervisor {
        fn start(&mut self, context: &mut Context<Self>) {
            let child = context.node().spawn("child", Child).unwrap();
            context.link(&child, LinkMode::Reuse);
            context.node().terminate(&child, true);
        }
    }
    impl Process for Supervisor {
        fn initialize(&mut self, context: &mut Context<Self>) {
            self.start(context);
        }
        fn exited(&mut self, context: &mut Context<Self>, _peer: &Upid) {
            self.ends += 1;
            self.report.send(self.ends).unwrap();
            if self.ends < 100 {
                self.start(context);
            }
        }
    }
    let node = node(2);
    let (report, reports) = mpsc::channel();
    node.spawn("supervisor", Supervisor { ends: 0, report }).unwrap();
    for n in 1..=100 {
        assert_eq!(reports.recv_timeout(LIMIT).unwrap(), n);
    }
    node.shutdown();
}

#[test]
fn a_panic_ends_only_its_process() {
    let node = node(1);
    let (watcher, seen) = Recorder::new(&["n"]);
    let watcher = node.spawn("watcher", watcher).unwrap();
    let (target, ends) = Recorder::new(&[]);
    let target = node.spawn("target", target).unwrap();
    let to = target.upid().clone();
    node.dispatch(&watcher, move |_, context| context.link(&to, LinkMode::Reuse));
    node.dispatch(&target, |_, _| panic!("a test wants this"));
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "exited target");
    assert!(ends.recv().is_err(), "no finalize after a panic");
    node.send(None, &watcher, "n", 1_u64);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "n 1");
    assert_eq!(node.stats().panics.get(), 1);
    node.shutdown();
}

#[test]
fn bodies_that_do_not_fit_and_unknown_names_are_dropped_and_counted() {
    let node = node(1);
    let (recorder, seen) = Recorder::new(&["n"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    node.send(None, &pid, "n", "text".to_owned());
    node.send(None, &pid, "unknown", 1_u64);
    node.send(None, &Upid::new("nobody", node.address()), "n", 1_u64);
    node.send(None, &pid, "n", 2_u32);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "n 2", "another type that fits is read");
    assert_eq!(node.stats().decode_failures.get(), 1);
    assert_eq!(node.stats().dropped_unknown_message.get(), 1);
    assert_eq!(node.stats().dropped_unknown_process.get(), 1);
    node.shutdown();
}

#[test]
fn raw_handlers_forward_and_delegates_keep_the_sender() {
    struct Relay(Upid);
    impl Process for Relay {
        fn initialize(&mut self, context: &mut Context<Self>) {
            context.delegate("n", &self.0);
            let to = self.0.clone();
            context.install_raw(move |_, context, envelope| context.forward(&to, envelope));
        }
    }
    let node = node(2);
    let (recorder, seen) = Recorder::new(&["n", "m"]);
    let recorder = node.spawn("recorder", recorder).unwrap();
    let relay = node.spawn("relay", Relay(recorder.upid().clone())).unwrap();
    let from = Upid::new("first", "10.1.2.3:4".parse().unwrap());
    node.send(Some(&from), &relay, "n", 1_u64);
    node.send(Some(&from), &relay, "m", 2_u64);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "n 1 from first@10.1.2.3:4");
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "m 2 from first@10.1.2.3:4");
    node.shutdown();
}

#[test]
fn the_empty_id_means_the_delegate() {
    let node = Node::start(libprocess::NodeConfig {
        workers: 1,
        delegate: Some("master".into()),
        ..Default::default()
    })
    .unwrap();
    let (recorder, seen) = Recorder::new(&["n"]);
    node.spawn("master", recorder).unwrap();
    node.send(None, &Upid::new("", node.address()), "n", 1_u64);
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "n 1");
    node.shutdown();
}

#[test]
fn deferred_and_awaited_continue_on_the_process() {
    let node = node(2);
    let (recorder, seen) = Recorder::new(&[]);
    let pid = node.spawn("recorder", recorder).unwrap();
    node.dispatch(&pid, |_, context| {
        let deferred = context.defer(|recorder: &mut Recorder, _, text: &str| recorder.note(text));
        std::thread::spawn(move || deferred.call("from a thread"));
    });
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "from a thread");
    node.dispatch(&pid, |_, context| {
        context.await_then(
            async {
                tokio::task::yield_now().await;
                "yielded"
            },
            |recorder, context, text| {
                recorder.note(text);
                context.block_then(|| "blocked", |recorder, _, text| recorder.note(text));
            },
        );
    });
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "yielded");
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "blocked");
    node.shutdown();
}

#[test]
fn what_a_process_awaits_is_dropped_with_it() {
    struct OnDrop(Sender<()>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let node = node(1);
    let (recorder, _seen) = Recorder::new(&[]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let (dropped, drops) = mpsc::channel();
    node.dispatch(&pid, move |_, context| {
        let guard = OnDrop(dropped);
        context.await_then(
            async move {
                std::future::pending::<()>().await;
                drop(guard);
            },
            |_, _, ()| {},
        );
    });
    node.terminate(&pid, false);
    drops.recv_timeout(LIMIT).unwrap();
    node.shutdown();
}

#[test]
fn queues_can_be_looked_at() {
    let node = node(1);
    let (recorder, _seen) = Recorder::new(&["n"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    let go = hold(&node, &pid);
    node.send(None, &pid, "n", 1_u64);
    let snapshot = node.processes();
    assert_eq!(snapshot.len(), 1);
    assert_eq!(snapshot[0].id, "recorder");
    assert_eq!(snapshot[0].queued, 1);
    assert_eq!(snapshot[0].events[0].kind, "MESSAGE");
    assert_eq!(snapshot[0].events[0].name.as_deref(), Some("n"));
    drop(go);
    node.shutdown();
}

#[test]
fn work_spreads_over_the_workers() {
    // Two processes that each wait for the other can only meet on two threads.
    let node = node(2);
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
    let (done, dones) = mpsc::channel();
    for _ in 0..2 {
        let pid = node.spawn_unique("meet", Recorder::new(&[]).0);
        let (barrier, done) = (barrier.clone(), done.clone());
        node.dispatch(&pid, move |_, _| {
            barrier.wait();
            done.send(()).unwrap();
        });
    }
    for _ in 0..2 {
        dones.recv_timeout(LIMIT).unwrap();
    }
    node.shutdown();
}

#[test]
fn the_callers_thread_may_be_the_only_worker() {
    let config = libprocess::NodeConfig::default();
    let (node, runner) = libprocess::Node::on_this_thread(config).unwrap();
    let (recorder, seen) = Recorder::new(&["n"]);
    let pid = node.spawn("recorder", recorder).unwrap();
    node.send(None, &pid, "n", 1_u64);
    let (ran, thread) = mpsc::channel();
    let ended = node.clone();
    node.dispatch(&pid, move |_, _| {
        ran.send(std::thread::current().id()).unwrap();
        ended.shutdown();
    });
    assert!(seen.try_recv().is_err(), "nothing happens before it runs");
    runner.run().unwrap();
    assert_eq!(seen.recv_timeout(LIMIT).unwrap(), "n 1");
    assert_eq!(thread.recv_timeout(LIMIT).unwrap(), std::thread::current().id());
}

#[test]
fn a_node_that_is_shut_down_spawns_nothing_and_leaks_no_thread() {
    let threads = || {
        std::fs::read_dir("/proc/self/task")
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .filter(|name| name.starts_with("leak:"))
            .count()
    };
    for _ in 0..50 {
        let node = node(2);
        let (recorder, _seen) = Recorder::new(&[]);
        let pid = node.spawn("recorder", recorder).unwrap();
        // Names the thread, so that other tests' threads are not counted.
        node.dispatch(&pid, |_, _| {
            std::fs::write("/proc/thread-self/comm", "leak:worker").unwrap();
        });
        node.terminate(&pid, false);
        assert!(node.wait(&pid).blocking(Some(LIMIT)));
        node.shutdown();
        assert!(matches!(node.spawn("x", Recorder::new(&[]).0), Err(NodeError::ShutDown(_))));
        let late = node.spawn_unique("x", Recorder::new(&[]).0);
        node.send(None, &late, "n", 1_u64);
        node.shutdown();
    }
    assert_eq!(threads(), 0);
}
