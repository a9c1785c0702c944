//! Which worker runs which process, and when a worker sleeps.
//!
//! ```text
//!   a worker:   running --- own queue, injector and others' queues empty ---> parked
//!                  ^                                                            |
//!                  `--- another worker has a backlog, or its own thread --------'
//!                       (or a stranger) made a process runnable
//! ```
//!
//! A process that becomes runnable on a worker's thread stays on that worker: a chain of processes
//! that wake each other runs at memory speed on one core. A worker with a backlog wakes a sleeping
//! one, which steals half of it. Threads that are not workers hand over through the injector.
//!
//! A worker that is often called back soon after it parked tries to stay awake instead, and goes on
//! with that while it pays.
//!
//! Waking costs a system call, so nobody is woken while somebody already searches, and a process
//! that is alone in its queue wakes nobody for a moment after a search that found nothing: it will
//! be run by its own worker sooner than a sleeper could take it.

use crate::cell::Cell;
use crate::spin;
use futures_util::task::AtomicWaker;
use std::cell::Cell as Local;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

/// How long a worker runs processes before it looks at its sockets and timers.
const SLICE: Duration = Duration::from_micros(200);

/// How many turns pass between two looks at the watch.
const TURNS_PER_LOOK: u32 = 8;

/// How long after a vain search a lonely process wakes nobody.
const VAIN_SEARCH_PAUSE: Duration = Duration::from_millis(1);

/// How long a worker stays awake without work, when that pays, and how long between two looks at
/// its sockets.
const AWAKE: Duration = Duration::from_micros(60);
const LOOK: Duration = Duration::from_micros(5);

/// A worker that was called within this time might have stayed awake; it tries once in so many
/// times. Where cores sleep, such a call takes two of them some 40 µs each to wake.
const SHORT_PARK: Duration = Duration::from_micros(150);
const TRY: u32 = 16;

/// How many processes a worker takes from the injector at once.
const INJECTOR_BATCH: usize = 16;

/// A worker looks at the injector first once in so many turns, lest its own queue starve it.
const INJECTOR_TURN: u32 = 61;

thread_local! {
    /// The scheduler (by address) and index of the worker whose thread this is.
    static CURRENT: Local<(usize, usize)> = const { Local::new((0, 0)) };
}

type Queue = Mutex<VecDeque<Arc<Cell>>>;

/// Run queues and sleeping workers of one node.
pub(crate) struct Scheduler {
    workers: Box<[Worker]>,
    injector: Queue,
    injected: AtomicUsize,
    /// Parked workers, the latest last: it is woken first, its caches are warm.
    idle: Mutex<Vec<usize>>,
    idle_count: AtomicUsize,
    searching: AtomicUsize,
    stopping: AtomicBool,
    started: Instant,
    /// When a search last found nothing, in nanoseconds since `started`.
    vain_search: AtomicU64,
}

