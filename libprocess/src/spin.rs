//! Waiting awake: worth it for microseconds on a free core, harmful on a busy one.
//!
//! Waking a sleeping thread takes a system call and, on an idle core, tens of microseconds. A
//! thread that expects its event sooner can stay awake for it. But where others want the core, a
//! thread that spins uses up its share and then waits for theirs. So a thread that was preempted
//! gives up spinning for a while, longer each time.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The first and the longest time without spinning after a preemption.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Rounds of doing nothing between two looks.
const ROUNDS: u32 = 8;

#[derive(Clone, Copy)]
struct Thread {
    /// Preemptions when last asked.
    preempted: i64,
    pause: Duration,
    resume: Option<Instant>,
}

thread_local! {
    static THREAD: Cell<Thread> =
        const { Cell::new(Thread { preempted: 0, pause: PAUSE.0, resume: None }) };
}

/// Waits awake until `done`, at most for `limit`; true when done.
pub(crate) fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    let mut thread = THREAD.get();
    if thread.resume.is_some_and(|resume| begin < resume) {
        return done();
    }
    let mut found = done();
    while !found && begin.elapsed() < limit {
        for _ in 0..ROUNDS {
            std::hint::spin_loop();
        }
        found = done();
    }
    let preempted = preemptions();
    if preempted != thread.preempted {
        thread.pause = if thread.resume.is_some_and(|resume| begin - resume < thread.pause) {
            (thread.pause * 2).min(PAUSE.1)
        } else {
            PAUSE.0
        };
        thread.resume = Some(Instant::now() + thread.pause);
        thread.preempted = preempted;
        THREAD.set(thread);
    }
    found
}

/// Whether this thread may spin now.
pub(crate) fn allowed() -> bool {
    THREAD.get().resume.is_none_or(|resume| Instant::now() >= resume)
}

/// How often this thread lost its core to another.
fn preemptions() -> i64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| usage.involuntary_context_switches())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_when_done_or_when_the_time_is_up() {
        let mut looks = 0;
        let done = until(Duration::from_secs(60), || {
            looks += 1;
            looks == 3
        });
        // Having been preempted before, this thread may have looked only once.
        assert!(done || looks == 1);
        assert!(!until(Duration::from_micros(1), || false));
    }
}
