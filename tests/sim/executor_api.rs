//! Executors that speak the executor API, as half of the simulated ones do: they subscribe, again
//! and again until they are heard, and hear of everything on a stream of events.

use mesos::internal::{
    AgentToExecutor, ExecutorReregistered, KillTask, RunTask, RunTaskGroup, ShutdownExecutor,
    StatusUpdate, StatusUpdateAcknowledgement,
};
use mesos::v1::executor::{Call, CallType, Event, EventType, Subscribe, Update};
use slave_core::effect::{Effect, Response};
use slave_core::ids::{ExecutorPid, RequestId};

use crate::executor::{ExecutorId, Plan};
use crate::network::Endpoint;
use crate::world::{Action, Message, World};

/// Who made a call, and at which attempt to subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    executor: ExecutorId,
    attempt: u64,
}

impl World {
    /// An executor subscribes, and will do so again unless it is heard.
    pub fn subscribe_executor(&mut self, id: ExecutorId) {
        let Some(executor) = self.executors.get_mut(&id) else { return };
        if executor.connected {
            return;
        }
        // What still comes on an older stream is not listened to.
        executor.attempt += 1;
        let unacknowledged = executor.unacknowledged.iter();
        let updates = unacknowledged.map(|update| Update { status: update.status.clone() });
        let subscribe = Subscribe {
            unacknowledged_tasks: executor.unheard_tasks(),
            unacknowledged_updates: updates.collect(),
        };
        let call = Call { subscribe: Some(subscribe), ..self.call_of(id, CallType::Subscribe) };
        self.send_executor_call(id, call);
        let wait = self.millis(200..1_000);
        self.after(wait, Action::Executor { executor: id, plan: Plan::Subscribe });
    }

    /// An executor tells what became of a task.
    pub fn call_update(&mut self, id: ExecutorId, update: StatusUpdate) {
        let update = Some(Update { status: update.status });
        let call = Call { update, ..self.call_of(id, CallType::Update) };
        self.send_executor_call(id, call);
    }

    fn call_of(&self, id: ExecutorId, kind: CallType) -> Call {
        let executor = &self.executors[&id];
        Call {
            framework_id: executor.framework.clone(),
            executor_id: executor.name.clone(),
            r#type: Some(kind),
            ..Call::default()
        }
    }

    fn send_executor_call(&mut self, id: ExecutorId, call: Call) {
        let executor = &self.executors[&id];
        let (agent, attempt) = (Endpoint::Agent(executor.agent), executor.attempt);
        self.send(Endpoint::Executor(id), agent, Message::ExecutorCall { attempt, call });
    }

    /// A call reaches an agent.
    pub fn agent_is_called(
        &mut self,
        agent: usize,
        executor: ExecutorId,
        attempt: u64,
        call: Call,
    ) -> slave_core::Event {
        let request = RequestId(self.number());
        self.agents[agent].callers.insert(request, Caller { executor, attempt });
        slave_core::Event::ExecutorCall { request, call: Box::new(call) }
    }

    /// An agent answers a call, speaks on a stream, or ends one.
    pub fn agent_answers(&mut self, agent: usize, effect: Effect) {
        let me = Endpoint::Agent(agent);
        let callers = &mut self.agents[agent].callers;
        match effect {
            Effect::Respond { request, response: Response::Stream } => {
                if let Some(caller) = callers.get(&request).copied() {
                    self.link(me, Endpoint::Executor(caller.executor));
                }
            }
            // Who is refused tells it again when it subscribes.
            Effect::Respond { request, .. } | Effect::CloseStream(request) => {
                callers.remove(&request);
            }
            Effect::SendEvent { stream, event } => {
                if let Some(Caller { executor, attempt }) = callers.get(&stream).copied() {
                    let message = Message::ExecutorEvent { attempt, event: *event };
                    self.send(me, Endpoint::Executor(executor), message);
                }
            }
            other => unreachable!("{other:?}"),
        }
    }

    /// The peers of an agent that are gone with its connection to an executor.
    pub fn peers_lost(&mut self, agent: usize, executor: ExecutorId) -> Vec<ExecutorPid> {
        let callers = &mut self.agents[agent].callers;
        let lost: Vec<RequestId> = callers
            .iter()
            .filter(|(_, caller)| caller.executor == executor)
            .map(|(request, _)| *request)
            .collect();
        callers.retain(|_, caller| caller.executor != executor);
        let streams = lost.into_iter().map(ExecutorPid::over_http);
        streams.chain([executor.pid()]).collect()
    }

    /// An event reaches an executor.
    pub fn executor_hears(&mut self, id: ExecutorId, attempt: u64, event: Event) {
        let Some(executor) = self.executors.get(&id) else { return };
        if executor.attempt != attempt {
            return;
        }
        if event.r#type == Some(EventType::Subscribed) {
            self.link(Endpoint::Executor(id), Endpoint::Agent(executor.agent));
        }
        if let Some(message) = as_message(event) {
            self.executor_receives(id, message);
        }
    }
}

/// What an event says, in the words of the others.
fn as_message(event: Event) -> Option<AgentToExecutor> {
    Some(match event.r#type? {
        EventType::Subscribed => ExecutorReregistered::default().into(),
        EventType::Launch => RunTask { task: event.launch?.task, ..RunTask::default() }.into(),
        EventType::LaunchGroup => {
            let task_group = event.launch_group?.task_group;
            RunTaskGroup { task_group, ..RunTaskGroup::default() }.into()
        }
        EventType::Kill => KillTask { task_id: event.kill?.task_id, ..KillTask::default() }.into(),
        EventType::Acknowledged => {
            let acknowledged = event.acknowledged?;
            StatusUpdateAcknowledgement {
                task_id: acknowledged.task_id,
                uuid: acknowledged.uuid,
                ..StatusUpdateAcknowledgement::default()
            }
            .into()
        }
        EventType::Shutdown => ShutdownExecutor { executor_id: None, framework_id: None }.into(),
        EventType::Message | EventType::Error | EventType::Heartbeat | EventType::Unknown => {
            return None;
        }
    })
}
