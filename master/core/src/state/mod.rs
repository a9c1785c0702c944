//! What a master knows of agents, frameworks and offers.
//!
//! Records sit behind `Arc`s in persistent maps. A snapshot copies the roots of the maps; a change
//! afterwards copies only the records that it touches, and only while a snapshot holds them.

mod accounts;
mod agent;
mod counts;
mod framework;
mod inverse;
mod offer;
mod options;

pub(crate) use accounts::{Memory, is_over};
pub use agent::Agent;
pub use counts::{FrameworkCounts, OperationCounts};
pub use framework::{Framework, FrameworkState, Stream};
pub use inverse::InverseOffer;
pub use offer::Offer;
pub(crate) use options::Options;
