//! The rules of the algebra, by example. `tests/resources.rs` has its laws, by property.

use serde_json::json;

use super::*;
use crate::json::from_value;
use crate::operation::OfferOperation;
use crate::resource::{
    AllocationInfo, DiskInfo, DiskSource, DiskSourceMount, DiskSourceType, Persistence,
    ReservationInfo, ReservationType, RevocableInfo, SharedInfo,
};
use crate::volume::{Volume, VolumeMode};

fn resources(text: &str) -> Resources {
    Resources::parse(text, "*").unwrap()
}

fn dynamic(role: &str) -> ReservationInfo {
    ReservationInfo {
        r#type: Some(ReservationType::Dynamic),
        role: Some(role.to_owned()),
        principal: Some("p".to_owned()),
        ..ReservationInfo::default()
    }
}

fn volume(size: f64, id: &str) -> Resource {
    Resource {
        reservations: vec![dynamic("r1")],
        disk: Some(Box::new(DiskInfo {
            persistence: Some(Persistence { id: id.to_owned(), principal: Some("p".to_owned()) }),
            volume: Some(Volume {
                mode: VolumeMode::Rw,
                container_path: "d".to_owned(),
                ..Volume::default()
            }),
            source: None,
        })),
        ..Resource::of_scalar("disk", size)
    }
}

fn mount(size: f64) -> Resource {
    Resource {
        disk: Some(Box::new(DiskInfo {
            source: Some(DiskSource {
                r#type: DiskSourceType::Mount,
                mount: Some(DiskSourceMount { root: Some("/mnt".to_owned()) }),
                ..DiskSource::default()
            }),
            ..DiskInfo::default()
        })),
        ..Resource::of_scalar("disk", size)
    }
}

#[test]
fn text_parses_and_prints() {
    let text = "cpus:4; mem:4096; disk:10000; ports:[31000-32000]; zones:{a, b}";
    assert_eq!(resources(text).to_string(), text);
    assert_eq!(resources("").to_string(), "{}");
    assert_eq!(
        resources("cpus(prod):1;mem:64;cpus:0").to_string(),
        "cpus(reservations: [(STATIC,prod)]):1; mem:64"
    );
    assert_eq!(
        Resources::parse("cpus:1;cpus(*):2", "prod").unwrap().to_string(),
        "cpus(reservations: [(STATIC,prod)]):1; cpus:2"
    );
}

#[test]
fn parsing_names_what_is_wrong() {
    let says = |text: &str| Resources::parse(text, "*").unwrap_err().to_string();
    assert_eq!(says("cpus"), "Bad value for resources, missing or extra ':' in cpus");
    assert_eq!(says("cpus(a:1"), "Bad value for resources, mismatched parentheses in cpus(a:1");
    assert_eq!(says("cpus:x"), "Bad type for resource cpus value x type TEXT");
    assert_eq!(
        says("cpus:-1"),
        "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"
    );
    assert_eq!(
        says("ports:[2-1]"),
        "Resource 'ports:[2-1]' is invalid: Invalid ranges resource: begin > end"
    );
    assert_eq!(
        says("a:1;a:[1-2]"),
        "Resources with the same name ('a') but different types are not allowed"
    );
    assert_eq!(says("cpus(-a):1"), "Role component '-a' is invalid because it starts with a dash");
    assert!(says("[{\"name\":\"cpus\"}]").starts_with("Missing required fields: type"));
    assert!(says("[{]").starts_with("syntax error"));
}

#[test]
fn json_may_use_any_format() {
    let all = Resources::parse(
        r#"[
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "role": "a"},
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 2},
             "reservations": [{"type": "STATIC", "role": "a"}]},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}, "role": "*"},
            {"name": "disk", "type": "SCALAR", "scalar": {"value": 9}}
        ]"#,
        "b",
    );
    assert_eq!(
        all.unwrap().to_string(),
        "cpus(reservations: [(STATIC,a)]):3; mem:64; disk(reservations: [(STATIC,b)]):9"
    );
}

