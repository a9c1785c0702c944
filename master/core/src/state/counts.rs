//! What is counted of one framework, and of operations (rows FW-14, MM-07).
//!
//! Counts are part of the record that they are about: they end with it, and a snapshot holds them
//! as they were. Each is an array with a place for every number that Mesos gives the enum's
//! variants, so that counting costs an addition.

use mesos::operation::{OfferOperationType, OperationState};
use mesos::task::TaskState;
use mesos::v1::scheduler::{CallType, Event, EventType};

/// More than the largest number of any variant that is counted.
const PLACES: usize = 20;

/// How often each variant of an enum has come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tally([u64; PLACES]);

impl Tally {
    fn add(&mut self, place: usize, by: u64) {
        if let Some(count) = self.0.get_mut(place) {
            *count += by;
        }
    }

    fn of(&self, place: usize) -> u64 {
        self.0.get(place).copied().unwrap_or_default()
    }

    fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// What is counted of one framework, since this master has known it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FrameworkCounts {
    calls: Tally,
    events: Tally,
    operations: Tally,
    ends: Tally,
    /// Offers that it was sent.
    pub offers_sent: u64,
    /// Offers that it has accepted.
    pub offers_accepted: u64,
    /// Offers that it has declined.
    pub offers_declined: u64,
    /// Offers that were taken back.
    pub offers_rescinded: u64,
}

impl FrameworkCounts {
    /// Its scheduler has made a call.
    pub(crate) fn called(&mut self, kind: CallType) {
        self.calls.add(kind as usize, 1);
    }

    /// Its scheduler is sent an event.
    pub(crate) fn told(&mut self, event: &Event) {
        self.told_of(event.r#type.unwrap_or_default());
        if let Some(sent) = &event.offers {
            self.offers_sent += sent.offers.len() as u64;
        }
        self.offers_rescinded += u64::from(event.rescind.is_some());
    }

    /// Its scheduler is sent an event without offers.
    pub(crate) fn told_of(&mut self, kind: EventType) {
        self.events.add(kind as usize, 1);
    }

    /// An operation is carried out for it; a launch for each of its tasks.
    pub(crate) fn operated(&mut self, kind: OfferOperationType) {
        self.operations.add(kind as usize, 1);
    }

    /// One of its tasks is over.
    pub(crate) fn ended(&mut self, state: TaskState) {
        self.ends.add(state as usize, 1);
    }

    /// Calls of one kind.
    pub fn calls(&self, kind: CallType) -> u64 {
        self.calls.of(kind as usize)
    }

    /// Calls of all kinds.
    pub fn all_calls(&self) -> u64 {
        self.calls.total()
    }

    /// Events of one kind.
    pub fn events(&self, kind: EventType) -> u64 {
        self.events.of(kind as usize)
    }

    /// Events of all kinds.
    pub fn all_events(&self) -> u64 {
        self.events.total()
    }

    /// Operations of one kind.
    pub fn operations(&self, kind: OfferOperationType) -> u64 {
        self.operations.of(kind as usize)
    }

    /// Operations of all kinds.
    pub fn all_operations(&self) -> u64 {
        self.operations.total()
    }

    /// Tasks that ended in this state.
    pub fn ends(&self, state: TaskState) -> u64 {
        self.ends.of(state as usize)
    }
}

/// How many operations of each type are, or ended, in each state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OperationCounts([Tally; PLACES]);

impl OperationCounts {
    /// An operation begins its life in this state.
    pub(crate) fn entered(&mut self, kind: OfferOperationType, state: OperationState) {
        if let Some(states) = self.0.get_mut(kind as usize) {
            states.add(state as usize, 1);
        }
    }

    /// Operations of one type in one state.
    pub fn of(&self, kind: OfferOperationType, state: OperationState) -> u64 {
        self.0.get(kind as usize).map_or(0, |states| states.of(state as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_has_a_place() {
        let mut counts = FrameworkCounts::default();
        for kind in CallType::ALL {
            counts.called(*kind);
            assert_eq!(counts.calls(*kind), 1, "{kind}");
        }
        for kind in EventType::ALL {
            counts.told_of(*kind);
            assert_eq!(counts.events(*kind), 1, "{kind}");
        }
        for kind in OfferOperationType::ALL {
            counts.operated(*kind);
            assert_eq!(counts.operations(*kind), 1, "{kind}");
        }
        for state in TaskState::ALL {
            counts.ended(*state);
            assert_eq!(counts.ends(*state), 1, "{state}");
        }
        assert_eq!(counts.all_calls(), CallType::ALL.len() as u64);
        let mut operations = OperationCounts::default();
        for kind in OfferOperationType::ALL {
            for state in OperationState::ALL {
                operations.entered(*kind, *state);
                assert_eq!(operations.of(*kind, *state), 1, "{kind} {state}");
            }
        }
    }
}
