//! The registry on disk: what was written is there, and damage is noticed.

use std::sync::Arc;

use mesos::agent::AgentInfo;
use mesos::time::TimeInfo;

use super::*;

fn agent(number: usize) -> Arc<AgentInfo> {
    let id = AgentId::from(format!("M-S{number}"));
    Arc::new(AgentInfo { id: Some(id), hostname: format!("h{number}"), ..AgentInfo::default() })
}

fn admit(number: usize) -> Operation {
    Operation::AdmitAgent { info: agent(number) }
}

fn lose(number: usize) -> Operation {
    let timestamp = TimeInfo { nanoseconds: 1_000 };
    Operation::MarkUnreachable { id: AgentId::from(format!("M-S{number}")), timestamp }
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open(folder.path()).unwrap();
    assert_eq!(store.fetch().unwrap(), Registry::default());
    let groups = [vec![admit(0), admit(1)], vec![admit(2)], vec![lose(1)]];
    let outcomes = store.write(&groups).unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    let gone = Operation::MarkGone { id: "M-S2".into(), timestamp: TimeInfo { nanoseconds: 5 } };
    store.write(&[vec![gone]]).unwrap();
    let written = store.registry.clone();
    assert_eq!(written.agents.len(), 1);
    drop(store);
    let mut store = DiskStore::open(folder.path()).unwrap();
    assert_eq!(store.fetch().unwrap(), written);
    assert_eq!(written.unreachable[&AgentId::from("M-S1")].timestamp.nanoseconds, 1_000);
    assert_eq!(written.agents[&AgentId::from("M-S0")].info.hostname, "h0");
    assert!(store.size_bytes() > 0);
}

#[test]
fn a_group_is_done_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open(folder.path()).unwrap();
    store.fetch().unwrap();
    let groups = [vec![admit(0)], vec![admit(1), admit(0)], vec![admit(2)]];
    let outcomes = store.write(&groups).unwrap();
    assert_eq!(outcomes[0], Ok(()));
    assert_eq!(outcomes[1], Err("agent M-S0 is already admitted".to_owned()));
    assert_eq!(outcomes[2], Ok(()));
    drop(store);
    let registry = DiskStore::open(folder.path()).unwrap().fetch().unwrap();
    let ids: Vec<String> = registry.agents.keys().map(ToString::to_string).collect();
    assert_eq!(ids, ["M-S0", "M-S2"]);
}

#[test]
fn maintenance_is_there_after_reopening() {
    use master_core::maintenance::{Change, MachineKey};
    use mesos::agent::{MachineId, MachineMode};
    use mesos::maintenance::{Schedule, Window};
    use mesos::offer::Unavailability;

    let folder = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open(folder.path()).unwrap();
    store.fetch().unwrap();
    let machine = |hostname: &str| MachineId { hostname: Some(hostname.to_owned()), ip: None };
    let unavailability = Unavailability { start: TimeInfo { nanoseconds: 9 }, duration: None };
    let machine_ids = vec![machine("A"), machine("b")];
    let schedule = Schedule { windows: vec![Window { machine_ids, unavailability }] };
    let changes = [Change::Schedule(schedule), Change::Down(vec![machine("a")])];
    let groups = changes.map(|change| vec![Operation::Maintain(change)]);
    assert!(store.write(&groups).unwrap().iter().all(Result::is_ok));
    let written = store.registry.clone();
    drop(store);
    let mut store = DiskStore::open(folder.path()).unwrap();
    assert_eq!(store.fetch().unwrap(), written);
    let maintenance = written.maintenance.unwrap();
    assert_eq!(maintenance.mode(&MachineKey::from(&machine("a"))), MachineMode::Down);
    assert_eq!(maintenance.mode(&MachineKey::from(&machine("B"))), MachineMode::Draining);
    let up = vec![Operation::Maintain(Change::Up(vec![machine("b")]))];
    let outcome = store.write(&[up]).unwrap().remove(0);
    assert_eq!(outcome, Err("machine b is DRAINING, not DOWN".to_owned()));
}

#[test]
fn weights_are_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open(folder.path()).unwrap();
    store.fetch().unwrap();
    for weights in [vec![("a", 2.0), ("b", 0.5)], vec![("a", 3.0)]] {
        let weights = weights.into_iter().map(|(role, weight)| (role.to_owned(), weight));
        let weights = weights.collect();
        store.write(&[vec![Operation::UpdateWeights { weights }]]).unwrap();
    }
    drop(store);
    let registry = DiskStore::open(folder.path()).unwrap().fetch().unwrap();
    let weights: Vec<_> = registry.weights.into_iter().collect();
    assert_eq!(weights, [("a".to_owned(), 3.0), ("b".to_owned(), 0.5)]);
}

#[test]
fn one_master_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let _first = DiskStore::open(folder.path()).unwrap();
    let second = DiskStore::open(folder.path()).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "{second}");
    assert!(second.to_string().contains("another master runs"), "{second}");
}

#[test]
fn a_file_that_is_no_registry_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("registry.redb"), b"hello, this is no registry").unwrap();
    let error = DiskStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("registry.redb' is corrupt"), "{error}");
}

#[test]
fn a_damaged_record_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open(folder.path()).unwrap();
    store.fetch().unwrap();
    store.write(&[vec![admit(0)]]).unwrap();
    {
        let transaction = store.database.begin_write().unwrap();
        {
            let mut table = transaction.open_table(TABLE).unwrap();
            let mut value = table.get("agents/M-S0").unwrap().unwrap().value().to_vec();
            *value.last_mut().unwrap() ^= 1;
            table.insert("agents/M-S0", &value[..]).unwrap();
        }
        transaction.commit().unwrap();
    }
    let error = store.fetch().unwrap_err().to_string();
    assert!(error.contains("record 'agents/M-S0' has a wrong checksum"), "{error}");
}

#[test]
fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open(folder.path()).unwrap();
    let transaction = store.database.begin_write().unwrap();
    transaction.open_table(TABLE).unwrap().insert(FORMAT_KEY, &[9][..]).unwrap();
    transaction.commit().unwrap();
    let error = store.fetch().unwrap_err();
    assert!(matches!(error, StoreError::Format { found: 9, known: FORMAT, .. }), "{error:?}");
}
