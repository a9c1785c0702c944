//! Offers are accepted: what is done with them, one operation after the other (rows AL-15, AL-16,
//! OP-01, OP-02, OP-07).

use std::sync::Arc;

use mesos::framework::FrameworkCapabilityType::PartitionAware;
use mesos::ids::{AgentId, FrameworkId, OperationId};
use mesos::internal::StatusUpdate;
use mesos::operation::{OfferOperation, OfferOperationType, OperationState, OperationStatus};
use mesos::resources::Resources;
use mesos::task::{Reason, StatusSource, TaskInfo, TaskState, TaskStatus};
use mesos::v1::scheduler::{Accept, EventType, UpdateOperationStatus};

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
        for operation in body.operations {
            self.operate(cx, &mut hand, operation);
        }
        self.give_back(cx, id, &hand.agent, &hand.left, body.filters.as_ref());
    }

    /// Offers that are no longer valid: nothing that was asked for happens, and those of them that
    /// still stand are taken back.
    fn refuse_accept(&mut self, cx: &mut Context<'_>, id: &FrameworkId, body: &Accept, why: &str) {
        for offer in &body.offer_ids {
            if self.owns(id, offer) {
                self.withdraw_offer(cx, offer, Recovery::AtNextBatch);
            }
        }
        for operation in &body.operations {
            for task in tasks_of(operation) {
                let message = format!("Task launched with invalid offers: {why}");
                self.drop_task(cx, id, task, Reason::InvalidOffers, message);
            }
            if tasks_of(operation).is_empty()
                && let Some(operation_id) = &operation.id
            {
                let message = format!("Operation attempted with invalid offers: {why}");
                let state = OperationState::Dropped;
                self.tell_of_operation(cx, id, None, operation_id, state, message);
            }
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
            (kind, _, _) => {
                let kind = kind.unwrap_or_default();
                Arc::make_mut(&mut self.state.operations).entered(kind, OperationState::Error);
                cx.warn(format!(
                    "Dropping {kind} operation of framework {}: it is not supported yet",
                    hand.framework
                ));
                if let Some(id) = &operation.id {
                    let message = format!("{kind} is not supported by this master");
                    let (framework, agent) = (hand.framework.clone(), hand.agent.clone());
                    let state = OperationState::Error;
                    self.tell_of_operation(cx, &framework, Some(agent), id, state, message);
                }
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

    pub(super) fn tell_of_operation(
        &self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        agent_id: Option<AgentId>,
        operation: &OperationId,
        state: OperationState,
        message: String,
    ) {
        let framework = self.state.frameworks.get(framework);
        let Some(stream) = framework.and_then(|framework| framework.stream.as_ref()) else {
            return;
        };
        let status = OperationStatus {
            operation_id: Some(operation.clone()),
            state,
            message: Some(message),
            agent_id,
            ..OperationStatus::default()
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
