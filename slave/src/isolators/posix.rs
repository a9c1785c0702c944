//! `posix/cpu` and `posix/mem`: what containers use, as `/proc` tells; nothing is limited (row
//! IS-01).

use std::collections::BTreeMap;

use mesos::ids::ContainerId;
use mesos::statistics::ResourceStatistics;

use super::{Class, Container, Isolator, IsolatorError, Preparation, Recovered};
use crate::containerizer::usage::of_tree;

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Cpu,
    Memory,
}

/// Either of the two.
#[derive(Debug)]
pub struct Posix {
    what: What,
    /// The leading processes, once there are such.
    containers: BTreeMap<ContainerId, Option<u32>>,
}

impl Posix {
    /// `posix/cpu`.
    pub fn cpu() -> Self {
        Self { what: What::Cpu, containers: BTreeMap::new() }
    }

    /// `posix/mem`.
    pub fn memory() -> Self {
        Self { what: What::Memory, containers: BTreeMap::new() }
    }
}

fn unknown(id: &ContainerId) -> IsolatorError {
    IsolatorError::Refused(format!("Unknown container {id}"))
}

impl Isolator for Posix {
    fn name(&self) -> &'static str {
        match self.what {
            What::Cpu => "posix/cpu",
            What::Memory => "posix/mem",
        }
    }

    fn holds(&self) -> bool {
        false
    }

    fn recover(&mut self, known: &[Recovered]) -> Result<(), IsolatorError> {
        let handled = known.iter().filter(|one| self.handles(one.class));
        let pids: Vec<_> = handled.map(|one| (one.id.clone(), one.pid)).collect();
        self.containers.extend(pids);
        Ok(())
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        if self.containers.insert(container.id.clone(), None).is_some() {
            let text = "Container has already been prepared".to_owned();
            return Err(IsolatorError::Refused(text));
        }
        Ok(Preparation::default())
    }

    fn isolate(&mut self, id: &ContainerId, pid: u32) -> Result<(), IsolatorError> {
        let known = self.containers.get_mut(id).ok_or_else(|| unknown(id))?;
        *known = Some(pid);
        Ok(())
    }

    fn usage(
        &mut self,
        id: &ContainerId,
        into: &mut ResourceStatistics,
    ) -> Result<(), IsolatorError> {
        let Some(pid) = self.containers.get(id).ok_or_else(|| unknown(id))? else { return Ok(()) };
        let used = of_tree(*pid);
        match self.what {
            What::Cpu => {
                into.cpus_user_time_secs = used.cpus_user_time_secs;
                into.cpus_system_time_secs = used.cpus_system_time_secs;
            }
            What::Memory => into.mem_rss_bytes = used.mem_rss_bytes,
        }
        Ok(())
    }

    fn handles(&self, class: Class) -> bool {
        // What is below is in nobody's tree but the agent's; Mesos does not report it either.
        matches!(class, Class::Executor | Class::Standalone)
    }

    fn cleanup(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        self.containers.remove(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{Fork, container, eventually};
    use std::cell::RefCell;

    #[test]
    fn both_report_their_part_of_a_tree() {
        let made = container("c", "cpus:1");
        let (mut cpu, mut memory) = (Posix::cpu(), Posix::memory());
        let fork = Fork::new(
            libprocess::subprocess::Command::new("sh")
                .args(["-c", "while :; do :; done & sleep 1000"])
                .new_session(),
        );
        for isolator in [&mut cpu, &mut memory] {
            isolator.prepare(&made).unwrap();
            assert!(isolator.prepare(&made).is_err());
            isolator.usage(&made.id, &mut ResourceStatistics::default()).unwrap();
            isolator.isolate(&made.id, fork.pid()).unwrap();
        }
        let (cpu, memory) = (RefCell::new(cpu), RefCell::new(memory));
        eventually("memory is used", || {
            let mut into = ResourceStatistics::default();
            memory.borrow_mut().usage(&made.id, &mut into).unwrap();
            assert_eq!(into.cpus_user_time_secs, None);
            into.mem_rss_bytes.is_some_and(|octets| octets > 0)
        });
        eventually("processors are used", || {
            let mut into = ResourceStatistics::default();
            cpu.borrow_mut().usage(&made.id, &mut into).unwrap();
            assert_eq!(into.mem_rss_bytes, None);
            into.cpus_user_time_secs.is_some_and(|seconds| seconds > 0.05)
        });
        let mut cpu = cpu.into_inner();
        cpu.cleanup(&made.id).unwrap();
        assert!(cpu.usage(&made.id, &mut ResourceStatistics::default()).is_err());
        let pid = fork.pid();
        libprocess::subprocess::kill_tree(
            pid.cast_signed(),
            libprocess::subprocess::Signal::SIGKILL,
        )
        .unwrap();
    }

    #[test]
    fn the_next_agent_goes_on() {
        let mut memory = Posix::memory();
        let known = Recovered {
            id: ContainerId::root("c"),
            class: Class::Executor,
            pid: Some(std::process::id()),
            sandbox: "/nonexistent".into(),
            resources: container("c", "cpus:1").resources,
        };
        let nested =
            Recovered { id: ContainerId::root("n"), class: Class::Nested, ..known.clone() };
        memory.recover(&[known.clone(), nested.clone()]).unwrap();
        let mut into = ResourceStatistics::default();
        memory.usage(&known.id, &mut into).unwrap();
        assert!(into.mem_rss_bytes.is_some_and(|octets| octets > 100_000));
        assert!(memory.usage(&nested.id, &mut into).is_err());
    }
}
