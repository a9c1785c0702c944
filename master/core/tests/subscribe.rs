//! SUBSCRIBE, and who may send calls afterwards. The words are those of a real Mesos.

mod support;

use master_core::Response;
use mesos::framework::{
    AttributeConstraint, ConstraintGroup, ConstraintPredicate, ConstraintSelector,
    FrameworkCapability, FrameworkCapabilityType, FrameworkInfo, OfferConstraints, RoleConstraints,
    TextEquals,
};
use mesos::v1::scheduler::{Acknowledge, Call, CallType, EventType, Subscribe, UpdateFramework};
use support::{World, framework, kinds, plain_framework};

const ALL: &str = "cpus:4;mem:4096";

/// The words of the ERROR that ends a subscription at once.
fn refused(info: FrameworkInfo) -> String {
    refused_with(Subscribe { framework_info: info, ..Subscribe::default() })
}

fn refused_with(body: Subscribe) -> String {
    let mut world = World::new();
    let call = Call {
        framework_id: body.framework_info.id.clone(),
        r#type: Some(CallType::Subscribe),
        subscribe: Some(body),
        ..Call::default()
    };
    let (connection, response) = world.try_subscribe_with(call);
    assert_eq!(response.status, 200, "a stream is opened to say no");
    assert!(world.closed.contains(&connection));
    let events = world.events_on(connection);
    assert_eq!(kinds(&events), [EventType::Error]);
    assert!(world.snapshot().frameworks.is_empty());
    events[0].error.clone().unwrap().message
}

fn with_roles(roles: &[&str]) -> FrameworkInfo {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    FrameworkInfo { roles, ..framework("r1") }
}

#[test]
fn ids_are_made_of_the_masters_id_and_a_number() {
    let mut world = World::new();
    assert_eq!(world.subscribe(framework("r1")).id.as_str(), "M-0000");
    assert_eq!(world.subscribe(framework("r1")).id.as_str(), "M-0001");
    let own = FrameworkInfo { id: Some("never-existed".into()), ..framework("r1") };
    assert_eq!(world.subscribe(own).id.as_str(), "never-existed");
}

#[test]
fn what_cannot_be_a_framework_is_told_why() {
    let cases = [
        (
            with_roles(&["."]),
            "'FrameworkInfo.roles' contains invalid role: Role '.' cannot include '.' as a \
             component",
        ),
        (
            with_roles(&["a b"]),
            "'FrameworkInfo.roles' contains invalid role: Role component 'a b' is invalid because \
             it contains backspace or whitespace",
        ),
        (
            with_roles(&["/a"]),
            "'FrameworkInfo.roles' contains invalid role: Role '/a' cannot start with a slash",
        ),
        (
            FrameworkInfo { role: Some("x".to_owned()), ..framework("r1") },
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable",
        ),
        (
            FrameworkInfo { capabilities: Vec::new(), ..framework("r1") },
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable",
        ),
        (
            FrameworkInfo { failover_timeout: 1e300, ..framework("r1") },
            "The framework failover_timeout (1e+300) is invalid",
        ),
        (with_roles(&["a", "a"]), "'FrameworkInfo.roles' contains duplicate items: { a }"),
    ];
    for (info, words) in cases {
        assert_eq!(refused(info), words);
    }
    let stranger = Subscribe {
        framework_info: framework("r1"),
        suppressed_roles: vec!["zz".to_owned()],
        ..Subscribe::default()
    };
    let words = "Suppressed roles { zz } are not contained in the set of roles";
    assert_eq!(refused_with(stranger), words);
}

#[test]
fn the_default_role_can_be_suppressed_without_multi_role() {
    let mut world = World::new();
    world.agent(ALL);
    let call = Call {
        r#type: Some(CallType::Subscribe),
        subscribe: Some(Subscribe {
            framework_info: plain_framework(),
            suppressed_roles: vec!["*".to_owned()],
            ..Subscribe::default()
        }),
        ..Call::default()
    };
    let (connection, _) = world.try_subscribe_with(call);
    let events = world.events_on(connection);
    assert_eq!(kinds(&events), [EventType::Subscribed, EventType::Heartbeat]);
}