/// Aligned so that workers do not share cache lines.
#[repr(align(128))]
struct Worker {
    queue: Queue,
    waker: AtomicWaker,
    parked: AtomicBool,
    /// Woken by another worker in order to search.
    called: AtomicBool,
    /// The time at its last look at the watch, in nanoseconds since `started`.
    watch: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The critical sections here do not panic; a poisoned queue is still a queue.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scheduler {
    pub fn new(workers: usize) -> Self {
        let worker = |_| Worker {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            parked: AtomicBool::new(false),
            called: AtomicBool::new(false),
            watch: AtomicU64::new(0),
        };
        Self {
            workers: (0..workers.max(1)).map(worker).collect(),
            injector: Mutex::default(),
            injected: AtomicUsize::new(0),
            idle: Mutex::default(),
            idle_count: AtomicUsize::new(0),
            searching: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            started: Instant::now(),
            vain_search: AtomicU64::new(0),
        }
    }

    /// The index of the worker whose thread this is.
    pub fn current_worker(&self) -> Option<usize> {
        let (scheduler, index) = CURRENT.get();
        (scheduler == std::ptr::from_ref(self).addr()).then_some(index)
    }

    /// Queues a process whose mailbox just went from idle to scheduled.
    pub fn schedule(&self, cell: Arc<Cell>) {
        let Some(index) = self.current_worker() else {
            let mut injector = lock(&self.injector);
            injector.push_back(cell);
            self.injected.store(injector.len(), Ordering::Release);
            drop(injector);
            fence(Ordering::SeqCst);
            self.call_one();
            return;
        };
        let worker = &self.workers[index];
        let backlog = {
            let mut queue = lock(&worker.queue);
            queue.push_back(cell);
            queue.len() > 1
        };
        if worker.parked.load(Ordering::Relaxed) {
            self.unpark_own(index);
        } else if backlog || self.search_may_pay(worker) {
            fence(Ordering::SeqCst);
            self.call_one();
        }
    }

    fn search_may_pay(&self, worker: &Worker) -> bool {
        if self.idle_count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let since = worker.watch.load(Ordering::Relaxed);
        let vain = self.vain_search.load(Ordering::Relaxed);
        since.saturating_sub(vain) > VAIN_SEARCH_PAUSE.as_nanos() as u64
    }

    /// Wakes a parked worker to search, unless there is none or one searches already.
    fn call_one(&self) {
        if self.idle_count.load(Ordering::SeqCst) == 0 || self.searching.load(Ordering::SeqCst) > 0
        {
            return;
        }
        let index = {
            let mut idle = lock(&self.idle);
            let Some(index) = idle.pop() else { return };
            self.idle_count.store(idle.len(), Ordering::SeqCst);
            self.searching.fetch_add(1, Ordering::SeqCst);
            self.workers[index].called.store(true, Ordering::SeqCst);
            self.workers[index].parked.store(false, Ordering::SeqCst);
            index
        };
        self.workers[index].waker.wake();
    }

    /// Takes a worker off the idle list; false when somebody else just did.
    fn unlist(&self, index: usize) -> bool {
        let mut idle = lock(&self.idle);
        let Some(position) = idle.iter().rposition(|worker| *worker == index) else {
            return false;
        };
        idle.remove(position);
        self.idle_count.store(idle.len(), Ordering::SeqCst);
        self.workers[index].parked.store(false, Ordering::SeqCst);
        true
    }

    /// Wakes the worker of this thread: its loop is a task beside the caller.
    fn unpark_own(&self, index: usize) {
        if self.unlist(index) {
            self.workers[index].waker.wake();
        }
    }

    /// Ends all worker loops, once they have nothing to run.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for index in 0..self.workers.len() {
            if self.unlist(index) {
                self.workers[index].waker.wake();
            }
        }
    }

    fn has_work(&self) -> bool {
        !lock(&self.injector).is_empty()
            || self.workers.iter().any(|worker| !lock(&worker.queue).is_empty())
    }

    fn pop_own(&self, index: usize) -> Option<Arc<Cell>> {
        lock(&self.workers[index].queue).pop_front()
    }

    fn pop_injector(&self, index: usize) -> Option<Arc<Cell>> {
        if self.injected.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut injector = lock(&self.injector);
        let share = (injector.len() / self.workers.len() + 1).min(INJECTOR_BATCH);
        let first = injector.pop_front()?;
        let rest = (share - 1).min(injector.len());
        if rest > 0 {
            lock(&self.workers[index].queue).extend(injector.drain(..rest));
        }
        self.injected.store(injector.len(), Ordering::Release);
        Some(first)
    }

    /// Takes half of the first other queue that has something.
    fn steal(&self, index: usize) -> Option<Arc<Cell>> {
        let count = self.workers.len();
        for offset in 1..count {
            let victim = &self.workers[(index + offset) % count];
            let mut loot = {
                let mut queue = lock(&victim.queue);
                let half = queue.len().div_ceil(2);
                queue.drain(..half).collect::<VecDeque<_>>()
            };
            if let Some(first) = loot.pop_front() {
                if !loot.is_empty() {
                    lock(&self.workers[index].queue).extend(loot);
                }
                return Some(first);
            }
        }
        None
    }

    /// Looks everywhere but in the worker's own queue. `searching` says whether this worker is
    /// already counted as one that searches, and is false afterwards.
    fn search(&self, index: usize, searching: &mut bool) -> Option<Arc<Cell>> {
        let mut found = self.pop_injector(index);
        if found.is_none() && self.workers.len() > 1 {
            if !*searching && self.searching.load(Ordering::SeqCst) == 0 {
                *searching = true;
                self.searching.fetch_add(1, Ordering::SeqCst);
            }
            if *searching {
                found = self.steal(index);
                if found.is_none() {
                    let now = self.started.elapsed().as_nanos() as u64;
                    self.vain_search.store(now, Ordering::Relaxed);
                }
            }
        }
        self.stop_searching(searching);
        if found.is_some() && self.has_more(index) {
            // There may be enough for one more; the next searcher decides the same way.
            self.call_one();
        }
        found
    }

    fn stop_searching(&self, searching: &mut bool) {
        if std::mem::take(searching) {
            self.searching.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn has_more(&self, index: usize) -> bool {
        self.injected.load(Ordering::Relaxed) > 0 || !lock(&self.workers[index].queue).is_empty()
    }

    /// Waits awake for work, as one who searches, so that nobody is called; true when some came.
    async fn stay_awake(&self, index: usize) -> bool {
        if self.searching.load(Ordering::SeqCst) > 0 || !spin::allowed() {
            return false;
        }
        self.searching.fetch_add(1, Ordering::SeqCst);
        let begin = Instant::now();
        let mut found = false;
        while !found && begin.elapsed() < AWAKE && spin::allowed() {
            found = spin::until(LOOK, || self.injected.load(Ordering::Relaxed) > 0);
            if !found {
                // This thread's sockets and the backlog of others may bring work too.
                tokio::task::yield_now().await;
                found = self.has_more(index) || self.has_backlog(index);
            }
        }
        self.searching.fetch_sub(1, Ordering::SeqCst);
        found
    }

    /// Whether another worker has more than it will run next.
    fn has_backlog(&self, index: usize) -> bool {
        let mut others = self.workers.iter().enumerate().filter(|(other, _)| *other != index);
        others.any(|(_, worker)| lock(&worker.queue).len() > 1)
    }

    /// Sleeps until called; true when called in order to search.
    async fn park(&self, index: usize) -> bool {
        let worker = &self.workers[index];
        let mut listed = false;
        poll_fn(|cx| {
            worker.waker.register(cx.waker());
            if !listed {
                listed = true;
                let mut idle = lock(&self.idle);
                worker.parked.store(true, Ordering::SeqCst);
                idle.push(index);
                self.idle_count.store(idle.len(), Ordering::SeqCst);
                drop(idle);
                fence(Ordering::SeqCst);
                // Whoever queued something before it could see this worker parked told nobody.
                if self.has_work() || self.stopping.load(Ordering::SeqCst) {
                    self.unlist(index);
                    return Poll::Ready(());
                }
            }
            if worker.parked.load(Ordering::SeqCst) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        worker.called.swap(false, Ordering::SeqCst)
    }

    /// The life of one worker. Runs on the worker's thread, beside the tasks of its sockets.
    pub async fn work(self: Arc<Self>, index: usize) {
        CURRENT.set((std::ptr::from_ref(&*self).addr(), index));
        let mut turn = 0_u32;
        let mut searching = false;
        // Whether to stay awake at the next lack of work, and how many short parks there were.
        let (mut awake, mut short) = (false, 0);
        let mut slice = self.look_at_watch(index);
        loop {
            turn = turn.wrapping_add(1);
            let first =
                if turn.is_multiple_of(INJECTOR_TURN) { self.pop_injector(index) } else { None };
            let next = first
                .or_else(|| self.pop_own(index))
                .or_else(|| self.search(index, &mut searching));
            if let Some(cell) = next {
                self.stop_searching(&mut searching);
                let look = self.run(index, cell) || turn.is_multiple_of(TURNS_PER_LOOK);
                if look && self.look_at_watch(index) - slice > SLICE {
                    tokio::task::yield_now().await;
                    slice = self.look_at_watch(index);
                }
                continue;
            }
            if self.stopping.load(Ordering::SeqCst) {
                break;
            }
            if awake {
                awake = self.stay_awake(index).await;
                if awake {
                    slice = self.look_at_watch(index);
                    continue;
                }
            }
            let parked = self.look_at_watch(index);
            searching = self.park(index).await;
            slice = self.look_at_watch(index);
            short += u32::from(slice - parked < SHORT_PARK);
            awake = short >= TRY;
            short %= TRY;
        }
        self.stop_searching(&mut searching);
        CURRENT.set((0, 0));
    }

    /// Gives a process its turn; true when that may have taken a while.
    fn run(&self, index: usize, cell: Arc<Cell>) -> bool {
        let turn = cell.turn();
        if turn.again {
            lock(&self.workers[index].queue).push_back(cell);
        }
        turn.long
    }

    fn look_at_watch(&self, index: usize) -> Duration {
        let now = self.started.elapsed();
        self.workers[index].watch.store(now.as_nanos() as u64, Ordering::Relaxed);
        now
    }
}
