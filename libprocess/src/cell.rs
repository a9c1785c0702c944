//! What the runtime keeps of one process: queue, state, links, end.
//!
//! ```text
//!   spawned --Initialize--> running --Terminate, terminate(), panic--> exiting --> over
//!                            |   ^                                        |
//!                            `---' one event at a time                    |- finalize (not after
//!                                                                         |  a panic), queue and
//!                                                                         |  state dropped
//!                                                                         |- name and routes freed
//!                                                                         |- linkers get `exited`
//!                                                                         `- waiters are released
//! ```

use crate::event::Event;
use crate::filter::Seen;
use crate::latch::Latch;
use crate::mailbox::{Mailbox, Pushed};
use crate::node::Shared;
use crate::remote::Inbound;
use crate::{Envelope, Upid};
use std::any::Any;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many events a process handles before others get their turn, and how many between two looks
/// at the watch.
const TURN_EVENTS: usize = 256;
const EVENTS_PER_LOOK: usize = 16;

/// A process whose handlers take long gives up its turn earlier.
const TURN_TIME: Duration = Duration::from_micros(100);

/// A process with its type erased: `Running<P>`.
pub(crate) trait Body: Any + Send {
    /// Handles up to `budget` events of `batch`.
    fn run(&mut self, batch: &mut VecDeque<Event>, budget: &mut usize) -> Flow;

    /// The last call, unless the process panicked.
    fn finalize(&mut self);
}

/// What a batch led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    /// The batch, or the budget, is used up.
    Done,
    /// The process ends.
    Exit,
}

/// What a turn led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turn {
    /// There may be more: the caller must queue the process again. If not, the next push does.
    pub again: bool,
    /// It may have taken a while.
    pub long: bool,
}

impl Turn {
    const SHORT: Self = Self { again: false, long: false };
}

struct Active {
    body: Box<dyn Body>,
    batch: VecDeque<Event>,
}

/// See the head of this file.
pub(crate) struct Cell {
    id: Arc<str>,
    node: Arc<Shared>,
    mailbox: Mailbox,
    active: Mutex<Option<Active>>,
    /// End after the current event, whatever is queued.
    kill: AtomicBool,
    links: Mutex<Links>,
    over: Latch,
}

/// Who watches this process, and whom it watches.
#[derive(Default)]
struct Links {
    closed: bool,
    /// Processes of this node that linked to this one, by the address of their cell.
    linkers: HashMap<usize, Arc<Cell>>,
    /// Connections by which processes of other nodes linked to this one, by address.
    remote_linkers: HashMap<usize, Arc<Inbound>>,
    /// Whom this process linked to.
    targets: HashSet<Upid>,
}

impl AsRef<Latch> for Cell {
    fn as_ref(&self) -> &Latch {
        &self.over
    }
}

