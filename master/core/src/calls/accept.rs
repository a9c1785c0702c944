//! Offers are accepted: what is done with them, one operation after the other (rows AL-15, AL-16,
//! OP-01, OP-02, OP-07).
//!
//! ```text
//!   offers valid together? ──no──▶ offers back; LOST or DROPPED, OPERATION_ERROR for all
//!      │ yes
//!      ▼
//!   each operation: its shape (validation::operation) ──bad──▶ TASK_ERROR, OPERATION_ERROR
//!      │ completed (`complete`)
//!      ▼
//!   in order, each on what the ones before left ──▶ what is left is declined with the filters
//! ```

use std::sync::Arc;

use mesos::framework::FrameworkCapabilityType::PartitionAware;
use mesos::ids::{AgentId, FrameworkId};
use mesos::internal::StatusUpdate;
use mesos::operation::{OfferOperation, OfferOperationType, OperationState, OperationStatus};
use mesos::resources::Resources;
use mesos::task::{Reason, StatusSource, TaskInfo, TaskState, TaskStatus};
use mesos::v1::scheduler::{Accept, EventType, UpdateOperationStatus};

use super::complete::complete;
use crate::allocator::Recovery;
use crate::context::Context;
use crate::master::Master;
use crate::updates::count_end;
use crate::validation;

/// What is left of the offers that were accepted together.
pub(super) struct Hand {
    pub framework: FrameworkId,
    pub agent: AgentId,
    pub role: Arc<str>,
    pub left: Resources,
}

