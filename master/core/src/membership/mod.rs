//! Which agents are part of the cluster.
//!
//! ```text
//!               register: AdmitAgent               link broken
//!   (unknown) ─────────────────────▶ registered ───────────────▶ disconnected
//!                                    │  ▲    ▲                    │   │
//!               pings unanswered:    │  │    └── re-register ─────┘   │ pings unanswered, or
//!               MarkUnreachable      ▼  │ re-register: MarkReachable  │ away for too long:
//!                                  unreachable ◀──────────────────────┘ MarkUnreachable
//!
//!   registered ── unregister, or another agent at its address: RemoveAgent ──▶ removed
//!   any of them ── an operator says so: MarkGone ──▶ gone (told to shut down if it returns)
//!   registered ── its machine goes down: RemoveAgent ──▶ removed (refused until it is up)
//!   recovered (in the registry when this master was elected) ── re-register ──▶ registered
//!                                                            ── too late ──▶ unreachable
//! ```
//!
//! Names in capitals are writes to the registry: the transition happens once they are durable.
//! While one is under way for an agent, what that agent says waits for its retry.
//!
//! Reading order: `register` (it is new), `reregister` (it comes back), `watch` (is it there?),
//! `removal` (it is lost), `gone` (an operator says so).

mod gone;
mod register;
mod removal;
mod reregister;
mod watch;

pub(crate) use removal::{Cause, MACHINE_DOWN, Removal};
pub(crate) use watch::Watch;
