//! The shape of operations that offers are accepted with (rows OP-01 to OP-08).
//!
//! An operation is first brought into the form that all rules speak of: it has a body of its type,
//! whose resources are valid and in the refined format. What it may do with its resources is
//! checked where it is carried out.

use mesos::agent::AgentCapabilityType::{AgentOperationFeedback, ResourceProvider};
use mesos::executor_info::ExecutorInfo;
use mesos::operation::{OfferOperation, OfferOperationType as Type};
use mesos::resource::Resource;
use mesos::resources;
use mesos::task::TaskInfo;

use super::{Check, Invalid, expect, invalid};
use crate::state::Agent;

/// Checks that an operation has its body and that the resources in it are valid, and brings these
/// into the refined format.
pub fn upgrade(operation: &mut OfferOperation) -> Check {
    let kind = operation.r#type.unwrap_or_default();
    match kind {
        Type::Launch => {
            let body = body(&mut operation.launch, "A", kind)?;
            body.task_infos.iter_mut().try_for_each(upgrade_task)
        }
        Type::LaunchGroup => {
            let body = body(&mut operation.launch_group, "A", kind)?;
            upgrade_list(&mut body.executor.resources)?;
            body.task_group.tasks.iter_mut().try_for_each(upgrade_task)
        }
        Type::Reserve => {
            let body = body(&mut operation.reserve, "A", kind)?;
            upgrade_list(&mut body.resources)?;
            upgrade_list(&mut body.source)?;
            expect(body.source.is_empty(), || {
                "Reservation updates are not yet implemented for the scheduler API.".to_owned()
            })
        }
        Type::Unreserve => upgrade_list(&mut body(&mut operation.unreserve, "An", kind)?.resources),
        Type::Create => upgrade_list(&mut body(&mut operation.create, "A", kind)?.volumes),
        Type::Destroy => upgrade_list(&mut body(&mut operation.destroy, "A", kind)?.volumes),
        Type::GrowVolume => {
            let body = body(&mut operation.grow_volume, "A", kind)?;
            upgrade_one(&mut body.volume)?;
            upgrade_one(&mut body.addition)
        }
        Type::ShrinkVolume => {
            upgrade_one(&mut body(&mut operation.shrink_volume, "A", kind)?.volume)
        }
        Type::CreateDisk => upgrade_one(&mut body(&mut operation.create_disk, "A", kind)?.source),
        Type::DestroyDisk => upgrade_one(&mut body(&mut operation.destroy_disk, "A", kind)?.source),
        Type::Unknown => invalid("Unknown offer operation"),
    }
}

fn body<'a, T>(body: &'a mut Option<T>, article: &str, kind: Type) -> Result<&'a mut T, Invalid> {
    // The difference in words is Mesos's.
    let (what, stop) = match kind {
        Type::GrowVolume => ("operation", ""),
        Type::ShrinkVolume => ("offer operation", ""),
        _ => ("offer operation", "."),
    };
    body.as_mut().ok_or_else(|| {
        let field = kind.as_str().to_lowercase();
        Invalid(format!(
            "{article} {kind} {what} must have the Offer.Operation.{field} field set{stop}"
        ))
    })
}

fn upgrade_task(task: &mut TaskInfo) -> Check {
    upgrade_list(&mut task.resources)?;
    let executor = task.executor.as_deref_mut();
    executor.map_or(Ok(()), |executor: &mut ExecutorInfo| upgrade_list(&mut executor.resources))
}

fn upgrade_list(list: &mut [Resource]) -> Check {
    let checked = resources::validate(list).and_then(|()| resources::upgrade_all(list));
    checked.map_err(|why| Invalid(why.to_string()))
}

fn upgrade_one(resource: &mut Resource) -> Check {
    let checked = resources::validate_one(resource).and_then(|()| resources::upgrade(resource));
    checked.map_err(|why| Invalid(why.to_string()))
}

/// Checks that a framework can be told what becomes of an operation, if it asks for that by giving
/// it an id.
pub fn validate_feedback(operation: &OfferOperation, agent: &Agent) -> Check {
    if operation.id.is_none() {
        return Ok(());
    }
    let kind = operation.r#type.unwrap_or_default();
    if matches!(kind, Type::Launch | Type::LaunchGroup) {
        return invalid(format!("The `id` field cannot be set on {kind} operations"));
    }
    let can = |capability| agent.capabilities.contains(&capability);
    expect(can(ResourceProvider), || {
        format!(
            "Operation requested feedback, but agent {} does not have the required \
             RESOURCE_PROVIDER capability",
            agent.id
        )
    })?;
    expect(can(AgentOperationFeedback) || is_of_provider(operation), || {
        format!(
            "Operation on agent default resources requested feedback, but agent {} does not have \
             the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities",
            agent.id
        )
    })
}

/// Whether an operation is about resources of a provider, and not of the agent itself.
fn is_of_provider(operation: &OfferOperation) -> bool {
    let first = match operation.r#type.unwrap_or_default() {
        Type::Reserve => operation.reserve.as_ref().and_then(|body| body.resources.first()),
        Type::Unreserve => operation.unreserve.as_ref().and_then(|body| body.resources.first()),
        Type::Create => operation.create.as_ref().and_then(|body| body.volumes.first()),
        Type::Destroy => operation.destroy.as_ref().and_then(|body| body.volumes.first()),
        Type::GrowVolume => operation.grow_volume.as_ref().map(|body| &body.volume),
        Type::ShrinkVolume => operation.shrink_volume.as_ref().map(|body| &body.volume),
        Type::CreateDisk => operation.create_disk.as_ref().map(|body| &body.source),
        Type::DestroyDisk => operation.destroy_disk.as_ref().map(|body| &body.source),
        Type::Unknown | Type::Launch | Type::LaunchGroup => None,
    };
    first.is_some_and(|resource| resource.provider_id.is_some())
}

