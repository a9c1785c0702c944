//! The books of the cache: which files it holds, who uses them, how much room is left (FE-03).
//!
//! ```text
//!   create ─▶ EXPECTED ── claim ──▶ CLAIMED ── complete ──▶ READY ── the least recently used
//!                │                     │                      │       is evicted
//!                └────── fail ─────────┴──▶ (forgotten) ◀─────┘
//! ```
//!
//! A file that somebody uses is never evicted. What fails is forgotten at once, so that the next
//! who asks starts anew.

use std::collections::BTreeMap;

/// Names a file of the cache, for good: no number is ever used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// Whose file it is, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The user, if one was named. Users never share files.
    pub user: Option<String>,
    /// The URI as it was written.
    pub uri: String,
}

/// Where a file of the cache lies: in the folder of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheFile {
    /// The user, if one was named.
    pub user: Option<String>,
    /// The name of the file.
    pub name: String,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Could not free up enough fetcher cache space")]
pub struct NoRoom;

/// How many files are kept at most: with files of few octets the room would never be used up.
pub const MAX_FILES: usize = 10_000;

/// The longest part of a URI's name that is in the name of the file.
const NAME_CHARACTERS: usize = 20;

#[derive(Debug)]
struct Entry {
    key: Key,
    name: String,
    /// The room that was claimed for it.
    size_bytes: u64,
    references: usize,
    ready: bool,
    /// Its place among those that were used.
    used: u64,
}

/// The books of a cache.
#[derive(Debug)]
pub struct Cache {
    space_bytes: u64,
    used_bytes: u64,
    serial: u64,
    uses: u64,
    entries: BTreeMap<EntryId, Entry>,
    by_key: BTreeMap<Key, EntryId>,
    by_use: BTreeMap<u64, EntryId>,
}

impl Cache {
    /// An empty cache with this much room.
    pub fn new(space_bytes: u64) -> Self {
        Self {
            space_bytes,
            used_bytes: 0,
            serial: 0,
            uses: 0,
            entries: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_use: BTreeMap::new(),
        }
    }

    /// All the room that there is.
    pub fn space_bytes(&self) -> u64 {
        self.space_bytes
    }

    /// The room that is taken or claimed.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Whether nothing is known of the file.
    pub fn is_forgotten(&self, id: EntryId) -> bool {
        !self.entries.contains_key(&id)
    }

    /// Whether the file is there.
    pub fn is_ready(&self, id: EntryId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.ready)
    }

    /// Where the file lies.
    pub fn file(&self, id: EntryId) -> Option<CacheFile> {
        let entry = self.entries.get(&id)?;
        Some(CacheFile { user: entry.key.user.clone(), name: entry.name.clone() })
    }

    /// The file of a key, which is used from now on.
    pub fn find(&mut self, key: &Key) -> Option<EntryId> {
        let id = *self.by_key.get(key)?;
        self.reference(id);
        Some(id)
    }

    /// Another use of a file.
    pub fn reference(&mut self, id: EntryId) {
        self.uses += 1;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.references += 1;
            self.by_use.remove(&entry.used);
            entry.used = self.uses;
            self.by_use.insert(self.uses, id);
        }
    }

    /// The end of a use.
    pub fn release(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.references = entry.references.saturating_sub(1);
        }
    }

    /// Expects a file, which is used from now on. `basename` is for those who look into the folder
    /// and for what depends on the ending.
    pub fn create(&mut self, key: Key, basename: &str) -> EntryId {
        self.serial += 1;
        let id = EntryId(self.serial);
        let name = format!("c{}-{}", self.serial, shorten(basename));
        self.by_key.insert(key.clone(), id);
        // No use has the number 0.
        let entry = Entry { key, name, size_bytes: 0, references: 0, ready: false, used: 0 };
        self.entries.insert(id, entry);
        self.reference(id);
        id
    }

    /// Claims room for a file that is expected. What had to go for it has to be removed.
    ///
    /// # Errors
    /// What could go is not enough. Nothing was changed then.
    pub fn claim(&mut self, id: EntryId, size_bytes: u64) -> Result<Vec<CacheFile>, NoRoom> {
        let free = self.space_bytes.saturating_sub(self.used_bytes);
        let mut missing = size_bytes.saturating_sub(free);
        let mut surplus = self.entries.len().saturating_sub(MAX_FILES);
        let mut victims = Vec::new();
        for id in self.by_use.values() {
            if missing == 0 && surplus == 0 {
                break;
            }
            let Some(entry) = self.entries.get(id).filter(|entry| entry.references == 0) else {
                continue;
            };
            missing = missing.saturating_sub(entry.size_bytes);
            surplus = surplus.saturating_sub(1);
            victims.push(*id);
        }
        if missing > 0 || surplus > 0 {
            return Err(NoRoom);
        }
        let removed = victims.into_iter().filter_map(|victim| self.forget(victim)).collect();
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.size_bytes = size_bytes;
            self.used_bytes += size_bytes;
        }
        Ok(removed)
    }

    /// The file is there, this large. False if it is larger than was claimed: then it must not
    /// stay, since the room for it is not there.
    #[must_use]
    pub fn complete(&mut self, id: EntryId, size_bytes: u64) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else { return false };
        if size_bytes > entry.size_bytes {
            return false;
        }
        self.used_bytes -= entry.size_bytes - size_bytes;
        entry.size_bytes = size_bytes;
        entry.ready = true;
        true
    }

    /// Forgets a file and gives its room back. What there is of it has to be removed.
    pub fn forget(&mut self, id: EntryId) -> Option<CacheFile> {
        let entry = self.entries.remove(&id)?;
        self.by_key.remove(&entry.key);
        self.by_use.remove(&entry.used);
        self.used_bytes -= entry.size_bytes;
        Some(CacheFile { user: entry.key.user, name: entry.name })
    }
}

