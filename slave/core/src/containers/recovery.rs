//! Containers of the last run (rows CT-14, RC-09).

use std::collections::BTreeSet;

use mesos::ids::ContainerId;

use super::{Container, ContainerState, depth_of, root_of};
use crate::agent::Agent;
use crate::checkpoint::RecoveredContainer;
use crate::effect::{Effect, RecoverContainer};
use crate::event::ContainerTermination;
use crate::step::Step;

impl Agent {
    /// Keeps what the last run left until it is known which executors there are.
    pub(crate) fn remember_containers(&mut self, recovered: Vec<RecoveredContainer>) {
        self.contained.recovered = recovered;
    }

    pub(crate) fn has_recovered_containers(&self) -> bool {
        !self.contained.recovered.is_empty()
    }

    /// Has all containers of the last run watched again: executors' and others.
    pub(crate) fn watch_containers(
        &mut self,
        io: &mut Step<'_>,
        mut containers: Vec<RecoverContainer>,
    ) {
        let mut recovered = std::mem::take(&mut self.contained.recovered);
        // A container is known before what is below it.
        recovered.sort_by_key(|one| depth_of(&one.spec.container));
        let (mut doomed, mut strays) = (Vec::new(), BTreeSet::new());
        for one in recovered {
            let id = one.spec.container.clone();
            if !self.has_root(&one) {
                strays.insert(root_of(&id).clone());
                continue;
            }
            let orphan = id.parent.as_deref().is_some_and(|parent| !self.is_container(parent));
            let ended = one.status.is_some();
            if !ended && (one.spec.session || orphan) {
                doomed.push(id.clone());
            }
            if !ended {
                containers.push(RecoverContainer {
                    container: id,
                    pid: one.pid,
                    directory: one.spec.sandbox.clone(),
                    resources: one.spec.resources.iter().cloned().collect(),
                });
            }
            self.contained.insert(restored(one));
        }
        io.push(Effect::RecoverContainers(containers));
        for root in strays {
            // Their processes are nobody's, and are killed as such.
            io.push(Effect::RemovePath(self.paths.runtime(&root)));
        }
        for id in doomed {
            self.destroy_container(io, &id);
        }
    }

    /// Whether the container at the root of this one's tree is there.
    fn has_root(&self, recovered: &RecoveredContainer) -> bool {
        let id = &recovered.spec.container;
        // One that stands alone is itself the root, and is gone with its end.
        if id.parent.is_none() {
            recovered.status.is_none()
        } else {
            self.is_container(root_of(id))
        }
    }

    /// After a reboot no container lives.
    pub(crate) fn bury_containers(&mut self, io: &mut Step<'_>) {
        let recovered = std::mem::take(&mut self.contained.recovered);
        let roots: BTreeSet<ContainerId> =
            recovered.iter().map(|one| root_of(&one.spec.container).clone()).collect();
        for root in roots {
            io.push(Effect::RemovePath(self.paths.runtime(&root)));
        }
    }
}

fn restored(recovered: RecoveredContainer) -> Container {
    let RecoveredContainer { spec, pid, status } = recovered;
    Container {
        spec: spec.into(),
        state: if status.is_some() { ContainerState::Ended } else { ContainerState::Running },
        pid,
        termination: status.map(|status| ContainerTermination {
            status: Some(status),
            ..ContainerTermination::default()
        }),
        failed: false,
    }
}
