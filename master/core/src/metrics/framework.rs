//! Metrics of one framework (row FW-14). Those of a framework that is over stay for as long as it
//! is remembered.

use mesos::operation::OfferOperationType;
use mesos::task::TaskState;
use mesos::v1::scheduler::{CallType, EventType};

use super::{Kind, Metrics};
use crate::state::Framework;

/// A metric whose name begins with the framework.
macro_rules! of_framework {
    ($rest:literal) => {
        concat!("master/frameworks/{framework}/{framework_id}/", $rest)
    };
}

pub(super) fn add(framework: &Framework, metrics: &mut Metrics<'_>) {
    let counts = &framework.counts;
    let mut one = One { framework, metrics };
    let subscribed = f64::from(u8::from(framework.is_connected()));
    let template = of_framework!("subscribed");
    one.push(template, &[], Kind::Gauge, "Whether the scheduler is connected", subscribed);

    let template = of_framework!("calls");
    one.count(template, Kind::Sum, "Calls of the scheduler", counts.all_calls());
    for kind in CallType::ALL.iter().filter(|kind| **kind != CallType::Unknown) {
        let label = ("call", kind.as_str());
        let help = "Calls of the scheduler, by type";
        one.each(of_framework!("calls/{call}"), label, Kind::Counter, help, counts.calls(*kind));
    }
    let template = of_framework!("events");
    one.count(template, Kind::Sum, "Events for the scheduler", counts.all_events());
    for kind in EventType::ALL.iter().filter(|kind| **kind != EventType::Unknown) {
        let label = ("event", kind.as_str());
        let help = "Events for the scheduler, by type";
        one.each(of_framework!("events/{event}"), label, Kind::Counter, help, counts.events(*kind));
    }
    let template = of_framework!("operations");
    one.count(template, Kind::Sum, "Operations of the framework", counts.all_operations());
    for kind in OfferOperationType::ALL.iter().filter(|k| **k != OfferOperationType::Unknown) {
        let label = ("operation", kind.as_str());
        let help = "Operations of the framework, by type";
        let template = of_framework!("operations/{operation}");
        one.each(template, label, Kind::Counter, help, counts.operations(*kind));
    }
    one.offers();
    one.tasks();
    for role in framework.roles.iter() {
        let is_suppressed = framework.suppressed_roles.contains(role);
        let value = f64::from(u8::from(is_suppressed));
        let template = of_framework!("roles/{role}/suppressed");
        let help = "Whether the framework wants no offers in the role";
        one.push(template, &[("role", role)], Kind::Gauge, help, value);
    }
}

/// One framework, and what is known of it so far.
struct One<'a, 'b> {
    framework: &'a Framework,
    metrics: &'a mut Metrics<'b>,
}

impl One<'_, '_> {
    fn push(
        &mut self,
        template: &'static str,
        more: &[(&'static str, &str)],
        kind: Kind,
        help: &'static str,
        value: f64,
    ) {
        let name = self.framework.info.name.as_str();
        let mut labels = vec![("framework", name), ("framework_id", self.framework.id.as_str())];
        labels.extend_from_slice(more);
        self.metrics.push(template, &labels, kind, help, value);
    }

    fn count(&mut self, template: &'static str, kind: Kind, help: &'static str, count: u64) {
        self.push(template, &[], kind, help, count as f64);
    }

    /// One of the metrics that are there for each variant of an enum.
    fn each(
        &mut self,
        template: &'static str,
        (label, variant): (&'static str, &str),
        kind: Kind,
        help: &'static str,
        count: u64,
    ) {
        self.push(template, &[(label, &variant.to_lowercase())], kind, help, count as f64);
    }

    fn offers(&mut self) {
        let counts = &self.framework.counts;
        for (template, help, count) in [
            (of_framework!("offers/sent"), "Offers for the scheduler", counts.offers_sent),
            (of_framework!("offers/accepted"), "Offers it accepted", counts.offers_accepted),
            (of_framework!("offers/declined"), "Offers it declined", counts.offers_declined),
            (
                of_framework!("offers/rescinded"),
                "Offers that were taken back",
                counts.offers_rescinded,
            ),
        ] {
            self.count(template, Kind::Counter, help, count);
        }
    }

    fn tasks(&mut self) {
        let framework = self.framework;
        for state in TaskState::ALL {
            let label = ("state", state.as_str());
            if state.is_terminal() {
                let template = of_framework!("tasks/terminal/{state}");
                let help = "Tasks that are over, by their last state";
                self.each(template, label, Kind::Counter, help, framework.counts.ends(*state));
                continue;
            }
            let tasks = framework.tasks.values();
            let mut count = tasks.filter(|task| task.state == *state).count();
            if *state == TaskState::Unreachable {
                count += framework.unreachable_tasks.len();
            }
            let template = of_framework!("tasks/active/{state}");
            let help = "Tasks that are not over, by state";
            self.each(template, label, Kind::Gauge, help, count as u64);
        }
    }
}