/// A name that is not too long, with its ending.
fn shorten(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= NAME_CHARACTERS {
        return name.to_owned();
    }
    let half = NAME_CHARACTERS / 2;
    let start = characters.iter().take(half);
    let end = characters.iter().skip(characters.len() - half);
    start.chain(['_'].iter()).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(uri: &str) -> Key {
        Key { user: None, uri: uri.to_owned() }
    }

    fn put(cache: &mut Cache, uri: &str, size: u64) -> EntryId {
        let id = cache.create(key(uri), uri);
        cache.claim(id, size).unwrap();
        assert!(cache.complete(id, size));
        cache.release(id);
        id
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(30);
        let (a, b, c) =
            (put(&mut cache, "a", 10), put(&mut cache, "b", 10), put(&mut cache, "c", 10));
        assert_eq!(cache.find(&key("a")), Some(a));
        cache.release(a);
        let d = cache.create(key("d"), "d");
        let gone = cache.claim(d, 15).unwrap();
        assert_eq!(gone.iter().map(|file| &*file.name).collect::<Vec<_>>(), ["c2-b", "c3-c"]);
        assert!(cache.is_forgotten(b) && cache.is_forgotten(c) && cache.is_ready(a));
        assert_eq!(cache.used_bytes(), 25);
    }

    #[test]
    fn what_is_used_stays() {
        let mut cache = Cache::new(20);
        let a = put(&mut cache, "a", 20);
        cache.reference(a);
        let b = cache.create(key("b"), "b");
        assert_eq!(cache.claim(b, 1), Err(NoRoom));
        assert!(cache.is_ready(a));
        cache.release(a);
        assert_eq!(cache.claim(b, 21), Err(NoRoom), "larger than the cache");
        assert!(cache.is_ready(a), "nothing goes for nothing");
        assert_eq!(cache.claim(b, 20).unwrap().len(), 1);
    }

    #[test]
    fn sizes_that_were_wrong_are_put_right() {
        let mut cache = Cache::new(100);
        let a = cache.create(key("a"), "a");
        cache.claim(a, 50).unwrap();
        assert!(!cache.complete(a, 51));
        assert!(cache.complete(a, 30));
        assert_eq!(cache.used_bytes(), 30);
        cache.forget(a);
        assert_eq!(cache.used_bytes(), 0);
    }

    #[test]
    fn users_do_not_share() {
        let mut cache = Cache::new(100);
        put(&mut cache, "a", 1);
        let other = Key { user: Some("x".to_owned()), uri: "a".to_owned() };
        assert_eq!(cache.find(&other), None);
    }

    #[test]
    fn small_files_do_not_pile_up() {
        let mut cache = Cache::new(u64::MAX);
        for number in 0..MAX_FILES + 5 {
            put(&mut cache, &format!("u{number}"), 1);
        }
        assert_eq!(cache.entries.len(), MAX_FILES);
        assert_eq!(cache.by_use.len(), MAX_FILES);
    }

    #[test]
    fn names_are_short_and_keep_their_endings() {
        assert_eq!(shorten("short.tar.gz"), "short.tar.gz");
        assert_eq!(shorten("a-very-long-name-indeed.tar.gz"), "a-very-lon_eed.tar.gz");
        assert_eq!(shorten(&"ü".repeat(30)).chars().count(), 21);
    }
}