#[cfg(test)]
mod tests {
    use mesos::operation::{GrowVolume, Launch, LaunchGroup, Reserve};

    use super::*;
    use crate::validation::fixtures::{agent, command_task, executor_task, group_task};
    use crate::validation::words;

    fn of(kind: Type) -> OfferOperation {
        OfferOperation { r#type: Some(kind), ..OfferOperation::default() }
    }

    fn reserve(resources: Vec<Resource>) -> OfferOperation {
        let body = Reserve { resources, ..Reserve::default() };
        OfferOperation { reserve: Some(body), ..of(Type::Reserve) }
    }

    #[test]
    fn an_operation_has_a_body_of_its_type() {
        let says = |kind| words(upgrade(&mut of(kind)));
        for kind in [Type::Launch, Type::LaunchGroup, Type::Reserve, Type::Create, Type::Destroy] {
            let field = kind.as_str().to_lowercase();
            let expected = format!(
                "A {kind} offer operation must have the Offer.Operation.{field} field set."
            );
            assert_eq!(says(kind), expected);
        }
        assert_eq!(
            says(Type::Unreserve),
            "An UNRESERVE offer operation must have the Offer.Operation.unreserve field set."
        );
        assert_eq!(
            says(Type::GrowVolume),
            "A GROW_VOLUME operation must have the Offer.Operation.grow_volume field set"
        );
        assert_eq!(
            says(Type::ShrinkVolume),
            "A SHRINK_VOLUME offer operation must have the Offer.Operation.shrink_volume field set"
        );
        assert_eq!(says(Type::Unknown), "Unknown offer operation");
    }

    #[test]
    fn resources_are_valid_wherever_they_stand() {
        let bad = || vec![Resource::of_scalar("cpus", -1.0)];
        let expected =
            "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0".to_owned();
        let launch = |task: TaskInfo| OfferOperation {
            launch: Some(Launch { task_infos: vec![task] }),
            ..of(Type::Launch)
        };
        let own = TaskInfo { resources: bad(), ..command_task() };
        let mut executors = executor_task();
        executors.executor.as_mut().expect("it has one").resources = bad();
        let mut group = LaunchGroup::default();
        group.executor.resources = bad();
        let group = OfferOperation { launch_group: Some(group), ..of(Type::LaunchGroup) };
        for mut operation in [launch(own), launch(executors), group, reserve(bad())] {
            assert_eq!(words(upgrade(&mut operation)), expected);
        }
        let grow = GrowVolume { volume: bad().remove(0), ..GrowVolume::default() };
        let mut grow = OfferOperation { grow_volume: Some(grow), ..of(Type::GrowVolume) };
        assert_eq!(words(upgrade(&mut grow)), "Invalid scalar resource: value <= 0");
    }

    #[test]
    fn plain_reservations_are_refined() {
        let plain = Resource { role: Some("r".to_owned()), ..Resource::of_scalar("cpus", 1.0) };
        let mut operation = reserve(vec![plain]);
        assert_eq!(upgrade(&mut operation), Ok(()));
        let resource = &operation.reserve.expect("it has a body").resources[0];
        assert_eq!((resource.role.as_deref(), resource.reservations.len()), (None, 1));
    }

    #[test]
    fn reservations_are_not_changed_by_schedulers() {
        let mut operation = reserve(Vec::new());
        let body = operation.reserve.as_mut().expect("it has a body");
        body.source = vec![Resource::of_scalar("cpus", 1.0)];
        assert_eq!(
            words(upgrade(&mut operation)),
            "Reservation updates are not yet implemented for the scheduler API."
        );
    }

    #[test]
    fn launches_have_no_id() {
        let group = LaunchGroup {
            task_group: mesos::task::TaskGroupInfo { tasks: vec![group_task()] },
            ..LaunchGroup::default()
        };
        let group = OfferOperation { launch_group: Some(group), ..of(Type::LaunchGroup) };
        for operation in [of(Type::Launch), group] {
            let agent = agent("cpus:1");
            assert_eq!(validate_feedback(&operation, &agent), Ok(()));
            let kind = operation.r#type.expect("it has a type");
            let named = OfferOperation { id: Some("i".into()), ..operation };
            let expected = format!("The `id` field cannot be set on {kind} operations");
            assert_eq!(words(validate_feedback(&named, &agent)), expected);
        }
    }

    #[test]
    fn feedback_needs_an_agent_that_gives_it() {
        let named = OfferOperation { id: Some("i".into()), ..reserve(Vec::new()) };
        let mut agent = agent("cpus:1");
        assert_eq!(validate_feedback(&named, &agent), Ok(()));
        agent.capabilities.remove(&AgentOperationFeedback);
        assert_eq!(
            words(validate_feedback(&named, &agent)),
            "Operation on agent default resources requested feedback, but agent A does not have \
             the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities"
        );
        let provided =
            Resource { provider_id: Some("p".into()), ..Resource::of_scalar("cpus", 1.0) };
        let of_provider = OfferOperation { id: Some("i".into()), ..reserve(vec![provided]) };
        assert_eq!(validate_feedback(&of_provider, &agent), Ok(()));
        agent.capabilities.remove(&ResourceProvider);
        assert_eq!(
            words(validate_feedback(&of_provider, &agent)),
            "Operation requested feedback, but agent A does not have the required \
             RESOURCE_PROVIDER capability"
        );
    }
}
