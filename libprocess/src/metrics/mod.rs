//! Metrics: registered once, served as Prometheus text and as Mesos's flat JSON.
//!
//! ```
//! use libprocess::metrics::{Desc, Metrics};
//!
//! let metrics = Metrics::new("mesos");
//! let finished = metrics.counter(("master/tasks_finished", "Tasks that finished."))?;
//! let calls = metrics.counter(
//!     Desc::labelled(
//!         "master/frameworks/{framework}/{framework_id}/calls",
//!         &[("framework", "spark"), ("framework_id", "F1")],
//!         "Calls of a framework.",
//!     ),
//! )?;
//! finished.increment();
//! calls.add(2);
//! let text = metrics.prometheus_now();
//! assert!(text.contains("mesos_master_tasks_finished_total 1"));
//! assert!(text.contains("mesos_master_frameworks_calls_total{framework=\"spark\""));
//! # Ok::<(), libprocess::metrics::MetricError>(())
//! ```
//!
//! Every metric has the name that Mesos gives it (`master/tasks_finished`), and a Prometheus name
//! that [`names`] derives by Prometheus's rules. What Mesos writes into names (framework ids,
//! reasons) becomes labels. Recording is an atomic operation; names, labels and encoding are paid
//! for when somebody reads.
//!
//! Reading order: [`Desc`], [`names`], [`kinds`] (the handles), [`series`] (percentiles),
//! [`registry`], [`sample`] (values described when they are read), `collect` (for Prometheus's
//! library), [`limiter`], [`system`].

mod collect;
mod desc;
pub mod kinds;
pub mod limiter;
pub mod names;
pub mod registry;
pub mod sample;
pub mod series;
pub mod system;

pub use desc::{Desc, Unit};
pub use kinds::{Counter, Gauge, Histogram, Stopwatch, Timer, TimerUnit};
pub use limiter::RateLimiter;
pub use registry::{MetricError, Metrics};
pub use sample::{Described, Sample, SampleKind, Samples, SamplesFuture};
pub use series::{Statistics, TimeSeries};

#[cfg(test)]
mod tests;
