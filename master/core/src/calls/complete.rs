//! What frameworks may leave out of an operation, filled in (rows OP-01, OP-02).
//!
//! Frameworks without MULTI_ROLE do not know that resources are allocated to a role; older ones do
//! not say whose an executor is, or what kind of health check they mean; and whoever launches a
//! group names its executor once.

use mesos::check::{HealthCheck, HealthCheckType};
use mesos::ids::FrameworkId;
use mesos::operation::{OfferOperation, OfferOperationType};
use mesos::resource::{AllocationInfo, Resource};
use mesos::task::TaskInfo;

/// Completes an operation of `framework` on resources that were offered to `role`.
pub(super) fn complete(operation: &mut OfferOperation, framework: &FrameworkId, role: &str) {
    let lists: Vec<&mut Vec<Resource>> = match operation.r#type.unwrap_or_default() {
        OfferOperationType::Launch => {
            let Some(body) = &mut operation.launch else { return };
            for task in &mut body.task_infos {
                allocate_task(task, role);
                if let Some(executor) = &mut task.executor {
                    executor.framework_id.get_or_insert_with(|| framework.clone());
                }
                if let Some(check) = &mut task.health_check {
                    infer_kind(check);
                }
            }
            return;
        }
        OfferOperationType::LaunchGroup => {
            let Some(body) = &mut operation.launch_group else { return };
            allocate(&mut body.executor.resources, role);
            for task in &mut body.task_group.tasks {
                allocate_task(task, role);
                task.executor.get_or_insert_with(|| Box::new(body.executor.clone()));
            }
            return;
        }
        OfferOperationType::Reserve => {
            operation.reserve.iter_mut().map(|body| &mut body.resources).collect()
        }
        OfferOperationType::Unreserve => {
            operation.unreserve.iter_mut().map(|body| &mut body.resources).collect()
        }
        OfferOperationType::Create => {
            operation.create.iter_mut().map(|body| &mut body.volumes).collect()
        }
        OfferOperationType::Destroy => {
            operation.destroy.iter_mut().map(|body| &mut body.volumes).collect()
        }
        _ => return complete_single(operation, role),
    };
    for list in lists {
        allocate(list, role);
    }
}

/// Completes an operation on one resource.
fn complete_single(operation: &mut OfferOperation, role: &str) {
    if let Some(body) = &mut operation.grow_volume {
        allocate(std::slice::from_mut(&mut body.volume), role);
        allocate(std::slice::from_mut(&mut body.addition), role);
    }
    if let Some(body) = &mut operation.shrink_volume {
        allocate(std::slice::from_mut(&mut body.volume), role);
    }
    if let Some(body) = &mut operation.create_disk {
        allocate(std::slice::from_mut(&mut body.source), role);
    }
    if let Some(body) = &mut operation.destroy_disk {
        allocate(std::slice::from_mut(&mut body.source), role);
    }
}

fn allocate_task(task: &mut TaskInfo, role: &str) {
    allocate(&mut task.resources, role);
    if let Some(executor) = &mut task.executor {
        allocate(&mut executor.resources, role);
    }
}

fn allocate(list: &mut [Resource], role: &str) {
    for resource in list {
        let info = || AllocationInfo { role: Some(role.to_owned()) };
        resource.allocation_info.get_or_insert_with(info);
    }
}

/// A health check without a type is what its body says, if it has one body.
fn infer_kind(check: &mut HealthCheck) {
    if check.r#type.is_none() {
        check.r#type = match (&check.command, &check.http) {
            (Some(_), None) => Some(HealthCheckType::Command),
            (None, Some(_)) => Some(HealthCheckType::Http),
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use mesos::operation::{Create, GrowVolume, Reserve};

    use super::*;

    fn cpus() -> Resource {
        Resource::of_scalar("cpus", 1.0)
    }

    fn role(resource: &Resource) -> Option<&str> {
        resource.allocation_info.as_ref()?.role.as_deref()
    }

    #[test]
    fn resources_are_allocated_wherever_they_stand() {
        let of = |kind| OfferOperation { r#type: Some(kind), ..OfferOperation::default() };
        let mut reserve = OfferOperation {
            reserve: Some(Reserve { resources: vec![cpus()], source: Vec::new() }),
            ..of(OfferOperationType::Reserve)
        };
        complete(&mut reserve, &"F".into(), "r");
        assert_eq!(role(&reserve.reserve.expect("it has a body").resources[0]), Some("r"));
        let mut create = OfferOperation {
            create: Some(Create { volumes: vec![cpus()] }),
            ..of(OfferOperationType::Create)
        };
        complete(&mut create, &"F".into(), "r");
        assert_eq!(role(&create.create.expect("it has a body").volumes[0]), Some("r"));
        let mut grow = OfferOperation {
            grow_volume: Some(GrowVolume { volume: cpus(), addition: cpus() }),
            ..of(OfferOperationType::GrowVolume)
        };
        complete(&mut grow, &"F".into(), "r");
        let grown = grow.grow_volume.expect("it has a body");
        assert_eq!((role(&grown.volume), role(&grown.addition)), (Some("r"), Some("r")));
    }

    #[test]
    fn what_is_said_is_kept() {
        let info = AllocationInfo { role: Some("other".to_owned()) };
        let said = Resource { allocation_info: Some(info), ..cpus() };
        let mut reserve = OfferOperation {
            r#type: Some(OfferOperationType::Reserve),
            reserve: Some(Reserve { resources: vec![said], source: Vec::new() }),
            ..OfferOperation::default()
        };
        complete(&mut reserve, &"F".into(), "r");
        assert_eq!(role(&reserve.reserve.expect("it has a body").resources[0]), Some("other"));
    }
}
