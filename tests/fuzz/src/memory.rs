//! An allocator that counts, and a bound on what a reader may take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes on to the system's allocator as it came; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above; what is given back came from the system's allocator.
        unsafe { System.dealloc(place, layout) }
    }
}

/// What any reader may take, whatever its input: buffers of a fixed size.
const BASE_BYTES: usize = 256 << 10;

/// Runs `read`, which may hold at most `factor` octets at a time for each octet of its input.
///
/// # Panics
/// When it held more.
pub fn bounded<T>(input: &[u8], factor: usize, read: impl FnOnce() -> T) -> T {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let value = read();
    let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    let limit = BASE_BYTES + factor * input.len();
    assert!(
        taken <= limit,
        "{} octets took {taken} octets of memory, more than {limit}",
        input.len()
    );
    value
}