#[test]
fn like_joins_like() {
    assert_eq!(resources("cpus:0.1;cpus:0.2"), resources("cpus:0.3"));
    assert_eq!(resources("ports:[1-2];ports:[3-4]").to_string(), "ports:[1-4]");
    assert_eq!(resources("z:{a};z:{b,a}").to_string(), "z:{a, b}");
    assert_eq!(resources("cpus(a):1;cpus(b):1").len(), 2);
    let revocable =
        Resource { revocable: Some(RevocableInfo::default()), ..Resource::of_scalar("cpus", 1.0) };
    let both = resources("cpus:1") + &revocable;
    assert_eq!(both.to_string(), "cpus:1; cpus{REV}:1");
    assert_eq!(both.cpus(), Some(2.0));
    assert_eq!(both.mem(), None);
}

#[test]
fn volumes_and_mounts_stay_whole() {
    let volumes = Resources::from(vec![volume(64.0, "v1"), volume(64.0, "v1"), volume(32.0, "v2")]);
    assert_eq!(volumes.len(), 3);
    assert!(volumes.contains(&Resources::from(vec![volume(64.0, "v1"), volume(64.0, "v1")])));
    assert!(!Resources::from(volume(64.0, "v1")).contains_resource(&volume(32.0, "v1")));
    assert_eq!(
        volumes - &volume(16.0, "v1"),
        Resources::from(vec![volume(64.0, "v1"), volume(64.0, "v1"), volume(32.0, "v2"),])
    );

    let mounts = Resources::from(vec![mount(10.0), mount(10.0)]);
    assert_eq!(mounts.len(), 2);
    assert!(!mounts.contains_resource(&mount(5.0)));
    assert!(!Resources::from(mount(10.0)).contains(&mounts));
    assert_eq!((mounts - &mount(10.0)).len(), 1);
}

#[test]
fn how_a_volume_is_mounted_does_not_matter() {
    let mut elsewhere = volume(64.0, "v1");
    if let Some(volume) = elsewhere.disk.as_mut().and_then(|disk| disk.volume.as_mut()) {
        volume.container_path = "elsewhere".to_owned();
    }
    assert!(Resources::from(volume(64.0, "v1")).contains_resource(&elsewhere));
}

#[test]
fn shared_volumes_are_counted() {
    let shared = Resource { shared: Some(SharedInfo::default()), ..volume(64.0, "v1") };
    let two = Resources::from(vec![shared.clone(), shared.clone()]);
    assert_eq!((two.len(), two.to_vec().len(), two.copies_of(&shared)), (1, 2, 2));
    assert_eq!(two.disk(), Some(64.0));
    assert!(two.contains(&two) && !Resources::from(&shared).contains(&two));
    assert_ne!(two, Resources::from(&shared));
    assert_eq!(&two - &shared, Resources::from(&shared));
    assert!((two - &shared - &shared).is_empty());
}

#[test]
fn subtraction_never_goes_below_nothing() {
    assert!((resources("cpus:1;mem:64") - &resources("cpus:2;mem:64;disk:9")).is_empty());
    assert_eq!(resources("ports:[1-9]") - &resources("ports:[4-5]"), resources("ports:[1-3,6-9]"));
}

#[test]
fn invalid_resources_are_nothing() {
    let negative = Resource::of_scalar("cpus", -1.0);
    assert!(Resources::from(&negative).is_empty());
    assert_eq!(resources("cpus:2") - &negative, resources("cpus:2"));
    assert!(!resources("cpus:2").contains_resource(&negative));
    assert!(Resources::try_from_list(vec![negative]).is_err());
    assert!(Resources::from(Resource::of_scalar("cpus", f64::NAN)).is_empty());
}

#[test]
fn reservations_are_written_in_three_ways() {
    let reserved = resources("cpus:1").push_reservation(&dynamic("r1")) + resources("mem:64");
    let golden = json!([
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}, "role": "r1",
         "reservation": {"principal": "p"},
         "reservations": [{"type": "DYNAMIC", "role": "r1", "principal": "p"}]},
        {"name": "mem", "type": "SCALAR", "scalar": {"value": 64.0}, "role": "*"},
    ]);
    assert_eq!(json!(reserved.to_endpoint_vec()), golden);
    assert_eq!(
        json!(reserved.to_plain_vec().unwrap()),
        json!([
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}, "role": "r1",
             "reservation": {"principal": "p"}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 64.0}, "role": "*"},
        ])
    );
    let list: Vec<Resource> = serde_json::from_value(golden).unwrap();
    assert_eq!(Resources::try_from_list(list).unwrap(), reserved);

    let refined = reserved.push_reservation(&dynamic("r1/a"));
    assert!(refined.to_plain_vec().is_err());
    assert!(refined.to_endpoint_vec().iter().any(|one| one.role.is_none()));
}