impl Master {
    /// A framework accepts offers.
    pub(super) fn accept(&mut self, cx: &mut Context<'_>, id: &FrameworkId, body: Accept) {
        for operation in &body.operations {
            if operation.r#type == Some(OfferOperationType::Launch) {
                cx.count(match tasks_of(operation).is_empty() {
                    true => "master/messages_decline_offers",
                    false => "master/messages_launch_tasks",
                });
            }
        }
        if let Err(why) = validation::offer::validate(&body.offer_ids, id, &self.state) {
            return self.refuse_accept(cx, id, &body, &why.to_string());
        }
        let mut hand: Option<Hand> = None;
        for offer in &body.offer_ids {
            let Some(offer) = self.take_offer(cx, offer) else { continue };
            let hand = hand.get_or_insert_with(|| Hand {
                framework: id.clone(),
                agent: offer.agent.clone(),
                role: offer.role.clone(),
                left: Resources::default(),
            });
            hand.left += &offer.resources;
            self.state.count(id, |counts| counts.offers_accepted += 1);
        }
        let Some(mut hand) = hand else { return };
        for operation in self.sound_operations(cx, &hand, body.operations) {
            self.operate(cx, &mut hand, operation);
        }
        self.give_back(cx, id, &hand.agent, &hand.left, body.filters.as_ref());
    }

    /// Offers that are no longer valid: nothing that was asked for happens, and those of them that
    /// still stand are taken back.
    fn refuse_accept(&mut self, cx: &mut Context<'_>, id: &FrameworkId, body: &Accept, why: &str) {
        cx.debug(|| format!("Framework {id} accepts invalid offers: {why}"));
        for offer in &body.offer_ids {
            if self.owns(id, offer) {
                self.withdraw_offer(cx, offer, Recovery::AtNextBatch);
            }
        }
        for operation in &body.operations {
            match operation.r#type {
                Some(OfferOperationType::Launch | OfferOperationType::LaunchGroup) => {
                    for task in tasks_of(operation) {
                        let message = format!("Task launched with invalid offers: {why}");
                        self.drop_task(cx, id, task, Reason::InvalidOffers, message);
                    }
                }
                _ => {
                    let message = format!("Operation attempted with invalid offers: {why}");
                    self.drop_operation(cx, id, operation, message);
                }
            }
        }
    }

    /// The operations that make sense in themselves, completed by what frameworks may leave out.
    /// The others are answered.
    fn sound_operations(
        &mut self,
        cx: &mut Context<'_>,
        hand: &Hand,
        operations: Vec<OfferOperation>,
    ) -> Vec<OfferOperation> {
        let Some(agent) = self.state.agents.get(&hand.agent).cloned() else { return Vec::new() };
        let mut sound = Vec::with_capacity(operations.len());
        for mut operation in operations {
            let kind = operation.r#type.unwrap_or_default();
            let upgraded = validation::operation::upgrade(&mut operation);
            let checked = upgraded.map_err(|why| match kind {
                OfferOperationType::Launch | OfferOperationType::LaunchGroup => why.to_string(),
                _ => format!("Operation attempted with invalid resources: {why}"),
            });
            let checked = checked.and_then(|()| {
                let feedback = validation::operation::validate_feedback(&operation, &agent);
                feedback.map_err(|why| why.to_string())
            });
            match checked {
                Ok(()) => {
                    complete(&mut operation, &hand.framework, &hand.role);
                    sound.push(operation);
                }
                Err(why) => self.refuse_operation(cx, &hand.framework, &operation, &why),
            }
        }
        sound
    }

    /// An operation makes no sense in itself.
    fn refuse_operation(
        &mut self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        operation: &OfferOperation,
        why: &str,
    ) {
        let reason = match operation.r#type.unwrap_or_default() {
            OfferOperationType::Launch => Reason::TaskInvalid,
            OfferOperationType::LaunchGroup => Reason::TaskGroupInvalid,
            OfferOperationType::Unknown => {
                return cx.warn(format!("Ignoring unknown operation of framework {framework}"));
            }
            _ => return self.drop_operation(cx, framework, operation, why.to_owned()),
        };
        for task in tasks_of(operation) {
            let verdict = (TaskState::Error, reason);
            self.refuse_task(cx, framework, task, verdict, why.to_owned());
        }
    }

    fn operate(&mut self, cx: &mut Context<'_>, hand: &mut Hand, operation: OfferOperation) {
        match (operation.r#type, operation.launch, operation.launch_group) {
            (Some(OfferOperationType::Launch), Some(launch), _) => {
                for task in launch.task_infos {
                    self.launch(cx, hand, task);
                }
            }
            (Some(OfferOperationType::LaunchGroup), _, Some(group)) => {
                self.launch_group(cx, hand, group);
            }
            (kind, launch, launch_group) => {
                let operation = OfferOperation { launch, launch_group, ..operation };
                let message =
                    format!("{} is not supported by this master", kind.unwrap_or_default());
                self.drop_operation(cx, &hand.framework, &operation, message);
            }
        }
    }

    /// Tells a framework that a task which it wanted was never launched (row SU-09).
    pub(super) fn refuse_task(
        &mut self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        task: &TaskInfo,
        (state, reason): (TaskState, Reason),
        message: String,
    ) {
        let status = TaskStatus {
            task_id: task.task_id.clone(),
            state,
            source: Some(StatusSource::Master),
            reason: Some(reason),
            message: Some(message),
            ..TaskStatus::default()
        };
        count_end(cx, state, &status);
        let update = StatusUpdate {
            framework_id: framework.clone(),
            executor_id: None,
            agent_id: Some(task.agent_id.clone()),
            status,
            timestamp: cx.now.as_secs_f64(),
            uuid: None,
            latest_state: None,
        };
        self.forward(cx, update);
    }

    /// Tells a framework that a task was lost on its way, in the word that it understands.
    fn drop_task(
        &mut self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        task: &TaskInfo,
        reason: Reason,
        message: String,
    ) {
        let is_aware = self.state.frameworks.get(framework).is_some_and(|f| f.can(PartitionAware));
        let state = if is_aware { TaskState::Dropped } else { TaskState::Lost };
        self.refuse_task(cx, framework, task, (state, reason), message);
    }

    /// An operation will not be carried out. Its framework is told if it asked for that by giving
    /// the operation an id. As in Mesos the state is OPERATION_ERROR, and nothing is said of where
    /// it would have been carried out.
    fn drop_operation(
        &mut self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        operation: &OfferOperation,
        message: String,
    ) {
        let kind = operation.r#type.unwrap_or_default();
        Arc::make_mut(&mut self.state.operations).entered(kind, OperationState::Error);
        cx.warn(format!("Dropping {kind} operation of framework {framework}: {message}"));
        if let Some(id) = &operation.id {
            let status = OperationStatus {
                operation_id: Some(id.clone()),
                state: OperationState::Error,
                message: Some(message),
                ..OperationStatus::default()
            };
            self.tell_of_operation(cx, framework, status);
        }
    }

    pub(super) fn tell_of_operation(
        &self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        status: OperationStatus,
    ) {
        let framework = self.state.frameworks.get(framework);
        let Some(stream) = framework.and_then(|framework| framework.stream.as_ref()) else {
            return;
        };
        cx.event(stream.connection, EventType::UpdateOperationStatus, |event| {
            event.update_operation_status = Some(UpdateOperationStatus { status });
        });
    }
}

/// The tasks that an operation launches.
fn tasks_of(operation: &OfferOperation) -> &[TaskInfo] {
    match (operation.r#type, &operation.launch, &operation.launch_group) {
        (Some(OfferOperationType::Launch), Some(launch), _) => &launch.task_infos,
        (Some(OfferOperationType::LaunchGroup), _, Some(group)) => &group.task_group.tasks,
        _ => &[],
    }
}
