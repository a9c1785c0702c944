//! Who leads.
//!
//! ```text
//!               Leader(me)                 Leader(other) / Leader(none)
//!   candidate ─────────────▶ leader ───────────────────────────────────▶ deposed: the process ends
//!       │  ▲
//!       └──┘ Leader(other): standby, redirects;  Leader(none): answers 503
//! ```
//!
//! An [`Election`] tells a candidate of each change. [`Standalone`] is the election of a cluster
//! with one master (row MA-03); one among several masters implements the same trait.

use mesos::master_info::MasterInfo;

/// Who leads now: nobody that is known, or this master.
pub type Leader = Option<MasterInfo>;

/// Where news of the election go; callable from any thread.
pub type Announce = Box<dyn Fn(Leader) + Send + Sync>;

/// A way to find the leader among masters.
pub trait Election: Send + 'static {
    /// Enters `candidate`, and calls `announce` with each new leader from now on.
    fn enter(&mut self, candidate: &MasterInfo, announce: Announce);

    /// Withdraws the candidate.
    fn withdraw(&mut self) {}
}

/// The only candidate wins at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standalone;

impl Election for Standalone {
    fn enter(&mut self, candidate: &MasterInfo, announce: Announce) {
        announce(Some(candidate.clone()));
    }
}
