//! What executors on a stream of events are told, from what the agent tells every executor.

use mesos::internal::AgentToExecutor;
use mesos::v1::executor::{
    Acknowledged, Event, EventType, KillEvent, LaunchEvent, LaunchGroupEvent, MessageEvent,
    SubscribedEvent,
};

/// The event that says what a message says; nothing for messages that only actors need: who reads
/// a stream has subscribed to it, and needs no invitation.
pub(crate) fn event(message: AgentToExecutor) -> Option<Event> {
    let event = match message {
        AgentToExecutor::ExecutorRegistered(message) => Event {
            subscribed: Some(SubscribedEvent {
                executor_info: message.executor_info,
                framework_info: message.framework_info,
                agent_info: message.agent_info,
                container_id: message.container_id,
            }),
            ..of(EventType::Subscribed)
        },
        AgentToExecutor::ExecutorReregistered(_) | AgentToExecutor::ReconnectExecutor(_) => {
            return None;
        }
        AgentToExecutor::RunTask(message) => {
            Event { launch: Some(LaunchEvent { task: message.task }), ..of(EventType::Launch) }
        }
        AgentToExecutor::RunTaskGroup(message) => Event {
            launch_group: Some(LaunchGroupEvent { task_group: message.task_group }),
            ..of(EventType::LaunchGroup)
        },
        AgentToExecutor::KillTask(message) => Event {
            kill: Some(KillEvent { task_id: message.task_id, kill_policy: message.kill_policy }),
            ..of(EventType::Kill)
        },
        AgentToExecutor::StatusUpdateAcknowledgement(message) => Event {
            acknowledged: Some(Acknowledged { task_id: message.task_id, uuid: message.uuid }),
            ..of(EventType::Acknowledged)
        },
        AgentToExecutor::FrameworkToExecutor(message) => {
            Event { message: Some(MessageEvent { data: message.data }), ..of(EventType::Message) }
        }
        AgentToExecutor::ShutdownExecutor(_) => of(EventType::Shutdown),
    };
    Some(event)
}

/// A sign of life.
pub(crate) fn heartbeat() -> Event {
    of(EventType::Heartbeat)
}

fn of(kind: EventType) -> Event {
    Event { r#type: Some(kind), ..Event::default() }
}