#[test]
fn malformed_calls_are_refused_in_mesos_words() {
    let mut world = World::new();
    let scheduler = world.subscribe(framework("r1"));
    let prefix = "Failed to validate scheduler::Call: ";
    let mut refusal = |kind: Option<CallType>, fill: fn(&mut Call)| {
        let id = Some(scheduler.id.clone());
        let mut call = Call { framework_id: id, r#type: kind, ..Call::default() };
        fill(&mut call);
        let response = world.raw_call(Some(&scheduler.stream), call);
        assert_eq!(response.status, 400);
        response.body.strip_prefix(prefix).unwrap_or(&response.body).to_owned()
    };
    assert_eq!(refusal(None, |_| {}), "Expecting 'type' to be present");
    let bodies = [
        (CallType::Accept, "accept"),
        (CallType::Decline, "decline"),
        (CallType::AcceptInverseOffers, "accept_inverse_offers"),
        (CallType::DeclineInverseOffers, "decline_inverse_offers"),
        (CallType::Kill, "kill"),
        (CallType::Shutdown, "shutdown"),
        (CallType::Acknowledge, "acknowledge"),
        (CallType::AcknowledgeOperationStatus, "acknowledge_operation_status"),
        (CallType::Reconcile, "reconcile"),
        (CallType::ReconcileOperations, "reconcile_operations"),
        (CallType::Message, "message"),
        (CallType::Request, "request"),
        (CallType::UpdateFramework, "update_framework"),
    ];
    for (kind, body) in bodies {
        assert_eq!(refusal(Some(kind), |_| {}), format!("Expecting '{body}' to be present"));
    }
    let no_id = refusal(Some(CallType::Revive), |call| call.framework_id = None);
    assert_eq!(no_id, "Expecting 'framework_id' to be present");
    let unknown = refusal(Some(CallType::Revive), |call| call.framework_id = Some("no".into()));
    assert_eq!(unknown, "Framework cannot be found");
    let short = refusal(Some(CallType::Acknowledge), |call| {
        call.acknowledge = Some(Acknowledge { uuid: "abc".into(), ..Acknowledge::default() });
    });
    assert_eq!(short, "Not a valid UUID");
    let other = refusal(Some(CallType::UpdateFramework), |call| {
        let info = FrameworkInfo { id: Some("zz".into()), ..FrameworkInfo::default() };
        let body = UpdateFramework { framework_info: info, ..UpdateFramework::default() };
        call.update_framework = Some(body);
    });
    assert_eq!(other, "'framework_id' differs from 'update_framework.framework_info.id'");
}

#[test]
fn calls_need_the_stream_id_of_the_day() {
    let mut world = World::new();
    let scheduler = world.subscribe(framework("r1"));
    let revive = || Call {
        framework_id: Some("M-0000".into()),
        r#type: Some(CallType::Revive),
        ..Call::default()
    };
    let words = "All non-subscribe calls should include the 'Mesos-Stream-Id' header";
    assert_eq!(world.raw_call(None, revive()), Response::bad_request(words));
    let words = "The stream ID 'x' included in this request didn't match the stream ID currently \
                 associated with framework ID M-0000";
    assert_eq!(world.raw_call(Some("x"), revive()), Response::bad_request(words));
    assert_eq!(world.raw_call(Some(&scheduler.stream), revive()), Response::accepted());
    world.disconnect(&scheduler);
    let words = "Framework is not subscribed";
    let response = world.raw_call(Some(&scheduler.stream), revive());
    assert_eq!(response, Response::forbidden(words));
}

#[test]
fn a_second_subscription_ends_the_first() {
    let mut world = World::new();
    world.agent(ALL);
    let first = world.subscribe(framework("r1"));
    assert_eq!(world.offers(&first).len(), 1);
    let info = FrameworkInfo { id: Some(first.id.clone()), ..framework("r1") };
    let second = world.subscribe(info);
    assert_eq!(second.id, first.id);
    let last = world.events(&first);
    assert_eq!(last[0].error.as_ref().unwrap().message, "Framework failed over");
    assert!(world.closed.contains(&first.connection));
    let events = world.events(&second);
    let expected = [EventType::Subscribed, EventType::Heartbeat, EventType::Offers];
    assert_eq!(kinds(&events), expected, "what the first was offered comes to the second");
    // The end of the old connection is no end of the new one.
    world.disconnect(&first);
    assert!(world.snapshot().frameworks[&second.id].is_connected());
}

#[test]
fn a_framework_that_is_over_cannot_come_back() {
    let mut world = World::new();
    let scheduler = world.subscribe(framework("r1"));
    assert_eq!(world.call(&scheduler, CallType::Teardown, |_| {}), Response::accepted());
    assert!(world.closed.contains(&scheduler.connection));
    let info = FrameworkInfo { id: Some(scheduler.id), ..framework("r1") };
    let (connection, _) = world.try_subscribe(info);
    let events = world.events_on(connection);
    assert_eq!(events[0].error.as_ref().unwrap().message, "Framework has been removed");
}

#[test]
fn streams_have_a_heartbeat() {
    let mut world = World::new();
    let scheduler = world.subscribe(framework("r1"));
    world.events(&scheduler);
    world.advance_secs(31);
    let events = world.events(&scheduler);
    assert_eq!(kinds(&events), [EventType::Heartbeat, EventType::Heartbeat]);
}

#[test]
fn a_master_that_does_not_lead_says_so() {
    let mut world = World::standby(Default::default(), 1);
    let (_, response) = world.try_subscribe(framework("r1"));
    assert_eq!(response.status, 503);
    world.held_stores = Some(Vec::new());
    world.elect("M", Default::default());
    let (_, response) = world.try_subscribe(framework("r1"));
    assert_eq!(response.status, 503, "the registry does not know of this master yet");
    world.release_stores();
    world.subscribe(framework("r1"));
}

#[test]
fn offers_are_written_for_what_the_framework_knows() {
    let mut world = World::new();
    world.agent(ALL);
    let plain = world.subscribe(plain_framework());
    let offer = world.offers(&plain).remove(0);
    assert_eq!(offer.allocation_info, None);
    assert!(offer.resources.iter().all(|resource| resource.allocation_info.is_none()));
    assert!(offer.resources.iter().all(|resource| resource.role.as_deref() == Some("*")));
    let address = offer.url.unwrap().address;
    assert_eq!((address.ip.as_deref(), address.port), (Some("10.0.0.1"), 5051));
    world.decline(&plain, &[], 0.0);

    let capability = FrameworkCapability { r#type: Some(FrameworkCapabilityType::MultiRole) };
    let multi = FrameworkInfo { capabilities: vec![capability], ..framework("r1") };
    world.disconnect(&plain);
    let multi = world.subscribe(multi);
    let offer = world.offers(&multi).remove(0);
    assert_eq!(offer.allocation_info.unwrap().role.as_deref(), Some("r1"));
    assert!(offer.resources.iter().all(|r| r.role.is_some() && r.allocation_info.is_some()));
}

/// A call of a framework that brings its id, if it has one.
fn subscription(info: FrameworkInfo) -> Call {
    Call {
        framework_id: info.id.clone(),
        r#type: Some(CallType::Subscribe),
        subscribe: Some(Subscribe { framework_info: info, ..Subscribe::default() }),
        ..Call::default()
    }
}

#[test]
fn whoever_has_proved_who_they_are_need_not_say_it() {
    let mut world = World::new();
    let (_, response) = world.try_subscribe_as(Some("p"), subscription(framework("r1")));
    let state = world.snapshot();
    let (id, known) = state.frameworks.iter().next().unwrap();
    assert_eq!(known.info.principal.as_deref(), Some("p"));
    // Another one cannot call in its name, nor can it subscribe as another.
    let revive =
        Call { framework_id: Some(id.clone()), r#type: Some(CallType::Revive), ..Call::default() };
    let request = master_core::event::RequestId(9000);
    world.event(master_core::Event::FrameworkCall {
        request,
        stream_id: response.stream_id,
        principal: Some("q".to_owned()),
        call: revive,
    });
    let words = "Authenticated principal 'q' does not match principal 'p' set in `FrameworkInfo`";
    assert_eq!(world.response(request), Response::bad_request(words));
    let other = FrameworkInfo { principal: Some("q".to_owned()), ..framework("r1") };
    let (_, response) = world.try_subscribe_as(Some("p"), subscription(other));
    let words = "Failed to validate scheduler::Call: Authenticated principal 'p' does not match \
                 principal 'q' set in `FrameworkInfo`";
    assert_eq!(response, Response::bad_request(words));
}

#[test]
fn a_framework_keeps_its_principal() {
    let mut world = World::new();
    let info = FrameworkInfo { principal: Some("p".to_owned()), ..framework("r1") };
    let first = world.subscribe(info.clone());
    world.events(&first);
    let thief = FrameworkInfo { id: Some(first.id.clone()), principal: None, ..info.clone() };
    let (connection, _) = world.try_subscribe(thief);
    let events = world.events_on(connection);
    let words = "Changing framework's principal is not allowed.";
    assert_eq!(events[0].error.as_ref().unwrap().message, words);
    assert!(world.closed.contains(&connection));
    assert!(world.events(&first).is_empty(), "nothing has happened to the first");
    assert!(!world.closed.contains(&first.connection));
    let back = FrameworkInfo { id: Some(first.id.clone()), ..info };
    world.subscribe(back);
    assert!(world.closed.contains(&first.connection));
}

#[test]
fn one_who_brings_an_id_is_counted_as_one_who_comes_back() {
    let mut world = World::new();
    let own = FrameworkInfo { id: Some("own".into()), ..framework("r1") };
    let own = world.subscribe(own);
    let new = world.subscribe(FrameworkInfo { id: Some("".into()), ..framework("r1") });
    let state = world.snapshot();
    // As far as this master knows, both have come for the first time.
    assert_eq!(state.frameworks[&own.id].reregistered, None);
    assert_eq!(state.frameworks[&new.id].reregistered, None);
    assert_eq!(new.id.as_str(), "M-0000");
    assert_eq!(world.count("master/messages_reregister_framework"), 1);
    assert_eq!(world.count("master/messages_register_framework"), 1);
}

fn rack(name: &str) -> OfferConstraints {
    let constraint = AttributeConstraint {
        selector: ConstraintSelector {
            attribute_name: Some("rack".to_owned()),
            ..ConstraintSelector::default()
        },
        predicate: ConstraintPredicate {
            text_equals: Some(TextEquals { value: name.to_owned() }),
            ..ConstraintPredicate::default()
        },
    };
    let group = ConstraintGroup { attribute_constraints: vec![constraint] };
    let constraints = RoleConstraints { groups: vec![group] };
    OfferConstraints { role_constraints: [("r1".to_owned(), constraints)].into() }
}

#[test]
fn constraints_decide_which_agents_are_offered() {
    let mut world = World::new();
    let mut agent = world.agent(ALL);
    let mut call = subscription(framework("r1"));
    call.subscribe.as_mut().unwrap().offer_constraints = Some(rack("a"));
    let (connection, response) = world.try_subscribe_with(call);
    let events = world.events_on(connection);
    assert_eq!(kinds(&events), [EventType::Subscribed, EventType::Heartbeat]);
    let id = events[0].subscribed.as_ref().unwrap().framework_id.clone();
    let stream = response.stream_id.unwrap();
    let scheduler = support::Scheduler { connection, stream, id };
    let state = world.snapshot();
    let known = state.frameworks[&scheduler.id].offer_constraints.as_deref();
    assert_eq!(known, Some(&rack("a")));
    // The agent is moved.
    agent.info.attributes = mesos::value::parse_attributes("rack:a").unwrap();
    world.reregister(&agent, vec![], vec![]);
    let offer = world.offers(&scheduler).remove(0);
    // The framework changes its mind: what it has it keeps, but there is nothing new.
    let update = |constraints: Option<OfferConstraints>| UpdateFramework {
        framework_info: FrameworkInfo { id: Some("M-0000".into()), ..framework("r1") },
        offer_constraints: constraints,
        ..UpdateFramework::default()
    };
    let response = world.call(&scheduler, CallType::UpdateFramework, |call| {
        call.update_framework = Some(update(Some(rack("b"))));
    });
    assert_eq!(response, Response::ok());
    assert!(world.events(&scheduler).is_empty());
    world.decline(&scheduler, &[offer], 0.0);
    world.advance_secs(2);
    assert!(world.offers(&scheduler).is_empty());
    world.call(&scheduler, CallType::UpdateFramework, |call| {
        call.update_framework = Some(update(None));
    });
    assert_eq!(world.offers(&scheduler).len(), 1);
}

#[test]
fn constraints_that_make_no_sense_end_the_subscription() {
    let with = |constraints| Subscribe {
        framework_info: framework("r1"),
        offer_constraints: Some(constraints),
        ..Subscribe::default()
    };
    let mut stranger = rack("a");
    let constraints = stranger.role_constraints.remove("r1").unwrap();
    stranger.role_constraints.insert("zz".to_owned(), constraints);
    let words = "Offer constraints specify `role_constraints` for a role 'zz'not contained in the \
                 set of roles";
    assert_eq!(refused_with(with(stranger)), words);
    let mut empty = rack("a");
    empty.role_constraints.get_mut("r1").unwrap().groups.clear();
    let words = "Offer constraints are not valid: 'OfferConstraints::role_constraints' has an \
                 empty 'RoleConstraints::groups' for role r1";
    assert_eq!(refused_with(with(empty)), words);
}

#[test]
fn calls_that_nothing_comes_of_are_accepted() {
    use mesos::v1::scheduler::{
        AcceptInverseOffers, AcknowledgeOperationStatus, DeclineInverseOffers, RequestCall,
    };
    let mut world = World::new();
    let scheduler = world.subscribe(framework("r1"));
    world.events(&scheduler);
    let inverse_offer_ids = vec!["nosuch".into()];
    let response = world.call(&scheduler, CallType::AcceptInverseOffers, |call| {
        let inverse_offer_ids = inverse_offer_ids.clone();
        let body = AcceptInverseOffers { inverse_offer_ids, filters: None };
        call.accept_inverse_offers = Some(body);
    });
    assert_eq!(response, Response::accepted());
    let response = world.call(&scheduler, CallType::DeclineInverseOffers, |call| {
        let body = DeclineInverseOffers { inverse_offer_ids, filters: None };
        call.decline_inverse_offers = Some(body);
    });
    assert_eq!(response, Response::accepted());
    let response = world.call(&scheduler, CallType::Request, |call| {
        call.request = Some(RequestCall::default());
    });
    assert_eq!(response, Response::accepted());
    assert_eq!(world.count("master/messages_resource_request"), 1);
    let response = world.call(&scheduler, CallType::AcknowledgeOperationStatus, |call| {
        call.acknowledge_operation_status = Some(AcknowledgeOperationStatus {
            agent_id: Some("nosuch".into()),
            uuid: "sixteen octets.!".into(),
            ..AcknowledgeOperationStatus::default()
        });
    });
    assert_eq!(response, Response::accepted());
    assert_eq!(world.count("master/invalid_operation_status_update_acknowledgements"), 1);
    assert!(world.events(&scheduler).is_empty());
    let response = world.call(&scheduler, CallType::Unknown, |_| {});
    assert_eq!(response.status, 501);
}
