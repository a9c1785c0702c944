//! Machines go away for a while, because an operator says so (rows MT-01 to MT-06, AL-28).
//!
//! ```text
//!          named in the schedule              START_MAINTENANCE: agents there end and leave
//!   UP ──────────────────────────▶ DRAINING ────────────────────────────────────────▶ DOWN
//!   ▲  no longer named in it          │                                                 │
//!   ├─────────────────────────────────┘                                                 │
//!   │                               STOP_MAINTENANCE: also leaves the schedule          │
//!   └───────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Only operators make these transitions; time makes none. Each is a write to the registry, and
//! happens once that is durable. A machine is UP if nothing is known of it.
//!
//! While a machine drains or is down, it has a time at which it will be away. Offers of its agents
//! say so, and frameworks that hold or are offered anything there are asked to let go, by inverse
//! offers. Their answers change nothing but the status that operators read.
//!
//! Reading order: [`machines`] (modes and the schedule: what survives), `windows` (operators change
//! them), `inverse` (inverse offers), `status` (what operators read).

mod inverse;
pub mod machines;
mod status;
mod windows;

pub use machines::{Change, MachineKey, Maintenance};
