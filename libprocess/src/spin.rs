//! Waiting awake: worth it for microseconds on a free core, harmful on a busy one.
//!
//! Waking a sleeping thread takes a system call and, where its core has gone to sleep as well, some
//! 40 µs: in a virtual machine a core without work is given back. A thread that expects its event
//! sooner can stay awake for it. But where others want the core, a thread that spins uses up its
//! share and then waits for theirs. So a thread that is preempted again and again gives up spinning
//! for a while, longer each time. Once in a while is no sign: the system has its own work.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The first and the longest time without spinning.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Preemptions that are no further apart tell of a busy core: its threads take turns of some
/// milliseconds.
const OFTEN: Duration = Duration::from_millis(10);

/// Rounds of doing nothing between two looks.
const ROUNDS: u32 = 8;

/// How far failures count against later waits: after so many without success a thread tries only
/// once in so many times.
const PATIENCE: u8 = 8;
const TRY: u8 = 16;

#[derive(Clone, Copy)]
struct Thread {
    /// Preemptions when last asked, and when one was noticed last.
    preempted: Option<i64>,
    noticed: Option<Instant>,
    pause: Duration,
    resume: Option<Instant>,
    /// What [`wait`] has come to: it begins at [`PATIENCE`], and falls with each failure.
    patience: u8,
    skipped: u8,
}

impl Thread {
    const NEW: Self = Self {
        preempted: None,
        noticed: None,
        pause: PAUSE.0,
        resume: None,
        patience: PATIENCE,
        skipped: 0,
    };

    /// Looks whether the thread was preempted, and stops spinning if that happens often.
    fn look(&mut self, count: i64, now: Instant) {
        let new = self.preempted.replace(count).is_some_and(|before| before != count);
        if !new {
            return;
        }
        let often = self.noticed.replace(now).is_some_and(|before| now - before < OFTEN);
        if often {
            let again = self.resume.is_some_and(|resume| now < resume + self.pause);
            self.pause = if again { (self.pause * 2).min(PAUSE.1) } else { PAUSE.0 };
            self.resume = Some(now + self.pause);
        }
    }

    fn allowed(&self, now: Instant) -> bool {
        self.resume.is_none_or(|resume| now >= resume)
    }
}

thread_local! {
    static THREAD: Cell<Thread> = const { Cell::new(Thread::NEW) };
}

/// Waits awake until `done`, at most for `limit`; true when done.
pub(crate) fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    let mut thread = THREAD.get();
    if !thread.allowed(begin) {
        return done();
    }
    let mut found = done();
    while !found && begin.elapsed() < limit {
        for _ in 0..ROUNDS {
            std::hint::spin_loop();
        }
        found = done();
    }
    thread.look(preemptions(), Instant::now());
    THREAD.set(thread);
    found
}

/// As [`until`], by a thread that then sleeps: one whose waits last longer hardly tries.
pub(crate) fn wait(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let mut thread = THREAD.get();
    if thread.patience == 0 && thread.skipped < TRY {
        thread.skipped += 1;
        THREAD.set(thread);
        return done();
    }
    let found = until(limit, done);
    let mut thread = THREAD.get();
    thread.skipped = 0;
    thread.patience = if found { PATIENCE } else { thread.patience.saturating_sub(1) };
    THREAD.set(thread);
    found
}

/// Whether this thread may spin now.
pub(crate) fn allowed() -> bool {
    THREAD.get().allowed(Instant::now())
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

    #[test]
    fn preemptions_count_where_they_come_often() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut thread = Thread::NEW;
        // What was before is unknown, and one now and then is no sign.
        for (count, millis) in [(7, 0), (8, 1), (9, 50), (9, 51), (10, 100)] {
            thread.look(count, at(millis));
            assert!(thread.allowed(at(millis)), "{count} at {millis} ms");
        }
        thread.look(11, at(105));
        assert!(!thread.allowed(at(204)) && thread.allowed(at(205)));
        // Again soon after: twice as long.
        thread.look(12, at(210));
        thread.look(13, at(212));
        assert!(!thread.allowed(at(411)) && thread.allowed(at(412)));
    }

    #[test]
    fn who_waits_in_vain_stops_trying() {
        for _ in 0..PATIENCE {
            assert!(!wait(Duration::ZERO, || false));
        }
        let mut looks = 0;
        wait(Duration::from_secs(60), || {
            looks += 1;
            false
        });
        assert_eq!(looks, 1);
        for _ in 1..TRY {
            wait(Duration::from_secs(60), || false);
        }
        assert!(wait(Duration::from_secs(60), || true));
        assert_eq!(THREAD.get().patience, PATIENCE);
    }
}
