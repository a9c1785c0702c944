//! What is asked of containers: to wait for one, to signal one, to remove one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mesos::ids::ContainerId;

use super::call::{
    ContainerAnswer, ContainerCall, ContainerEffect, ContainerEvent, ContainerRequest,
};
use super::{ContainerState, Removal, root_of};
use crate::agent::Agent;
use crate::effect::Effect;
use crate::executor::Executor;
use crate::step::Step;

impl Agent {
    pub(crate) fn container_event(&mut self, io: &mut Step<'_>, event: ContainerEvent) {
        match event {
            ContainerEvent::Call { request, call } => match call {
                ContainerCall::Launch(launch) => self.launch_contained(io, request, *launch),
                ContainerCall::Wait(container) => self.wait_for(io, request, container),
                ContainerCall::Kill { container, signal } => {
                    self.signal_container(io, request, container, signal);
                }
                ContainerCall::Remove(container) => self.remove_contained(io, request, container),
            },
            ContainerEvent::Abandoned(request) => self.abandon(io, request),
            ContainerEvent::Signalled { request, result } => {
                let answer = match result {
                    Ok(()) => ContainerAnswer::Done,
                    Err(error) => ContainerAnswer::Failed(format!(
                        "Unable to send signal to container: {error}"
                    )),
                };
                io.answer_container_call(request, answer);
            }
        }
    }

    fn wait_for(&mut self, io: &mut Step<'_>, request: ContainerRequest, id: ContainerId) {
        let ended = self.contained.get(&id).filter(|one| one.state == ContainerState::Ended);
        if let Some(container) = ended {
            let termination = Box::new(container.termination.clone().unwrap_or_default());
            return io.answer_container_call(request, ContainerAnswer::Ended(termination));
        }
        if self.is_container(&id) {
            self.contained.waiters.entry(id).or_default().push(request);
            return;
        }
        let text = format!("Container {id} cannot be found");
        io.answer_container_call(request, ContainerAnswer::NotFound(text));
    }

    fn signal_container(
        &mut self,
        io: &mut Step<'_>,
        request: ContainerRequest,
        container: ContainerId,
        signal: i32,
    ) {
        let has_no_process = match self.contained.get(&container) {
            Some(known) if known.is_live() => match known.state {
                ContainerState::Starting => true,
                ContainerState::Destroying => known.pid.is_none() || known.termination.is_some(),
                _ => false,
            },
            None if self.is_container(&container) => {
                let executor = self.executor_in(&container);
                executor.is_some_and(|executor| executor.launched.is_none())
            }
            _ => {
                let text =
                    format!("Container '{container}' cannot be found (or is already killed)");
                return io.answer_container_call(request, ContainerAnswer::NotFound(text));
            }
        };
        if has_no_process {
            // There is none to signal yet, or not any more, and whoever asks wants it to end.
            self.destroy_container(io, &container);
            return io.answer_container_call(request, ContainerAnswer::Done);
        }
        let effect = ContainerEffect::Signal { container, signal, request };
        io.push(Effect::Container(effect));
    }

    fn remove_contained(&mut self, io: &mut Step<'_>, request: ContainerRequest, id: ContainerId) {
        if let Some(removal) = self.contained.removals.get_mut(&id) {
            removal.requests.push(request);
            return;
        }
        let paths = match self.removable(&id) {
            Ok(paths) => paths,
            Err(answer) => return io.answer_container_call(request, answer),
        };
        if let Some(container) = self.contained.get_mut(&id) {
            container.state = ContainerState::Removing;
        }
        for path in &paths {
            io.push(Effect::RemovePath(path.clone()));
        }
        let removal = Removal { requests: vec![request], paths, error: None };
        self.contained.removals.insert(id, removal);
    }