#[test]
fn contradictory_formats_are_refused() {
    let refuse = |mut resource: Resource| upgrade(&mut resource).unwrap_err().to_string();
    let cpus = || Resource::of_scalar("cpus", 1.0);
    assert_eq!(
        refuse(Resource { reservation: Some(ReservationInfo::default()), ..cpus() }),
        "Invalid reservation: role \"*\" cannot be dynamically reserved"
    );
    assert_eq!(
        refuse(Resource { role: Some("a".to_owned()), reservations: vec![dynamic("b")], ..cpus() }),
        "Invalid resource format: 'Resource.role' field with 'a' does not match the role 'b' in \
         'Resource.reservations'"
    );
    let stack = |stack| Resource { reservations: stack, ..cpus() };
    let says = |resource: Resource| validate_one(&resource).unwrap_err().to_string();
    assert_eq!(
        says(stack(vec![dynamic("a"), dynamic("b")])),
        "Invalid refined reservation: role 'b' is not a refinement of 'a'"
    );
    let fixed = ReservationInfo { r#type: Some(ReservationType::Static), ..dynamic("a/b") };
    assert_eq!(
        says(stack(vec![dynamic("a"), fixed])),
        "Invalid refined reservation: A refined reservation cannot be STATIC"
    );
    let words = "Invalid reservation: role \"*\" cannot be reserved";
    assert_eq!(says(stack(vec![dynamic("*")])), words);
    let untyped = ReservationInfo { r#type: None, ..dynamic("a") };
    let words = "Invalid reservation: 'Resource.ReservationInfo.type' field must be set.";
    assert_eq!(says(stack(vec![untyped])), words);
    let other =
        ReservationInfo { r#type: None, role: None, principal: Some("q".to_owned()), labels: None };
    let both = Resource {
        role: Some("a".to_owned()),
        reservation: Some(other),
        ..stack(vec![dynamic("a")])
    };
    assert_eq!(
        says(both),
        "Invalid resource format: 'Resource.reservation.principal' field with 'q' does not match \
         the principal 'p' in 'Resource.reservations'"
    );
}

#[test]
fn amounts_must_be_something_or_nothing() {
    let says =
        |amount: f64| validate_one(&Resource::of_scalar("cpus", amount)).map_err(|e| e.to_string());
    assert_eq!(says(0.0), Ok(()));
    for amount in [-1.0, 0.0001, -0.0001] {
        assert_eq!(says(amount), Err("Invalid scalar resource: value <= 0".to_owned()));
    }
    assert_eq!(says(f64::INFINITY), Err("Invalid scalar resource".to_owned()));
}

#[test]
fn raw_disks_have_no_folder() {
    let source = |r#type, path, mount| DiskSource { r#type, path, mount, ..DiskSource::default() };
    let says = |source: DiskSource| {
        let disk = Some(Box::new(DiskInfo { source: Some(source), ..DiskInfo::default() }));
        validate_one(&Resource { disk, ..Resource::of_scalar("disk", 1.0) })
            .map_err(|e| e.to_string())
    };
    assert_eq!(says(source(DiskSourceType::Path, None, None)), Ok(()));
    let raw = source(DiskSourceType::Raw, None, Some(Default::default()));
    assert_eq!(says(raw), Err("Mount should not be set for RAW disk source".to_owned()));
    let block = source(DiskSourceType::Block, Some(Default::default()), None);
    assert_eq!(says(block), Err("Path should not be set for BLOCK disk source".to_owned()));
}

#[test]
fn offers_follow_capabilities() {
    let mut offered = resources("cpus:1").push_reservation(&dynamic("a"));
    offered += offered.push_reservation(&dynamic("a/b"));
    offered += resources("mem:64");
    offered.allocate("a/b");
    assert_eq!(json!(offered.to_offer_vec(true, true)).as_array().unwrap().len(), 3);
    assert_eq!(
        json!(offered.to_offer_vec(false, false)),
        json!([
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}, "role": "a",
             "reservation": {"principal": "p"}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 64.0}, "role": "*"},
        ])
    );
}

