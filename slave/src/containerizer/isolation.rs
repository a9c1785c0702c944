//! All isolators together: who is asked for which container, and in which order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesos::container::ContainerStatus;
use mesos::ids::ContainerId;
use mesos::resources::Resources;
use mesos::statistics::ResourceStatistics;
use slave_core::effect::{Limits, RecoverContainer};

use crate::isolators::{Class, Container, Isolator, IsolatorError, Preparation, Recovered};

/// The isolators of `--isolation`. Clones share them: a child that is being born waits for them on
/// the thread that gives birth, and who asks what a container uses is another.
#[derive(Debug, Clone)]
pub struct Isolation(Arc<Mutex<Isolators>>);

#[derive(Debug)]
struct Isolators {
    all: Vec<Box<dyn Isolator>>,
    /// The containers that were prepared or recovered, and not cleaned up.
    classes: HashMap<ContainerId, Class>,
}

impl Isolators {
    /// Those that have to do with a container.
    fn of(
        &mut self,
        container: &ContainerId,
    ) -> impl DoubleEndedIterator<Item = &mut (dyn Isolator + 'static)> {
        let class = self.classes.get(container).copied();
        let all = self.all.iter_mut().map(Box::as_mut);
        all.filter(move |isolator| class.is_some_and(|class| isolator.handles(class)))
    }
}

impl Isolation {
    /// These isolators, in this order.
    pub fn new(all: Vec<Box<dyn Isolator>>) -> Self {
        Self(Arc::new(Mutex::new(Isolators { all, classes: HashMap::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Isolators> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is an isolator of this name.
    pub fn has(&self, name: &str) -> bool {
        self.lock().all.iter().any(|isolator| isolator.name() == name)
    }

    /// Has everybody make ready for a container.
    ///
    /// # Errors
    /// The first isolator that cannot; the others after it are not asked.
    pub fn prepare(&self, container: &Container) -> Result<Preparation, IsolatorError> {
        let mut isolators = self.lock();
        isolators.classes.insert(container.id.clone(), container.class);
        let mut all = Preparation::default();
        for isolator in isolators.of(&container.id) {
            let one = isolator.prepare(container)?;
            all.environment.extend(one.environment);
            for namespace in one.namespaces {
                if !all.namespaces.contains(&namespace) {
                    all.namespaces.push(namespace);
                }
            }
            all.joins.extend(one.joins);
            all.hooks.extend(one.hooks);
            all.last_hooks.extend(one.last_hooks);
        }
        Ok(all)
    }

    /// Whether a container's program must wait until it is isolated.
    pub fn holds(&self, container: &ContainerId) -> bool {
        self.lock().of(container).any(|isolator| isolator.holds())
    }

    /// Has everybody get hold of a container's first process.
    ///
    /// # Errors
    /// The first isolator that cannot.
    pub fn isolate(&self, container: &ContainerId, pid: u32) -> Result<(), IsolatorError> {
        self.lock().of(container).try_for_each(|isolator| isolator.isolate(container, pid))
    }

    /// Puts in force what a container may use.
    ///
    /// # Errors
    /// What the first isolator that cannot says, once all were asked.
    pub fn update(
        &self,
        container: &ContainerId,
        resources: &Resources,
        limits: &Limits,
    ) -> Result<(), String> {
        let mut result = Ok(());
        for isolator in self.lock().of(container) {
            let name = isolator.name();
            if let Err(error) = isolator.update(container, resources, limits) {
                tracing::warn!("isolator {name} cannot update container {container}: {error}");
                result = result.and(Err(error.to_string()));
            }
        }
        result
    }

    /// What a container uses, and how it is, as far as anybody knows.
    pub fn observe(&self, container: &ContainerId) -> (ResourceStatistics, ContainerStatus) {
        let mut statistics = ResourceStatistics::default();
        let mut status = ContainerStatus::default();
        for isolator in self.lock().of(container) {
            let name = isolator.name();
            if let Err(error) = isolator.usage(container, &mut statistics) {
                tracing::debug!("isolator {name} cannot see container {container}: {error}");
            }
            isolator.status(container, &mut status);
        }
        (statistics, status)
    }

    /// Takes away what was made for a container, in the opposite order.
    pub fn clean_up(&self, container: &ContainerId) {
        let mut isolators = self.lock();
        for isolator in isolators.of(container).rev() {
            let name = isolator.name();
            if let Err(error) = isolator.cleanup(container) {
                tracing::error!("isolator {name} cannot clean up container {container}: {error}");
            }
        }
        isolators.classes.remove(container);
    }

    /// Takes back the containers of the last run, with their leading processes as far as they live,
    /// and the class of each.
    pub fn recover(
        &self,
        known: &[RecoverContainer],
        leaders: &[Option<u32>],
        class: impl Fn(&ContainerId) -> Class,
    ) {
        let recovered = |(container, pid): (&RecoverContainer, &Option<u32>)| Recovered {
            id: container.container.clone(),
            class: class(&container.container),
            pid: *pid,
            sandbox: container.directory.clone(),
            resources: container.resources.clone(),
        };
        let all: Vec<Recovered> = known.iter().zip(leaders).map(recovered).collect();
        let mut isolators = self.lock();
        let classes = all.iter().map(|one| (one.id.clone(), one.class));
        isolators.classes.extend(classes);
        for isolator in &mut isolators.all {
            let theirs: Vec<Recovered> =
                all.iter().filter(|one| isolator.handles(one.class)).cloned().collect();
            let name = isolator.name();
            if let Err(error) = isolator.recover(&theirs) {
                tracing::error!("isolator {name} cannot recover: {error}");
            }
        }
    }
}
