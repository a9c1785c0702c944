//! Which frameworks there are, and whether their schedulers are.
//!
//! The states are drawn in [`crate::state::Framework`]'s file. Reading order: `subscribe` (a
//! scheduler comes), `lifecycle` (it goes, or the framework ends), `update` (it changes).

mod lifecycle;
mod subscribe;
mod update;
