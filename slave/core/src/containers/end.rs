//! Who ends when: a container after everything below it (rows CT-09, CT-17).

use mesos::ids::ContainerId;

use super::call::ContainerAnswer;
use super::{ContainerState, root_of};
use crate::agent::Agent;
use crate::effect::Effect;
use crate::event::{ContainerTermination, LaunchedContainer};
use crate::step::Step;

/// How an executor's container ended, while something below it lives.
#[derive(Debug)]
pub(super) enum RootEnd {
    Terminated(ContainerTermination),
    NeverRan(String),
}

impl Agent {
    /// A container runs, or could not be made.
    pub(crate) fn any_container_launched(
        &mut self,
        io: &mut Step<'_>,
        id: &ContainerId,
        result: Result<LaunchedContainer, String>,
    ) {
        if self.contained.get(id).is_none() {
            return match result {
                Err(error) => self.root_ends(io, id, RootEnd::NeverRan(error)),
                launched @ Ok(_) => self.container_launched(io, id, launched),
            };
        }
        let request = self.contained.launches.remove(id);
        let answer = match &result {
            Ok(_) => ContainerAnswer::Launched,
            Err(error) => {
                io.warn(format!("failed to launch container {id}: {error}"));
                ContainerAnswer::Refused(error.clone())
            }
        };
        if let Some(request) = request {
            if result.is_err() {
                self.contained.sessions.remove(&request);
            }
            io.answer_container_call(request, answer);
        }
        let Some(container) = self.contained.get_mut(id) else { return };
        match result {
            Ok(launched) => {
                container.pid = launched.pid;
                if container.state == ContainerState::Starting {
                    container.state = ContainerState::Running;
                }
            }
            Err(_) => {
                container.failed = true;
                self.contained_ends(io, id, ContainerTermination::default());
            }
        }
    }

    /// The processes of a container are gone.
    pub(crate) fn any_container_terminated(
        &mut self,
        io: &mut Step<'_>,
        id: &ContainerId,
        termination: ContainerTermination,
    ) {
        match self.contained.get(id) {
            None => self.root_ends(io, id, RootEnd::Terminated(termination)),
            Some(_) => self.contained_ends(io, id, termination),
        }
    }

    /// Destroys a container, an executor's or another, after everything below it.
    pub(crate) fn destroy_container(&mut self, io: &mut Step<'_>, id: &ContainerId) {
        if let Some(container) = self.contained.get_mut(id) {
            match container.state {
                ContainerState::Starting | ContainerState::Running => {
                    container.state = ContainerState::Destroying;
                }
                _ => return,
            }
        }
        let children = self.contained.live_children(id);
        if children.is_empty() {
            return io.push(Effect::DestroyContainer(id.clone()));
        }
        if self.contained.get(id).is_none() {
            self.contained.doomed.insert(id.clone());
        }
        for child in children {
            self.destroy_container(io, &child);
        }
    }

    /// An executor's container has ended: so does everything below it, before it counts as ended.
    fn root_ends(&mut self, io: &mut Step<'_>, id: &ContainerId, end: RootEnd) {
        let children = self.contained.live_children(id);
        if children.is_empty() {
            return self.root_ended(io, id, end);
        }
        self.contained.ending.insert(id.clone(), end);
        for child in children {
            self.destroy_container(io, &child);
        }
    }

    fn root_ended(&mut self, io: &mut Step<'_>, id: &ContainerId, end: RootEnd) {
        self.contained.doomed.remove(id);
        self.forget_root(io, id);
        match end {
            RootEnd::Terminated(termination) => {
                self.answer_waiters(io, id, &termination);
                self.container_terminated(io, id, termination);
            }
            RootEnd::NeverRan(error) => {
                self.answer_waiters(io, id, &ContainerTermination::default());
                self.container_launched(io, id, Err(error));
            }
        }
    }

    /// The process that leads a container has ended.
    fn contained_ends(
        &mut self,
        io: &mut Step<'_>,
        id: &ContainerId,
        termination: ContainerTermination,
    ) {
        let children = self.contained.live_children(id);
        let Some(container) = self.contained.get_mut(id).filter(|one| one.is_live()) else {
            return;
        };
        container.state = ContainerState::Destroying;
        container.termination = Some(termination);
        if children.is_empty() {
            return self.contained_ended(io, id);
        }
        for child in children {
            self.destroy_container(io, &child);
        }
    }

    /// A container and everything below it have ended.
    fn contained_ended(&mut self, io: &mut Step<'_>, id: &ContainerId) {
        let Some(container) = self.contained.get_mut(id) else { return };
        container.state = ContainerState::Ended;
        let (failed, session) = (container.failed, container.spec.session);
        let termination = container.termination.clone().unwrap_or_default();
        io.info(format!("container {id} ended"));
        if session {
            self.contained.sessions.retain(|_, session| session != id);
        }
        self.answer_waiters(io, id, &termination);
        match &id.parent {
            None => self.forget_root(io, id),
            Some(_) if failed => self.contained.forget(id),
            Some(_) => {}
        }
        if let Some(parent) = &id.parent {
            self.child_ended(io, parent);
        }
    }

    /// Goes on with the end of a container that waited for what is below it.
    fn child_ended(&mut self, io: &mut Step<'_>, id: &ContainerId) {
        if self.contained.has_live_children(id) {
            return;
        }
        if let Some(container) = self.contained.get(id) {
            match (&container.state, &container.termination) {
                (ContainerState::Destroying, Some(_)) => self.contained_ended(io, id),
                (ContainerState::Destroying, None) => {
                    io.push(Effect::DestroyContainer(id.clone()));
                }
                _ => {}
            }
        } else if let Some(end) = self.contained.ending.remove(id) {
            self.root_ended(io, id, end);
        } else if self.contained.doomed.remove(id) {
            io.push(Effect::DestroyContainer(id.clone()));
        }
    }

    /// Forgets what was below a root that has ended, and the root itself.
    fn forget_root(&mut self, io: &mut Step<'_>, id: &ContainerId) {
        if !self.contained.roots.remove(id) {
            return;
        }
        // What was being removed goes with the rest.
        let removals = std::mem::take(&mut self.contained.removals);
        for (removed, removal) in removals {
            if root_of(&removed) != id {
                self.contained.removals.insert(removed, removal);
                continue;
            }
            for request in removal.requests {
                io.answer_container_call(request, ContainerAnswer::Done);
            }
        }
        self.contained.forget(id);
        io.push(Effect::RemovePath(self.paths.runtime(id)));
    }
}