    /// What is left of a container, if it can be removed.
    fn removable(&self, id: &ContainerId) -> Result<BTreeSet<PathBuf>, ContainerAnswer> {
        let Some(parent) = &id.parent else {
            let text = format!("Container {id} is not nested: it is removed when it ends");
            return Err(ContainerAnswer::Refused(text));
        };
        if self.contained.get(id).is_some_and(super::Container::is_live) {
            let text = "Nested container has not terminated yet".to_string();
            return Err(ContainerAnswer::Failed(text));
        }
        if !self.is_container(root_of(id)) {
            return Err(ContainerAnswer::Failed("Unknown root container".to_string()));
        }
        let mut paths = BTreeSet::from([self.paths.runtime(id)]);
        if let Some(parent) = self.sandbox_of(parent) {
            paths.insert(crate::paths::nested_sandbox(&parent, &id.value));
        }
        Ok(paths)
    }

    /// Takes note of a removal, if it was one of ours. Says whether it was.
    pub(crate) fn contained_path_removed(
        &mut self,
        io: &mut Step<'_>,
        path: &Path,
        result: &Result<(), String>,
    ) -> bool {
        let mut removals = self.contained.removals.iter_mut();
        let Some((id, removal)) = removals.find(|(_, removal)| removal.paths.contains(path)) else {
            return false;
        };
        removal.paths.remove(path);
        if let Err(error) = result {
            removal.error.get_or_insert_with(|| error.clone());
        }
        if !removal.paths.is_empty() {
            return true;
        }
        let id = id.clone();
        let removal = self.contained.removals.remove(&id).unwrap_or_default();
        self.contained.forget(&id);
        for request in removal.requests {
            let answer = match &removal.error {
                None => ContainerAnswer::Done,
                Some(error) => ContainerAnswer::Failed(format!("Failed to remove: {error}")),
            };
            io.answer_container_call(request, answer);
        }
        true
    }

    /// Nobody waits for this answer any more.
    fn abandon(&mut self, io: &mut Step<'_>, request: ContainerRequest) {
        for waiters in self.contained.waiters.values_mut() {
            waiters.retain(|waiter| *waiter != request);
        }
        self.contained.waiters.retain(|_, waiters| !waiters.is_empty());
        for removal in self.contained.removals.values_mut() {
            removal.requests.retain(|waiter| *waiter != request);
        }
        if let Some(session) = self.contained.sessions.remove(&request) {
            self.destroy_container(io, &session);
        }
    }

    /// Answers everybody who waits for the end of a container.
    pub(super) fn answer_waiters(
        &mut self,
        io: &mut Step<'_>,
        id: &ContainerId,
        termination: &crate::event::ContainerTermination,
    ) {
        for request in self.contained.waiters.remove(id).unwrap_or_default() {
            let answer = ContainerAnswer::Ended(Box::new(termination.clone()));
            io.answer_container_call(request, answer);
        }
    }

    /// The executor whose container this is.
    pub(super) fn executor_in(&self, container: &ContainerId) -> Option<&Executor> {
        self.containers.get(container).and_then(|key| self.executor(key))
    }

    /// Whether there is such a container that has not ended, an executor's or another.
    pub(super) fn is_container(&self, id: &ContainerId) -> bool {
        match self.contained.get(id) {
            Some(container) => container.is_live(),
            None => self.executor_in(id).is_some_and(|executor| executor.container_asked),
        }
    }

    /// The sandbox of a container, whether it lives or has ended.
    pub(super) fn sandbox_of(&self, id: &ContainerId) -> Option<PathBuf> {
        match (self.contained.get(id), &id.parent) {
            (Some(container), _) => Some(container.spec.sandbox.clone()),
            (None, None) => self.executor_in(id).map(|executor| executor.directory.clone()),
            (None, Some(parent)) => {
                Some(crate::paths::nested_sandbox(&self.sandbox_of(parent)?, &id.value))
            }
        }
    }
}

impl Step<'_> {
    pub(super) fn answer_container_call(
        &mut self,
        request: ContainerRequest,
        answer: ContainerAnswer,
    ) {
        self.push(Effect::Container(ContainerEffect::Answer { request, answer }));
    }
}
