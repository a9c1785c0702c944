//! The laws of the algebra of resources (row OP-17), by property.

use mesos::discovery::{Label, Labels};
use mesos::resource::{
    AllocationInfo, DiskInfo, DiskSource, DiskSourceMount, DiskSourcePath, DiskSourceType,
    Persistence, ReservationInfo, ReservationType, Resource, RevocableInfo, SharedInfo,
};
use mesos::resources::{self, Quantities, Resources};
use mesos::value::{Ranges, Set, ValueType};
use mesos::volume::{Volume, VolumeMode};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn scalar() -> impl Strategy<Value = Resource> {
    let name = prop_oneof![Just("cpus"), Just("mem"), Just("disk"), Just("licenses")];
    (name, 0..20_000_i64)
        .prop_map(|(name, thousandths)| Resource::of_scalar(name, thousandths as f64 / 1000.0))
}

fn ranges() -> impl Strategy<Value = Resource> {
    vec((0..200_u64, 0..20_u64), 0..5).prop_map(|pairs| {
        Resource::of_ranges("ports", pairs.into_iter().map(|(begin, size)| (begin, begin + size)))
    })
}

fn set() -> impl Strategy<Value = Resource> {
    proptest::sample::subsequence(vec!["a", "b", "c", "d", "e"], 0..5).prop_map(|items| Resource {
        name: "zones".to_owned(),
        r#type: ValueType::Set,
        set: Some(Set { item: items.into_iter().map(str::to_owned).collect() }),
        ..Resource::default()
    })
}