#[test]
fn state_shows_one_number_a_name() {
    let mut all = resources("cpus:3;cpus(a):1;ports:[31000-32000];zones:{a,b};mem:0.5");
    all +=
        &Resource { revocable: Some(RevocableInfo::default()), ..Resource::of_scalar("cpus", 2.0) };
    assert_eq!(
        json!(all.to_v0_object()),
        json!({"cpus": 4.0, "gpus": 0.0, "mem": 0.5, "disk": 0.0, "cpus_revocable": 2.0,
               "ports": "[31000-32000]", "zones": "{a, b}"})
    );
}

#[test]
fn roles_see_what_is_theirs() {
    let all =
        resources("cpus:1;cpus(a):2;cpus(b):4").push_reservation(&dynamic("x")).pop_reservation()
            + Resources::from(Resource::of_scalar("cpus", 8.0)).push_reservation(&dynamic("a/b"));
    let seen = |role: &str| all.allocatable_to(role).cpus();
    assert_eq!(
        (seen("a"), seen("a/b"), seen("b"), seen("c")),
        (Some(3.0), Some(11.0), Some(5.0), Some(1.0))
    );
    assert_eq!(all.reserved(Some("a")).cpus(), Some(2.0));
    assert_eq!(all.reservations().keys().collect::<Vec<_>>(), ["a", "a/b", "b"]);
}

#[test]
fn targets_are_found_in_the_best_place() {
    let total = resources("cpus(a):2;cpus:4;cpus(b):8");
    let find = |text: &str| total.find(&resources(text)).map(|found| found.to_string());
    assert_eq!(find("cpus(a):1").unwrap(), "cpus(reservations: [(STATIC,a)]):1");
    assert_eq!(find("cpus(a):3").unwrap(), "cpus(reservations: [(STATIC,a)]):2; cpus:1");
    assert_eq!(find("cpus:4").unwrap(), "cpus:4");
    assert_eq!(find("cpus:14").map(|_| ()), Some(()));
    assert_eq!(find("cpus:15"), None);
    assert_eq!(find("mem:1"), None);
}

fn operation(body: serde_json::Value) -> Vec<Conversion> {
    conversions(&from_value::<OfferOperation>(body, "Operation").unwrap()).unwrap()
}

#[test]
fn operations_convert_and_convert_back() {
    let total = resources("cpus:4;disk:100");
    let one_cpu = json!(resources("cpus:1").push_reservation(&dynamic("r1")).to_vec());
    let disk = json!(resources("disk:64").push_reservation(&dynamic("r1")).to_vec());
    let volumes = json!([volume(64.0, "opvol")]);

    let reserve = operation(json!({"type": "RESERVE", "reserve": {"resources": one_cpu}}));
    let reserved = total.apply_all(&reserve).unwrap();
    assert_eq!(reserved.to_string(), "cpus:3; disk:100; cpus(reservations: [(DYNAMIC,r1,p)]):1");
    let unreserve = operation(json!({"type": "UNRESERVE", "unreserve": {"resources": one_cpu}}));
    assert_eq!(reserved.apply_all(&unreserve).unwrap(), total);

    let reserve = operation(json!({"type": "RESERVE", "reserve": {"resources": disk}}));
    let create = operation(json!({"type": "CREATE", "create": {"volumes": volumes}}));
    let created = total.apply_all(&reserve).unwrap().apply_all(&create).unwrap();
    assert_eq!(
        created.to_string(),
        "cpus:4; disk:36; disk(reservations: [(DYNAMIC,r1,p)])[opvol:d]:64"
    );
    // Mesos's answer to the same attempt.
    let unreserve = operation(json!({"type": "UNRESERVE", "unreserve": {"resources": disk}}));
    assert_eq!(
        created.apply_all(&unreserve).unwrap_err().to_string(),
        "cpus:4; disk:36; disk(reservations: [(DYNAMIC,r1,p)])[opvol:d]:64 does not contain \
         disk(reservations: [(DYNAMIC,r1,p)]):64"
    );
    let destroy = operation(json!({"type": "DESTROY", "destroy": {"volumes": volumes}}));
    let destroyed = created.apply_all(&destroy).unwrap();
    assert_eq!(destroyed.apply_all(&unreserve).unwrap(), total);
}