impl Cell {
    pub fn new(id: Arc<str>, node: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            id,
            node,
            mailbox: Mailbox::new(),
            active: Mutex::new(None),
            kill: AtomicBool::new(false),
            links: Mutex::default(),
            over: Latch::default(),
        })
    }

    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    pub fn node(&self) -> &Arc<Shared> {
        &self.node
    }

    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The process's name; costs an allocation.
    pub fn upid(self: &Arc<Self>) -> Upid {
        Upid::of(self.clone(), self.node.address())
    }

    pub fn is_over(&self) -> bool {
        self.over.is_set()
    }

    /// Ends when the process has ended.
    pub async fn over(&self) {
        self.over.wait().await;
    }

    /// Puts the process's state in place and schedules its start. Once per cell.
    pub fn start(self: &Arc<Self>, body: Box<dyn Body>) {
        *self.active() = Some(Active { body, batch: VecDeque::new() });
        // Ahead: others may have found the name in the table and sent already.
        self.mailbox.push_front(Event::Initialize);
        self.node.scheduler().schedule(self.clone());
    }

    /// Queues an event, unless a filter takes it; false when the process is gone.
    pub fn deliver(self: &Arc<Self>, event: Event) -> bool {
        let event = if self.node.filters().active() {
            match self.filtered(event) {
                Some(event) => event,
                None => return true,
            }
        } else {
            event
        };
        self.enqueue(event)
    }

    fn enqueue(self: &Arc<Self>, event: Event) -> bool {
        match self.mailbox.push(event) {
            Pushed::Queued => true,
            Pushed::Wake => {
                self.node.scheduler().schedule(self.clone());
                true
            }
            Pushed::Closed => false,
        }
    }

    /// Queues several events at once; false when the process is gone.
    pub fn deliver_all(self: &Arc<Self>, events: &mut Vec<Event>) -> bool {
        if self.node.filters().active() {
            return events.drain(..).fold(true, |_, event| self.deliver(event));
        }
        match self.mailbox.push_all(events) {
            Pushed::Queued => true,
            Pushed::Wake => {
                self.node.scheduler().schedule(self.clone());
                true
            }
            Pushed::Closed => false,
        }
    }

    fn filtered(self: &Arc<Self>, event: Event) -> Option<Event> {
        let to = self.upid();
        let filters = self.node.filters();
        match event {
            Event::Message(parcel) => {
                let envelope = Envelope(crate::message::Contents::Local(parcel));
                let pass = filters.pass(&Seen::message(&envelope, &to));
                pass.then(|| envelope.into_event())
            }
            Event::Frame(frame) => {
                let envelope = Envelope(crate::message::Contents::Remote(frame));
                let pass = filters.pass(&Seen::message(&envelope, &to));
                pass.then(|| envelope.into_event())
            }
            Event::Dispatch(_) => filters.pass(&Seen::dispatch(&to)).then_some(event),
            Event::Http(ref both) => filters.pass(&Seen::http(&both.0.path, &to)).then_some(event),
            Event::Exited(ref peer) => filters.pass(&Seen::exited(peer, &to)).then_some(event),
            Event::Initialize | Event::Terminate => Some(event),
        }
    }

    /// Asks the process to end: after its current event, or after all that is queued.
    pub fn terminate(self: &Arc<Self>, inject: bool) {
        let pushed = if inject {
            self.kill.store(true, Ordering::Release);
            self.mailbox.push_front(Event::Terminate)
        } else {
            self.mailbox.push(Event::Terminate)
        };
        if let Pushed::Wake = pushed {
            self.node.scheduler().schedule(self.clone());
        }
    }

    /// Whether the process is to end after its current event.
    pub fn killed(&self) -> bool {
        self.kill.load(Ordering::Relaxed)
    }

    fn active(&self) -> MutexGuard<'_, Option<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles some events. Only the worker that popped the cell from a run queue calls this.
    pub fn turn(self: &Arc<Self>) -> Turn {
        let mut slot = self.active();
        let Some(active) = slot.as_mut() else { return Turn::SHORT };
        let mut handled = 0;
        let mut next_look = EVENTS_PER_LOOK;
        let mut begin = None;
        loop {
            if active.batch.is_empty() && !self.mailbox.swap(&mut active.batch) {
                return Turn { again: false, long: begin.is_some() };
            }
            let mut budget = EVENTS_PER_LOOK;
            // After a panic the state is dropped without being looked at again.
            let flow =
                catch_unwind(AssertUnwindSafe(|| active.body.run(&mut active.batch, &mut budget)));
            if !matches!(flow, Ok(Flow::Done)) {
                let active = slot.take();
                drop(slot);
                self.end(active, flow.err());
                return Turn { again: false, long: true };
            }
            handled += EVENTS_PER_LOOK - budget;
            if handled < next_look {
                continue;
            }
            next_look = handled + EVENTS_PER_LOOK;
            let begin = begin.get_or_insert_with(Instant::now);
            if handled >= TURN_EVENTS || begin.elapsed() >= TURN_TIME {
                return Turn { again: true, long: true };
            }
        }
    }

    /// The last steps of a process: with `panic`, without asking it.
    fn end(self: &Arc<Self>, mut active: Option<Active>, panic: Option<Box<dyn Any + Send>>) {
        let panic = panic.or_else(|| {
            let active = active.as_mut()?;
            catch_unwind(AssertUnwindSafe(|| active.body.finalize())).err()
        });
        if let Some(panic) = panic {
            self.report_panic(&*panic);
        }
        self.exit(active);
    }

    fn report_panic(&self, panic: &(dyn Any + Send)) {
        self.node.stats().panics.add(1);
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no text");
        tracing::error!("process '{}' panicked and is terminated: {text}", self.id);
    }

    /// The end, in the order that the head of this file gives.
    fn exit(self: &Arc<Self>, active: Option<Active>) {
        let exiting = self.node.exiting();
        let queued = self.mailbox.close();
        // Dropping user state and replies runs user code, which may panic.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop((active, queued))));
        if let Err(panic) = dropped {
            self.report_panic(&*panic);
        }
        self.node.forget(self);
        let links = {
            let mut links = self.links();
            links.closed = true;
            std::mem::take(&mut links.linkers)
                .into_values()
                .map(Ok)
                .chain(std::mem::take(&mut links.remote_linkers).into_values().map(Err))
                .collect::<Vec<_>>()
        };
        let targets: Vec<Upid> = std::mem::take(&mut self.links().targets).into_iter().collect();
        let upid = self.upid();
        for link in links {
            match link {
                Ok(linker) => {
                    linker.deliver(Event::Exited(upid.clone()));
                }
                Err(connection) => connection.exited(&self.id),
            }
        }
        for target in targets {
            self.node.unlink(self, &target);
        }
        self.over.set();
        drop(exiting);
    }

    /// Remembers that a process of this node watches this one; false when this one is gone.
    pub fn add_linker(&self, linker: &Arc<Self>) -> bool {
        let mut links = self.links();
        if !links.closed {
            links.linkers.insert(Arc::as_ptr(linker).addr(), linker.clone());
        }
        !links.closed
    }

    /// Forgets a process that watched this one.
    pub fn remove_linker(&self, linker: &Arc<Self>) {
        self.links().linkers.remove(&Arc::as_ptr(linker).addr());
    }

    /// Remembers that the other end of a connection watches this process; false when it is gone.
    pub fn add_remote_linker(&self, connection: &Arc<Inbound>) -> bool {
        let mut links = self.links();
        if links.closed {
            return false;
        }
        links.remote_linkers.insert(Arc::as_ptr(connection).addr(), connection.clone());
        true
    }

    /// Forgets a connection that watched this process.
    pub fn remove_remote_linker(&self, connection: &Arc<Inbound>) {
        self.links().remote_linkers.remove(&Arc::as_ptr(connection).addr());
    }

    /// Remembers whom this process watches; false when this process is gone.
    pub fn add_target(&self, target: &Upid) -> bool {
        let mut links = self.links();
        if !links.closed {
            links.targets.insert(target.clone());
        }
        !links.closed
    }

    /// Forgets whom this process watched.
    pub fn remove_target(&self, target: &Upid) {
        self.links().targets.remove(target);
    }
}