/// A stack of reservations: each refines the one below it.
fn reservations() -> impl Strategy<Value = Vec<ReservationInfo>> {
    let principal = option::of(prop_oneof![Just("p"), Just("q")]);
    let labels = option::of(Just(()));
    (0..4_usize, any::<bool>(), principal, labels).prop_map(|(height, is_static, by, labels)| {
        let roles = ["eng", "eng/web", "eng/web/prod"];
        let reservation = |(level, role): (usize, &&str)| {
            let role = Some((*role).to_owned());
            if level == 0 && is_static {
                // Nobody made it, so that it says nothing more.
                let r#type = Some(ReservationType::Static);
                return ReservationInfo { r#type, role, ..ReservationInfo::default() };
            }
            ReservationInfo {
                r#type: Some(ReservationType::Dynamic),
                role,
                principal: by.map(str::to_owned),
                labels: labels.map(|()| {
                    let labels = vec![Label { key: "k".to_owned(), value: Some("v".to_owned()) }];
                    Box::new(Labels { labels })
                }),
            }
        };
        roles.iter().enumerate().take(height).map(reservation).collect()
    })
}

fn source() -> impl Strategy<Value = DiskSource> {
    let root = prop_oneof![Just("/a"), Just("/b")].prop_map(|root: &str| Some(root.to_owned()));
    (any::<bool>(), root).prop_map(|(is_mount, root)| match is_mount {
        true => DiskSource {
            r#type: DiskSourceType::Mount,
            mount: Some(DiskSourceMount { root }),
            ..DiskSource::default()
        },
        false => DiskSource {
            r#type: DiskSourceType::Path,
            path: Some(DiskSourcePath { root }),
            ..DiskSource::default()
        },
    })
}

/// Disks with a source, a persistent volume, or both; volumes may be shared.
fn disk() -> impl Strategy<Value = Resource> {
    let id = option::of(prop_oneof![Just("v1"), Just("v2")]);
    (1..100_u32, option::of(source()), id, any::<bool>()).prop_map(|(size, source, id, shared)| {
        let volume =
            Volume { mode: VolumeMode::Rw, container_path: "data".to_owned(), ..Volume::default() };
        let persistence = id.map(|id: &str| Persistence { id: id.to_owned(), principal: None });
        let is_volume = persistence.is_some();
        let has_disk = is_volume || source.is_some();
        let disk = DiskInfo { volume: persistence.as_ref().map(|_| volume), persistence, source };
        Resource {
            disk: has_disk.then(|| Box::new(disk)),
            shared: (shared && is_volume).then(SharedInfo::default),
            ..Resource::of_scalar("disk", f64::from(size))
        }
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    let amount = prop_oneof![4 => scalar(), 2 => ranges(), 1 => set(), 2 => disk()];
    let role = option::of(prop_oneof![Just("eng"), Just("ops")]);
    (amount, reservations(), role, any::<bool>()).prop_map(|(amount, stack, role, revocable)| {
        Resource {
            reservations: stack,
            allocation_info: role.map(|role: &str| AllocationInfo { role: Some(role.to_owned()) }),
            revocable: (revocable && amount.disk.is_none()).then(RevocableInfo::default),
            ..amount
        }
    })
}

fn sums() -> impl Strategy<Value = Resources> {
    vec(resource(), 0..8).prop_map(Resources::from)
}

/// Sums whose ranges and sets do not overlap those of their partners: of these, sums can be undone.
fn disjoint() -> impl Strategy<Value = (Resources, Resources)> {
    (sums(), sums()).prop_map(|(left, right)| {
        let scalars = right.filter(|one| one.scalar.is_some());
        let ranges = right.filter(|one| one.ranges.is_some());
        let apart = ranges.iter().cloned().map(|mut one| {
            if let Some(ranges) = &mut one.ranges {
                for range in &mut ranges.range {
                    range.begin += 10_000;
                    range.end += 10_000;
                }
            }
            one
        });
        (left, scalars + apart.collect::<Resources>())
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn sums_are_the_same_in_any_order(a in sums(), b in sums(), c in sums()) {
        prop_assert_eq!(&a + &b, &b + &a);
        prop_assert_eq!((&a + &b) + &c, &a + (&b + &c));
        prop_assert_eq!(&a + &Resources::new(), a);
    }

    #[test]
    fn what_is_added_can_be_taken_away((a, b) in disjoint()) {
        let sum = &a + &b;
        prop_assert!(sum.contains(&a) && sum.contains(&b));
        prop_assert_eq!(&sum - &b, a.clone());
        prop_assert_eq!(&sum - &a, b);
        prop_assert!((&a - &sum).is_empty());
    }

    #[test]
    fn what_is_contained_can_be_taken_and_returned(a in sums(), b in sums()) {
        if a.contains(&b) {
            prop_assert_eq!((&a - &b) + &b, a.clone());
        }
        let rest = &a - &b;
        prop_assert!(a.contains(&rest), "{} of {}", rest, a);
    }

    #[test]
    fn containment_is_an_order(a in sums(), b in sums(), c in sums()) {
        prop_assert!(a.contains(&a));
        prop_assert!(a.contains(&Resources::new()));
        if a.contains(&b) && b.contains(&a) {
            prop_assert_eq!(&a, &b);
        }
        let (ab, abc) = (&a + &b, &a + &b + &c);
        prop_assert!(abc.contains(&ab) && ab.contains(&a) && abc.contains(&a));
    }

    #[test]
    fn parts_make_up_the_whole(a in sums()) {
        prop_assert_eq!(a.unreserved() + a.reserved(None), a.clone());
        prop_assert_eq!(a.revocable() + a.nonrevocable(), a.clone());
        prop_assert_eq!(a.shared() + a.nonshared(), a.clone());
        let reserved: Resources = a.reservations().into_values().sum();
        prop_assert_eq!(reserved, a.reserved(None));
        let allocated: Resources = a.allocations().into_values().sum();
        prop_assert_eq!(allocated, a.filter(|one| one.allocation_info.is_some()));
        prop_assert_eq!(Resources::from(a.to_vec()), a);
    }

    #[test]
    fn allocation_can_be_undone(a in sums()) {
        let mut bare = a.clone();
        bare.unallocate();
        let mut allocated = bare.clone();
        allocated.allocate("eng");
        prop_assert_eq!(allocated.quantities(), bare.quantities());
        prop_assert!(allocated.allocations().len() <= 1);
        let mut again = allocated.clone();
        again.unallocate();
        prop_assert_eq!(again, bare);
    }

    #[test]
    fn a_reservation_that_is_pushed_can_be_popped(a in sums()) {
        let refined = ReservationInfo {
            r#type: Some(ReservationType::Dynamic),
            role: Some("eng/web/prod/x".to_owned()),
            ..ReservationInfo::default()
        };
        let pushed = a.push_reservation(&refined);
        prop_assert_eq!(pushed.pop_reservation(), a.clone());
        prop_assert_eq!(pushed.reserved(Some("eng/web/prod/x")), pushed.clone());
        prop_assert_eq!(pushed.to_unreserved(), a.to_unreserved());
        prop_assert!(resources::validate(&pushed.to_vec()).is_ok());
    }

    #[test]
    fn formats_convert_back(a in sums()) {
        prop_assert_eq!(Resources::try_from_list(a.to_endpoint_vec()), Ok(a.clone()));
        let plain = a.filter(|one| one.reservations.len() <= 1);
        prop_assert_eq!(plain.to_plain_vec().map(Resources::from), Ok(plain.clone()));
        prop_assert_eq!(a.to_plain_vec().is_ok(), plain == a);
        prop_assert_eq!(Resources::from(a.to_offer_vec(true, false)), plain);
        prop_assert_eq!(Resources::from(a.to_offer_vec(true, true)), a);
    }

    #[test]
    fn what_is_printed_parses(a in vec(prop_oneof![scalar(), ranges(), set()], 0..6)) {
        let a = Resources::from(a);
        let text = if a.is_empty() { String::new() } else { a.to_string() };
        prop_assert_eq!(Resources::parse(&text, "*"), Ok(a.clone()));
        let reserved = ReservationInfo {
            r#type: Some(ReservationType::Static),
            role: Some("eng".to_owned()),
            ..ReservationInfo::default()
        };
        prop_assert_eq!(Resources::parse(&text, "eng"), Ok(a.push_reservation(&reserved)));
        let json = mesos::json::to_string(&a.to_vec());
        prop_assert_eq!(Resources::parse(&json, "*"), Ok(a));
    }

    #[test]
    fn quantities_follow_sums((a, b) in disjoint()) {
        // Copies of a shared volume count once, so that their sums are less.
        let (a, b) = (a.nonshared(), b.nonshared());
        let (left, right) = (a.quantities(), b.quantities());
        prop_assert_eq!((&a + &b).quantities(), left.clone() + &right);
        prop_assert_eq!(left.clone() + &right - &right, left.clone());
        prop_assert!((left.clone() + &right).contains(&left));
        prop_assert_eq!(left.contains(&right), (right.clone() - &left).is_empty());
        prop_assert!(left.contains(&left.min(&right)) && right.contains(&left.min(&right)));
        let sums: [&Quantities; 2] = [&left, &right];
        prop_assert_eq!(sums.into_iter().sum::<Quantities>(), left + &right);
    }

    #[test]
    fn ranges_are_sets_of_integers(
        left in vec((0..60_u64, 0..9_u64), 0..6),
        right in vec((0..60_u64, 0..9_u64), 0..6),
    ) {
        let of = |pairs: &[(u64, u64)]| -> Ranges {
            pairs.iter().map(|(begin, size)| (*begin, begin + size)).collect()
        };
        let holds = |ranges: &Ranges, integer: u64| {
            ranges.range.iter().any(|range| (range.begin..=range.end).contains(&integer))
        };
        let (left, right) = (of(&left), of(&right));
        let mut sum = left.clone();
        sum.add(&right);
        let mut difference = left.clone();
        difference.subtract(&right);
        for integer in 0..80 {
            let (in_left, in_right) = (holds(&left, integer), holds(&right, integer));
            prop_assert_eq!(holds(&sum, integer), in_left || in_right);
            prop_assert_eq!(holds(&difference, integer), in_left && !in_right);
        }
        let contained = (0..80).all(|one| holds(&left, one) || !holds(&right, one));
        prop_assert_eq!(left.contains(&right), contained);
        prop_assert_eq!(sum.count(), (0..80).filter(|one| holds(&sum, *one)).count() as u64);
        prop_assert!(sum.range.windows(2).all(|pair| pair[0].end + 1 < pair[1].begin));
    }
}
