//! A framework has at most one stream, and no two frameworks share one.

use std::collections::BTreeSet;

use master_core::snapshot::Snapshot;

use super::violated;
use crate::world::World;

pub fn check(snapshot: &Snapshot, world: &World) -> Result<(), String> {
    let mut connections = BTreeSet::new();
    for framework in snapshot.frameworks.values() {
        let Some(stream) = &framework.stream else { continue };
        if !connections.insert(stream.connection) {
            let what = format!("{:?} is used by two frameworks", stream.connection);
            return violated("one_stream_per_framework", what);
        }
        if !world.master.streams.contains_key(&stream.connection) {
            let what =
                format!("{} speaks on {:?}, which is closed", framework.id, stream.connection);
            return violated("one_stream_per_framework", what);
        }
    }
    Ok(())
}
