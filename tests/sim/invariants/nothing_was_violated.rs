//! What was seen on the way and may not be: see the callers of [`World::violate`].

use crate::world::World;

pub fn check(world: &World) -> Result<(), String> {
    match world.history.violations.first() {
        None => Ok(()),
        Some((invariant, what)) => super::violated(invariant, what.clone()),
    }
}