#[test]
fn volumes_grow_and_shrink() {
    let free = resources("disk:100").push_reservation(&dynamic("r1"));
    let total = free.clone() + &volume(64.0, "v");
    let ten = resources("disk:10").push_reservation(&dynamic("r1")).to_vec().remove(0);
    let grow = operation(json!({
        "type": "GROW_VOLUME", "grow_volume": {"volume": volume(64.0, "v"), "addition": ten}
    }));
    let grown = total.apply_all(&grow).unwrap();
    assert!(grown.contains_resource(&volume(74.0, "v")));
    assert_eq!(grown.disk(), total.disk());
    let shrink = operation(json!({
        "type": "SHRINK_VOLUME",
        "shrink_volume": {"volume": volume(74.0, "v"), "subtract": {"value": 10}}
    }));
    assert_eq!(grown.apply_all(&shrink).unwrap(), total);
}

#[test]
fn a_shared_volume_in_use_elsewhere_is_not_destroyed() {
    let shared = Resource { shared: Some(SharedInfo::default()), ..volume(64.0, "v") };
    let destroy = operation(json!({"type": "DESTROY", "destroy": {"volumes": [shared]}}));
    let two = Resources::from(vec![shared.clone(), shared.clone()]);
    assert!(matches!(two.apply_all(&destroy), Err(ConversionError::SharedCopies(_))));
    assert_eq!(
        Resources::from(&shared).apply_all(&destroy).unwrap(),
        resources("disk:64").push_reservation(&dynamic("r1"))
    );
    let launch: OfferOperation =
        from_value(json!({"type": "LAUNCH", "launch": {"task_infos": []}}), "Operation").unwrap();
    assert!(matches!(conversions(&launch), Err(ConversionError::None(_))));
}

#[test]
fn volumes_must_be_sound() {
    let says = |resource: Resource| validate_disk_infos(&[resource]).unwrap_err().to_string();
    assert_eq!(
        says(Resource { reservations: vec![], ..volume(1.0, "v") }),
        "Persistent volumes cannot be created from unreserved resources"
    );
    assert_eq!(
        says(volume(1.0, "a/b")),
        "Invalid persistence ID for persistent volume: 'a/b' contains invalid characters"
    );
    assert_eq!(
        says(Resource {
            disk: Some(Box::new(DiskInfo::default())),
            ..Resource::of_scalar("disk", 1.0)
        }),
        "DiskInfo is set but empty"
    );
    assert_eq!(
        validate_unique_persistence_ids(&[volume(1.0, "v"), volume(2.0, "v")])
            .unwrap_err()
            .to_string(),
        "Persistence ID 'v' is not unique"
    );
    let shared =
        Resource { shared: Some(SharedInfo::default()), ..Resource::of_scalar("cpus", 1.0) };
    assert_eq!(validate_one(&shared).unwrap_err().to_string(), "Resource cpus cannot be shared");
}

#[test]
fn mixtures_are_refused() {
    let cpus = Resource::of_scalar("cpus", 1.0);
    let revocable = Resource { revocable: Some(RevocableInfo::default()), ..cpus.clone() };
    assert_eq!(
        validate_revocable_mixing(&[cpus.clone(), revocable]).unwrap_err().to_string(),
        "Cannot use both revocable and non-revocable 'cpus' at the same time"
    );
    assert_eq!(
        validate_gpus(&[Resource::of_scalar("gpus", 0.5)]).unwrap_err().to_string(),
        "The 'gpus' resource must be an unsigned integer"
    );
    validate_gpus(&[Resource::of_scalar("gpus", 0.0)]).unwrap();
    let provided = Resource { provider_id: Some("x".into()), ..cpus.clone() };
    assert!(validate_single_provider(&[cpus.clone(), provided]).is_err());
    validate_single_provider(&[cpus]).unwrap();
}

#[test]
fn allocation_is_part_of_what_a_resource_is() {
    let mut allocated = resources("cpus:1;mem:64");
    allocated.allocate("r1");
    assert_eq!(allocated.to_string(), "cpus(allocated: r1):1; mem(allocated: r1):64");
    assert!(!allocated.contains(&resources("cpus:1")));
    let info = Some(AllocationInfo { role: Some("r1".to_owned()) });
    assert!(allocated.contains_resource(&Resource {
        allocation_info: info,
        ..Resource::of_scalar("cpus", 1.0)
    }));
}
